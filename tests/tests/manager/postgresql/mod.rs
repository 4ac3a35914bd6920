//! The store on a real PostgreSQL that is not as it should be: away, read-only, full of sessions, of another encoding, used by
//! a manager of another version; and the way to it from SQLite.

mod coming_in;
mod moving;
mod outages;
mod planning;
mod program;
mod programs;
mod side_by_side;
mod taking_over;
mod together;
mod versions;

use std::path::PathBuf;
use std::time::Duration;

use platen_manager::store::{Grouping, PostgresConfig, Store, StoreError, TroubleCause};
use platen_tests::rigs::manager::messages::{batch, utilisation};
use platen_tests::rigs::postgres::Cluster;

use super::store::{device, ingest, let_in, now};

/// Opens it beside the runtime, as the manager does.
async fn try_open(cluster: &Cluster, config: PostgresConfig) -> Result<Store, StoreError> {
    try_open_in(cluster.state(), config).await
}

/// The same with what a manager has beside its database.
async fn try_open_in(state: PathBuf, config: PostgresConfig) -> Result<Store, StoreError> {
    let config = config.with_journal(state);
    tokio::task::spawn_blocking(move || Store::open_postgres(config, Grouping::Group)).await.unwrap()
}

async fn open(cluster: &Cluster, database: &str) -> Store {
    try_open(cluster, cluster.config(database)).await.unwrap()
}

/// Waits for what a store says of itself, which it finds out when it stores.
async fn until_trouble(store: &Store, wanted: Option<TroubleCause>) {
    let begin = std::time::Instant::now();
    loop {
        // How it goes is noted by the store itself.
        let _ = store.probe(now()).await;
        let found = store.health().trouble().map(|trouble| trouble.cause);
        if found == wanted {
            return;
        }
        assert!(begin.elapsed() < platen_tests::rigs::process::PATIENCE, "{found:?} is not {wanted:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Stores a report with the next sequence as a device does: it sends it again until it is acknowledged.
async fn hand_in(store: &Store, sequence: u64) {
    let begin = std::time::Instant::now();
    loop {
        let report = serde_json::from_value(batch(sequence, &[utilisation(50)])).unwrap();
        let report = platen_manager::store::Ingest {
            device: device(),
            batch: std::sync::Arc::new(report),
            received: now(),
        };
        match store.ingest(report).await {
            Ok(taken) => {
                assert_eq!(taken.unwrap().acknowledged, sequence);
                return;
            }
            Err(error) => assert!(
                begin.elapsed() < platen_tests::rigs::process::PATIENCE,
                "{sequence} is not taken: {error}"
            ),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every sequence from 1 to this one is there, once.
fn all_are_there(cluster: &Cluster, database: &str, last: u64) {
    let found = cluster.administer_in(
        database,
        "SELECT count(*), count(DISTINCT sequence), coalesce(max(sequence), 0) FROM reports",
    );
    assert_eq!(found.trim(), format!("{last}|{last}|{last}"));
}
