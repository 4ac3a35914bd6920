//! Durable reports a second, 200 connections, with reports of many devices committed in groups and
//! with one transaction a report.

use std::time::{Duration, Instant};

use platen_tests::site::Manager;
use serde_json::{Value, json};

use crate::machine::bind;
use crate::table::Table;
use crate::wire::{Http1, Identity, enroll};

const CONNECTIONS: usize = 200;
/// Connections of one device; each has its own epoch.
const CONNECTIONS_PER_DEVICE: usize = 10;
const WATCH: Duration = Duration::from_secs(6);

pub(crate) async fn measure(table: &mut Table) {
    let grouped = rate("").await;
    let single = rate("[ingest]\ngroup = false\n").await;
    table.show(
        "durable reports, in groups",
        grouped,
        "1/s",
        "server on one core; SQLite h1 of the table 45,000 without rules and rows",
    );
    table.show("durable reports, a transaction each", single, "1/s", "the table's 4,800; InfluxDB 1.6 2,900");
    table.at_least("groups beside a transaction a report", grouped / single, "times", 6.0, "goal 8");
}

async fn rate(configuration: &str) -> f64 {
    eprintln!("ingest, {CONNECTIONS} connections, {} s {configuration:?}", WATCH.as_secs());
    let manager = Manager::start_with(configuration);
    let devices = CONNECTIONS / CONNECTIONS_PER_DEVICE;
    let identities: Vec<Identity> = (0..devices).map(|n| enroll(&manager, &format!("bench-{n}"))).collect();
    let mut connections = Vec::new();
    for n in 0..CONNECTIONS {
        connections.push(Http1::open(&manager, &identities[n % devices]).await);
    }
    bind(manager.id(), 0);
    bind(std::process::id(), 1);
    let begin = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for (n, mut connection) in connections.into_iter().enumerate() {
        tasks.spawn(async move {
            let epoch = format!("epoch-{n}");
            let mut sequence = 0;
            while begin.elapsed() < WATCH {
                sequence += 1;
                let reply = connection.post(batch(&epoch, sequence)).await;
                assert_eq!(reply["acknowledged"]["sequence"], sequence);
            }
            sequence
        });
    }
    let mut reports: u64 = 0;
    while let Some(done) = tasks.join_next().await {
        reports += done.unwrap();
    }
    reports as f64 / begin.elapsed().as_secs_f64()
}

/// A batch of one utilisation report of a small printer, about 1 KB.
fn batch(epoch: &str, sequence: u64) -> Vec<u8> {
    let supply = |name: &str, index: u64| {
        json!({
            "name": name, "index": index, "class": "supplyThatIsConsumed", "type": "tonerCartridge", "colorant": name,
            "unit": "tenthsOfGrams", "capacity": {"state": "known", "amount": 3000},
            "level": {"state": "known", "amount": 3000 - sequence % 3000}, "set_percent": 10, "serial": "SIM",
        })
    };
    let supplies: Vec<Value> =
        (1..).zip(["black", "cyan"]).map(|(index, name)| supply(name, index)).collect();
    let report = json!({
        "sequence": sequence, "simulated": true,
        "taken": {"boot_id": "5a0c6d7e-2f0e-4a53-9a32-0d6de40a8c11", "monotonic_ms": sequence, "wall": "2026-11-22T09:00:00Z", "clock": "synchronised"},
        "body": {
            "kind": "utilisation", "running_seconds": sequence, "failed_reads": 0,
            "readings": {
                "supplies": supplies, "parts": [],
                "temperatures": [{"name": "cabinet", "millidegrees_celsius": {"state": "known", "value": 25000}}],
                "switches": [{"name": "cover", "meaning": "cover", "active": {"state": "known", "value": false}}],
            },
        },
    });
    json!({"version": 1, "epoch": epoch, "oldest_sequence": sequence, "reports": [report]})
        .to_string()
        .into_bytes()
}
