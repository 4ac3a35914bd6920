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
    // Several epochs, what was discarded, and one row for all that changes with every report.
    "
CREATE TABLE kept (
    place INTEGER PRIMARY KEY,
    chapter INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    kind TEXT NOT NULL,
    bytes INTEGER NOT NULL, -- of the report as JSON
    body ANY NOT NULL       -- the same, deflated; as text where an earlier version wrote it
) STRICT;
INSERT INTO kept SELECT sequence, 1, sequence, rank,
    coalesce(CASE WHEN json_valid(body) THEN json_extract(body, '$.body.kind') END, 'unknown'), length(body), body
    FROM report;
DROP TABLE report;
ALTER TABLE kept RENAME TO report;
CREATE TABLE lost (
    chapter INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    reason TEXT NOT NULL,
    kinds TEXT NOT NULL,
    PRIMARY KEY (chapter, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE one (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    state TEXT NOT NULL
) STRICT;
INSERT INTO one SELECT 1, json_object('next_place', next_sequence, 'acknowledged_place', acknowledged,
    'known_time', known_time, 'chapters', json_array(json_object('number', 1, 'epoch', epoch,
    'next', next_sequence, 'acknowledged', acknowledged))) FROM meta;
DROP TABLE meta;
ALTER TABLE one RENAME TO meta;
ALTER TABLE journal RENAME COLUMN outcome_sequence TO outcome_place;
ALTER TABLE asked RENAME COLUMN sequence TO place;
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

/// Refuses a file of another format, which cannot be brought to the present one without writing.
pub(super) fn must_be_present(db: &Connection) -> Result<(), OutboxError> {
    let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found == known { Ok(()) } else { Err(OutboxError::OtherFormat { found, known }) }
}

/// An empty database of the present format, in memory.
pub(super) fn in_memory() -> Result<Connection, OutboxError> {
    let mut db = Connection::open_in_memory()?;
    migrate(&mut db)?;
    Ok(db)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A version of the agent that does not prove itself is gone back from, and the one before has to read the outbox that
    /// it left: it refuses a later format, and then no version would run. So a version that brings the file to another
    /// format must not be one that can be gone back from. It takes two releases: the first reads the new format and writes
    /// the present one; once nobody goes back to what was before it, the second brings the file over. Change this number
    /// only with that second one.
    #[test]
    fn the_format_is_the_one_that_every_version_reads_to_which_an_update_may_go_back() {
        assert_eq!(MIGRATIONS.len(), 3);
        let db = in_memory().unwrap();
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        assert_eq!(version, 3);
        for (table, columns) in [
            ("alerts", "only_one state"),
            ("asked", "number place asked"),
            ("journal", "number command_id command outcome outcome_place"),
            ("lost", "chapter first last reason kinds"),
            ("meta", "only_one state"),
            ("past", "name state"),
            ("report", "place chapter sequence rank kind bytes body"),
            ("setting", "name value origin"),
        ] {
            let all = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
            assert_eq!(all.column_names().collect::<Vec<_>>().join(" "), columns, "{table}");
        }
        let tables: i64 = db
            .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(tables, 8);
    }
}
