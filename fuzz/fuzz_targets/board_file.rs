//! A board file is written by a person. Whatever it says, it is refused with a line or it can be opened.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use platen_hal::config::{self, Backend};
use platen_simulator::{SimPrinter, open_inline};

fuzz_target!(|text: &str| {
    let Ok(mut config) = config::parse(text, Path::new("board.toml")) else { return };
    // Nothing of the machine that fuzzes is opened, whatever the file names.
    config.backend = Backend::Simulated;
    config.simulation = None;
    let Ok(printer) = SimPrinter::accelerated(&config) else { return };
    let mut board = open_inline(&config, &printer).expect("a checked board can be opened");
    let readings = board.sample();
    assert_eq!(readings.supplies.len(), config.supplies.len());
    assert_eq!(readings.switches.len(), config.switches.len());
});
