//! A copy of SQLite's file as it was at one moment, while others write on.
//!
//! The copy is made in small steps under one look at the database: nobody waits for it, and it does not begin anew with
//! each commit, as SQLite's own steps would. For so long the write-ahead log grows; where it comes near its limit the
//! copy is given up, before the manager would have to refuse reports.

use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::log::Log;
use super::{LogLimits, StoreError};

/// Pages that are copied in one step: a megabyte.
const STEP_PAGES: i32 = 256;
/// What stands in the log's way for longer than this part of its limit is given up.
const LOG_PART: u64 = 2;
/// How long is waited when the database is locked for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the copy then rests before it looks again.
const LOCKED_PAUSE: Duration = Duration::from_millis(10);
/// Findings of the engine's own check that are told.
const MAX_FINDINGS: u32 = 20;

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The version of its tables.
    pub version: u32,
    /// Its size.
    pub bytes: u64,
    /// What is wrong with it, in the engine's words.
    pub findings: Vec<String>,
}

/// Copies the database at `from` to a new file, and checks the copy. `told` hears how many of how many bytes are done.
pub fn copy(
    from: &Path,
    to: &Path,
    limits: LogLimits,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Copied, StoreError> {
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    source.busy_timeout(BUSY_TIMEOUT)?;
    source.pragma_update(None, "query_only", true)?;
    // From here on it is one moment that is seen.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")?;
    let page: i64 = source.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let mut copy = Connection::open(to)?;
    // It is whole once it has its name; until then it may be lost.
    copy.pragma_update(None, "synchronous", "OFF")?;
    let log = Log::beside(from, limits);
    {
        let steps = Backup::new(&source, &mut copy)?;
        loop {
            let step = steps.step(STEP_PAGES)?;
            let progress = steps.progress();
            let bytes = |pages: i32| u64::try_from(i64::from(pages) * page).unwrap_or(0);
            told(bytes(progress.pagecount - progress.remaining), bytes(progress.pagecount));
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                _ => std::thread::sleep(LOCKED_PAUSE),
            }
            let held = log.bytes();
            if held > limits.most / LOG_PART {
                return Err(StoreError::CopyTooSlow { bytes: held });
            }
        }
    }
    source.execute_batch("ROLLBACK")?;
    drop(source);
    // One file, without a log beside it.
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    let version = copy.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let findings = integrity(&copy)?;
    drop(copy);
    let bytes = std::fs::metadata(to).map_or(0, |found| found.len());
    Ok(Copied { version, bytes, findings })
}

/// What the engine's own check finds; nothing, if all is well.
pub(super) fn integrity(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({MAX_FINDINGS})"))?;
    let findings = statement.query_map([], |row| row.get::<_, String>(0))?;
    let findings: Vec<String> = findings.collect::<Result<_, _>>()?;
    Ok(findings.into_iter().filter(|finding| finding != "ok").collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(directory: &Path) -> Connection {
        let connection = Connection::open(directory.join("d.sqlite3")).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection
            .execute_batch("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT); PRAGMA user_version = 7;")
            .unwrap();
        fill(&connection, 4_000);
        connection
    }

    fn fill(connection: &Connection, rows: u32) {
        let transaction = connection.unchecked_transaction().unwrap();
        for _ in 0..rows {
            transaction.execute("INSERT INTO t (b) VALUES (?1)", ["x".repeat(500)]).unwrap();
        }
        transaction.commit().unwrap();
    }

    #[test]
    fn a_copy_holds_the_moment_at_which_it_was_begun_though_others_write_at_each_step() {
        let directory = tempfile::tempdir().unwrap();
        let writer = database(directory.path());
        let (from, to) = (directory.path().join("d.sqlite3"), directory.path().join("copy"));
        let mut steps = 0;
        let copied = copy(&from, &to, LogLimits::default(), &mut |done, all| {
            assert!(done <= all);
            steps += 1;
            fill(&writer, 1);
        })
        .unwrap();
        assert!(steps > 1, "{steps}");
        assert_eq!((copied.version, copied.findings), (7, vec![]));
        let copy = Connection::open(&to).unwrap();
        let count: u32 = copy.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 4_000);
        assert!(!directory.path().join("copy-wal").exists());
    }

    #[test]
    fn a_copy_is_given_up_before_the_log_has_reached_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let writer = database(directory.path());
        let limits = LogLimits { cut_above: 1 << 16, most: 1 << 22 };
        let (from, to) = (directory.path().join("d.sqlite3"), directory.path().join("copy"));
        let result = copy(&from, &to, limits, &mut |_, _| fill(&writer, 2_000));
        assert!(matches!(result, Err(StoreError::CopyTooSlow { .. })), "{result:?}");
    }
}
