//! Firmware, step by step.

use platen_hal::config;
use platen_hal::engine::Image;
use platen_simulator::event_log::{self, Happened};
use platen_simulator::truth::FirmwareTruth;
use platen_simulator::{SimCommand, SimPrinter};

use crate::machine::{FORTH, Machine};

const KIND: &str = "engine-firmware";
const MODEL: &str = "SIM-ENGINE";
const BOARD: &str = r#"
backend = "simulated"
model = "m"
[[bus]]
name = "main"
[engine-controller]
bus = "main"
address = 0x21
[simulation]
log = "log"
"#;

/// With so many banks of sixteen pages.
fn machine(banks: u8) -> Machine {
    let board = format!("{BOARD}engine = {{ banks = {banks}, pages = 16 }}\n");
    Machine::new(KIND, &board, "device = \"desk\"\nboard = '{board}'\nallow_simulated = true\n")
}

fn image(version: &str) -> Vec<u8> {
    let firmware: Vec<u8> = (0..249).cycle().take(3_000).collect();
    Image::build(MODEL, version, &firmware).unwrap().bytes().to_vec()
}

/// What is true of the engine; no process has it open.
fn truth(machine: &Machine) -> FirmwareTruth {
    printer(machine).truth().firmware.unwrap()
}

fn printer(machine: &Machine) -> SimPrinter {
    SimPrinter::accelerated(&config::load(&machine.path("board.toml")).unwrap()).unwrap()
}

fn running(machine: &Machine) -> Option<String> {
    truth(machine).running
}

#[test]
fn firmware_is_installed_and_what_ran_before_can_be_brought_back_until_it_is_kept() {
    for banks in [1, 2] {
        let machine = machine(banks);
        machine.offer(image("2.0.0"));
        machine.steps(&FORTH);
        assert_eq!(running(&machine).as_deref(), Some("2.0.0"), "{banks}");
        machine.steps(&["rollback", "rollback"]);
        assert_eq!(running(&machine).as_deref(), Some("1.0.0"), "{banks}");
        // And once more, for good. Each step may be called again.
        machine.steps(&["check", "check", "install", "install", "verify", "commit", "commit"]);
        assert_eq!(running(&machine).as_deref(), Some("2.0.0"), "{banks}");
        let mut kept: Vec<_> = std::fs::read_dir(machine.path("kept"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        kept.sort();
        assert_eq!(kept, if banks == 1 { vec!["current.image"] } else { vec![] });
    }
}

#[test]
fn an_install_that_was_killed_goes_on_where_it_was() {
    for banks in [1, 2] {
        let machine = machine(banks);
        machine.offer(image("2.0.0"));
        machine.steps(&["check"]);
        let written = || {
            let log = event_log::read(&machine.path("log")).unwrap();
            log.iter().filter(|entry| matches!(entry.what, Happened::Flash { .. })).count()
        };
        let mut installing = machine.begin("install");
        while written() < 4 && installing.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        installing.kill().unwrap();
        installing.wait().unwrap();
        let before = truth(&machine);
        assert!(banks == 1 || before.running.as_deref() == Some("1.0.0"), "the old one runs on: {before:?}");
        machine.steps(&["install", "verify", "commit"]);
        assert_eq!(running(&machine).as_deref(), Some("2.0.0"));
    }
}

#[test]
fn what_is_no_firmware_for_this_engine_is_refused_with_its_reason() {
    let machine = machine(2);
    let whole = image("2.0.0");
    let mut damaged = whole.clone();
    damaged[100] ^= 1;
    let other = Image::build("OTHER", "2.0.0", b"x").unwrap();
    let large = Image::build(MODEL, "2.0.0", &[7; 16 * 256]).unwrap();
    for (bytes, words) in [
        (&whole[..whole.len() - 1], "cut short: 3063 of 3064 bytes"),
        (&damaged, "checksum is wrong"),
        (other.bytes(), "is for the engine OTHER, and this one is SIM-ENGINE"),
        (large.bytes(), "the image has 4160 bytes, and a bank of this engine has 4096"),
        (b"", "no firmware of an engine"),
        (&image("2.0.1"), "the image is version 2.0.1, and 2.0.0 was signed"),
    ] {
        machine.offer(bytes);
        let (code, said) = machine.step("check");
        assert!(code == 10 && said.contains(words), "{code} {said}");
    }
    machine.offer(&whole);
    let (code, said) = machine.step_of("check", "2.0.0", "1.0.1");
    assert!(code == 10 && said.contains("over 1.0.1 or later only, and 1.0.0 runs"), "{code} {said}");
    assert_eq!(machine.step_of("check", "2.0.0", "1.0.0").0, 0);
    assert_eq!(truth(&machine).pages_written, 0);
}

#[test]
fn firmware_that_does_not_run_is_found_out_and_gone_back_from() {
    for banks in [1, 2] {
        let machine = machine(banks);
        machine.offer(Image::build(MODEL, "2.0.0", b"it ends at once: DEAD").unwrap().bytes());
        machine.steps(&["check", "install"]);
        let (code, said) = machine.step("verify");
        assert!(
            code == 1 && said.contains("2.0.0 does not run: only the engine's bootloader does"),
            "{said}"
        );
        machine.steps(&["rollback"]);
        assert_eq!(running(&machine).as_deref(), Some("1.0.0"));
    }
}

#[test]
fn an_engine_that_does_not_answer_is_for_later_and_one_that_is_not_there_is_refused() {
    let machine = machine(2);
    machine.offer(image("2.0.0"));
    let fault = platen_simulator::Fault::Absent;
    printer(&machine).apply(&SimCommand::Fault { target: "engine-controller".into(), fault }).unwrap();
    let (code, said) = machine.step("check");
    assert!(code == 11 && said.contains("does not answer"), "{code} {said}");
    machine.write("board.toml", "backend = \"linux\"\nmodel = \"m\"\n");
    let (code, said) = machine.step("check");
    assert!(code == 10 && said.contains("has no [engine-controller]"), "{code} {said}");
}

#[test]
fn an_engine_that_cannot_be_read_needs_an_image_that_was_kept() {
    let board = format!("{BOARD}engine = {{ banks = 1, pages = 16, readable = false }}\n");
    let agent = "device = \"desk\"\nboard = '{board}'\nallow_simulated = true\n";
    let machine = Machine::new(KIND, &board, agent);
    machine.offer(image("2.0.0"));
    let (code, said) = machine.step("check");
    assert!(code == 10 && said.contains("there would be no way back"), "{code} {said}");
}
