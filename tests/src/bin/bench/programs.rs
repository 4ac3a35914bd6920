//! Programs: what a device costs that asks and for which there is nothing, and how long reports wait while very many
//! devices fetch a program of many megabytes at the same time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use platen_protocol::path;
use platen_tests::rigs::crowd::updated::{Fate, Updated, asks};
use platen_tests::rigs::maker::Maker;
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::manager::task::now;
use platen_tests::rigs::pki::{Identity, SERVER_NAME};
use platen_tests::rigs::process::{charged, run_ok, until_within};
use platen_trust::sign::key::public_from_pem;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Bench;
use crate::centre::{self, Centre, Plan};
use crate::clients;
use crate::ingest::LIMITS;
use crate::machine::{bind, cpu_nanoseconds, percentile};
use crate::server::SERVER_CORE;
use crate::store::{WAITING, WAITS, waits_of};
use crate::table::Table;

/// No device of these is told to ask more rarely.
const OFTEN: &str = "program_requests_per_minute = 100000\n";
/// Times that each of some asks, one after the other, on a connection of its own.
const ASKED: usize = 1_000;
/// Devices that fetch at once, and how much each.
const FETCHING: usize = 1_000;
const PROGRAM_BYTES: usize = 20 * 1024 * 1024;
/// The devices are parked, and all of them fetch, within this.
const WITHIN: Duration = Duration::from_secs(120);
const MIB: f64 = 1024.0 * 1024.0;

pub(crate) fn measure(bench: &Bench, table: &mut Table) {
    crate::keep_to_client_core();
    let fetching = bench.sizes.of(FETCHING);
    let all = bench.pki.identities("busy", 0, WAITING + fetching);
    let (reporting, asking) = all.split_at(WAITING);
    let lines = format!("{LIMITS}{OFTEN}");
    let centre = centre::start(&bench.pki, &all, Plan { lines: &lines, ..Plan::default() });
    bind(centre.manager.id(), SERVER_CORE);
    ask(bench, &centre, reporting, table);
    fetch(bench, &centre, (reporting, asking), table);
}

/// What it costs to be told that there is nothing. The first is there to compare with: a path that nothing is behind.
fn ask(bench: &Bench, centre: &Centre, devices: &[Identity], table: &mut Table) {
    eprintln!("{} devices ask {ASKED} times each for a program, and there is none", devices.len());
    let (bare, _) =
        bench.runtime.block_on(cost(bench, centre, devices, "/v1/nothing", StatusCode::NOT_FOUND));
    let (asking, bytes) =
        bench.runtime.block_on(cost(bench, centre, devices, path::PROGRAMS, StatusCode::NO_CONTENT));
    table.show("a request that nothing is behind", bare, "CPU µs", "");
    let beside = format!("{bytes} bytes written to the disk by {} of them", devices.len() * ASKED);
    table.at_most("a device asks, and there is no program", asking, "CPU µs", 30.0, &beside);
}

/// The processor time of a request, of many that come at once, and the bytes that all of them had written.
async fn cost(
    bench: &Bench,
    centre: &Centre,
    devices: &[Identity],
    path: &'static str,
    expected: StatusCode,
) -> (f64, u64) {
    let (id, asked) = (centre.manager.id(), Bytes::from(asks()));
    let mut senders = Vec::new();
    for device in devices {
        let config = bench.pki.device(device, &[b"http/1.1"], 0);
        senders.push(clients::http(centre.manager.device_port(), config).await);
    }
    let before = (cpu_nanoseconds(id), charged(id, "write_bytes"));
    let mut tasks = JoinSet::new();
    for (mut sender, carried) in senders {
        let asked = asked.clone();
        tasks.spawn(async move {
            for _ in 0..ASKED {
                let request = Request::post(path)
                    .header("host", SERVER_NAME)
                    .header("content-type", "application/json")
                    .body(Full::from(asked.clone()))
                    .unwrap();
                sender.ready().await.unwrap();
                let answer = sender.send_request(request).await.unwrap();
                assert_eq!(answer.status(), expected, "{path}");
                answer.into_body().collect().await.unwrap();
            }
            drop(carried);
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let spent = (cpu_nanoseconds(id) - before.0) as f64 / 1e3;
    (spent / (devices.len() * ASKED) as f64, charged(id, "write_bytes") - before.1)
}

/// What reports wait while all of them fetch.
fn fetch(
    bench: &Bench,
    centre: &Centre,
    (reporting, fetching): (&[Identity], &[Identity]),
    table: &mut Table,
) {
    let mut sequences = vec![0; reporting.len()];
    publish(&centre.manager);
    let port = centre.manager.device_port();
    let crowd = Updated::start(bench.runtime.handle(), &bench.pki, fetching, port, |_| Fate::Kept);
    let counted = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed);
    let all = fetching.len() as u64;
    until_within(WITHIN, "the devices are parked", || {
        (counted(&crowd.counted().parked) == all).then_some(())
    });
    eprintln!("waits of {} devices that report, {all} others are parked", reporting.len());
    let mut usual = bench.runtime.block_on(waits_of(bench, centre, reporting, &mut sequences));
    roll_out(&centre.manager, fetching);
    until_within(WITHIN, "the devices fetch", || (counted(&crowd.counted().fetching) == all).then_some(()));
    eprintln!("waits of {} devices that report, while {all} others fetch", reporting.len());
    let (begin, before) = (Instant::now(), counted(&crowd.counted().bytes));
    let mut meanwhile = bench.runtime.block_on(waits_of(bench, centre, reporting, &mut sequences));
    let bytes = counted(&crowd.counted().bytes) - before;
    let at_once = counted(&crowd.counted().fetching);
    assert_eq!(at_once, all, "all of them fetched all the while, or the wait is of something else");
    let rate = bytes as f64 / MIB / begin.elapsed().as_secs_f64();
    let p99 = |waits: &mut Vec<Duration>| percentile(std::mem::take(waits), 99.0).as_secs_f64() * 1e3;
    let (usual, meanwhile) = (p99(&mut usual), p99(&mut meanwhile));
    table.show("a report's wait, p99, nobody fetches a program", usual, "ms", "");
    let beside = format!("{all} devices at once, {rate:.0} MiB/s of 20 MiB each, {} s", WAITS.as_secs());
    table.show("the same while programs are fetched", meanwhile, "ms", &beside);
    table.at_most("p99 while programs are fetched, beside without", meanwhile / usual, "times", 2.0, &beside);
}

/// A maker's first program, published by the manager's own command.
fn publish(manager: &Manager) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let program = |words: &[&str]| {
        let mut command = manager.command();
        command.arg("program").args(words);
        command
    };
    let online = file("online.pub");
    run_ok(program(&["key", "--online"]).arg(&online), "");
    let key = public_from_pem(&std::fs::read_to_string(&online).unwrap()).unwrap();
    let mut maker = Maker::new(&key, now());
    let bytes: Vec<u8> = (0..PROGRAM_BYTES).map(|place| u8::try_from(place % 251).unwrap()).collect();
    let targets = maker.sign(&[Maker::program("engine-firmware", "2.0", &bytes)], &[]);
    let written = [("root.json", &maker.root), ("targets.json", &targets), ("program.bin", &bytes)];
    for (name, bytes) in written {
        std::fs::write(file(name), bytes).unwrap();
    }
    let [root, targets, bytes] = written.map(|(name, _)| file(name));
    let mut publish = program(&["publish", "--root"]);
    run_ok(publish.arg(root).arg("--targets").arg(targets).arg("--file").arg(bytes), "");
}

/// Gives it to all of them at once.
fn roll_out(manager: &Manager, devices: &[Identity]) {
    let operator = manager.operator();
    let named: Vec<&str> = devices.iter().map(|one| one.name.as_str()).collect();
    let planned = operator.post(
        "/api/v1/rollouts",
        &json!({
            "id": "all", "program": {"name": "engine-firmware", "version": "2.0"}, "devices": named,
            "plan": {"waves": [{"percent": 100}], "pause_seconds": 0, "at_once": devices.len()},
        }),
    );
    assert_eq!(planned.status, 201, "{planned:?}");
    let started = operator.post("/api/v1/rollouts/all/start", &json!({"note": "to see what it costs"}));
    assert_eq!(started.status, 200, "{started:?}");
}
