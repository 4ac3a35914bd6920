//! The format of the file, by version. A migration that was released is never edited.

use rusqlite::Connection;

use super::OutboxError;

/// One after the other.
pub(super) const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE meta (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    epoch TEXT NOT NULL,
    next_sequence INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL,
    known_time INTEGER
) STRICT;
CREATE TABLE report (
    sequence INTEGER PRIMARY KEY,
    rank INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE TABLE alerts (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    state TEXT NOT NULL
) STRICT;
CREATE TABLE journal (
    number INTEGER PRIMARY KEY,
    command_id TEXT NOT NULL UNIQUE,
    command TEXT NOT NULL,
    outcome TEXT,
    outcome_sequence INTEGER
) STRICT;
",
    "
CREATE TABLE asked (
    number INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    asked TEXT NOT NULL
) STRICT;
CREATE TABLE past (
    name TEXT PRIMARY KEY CHECK (name IN ('present', 'unreadable')),
    state TEXT NOT NULL
) STRICT;
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL,
    origin TEXT NOT NULL
) STRICT;
",
];

/// Brings the file to the present format.
pub(super) fn migrate(db: &mut Connection) -> Result<(), OutboxError> {
    let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(OutboxError::Newer { found, known });
    }
    let missing = MIGRATIONS.iter().zip(1_i64..).skip(usize::try_from(found).unwrap_or(0));
    for (migration, version) in missing {
        let change = db.transaction()?;
        change.execute_batch(migration)?;
        change.pragma_update(None, "user_version", version)?;
        change.commit()?;
    }
    Ok(())
}
