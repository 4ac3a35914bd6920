//! The one suite of the HAL: every backend passes it. A [`Rig`] is a board of some backend together
//! with the simulated printer that drives its chips and lines from the other side.

use platen_hal::sim::SimPrinter;
use platen_hal::sim::control::{Fault, SimCommand};
use platen_protocol::readings::{Readings, SupplyReading, SwitchReading};
use platen_protocol::supply::{Capacity, Level, SupplyType, SupplyUnit};
use platen_protocol::unknown::UnknownReason;

/// A board with the chips and lines of [`BOARD`], on some backend.
pub trait Rig {
    /// Reads the board through the backend.
    fn sample(&mut self) -> Readings;

    /// The edges that the backend sees while `act` runs: the switch and the state after it.
    fn edges_during(&mut self, act: &mut dyn FnMut(&SimPrinter)) -> Vec<(String, bool)>;

    /// The printer at the other side.
    fn printer(&self) -> &SimPrinter;
}

/// The chips and lines that every rig has; `{backend}`, `{bus}` and `{gpio}` are filled in by
/// [`board_file`].
const BOARD: &str = r#"
backend = "{backend}"
model = "Suite printer"
[[bus]]
name = "main"
{bus}
[[supply]]
name = "black"
bus = "main"
chip = "24c02"
address = 0x50
[[supply]]
name = "cyan"
bus = "main"
chip = "24c32"
address = 0x51
[[part]]
name = "drum"
bus = "main"
chip = "24c02"
address = 0x54
[[temperature]]
name = "ambient"
bus = "main"
chip = "lm75"
address = 0x48
[[temperature]]
name = "cabinet"
bus = "main"
chip = "tmp102"
address = 0x49
[[switch]]
name = "cover"
meaning = "cover"
line = 0
active = "low"
{gpio}
[[switch]]
name = "service"
meaning = "service-button"
line = 1
{gpio}
[service-lamp]
line = 2
{gpio}
"#;

/// The board file of a backend; `kernel` names the bus and the GPIO chip of the Linux backend.
pub fn board_file(kernel: Option<(&str, &str)>) -> String {
    let key = |name: &str, value: Option<&str>| value.map_or(String::new(), |v| format!("{name} = {v:?}"));
    BOARD
        .replace("{backend}", if kernel.is_some() { "linux" } else { "simulated" })
        .replace("{bus}", &key("device", kernel.map(|(bus, _)| bus)))
        .replace("{gpio}", &key("gpio", kernel.map(|(_, gpio)| gpio)))
}

/// A case: its name, and what it does with a rig.
pub type Case = (&'static str, fn(&mut dyn Rig));

/// Every case. Each leaves the printer without faults, its cover closed.
pub const CASES: &[Case] = &[
    ("a cartridge says what it is and how much is left", a_cartridge_says_what_it_is),
    ("a level that changes on the chip is read", a_level_that_changes_is_read),
    ("printing uses toner and ages the drum", printing_uses_toner_and_ages_the_drum),
    ("a chip that does not answer is unknown and the others are not", an_absent_chip_is_unknown),
    ("a record with a wrong checksum is unknown", a_wrong_checksum_is_unknown),
    ("a torn write is survived by the older copy", a_torn_write_is_survived),
    ("values that cannot be true are unknown", implausible_values_are_unknown),
    ("temperatures are read above and below zero", temperatures_are_read),
    ("a disturbed temperature is unknown and never a number", a_disturbed_temperature_is_unknown),
    ("the cover opens and closes, as state and as edges", the_cover_opens_and_closes),
    ("a press of the button is two edges", a_press_is_two_edges),
];

/// Runs every case on a rig and names the one that fails.
pub fn run(rig: &mut dyn Rig) {
    for (name, case) in CASES {
        println!("hal: {name}");
        case(rig);
    }
    println!("hal: {} cases", CASES.len());
}

fn act(rig: &dyn Rig, command: &SimCommand) {
    rig.printer().apply(command).unwrap();
}

fn fault(rig: &dyn Rig, target: &str, fault: Fault) {
    act(rig, &SimCommand::Fault { target: target.into(), fault });
}

fn set(rig: &dyn Rig, supply: &str, percent: u8) {
    act(rig, &SimCommand::Set { supply: supply.into(), percent });
}

fn supply(readings: &Readings, name: &str) -> SupplyReading {
    readings.supplies.iter().find(|supply| supply.name == name).unwrap().clone()
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

fn a_cartridge_says_what_it_is(rig: &mut dyn Rig) {
    set(rig, "cyan", 50);
    let cyan = supply(&rig.sample(), "cyan");
    assert_eq!(cyan.supply_type, SupplyType::TonerCartridge);
    assert_eq!(cyan.colorant.as_deref(), Some("cyan"));
    assert_eq!(cyan.unit, SupplyUnit::TenthsOfGrams);
    assert_eq!(cyan.capacity, Capacity::Known { amount: 3000 });
    assert_eq!(cyan.level, Level::Known { amount: 1500 });
    assert_eq!(cyan.serial.as_deref(), Some("SIM-CYAN"));
}

fn a_level_that_changes_is_read(rig: &mut dyn Rig) {
    for percent in [100, 42, 4, 0] {
        set(rig, "black", percent);
        assert_eq!(supply(&rig.sample(), "black").percent(), Some(percent));
    }
}

fn printing_uses_toner_and_ages_the_drum(rig: &mut dyn Rig) {
    set(rig, "black", 50);
    set(rig, "cyan", 50);
    let before = rig.sample();
    act(rig, &SimCommand::Print { pages: 1000 });
    let after = rig.sample();
    let used = |readings: &Readings| readings.parts[0].used.known().copied().unwrap();
    assert_eq!(used(&after), used(&before) + 1000);
    // 1000 pages of 30 mg are 30 g, a tenth of a cartridge.
    assert_eq!(supply(&after, "black").percent(), Some(40));
}

fn an_absent_chip_is_unknown(rig: &mut dyn Rig) {
    set(rig, "black", 42);
    fault(rig, "black", Fault::Absent);
    fault(rig, "ambient", Fault::Absent);
    let readings = rig.sample();
    assert_eq!(reason(&supply(&readings, "black")), UnknownReason::NoAnswer);
    assert_eq!(temperature(&readings, "ambient"), None);
    assert!(supply(&readings, "cyan").percent().is_some());
    fault(rig, "black", Fault::None);
    fault(rig, "ambient", Fault::None);
    assert_eq!(supply(&rig.sample(), "black").percent(), Some(42));
}

fn a_wrong_checksum_is_unknown(rig: &mut dyn Rig) {
    fault(rig, "black", Fault::Corrupt);
    assert_eq!(reason(&supply(&rig.sample(), "black")), UnknownReason::Damaged);
    fault(rig, "black", Fault::None);
}

fn a_torn_write_is_survived(rig: &mut dyn Rig) {
    set(rig, "black", 60);
    fault(rig, "black", Fault::Torn);
    assert_eq!(supply(&rig.sample(), "black").percent(), Some(60));
    fault(rig, "black", Fault::None);
}

fn implausible_values_are_unknown(rig: &mut dyn Rig) {
    for broken in [Fault::UsedAboveCapacity, Fault::AbsurdCapacity] {
        // Twice, so that both copies of the record are the broken engine's.
        fault(rig, "black", broken);
        fault(rig, "black", broken);
        assert_eq!(reason(&supply(&rig.sample(), "black")), UnknownReason::Implausible, "{broken:?}");
    }
    fault(rig, "black", Fault::None);
}

fn temperatures_are_read(rig: &mut dyn Rig) {
    for (sensor, millidegrees) in
        [("ambient", 22_500), ("ambient", -10_500), ("cabinet", 41_250), ("cabinet", -250)]
    {
        act(rig, &SimCommand::Heat { sensor: sensor.into(), millidegrees_celsius: millidegrees });
        assert_eq!(temperature(&rig.sample(), sensor), Some(millidegrees));
    }
}

fn a_disturbed_temperature_is_unknown(rig: &mut dyn Rig) {
    fault(rig, "cabinet", Fault::Corrupt);
    assert_eq!(temperature(&rig.sample(), "cabinet"), None);
    fault(rig, "cabinet", Fault::None);
}

fn the_cover_opens_and_closes(rig: &mut dyn Rig) {
    let open = SimCommand::Open { switch: "cover".into() };
    let close = SimCommand::Close { switch: "cover".into() };
    let edges = rig.edges_during(&mut |printer| {
        printer.apply(&open).unwrap();
    });
    assert_eq!(edges, [("cover".to_owned(), true)]);
    assert_eq!(switch(&rig.sample(), "cover").active.known(), Some(&true));
    let edges = rig.edges_during(&mut |printer| {
        printer.apply(&close).unwrap();
    });
    assert_eq!(edges, [("cover".to_owned(), false)]);
    assert_eq!(switch(&rig.sample(), "cover").active.known(), Some(&false));
}

fn a_press_is_two_edges(rig: &mut dyn Rig) {
    let edges = rig.edges_during(&mut |printer| {
        printer.apply(&SimCommand::Press { button: "service".into() }).unwrap();
    });
    assert_eq!(edges, [("service".to_owned(), true), ("service".to_owned(), false)]);
}
