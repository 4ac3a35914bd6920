//! A board made of chips on buses and of lines, on whatever backend.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use embedded_hal::i2c::I2c;
use platen_protocol::readings::{
    PartReading, Reading, Readings, SupplyReading, SwitchMeaning, SwitchReading, TemperatureReading,
};
use platen_protocol::supply::{Capacity, Level, SupplyType, SupplyUnit};
use platen_protocol::unknown::UnknownCause;

use crate::board::{Board, BoardError, Edge};
use crate::config::{BoardConfig, DEFAULT_SET_PERCENT, OnBus, Supply};
use crate::fault::{BusFault, ReadFault};
use crate::memory::Memory;
use crate::record::CartridgeRecord;
use crate::thermometer::Thermometer;

/// The lines of a board, on one backend: switches by their place in the board file, and the lamp.
pub(crate) trait SwitchLines: Send {
    /// Descriptors that become readable when an edge waits.
    fn fds(&self) -> Vec<BorrowedFd<'_>>;
    /// Takes the edges that wait.
    fn take_edges(&mut self) -> Result<Vec<LineEdge>, BoardError>;
    /// Whether a switch is active now.
    fn active(&mut self, switch: usize) -> Result<bool, BusFault>;
    /// Turns the lamp on or off.
    fn set_lamp(&mut self, on: bool) -> Result<(), BoardError>;
}

/// An edge of the switch at a place in the board file.
pub(crate) struct LineEdge {
    pub(crate) switch: usize,
    pub(crate) active: bool,
    pub(crate) at: std::time::Duration,
}

/// A bus, and what the board file calls it.
pub(crate) struct NamedBus<I> {
    pub(crate) name: String,
    pub(crate) bus: I,
}

/// A board made of chips on buses and of lines.
pub(crate) struct ChipBoard<I, L> {
    // Shared, so that a sample can go through its entries while the buses are in use.
    config: Arc<BoardConfig>,
    buses: Vec<NamedBus<I>>,
    lines: L,
    simulated: bool,
    failed_reads: u64,
}

impl<I, L> ChipBoard<I, L>
where
    I: I2c<Error = BusFault>,
    L: SwitchLines,
{
    pub(crate) fn new(config: &BoardConfig, buses: Vec<NamedBus<I>>, lines: L, simulated: bool) -> Self {
        Self { config: Arc::new(config.clone()), buses, lines, simulated, failed_reads: 0 }
    }

    /// Reads one chip; a failure is counted and becomes the cause of an unknown reading.
    fn read<T>(
        &mut self,
        chip: &dyn OnBus,
        read: impl FnOnce(&mut I, u8) -> Result<T, ReadFault>,
    ) -> Result<T, UnknownCause> {
        let (name, address) = (chip.bus().get_ref(), *chip.address().get_ref());
        // The board file was checked: its chips are on buses that it names.
        let bus = self.buses.iter_mut().find(|bus| bus.name == *name);
        bus.map_or(Err(ReadFault::Bus(BusFault::NoAnswer)), |bus| read(&mut bus.bus, address)).map_err(
            |fault| {
                self.failed_reads += 1;
                fault.cause(&format!("{} (address {address:#04x} on the bus {name})", chip.name().get_ref()))
            },
        )
    }

    fn read_supply(&mut self, entry: &Supply, index: u16) -> SupplyReading {
        let record = self.read(entry, |bus, address| {
            let record = Memory { chip: entry.chip, address }.read(bus)?;
            refuse_used_above_capacity(record)
        });
        let base = SupplyReading {
            name: entry.name.get_ref().clone(),
            index,
            class: entry.class,
            supply_type: SupplyType::Unknown,
            colorant: None,
            unit: SupplyUnit::Unknown,
            capacity: Capacity::Unknown,
            level: Level::SomeRemains,
            set_percent: entry.set_percent.as_ref().map_or(DEFAULT_SET_PERCENT, |percent| *percent.get_ref()),
            serial: None,
        };
        match record {
            Ok(record) => SupplyReading {
                supply_type: record.supply_type,
                colorant: record.colorant.map(str::to_owned),
                unit: record.unit,
                capacity: Capacity::Known { amount: record.capacity },
                level: Level::Known { amount: record.capacity - record.used },
                serial: Some(record.serial).filter(|serial| !serial.is_empty()),
                ..base
            },
            Err(cause) => SupplyReading { level: Level::Unknown { cause }, ..base },
        }
    }

    fn read_part(&mut self, entry: &crate::config::Part, index: u16) -> PartReading {
        let name = entry.name.get_ref().clone();
        match self.read(entry, |bus, address| Memory { chip: entry.chip, address }.read(bus)) {
            Ok(record) => PartReading {
                name,
                index,
                part_type: record.supply_type,
                unit: record.unit,
                used: Reading::Known { value: record.used },
                rated_life: Capacity::Known { amount: record.capacity },
                serial: Some(record.serial).filter(|serial| !serial.is_empty()),
            },
            Err(cause) => PartReading {
                name,
                index,
                part_type: SupplyType::Unknown,
                unit: SupplyUnit::Unknown,
                used: Reading::Unknown { cause },
                rated_life: Capacity::Unknown,
                serial: None,
            },
        }
    }

    fn read_switch(&mut self, place: usize, name: &str, meaning: SwitchMeaning) -> SwitchReading {
        let active = match self.lines.active(place) {
            Ok(value) => Reading::Known { value },
            Err(fault) => {
                self.failed_reads += 1;
                Reading::Unknown { cause: ReadFault::Bus(fault).cause(&format!("the line of {name}")) }
            }
        };
        SwitchReading { name: name.to_owned(), meaning, active }
    }
}

/// A cartridge cannot have given more than it held. (A part can outlive its rated life.)
fn refuse_used_above_capacity(record: CartridgeRecord) -> Result<CartridgeRecord, ReadFault> {
    if record.used > record.capacity {
        return Err(ReadFault::Implausible(format!(
            "the cartridge record says that {} of {} were used, so the level cannot be true",
            record.used, record.capacity
        )));
    }
    Ok(record)
}

impl<I, L> Board for ChipBoard<I, L>
where
    I: I2c<Error = BusFault> + Send,
    L: SwitchLines,
{
    fn simulated(&self) -> bool {
        self.simulated
    }

    fn model(&self) -> &str {
        &self.config.model
    }

    fn sample(&mut self) -> Readings {
        let config = Arc::clone(&self.config);
        let BoardConfig { supplies, parts, temperatures, switches, .. } = &*config;
        Readings {
            supplies: (1..).zip(supplies).map(|(index, entry)| self.read_supply(entry, index)).collect(),
            parts: (1..).zip(parts).map(|(index, entry)| self.read_part(entry, index)).collect(),
            temperatures: temperatures
                .iter()
                .map(|entry| TemperatureReading {
                    name: entry.name.get_ref().clone(),
                    millidegrees_celsius: self
                        .read(entry, |bus, address| Thermometer { chip: entry.chip, address }.read(bus))
                        .map_or_else(|cause| Reading::Unknown { cause }, |value| Reading::Known { value }),
                })
                .collect(),
            switches: switches
                .iter()
                .enumerate()
                .map(|(place, entry)| self.read_switch(place, entry.name.get_ref(), entry.meaning))
                .collect(),
        }
    }

    fn edge_fds(&self) -> Vec<BorrowedFd<'_>> {
        self.lines.fds()
    }

    fn take_edges(&mut self) -> Result<Vec<Edge>, BoardError> {
        let edges = self.lines.take_edges()?;
        let named = edges.into_iter().filter_map(|edge| {
            let entry = self.config.switches.get(edge.switch)?;
            Some(Edge {
                switch: entry.name.get_ref().clone(),
                meaning: entry.meaning,
                active: edge.active,
                at: edge.at,
            })
        });
        Ok(named.collect())
    }

    fn set_lamp(&mut self, on: bool) -> Result<(), BoardError> {
        self.lines.set_lamp(on)
    }

    fn failed_reads(&self) -> u64 {
        self.failed_reads
    }
}
