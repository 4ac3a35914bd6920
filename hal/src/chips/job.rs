//! What is to be read of the chips of a board, and what reading one gives.

use std::fmt;

use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::I2c;
use platen_protocol::facts::words::Amount;

use crate::config::{BoardConfig, ENGINE, MemoryPlace, Sensor};
use crate::converter::Analog;
use crate::counters::{CounterStore, Widths};
use crate::fault::{BusFault, ReadFault};
use crate::memory::{Billing, Memory};
use crate::record::CartridgeRecord;
use crate::thermometer::Thermometer;

/// One thing to read.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// The entry that wants it.
    pub(crate) name: String,
    /// Its bus.
    pub(crate) bus: String,
    /// The chip's address.
    pub(crate) address: u8,
    pub(crate) chip: Chip,
}

#[derive(Debug, Clone)]
pub(crate) enum Chip {
    /// The memory of a cartridge or a part.
    Cartridge(Memory),
    /// The engine's counter store, and how far it counts.
    Counters(Memory, Widths),
    Thermometer(Thermometer),
    Analog(Analog),
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Cartridge(CartridgeRecord),
    /// The engine's store, and what stands behind it.
    Counters(CounterStore, Billing),
    Millidegrees(i32),
    /// In the unit of the sensor's curve.
    Measured(f64),
}

impl Job {
    /// Everything that the chips of a board give, in the order of the board file; names are unique.
    pub(crate) fn all(config: &BoardConfig) -> Vec<Self> {
        let mut jobs = Vec::new();
        jobs.extend(config.engine.iter().map(|engine| {
            let widths = engine.widths();
            Self::memory(ENGINE, engine.memory(), |memory| Chip::Counters(memory, widths))
        }));
        for entry in &config.supplies {
            let name = entry.name.get_ref();
            jobs.extend(entry.memory().map(|place| Self::memory(name, place, Chip::Cartridge)));
            jobs.extend(entry.sensor.iter().map(|sensor| Self::sensor(name, sensor)));
        }
        for entry in &config.parts {
            let name = entry.name.get_ref();
            jobs.extend(entry.memory().map(|place| Self::memory(name, place, Chip::Cartridge)));
        }
        for entry in &config.temperatures {
            let name = entry.name.get_ref();
            if let (Some(bus), Some(chip), Some(address)) = (&entry.bus, &entry.chip, &entry.address) {
                let address = *address.get_ref();
                let chip = Chip::Thermometer(Thermometer { chip: *chip.get_ref(), address });
                jobs.push(Self { name: name.clone(), bus: bus.get_ref().clone(), address, chip });
            }
            jobs.extend(entry.sensor.iter().map(|sensor| Self::sensor(name, sensor)));
        }
        jobs
    }

    fn memory(name: &str, place: MemoryPlace<'_>, what: impl FnOnce(Memory) -> Chip) -> Self {
        let address = *place.address.get_ref();
        let chip = what(Memory { chip: place.chip, address });
        Self { name: name.to_owned(), bus: place.bus.get_ref().clone(), address, chip }
    }

    fn sensor(name: &str, sensor: &Sensor) -> Self {
        let (bus, address) = (sensor.bus.get_ref().clone(), *sensor.address.get_ref());
        Self { name: name.to_owned(), bus, address, chip: Chip::Analog(Analog::from(sensor)) }
    }

    /// Reads it.
    pub(crate) fn read<I, D>(&self, bus: &mut I, delay: &mut D) -> Result<Value, ReadFault>
    where
        I: I2c<Error = BusFault>,
        D: DelayNs + ?Sized,
    {
        match &self.chip {
            Chip::Cartridge(memory) => memory.read(bus, delay).map(Value::Cartridge),
            Chip::Counters(memory, widths) => {
                let read = memory.read_counters(bus, delay, widths);
                read.map(|(store, billing)| Value::Counters(store, billing))
            }
            Chip::Thermometer(thermometer) => thermometer.read(bus).map(Value::Millidegrees),
            Chip::Analog(sensor) => sensor.read(bus, delay).map(Value::Measured),
        }
    }

    /// Where it is, for messages.
    pub(crate) fn place(&self) -> String {
        format!("{} (address {:#04x} on the bus {})", self.name, self.address, self.bus)
    }
}

impl fmt::Display for Chip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cartridge(memory) => write!(f, "the memory {}", memory.chip),
            Self::Counters(memory, _) => write!(f, "the engine's memory {}", memory.chip),
            Self::Thermometer(thermometer) => write!(f, "the thermometer {}", thermometer.chip),
            Self::Analog(sensor) => write!(f, "the converter ads1115, input {}", sensor.channel),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cartridge(record) => {
                let colorant = record.colorant.map_or(String::new(), |colorant| format!("{colorant} "));
                let CartridgeRecord { supply_type, unit, capacity, used, serial, .. } = record;
                let amount = |amount| Amount { amount, unit: *unit };
                let (kind, used, capacity) = (supply_type.words(), amount(*used), amount(*capacity));
                write!(f, "{colorant}{kind}, {used} of {capacity} used, serial {serial:?}")
            }
            Self::Counters(store, billing) => {
                let CounterStore { impressions, sheets, lives, serial, .. } = store;
                let lives = lives.len();
                write!(
                    f,
                    "{impressions} impressions, {sheets} sheets, life of {lives} parts, serial {serial:?}"
                )?;
                match billing {
                    None => Ok(()),
                    Some(Ok(record)) => write!(f, ", {} billing counters", record.counts.len()),
                    Some(Err(error)) => write!(f, "; {error}"),
                }
            }
            Self::Millidegrees(value) => write!(f, "{:.1} degrees Celsius", f64::from(*value) / 1000.0),
            Self::Measured(value) => write!(f, "{value:.1} by its curve"),
        }
    }
}
