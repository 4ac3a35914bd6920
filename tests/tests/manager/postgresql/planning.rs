//! What the server's planner knows, and what it is kept from.

use platen_tests::rigs::manager::messages::{batch, started};
use platen_tests::rigs::postgres::Cluster;

use super::super::store::{device, ingest, let_in};
use super::open;

#[tokio::test]
async fn the_planner_knows_how_devices_stand_once_that_is_worked_out() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let store = open(&cluster, &database).await;
    let_in(&store, &device()).await;
    ingest(&store, &device(), batch(1, &[started("Colour MFP C450")])).await.unwrap();
    store.close().await;
    drop(store);
    let known = || {
        let sampled =
            "SELECT most_common_vals FROM pg_stats WHERE tablename = 'states' AND attname = 'worst'";
        let rows = "SELECT reltuples FROM pg_class WHERE relname = 'states'";
        (cluster.administer_in(&database, sampled), cluster.administer_in(&database, rows).trim().to_owned())
    };
    assert_eq!(known(), (String::new(), "-1".to_owned()), "nobody has looked at the table");
    cluster.administer_in(&database, "UPDATE states SET worst = -1");
    let store = open(&cluster, &database).await;
    assert_eq!(known().1, "1");
    assert_eq!(store.states_astray().await.unwrap(), []);
}

#[tokio::test]
async fn a_word_of_which_the_index_of_three_letters_has_nothing_is_not_looked_for_there() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let _store = open(&cluster, &database).await;
    let plan = |condition: &str| {
        let sql = format!(
            "SET enable_seqscan = off; SET enable_indexscan = off; \
             EXPLAIN SELECT s.device FROM states s WHERE {condition}"
        );
        cluster.administer_in(&database, &sql)
    };
    let by_index = plan("s.search LIKE '%kiel%'");
    assert!(by_index.contains("states_by_search"), "{by_index}");
    let in_all = plan("s.search COLLATE \"POSIX\" LIKE '%77%'");
    assert!(!in_all.contains("states_by_search"), "{in_all}");
    // The sample of its texts is still used, which the server has for the column alone.
    cluster.administer_in(
        &database,
        "INSERT INTO devices (id, certificate_serial, certificate_expires, enrolled) \
         SELECT 'd' || n, 's' || n, 0, 0 FROM generate_series(1, 1000) n",
    );
    let store = open(&cluster, &database).await;
    let few = plan("s.search COLLATE \"POSIX\" LIKE '%77%'");
    let all = plan("s.search COLLATE \"POSIX\" LIKE '%d%'");
    let rows_of = |plan: &str| {
        let (_, rest) = plan.split_once("rows=").unwrap();
        rest.split_once(' ').unwrap().0.parse::<u32>().unwrap()
    };
    assert!(rows_of(&few) < 100, "{few}");
    assert!(rows_of(&all) > 900, "{all}");
    assert_eq!(store.states_astray().await.unwrap(), []);
}
