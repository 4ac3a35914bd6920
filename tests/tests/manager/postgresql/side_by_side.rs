//! Two managers that write of the same devices at the same time: reports, contacts, claims, quotas, what watches remember.
//! Each takes them in another order, and neither ever waits for the other while that waits for it.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use platen_manager::quota::{Usage, UsageChange};
use platen_manager::store::{ContactRecord, Ingest, Replica, Store};
use platen_manager::watch::Memory;
use platen_protocol::identity::DeviceId;
use platen_tests::rigs::manager::messages::{batch, utilisation};
use platen_tests::rigs::postgres::Cluster;
use tokio::task::JoinSet;

use super::{let_in, now, open};

const DEVICES: usize = 120;
const ROUNDS: u64 = 12;

fn name(number: usize) -> DeviceId {
    format!("device-{number}").parse().unwrap()
}

/// What a manager writes beside reports, of these devices in this order.
async fn keep_house(store: &Store, me: Replica, devices: &[DeviceId]) {
    let remote = IpAddr::from(Ipv4Addr::LOCALHOST).to_string();
    let contact = |device: &DeviceId| ContactRecord {
        device: device.clone(),
        last_contact: now(),
        remote: remote.clone(),
    };
    let usage =
        |device: &DeviceId| UsageChange { device: device.clone(), usage: Usage::default(), kept_change: 1 };
    store.claim(devices.to_vec(), me).await.unwrap();
    store.keep_contacts(devices.iter().map(contact).collect()).await.unwrap();
    store.keep_usages(devices.iter().map(usage).collect()).await.unwrap();
    let memories = devices.iter().map(|device| (device.clone(), Memory::default()));
    store.keep_watch_memories(memories.collect()).await.unwrap();
}

/// All that a manager does, over and over: reports of all devices at once, and its own housekeeping between them.
async fn work(store: Store, me: Replica, mut order: VecDeque<DeviceId>) {
    for sequence in 1..=ROUNDS {
        order.rotate_left(DEVICES / 7);
        let mut at_work = JoinSet::new();
        for device in order.clone() {
            let (store, batch) = (store.clone(), batch(sequence, &[utilisation(50)]));
            let batch = Arc::new(serde_json::from_value(batch).unwrap());
            at_work.spawn(async move {
                let report = Ingest { device, batch, received: now() };
                // Both managers are handed the same; whoever is second has it already, or lacks one before it.
                drop(store.ingest(report).await.unwrap());
            });
        }
        for turn in 0..3 {
            let mut devices: Vec<_> = order.iter().cloned().collect();
            devices.rotate_left(turn * DEVICES / 5);
            let store = store.clone();
            at_work.spawn(async move { keep_house(&store, me, &devices).await });
        }
        while let Some(done) = at_work.join_next().await {
            done.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_managers_that_write_of_the_same_devices_never_wait_for_each_other_in_a_circle() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let (one, other) = (open(&cluster, &database).await, open(&cluster, &database).await);
    let devices: VecDeque<DeviceId> = (0..DEVICES).map(name).collect();
    for device in &devices {
        let_in(&one, device).await;
    }
    let first = one.enter("one".to_owned(), now()).await.unwrap();
    let second = other.enter("other".to_owned(), now()).await.unwrap();
    let backwards = devices.iter().rev().cloned().collect();
    tokio::join!(work(one, first, devices), work(other, second, backwards));
    let count = |of: &str| cluster.administer_in(&database, &format!("SELECT count(*) FROM {of}"));
    assert_eq!(count(&format!("epochs WHERE acknowledged = {ROUNDS}")).trim(), DEVICES.to_string());
    assert!(!cluster.log().contains("deadlock"), "{}", cluster.log());
}
