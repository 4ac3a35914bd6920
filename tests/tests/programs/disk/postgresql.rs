//! PostgreSQL on a full disk: of its tables, or of all that it has. The manager's store says so, acknowledges nothing that is
//! not stored, and goes on by itself once there is room.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use platen_manager::store::{Enrolment, Grouping, Ingest, NewToken, Store, TroubleCause};
use platen_tests::rigs::disk::mounts_of_its_own;
use platen_tests::rigs::manager::messages::{batch, utilisation};
use platen_tests::rigs::postgres::Cluster;
use platen_tests::rigs::process::PATIENCE;

const TABLES_DISK: u64 = 48 * 1024 * 1024;
const WHOLE_DISK: u64 = 160 * 1024 * 1024;
/// Reports that are handed in at once: enough to need new pages soon.
const AT_ONCE: usize = 100;
const NAME: &str = "lobby";

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

/// A device that hands in one batch after the other, and remembers what was acknowledged.
struct Device {
    store: Store,
    acknowledged: u64,
}

impl Device {
    async fn enrolled(cluster: &Cluster, database: &str) -> Self {
        let config = cluster.config(database).with_journal(cluster.state());
        let opening = tokio::task::spawn_blocking(move || Store::open_postgres(config, Grouping::Group));
        let store = opening.await.unwrap().unwrap();
        let expires = now() + SignedDuration::from_hours(1);
        store.add_token(NewToken { hash: "h".into(), device: None, created: now(), expires }).await.unwrap();
        let enrolment = Enrolment {
            token_hash: "h".into(),
            device: NAME.parse().unwrap(),
            certificate_serial: "40aa".to_owned(),
            certificate_expires: expires,
            now: now(),
        };
        store.enrol(enrolment).await.unwrap().unwrap();
        Self { store, acknowledged: 0 }
    }

    /// Hands in the next batch; whether it was acknowledged.
    async fn hand_in(&mut self) -> bool {
        let batch = batch(self.acknowledged + 1, &vec![utilisation(50); AT_ONCE]);
        let batch = Arc::new(serde_json::from_value(batch).unwrap());
        let taken = self.store.ingest(Ingest { device: NAME.parse().unwrap(), batch, received: now() }).await;
        if let Ok(taken) = taken {
            self.acknowledged = taken.unwrap().acknowledged;
            return true;
        }
        false
    }

    /// Goes on until nothing can be stored; why.
    async fn until_full(&mut self) -> TroubleCause {
        let begin = Instant::now();
        loop {
            let taken = self.hand_in().await;
            if let Some(trouble) = self.store.health().trouble().filter(|_| !taken) {
                println!("after {} reports: {}", self.acknowledged, trouble.detail);
                return trouble.cause;
            }
            assert!(begin.elapsed() < PATIENCE, "{} reports fit", self.acknowledged);
        }
    }

    /// Goes on until storing works for good.
    async fn until_well(&mut self) {
        let begin = Instant::now();
        while !self.hand_in().await || self.store.health().trouble().is_some() {
            let trouble = self.store.health().trouble();
            assert!(begin.elapsed() < PATIENCE, "{trouble:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn all_are_there(&self, cluster: &Cluster, database: &str) {
        let found = cluster
            .administer_in(database, "SELECT count(*), count(DISTINCT sequence), max(sequence) FROM reports");
        let last = self.acknowledged;
        assert_eq!(found.trim(), format!("{last}|{last}|{last}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_whose_tables_have_no_room_is_named_and_goes_on_once_there_is_room() {
    mounts_of_its_own();
    let mut cluster = Cluster::start();
    let disk = cluster.small_disk("small", TABLES_DISK);
    let database = cluster.database_on(&disk);
    let mut device = Device::enrolled(&cluster, &database).await;
    assert!(device.hand_in().await);
    disk.volume.fill();
    assert_eq!(device.until_full().await, TroubleCause::ServerFull);
    disk.volume.free();
    device.until_well().await;
    device.all_are_there(&cluster, &database);
    device.store.close().await;
    drop(cluster);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_that_dies_of_a_full_disk_has_all_that_was_acknowledged_when_it_is_back() {
    mounts_of_its_own();
    let mut cluster = Cluster::start();
    let database = cluster.database();
    cluster.stop();
    let volume = cluster.onto_small_disk(WHOLE_DISK);
    cluster.start_again();
    let mut device = Device::enrolled(&cluster, &database).await;
    assert!(device.hand_in().await);
    volume.fill();
    // It says that its disk is full as long as it can, and then dies of it.
    let cause = device.until_full().await;
    assert!(matches!(cause, TroubleCause::ServerFull | TroubleCause::Unreachable), "{cause:?}");
    volume.free();
    cluster.stop_immediately();
    cluster.start_again();
    device.until_well().await;
    device.all_are_there(&cluster, &database);
    device.store.close().await;
    drop(cluster);
}
