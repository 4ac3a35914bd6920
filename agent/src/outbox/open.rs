//! Opens the file, or sets it aside and begins a new one.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::disk::DiskTrouble;
use super::memory::{self, Remembered};
use super::replace::Salvage;
use super::state::State;
use super::{FILE_NAME, Outbox, OutboxConfig, OutboxError, aside, schema};

/// SQLite's page cache; an outbox is written more than it is read.
const CACHE_KIB: i64 = 128;
/// Bytes of a page: a report, deflated, fits into one, and little else is written with it.
const PAGE_BYTES: i64 = 2048;
/// Pages in the write-ahead log before they are brought over: 128 KiB. A log that is written over again costs the
/// file system nothing; one that grows has its journal written with every commit.
const CHECKPOINT_PAGES: i64 = 64;

/// Opens the outbox in a state directory, with what the agent is to remember. A corrupt file is set aside, with
/// a line in the log, and a new epoch begins with what could be read of it. While the directory cannot be
/// used, the outbox is in memory.
pub fn open(directory: &Path, limits: OutboxConfig) -> Result<(Outbox, Remembered), OutboxError> {
    let file = directory.join(FILE_NAME);
    let opened = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(cannot_create(directory))
        .and_then(|()| open_file(&file, limits));
    let opened = match opened {
        Err(cause) if cause.is_corruption() => Salvage::from_file(&file).into_new_file(&file, limits, &cause),
        other => other,
    };
    let outbox = match opened {
        Err(cause) => {
            let Some(fault) = cause.fault() else { return Err(cause) };
            Outbox::begin_in_memory(&file, limits, DiskTrouble::new(&file, fault, &cause))?
        }
        Ok(outbox) => outbox,
    };
    let remembered = outbox.remembered.clone();
    Ok((outbox, remembered))
}

fn open_file(file: &Path, limits: OutboxConfig) -> Result<Outbox, OutboxError> {
    Outbox::load(on_disk(file)?, file, limits)
}

impl Outbox {
    /// With all that an open file holds.
    pub(super) fn load(db: Connection, file: &Path, limits: OutboxConfig) -> Result<Self, OutboxError> {
        let state = State::load(&db)?;
        let remembered = memory::load(&db, &state.open.epoch)?;
        Ok(Self::around(db, state, remembered, file, limits))
    }

    /// Around what is known of a file: on the disk.
    pub(super) fn around(
        db: Connection,
        state: State,
        remembered: Remembered,
        file: &Path,
        limits: OutboxConfig,
    ) -> Self {
        let file = file.to_owned();
        Self { db, state, limits, given_up: 0, file, remembered, memory: None, past_written: None }
    }
}

/// Opens the file to write to it, makes it if there is none, looks whether it is whole, and brings it to the
/// present format.
pub(super) fn on_disk(file: &Path) -> Result<Connection, OutboxError> {
    let mut db = connect(file)?;
    let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(OutboxError::Sqlite(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            Some(verdict),
        )));
    }
    schema::migrate(&mut db)?;
    Ok(db)
}

/// The same without a look at what is in it.
pub(super) fn connect(file: &Path) -> Result<Connection, OutboxError> {
    make_private(file).map_err(cannot_create(file))?;
    let db = Connection::open(file)?;
    configure(&db)?;
    Ok(db)
}

/// Opens a file of the present format that cannot be written to.
pub(super) fn to_read(file: &Path) -> Result<Connection, OutboxError> {
    let log = std::fs::metadata(aside::with_suffix(file, "-wal"));
    let db = if log.is_ok_and(|log| log.len() > 0) {
        let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        // Without it SQLite wants to make a file for the index of the write-ahead log.
        db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        db
    } else {
        // What has no log beside it is whole, and SQLite need not make one.
        let address = format!("file:{}?immutable=1", percent(&file.to_string_lossy()));
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        Connection::open_with_flags(address, flags)?
    };
    schema::must_be_present(&db)?;
    Ok(db)
}

/// What would mean something in an address.
fn percent(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3f").replace('#', "%23")
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
    // Of a new file; an older one stays as it is.
    db.pragma_update(None, "page_size", PAGE_BYTES)?;
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
