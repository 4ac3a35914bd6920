//! Opens the file, or sets it aside and begins a new one.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use jiff::Timestamp;
use platen_protocol::identity::Epoch;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _};

use super::evict::{Held, Rank};
use super::late::LateList;
use super::memory::{self, Remembered};
use super::{FILE_NAME, Outbox, OutboxConfig, OutboxError, aside, from_db, schema, to_db};
use crate::dice;

/// Random bytes in an epoch's name: enough that no two lives of a fleet share one.
const EPOCH_BYTES: usize = 8;
/// SQLite's page cache; an outbox is written more than it is read.
const CACHE_KIB: i64 = 128;
/// Pages in the write-ahead log before they are brought over: 1 MiB.
const CHECKPOINT_PAGES: i64 = 256;

/// Opens the outbox in a state directory, with what the agent is to remember. A corrupt file is set aside, with
/// a line in the log, and a new epoch begins.
pub fn open(directory: &Path, limits: OutboxConfig) -> Result<(Outbox, Remembered), OutboxError> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(cannot_create(directory))?;
    let file = directory.join(FILE_NAME);
    match open_file(&file, limits) {
        Err(cause) if cause.is_corruption() => {
            let target = aside::set_aside(&file).map_err(OutboxError::Aside)?;
            tracing::error!(
                kept_as = %target.display(),
                "the outbox was corrupt ({cause}): it is set aside, what waited in it is lost, a new epoch begins"
            );
            open_file(&file, limits)
        }
        opened => opened,
    }
}

fn open_file(file: &Path, limits: OutboxConfig) -> Result<(Outbox, Remembered), OutboxError> {
    make_private(file).map_err(cannot_create(file))?;
    let mut db = Connection::open(file)?;
    configure(&db)?;
    let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(OutboxError::Sqlite(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            Some(verdict),
        )));
    }
    schema::migrate(&mut db)?;
    load(db, limits)
}

fn cannot_create(at: &Path) -> impl FnOnce(std::io::Error) -> OutboxError {
    let at = at.to_owned();
    move |source| OutboxError::Create { at, source }
}

/// What a person wrote in a service call is nobody else's business on this machine. SQLite gives the
/// write-ahead log the same rights.
fn make_private(file: &Path) -> std::io::Result<()> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(file)?;
    Ok(())
}

fn configure(db: &Connection) -> Result<(), OutboxError> {
    // Exclusive: no shared-memory file beside a WAL that only we read, and no second agent on it.
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    match db.pragma_update(None, "journal_mode", "WAL") {
        Err(cause) if cause.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
            return Err(OutboxError::Busy);
        }
        other => other?,
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    Ok(())
}

fn load(db: Connection, limits: OutboxConfig) -> Result<(Outbox, Remembered), OutboxError> {
    let meta = db
        .query_row("SELECT epoch, next_sequence, acknowledged, known_time FROM meta", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get::<_, Option<i64>>(3)?))
        })
        .optional()?;
    let (epoch, next, acknowledged, known_time) = match meta {
        Some((epoch, next, acknowledged, known_time)) => (epoch.parse()?, next, acknowledged, known_time),
        None => (begin(&db)?, 1, 0, None),
    };
    let mut held = std::collections::BTreeMap::new();
    {
        let mut rows = db.prepare("SELECT sequence, rank, length(body) FROM report WHERE sequence > ?1")?;
        let mut rows = rows.query([acknowledged])?;
        while let Some(row) = rows.next()? {
            let report = Held { rank: Rank::from_db(row.get(1)?), bytes: from_db(row.get(2)?) };
            held.insert(from_db(row.get(0)?), report);
        }
    }
    let remembered = memory::load(&db, &epoch)?;
    let known_time = known_time.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let acknowledged = from_db(acknowledged);
    let late = LateList::load(&db, acknowledged, known_time)?;
    let outbox =
        Outbox { db, epoch, next: from_db(next), acknowledged, held, limits, known_time, given_up: 0, late };
    Ok((outbox, remembered))
}

fn begin(db: &Connection) -> Result<Epoch, OutboxError> {
    let epoch = new_epoch()?;
    db.execute(
        "INSERT INTO meta (only_one, epoch, next_sequence, acknowledged) VALUES (1, ?1, 1, 0)",
        [epoch.as_str()],
    )?;
    Ok(epoch)
}

fn new_epoch() -> Result<Epoch, OutboxError> {
    Ok(dice::hex(&dice::bytes::<EPOCH_BYTES>()?).parse()?)
}

impl Outbox {
    /// Gives everything that waits new sequences in a new epoch: for when the manager knows the present
    /// epoch otherwise than this file does, as after an old copy of the disk was put back.
    pub fn begin_epoch(&mut self) -> Result<(), OutboxError> {
        let epoch = new_epoch()?;
        let change = self.db.transaction()?;
        change.execute("DELETE FROM report WHERE sequence <= ?1", [to_db(self.acknowledged)])?;
        let sequences: Vec<u64> = self.held.keys().copied().collect();
        let mut held = std::collections::BTreeMap::new();
        let mut numbers = std::collections::BTreeMap::new();
        for (old, new) in sequences.iter().zip(1_u64..) {
            let body: String =
                change.query_row("SELECT body FROM report WHERE sequence = ?1", [to_db(*old)], |row| {
                    row.get(0)
                })?;
            let mut report: platen_protocol::device_to_manager::Report = serde_json::from_str(&body)?;
            report.sequence = new;
            let body = serde_json::to_string(&report)?;
            // Rising order and new <= old: the new number is always free.
            change.execute(
                "UPDATE report SET sequence = ?1, body = ?2 WHERE sequence = ?3",
                (to_db(new), &body, to_db(*old)),
            )?;
            held.insert(new, Held { rank: Rank::of(&report.body), bytes: body.len() as u64 });
            numbers.insert(*old, new);
        }
        let next = held.len() as u64 + 1;
        change.execute(
            "UPDATE meta SET epoch = ?1, next_sequence = ?2, acknowledged = 0",
            (epoch.as_str(), to_db(next)),
        )?;
        // Sequences of the old epoch say nothing any more: such outcomes are made again when asked.
        change.execute("UPDATE journal SET outcome_sequence = 0 WHERE outcome_sequence IS NOT NULL", [])?;
        let mut late = self.late.clone();
        late.renumber(&change, |old| numbers.get(&old).copied())?;
        change.commit()?;
        late.written();
        (self.epoch, self.next, self.acknowledged, self.held) = (epoch, next, 0, held);
        self.late = late;
        Ok(())
    }
}
