//! The engine of a simulated printer: its chips on their buses, and what printing does to them.

use std::time::Instant;

use embedded_hal::i2c::Operation;
use platen_protocol::supply::{SupplyClass, SupplyType, SupplyUnit};

use crate::config::{BoardConfig, OnBus};
use crate::fault::BusFault;
use crate::memory::MemoryChip;
use crate::record::{self, COPIES, COPY_BYTES, CartridgeRecord, MAX_PLAUSIBLE_CAPACITY};
use crate::sim::control::{Fault, SimError};
use crate::sim::eeprom::Eeprom;
use crate::sim::thermometer::SimThermometer;

/// The most pages of one act: it holds the lock while it prints.
const MAX_PAGES: u32 = 100_000;
/// What a toner cartridge holds: 300 g, in tenths of grams.
const TONER_CAPACITY: u32 = 3000;
/// Toner for a page at 5 % coverage of each colour: 30 mg, in thousandths of a tenth of a gram.
const TONER_PER_PAGE: u64 = 300;
/// Impressions that a part is rated for.
const RATED_LIFE: u32 = 60_000;
/// What printing one page adds to each sensor, and where it ends, in thousandths of a degree Celsius.
const HEAT_PER_PAGE: i32 = 20;
const HEAT_LIMIT: i32 = 60_000;
const ROOM: i32 = 23_000;

enum Chip {
    Memory { eeprom: Eeprom, record: CartridgeRecord, wears: Wears, thousandths: u64 },
    Thermometer(SimThermometer),
}

/// What a page does to a memory's count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wears {
    Toner,
    Part,
}

struct Placed {
    name: String,
    bus: String,
    address: u8,
    fault: Fault,
    /// Which of two bits the last disturbed transfer flipped.
    disturbed: bool,
    chip: Chip,
}

/// Chips and counters of one printer.
pub(super) struct Engine {
    buses: Vec<String>,
    chips: Vec<Placed>,
}

impl Engine {
    pub(super) fn new(config: &BoardConfig) -> Self {
        let mut chips = Vec::new();
        for (place, entry) in (0..).zip(&config.supplies) {
            let name = entry.name.get_ref();
            let toner = entry.class == SupplyClass::SupplyThatIsConsumed;
            let record = CartridgeRecord {
                generation: 1,
                supply_type: if toner { SupplyType::TonerCartridge } else { SupplyType::WasteToner },
                unit: SupplyUnit::TenthsOfGrams,
                colorant: record::colorant(name).ok(),
                capacity: TONER_CAPACITY,
                // Different for each, so that a fleet looks like one.
                used: TONER_CAPACITY / 100 * (15 + place * 17 % 60),
                serial: serial(name),
            };
            chips.push(Placed::memory(entry, entry.chip, record, Wears::Toner));
        }
        for entry in &config.parts {
            let name = entry.name.get_ref();
            let record = CartridgeRecord {
                generation: 1,
                supply_type: part_type(name),
                unit: SupplyUnit::Impressions,
                colorant: None,
                capacity: RATED_LIFE,
                used: RATED_LIFE / 4,
                serial: serial(name),
            };
            chips.push(Placed::memory(entry, entry.chip, record, Wears::Part));
        }
        for entry in &config.temperatures {
            let chip = Chip::Thermometer(SimThermometer::new(entry.chip, ROOM));
            chips.push(Placed::new(entry, chip));
        }
        Self { buses: config.buses.iter().map(|bus| bus.name.get_ref().clone()).collect(), chips }
    }

    pub(super) fn bus_names(&self) -> Vec<String> {
        self.buses.clone()
    }

    pub(super) fn transfer(
        &mut self,
        bus: &str,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), BusFault> {
        let here = |placed: &&mut Placed| placed.bus == bus && placed.address == address;
        let placed = self.chips.iter_mut().find(here).ok_or(BusFault::NoAnswer)?;
        if placed.fault == Fault::Absent {
            return Err(BusFault::NoAnswer);
        }
        match &mut placed.chip {
            Chip::Memory { eeprom, .. } => eeprom.transfer(operations, Instant::now())?,
            Chip::Thermometer(sensor) => sensor.transfer(operations),
        }
        if placed.fault == Fault::Corrupt {
            placed.disturbed = !placed.disturbed;
            corrupt(operations, if placed.disturbed { 0x20 } else { 0x40 });
        }
        Ok(())
    }

    pub(super) fn set(&mut self, supply: &str, percent: u8) -> Result<String, SimError> {
        if percent > 100 {
            return Err(SimError::AboveHundred(percent));
        }
        let is_supply = |placed: &Placed| matches!(placed.chip, Chip::Memory { wears: Wears::Toner, .. });
        let placed = self.find("supply", supply, is_supply)?;
        if let Chip::Memory { record, .. } = &mut placed.chip {
            let left = u64::from(record.capacity) * u64::from(percent) / 100;
            record.used = record.capacity - u32::try_from(left).unwrap_or(record.capacity);
        }
        placed.store();
        Ok(format!("{supply} is at {percent} %"))
    }

    pub(super) fn print(&mut self, pages: u32) -> Result<String, SimError> {
        if pages == 0 || pages > MAX_PAGES {
            return Err(SimError::Pages { pages, limit: MAX_PAGES });
        }
        let mut printed = 0;
        while printed < pages && self.chips.iter().all(Placed::can_print) {
            self.chips.iter_mut().for_each(Placed::print_page);
            printed += 1;
        }
        self.chips.iter_mut().for_each(Placed::store);
        Ok(match printed {
            all if all == pages => format!("{pages} pages printed"),
            some => format!("{some} of {pages} pages printed, then a toner cartridge was empty"),
        })
    }

    pub(super) fn heat(&mut self, sensor: &str, millidegrees: i32) -> Result<String, SimError> {
        let is_sensor = |placed: &Placed| matches!(placed.chip, Chip::Thermometer(_));
        let placed = self.find("temperature sensor", sensor, is_sensor)?;
        if let Chip::Thermometer(chip) = &mut placed.chip {
            *chip.millidegrees() = millidegrees;
        }
        Ok(format!(
            "{sensor} is at {}.{:03} degrees Celsius",
            millidegrees / 1000,
            (millidegrees % 1000).abs()
        ))
    }

    pub(super) fn fault(&mut self, target: &str, fault: Fault) -> Result<String, SimError> {
        let placed = self.find("chip", target, |_| true)?;
        let of_any = matches!(fault, Fault::None | Fault::Absent | Fault::Corrupt);
        if !of_any && matches!(placed.chip, Chip::Thermometer(_)) {
            return Err(SimError::WrongFault { target: target.to_owned(), fault });
        }
        placed.fault = fault;
        placed.store();
        Ok(match fault {
            Fault::None => format!("{target} works"),
            _ => format!("{target} has the fault: {}", name_of(fault)),
        })
    }

    fn find(
        &mut self,
        what: &'static str,
        name: &str,
        wanted: impl Fn(&Placed) -> bool,
    ) -> Result<&mut Placed, SimError> {
        let known: Vec<_> =
            self.chips.iter().filter(|placed| wanted(placed)).map(|p| p.name.as_str()).collect();
        let known = known.join(", ");
        let found = self.chips.iter_mut().find(|placed| placed.name == name && wanted(placed));
        found.ok_or_else(|| SimError::NoSuch { what, name: name.to_owned(), known })
    }
}

impl Placed {
    fn new(entry: &dyn OnBus, chip: Chip) -> Self {
        Self {
            name: entry.name().get_ref().clone(),
            bus: entry.bus().get_ref().clone(),
            address: *entry.address().get_ref(),
            fault: Fault::None,
            disturbed: false,
            chip,
        }
    }

    fn memory(entry: &dyn OnBus, chip: MemoryChip, record: CartridgeRecord, wears: Wears) -> Self {
        let mut placed =
            Self::new(entry, Chip::Memory { eeprom: Eeprom::new(chip), record, wears, thousandths: 0 });
        placed.store();
        placed
    }

    fn can_print(&self) -> bool {
        match &self.chip {
            Chip::Memory { record, wears: Wears::Toner, .. } => {
                record.supply_type != SupplyType::TonerCartridge || record.used < record.capacity
            }
            _ => true,
        }
    }

    fn print_page(&mut self) {
        match &mut self.chip {
            Chip::Memory { record, wears: Wears::Part, .. } => record.used = record.used.saturating_add(1),
            Chip::Memory { record, thousandths, .. } => {
                *thousandths += TONER_PER_PAGE;
                let units = u32::try_from(*thousandths / 1000).unwrap_or(0);
                *thousandths %= 1000;
                record.used = (record.used + units).min(record.capacity);
            }
            Chip::Thermometer(sensor) => {
                let warm = sensor.millidegrees();
                *warm = (*warm + HEAT_PER_PAGE).min(HEAT_LIMIT.max(*warm));
            }
        }
    }

    /// Writes the record as the engine does: over the older copy, with the next generation. A fault
    /// of the record is written in its place.
    fn store(&mut self) {
        let Chip::Memory { eeprom, record, .. } = &mut self.chip else { return };
        record.generation = record.generation.wrapping_add(1);
        let bytes = match self.fault {
            Fault::UsedAboveCapacity => {
                CartridgeRecord { used: record.capacity.saturating_add(1), ..record.clone() }
                    .encode_unchecked()
            }
            Fault::AbsurdCapacity => {
                CartridgeRecord { capacity: MAX_PLAUSIBLE_CAPACITY + 1, ..record.clone() }.encode_unchecked()
            }
            _ => record.encode_unchecked(),
        };
        let written = if self.fault == Fault::Torn { COPY_BYTES / 2 } else { COPY_BYTES };
        let copy = usize::from(record.generation % 2 == 1);
        let start = copy % COPIES * COPY_BYTES;
        for (cell, byte) in eeprom.cells().iter_mut().skip(start).zip(bytes.iter().take(written)) {
            *cell = *byte;
        }
        if self.fault == Fault::Torn {
            // After the power cut the engine finds the older record, and goes on from there: the
            // next write is over the torn copy again.
            record.generation = record.generation.wrapping_sub(1);
        }
    }
}

/// The bytes that a disturbed transfer yields. No two in a row are disturbed alike.
fn corrupt(operations: &mut [Operation<'_>], bit: u8) {
    for operation in operations {
        if let Operation::Read(buffer) = operation {
            buffer.iter_mut().for_each(|byte| *byte ^= bit);
        }
    }
}

fn name_of(fault: Fault) -> &'static str {
    Fault::ALL.iter().find(|(_, known)| *known == fault).map_or("unknown", |(name, _)| name)
}

fn serial(name: &str) -> String {
    let mut serial = format!("SIM-{}", name.to_uppercase());
    serial.truncate(record::SERIAL_CHARS);
    serial
}

fn part_type(name: &str) -> SupplyType {
    let types = [
        ("drum", SupplyType::Opc),
        ("developer", SupplyType::Developer),
        ("fuser", SupplyType::Fuser),
        ("transfer", SupplyType::TransferUnit),
    ];
    types.into_iter().find(|(word, _)| name.contains(word)).map_or(SupplyType::Other, |(_, part)| part)
}
