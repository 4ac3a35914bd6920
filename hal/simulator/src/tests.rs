//! The printer as its buses and lines show it.

mod faults;
mod firmware;
mod printing;
mod sameness;

use std::path::Path;
use std::time::Duration;

use embedded_hal::i2c::Operation;
use platen_protocol::readings::SwitchMeaning;

use super::*;
use crate::lock::lock;
use platen_hal::billing::{self, Counted, Media};
use platen_hal::config::{self, BoardConfig};
use platen_hal::counters::{self, CounterStore, Widths};
use platen_hal::fault::BusFault;
use platen_hal::record::{self, CartridgeRecord};

/// A board with one of everything; `{}` is its `[simulation]`.
const BOARD: &str = r#"
backend = "simulated"
model = "Everything"
[[bus]]
name = "main"
recover = { line = 20, active = "low" }
[[bus]]
name = "upper"
[[bus]]
name = "behind"
behind = { bus = "upper", address = 0x70, channel = 3 }
[engine]
bus = "upper"
chip = "fm24cl64b"
address = 0x50
[[supply]]
name = "black"
bus = "main"
chip = "24c02"
address = 0x50
[[supply]]
name = "cyan"
bus = "main"
chip = "24c64"
address = 0x51
[[supply]]
name = "waste"
class = "receptacleThatIsFilled"
sensor = { bus = "main", chip = "ads1115", address = 0x48, channel = 0, curve = [[300, 0], [2700, 100]] }
[[part]]
name = "drum"
bus = "behind"
chip = "24c02"
address = 0x54
[[part]]
name = "rollers"
life = "other"
[[temperature]]
name = "fuser"
role = "fuser"
sensor = { bus = "main", chip = "ads1115", address = 0x48, channel = 1, curve = [[200, 300], [3000, 0]] }
[[temperature]]
name = "ambient"
role = "ambient"
bus = "main"
chip = "lm75"
address = 0x49
[[switch]]
name = "cover"
meaning = "cover"
line = 0
active = "low"
[[switch]]
name = "service"
meaning = "service-button"
line = 1
[[switch]]
name = "exit"
meaning = "page-exit"
line = 2
[[switch]]
name = "sleeping"
meaning = "sleep"
line = 3
[[switch]]
name = "box"
meaning = "waste-present"
supply = "waste"
line = 4
[[switch]]
name = "full"
meaning = "waste-full"
supply = "waste"
line = 5
[[switch]]
name = "jam"
meaning = "jam"
line = 6
[service-lamp]
line = 10
[buzzer]
line = 11
active = "low"
{}
"#;

fn board(simulation: &str) -> BoardConfig {
    config::parse(&BOARD.replace("{}", simulation), Path::new("board.toml")).unwrap()
}

/// A printer without chance, whose clock stands still.
fn exact() -> SimPrinter {
    SimPrinter::accelerated(&board("")).unwrap()
}

fn seeded(seed: u64) -> SimPrinter {
    SimPrinter::accelerated(&board(&format!("[simulation]\nseed = {seed}\n"))).unwrap()
}

fn act(printer: &SimPrinter, command: &str) -> String {
    let command: SimCommand = toml::from_str(command).unwrap();
    printer.apply(&command).unwrap()
}

fn refusal(printer: &SimPrinter, command: &str) -> String {
    let command: SimCommand = toml::from_str(command).unwrap();
    printer.apply(&command).unwrap_err().to_string()
}

fn print(printer: &SimPrinter, pages: u32) -> String {
    printer.apply(&SimCommand::Print { pages, per_minute: None }).unwrap()
}

fn set(printer: &SimPrinter, supply: &str, percent: u8) {
    printer.apply(&SimCommand::Set { supply: supply.into(), percent }).unwrap();
}

fn fault(printer: &SimPrinter, target: &str, fault: Fault) {
    printer.apply(&SimCommand::Fault { target: target.into(), fault }).unwrap();
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Reads from a chip after an address within it.
fn read(printer: &SimPrinter, bus: &str, chip: u8, at: &[u8], bytes: usize) -> Result<Vec<u8>, BusFault> {
    let mut buffer = vec![0; bytes];
    printer.transfer(bus, chip, &mut [Operation::Write(at), Operation::Read(&mut buffer)])?;
    Ok(buffer)
}

fn black(printer: &SimPrinter) -> CartridgeRecord {
    let bytes = read(printer, "main", 0x50, &[0], 128).unwrap();
    record::newest(&bytes.try_into().unwrap()).unwrap().record
}

fn store(printer: &SimPrinter) -> CounterStore {
    let bytes = read(printer, "upper", 0x50, &[0, 0], 256).unwrap();
    counters::newest(&bytes, &Widths::default()).unwrap().store
}

/// One conversion of an input of the converter, in millivolts.
fn millivolts(printer: &SimPrinter, input: u8) -> f64 {
    // Against ground, +-4.096 V, single-shot, 860 a second.
    let config = [1, 0b1100_0011 | input << 4, 0b1110_0011];
    printer.transfer("main", 0x48, &mut [Operation::Write(&config)]).unwrap();
    printer.pause(Duration::from_millis(2));
    let bytes = read(printer, "main", 0x48, &[0], 2).unwrap();
    f64::from(i16::from_be_bytes([bytes[0], bytes[1]])) * 4096.0 / 32_768.0
}

fn edges(printer: &SimPrinter, name: &str, during: impl FnOnce()) -> Vec<lines::LineChange> {
    let place = lock(&printer.shared.world).lines.switches().iter().position(|s| s.name == name).unwrap();
    let watch = printer.watch_lines().unwrap();
    during();
    watch.take().unwrap().into_iter().filter(|change| change.place == place).collect()
}

fn supply_truth(printer: &SimPrinter, name: &str) -> truth::SupplyTruth {
    printer.truth().supplies.into_iter().find(|supply| supply.name == name).unwrap()
}
