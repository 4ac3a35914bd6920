//! Toner that is used, waste toner that fills its box, and what the chips say of both.

use std::time::Duration;

use platen_protocol::supply::{SupplyClass, SupplyType, SupplyUnit};

use crate::event_log::SupplyStock;
use crate::truth::SupplyTruth;
use crate::wiring::Wiring;
use platen_hal::config::{Curve, Supply};
use platen_hal::record::{self, COPIES, COPY_BYTES, CartridgeRecord, MAX_PLAUSIBLE_CAPACITY};
use platen_hal::sim_command::Fault;

/// What a toner cartridge and a waste box hold: 300 g, in tenths of grams.
const CAPACITY: u32 = 3000;
/// Toner for a page per percent of coverage, in thousandths of a tenth of a gram: 30 mg at 5 %.
const TONER_PER_PERCENT: u64 = 60;
/// How far pages differ in what they use, in thousandths to either side.
const VARIATION: u32 = 200;
/// Of so much toner, one part misses the paper and becomes waste.
const WASTE_ONE_IN: u64 = 20;
/// A leak loses this many times what pages use, themselves included.
const LEAK: u64 = 8;
/// Of so much that pages use, the chip of a refilled cartridge counts one part.
const COUNTERFEIT_ONE_IN: u64 = 20;

/// One supply. Amounts are in thousandths of its unit.
pub(crate) struct SimSupply {
    pub(crate) name: String,
    pub(crate) target: usize,
    pub(crate) class: SupplyClass,
    pub(crate) serial: String,
    supply_type: SupplyType,
    colorant: Option<&'static str>,
    curve: Option<Curve>,
    /// The amount at or below which the engine stops for it, in its unit: percent by a sensor, else tenths of
    /// grams.
    empty_at: u32,
    chip: Option<usize>,
    used: u64,
    /// What its chip counts.
    told: u64,
    generation: u32,
    changes: u32,
    /// What was last written, and what was the matter then.
    stored: Option<(u32, Fault)>,
}

impl SimSupply {
    /// A supply of the board file that is used up by so many percent.
    pub(super) fn new(entry: &Supply, target: usize, wiring: &Wiring, used_percent: u32) -> Self {
        let name = entry.name.get_ref();
        let consumed = entry.class == SupplyClass::SupplyThatIsConsumed;
        let usual = if consumed { SupplyType::TonerCartridge } else { SupplyType::WasteToner };
        let stated = entry.colorant.as_ref().map(|colorant| colorant.get_ref().as_str());
        let used = full() / 100 * u64::from(used_percent);
        Self {
            name: name.clone(),
            target,
            class: entry.class,
            serial: serial(name, 0),
            supply_type: entry.supply_type.unwrap_or(usual),
            colorant: record::colorant(stated.unwrap_or(name)).ok(),
            curve: entry.sensor.as_ref().map(|sensor| sensor.curve.get_ref().clone()),
            empty_at: entry.empty_at.as_ref().map_or(0, |amount| *amount.get_ref()),
            chip: entry.memory().and_then(|_| wiring.chip_of(target)),
            used,
            told: used,
            generation: 0,
            changes: 0,
            stored: None,
        }
    }

    pub(super) fn is_consumed(&self) -> bool {
        self.class == SupplyClass::SupplyThatIsConsumed
    }

    /// Whether it is one of the three colorants that a monochrome page does not use.
    pub(super) fn is_color(&self) -> bool {
        self.is_consumed() && matches!(self.colorant, Some("cyan" | "magenta" | "yellow"))
    }

    /// Whether nothing is left in it that can be used, or no space: what an engine stops for.
    pub(super) fn is_over(&self) -> bool {
        self.amount() <= u64::from(self.empty_at)
    }

    /// What is left by its chip, in whole tenths of grams, or by its sensor, in whole percent. The last unit
    /// counts until it is gone.
    fn amount(&self) -> u64 {
        let left = full() - self.told;
        if self.curve.is_none() {
            return left.div_ceil(1000);
        }
        let percent = full() / 100;
        ((left + percent / 2) / percent).max(u64::from(left > 0))
    }

    /// What is left, in thousandths of the capacity.
    pub(crate) fn left(&self) -> u32 {
        thousandths(self.used)
    }

    pub(super) fn curve(&self) -> Option<&Curve> {
        self.curve.as_ref()
    }

    /// What is left, in percent, as a sensor sees it.
    #[allow(clippy::cast_precision_loss, reason = "the capacity in thousandths has 7 digits")]
    pub(super) fn percent(&self) -> f64 {
        (full() - self.used) as f64 / full() as f64 * 100.0
    }

    pub(super) fn truth(&self) -> SupplyTruth {
        SupplyTruth {
            name: self.name.clone(),
            thousandths: self.left(),
            told: thousandths(self.told),
            serial: self.serial.clone(),
        }
    }

    pub(super) fn stock(&self) -> SupplyStock {
        SupplyStock {
            name: self.name.clone(),
            used: self.used,
            told: self.told,
            left: self.left(),
            changes: self.changes,
        }
    }

    /// It is as it was when this was told of it.
    pub(super) fn restock(&mut self, stock: &SupplyStock) {
        (self.used, self.told) = (stock.used.min(full()), stock.told.min(full()));
        self.changes = stock.changes;
        self.serial = serial(&self.name, self.changes);
    }

    /// Brings it to a percentage of its capacity. No cartridge fills up by itself: one with more in it than
    /// before is another one, and has another serial number.
    pub(crate) fn set(&mut self, percent: u8) {
        let used = full() / 100 * (100 - u64::from(percent.min(100)));
        if used < self.used.min(self.told) {
            self.changes += 1;
            self.serial = serial(&self.name, self.changes);
        }
        self.used = used;
        self.told = used;
    }

    /// One page takes its toner, varied by thousandths from 1000; what really went is the answer.
    pub(super) fn use_toner(&mut self, coverage: u8, variation: u32, fault: Fault) -> u64 {
        let page = TONER_PER_PERCENT * u64::from(coverage) * u64::from(variation) / 1000;
        let (gone, told) = match fault {
            Fault::Leak => (page * LEAK, page * LEAK),
            Fault::Counterfeit => (page, page / COUNTERFEIT_ONE_IN),
            _ => (page, page),
        };
        self.used = (self.used + gone).min(full());
        self.told = (self.told + told).min(full());
        page
    }

    /// A receptacle takes what is wasted of so much toner.
    pub(super) fn fill(&mut self, toner: u64) {
        self.used = (self.used + toner / WASTE_ONE_IN).min(full());
        self.told = self.used;
    }

    /// Another one is put in: full, or a receptacle that is empty.
    pub(crate) fn renew(&mut self) {
        (self.used, self.told, self.generation, self.stored) = (0, 0, 0, None);
        self.changes += 1;
        self.serial = serial(&self.name, self.changes);
    }

    /// Writes the record as the engine does: over the older copy, with the next generation. A fault of the
    /// record is written in its place. Without `always`, only if it would be another one.
    pub(crate) fn store(
        &mut self,
        wiring: &mut Wiring,
        fault: Fault,
        (always, cycle, now): (bool, bool, Duration),
    ) {
        let used = u32::try_from(self.told / 1000).unwrap_or(CAPACITY);
        if !always && self.stored == Some((used, fault)) {
            return;
        }
        let Some(memory) = self.chip.and_then(|chip| wiring.memory(chip)) else { return };
        let generation = self.generation.wrapping_add(1);
        let record = CartridgeRecord {
            generation,
            supply_type: self.supply_type,
            unit: SupplyUnit::TenthsOfGrams,
            colorant: self.colorant,
            capacity: CAPACITY,
            used,
            serial: self.serial.clone(),
        };
        let record = match fault {
            Fault::WrongType => wrong(record),
            other => spoilt(record, other),
        };
        self.generation = write_copy(memory, &record, fault, (cycle, now));
        self.stored = Some((used, fault));
    }
}

/// The record of a cartridge that belongs elsewhere.
fn wrong(record: CartridgeRecord) -> CartridgeRecord {
    match record.colorant {
        Some("black") => CartridgeRecord { colorant: Some("cyan"), ..record },
        Some(_) => CartridgeRecord { colorant: Some("black"), ..record },
        None => CartridgeRecord { supply_type: SupplyType::Ink, ..record },
    }
}

/// The record as an engine that is broken writes it.
pub(super) fn spoilt(record: CartridgeRecord, fault: Fault) -> CartridgeRecord {
    match fault {
        Fault::UsedAboveCapacity => CartridgeRecord { used: record.capacity.saturating_add(1), ..record },
        Fault::AbsurdCapacity => CartridgeRecord { capacity: MAX_PLAUSIBLE_CAPACITY + 1, ..record },
        _ => record,
    }
}

/// Writes a record over the older copy; the answer is the generation that the engine goes on from. After
/// a power cut within the write it finds the older record, and its next write is over the torn copy.
pub(super) fn write_copy(
    memory: &mut crate::chips::SimMemory,
    record: &CartridgeRecord,
    fault: Fault,
    (cycle, now): (bool, Duration),
) -> u32 {
    let bytes = record.encode_unchecked();
    let torn = fault == Fault::Torn;
    let whole = bytes.get(..if torn { COPY_BYTES / 2 } else { COPY_BYTES }).unwrap_or_default();
    let copy = usize::from(record.generation % 2 == 1) % COPIES;
    memory.store(copy * COPY_BYTES, whole, cycle, now);
    if torn { record.generation.wrapping_sub(1) } else { record.generation }
}

/// How a page differs from the usual one, in thousandths.
pub(super) fn variation(random: &mut crate::random::Random) -> u32 {
    random.between(1000 - VARIATION, 1000 + VARIATION)
}

/// Serial numbers say what they are of, and which in a row.
pub(super) fn serial(name: &str, changes: u32) -> String {
    let count = if changes == 0 { String::new() } else { format!("-{}", changes + 1) };
    let mut serial = format!("SIM-{}", name.to_uppercase());
    serial.truncate(record::SERIAL_CHARS - count.len());
    serial + &count
}

const fn full() -> u64 {
    CAPACITY as u64 * 1000
}

fn thousandths(used: u64) -> u32 {
    u32::try_from((full() - used) * 1000 / full()).unwrap_or(0)
}
