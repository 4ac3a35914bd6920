//! A manager that has too little of something, and real agents: they keep what they have, and hand it in
//! when they may.

use std::collections::BTreeSet;
use std::process::Command;

use platen_tests::rigs::agent::process::Device;
use platen_tests::rigs::api::Operator;
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::process::{run_ok, until};
use serde_json::Value;

const AGENTS: usize = 3;
const CALLS: usize = 10;

/// The messages of the service calls of a device, each as often as it is there.
fn calls(operator: &Operator, device: &str) -> Vec<String> {
    let found = operator.json(&format!("/api/v1/service-calls?device={device}&limit=200"));
    let message = |call: &Value| call["message"].as_str().unwrap().to_owned();
    found["items"].as_array().unwrap().iter().map(message).collect()
}

#[test]
fn agents_that_are_turned_away_keep_their_reports_and_hand_each_in_once() {
    let manager = Manager::start_with(
        "[limits]\nrequests_per_minute = 60\nrequests_burst = 2\nconnections_per_device = 2\nretry_after_seconds = 1\n",
    );
    let operator = manager.operator();
    let devices: Vec<Device> =
        (0..AGENTS).map(|number| Device::enrolled(&format!("printer-{number}"), &manager)).collect();
    for device in &devices {
        for number in 0..CALLS {
            device.platen(&["call-service", &format!("call {number}")]);
        }
    }
    let expected: BTreeSet<String> = (0..CALLS).map(|number| format!("call {number}")).collect();
    for device in &devices {
        let all = until("every service call has come in", || {
            let all = calls(&operator, device.name());
            (all.len() >= CALLS).then_some(all)
        });
        assert_eq!(all.len(), CALLS, "none twice: {all:?}");
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), expected);
        until("nothing waits on the device", || (device.status()["backlog"] == 0).then_some(()));
    }
    let turned_away = &operator.json("/api/v1/health")["turned_away"];
    let times = turned_away["requests_per_minute"].as_u64().unwrap();
    assert!(times > 0, "the limits were tight enough: {turned_away}");
    println!("{AGENTS} agents, {CALLS} service calls each: all stored once, {times} requests turned away");
}

/// Lets no file of the manager grow any more, as a disk that is full would.
fn limit_files(manager: &Manager, bytes: &str) {
    let mut command = Command::new("prlimit");
    command.args(["--pid", &manager.id().to_string(), &format!("--fsize={bytes}:unlimited")]);
    run_ok(&mut command, "");
}

/// Bytes of a file: room for the manager's few lines of log, and for no page of a database, wherever it would be written.
const NOTHING_FITS: &str = "4096";

#[test]
fn a_manager_that_cannot_store_acknowledges_nothing_says_so_and_recovers_by_itself() {
    let manager = Manager::start();
    let operator = manager.operator();
    let device = Device::enrolled("lobby", &manager);
    limit_files(&manager, NOTHING_FITS);
    device.platen(&["call-service", "while the disk is full"]);
    let trouble = until("the manager says that it cannot store", || {
        let health = operator.get("/api/v1/health");
        (health.status == 503).then_some(health.body)
    });
    assert_eq!(trouble["storing"], false);
    assert!(trouble["trouble"]["since"].is_string() && trouble["trouble"]["remedy"].is_string(), "{trouble}");
    assert!(calls(&operator, "lobby").is_empty());
    assert!(device.status()["backlog"].as_u64().unwrap() > 0, "the device keeps it");

    limit_files(&manager, "unlimited");
    until("the manager finds out by itself that it can store again", || {
        (operator.get("/api/v1/health").status == 200).then_some(())
    });
    until("the service call comes in", || (!calls(&operator, "lobby").is_empty()).then_some(()));
    until("nothing waits on the device", || (device.status()["backlog"] == 0).then_some(()));
    assert_eq!(calls(&operator, "lobby"), ["while the disk is full"]);
    let log = manager.log();
    assert_eq!(log.matches("nothing can be stored").count(), 1, "{log}");
    assert_eq!(log.matches("reports can be stored again").count(), 1, "{log}");
}
