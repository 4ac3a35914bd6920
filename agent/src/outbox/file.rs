//! Opens the file, and sets one that is corrupt aside: it is evidence, kept within a limit.

use std::ffi::OsString;
use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{OutboxError, schema};

/// SQLite's page cache; an outbox is written more than it is read.
const CACHE_KIB: i64 = 128;
/// Bytes of a page: a report, deflated, fits into one, and little else is written with it.
const PAGE_BYTES: i64 = 2048;
/// Pages in the write-ahead log before they are brought over: 128 KiB. A log that is written over again costs the
/// file system nothing; one that grows has its journal written with every commit.
const CHECKPOINT_PAGES: i64 = 64;
/// Bytes that the log keeps at most once it was brought over: one large transaction, such as the write-back after
/// a time in memory, would else leave it as large for ever. Nobody else can read this file and hold its log up.
pub(super) const LOG_BYTES: i64 = 4 * CHECKPOINT_PAGES * PAGE_BYTES;

/// Makes the directory, for nobody else to look into.
pub(super) fn make_directory(directory: &Path) -> Result<(), OutboxError> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(cannot_create(directory))
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
    let log = std::fs::metadata(with_suffix(file, "-wal"));
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

fn cannot_create(at: &Path) -> impl FnOnce(io::Error) -> OutboxError {
    let at = at.to_owned();
    move |source| OutboxError::Create { at, source }
}

/// What a person wrote in a service call is nobody else's business on this machine. SQLite gives the
/// write-ahead log the same rights.
fn make_private(file: &Path) -> io::Result<()> {
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
    db.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    Ok(())
}

/// So many corrupt files are kept; the oldest goes first, for the disk is small.
pub(super) const MAX_SET_ASIDE: usize = 3;

/// Renames the file and its write-ahead log to `….corrupt-N`, N rising, and returns the new name.
pub(super) fn quarantine(file: &Path) -> io::Result<PathBuf> {
    let mut numbers = numbers(file)?;
    let number = numbers.last().map_or(1, |last| last + 1);
    let target = with_suffix(file, &format!(".corrupt-{number}"));
    std::fs::rename(file, &target)?;
    let log = with_suffix(file, "-wal");
    if log.exists() {
        std::fs::rename(&log, with_suffix(&target, "-wal"))?;
    }
    remove_if_there(&with_suffix(file, "-shm"))?;
    numbers.push(number);
    let too_many = numbers.len().saturating_sub(MAX_SET_ASIDE);
    for old in numbers.into_iter().take(too_many) {
        let old = with_suffix(file, &format!(".corrupt-{old}"));
        remove_if_there(&old)?;
        remove_if_there(&with_suffix(&old, "-wal"))?;
    }
    Ok(target)
}

fn numbers(file: &Path) -> io::Result<Vec<u32>> {
    let directory = file.parent().unwrap_or(Path::new("."));
    let prefix =
        file.file_name().map(|name| format!("{}.corrupt-", name.to_string_lossy())).unwrap_or_default();
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        numbers.extend(name.to_string_lossy().strip_prefix(&prefix).and_then(|n| n.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

pub(super) fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(suffix);
    name.into()
}

fn remove_if_there(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}
