//! The two engines behind one handle: SQLite, which comes with the program, and PostgreSQL. The files of the
//! store speak to a [`Connection`] with one text of SQL wherever both take the same; where they differ,
//! [`Connection::text`] picks.
//!
//! A text has its parameters as `?1`, `?2` and no other question mark: for PostgreSQL they become `$1`, `$2`.

mod bulk;
mod error;
mod line;
mod postgres_config;
mod postgresql;
mod programs;
mod row;
mod server;
mod sqlite;
mod value;

use std::path::PathBuf;

pub(super) use bulk::Bulk;
pub use error::EngineError;
pub(super) use error::Fault;
pub use postgres_config::{AddressError, PostgresConfig, PostgresFiles};
pub(super) use postgresql::storable;
pub(super) use row::Row;
pub use server::ServerError;
pub(super) use sqlite::WAL_PAGES;
pub(super) use value::{AsValue, Value, owned, values};

use super::{LogLimits, StoreError};

/// Prepared statements that a connection keeps: more than there are that do not depend on what is asked for.
const STATEMENT_CACHE: usize = 240;

/// Where the store is.
#[derive(Debug, Clone)]
pub enum Location {
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// A database of PostgreSQL.
    Postgres(Box<PostgresConfig>),
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It writes.
    Write,
    /// It only reads.
    Read,
}

/// A connection to either engine. It is used by one thread at a time.
pub(super) enum Connection {
    Sqlite(rusqlite::Connection),
    Postgres(postgresql::Session),
}

impl Connection {
    /// Opens one. `limits` are those of SQLite's write-ahead log.
    pub(super) fn open(location: &Location, limits: LogLimits, purpose: Purpose) -> Result<Self, StoreError> {
        match location {
            Location::Sqlite(path) => Ok(Self::Sqlite(sqlite::connect(path, limits, purpose)?)),
            Location::Postgres(config) => Ok(Self::Postgres(postgresql::Session::connect(config, purpose)?)),
        }
    }

    /// SQLite's own, if it is that.
    pub(super) fn sqlite(&self) -> Option<&rusqlite::Connection> {
        match self {
            Self::Sqlite(connection) => Some(connection),
            Self::Postgres(_) => None,
        }
    }

    /// The text for this engine.
    pub(super) fn text<'a>(&self, sqlite: &'a str, postgres: &'a str) -> &'a str {
        match self {
            Self::Sqlite(_) => sqlite,
            Self::Postgres(_) => postgres,
        }
    }

    /// Runs a statement to its end; how many rows it changed.
    pub(super) fn execute(&self, statement: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(connection) => sqlite::execute(connection, statement, values),
            Self::Postgres(session) => session.execute(statement, values),
        }
    }

    /// The first row, if there is one. The statement runs to its end.
    pub(super) fn one<T>(
        &self,
        statement: &str,
        values: &[Value<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let (mut read, mut found) = (Some(read), None);
        self.each(statement, values, |row| {
            if let Some(read) = read.take() {
                found = Some(read(row)?);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The row of a statement that always has one.
    pub(super) fn row<T>(
        &self,
        statement: &str,
        values: &[Value<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.one(statement, values, read)?.ok_or(StoreError::NoRow)
    }

    /// Whether there is a row.
    pub(super) fn exists(&self, statement: &str, values: &[Value<'_>]) -> Result<bool, StoreError> {
        Ok(self.one(statement, values, |_| Ok(()))?.is_some())
    }

    /// All rows.
    pub(super) fn all<T>(
        &self,
        statement: &str,
        values: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        self.each(statement, values, |row| {
            found.push(read(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Does something with each row.
    pub(super) fn each(
        &self,
        statement: &str,
        values: &[Value<'_>],
        act: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => sqlite::each(connection, statement, values, act),
            Self::Postgres(session) => session.each(statement, values, act),
        }
    }

    /// Tries whether a statement is understood, without running it.
    pub(super) fn prepare(&self, statement: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => {
                connection.prepare(statement)?;
                Ok(())
            }
            Self::Postgres(session) => session.prepare(statement).map(drop),
        }
    }

    /// Runs a statement for each of these rows of parameters: with PostgreSQL at once.
    pub(super) fn execute_all(&self, bulk: &Bulk, rows: &[Vec<Value<'_>>]) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(connection) => {
                rows.iter().try_fold(0, |sum, row| Ok(sum + sqlite::execute(connection, bulk.each, row)?))
            }
            Self::Postgres(session) => session.execute_all(bulk.all, rows),
        }
    }

    /// Runs a statement without parameters: with PostgreSQL right before whatever is waited for next, which fails if this
    /// does.
    pub(super) fn send(&self, text: &'static str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(text)?),
            Self::Postgres(session) => session.send(text),
        }
    }

    /// The same of a statement for each of these rows of parameters.
    pub(super) fn send_all(&self, bulk: &Bulk, rows: Vec<Vec<Value<'static>>>) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => self.execute_all(bulk, &rows).map(drop),
            Self::Postgres(session) => session.send_all(bulk.all, rows),
        }
    }

    /// Waits until all is done that was sent.
    pub(super) fn settle(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(session) => session.batch(""),
        }
    }

    /// Does something with each row of a statement that is run for each of these rows of parameters: with PostgreSQL at
    /// once.
    pub(super) fn each_of(
        &self,
        bulk: &Bulk,
        rows: &[Vec<Value<'_>>],
        mut act: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => {
                rows.iter().try_for_each(|row| sqlite::each(connection, bulk.each, row, &mut act))
            }
            Self::Postgres(session) => session.each_of(bulk.all, rows, act),
        }
    }

    /// Runs a statement of PostgreSQL for these rows of parameters at once, each parameter the array of a column.
    pub(super) fn execute_rows(&self, text: &str, rows: &[Vec<Value<'_>>]) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(_) => Err(StoreError::NoRow),
            Self::Postgres(session) => session.execute_all(text, rows),
        }
    }

    /// Runs several statements without parameters.
    pub(super) fn batch(&self, text: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(text)?),
            Self::Postgres(session) => session.batch(text),
        }
    }

    /// Does something in one transaction that writes: committed when it succeeds, else undone.
    pub(super) fn write<T>(&self, act: impl FnOnce(&Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.batch(self.text("BEGIN IMMEDIATE", "BEGIN"))?;
        self.finish(act(self))
    }

    /// Begins to see one moment of the database, until [`Self::finish`].
    pub(super) fn begin_snapshot(&self) -> Result<(), StoreError> {
        self.batch(self.text("BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    }

    /// Whether it still leads somewhere: a session of PostgreSQL may have been cut while nobody used it.
    pub(super) fn answers(&self) -> bool {
        match self {
            Self::Sqlite(_) => true,
            Self::Postgres(session) => session.batch("").is_ok(),
        }
    }

    /// Ends a transaction: with what was done, or by undoing it.
    pub(super) fn finish<T>(&self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        let finished = match done {
            Ok(done) => self.batch("COMMIT").map(|()| done),
            Err(error) => Err(error),
        };
        if finished.is_err() && self.is_in_transaction() {
            // What undoes nothing leaves a connection that must not be used again; the first error says more.
            if let Err(error) = self.batch("ROLLBACK") {
                tracing::debug!(%error, "a transaction could not be rolled back");
            }
        }
        finished
    }

    fn is_in_transaction(&self) -> bool {
        match self {
            Self::Sqlite(connection) => !connection.is_autocommit(),
            Self::Postgres(session) => session.is_open(),
        }
    }

    /// Whether it can be used again: one of PostgreSQL may have been cut.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Sqlite(_) => true,
            Self::Postgres(session) => session.is_open(),
        }
    }

    /// Has `told` hear of the pages in SQLite's write-ahead log after each commit.
    pub(super) fn fold_when(&mut self, told: impl FnMut(u32) + Send + 'static) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => sqlite::fold_when(connection, told),
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Folds SQLite's write-ahead log into the database, as far as nobody reads it.
    pub(super) fn fold_log(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => sqlite::fold_log(connection),
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Cuts SQLite's write-ahead log back, unless somebody reads it.
    pub(super) fn cut_log(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => sqlite::cut_log(connection),
            Self::Postgres(_) => Ok(()),
        }
    }
}
