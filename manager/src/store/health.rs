//! Whether anything can be stored. The writer says how each commit went; a failure of the disk is told
//! once when it begins and once when it is over, and not for each report that could not be taken.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::ErrorCode;
use serde::Serialize;

use super::StoreError;

/// Nothing must fail for so long before the trouble is over: on a disk that is almost full, small things
/// can be stored between large ones that cannot.
const SETTLE: Duration = Duration::from_secs(2);

/// Why nothing can be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TroubleCause {
    /// There is no space left on the disk.
    DiskFull,
    /// The disk, or the database's file, is read-only.
    ReadOnly,
    /// The disk failed to read or to write.
    DiskFailed,
    /// The database file is not what this manager wrote.
    Damaged,
    /// Another program has locked the database.
    Locked,
}

impl TroubleCause {
    /// What a person should know, and do.
    pub const fn words(self) -> &'static str {
        match self {
            Self::DiskFull => "The disk is full: free space where the manager's state directory is.",
            Self::ReadOnly => {
                "The disk is read-only and may have failed. Check the kernel's log, and mount it for writing again."
            }
            Self::DiskFailed => {
                "The disk cannot be read or written: check the kernel's log, and replace the disk."
            }
            Self::Damaged => "The database is damaged: restore the backup.",
            Self::Locked => "Another program has locked the database: stop that program.",
        }
    }

    /// Whether another look at the file may help, when its connection was made in worse times.
    const fn asks_to_reopen(self) -> bool {
        !matches!(self, Self::DiskFull | Self::Locked)
    }
}

/// What keeps the store from storing; `None` for what is wrong with one piece of work alone.
fn cause(error: &StoreError) -> Option<TroubleCause> {
    let StoreError::Database(error) = error else { return None };
    Some(match error.sqlite_error_code()? {
        ErrorCode::DiskFull => TroubleCause::DiskFull,
        ErrorCode::ReadOnly => TroubleCause::ReadOnly,
        ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::FileLockingProtocolFailed => {
            TroubleCause::DiskFailed
        }
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => TroubleCause::Damaged,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => TroubleCause::Locked,
        _ => return None,
    })
}

/// Nothing can be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// When storing first failed.
    pub since: Timestamp,
    /// What to tell people, and what they can do.
    pub cause: TroubleCause,
    /// The engine's own message.
    pub detail: String,
}

#[derive(Default)]
struct State {
    trouble: Option<Trouble>,
    failed: Option<Instant>,
}

/// Whether anything can be stored.
#[derive(Default)]
pub struct Health {
    /// Held for a look-up.
    state: Mutex<State>,
}

impl Health {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What keeps the store from storing.
    pub fn trouble(&self) -> Option<Trouble> {
        self.state().trouble.clone()
    }

    /// How a commit went; says whether the connection should be made anew.
    pub(super) fn note(
        &self,
        result: &Result<(), StoreError>,
        wall: impl FnOnce() -> Timestamp,
        now: Instant,
    ) -> bool {
        let mut state = self.state();
        match result {
            Ok(()) => {
                let settled = state.failed.is_none_or(|failed| now.duration_since(failed) >= SETTLE);
                if settled && let Some(trouble) = state.trouble.take() {
                    tracing::info!(since = %trouble.since, "reports can be stored again");
                }
                false
            }
            Err(error) => {
                let Some(cause) = cause(error) else { return false };
                state.failed = Some(now);
                if state.trouble.is_none() {
                    tracing::error!(%error, "nothing can be stored; devices keep what they have. {}", cause.words());
                    state.trouble = Some(Trouble { since: wall(), cause, detail: error.to_string() });
                }
                cause.asks_to_reopen()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn failure(code: i32) -> Result<(), StoreError> {
        let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        Err(StoreError::Database(Arc::new(error)))
    }

    fn wall() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_disk_that_is_full_is_trouble_until_nothing_has_failed_for_a_while() {
        let (health, now) = (Health::default(), Instant::now());
        assert!(!health.note(&failure(rusqlite::ffi::SQLITE_FULL), wall, now));
        let trouble = health.trouble().unwrap();
        assert_eq!((trouble.since, trouble.cause), (wall(), TroubleCause::DiskFull));
        health.note(&Ok(()), wall, now + Duration::from_secs(1));
        assert!(health.trouble().is_some(), "something small fitted");
        health.note(&Ok(()), wall, now + SETTLE);
        assert_eq!(health.trouble(), None);
    }

    #[test]
    fn each_failure_of_the_disk_is_named_and_a_mistake_of_one_piece_of_work_is_none() {
        use rusqlite::ffi;
        for (code, named, reopen) in [
            (ffi::SQLITE_READONLY, Some(TroubleCause::ReadOnly), true),
            (ffi::SQLITE_IOERR, Some(TroubleCause::DiskFailed), true),
            (ffi::SQLITE_CANTOPEN, Some(TroubleCause::DiskFailed), true),
            (ffi::SQLITE_NOTADB, Some(TroubleCause::Damaged), true),
            (ffi::SQLITE_BUSY, Some(TroubleCause::Locked), false),
            (ffi::SQLITE_CONSTRAINT, None, false),
        ] {
            let health = Health::default();
            assert_eq!(health.note(&failure(code), wall, Instant::now()), reopen, "{code}");
            assert_eq!(health.trouble().map(|trouble| trouble.cause), named, "{code}");
        }
        let health = Health::default();
        health.note(&Err(StoreError::Closed), wall, Instant::now());
        assert_eq!(health.trouble(), None);
    }
}
