//! Power cuts of a guest with a real kernel, real ext4 and the agent from the package: `echo b >
//! /proc/sysrq-trigger` without a sync, at random, while it prints, orders and updates its outbox; then it
//! starts again from the same disk. The printer is outside, in this process, and so is its log.
//!
//! `PLATEN_CRASH_CUTS` says how many, `PLATEN_CRASH_SEED` which. docs/testing.md says what such a cut loses and
//! what it does not.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use platen_protocol::manager_to_device::Action;
use platen_simulator::SimCommand;
use platen_tests::guests::{ChannelError, Guest, GuestError};
use platen_tests::oracles::books::device::Device;
use platen_tests::oracles::books::held::Held;
use platen_tests::oracles::books::people::{Asked, Commanded, People, Pressed, Told, now};
use platen_tests::oracles::books::physical::Physical;
use platen_tests::oracles::check::{Allowed, Books, Clocks, check};
use platen_tests::rigs::api::Operator;
use platen_tests::rigs::fleet::JUDGE;
use platen_tests::rigs::fleet::load::{close, open, switch};
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::printer_guest::{NAME, PrinterGuest, status, until_parked};
use platen_tests::rigs::process::until;
use platen_tests::rigs::random::Random;
use platen_tests::rigs::random::number;
use serde_json::json;

/// Cuts of `make test`.
const CUTS: u32 = 2;
/// From the agent's being up to the cut, in milliseconds.
const WORK_MS: (u32, u32) = (500, 9_000);
/// A guest's clock is set by whole seconds when it starts.
const CLOCK_OFF: Duration = Duration::from_millis(2_500);
/// So far from each other presses are, so that each report can be told to be of one of them.
const BETWEEN_PRESSES: Duration = Duration::from_secs(8);
/// A reset takes effect at once; a busy machine may take its time to end QEMU.
const OFF_LIMIT: Duration = Duration::from_secs(60);

/// Everything that outlives a cut.
struct Bench {
    printer: PrinterGuest,
    manager: Manager,
    operator: Operator,
    people: People,
    random: Random,
    last_press: Instant,
    count: u32,
}

impl Bench {
    fn new(seed: u64) -> Self {
        let printer = PrinterGuest::new(&format!("[simulation]\nseed = {seed}\nlog = \"physical.jsonl\"\n"));
        let manager = Manager::start();
        let operator = manager.operator();
        let (people, random) = (People::default(), Random::new(seed, 3));
        let last_press = Instant::now();
        Self { printer, manager, operator, people, random, last_press, count: 0 }
    }

    fn physical(&self) -> PathBuf {
        self.printer.folder().join("physical.jsonl")
    }

    fn act(&self, command: &SimCommand) {
        self.printer.printer.apply(command).unwrap();
    }

    /// People use the printer until the power goes.
    fn use_it(&mut self, guest: &Guest) {
        let after = WORK_MS.0 + self.random.below(WORK_MS.1 - WORK_MS.0);
        let cut = format!(
            "(sleep {}.{:03}; echo b >/proc/sysrq-trigger) >/dev/null 2>&1 </dev/null &",
            after / 1000,
            after % 1000
        );
        let mut powered = guest.run(&cut).is_ok();
        while powered {
            powered = match self.random.below(8) {
                0 => {
                    let pages = 1 + self.random.below(30);
                    self.act(&SimCommand::Print { pages, per_minute: None });
                    self.pause(guest)
                }
                1 => {
                    self.act(&SimCommand::Print { pages: 10, per_minute: Some(600) });
                    self.pause(guest)
                }
                2 => {
                    self.act(&open("cover"));
                    let powered = self.pause(guest);
                    self.act(&close("cover"));
                    powered
                }
                3 => {
                    self.act(&switch("jam", true));
                    let powered = self.pause(guest);
                    self.act(&switch("jam", false));
                    powered
                }
                4 => self.press(guest),
                5 => {
                    self.command();
                    self.pause(guest)
                }
                6 => {
                    let text = self.text();
                    let line = format!("platen call-service '{text}'");
                    self.ask_for(guest, text, None, &line)
                }
                _ => {
                    let (text, quantity) = (self.text(), 1 + self.random.below(9));
                    let line = format!("platen order black --again --quantity {quantity} --note '{text}'");
                    let order = Some(("black".to_owned(), u16::try_from(quantity).unwrap()));
                    self.ask_for(guest, text, order, &line)
                }
            };
        }
    }

    /// Some of the guest's time passes; whether it still has power.
    fn pause(&mut self, guest: &Guest) -> bool {
        guest.run(&format!("sleep 0.{}", self.random.below(10))).is_ok()
    }

    fn text(&mut self) -> String {
        self.count += 1;
        format!("words {}", self.count)
    }

    fn ask_for(&mut self, guest: &Guest, text: String, order: Option<(String, u16)>, line: &str) -> bool {
        let (printed, powered) = match guest.run(line) {
            Ok(output) => (output.text, true),
            // What it had printed before the power went was read by the person.
            Err(GuestError::Command { source: ChannelError::Closed { text }, .. }) => (text, false),
            Err(_) => (String::new(), false),
        };
        let told = match () {
            () if printed.contains("is kept") => Told::Kept,
            // The service is not up yet, or it says no.
            () if powered => Told::Refused,
            () => Told::Nothing,
        };
        self.people.asked.push(Asked { text, order, told });
        powered
    }

    /// An operator gives a command.
    fn command(&mut self) {
        let percent = 5 + self.random.below(30);
        let set = Action::Set { settings: [("supply.black.set-percent".to_owned(), percent)].into() };
        let action = if self.random.below(2) == 0 { Action::ReadNow } else { set };
        let answer =
            self.operator.post(&format!("/api/v1/devices/{NAME}/commands"), &json!({ "action": action }));
        let id = answer.body["id"].as_str().map(str::to_owned);
        self.people.commanded.push(Commanded { id, action });
    }

    /// A person presses a button, having seen that nothing waits, and listens for the beep.
    fn press(&mut self, guest: &Guest) -> bool {
        if self.last_press.elapsed() < BETWEEN_PRESSES {
            return self.pause(guest);
        }
        let Some(status) = status(guest) else { return guest.run("true").is_ok() };
        let waits = status["outbox"]["service_call_waits"] == true
            || status["outbox"]["order_waits"] == true
            || status["asked"].as_array().unwrap().iter().any(|asked| asked["fate"]["state"] == "waiting");
        let quiet_since = (!waits).then(now);
        // Longer than any signal of the buzzer.
        std::thread::sleep(Duration::from_millis(600));
        let button = self.random.pick(&["service", "order"]);
        self.act(&SimCommand::Press { button: button.into(), milliseconds: Some(300) });
        self.last_press = Instant::now();
        let powered = (0..4).all(|_| guest.run("sleep 0.5").is_ok());
        let (button, listened_until) = (button.to_owned(), now());
        self.people.pressed.push(Pressed { button, quiet_since, listened_until });
        powered
    }

    fn reports(&self) -> usize {
        Held::read(&self.store(), NAME).reports().count()
    }

    fn store(&self) -> PathBuf {
        self.manager.state().join("manager.sqlite3")
    }
}

#[test]
fn the_power_goes_at_random_and_nothing_that_was_acknowledged_is_lost() {
    let (cuts, seed) = (number("PLATEN_CRASH_CUTS", CUTS), number("PLATEN_CRASH_SEED", 4));
    println!(
        "{cuts} power cuts by seed {seed}; again with PLATEN_CRASH_CUTS={cuts} PLATEN_CRASH_SEED={seed}"
    );
    let begin = Instant::now();
    let mut bench = Bench::new(seed.into());
    let mut running = bench.printer.power_on();
    bench.printer.install(&running.guest, &bench.manager, JUDGE);
    until_parked(&running.guest);
    println!("[{:>4} s] installed, enrolled and parked", begin.elapsed().as_secs());
    for cut in 1..=cuts {
        let before = bench.reports();
        bench.use_it(&running.guest);
        running.guest.wait_until_off(OFF_LIMIT).unwrap();
        let (held, at) = (bench.reports(), begin.elapsed().as_secs());
        running = bench.printer.power_on();
        until_parked(&running.guest);
        let after = bench.reports();
        println!(
            "[{at:>4} s] cut {cut}: {} reports had arrived since the last, {} more came after it; up again after {} s",
            held - before,
            after - held,
            begin.elapsed().as_secs() - at
        );
    }
    bench.come_to_rest(&running.guest);
    let books = bench.books(&running.guest);
    let verdict = check(&books);
    assert!(
        verdict.mistakes.is_empty(),
        "{} mistakes:\n{}",
        verdict.mistakes.len(),
        verdict.mistakes.join("\n")
    );
    println!("{cuts} power cuts in {} s: {}", begin.elapsed().as_secs(), verdict.figures);
    let starts: std::collections::BTreeSet<_> =
        books.held.reports().map(|report| report.taken.boot_id.clone()).collect();
    assert!(starts.len() > cuts as usize, "the guest began {} times anew: {starts:?}", starts.len());
}

impl Bench {
    fn come_to_rest(&mut self, guest: &Guest) {
        self.act(&close("cover"));
        self.act(&switch("jam", false));
        for supply in ["black", "cyan", "magenta", "yellow", "hopper"] {
            self.act(&SimCommand::Set { supply: supply.into(), percent: 100 });
        }
        until("alerts end", || {
            let alerts = status(guest)?["alerts"].as_array()?.clone();
            alerts.iter().all(|alert| alert["forecast"] == true).then_some(())
        });
        until("every command has ended", || {
            let commands = self.operator.json(&format!("/api/v1/devices/{NAME}/commands?limit=200"));
            let commands = commands["items"].as_array()?.clone();
            commands.iter().all(|command| command["finished"].is_string()).then_some(())
        });
        guest.check("platen report").unwrap();
        until_parked(guest);
        guest.check("systemctl stop platen-agent").unwrap();
    }

    fn books(&self, guest: &Guest) -> Books {
        let outbox = self.printer.folder().join("outbox.sqlite");
        let text = guest.check("base64 /var/lib/platen-agent/outbox.sqlite").unwrap();
        let encoded = self.printer.folder().join("outbox.base64");
        fs::write(&encoded, text).unwrap();
        let decoded = std::process::Command::new("base64").arg("-d").arg(&encoded).output().unwrap();
        assert!(decoded.status.success(), "{decoded:?}");
        fs::write(&outbox, decoded.stdout).unwrap();
        Books {
            physical: Physical::read(&self.physical()),
            people: self.people.clone(),
            device: Device::read(&outbox),
            held: Held::read(&self.store(), NAME),
            clocks: Clocks::here(CLOCK_OFF),
            allowed: Allowed::default(),
        }
    }
}
