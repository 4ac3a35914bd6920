//! Server memory of a parked device: growth of the manager's RSS a device, after one wake-up.

use std::time::Duration;

use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::process::until;
use serde_json::json;

use crate::machine::memory;
use crate::table::Table;
use crate::wire::{Http2, enroll};

/// Devices, unless `PLATEN_BENCH_DEVICES` says otherwise.
const DEVICES: usize = 500;
const WAIT_SECONDS: u32 = 240;
/// The manager gives memory back to the system at its leisure after load.
const SETTLE: Duration = Duration::from_secs(3);

pub(crate) async fn measure(table: &mut Table) {
    let count = std::env::var("PLATEN_BENCH_DEVICES").map_or(DEVICES, |text| text.parse().unwrap());
    eprintln!("parking {count} devices");
    let manager = Manager::start();
    let operator = manager.operator();
    let identities: Vec<_> = (0..count).map(|n| enroll(&manager, &format!("parked-{n}"))).collect();
    tokio::time::sleep(SETTLE).await;
    let before = memory(manager.id(), "Rss:");
    let mut tasks = tokio::task::JoinSet::new();
    for identity in &identities {
        let mut connection = Http2::open(&manager, identity).await;
        tasks.spawn(async move {
            let woken = connection.park(WAIT_SECONDS).await;
            assert_eq!(woken["commands"].as_array().unwrap().len(), 1);
            connection.park(WAIT_SECONDS).await;
        });
    }
    let parked = |wanted: usize| {
        until("all devices are parked", || {
            let mut cursor = String::new();
            let mut parked = 0;
            loop {
                let page = operator.json(&format!("/api/v1/devices?limit=100{cursor}"));
                let items = page["items"].as_array().unwrap();
                parked += items.iter().filter(|device| device["contact"]["state"] == "parked").count();
                let Some(next) = page["next_cursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            (parked == wanted).then_some(())
        });
    };
    tokio::time::sleep(SETTLE).await;
    tokio::task::block_in_place(|| parked(count));
    for identity in &identities {
        let path = format!("/api/v1/devices/{}/commands", identity.name);
        assert_eq!(operator.post(&path, &json!({"action": {"kind": "read_now"}})).status, 202);
    }
    tokio::time::sleep(SETTLE).await;
    tokio::task::block_in_place(|| parked(count));
    let after = memory(manager.id(), "Rss:");
    table.show(
        "server memory a parked device, HTTP/2, woken once",
        (after - before) / count as f64,
        "bytes",
        "goal 12,000; mosquitto 20,245, nchan 32,077, plain hyper h2 33,180",
    );
}
