//! Agents and a manager, as processes, with a proxy between them that breaks connections. Needs no root.

use std::time::Instant;

use platen_tests::rigs::agent::process::{Device, Setup};
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::network::traffic::{command_passes, nothing_lost_and_nothing_twice, reports};
use platen_tests::rigs::process::until;
use platen_tests::rigs::proxy::faults::{FaultProxy, Mode};
use platen_tests::rigs::proxy::plan::{Direction, Fault};
use serde_json::{Value, json};

/// Short, so that a fault is found and survived in seconds; the proportions are the ordinary ones.
const SHORT: &str = "wait = \"2s\"\nconnect_timeout = \"1s\"\nreply_timeout = \"1s\"\nbackoff_first = \"50ms\"\n\
    backoff_limit = \"500ms\"\nping = \"1s\"";

/// Each round is a service call of every device, and a command to one of them.
const ROUNDS: u32 = 25;
const DEVICES: [&str; 3] = ["lobby", "office", "basement"];

fn set(variable: &str, ordinary: u32) -> u32 {
    std::env::var(variable).map_or(ordinary, |text| text.parse().unwrap())
}

fn enrolled(name: &str, manager: &Manager, proxy: &FaultProxy) -> Device {
    Device::enrolled_by(name, manager, &proxy.url(), Setup { uplink: SHORT, ..Setup::default() })
}

/// The messages of a device's service calls that the manager has, oldest first.
fn calls(reports: &[Value]) -> Vec<String> {
    let message = |report: &Value| report["body"]["message"].as_str().map(str::to_owned);
    reports
        .iter()
        .rev()
        .filter(|report| report["body"]["kind"] == "service_call")
        .filter_map(message)
        .collect()
}

#[test]
fn the_agent_recovers_after_each_fault_and_loses_nothing() {
    let manager = Manager::start();
    let operator = manager.operator();
    let proxy = FaultProxy::before(&manager);
    let device = enrolled("lobby", &manager, &proxy);
    let struck = |fault: Fault| proxy.figures().struck.get(fault.word()).copied().unwrap_or(0);
    let mut sent = Vec::new();
    for direction in [Direction::Up, Direction::Down] {
        for fault in Fault::ALL {
            device.until_parked();
            let before = struck(fault);
            let mut connections = proxy.figures().connections;
            proxy.strike(direction, fault);
            let message = format!("{} {direction:?}", fault.word());
            let begin = Instant::now();
            device.call_service(&message);
            until("the call is there in spite of the fault", || {
                calls(&reports(&operator, "lobby")).contains(&message).then_some(())
            });
            println!("{message:<16} arrived after {:>7.2?}", begin.elapsed());
            sent.push(message);
            // The call may have passed before it; the next ping does not. What the fault before did to a connection may
            // have ended it after all: then the one that followed has not been struck yet.
            until("the fault has struck", || {
                let now = proxy.figures().connections;
                if struck(fault) == before && now > connections {
                    connections = now;
                    proxy.strike(direction, fault);
                }
                (struck(fault) > before).then_some(())
            });
        }
    }
    command_passes("lobby", &operator);
    device.until_parked();
    let all = reports(&operator, "lobby");
    assert_eq!(calls(&all), sent, "each once, in order");
    nothing_lost_and_nothing_twice(&operator, "lobby");
    println!("{}", proxy.figures());
    for fault in Fault::ALL {
        assert!(struck(fault) >= 2, "{} struck {} times", fault.word(), struck(fault));
    }
}

#[test]
fn nothing_is_lost_and_nothing_comes_twice_while_connections_break_by_a_seed() {
    let (seed, rounds) = (set("PLATEN_FAULT_SEED", 1), set("PLATEN_FAULT_ROUNDS", ROUNDS));
    let manager = Manager::start();
    let operator = manager.operator();
    let proxy = FaultProxy::before(&manager);
    let devices = DEVICES.map(|name| enrolled(name, &manager, &proxy));
    println!("seed {seed}, {rounds} rounds");
    proxy.set(Mode::Seeded(seed.into()));
    // What is there was made before: new ones have their faults.
    proxy.strike(Direction::Up, Fault::Reset);
    let begin = Instant::now();
    let mut commands = DEVICES.map(|_| 0);
    for round in 0..rounds {
        for device in &devices {
            device.call_service(&format!("round {round}"));
        }
        let which = usize::try_from(round).unwrap() % DEVICES.len();
        let path = format!("/api/v1/devices/{}/commands", DEVICES[which]);
        let sent = operator.post(&path, &json!({"action": {"kind": "read_now"}}));
        assert_eq!(sent.status, 202, "{sent:?}");
        commands[which] += 1;
        // A round ends when one device has brought its call through: the faults are met, not waited out.
        let message = format!("round {round}");
        until("a call comes through", || {
            calls(&reports(&operator, DEVICES[which])).contains(&message).then_some(())
        });
    }
    let broken = begin.elapsed();
    proxy.set(Mode::Sound);
    // Connections that live on have faults ahead of them; these are over after the next reset.
    proxy.strike(Direction::Down, Fault::Reset);
    let begin = Instant::now();
    for device in &devices {
        until("every call and every outcome is there", || {
            let all = reports(&operator, device.name());
            let path = format!("/api/v1/devices/{}/commands", device.name());
            let commands = operator.json(&path)["items"].as_array()?.clone();
            let done = commands.iter().all(|command| command["state"] == "done");
            (done && calls(&all).len() >= usize::try_from(rounds).unwrap()).then_some(())
        });
        device.until_parked();
    }
    let recovered = begin.elapsed();
    let expected: Vec<String> = (0..rounds).map(|round| format!("round {round}")).collect();
    for (name, commands) in DEVICES.iter().zip(commands) {
        let all = reports(&operator, name);
        assert_eq!(calls(&all), expected, "{name}: each call once, in order");
        let count = nothing_lost_and_nothing_twice(&operator, name);
        let acted = all.iter().filter(|report| report["body"]["cause"] == "command").count();
        assert_eq!(acted, commands, "{name}: every command acted once");
        println!("{name}: {count} reports, {commands} commands");
    }
    let figures = proxy.figures();
    println!("{figures}; broken for {broken:.1?}, caught up {recovered:.1?} after");
    assert!(figures.struck.values().sum::<u64>() >= u64::from(rounds) / 2, "too few faults for a test");
}

#[test]
fn a_backlog_gets_through_a_line_on_which_little_passes_at_once() {
    /// Far more than passes, as one batch.
    const CALLS: usize = 15;
    /// A handshake and a few reports.
    const PASSES: u64 = 4 * 1024;
    let manager = Manager::start();
    let operator = manager.operator();
    let proxy = FaultProxy::before(&manager);
    let device = enrolled("lobby", &manager, &proxy);
    proxy.set(Mode::Closed);
    proxy.strike(Direction::Up, Fault::Reset);
    let sent: Vec<String> = (0..CALLS).map(|call| format!("call {call} {}", "x".repeat(450))).collect();
    for message in &sent {
        device.call_service(message);
    }
    proxy.set(Mode::Short(PASSES));
    until("all calls are there", || (calls(&reports(&operator, "lobby")).len() >= CALLS).then_some(()));
    proxy.set(Mode::Sound);
    proxy.strike(Direction::Up, Fault::Reset);
    device.until_parked();
    assert_eq!(calls(&reports(&operator, "lobby")), sent, "each once, in order");
    nothing_lost_and_nothing_twice(&operator, "lobby");
    println!("{CALLS} calls, {PASSES} bytes a connection: {}", proxy.figures());
}

#[test]
fn a_device_enrols_and_reports_through_connections_that_break_from_the_first_byte() {
    let manager = Manager::start();
    let operator = manager.operator();
    let proxy = FaultProxy::before(&manager);
    let mut device = Device::set_up("lobby", &proxy.url(), Setup { uplink: SHORT, ..Setup::default() });
    // The one-time token is used up by whoever gets an answer; so a person tries until it works.
    proxy.set(Mode::Closed);
    let words = device.enroll_refused(&manager.token(&["--device", "lobby"]));
    println!("{}", words.trim());
    proxy.set(Mode::Sound);
    device.enroll(&manager.token(&["--device", "lobby"]));
    proxy.set(Mode::Seeded(set("PLATEN_FAULT_SEED", 1).into()));
    device.start();
    until("the first report is there", || (!reports(&operator, "lobby").is_empty()).then_some(()));
    for call in 0..5 {
        device.call_service(&format!("call {call}"));
    }
    until("five calls are there", || (calls(&reports(&operator, "lobby")).len() >= 5).then_some(()));
    proxy.set(Mode::Sound);
    proxy.strike(Direction::Up, Fault::Reset);
    device.until_parked();
    assert_eq!(calls(&reports(&operator, "lobby")).len(), 5, "each once");
    nothing_lost_and_nothing_twice(&operator, "lobby");
    println!("{}", proxy.figures());
}
