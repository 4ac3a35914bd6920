//! The database's write-ahead log while another program, a process of its own, reads the database as it was.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use platen_manager::store::{Grouping, LogLimits, Store, StoreError, TroubleCause};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use platen_tests::rigs::manager::messages::{batch, utilisation};
use platen_tests::rigs::manager::task::TestManager;

use super::store::{device, ingest, let_in, now};

/// The database that the process is to read.
const READS: &str = "PLATEN_TEST_READS";
const READING: &str = "reading it as it is now";
const MIB: u64 = 1024 * 1024;

/// Not a test of its own: what the others start beside the manager. It reads until its input ends.
#[test]
fn a_program_beside_the_manager_reads_until_it_is_told_to_end() {
    let Some(database) = std::env::var_os(READS) else { return };
    let reader = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let count = || reader.query_row("SELECT count(*) FROM reports", [], |row| row.get::<_, i64>(0)).unwrap();
    let before = count();
    println!("{READING}");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(count(), before, "it has read one moment all the time");
}

struct OutsideReader {
    process: Child,
    /// Kept, so that it can say how its test went.
    said: BufReader<ChildStdout>,
}

impl OutsideReader {
    fn of(database: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "log::a_program_beside_the_manager_reads_until_it_is_told_to_end",
                "--nocapture",
            ])
            .env(READS, database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains(READING) {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "it ended before it read");
        }
        Self { process, said }
    }

    fn end(mut self) {
        drop(self.process.stdin.take());
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        assert!(self.process.wait().unwrap().success(), "{rest}");
    }
}

/// A store with one device, that hands in one batch after the other.
struct Busy {
    store: Store,
    next: u64,
    directory: tempfile::TempDir,
}

impl Busy {
    const REPORTS: usize = 50;

    async fn open(limits: LogLimits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open_within(&directory.path().join("s"), Grouping::Group, limits).unwrap();
        let_in(&store, &device()).await;
        Self { store, next: 1, directory }
    }

    fn log_bytes(&self) -> u64 {
        std::fs::metadata(self.directory.path().join("s-wal")).unwrap().len()
    }

    fn reader(&self) -> OutsideReader {
        OutsideReader::of(&self.directory.path().join("s"))
    }

    fn next_batch(&self) -> serde_json::Value {
        batch(self.next, &vec![utilisation(50); Self::REPORTS])
    }

    async fn hand_in(&mut self) {
        ingest(&self.store, &device(), self.next_batch()).await.unwrap();
        self.next += Self::REPORTS as u64;
    }
}

#[tokio::test]
async fn a_log_that_an_outside_reader_let_grow_is_told_and_is_cut_back_when_the_reader_has_ended() {
    let limits = LogLimits { cut_above: 6 * MIB, most: 1024 * MIB };
    let mut busy = Busy::open(limits).await;
    busy.hand_in().await;
    let reader = busy.reader();
    while busy.log_bytes() <= limits.cut_above + MIB {
        busy.hand_in().await;
    }
    busy.store.look_after_log(now()).await.unwrap();
    let log = busy.store.health().log();
    assert!(log.bytes > limits.cut_above && log.over_since.is_some(), "{log:?}");
    assert_eq!(busy.store.health().trouble(), None, "everything is stored meanwhile");
    reader.end();
    // Nothing else is stored: the look alone has it cut back.
    while busy.log_bytes() > limits.cut_above {
        busy.store.look_after_log(now()).await.unwrap();
    }
    busy.store.look_after_log(now()).await.unwrap();
    assert_eq!(busy.store.health().log().over_since, None);
    busy.hand_in().await;
    let held = busy.store.device(device()).await.unwrap().unwrap();
    assert_eq!(held.readings.unwrap().supplies[0].percent(), Some(50));
}

#[tokio::test]
async fn a_log_at_its_limit_refuses_what_comes_until_the_reader_has_ended() {
    let limits = LogLimits { cut_above: MIB / 4, most: MIB };
    let mut busy = Busy::open(limits).await;
    let reader = busy.reader();
    let refused = loop {
        let batch = serde_json::from_value(busy.next_batch()).unwrap();
        let piece = platen_manager::store::Ingest {
            device: device(),
            batch: std::sync::Arc::new(batch),
            received: now(),
        };
        match busy.store.ingest(piece).await {
            Ok(stored) => busy.next = stored.unwrap().acknowledged + 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, StoreError::LogHeld { bytes } if bytes > limits.most), "{refused}");
    assert_eq!(busy.store.health().trouble().unwrap().cause, TroubleCause::LogHeld);
    let at_the_limit = busy.log_bytes();
    assert!(busy.store.probe(now()).await.is_err());
    assert_eq!(busy.log_bytes(), at_the_limit, "it grows no further");
    reader.end();
    while busy.store.probe(now()).await.is_err() {
        tokio::task::yield_now().await;
    }
    busy.hand_in().await;
    assert!(busy.log_bytes() <= limits.most);
}

#[tokio::test]
async fn the_size_of_the_log_is_a_part_of_the_managers_health() {
    let manager = TestManager::start().await;
    let health = manager.api("/api/v1/health").await;
    let log = &health["write_ahead_log"];
    assert_eq!((&log["limit_bytes"], &log["over_since"]), (&json!(8 * MIB), &json!(null)), "{health}");
    assert_eq!(log["remedy"], json!(null));
}
