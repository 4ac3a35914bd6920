//! Which chips a board file puts where, whatever they are for.

use std::ops::Range;

use toml::Spanned;

use super::{BoardConfig, MemoryPlace, Sensor};
use crate::engine::protocol;
use crate::memory::MemoryChip;
use crate::thermometer::ThermometerChip;

/// A chip, by what the board file expects at its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChipKind {
    /// A memory.
    Memory(MemoryChip),
    /// A temperature sensor.
    Thermometer(ThermometerChip),
    /// An analog-to-digital converter; several sensors may share one.
    Converter,
    /// The engine's controller.
    Controller,
}

impl ChipKind {
    /// The addresses that such a chip can have.
    pub fn addresses(self) -> Range<u8> {
        match self {
            Self::Controller => protocol::ADDRESSES,
            Self::Memory(_) => 0x50..0x58,
            Self::Thermometer(ThermometerChip::Lm75) => 0x48..0x50,
            Self::Thermometer(ThermometerChip::Tmp102) | Self::Converter => 0x48..0x4c,
        }
    }
}

/// A chip at its place. A converter appears once for each sensor at it.
#[derive(Debug, Clone, Copy)]
pub struct ChipPlace<'a> {
    /// The entry that wants it; the engine's counter store and controller have none, and are called `engine` and
    /// `engine-controller`.
    pub name: &'a str,
    /// Where the entry stands in the file, in bytes.
    pub at: usize,
    /// Its bus.
    pub bus: &'a Spanned<String>,
    /// Its 7-bit address.
    pub address: &'a Spanned<u8>,
    /// What it is.
    pub kind: ChipKind,
}

/// The name of the engine's counter store among the chips of a board.
pub const ENGINE: &str = "engine";
/// The name of the engine's controller among them.
pub const ENGINE_CONTROLLER: &str = "engine-controller";

impl<'a> ChipPlace<'a> {
    fn memory(name: &'a str, at: usize, place: MemoryPlace<'a>) -> Self {
        Self { name, at, bus: place.bus, address: place.address, kind: ChipKind::Memory(place.chip) }
    }

    fn sensor(name: &'a str, at: usize, sensor: &'a Sensor) -> Self {
        Self { name, at, bus: &sensor.bus, address: &sensor.address, kind: ChipKind::Converter }
    }
}

impl BoardConfig {
    /// Every chip, in the order: engine, its controller, supplies, parts, temperatures.
    pub fn chips(&self) -> Vec<ChipPlace<'_>> {
        let mut chips = Vec::new();
        if let Some(engine) = &self.engine {
            chips.push(ChipPlace::memory(ENGINE, engine.bus.span().start, engine.memory()));
        }
        if let Some(entry) = &self.engine_controller {
            chips.push(ChipPlace {
                name: ENGINE_CONTROLLER,
                at: entry.bus.span().start,
                bus: &entry.bus,
                address: &entry.address,
                kind: ChipKind::Controller,
            });
        }
        for entry in &self.supplies {
            let (name, at) = (entry.name.get_ref(), entry.name.span().start);
            chips.extend(entry.memory().map(|place| ChipPlace::memory(name, at, place)));
            chips.extend(entry.sensor.iter().map(|sensor| ChipPlace::sensor(name, at, sensor)));
        }
        for entry in &self.parts {
            let (name, at) = (entry.name.get_ref(), entry.name.span().start);
            chips.extend(entry.memory().map(|place| ChipPlace::memory(name, at, place)));
        }
        for entry in &self.temperatures {
            let (name, at) = (entry.name.get_ref(), entry.name.span().start);
            if let (Some(bus), Some(chip), Some(address)) = (&entry.bus, &entry.chip, &entry.address) {
                let kind = ChipKind::Thermometer(*chip.get_ref());
                chips.push(ChipPlace { name, at, bus, address, kind });
            }
            chips.extend(entry.sensor.iter().map(|sensor| ChipPlace::sensor(name, at, sensor)));
        }
        chips
    }
}
