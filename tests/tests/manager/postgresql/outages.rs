//! A server that goes away, and comes back, while reports come in: what was acknowledged is there, once.

use std::time::Duration;

use platen_manager::store::{ReportFilter, Scope, TroubleCause};
use platen_tests::rigs::postgres::Cluster;

use super::{all_are_there, device, hand_in, let_in, open, try_open_in, until_trouble};

/// Hands in reports while something is done to the server.
async fn through(cluster: &mut Cluster, act: impl FnOnce(&mut Cluster) + Send) {
    let database = cluster.database();
    let store = open(cluster, &database).await;
    let_in(&store, &device()).await;
    let (before, after) = (20, 20);
    for sequence in 1..=before {
        hand_in(&store, sequence).await;
    }
    let (done, mut wait) = tokio::sync::oneshot::channel();
    let sending = {
        let store = store.clone();
        tokio::spawn(async move {
            let mut sequence = before;
            while wait.try_recv().is_err() {
                sequence += 1;
                hand_in(&store, sequence).await;
            }
            sequence
        })
    };
    // In the midst of commits.
    tokio::time::sleep(Duration::from_millis(100)).await;
    tokio::task::block_in_place(|| act(cluster));
    done.send(()).unwrap();
    let sent = sending.await.unwrap();
    for sequence in sent + 1..=sent + after {
        hand_in(&store, sequence).await;
    }
    until_trouble(&store, None).await;
    assert_eq!(
        store.reports(&Scope::All, ReportFilter::default(), None, 5).await.unwrap().len(),
        5,
        "look-ups are made again"
    );
    all_are_there(cluster, &database, sent + after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_loses_nothing_that_was_acknowledged() {
    through(&mut Cluster::start(), Cluster::restart).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_loses_nothing_that_was_acknowledged() {
    through(&mut Cluster::start(), |cluster| {
        cluster.kill();
        cluster.start_again();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_immediate_stop_loses_nothing_that_was_acknowledged() {
    through(&mut Cluster::start(), |cluster| {
        cluster.stop_immediately();
        cluster.start_again();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_an_administrator_ends_are_made_anew() {
    through(&mut Cluster::start(), |cluster| {
        for _ in 0..3 {
            cluster.cut_connections("platen1");
            std::thread::sleep(Duration::from_millis(20));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_waited_for() {
    through(&mut Cluster::start(), |cluster| {
        cluster.freeze(true);
        std::thread::sleep(Duration::from_secs(1));
        cluster.freeze(false);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_it_from_storing_is_named_and_over_when_it_is_over() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let store = open(&cluster, &database).await;
    let_in(&store, &device()).await;
    hand_in(&store, 1).await;
    cluster.make_read_only(true);
    until_trouble(&store, Some(TroubleCause::ServerReadOnly)).await;
    let trouble = store.health().trouble().unwrap();
    assert!(trouble.cause.words().contains("standby") && trouble.detail.contains("25006"), "{trouble:?}");
    assert_eq!(
        store.reports(&Scope::All, ReportFilter::default(), None, 5).await.unwrap().len(),
        1,
        "it can be read"
    );
    cluster.make_read_only(false);
    until_trouble(&store, None).await;
    hand_in(&store, 2).await;
    cluster.stop();
    until_trouble(&store, Some(TroubleCause::Unreachable)).await;
    assert!(store.reports(&Scope::All, ReportFilter::default(), None, 5).await.is_err());
    cluster.start_again();
    until_trouble(&store, None).await;
    // A reason that changes is told anew.
    cluster.administer("ALTER ROLE platen NOLOGIN");
    cluster.cut_connections(&database);
    until_trouble(&store, Some(TroubleCause::Refused)).await;
    cluster.administer("ALTER ROLE platen LOGIN");
    until_trouble(&store, None).await;
    hand_in(&store, 3).await;
    all_are_there(&cluster, &database, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_shows_what_it_has_and_stores_once_it_is_promoted() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let state = cluster.state();
    let first = try_open_in(state.clone(), cluster.config(&database)).await.unwrap();
    let_in(&first, &device()).await;
    hand_in(&first, 1).await;
    let standby = cluster.standby();
    hand_in(&first, 2).await;
    cluster.until_it_follows(&standby);
    // The same manager, which asks another server.
    let second = try_open_in(state, standby.config(&database)).await.unwrap();
    until_trouble(&second, Some(TroubleCause::ServerReadOnly)).await;
    assert_eq!(second.reports(&Scope::All, ReportFilter::default(), None, 5).await.unwrap().len(), 2);
    cluster.kill();
    standby.promote();
    until_trouble(&second, None).await;
    hand_in(&second, 3).await;
    all_are_there(&standby, &database, 3);
}
