//! The one suite of the HAL: every backend passes it. A [`Rig`] is a board of some backend together
//! with whatever plays the chips and lines at the other side.
//!
//! A case says what it needs beyond reading chips ([`Need`]); a rig that lacks it is passed over with its
//! reason on the screen, and docs/testing.md has the table.

mod board;
mod buses;
mod engine;
pub mod in_guest;
mod lines;
mod memories;
mod sensors;

use platen_protocol::readings::{BusReading, Readings, SupplyReading, SwitchReading};
use platen_protocol::supply::Level;
use platen_protocol::unknown::UnknownReason;
use platen_simulator::{Fault, SimCommand};

pub use board::{BUSES, Kernel, MULTIPLEXER, board_file};

/// What a case needs of a rig beyond reading the suite's board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The whole simulated printer at the other side: it prints, and it breaks as it is told.
    Printer,
    /// Edges of lines.
    Edges,
    /// An adapter that tells a time limit and lost arbitration from a missing chip.
    ErrorKinds,
    /// The converter, which no machine of QEMU has.
    Converter,
    /// A multiplexer with a bus behind it.
    Multiplexer,
    /// A memory with 8-bit addresses.
    ShortAddresses,
    /// Outputs that somebody at the other side can see, and a board that stays open to drive them.
    Outputs,
    /// The engine's controller, whose firmware can be replaced.
    Engine,
}

/// A board with the chips and lines of the suite, on some backend.
pub trait Rig {
    /// Reads the board through the backend.
    fn sample(&mut self) -> Readings;

    /// The edges that the backend sees of what the printer does by `commands`: the switch and the state after it. It waits
    /// until there are as many as are expected.
    fn edges_during(&mut self, commands: &[SimCommand], expected: usize) -> Vec<(String, bool)>;

    /// The printer at the other side, which may be in another process or on another machine, does one act.
    /// An act that it refuses ends the test.
    fn act(&self, command: &SimCommand);

    /// What this rig cannot show, and why.
    fn lacks(&self) -> &[(Need, &'static str)] {
        &[]
    }

    /// Has an image written to the engine and run, as an installer does; else the last that it said.
    fn flash(&mut self, image: &[u8], version: &str) -> Result<(), String> {
        panic!("this rig cannot write {} bytes of {version}, and must say so by `lacks`", image.len())
    }

    /// The version of the firmware that the engine runs, as the backend sees it.
    fn firmware(&mut self) -> Option<String> {
        panic!("this rig cannot ask its engine, and must say so by `lacks`")
    }

    /// Drives the service lamp and the buzzer through the board, and says what the printer then sees of both.
    fn outputs(&mut self, lamp: bool, buzzer: bool) -> (bool, bool) {
        panic!("this rig cannot drive its outputs to {lamp} and {buzzer}, and must say so by `lacks`")
    }
}

/// A case: its name, what it needs, and what it does with a rig.
pub struct Case {
    name: &'static str,
    needs: &'static [Need],
    run: fn(&mut dyn Rig),
}

/// Every case. Each leaves the printer without faults, its cover closed.
pub fn cases() -> Vec<&'static Case> {
    [memories::CASES, sensors::CASES, buses::CASES, lines::CASES, engine::CASES]
        .into_iter()
        .flatten()
        .collect()
}

/// Runs every case on a rig and names the one that fails.
pub fn run(rig: &mut dyn Rig) {
    let (mut passed, mut left) = (0, 0);
    for Case { name, needs, run } in cases() {
        let lacking = rig.lacks().iter().find(|(need, _)| needs.contains(need)).copied();
        if let Some((need, why)) = lacking {
            println!("hal: NOT RUN HERE: {name}: it needs {need:?}, and {why}");
            left += 1;
            continue;
        }
        println!("hal: {name}");
        run(rig);
        passed += 1;
    }
    println!("hal: {passed} cases passed, {left} not possible on this rig");
}

fn fault(rig: &dyn Rig, target: &str, fault: Fault) {
    rig.act(&SimCommand::Fault { target: target.into(), fault });
}

fn set(rig: &dyn Rig, supply: &str, percent: u8) {
    rig.act(&SimCommand::Set { supply: supply.into(), percent });
}

fn print(rig: &dyn Rig, pages: u32) {
    rig.act(&SimCommand::Print { pages, per_minute: None });
}

fn supply(readings: &Readings, name: &str) -> SupplyReading {
    readings.supplies.iter().find(|supply| supply.name == name).unwrap().clone()
}

fn percent(rig: &mut dyn Rig, name: &str) -> Option<u8> {
    supply(&rig.sample(), name).percent()
}

fn reason(supply: &SupplyReading) -> UnknownReason {
    match &supply.level {
        Level::Unknown { cause } => cause.reason,
        other => panic!("{} is {other}, not unknown", supply.name),
    }
}

fn temperature(readings: &Readings, name: &str) -> Option<i32> {
    let reading = readings.temperatures.iter().find(|sensor| sensor.name == name).unwrap();
    reading.millidegrees_celsius.known().copied()
}

fn switch(readings: &Readings, name: &str) -> SwitchReading {
    readings.switches.iter().find(|switch| switch.name == name).unwrap().clone()
}

fn bus(readings: &Readings, name: &str) -> BusReading {
    readings.buses.iter().find(|bus| bus.name == name).unwrap().clone()
}
