//! Durable reports a second, 200 connections, with reports of many devices committed in groups and
//! with one transaction a report.

use std::time::{Duration, Instant};

use platen_tests::rigs::manager::process::Manager;
use serde_json::{Value, json};

use crate::machine::{bind, cpu_nanoseconds};
use crate::table::Table;
use crate::wire::{Http1, Identity, enroll};

const CONNECTIONS: usize = 200;
const WATCH: Duration = Duration::from_secs(5);
const ROUNDS: usize = 3;
/// What is measured is the store, and not how often one device may ask.
const LIMITS: &str = "[limits]\nrequests_per_minute = 1000000\nrequests_burst = 100000\n";

pub(crate) async fn measure(table: &mut Table) {
    // In turns, and the middle of each: the disk of a shared machine is not the same from one moment to
    // the next.
    let (mut grouped, mut single) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        grouped.push(rate(LIMITS).await);
        single.push(rate(&format!("{LIMITS}[ingest]\ngroup = false\n")).await);
    }
    let (grouped, single) = (middle(grouped), middle(single));
    table.show(
        "durable reports, in groups",
        grouped,
        "1/s",
        "server on one core; SQLite h1 of the table 45,000 without rules and rows",
    );
    table.show("durable reports, a transaction each", single, "1/s", "the table's 4,800; InfluxDB 1.6 2,900");
    table.at_least("groups beside a transaction a report", grouped / single, "times", 6.0, "goal 8");
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn rate(configuration: &str) -> f64 {
    eprintln!("ingest, {CONNECTIONS} connections, {} s {configuration:?}", WATCH.as_secs());
    let manager = Manager::start_with(configuration);
    let identities: Vec<Identity> =
        (0..CONNECTIONS).map(|n| enroll(&manager, &format!("bench-{n}"))).collect();
    let mut connections = Vec::new();
    for identity in &identities {
        connections.push(Http1::open(&manager, identity).await);
    }
    bind(manager.id(), 0);
    bind(std::process::id(), 1);
    let begin = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for (n, mut connection) in connections.into_iter().enumerate() {
        tasks.spawn(async move {
            let body = template();
            let mut sequence = 0;
            while begin.elapsed() < WATCH {
                sequence += 1;
                let reply = connection.post(batch(n, sequence, &body)).await;
                let acknowledged =
                    format!("\"acknowledged\":{{\"epoch\":\"epoch-{n}\",\"sequence\":{sequence}}}");
                assert!(std::str::from_utf8(&reply).unwrap().contains(&acknowledged), "{reply:?}");
            }
            sequence
        });
    }
    let before = (cpu_nanoseconds(manager.id()), cpu_nanoseconds(std::process::id()));
    let mut reports: u64 = 0;
    while let Some(done) = tasks.join_next().await {
        reports += done.unwrap();
    }
    let seconds = begin.elapsed().as_secs_f64();
    let share = |now: u64, before: u64| (now - before) as f64 / 1e7 / seconds;
    eprintln!(
        "  {reports} reports; manager {:.0} % and client {:.0} % of a core",
        share(cpu_nanoseconds(manager.id()), before.0),
        share(cpu_nanoseconds(std::process::id()), before.1),
    );
    reports as f64 / seconds
}

/// A batch of one utilisation report of a small printer, about 1 KB: all but the epoch and the sequence
/// is made once, so that the client costs little beside the server.
fn template() -> String {
    let supply = |name: &str, index: u64| {
        json!({
            "name": name, "index": index, "class": "supplyThatIsConsumed", "type": "tonerCartridge", "colorant": name,
            "unit": "tenthsOfGrams", "capacity": {"state": "known", "amount": 3000},
            "level": {"state": "known", "amount": 1500}, "set_percent": 10, "serial": "SIM",
        })
    };
    let supplies: Vec<Value> =
        (1..).zip(["black", "cyan"]).map(|(index, name)| supply(name, index)).collect();
    json!({
        "kind": "utilisation", "running_seconds": 900, "failed_reads": 0,
        "readings": {
            "supplies": supplies, "parts": [],
            "temperatures": [{"name": "cabinet", "millidegrees_celsius": {"state": "known", "value": 25000}}],
            "switches": [{"name": "cover", "meaning": "cover", "active": {"state": "known", "value": false}}],
        },
    })
    .to_string()
}

fn batch(epoch: usize, sequence: u64, body: &str) -> Vec<u8> {
    format!(
        r#"{{"version":1,"epoch":"epoch-{epoch}","oldest_sequence":{sequence},"reports":[{{"sequence":{sequence},"simulated":true,"taken":{{"boot_id":"5a0c6d7e-2f0e-4a53-9a32-0d6de40a8c11","monotonic_ms":{sequence},"wall":"2026-11-22T09:00:00Z","clock":"synchronised"}},"body":{body}}}]}}"#
    )
    .into_bytes()
}
