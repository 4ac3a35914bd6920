//! Folding SQLite's write-ahead log into the database beside the writer. SQLite folds within the commit that finds the log
//! long enough, and that commit's reports wait for it: rarely for long while rows are only added, for they lie side by side,
//! but for many scattered pages while old rows are deleted. So a thread with a connection of its own writes most pages out
//! beforehand. The writer folds what is left, which is little, for the log begins anew only where all of it is folded and
//! nothing follows.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::LogLimits;
use super::engine::{Connection, Location, Purpose, WAL_PAGES};

/// New pages in the log after which they are folded beside the writer: often enough that little is left for it, and seldom
/// enough that a page which is written again and again is folded once.
const FOLD_PAGES: u32 = WAL_PAGES / 2;

/// The thread. It ends when nobody can wake it any more.
pub(super) struct Folder {
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Folder {
    pub(super) fn start(location: Location, limits: LogLimits) -> Self {
        // One place: who folds does all that is there.
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::spawn(move || run(&location, limits, &woken));
        Self { wake, thread }
    }

    /// Has this connection's commits wake the thread, and fold themselves what is left.
    pub(super) fn wake_by(&self, connection: &mut Connection) {
        let wake = self.wake.clone();
        let mut folded = 0;
        let told = connection.fold_when(move |pages| {
            // The log has begun anew.
            if pages < folded {
                folded = 0;
            }
            if pages - folded >= FOLD_PAGES {
                folded = pages;
                // Where it is awake already, it does this as well, or the next commits wake it.
                let _ = wake.try_send(());
            }
        });
        // Then SQLite folds as it is used to.
        if let Err(error) = told {
            tracing::debug!(%error, "the write-ahead log is folded by the commits alone");
        }
    }

    /// Waits for its end. The connections that wake it must be gone.
    pub(super) fn close(self) {
        let Self { wake, thread } = self;
        drop(wake);
        // A panic was told by its thread, and what it did not fold the next start does.
        let _ = thread.join();
    }
}

fn run(location: &Location, limits: LogLimits, woken: &Receiver<()>) {
    let mut connection = None;
    while woken.recv().is_ok() {
        let folded = match connection.take() {
            Some(open) => Ok(open),
            None => Connection::open(location, limits, Purpose::Write),
        }
        .and_then(|open| open.fold_log().map(|()| open));
        match folded {
            Ok(open) => connection = Some(open),
            // The writer meets the same trouble and tells of it. A connection from before it may not outlive it.
            Err(error) => {
                tracing::debug!(%error, "the write-ahead log could not be folded beside the writer");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::engine::values;

    /// Bytes of a row that has a page of its own.
    const PAGE_FULL: u32 = 3000;

    fn open(path: &Path) -> Connection {
        Connection::open(&Location::Sqlite(path.to_owned()), LogLimits::default(), Purpose::Write).unwrap()
    }

    fn write_pages(connection: &Connection, pages: u32) {
        // In one transaction, for each writes pages of its own.
        let written = connection.write(|connection| {
            (0..pages).try_for_each(|_| {
                let row = "INSERT INTO rows VALUES (zeroblob(?1))";
                connection.execute(row, values![PAGE_FULL]).map(drop)
            })
        });
        written.unwrap();
    }

    /// Rows in the database's file alone, as if its log were lost.
    fn without_log(path: &Path) -> u32 {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.db");
        std::fs::copy(path, &copy).unwrap();
        let counted = open(&copy).row("SELECT count(*) FROM rows", &[], |row| row.get(0));
        counted.unwrap()
    }

    fn rows_folded(beside: bool) -> u32 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("platen.db");
        let mut connection = open(&path);
        connection.batch("CREATE TABLE rows (bytes BLOB)").unwrap();
        connection.cut_log().unwrap();
        let reader = open(&path);
        let folding = Folder::start(Location::Sqlite(path.clone()), LogLimits::default());
        if beside {
            folding.wake_by(&mut connection);
        }
        // Fewer than a commit folds by itself.
        write_pages(&connection, FOLD_PAGES - 100);
        assert_eq!(without_log(&path), 0, "too few to be folded");
        write_pages(&connection, 200);
        // The last connection to close would fold as well.
        drop(connection);
        folding.close();
        let rows = without_log(&path);
        drop(reader);
        rows
    }

    #[test]
    fn what_was_committed_is_folded_beside_the_writer_before_a_commit_has_to() {
        assert!(rows_folded(true) >= FOLD_PAGES - 100);
        assert_eq!(rows_folded(false), 0);
    }
}
