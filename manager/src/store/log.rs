//! The size of SQLite's write-ahead log. SQLite folds it into the database by itself and then writes over it
//! again, but not what another program still reads as it was: for so long the log grows, and it keeps the size
//! that it has reached. Here it is cut back once nobody holds it, and has a limit.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::StoreError;
use super::engine::Connection;
use super::fold::Folder;
use super::health::Health;
use super::log_limits::LogLimits;

/// How often the log's size is looked at while something is written.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The log beside a database.
#[derive(Debug, Clone)]
pub(super) struct Log {
    file: PathBuf,
    pub(super) limits: LogLimits,
}

impl Log {
    pub(super) fn beside(database: &Path, limits: LogLimits) -> Self {
        let mut file = OsString::from(database);
        file.push("-wal");
        Self { file: file.into(), limits }
    }

    /// Its bytes; 0 while there is none.
    pub(super) fn bytes(&self) -> u64 {
        std::fs::metadata(&self.file).map_or(0, |found| found.len())
    }
}

/// The writer's care for the log, between two groups.
pub(super) struct LogKeeper {
    log: Log,
    health: Arc<Health>,
    looked: Option<Instant>,
    /// When it was last looked at.
    bytes: u64,
    folder: Option<Folder>,
}

impl LogKeeper {
    pub(super) fn new(log: Log, health: Arc<Health>, folder: Option<Folder>) -> Self {
        Self { log, health, looked: None, bytes: 0, folder }
    }

    /// Takes up the connection that writes from now on.
    pub(super) fn take_up(&self, connection: &mut Connection) {
        if let Some(folder) = &self.folder {
            folder.wake_by(connection);
        }
    }

    /// Ends what folds the log beside the writer. The writer's connection must be gone.
    pub(super) fn close(self) {
        if let Some(folder) = self.folder {
            folder.close();
        }
    }

    /// Looks at it from time to time, and cuts it back where it is too large and nobody holds it. Nobody is
    /// waited for: while somebody reads, the next look tries again.
    pub(super) fn look_after(&mut self, connection: &Connection, now: Instant) {
        if self.looked.is_some_and(|looked| now.duration_since(looked) < LOOK_EVERY) {
            return;
        }
        self.looked = Some(now);
        self.bytes = self.log.bytes();
        if self.bytes > self.log.limits.cut_above {
            match connection.cut_log() {
                Ok(()) => self.bytes = self.log.bytes(),
                Err(error) => tracing::debug!(%error, "the write-ahead log could not be cut back"),
            }
        }
        self.health.note_log(self.bytes, self.log.limits.cut_above, crate::clock::now());
    }

    /// Why nothing can be stored, where the log has reached its limit. It may have become free just now.
    pub(super) fn refuses(&mut self, connection: &Connection, now: Instant) -> Option<StoreError> {
        if self.bytes <= self.log.limits.most {
            return None;
        }
        self.look_after(connection, now);
        (self.bytes > self.log.limits.most).then_some(StoreError::LogHeld { bytes: self.bytes })
    }
}
