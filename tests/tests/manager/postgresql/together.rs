//! What goes to the server together, with the COMMIT behind it: when it cannot all be done, nobody is told that it was.

use std::sync::Arc;

use platen_manager::store::{Ingest, Store};
use platen_protocol::identity::DeviceId;
use platen_tests::rigs::manager::messages::{batch, utilisation};
use platen_tests::rigs::postgres::Cluster;
use tokio::task::JoinSet;

use super::{let_in, now, open};

/// Devices that report at once.
const DEVICES: usize = 40;
/// The one whose reports the server refuses.
const REFUSED: usize = 7;

fn name(number: usize) -> DeviceId {
    format!("device-{number}").parse().unwrap()
}

/// Has the server refuse what one device reports, by such a trigger.
fn refuse(cluster: &Cluster, database: &str, trigger: &str) {
    cluster.administer_in(
        database,
        &format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF NEW.device = (SELECT key FROM devices WHERE id = 'device-{REFUSED}') THEN \
             RAISE EXCEPTION 'no room for it'; END IF; RETURN NEW; END $$; \
             CREATE {trigger} FOR EACH ROW EXECUTE FUNCTION refuse()"
        ),
    );
}

/// Hands in a report of each device at once; says whose were taken.
async fn hand_in_all(store: &Store, sequence: u64) -> Vec<usize> {
    let mut handing = JoinSet::new();
    for number in 0..DEVICES {
        let store = store.clone();
        handing.spawn(async move {
            let batch = serde_json::from_value(batch(sequence, &[utilisation(50)])).unwrap();
            let report = Ingest { device: name(number), batch: Arc::new(batch), received: now() };
            (number, store.ingest(report).await)
        });
    }
    let mut taken = Vec::new();
    while let Some(done) = handing.join_next().await {
        let (number, result) = done.unwrap();
        if let Ok(result) = result {
            assert_eq!(result.unwrap().acknowledged, sequence);
            taken.push(number);
        }
    }
    taken.sort_unstable();
    taken
}

/// All but one are taken, each once; when the server takes that one, too, nothing is missing.
async fn one_of_many(trigger: &str) {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let store = open(&cluster, &database).await;
    for number in 0..DEVICES {
        let_in(&store, &name(number)).await;
    }
    let all: Vec<usize> = (0..DEVICES).collect();
    assert_eq!(hand_in_all(&store, 1).await, all);
    refuse(&cluster, &database, trigger);
    let others: Vec<usize> = all.iter().copied().filter(|number| *number != REFUSED).collect();
    for sequence in 2..=4 {
        assert_eq!(hand_in_all(&store, sequence).await, others);
    }
    let count = |of: &str| cluster.administer_in(&database, &format!("SELECT count(*) FROM {of}"));
    assert_eq!(count("reports").trim(), (DEVICES + 3 * (DEVICES - 1)).to_string());
    assert_eq!(count("epochs WHERE acknowledged = 4").trim(), (DEVICES - 1).to_string());
    assert_eq!(count("epochs WHERE acknowledged = 1").trim(), "1");
    // Where it stands is what was committed, not what was tried.
    cluster.administer_in(&database, "DROP FUNCTION refuse CASCADE");
    let late = serde_json::from_value(batch(2, &[utilisation(50)])).unwrap();
    let late = Ingest { device: name(REFUSED), batch: Arc::new(late), received: now() };
    let taken = store.ingest(late).await.unwrap().unwrap();
    assert_eq!((taken.acknowledged, taken.new), (2, 0..1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_cannot_be_written_undoes_its_group_and_not_the_others() {
    one_of_many("TRIGGER refuse BEFORE INSERT ON reports").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_in_the_commit_undoes_its_group_and_not_the_others() {
    one_of_many("CONSTRAINT TRIGGER refuse AFTER INSERT ON reports DEFERRABLE INITIALLY DEFERRED").await;
}
