//! The real kernel's I2C buses and GPIO lines.

pub(crate) mod adapter;
pub(crate) mod gpio;
pub(crate) mod i2c;
mod line;

use crate::assemble::{Assembly, Kind};
use crate::board::{Board, BoardError};
use crate::bus::{Adapter as _, ClockLine};
use crate::clock::KernelClock;
use crate::config::BoardConfig;

use self::gpio::{KernelClockLine, Lines};
use self::i2c::KernelBus;

/// What must be there for a board to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// At least one of its buses and lines, if it has any.
    SomethingIsThere,
    /// Nothing.
    AnythingGoes,
}

/// The board of a file, with a thread for each bus.
pub(crate) fn board(config: &BoardConfig, strictness: Strictness) -> Result<Box<dyn Board>, BoardError> {
    let mut assembly = Assembly::new(config, Kind::Real, || Box::new(KernelClock));
    let (mut first_error, mut anything) = (None, false);
    for bus in &config.buses {
        let mut adapter = KernelBus::new(bus);
        match adapter.begin() {
            Ok(()) => anything = true,
            Err(_) => first_error = first_error.or_else(|| adapter.take_error()),
        }
        let clock_line = bus
            .recover
            .as_ref()
            .map(|line| -> Box<dyn ClockLine> { Box::new(KernelClockLine::new(bus.name.get_ref(), line)) });
        assembly.add_bus(bus, adapter, clock_line)?;
    }
    let mut lines = Lines::new(config);
    match lines.open_all() {
        Ok(opened) => anything |= opened,
        Err(error) => first_error = first_error.or(Some(error)),
    }
    match first_error {
        Some(error) if !anything && strictness == Strictness::SomethingIsThere => Err(error),
        _ => Ok(assembly.finish(Box::new(lines))?),
    }
}
