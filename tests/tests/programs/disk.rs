//! Disks that are full, read-only, failing or corrupt, on both sides, while people use the printers. The agent
//! goes on in memory and comes back; the manager acknowledges nothing that it has not stored. The checker
//! compares the books at the end, as after kills.

mod postgresql;

use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::time::Duration;

use nix::libc::{EIO, ENOSPC};
use platen_agent::judge::OUTBOX;
use platen_agent::tool::control::message::Request;
use platen_simulator::SimCommand;
use platen_tests::oracles::books::held::Held;
use platen_tests::oracles::books::people::{Asked, Told};
use platen_tests::oracles::check::Allowed;
use platen_tests::rigs::api::Operator;
use platen_tests::rigs::disk::{Faulty, Volume, mounts_of_its_own};
use platen_tests::rigs::fleet::TestFleet;
use platen_tests::rigs::process::until;
use platen_tests::rigs::random::Random;
use platen_tests::rigs::random::number;
use serde_json::Value;

/// How long people use a fleet in each state of its disk, in milliseconds; `make soak` gives more.
const PHASE_MS: u32 = 2_500;
/// The agent looks after its disk once a minute, unless it is told otherwise: a test does not wait for that.
const RETRY: &str = "[outbox]\nretry_disk = \"500ms\"\n";
const PRINTER: &str = "printer-0";

fn phase() {
    std::thread::sleep(Duration::from_millis(number("PLATEN_DISK_PHASE_MS", PHASE_MS).into()));
}

fn seed() -> u64 {
    number("PLATEN_CRASH_SEED", 4).into()
}

fn disk_of(fleet: &TestFleet) -> Option<Value> {
    Some(fleet.control(0).status_json()?["outbox"]["disk"].clone())
}

fn open_alerts(operator: &Operator) -> Vec<Value> {
    operator.device(PRINTER)["alerts"].as_array().unwrap().clone()
}

/// While the disk fails: it is said in `platen status` and as an alert, and the agent reads, judges, takes
/// calls and sends.
fn goes_on_in_memory(fleet: &TestFleet, operator: &Operator, fault: &str) {
    let disk = until("the agent says what is wrong with its disk", || {
        fleet.control(0).sim(SimCommand::Print { pages: 1, per_minute: None });
        fleet.control(0).ask(Request::Report)?;
        // What was open when a disk became read-only only fails; why is found out at the next try.
        let also = if fault == "read_only" { "failing" } else { fault };
        disk_of(fleet).filter(|disk| disk["fault"] == fault || disk["fault"] == also)
    });
    println!("{fault}: {}; {}", disk["what"].as_str().unwrap(), disk["remedy"].as_str().unwrap());
    let alert = until("the disk is an alert at the manager", || {
        open_alerts(operator).into_iter().find(|alert| alert["subject"] == OUTBOX)
    });
    let code = if fault == "full" { "subunitMemoryExhausted" } else { "subunitRecoverableFailure" };
    assert_eq!(alert["code"], code, "{alert}");
    let mut tries = 0;
    let words = until("a call is kept in memory", || {
        tries += 1;
        let words = format!("called while the disk was {fault}, try {tries}");
        let answer = fleet.control(0).ask(Request::CallService { message: Some(words.clone()) });
        let told = Told::by(answer.as_ref());
        fleet.note(0, Asked { text: words.clone(), order: None, told });
        (told == Told::Kept).then_some(words)
    });
    until("the call reaches the manager from memory", || {
        let calls = operator.json("/api/v1/service-calls?limit=200")["items"].as_array()?.clone();
        calls.iter().any(|call| call["message"] == words.as_str()).then_some(())
    });
}

fn comes_back(fleet: &TestFleet, operator: &Operator) {
    until("the agent finds that its disk works again", || disk_of(fleet)?.is_null().then_some(()));
    until("the alert of the disk ends", || {
        open_alerts(operator).iter().all(|alert| alert["subject"] != OUTBOX).then_some(())
    });
}

/// Everything of one printer: it is used, its disk breaks while it is used, and is mended.
fn the_agents_disk(fault: &str, fleet: &mut TestFleet, breaks: impl FnOnce(), mends: impl FnOnce()) {
    let operator = fleet.manager.lock().unwrap().operator();
    fleet.use_it(seed());
    phase();
    breaks();
    goes_on_in_memory(fleet, &operator, fault);
    phase();
    mends();
    comes_back(fleet, &operator);
    phase();
}

fn the_books_agree(fleet: TestFleet, what: &str, allowed: Allowed) {
    let rest = fleet.come_to_rest();
    println!("{what}: {}", rest.must_agree(allowed));
}

fn state_of(fleet: &TestFleet) -> PathBuf {
    fleet.devices[0].lock().unwrap().file("state")
}

#[test]
fn an_agent_whose_disk_is_full_goes_on_in_memory_and_comes_back() {
    mounts_of_its_own();
    let mut fleet = TestFleet::start(1, seed(), RETRY);
    let state = state_of(&fleet);
    let volume = fleet.with_agent_stopped(0, |_| Volume::over(&state));
    the_agents_disk("full", &mut fleet, || volume.fill(), || volume.free());
    the_books_agree(fleet, "full", Allowed { epochs: 1, gaps: false });
}

#[test]
fn an_agent_whose_disk_becomes_read_only_goes_on_in_memory_and_takes_the_mended_one() {
    mounts_of_its_own();
    let mut fleet = TestFleet::start(1, seed(), RETRY);
    let state = state_of(&fleet);
    let volume = fleet.with_agent_stopped(0, |_| Volume::over(&state));
    the_agents_disk("read_only", &mut fleet, || volume.become_read_only(), || volume.mend());
    the_books_agree(fleet, "read-only", Allowed { epochs: 1, gaps: false });
}

#[test]
fn an_agent_whose_disk_fails_to_write_goes_on_in_memory_and_comes_back() {
    let mut fleet = TestFleet::start(1, seed(), RETRY);
    let (state, faulty) = (state_of(&fleet), Faulty::new());
    fleet.with_agent_stopped(0, |device| device.set_environment(faulty.environment(&state)));
    let breaks = || faulty.order(&[("write", EIO), ("fsync", EIO)]);
    the_agents_disk("failing", &mut fleet, breaks, || faulty.order(&[]));
    the_books_agree(fleet, "failing", Allowed { epochs: 1, gaps: false });
}

#[test]
fn an_outbox_that_is_corrupt_is_set_aside_and_reported_and_the_agent_goes_on() {
    let mut fleet = TestFleet::start(1, seed(), RETRY);
    let state = state_of(&fleet);
    fleet.use_it(seed());
    phase();
    fleet.with_agent_stopped(0, |_| spoil(&state));
    let store = fleet.manager.lock().unwrap().state().join("manager.sqlite3");
    let replaced = |count: usize| {
        until("the manager is told of the outbox that was replaced", || {
            let held = Held::read(&store, PRINTER);
            let told = held.reports().filter(|report| report.body.kind() == "outbox_replaced");
            (told.count() == count).then_some(())
        });
    };
    replaced(1);
    phase();
    // A running agent has what it needs in its own memory, and would mend the file when it ends cleanly.
    spoil(&state);
    fleet.kill_agent(0, Duration::ZERO);
    replaced(2);
    phase();
    let aside = std::fs::read_dir(&state).unwrap();
    let aside =
        aside.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("corrupt"));
    assert!(aside.count() >= 2, "the evidence is kept");
    the_books_agree(fleet, "corrupt", Allowed { epochs: 2, gaps: true });
}

/// Writes nonsense over every page of the file, as a card that is worn out would.
fn spoil(state: &std::path::Path) {
    for name in ["outbox.sqlite", "outbox.sqlite-wal"] {
        let Ok(file) = std::fs::File::options().write(true).open(state.join(name)) else { continue };
        let mut random = Random::new(seed(), 5);
        for page in 0..file.metadata().unwrap().len() / 4096 {
            let noise: Vec<u8> = (0..256).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
            file.write_all_at(&noise, page * 4096).unwrap();
        }
    }
}

/// The manager's disk breaks while two printers are used, and is mended: devices keep what they have, and
/// nothing is lost and nothing doubled.
fn the_managers_disk(what: &str, mut fleet: TestFleet, breaks: impl FnOnce(), mends: impl FnOnce()) {
    fleet.use_it(seed());
    phase();
    breaks();
    let waits = |place: usize| {
        let status = fleet.control(place).status_json()?;
        (status["backlog"].as_u64()? > 0 && status["contact"]["trouble"].is_object()).then_some(status)
    };
    for place in 0..fleet.devices.len() {
        let status = until("the device keeps what the manager cannot store, and says so", || {
            fleet.control(place).ask(Request::Report)?;
            waits(place)
        });
        println!("{what}: {}", status["contact"]["trouble"]["what"].as_str().unwrap());
    }
    phase();
    let log = fleet.manager.lock().unwrap().log();
    assert!(!log.contains("panicked"), "{log}");
    mends();
    for place in 0..fleet.devices.len() {
        until("everything is handed in", || {
            (fleet.control(place).status_json()?["contact"]["trouble"].is_null()).then_some(())
        });
    }
    phase();
    the_books_agree(fleet, what, Allowed::default());
}

#[test]
fn a_manager_whose_disk_is_full_acknowledges_nothing_and_recovers_without_a_restart() {
    mounts_of_its_own();
    let fleet = TestFleet::start(2, seed(), "");
    let volume = fleet.with_manager_stopped(|manager| Volume::over(&manager.state()));
    the_managers_disk("full", fleet, || volume.fill(), || volume.free());
}

#[test]
fn a_manager_whose_disk_fails_to_write_acknowledges_nothing_and_recovers_without_a_restart() {
    let ways = [
        ("fails to flush", &[("fsync", EIO)][..]),
        ("fails to write", &[("write", EIO)]),
        ("has no room at times", &[("write", ENOSPC)]),
    ];
    // Each takes its time, mostly until devices are told to come again.
    let ways = &ways[..number("PLATEN_DISK_WAYS", 1) as usize];
    for (what, orders) in ways {
        let (fleet, faulty) = (TestFleet::start(2, seed(), ""), Faulty::new());
        fleet.with_manager_stopped(|manager| {
            let state = manager.state();
            manager.set_environment(faulty.environment(&state));
        });
        the_managers_disk(what, fleet, || faulty.order(orders), || faulty.order(&[]));
    }
}
