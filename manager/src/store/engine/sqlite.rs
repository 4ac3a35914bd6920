//! SQLite: how a connection is set up, and how statements run on it.

use std::ffi::c_int;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use super::super::{LogLimits, StoreError, to_integer};
use super::{Purpose, Row, STATEMENT_CACHE, Value};

/// How long a connection waits for another process (such as `token create`) to commit.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages in the write-ahead log before a commit folds it into the database. Larger values raise the slowest commits. (Never
/// to fold in a commit, but only beside the writer, lets the log grow without end.)
pub(in super::super) const WAL_PAGES: u32 = 1000;
/// Memory for pages of one connection: the end of each device's part of an index is written again and
/// again, and should not be read anew each time.
const CACHE_KIB: i64 = 16 * 1024;
/// Folds what nobody reads as it was before, and waits for nobody.
const FOLD: &str = "PRAGMA wal_checkpoint(PASSIVE)";
/// Folds everything and cuts the log back to nothing; says in the first column whether somebody holds it.
const CUT: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

pub(super) fn connect(path: &Path, limits: LogLimits, purpose: Purpose) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Of a file that is made now, so that what is let go of can be given back to the file system; another stays as it is.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL beats NORMAL here: waiting for the disk is what makes the groups large.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    // A log that has grown is also cut back when it is begun anew.
    connection.pragma_update(None, "journal_size_limit", to_integer(limits.cut_above))?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    // Look-ups for each report that can only fail by a mistake of this code: the tests have them made.
    connection.pragma_update(None, "foreign_keys", cfg!(debug_assertions))?;
    if purpose == Purpose::Read {
        connection.pragma_update(None, "query_only", true)?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(connection)
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

pub(super) fn execute(
    connection: &Connection,
    statement: &str,
    values: &[Value<'_>],
) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(statement)?;
    let changed = statement.execute(rusqlite::params_from_iter(values))?;
    Ok(u64::try_from(changed).unwrap_or(u64::MAX))
}

pub(super) fn each(
    connection: &Connection,
    statement: &str,
    values: &[Value<'_>],
    mut act: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(statement)?;
    let mut rows = statement.query(rusqlite::params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        act(&Row::Sqlite(row))?;
    }
    Ok(())
}

/// Has `told` hear of the pages in the write-ahead log after each commit, which folds them above [`WAL_PAGES`], as it does
/// without this.
pub(super) fn fold_when(
    connection: &mut Connection,
    mut told: impl FnMut(u32) + Send + 'static,
) -> Result<(), StoreError> {
    let hook = move |log: &mut Wal, pages: c_int| {
        let pages = u32::try_from(pages).unwrap_or(0);
        told(pages);
        if pages >= WAL_PAGES {
            // It is being folded, or cannot be; what was committed is committed, and the next commit tries again.
            let _ = log.checkpoint();
        }
        Ok(())
    };
    Ok(connection.wal_hook(Some(hook))?)
}

/// Folds the write-ahead log as far as nobody reads it.
pub(super) fn fold_log(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.query_row(FOLD, [], |_row| Ok(()))?)
}

/// Cuts the write-ahead log back, unless somebody reads it; nobody is waited for.
pub(super) fn cut_log(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(Duration::ZERO)?;
    let cut = connection.query_row(CUT, [], |_row| Ok(()));
    // However that went, the next commit waits for others as before.
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(cut?)
}
