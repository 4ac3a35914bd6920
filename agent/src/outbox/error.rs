//! Why the outbox did not take or give something, and what is wrong with its disk.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::ErrorCode;

use super::limits::MAX_REPORT_BYTES;
use crate::judge::DiskFault;
use crate::units::show;

/// Why the outbox did not take or give something.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// SQLite failed.
    #[error("the outbox cannot be used: {0}; is the disk full, or read-only?")]
    Sqlite(#[from] rusqlite::Error),
    /// What is stored is not what was stored.
    #[error("the outbox contains unreadable data: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// A stored identifier is none.
    #[error("the outbox contains unreadable data: {0}")]
    Identifier(#[from] platen_protocol::identity::InvalidId),
    /// The file comes from a later version.
    #[error(
        "the outbox was written by a newer version of this program (format {found}, this one knows {known}): install that version again, or move the file away"
    )]
    Newer {
        /// The format of the file.
        found: i64,
        /// The format that this version writes.
        known: i64,
    },
    /// The file has another format, and can only be read.
    #[error(
        "the outbox has format {found} and can only be read: it is converted to format {known} once its disk is writable"
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
    #[error("{}: the outbox cannot be created: {source}", at.display())]
    Create {
        /// The directory or the file.
        at: std::path::PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// No name for a new epoch.
    #[error(transparent)]
    NoRandomness(#[from] crate::random::NoRandomness),
    /// One report is too large.
    #[error("a report of {bytes} bytes is too large: at most {MAX_REPORT_BYTES} can be kept")]
    TooLarge {
        /// As JSON.
        bytes: usize,
    },
    /// Too much that persons asked for waits.
    #[error(
        "{most} or more service calls and orders are already waiting to be sent: try again once the manager has received some of them"
    )]
    TooManyAsked {
        /// So many may wait, for whoever asks.
        most: usize,
    },
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

/// Why the outbox is in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskTrouble {
    /// What is wrong, as far as it can be told apart.
    pub fault: DiskFault,
    /// In the words of SQLite or the kernel.
    pub cause: String,
    /// The directory that cannot be used.
    pub directory: PathBuf,
    /// How often the disk is tried again.
    pub retry: Duration,
}

impl DiskTrouble {
    pub(super) fn new(file: &Path, fault: DiskFault, cause: &OutboxError, retry: Duration) -> Self {
        let directory = file.parent().unwrap_or(file).to_owned();
        Self { fault, cause: cause.to_string(), directory, retry }
    }

    /// What is wrong, and what follows from it.
    pub fn what(&self) -> String {
        format!(
            "the disk {}: reports are kept in memory, and are lost if the agent stops before the manager has them ({})",
            self.fault.words(),
            self.cause
        )
    }

    /// What a technician can do about it.
    pub fn remedy(&self) -> String {
        let (at, retry) = (self.directory.display(), show(self.retry));
        match self.fault {
            DiskFault::Full => format!(
                "free some space on the file system of {at} (`df {at}`); the agent tries again every {retry}"
            ),
            DiskFault::ReadOnly => format!(
                "find out why the file system of {at} is read-only (`dmesg`): often the SD card is worn out and has to be replaced; the agent tries again every {retry}"
            ),
            DiskFault::Failing => format!(
                "check {at}, its permissions and its disk (`dmesg`), and replace the SD card if it is failing; the agent tries again every {retry}"
            ),
        }
    }
}
