//! What the manager knows for good. Nothing outside this folder speaks SQL.
//!
//! A [`Store`] is a handle with one async method for each thing the manager wants; another engine can
//! stand behind the same methods, and the suite in `tests/store/` is written over the handle. Behind
//! it now is SQLite: one thread owns the writing connection and commits what waits as one group
//! ([`writer`]), two more connections read ([`readers`]), the tables come from frozen migrations
//! ([`migrate`]), and every statement has its name in [`statements`]. The write-ahead log is kept within
//! its limits ([`log`]).

mod alerts;
mod clones;
mod commands;
mod damage;
mod dates;
mod devices;
mod enrolment;
mod health;
mod identities;
mod ingest;
mod latest;
mod lists;
mod log;
mod migrate;
mod open;
mod operators;
mod orders;
mod readers;
mod records;
mod replacements;
mod statements;
mod watches;
mod writer;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, params};

pub use clones::CloneRecord;
pub use commands::{CommandRefusal, MAX_OPEN_COMMANDS};
pub use enrolment::{Enrolment, NewToken, TokenRefusal};
pub use health::{Health, LogState, Trouble, TroubleCause};
pub use identities::{
    Certificate, CertificateUse, Changed, IdentityChange, IdentityEntry, Standing, Superseded,
};
pub use ingest::{Ingest, IngestRefusal, Ingested};
pub use lists::{AlertFilter, ReportFilter, ServiceCallFilter};
pub use log::LogLimits;
pub use operators::OperatorToken;
pub use orders::{Duplicate, OrderFilter, OrderRecord, OrderState, Settled};
pub use records::{
    ActivityRecord, AlertRecord, CommandRecord, CommandState, ContactRecord, DeviceRecord, GapRecord,
    ReportRecord, ServiceCallRecord, ServiceCallState,
};
pub use replacements::ReplacementRecord;
pub use watches::{WatchFilter, WatchRecord};
pub use writer::Grouping;

use crate::file_set::LockedDirectory;

/// How long a connection waits for another process (such as `token create`) to commit.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);
/// Pages in the write-ahead log before SQLite folds it into the database. Larger values raise the
/// slowest commits, and a thread of its own for it lets the log grow without end.
const WAL_PAGES: u32 = 1000;
/// Memory for pages of one connection: the end of each device's part of an index is written again and
/// again, and should not be read anew each time.
const CACHE_KIB: i64 = 16 * 1024;
/// Prepared statements that a connection keeps: more than there are.
const STATEMENT_CACHE: usize = 160;

/// Why the store could not do what was asked. None of these is the asker's fault.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The engine refused or failed.
    #[error("the database failed: {0}")]
    Database(#[source] Arc<rusqlite::Error>),
    /// What is stored is not what this version writes.
    #[error("a stored {what} cannot be read: {source}")]
    Unreadable {
        /// What was being read.
        what: &'static str,
        /// Why it cannot be.
        source: Arc<serde_json::Error>,
    },
    /// A stored time is outside what can be shown.
    #[error("a stored time cannot be read: {0}")]
    Time(#[source] Arc<jiff::Error>),
    /// A stored word is not one that this version writes.
    #[error("a stored {what} is {word:?}, which this version does not know")]
    Word {
        /// What was being read.
        what: &'static str,
        /// What stood there.
        word: String,
    },
    /// The database was written by a newer manager.
    #[error(
        "the database has version {found} and this manager knows only {known}: install the newer manager again, or restore the backup made before it"
    )]
    TooNew {
        /// The version in the file.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// The database's files cannot be made or protected.
    #[error("the database's directory cannot be used: {0}")]
    Directory(#[source] Arc<std::io::Error>),
    /// Another program reads the database as it was, and the log of what has changed since has reached its
    /// limit.
    #[error(
        "another program keeps the database open for reading, and its write-ahead log has reached its limit ({bytes} bytes)"
    )]
    LogHeld {
        /// How large the log is.
        bytes: u64,
    },
    /// It was not done in time; it may still be done.
    #[error("the database took longer than {0} s")]
    Slow(u64),
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

/// The handle; clones share one store.
#[derive(Clone)]
pub struct Store {
    writer: writer::Writer,
    readers: Arc<readers::Readers>,
    health: Arc<Health>,
    damage: Arc<damage::Damage>,
    log: log::Log,
    open: Arc<open::Open>,
}

impl Store {
    /// Opens the database, makes it when there is none, and brings it to this version. With
    /// [`Grouping::Simulated`] it must be opened on a runtime.
    pub fn open(path: &Path, grouping: Grouping) -> Result<Self, StoreError> {
        Self::open_within(path, grouping, LogLimits::default())
    }

    /// The same with other limits of its write-ahead log.
    pub fn open_within(path: &Path, grouping: Grouping, limits: LogLimits) -> Result<Self, StoreError> {
        // Of several programs that begin on an empty directory, one makes the database.
        let directory = path.parent().unwrap_or(Path::new("."));
        let locked =
            LockedDirectory::take(directory).map_err(|error| StoreError::Directory(Arc::new(error)))?;
        create_private(path)?;
        let mut connection = connect(path, limits)?;
        migrate::migrate(&mut connection)?;
        drop(locked);
        let open = Arc::new(open::Open::load(&connection)?);
        let readers = readers::Readers::open(|| connect(path, limits), grouping)?;
        let health = Arc::new(Health::default());
        let damage = Arc::default();
        let log = log::Log::beside(path, limits);
        health.note_log(log.bytes(), limits.cut_above, crate::clock::now());
        let keeper = log::LogKeeper::new(log.clone(), Arc::clone(&health));
        let path = path.to_owned();
        let reopen = move || connect(&path, limits);
        let writer = writer::Writer::start(connection, grouping, (Arc::clone(&health), keeper), reopen);
        Ok(Self { writer, readers: Arc::new(readers), health, damage, log, open })
    }

    /// Whether anything can be stored.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Looks at the size of the write-ahead log, and has the writer cut it back where it is too large: while
    /// nothing else is stored, nobody would.
    pub async fn look_after_log(&self, now: Timestamp) -> Result<(), StoreError> {
        let bytes = self.log.bytes();
        self.health.note_log(bytes, self.log.limits.cut_above, now);
        if bytes > self.log.limits.cut_above { self.probe(now).await } else { Ok(()) }
    }

    /// Stores next to nothing: whether that can be done.
    pub async fn probe(&self, now: Timestamp) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                context
                    .connection
                    .prepare_cached(statements::PROBE)?
                    .execute(params![now.as_millisecond()])?;
                Ok(())
            })
            .await
    }

    /// Commits what waits and ends the writer; what is asked afterwards is refused.
    pub async fn close(&self) {
        self.writer.close().await;
    }
}

/// The database holds password hashes: it is its owner's alone from the first byte.
fn create_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|error| StoreError::Directory(Arc::new(error)))
}

fn connect(path: &Path, limits: LogLimits) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL beats NORMAL here: waiting for the disk is what makes the groups large.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    // A log that has grown is also cut back when it is begun anew.
    connection.pragma_update(None, "journal_size_limit", to_integer(limits.cut_above))?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    // Four look-ups a report that can only fail by a mistake of this code: the tests have them made.
    connection.pragma_update(None, "foreign_keys", cfg!(debug_assertions))?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(connection)
}

fn to_json<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| StoreError::Unreadable { what, source: Arc::new(source) })
}

fn from_json<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|source| StoreError::Unreadable { what, source: Arc::new(source) })
}

fn to_time(milliseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| StoreError::Time(Arc::new(error)))
}

/// SQLite's integers end at 2^63; the ingest rules refuse larger sequences before they come here.
fn to_integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_integer(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
