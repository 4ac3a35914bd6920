//! Whether anything can be stored. The writer says how each commit went; a failure of the disk is told
//! once when it begins and once when it is over, and not for each report that could not be taken.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::StoreError;
use super::engine::Fault;
use crate::durations::Durations;

/// Nothing must fail for so long before the trouble is over: on a disk that is almost full, small things
/// can be stored between large ones that cannot.
const SETTLE: Duration = Duration::from_secs(2);

/// A log that is too large for so long is not folded any more: somebody holds it.
const LOG_HELD: SignedDuration = SignedDuration::from_secs(60);

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
    /// Another program keeps the database open for reading, and the log of changes has reached its limit.
    LogHeld,
    /// The database server is not there, or has cut the connection.
    Unreachable,
    /// The database server refuses the manager's name or password, or does not have the database.
    Refused,
    /// Whoever answers is not the database server, as far as certificates tell.
    Untrusted,
    /// The database server has as many sessions as it may.
    TooManySessions,
    /// The database server has no space left.
    ServerFull,
    /// The database server only reads, as a standby does.
    ServerReadOnly,
    /// The database server is short of something, or its disk has failed.
    ServerFailed,
    /// The database server is too old, or keeps texts in an encoding that loses some.
    Unsuitable,
    /// A manager of another version uses the database, or has changed its tables.
    OtherVersion,
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
            Self::LogHeld => {
                "Another program (a backup, a database browser) has kept the database open for reading until the write-ahead log reached its limit: end that program."
            }
            Self::Unreachable => {
                "The database server (PostgreSQL) cannot be reached: check that it runs, and the network between it and the manager."
            }
            Self::Refused => {
                "The database server (PostgreSQL) does not let the manager in: check user, password and database in manager.toml, and the server's pg_hba.conf."
            }
            Self::Untrusted => {
                "The database server (PostgreSQL) cannot show that it is the right one: check its certificate, its name in manager.toml, and store_ca."
            }
            Self::TooManySessions => {
                "The database server (PostgreSQL) has too many sessions: end some, or raise its max_connections. Each manager needs 10."
            }
            Self::ServerFull => {
                "The disk of the database server (PostgreSQL) is full: free space there. Storing then goes on by itself."
            }
            Self::ServerReadOnly => {
                "The database server (PostgreSQL) only reads: it is a standby, or was set to. Name the primary in manager.toml, or promote this one."
            }
            Self::ServerFailed => {
                "The database server (PostgreSQL) has failed to read, to write or to find memory: its log says more."
            }
            Self::Unsuitable => {
                "The database server (PostgreSQL) cannot be used as it is: the manager's log says what it lacks."
            }
            Self::OtherVersion => {
                "A manager of another version uses this database: install the same version everywhere."
            }
        }
    }

    /// Whether another look at the file may help, when its connection was made in worse times.
    const fn asks_to_reopen(self) -> bool {
        !matches!(
            self,
            Self::DiskFull | Self::Locked | Self::LogHeld | Self::ServerFull | Self::ServerReadOnly
        )
    }
}

/// What keeps the store from storing; `None` for what is wrong with one piece of work alone.
pub(crate) fn cause(error: &StoreError) -> Option<TroubleCause> {
    let error = match error {
        StoreError::Database(error) => error,
        StoreError::LogHeld { .. } => return Some(TroubleCause::LogHeld),
        StoreError::Server(error) => return Some(named(error.fault())),
        StoreError::TooNew { .. } | StoreError::InUse { .. } | StoreError::BeingMigrated => {
            return Some(TroubleCause::OtherVersion);
        }
        _ => return None,
    };
    error.fault().map(named)
}

const fn named(fault: Fault) -> TroubleCause {
    match fault {
        Fault::DiskFull => TroubleCause::DiskFull,
        Fault::ReadOnly => TroubleCause::ReadOnly,
        Fault::DiskFailed => TroubleCause::DiskFailed,
        Fault::Damaged => TroubleCause::Damaged,
        Fault::Locked => TroubleCause::Locked,
        Fault::Unreachable => TroubleCause::Unreachable,
        Fault::Refused => TroubleCause::Refused,
        Fault::Untrusted => TroubleCause::Untrusted,
        Fault::TooManySessions => TroubleCause::TooManySessions,
        Fault::ServerFull => TroubleCause::ServerFull,
        Fault::ServerReadOnly => TroubleCause::ServerReadOnly,
        Fault::ServerFailed => TroubleCause::ServerFailed,
        Fault::Unsuitable => TroubleCause::Unsuitable,
    }
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

/// The write-ahead log beside the database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogState {
    /// How large it is.
    pub bytes: u64,
    /// Above which it is too large.
    pub limit: u64,
    /// Since when it is too large.
    pub over_since: Option<Timestamp>,
}

impl LogState {
    /// Whether it has been too large for so long that somebody must be holding it.
    pub fn is_held(&self, now: Timestamp) -> bool {
        self.over_since.is_some_and(|since| now.duration_since(since) >= LOG_HELD)
    }

    /// What to do about one that is held.
    pub const fn remedy(&self) -> &'static str {
        "Another program (a backup, a database browser) keeps the database open for reading: end it, and the log is cut back. `platen-manager backup` ends by itself."
    }
}

#[derive(Default)]
struct State {
    trouble: Option<Trouble>,
    failed: Option<Instant>,
    log: LogState,
    /// Whether it was said that the log is held.
    log_told: bool,
}

/// Whether anything can be stored.
#[derive(Default)]
pub struct Health {
    /// Held for a look-up.
    state: Mutex<State>,
    /// How long commits took.
    commits: Durations,
}

impl Health {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What keeps the store from storing.
    pub fn trouble(&self) -> Option<Trouble> {
        self.state().trouble.clone()
    }

    /// How long commits took.
    pub fn commits(&self) -> &Durations {
        &self.commits
    }

    /// The write-ahead log, when it was last looked at.
    pub fn log(&self) -> LogState {
        self.state().log
    }

    /// How large the write-ahead log is. That it is held is said once when it begins and once when it is over.
    pub(super) fn note_log(&self, bytes: u64, limit: u64, now: Timestamp) {
        let mut state = self.state();
        let over = bytes > limit;
        let over_since = over.then(|| state.log.over_since.unwrap_or(now));
        state.log = LogState { bytes, limit, over_since };
        if state.log.is_held(now) && !state.log_told {
            state.log_told = true;
            tracing::warn!(
                bytes,
                "another program keeps the database open for reading; its write-ahead log grows until that program ends"
            );
        } else if !over && std::mem::take(&mut state.log_told) {
            tracing::info!(bytes, "the database's write-ahead log was cut back");
        }
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
                let begun = state.trouble.as_ref().map(|trouble| (trouble.cause, trouble.since));
                // A server that is gone, and then refuses who asks, is two things to do.
                if begun.is_none_or(|(before, _)| before != cause) {
                    tracing::error!(%error, "nothing can be stored; devices keep what they have. {}", cause.words());
                    let since = begun.map_or_else(wall, |(_, since)| since);
                    state.trouble = Some(Trouble { since, cause, detail: error.to_string() });
                }
                cause.asks_to_reopen()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> Result<(), StoreError> {
        let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        Err(StoreError::from(error))
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
    fn a_log_is_held_once_it_has_been_too_large_for_a_while() {
        let health = Health::default();
        let at = |seconds| wall() + SignedDuration::from_secs(seconds);
        health.note_log(100, 100, at(0));
        assert_eq!(health.log(), LogState { bytes: 100, limit: 100, over_since: None });
        health.note_log(101, 100, at(5));
        health.note_log(400, 100, at(64));
        assert!(!health.log().is_held(at(64)) && health.log().is_held(at(65)));
        assert_eq!(health.log().over_since, Some(at(5)));
        health.note_log(0, 100, at(70));
        assert!(!health.log().is_held(at(900)));
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
