//! The durable outbox: everything that leaves the device is written here first.
//!
//! One SQLite file (WAL, `synchronous=FULL`). A report is known for ever by its epoch (the life of this
//! file) and its sequence. Reports, the alerts that stand, what the judge learnt, the settings of the
//! manager ([`memory`]), what was asked for of late ([`late`]) and the journal of commands change in one
//! transaction, so that a power cut leaves all of them or none ([`write`]).
//!
//! What may wait is bounded in number and bytes ([`evict`]). A report that had to be given up is counted
//! under its reason ([`losses`]) until the manager knows of it: a batch carries the reports and tells what
//! is lost between them, so that nothing is missing ([`take`]).
//!
//! Acknowledgements are kept in memory and reach the file with the next report, or at a clean stop:
//! that halves what is written to an SD card. After a power cut the last reports are sent again, which
//! their sequence makes harmless.
//!
//! What the outbox itself has to tell goes before the next report ([`own`]): that it was replaced, and which
//! alerts stand, after reports of alerts were lost.
//!
//! A corrupt file is set aside with its evidence, and a new epoch begins with what could be read of it
//! ([`aside`], [`replace`]). While the disk takes nothing, the work goes on in memory, in an epoch of its own
//! ([`disk`]); so the file may hold several epochs, its chapters ([`state`]).

mod aside;
mod config;
mod disk;
mod evict;
mod join;
mod journal;
mod late;
mod losses;
mod memory;
mod open;
mod own;
mod pour;
mod renumber;
mod replace;
mod schema;
mod state;
mod take;
#[cfg(test)]
mod tests;
mod write;

use std::io::ErrorKind;
use std::path::PathBuf;

use jiff::Timestamp;
use platen_protocol::identity::Epoch;
use rusqlite::{Connection, ErrorCode};

use crate::judge::DiskFault;

pub use config::OutboxConfig;
pub use disk::{DiskTrouble, MEMORY_LIMITS};
pub use evict::{Held, Rank, give_up};
pub use journal::{MAX_JOURNAL, MAX_UNFINISHED, Received};
pub use late::MAX_ASKED;
pub use memory::Remembered;
pub use open::open;
pub use take::Batch;
pub use write::{Acknowledgement, Entry, Finished, MAX_REPORT_BYTES, MAX_WAITING_ASKED, NewReport};

/// The file's name in the state directory.
pub const FILE_NAME: &str = "outbox.sqlite";

/// The outbox, open.
#[derive(Debug)]
pub struct Outbox {
    db: Connection,
    state: state::State,
    limits: OutboxConfig,
    given_up: u64,
    file: PathBuf,
    remembered: Remembered,
    /// While the disk fails.
    memory: Option<disk::InMemory>,
    /// The stamp with which what was learnt was last written.
    past_written: Option<platen_protocol::stamp::Stamp>,
}

/// Why the outbox did not take or give something.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// SQLite failed.
    #[error("the outbox cannot be used: {0}; is the disk full, or read-only?")]
    Sqlite(#[from] rusqlite::Error),
    /// What is stored is not what was stored.
    #[error("the outbox holds something unreadable: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// A stored identifier is none.
    #[error("the outbox holds something unreadable: {0}")]
    Identifier(#[from] platen_protocol::identity::InvalidId),
    /// The file comes from a later version.
    #[error(
        "the outbox was written by a later version of this program (format {found}, this one knows {known}): install that version again, or move the file away"
    )]
    Newer {
        /// The format of the file.
        found: i64,
        /// The format that this version writes.
        known: i64,
    },
    /// The file has another format, and can only be read.
    #[error(
        "the outbox has format {found} and can only be read: it is brought to format {known} once its disk can be written to"
    )]
    OtherFormat {
        /// The format of the file.
        found: i64,
        /// The format that this version writes.
        known: i64,
    },
    /// Another process has the file.
    #[error("another platen-agent has the outbox open: stop it first (`systemctl stop platen-agent`)")]
    Busy,
    /// It could not be set aside.
    #[error("the corrupt outbox could not be set aside: {0}")]
    Aside(#[source] std::io::Error),
    /// The state directory or the file cannot be made.
    #[error("{}: the outbox cannot be made: {source}", at.display())]
    Create {
        /// Where.
        at: std::path::PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// No name for a new epoch.
    #[error(transparent)]
    NoRandomness(#[from] crate::dice::NoRandomness),
    /// One report is too large.
    #[error("a report of {bytes} bytes is too large: at most {MAX_REPORT_BYTES} can be kept")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Too much that persons asked for waits.
    #[error(
        "{MAX_WAITING_ASKED} service calls and orders already wait to be sent: the next one is taken when the manager has some of them"
    )]
    TooManyAsked,
}

impl OutboxError {
    /// Whether the file itself is damaged, so that only opening it anew (which sets it aside) helps.
    pub fn is_corruption(&self) -> bool {
        match self {
            Self::Sqlite(cause) => matches!(
                cause.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
            ),
            Self::Unreadable(_) | Self::Identifier(_) => true,
            _ => false,
        }
    }
}

impl OutboxError {
    /// What is wrong with the disk, if it is the disk.
    pub fn fault(&self) -> Option<DiskFault> {
        match self {
            Self::Sqlite(cause) => match cause.sqlite_error_code()? {
                ErrorCode::DiskFull => Some(DiskFault::Full),
                ErrorCode::ReadOnly => Some(DiskFault::ReadOnly),
                ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::FileLockingProtocolFailed => Some(DiskFault::Failing),
                _ => None,
            },
            Self::Create { source, .. } | Self::Aside(source) => Some(match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DiskFault::Full,
                ErrorKind::ReadOnlyFilesystem => DiskFault::ReadOnly,
                _ => DiskFault::Failing,
            }),
            _ => None,
        }
    }
}

impl Outbox {
    /// The epoch that the next report gets.
    pub fn epoch(&self) -> &Epoch {
        &self.state.open.epoch
    }

    /// Everything of that epoch up to and with this sequence is with the manager.
    pub fn acknowledged(&self) -> u64 {
        self.state.open.acknowledged
    }

    /// The highest place that was acknowledged: what [`Outbox::keep`] returned is with the manager once
    /// this has reached it. Places rise for ever, whatever becomes of epochs.
    pub fn mark(&self) -> u64 {
        self.state.acknowledged
    }

    /// What the manager has set, as it is kept.
    pub fn settings(&self) -> &crate::settings::Settings {
        &self.remembered.settings
    }

    /// How many reports wait.
    pub fn backlog(&self) -> usize {
        self.state.held.len()
    }

    /// Bytes of the reports that wait.
    pub fn backlog_bytes(&self) -> u64 {
        self.state.held.values().map(|held| held.bytes).sum()
    }

    /// Reports that had to be given up since the start.
    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    /// How many reports of a rank wait.
    pub fn waiting(&self, rank: Rank) -> usize {
        self.state.held.values().filter(|held| held.rank == rank).count()
    }

    /// What was asked for of late, oldest first.
    pub fn asked(&self) -> impl Iterator<Item = &crate::request::Asked> {
        self.state.late.iter()
    }

    /// The last time that the manager told, before which it cannot be now.
    pub fn known_time(&self) -> Option<Timestamp> {
        self.state.known_time
    }
}

/// SQLite counts in `i64`; sequences and sizes never come near its end.
fn to_db(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_db(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
