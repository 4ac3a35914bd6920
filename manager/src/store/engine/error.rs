//! What an engine says when it fails.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;

use postgres::error::SqlState;
use rusqlite::ErrorCode;

use super::super::StoreError;

/// The error of an engine.
#[derive(Debug, Clone)]
pub enum EngineError {
    /// SQLite's.
    Sqlite(Arc<rusqlite::Error>),
    /// PostgreSQL's, or that of the way to it.
    Postgres(Arc<postgres::Error>),
}

/// An error as the server said it, or with its cause, which the library leaves out.
pub(super) fn in_full(error: &postgres::Error) -> String {
    if let Some(told) = error.as_db_error() {
        return format!("{} ({})", told.message(), told.code().code());
    }
    let cause = error.source().map(|source| format!(": {source}"));
    format!("{error}{}", cause.unwrap_or_default())
}

impl fmt::Display for EngineError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => error.fmt(formatter),
            Self::Postgres(error) => formatter.write_str(&in_full(error)),
        }
    }
}

impl std::error::Error for EngineError {}

/// What is wrong with an engine, where the error is not that of one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Fault {
    DiskFull,
    ReadOnly,
    DiskFailed,
    Damaged,
    Locked,
    /// A server is not there, or has cut the session.
    Unreachable,
    /// It refuses who we are, or does not have the database.
    Refused,
    /// It is not the one that it should be.
    Untrusted,
    /// It has as many sessions as it may.
    TooManySessions,
    ServerFull,
    ServerReadOnly,
    ServerFailed,
    /// It can be reached, and not be used.
    Unsuitable,
}

impl EngineError {
    /// What is wrong with the engine; `None` where one statement alone could not be carried out.
    pub(in crate::store) fn fault(&self) -> Option<Fault> {
        match self {
            Self::Sqlite(error) => fault_of_sqlite(error),
            Self::Postgres(error) => fault_of_postgres(error),
        }
    }

    /// Whether a server ended a transaction because it and another one waited for each other: tried again, it goes through.
    pub(in crate::store) fn is_deadlock(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(error) => error.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED),
        }
    }
}

fn fault_of_sqlite(error: &rusqlite::Error) -> Option<Fault> {
    Some(match error.sqlite_error_code()? {
        ErrorCode::DiskFull => Fault::DiskFull,
        ErrorCode::ReadOnly => Fault::ReadOnly,
        ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::FileLockingProtocolFailed => {
            Fault::DiskFailed
        }
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Fault::Damaged,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Fault::Locked,
        _ => return None,
    })
}

/// By PostgreSQL's table of error codes (its manual, appendix A).
pub(super) fn fault_of_postgres(error: &postgres::Error) -> Option<Fault> {
    // Without a code the way to the server failed.
    let Some(code) = error.code() else {
        let cut =
            error.is_closed() || error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
        return cut.then_some(Fault::Unreachable);
    };
    Some(match *code {
        SqlState::DISK_FULL => Fault::ServerFull,
        SqlState::READ_ONLY_SQL_TRANSACTION => Fault::ServerReadOnly,
        SqlState::IO_ERROR
        | SqlState::UNDEFINED_FILE
        | SqlState::SYSTEM_ERROR
        | SqlState::OUT_OF_MEMORY
        | SqlState::INSUFFICIENT_RESOURCES => Fault::ServerFailed,
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Fault::Damaged,
        SqlState::TOO_MANY_CONNECTIONS => Fault::TooManySessions,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION
        | SqlState::INVALID_PASSWORD
        | SqlState::INVALID_CATALOG_NAME
        | SqlState::INSUFFICIENT_PRIVILEGE => Fault::Refused,
        SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::CANNOT_CONNECT_NOW
        | SqlState::DATABASE_DROPPED
        | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        | SqlState::CONNECTION_EXCEPTION
        | SqlState::CONNECTION_DOES_NOT_EXIST
        | SqlState::CONNECTION_FAILURE => Fault::Unreachable,
        _ => return None,
    })
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(EngineError::Sqlite(Arc::new(error)))
    }
}

impl From<postgres::Error> for StoreError {
    fn from(error: postgres::Error) -> Self {
        Self::Database(EngineError::Postgres(Arc::new(error)))
    }
}
