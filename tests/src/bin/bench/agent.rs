//! The idle agent: memory, processor time, size.

use std::process::Command;
use std::time::Duration;

use platen_tests::rigs::agent::process::Device;
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::process::{program, run_ok};

use crate::machine::{cpu_nanoseconds, memory, voluntary_switches};
use crate::table::Table;

/// After this the start is over: everything has been read and reported once.
const SETTLE: Duration = Duration::from_secs(5);
/// How long it is watched.
const WATCH: Duration = Duration::from_secs(60);
const MB: f64 = 1_000_000.0;

pub(crate) fn measure(table: &mut Table) {
    eprintln!("the idle agent, for {} s", WATCH.as_secs());
    let manager = Manager::start();
    let mut device = Device::new("idle", &manager.device_url());
    // As it is shipped: without the quick sampling of the tests.
    let quick = "[sample]\ninterval = \"200ms\"\n";
    let config = std::fs::read_to_string(device.file("agent.toml")).unwrap();
    assert!(config.contains(quick));
    std::fs::write(device.file("agent.toml"), config.replace(quick, "")).unwrap();
    device.enroll(&manager.token(&["--device", "idle"]));
    device.start();
    device.until_parked();
    std::thread::sleep(SETTLE);
    let (pid, minutes) = (device.id(), WATCH.as_secs_f64() / 60.0);
    let before = (cpu_nanoseconds(pid), voluntary_switches(pid));
    std::thread::sleep(WATCH);
    let after = (cpu_nanoseconds(pid), voluntary_switches(pid));

    table.at_most(
        "idle agent, PSS",
        memory(pid, "Pss:") / MB,
        "MB",
        6.0,
        "goal 4; floor 1.55; zabbix-agent 4.1, collectd 13.0",
    );
    table.show(
        "idle agent, RSS",
        memory(pid, "Rss:") / MB,
        "MB",
        "goal 6; floor 2.9; zabbix-agent 23.2, mender 37.4",
    );
    table.show(
        "idle agent, CPU",
        (after.0 - before.0) as f64 / 1e6 / minutes,
        "ms/min",
        "goal 3; zabbix-agent 11, node-exporter 0.3",
    );
    table.show(
        "idle agent, voluntary switches",
        (after.1 - before.1) as f64 / minutes,
        "1/min",
        "goal 20; zabbix-agent 121, swupdate 17",
    );
    let stripped = device.file("stripped");
    run_ok(Command::new("strip").arg("-o").arg(&stripped).arg(program("platen-agent")), "");
    table.show(
        "agent's binary, stripped",
        stripped.metadata().unwrap().len() as f64 / MB,
        "MB",
        "goal 4; thin client libraries alone 1.4",
    );
}
