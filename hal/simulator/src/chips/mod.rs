//! Chips at register level. Each takes whole transfers, from start to stop condition, and knows only what
//! its own pins tell it.

mod controller;
mod converter;
mod memory;
mod multiplexer;
mod thermometer;

use std::time::Duration;

use embedded_hal::i2c::Operation;

use platen_hal::fault::BusFault;

pub(super) use controller::{Change, SimController};
pub(super) use converter::SimConverter;
pub(super) use memory::SimMemory;
pub(super) use multiplexer::SimMultiplexer;
pub(super) use thermometer::SimThermometer;

/// A chip.
pub(super) enum Chip {
    Memory(SimMemory),
    Thermometer(SimThermometer),
    Converter(SimConverter),
    Multiplexer(SimMultiplexer),
    // Larger than the others by far.
    Controller(Box<SimController>),
}

/// What a chip senses of the printer during a transfer.
pub(super) struct Surroundings<'a> {
    /// Bus time.
    pub(super) now: Duration,
    /// What a thermometer is at, in thousandths of a degree Celsius.
    pub(super) millidegrees: i32,
    /// Whether pages are being printed.
    pub(super) printing: bool,
    /// The millivolts at an input of a converter.
    pub(super) millivolts: &'a dyn Fn(u8) -> f64,
}

impl Chip {
    pub(super) fn transfer(
        &mut self,
        operations: &mut [Operation<'_>],
        around: &Surroundings<'_>,
    ) -> Result<(), BusFault> {
        match self {
            Self::Memory(chip) => chip.transfer(operations, around.now),
            Self::Thermometer(chip) => {
                chip.transfer(operations, around.millidegrees);
                Ok(())
            }
            Self::Converter(chip) => {
                chip.transfer(operations, around);
                Ok(())
            }
            Self::Multiplexer(chip) => {
                chip.transfer(operations);
                Ok(())
            }
            Self::Controller(chip) => chip.transfer(operations, around.now, around.printing),
        }
    }
}
