//! Parts that age, and the engine's own counts.

use std::time::Duration;

use platen_protocol::supply::{SupplyType, SupplyUnit};

use super::supplies::{serial, spoilt, write_copy};
use crate::event_log::PartStock;
use crate::truth::{BySize, Counters, PartTruth};
use crate::wiring::Wiring;
use platen_hal::billing::{self, BillingRecord, Counted, Media};
use platen_hal::config::{BoardConfig, Part};
use platen_hal::counters::{COPY_BYTES, CounterStore, LIVES, Life, MAX_RATED_LIFE, Widths};
use platen_hal::record::CartridgeRecord;
use platen_hal::sim_command::Fault;

/// Impressions that a part with a memory of its own is rated for.
const RATED_LIFE: u32 = 60_000;
/// How far a counter of the engine falls when it loses something.
const LOST_IMPRESSIONS: u32 = 1_000;
/// So many impressions before they are full.
const BEFORE_FULL: u64 = 10;
/// Enough whole widths of one counter to hold what any other shows.
const ROUNDS: u64 = 1 << 20;
/// What the engine calls itself.
const ENGINE_SERIAL: &str = "SIM-ENGINE";

/// One part: of the board file, or one that the engine counts though the board file does not ask for it.
pub(crate) struct SimPart {
    pub(crate) name: String,
    /// None for a part that is not in the board file.
    pub(crate) target: Option<usize>,
    pub(crate) serial: String,
    part_type: SupplyType,
    chip: Option<usize>,
    used: u32,
    rated: u32,
    generation: u32,
    changes: u32,
    stored: Option<(u32, Fault)>,
}

impl SimPart {
    pub(super) fn new(entry: &Part, target: usize, wiring: &Wiring, used_percent: u32) -> Self {
        let name = entry.name.get_ref();
        let part_type = entry.life.as_ref().map_or_else(|| type_of(name), |life| *life.get_ref());
        let chip = entry.memory().and_then(|_| wiring.chip_of(target));
        let rated = if chip.is_some() { RATED_LIFE } else { rated_life(part_type) };
        Self::with(name, Some(target), part_type, (chip, rated, used_percent))
    }

    /// A life that the engine counts and the board file does not ask for.
    pub(super) fn unlisted(part_type: SupplyType, used_percent: u32) -> Self {
        Self::with(part_type.name(), None, part_type, (None, rated_life(part_type), used_percent))
    }

    fn with(
        name: &str,
        target: Option<usize>,
        part_type: SupplyType,
        (chip, rated, used_percent): (Option<usize>, u32, u32),
    ) -> Self {
        Self {
            name: name.to_owned(),
            target,
            serial: serial(name, 0),
            part_type,
            chip,
            used: rated / 100 * used_percent,
            rated,
            generation: 0,
            changes: 0,
            stored: None,
        }
    }

    pub(super) fn counts(&self, life: SupplyType) -> bool {
        self.chip.is_none() && self.part_type == life
    }

    fn life(&self, rated: u32) -> Life {
        Life { life: self.part_type, used: self.used, rated }
    }

    pub(super) fn truth(&self) -> PartTruth {
        PartTruth { name: self.name.clone(), part_type: self.part_type, used: self.used, rated: self.rated }
    }

    pub(super) fn stock(&self) -> PartStock {
        PartStock { name: self.name.clone(), used: self.used, changes: self.changes }
    }

    /// It is as it was when this was told of it.
    pub(super) fn restock(&mut self, stock: &PartStock) {
        (self.used, self.changes) = (stock.used, stock.changes);
        self.serial = serial(&self.name, self.changes);
    }

    /// What is left of its life, in thousandths.
    pub(crate) fn left(&self) -> u32 {
        let left = u64::from(self.rated.saturating_sub(self.used)) * 1000 / u64::from(self.rated.max(1));
        u32::try_from(left).unwrap_or(0)
    }

    /// A page ages it; feed rollers age by sheets.
    pub(super) fn age(&mut self, new_sheet: bool) {
        if self.part_type != SupplyType::Other || new_sheet {
            self.used = self.used.saturating_add(1);
        }
    }

    pub(crate) fn renew(&mut self) {
        (self.used, self.generation, self.stored) = (0, 0, None);
        self.changes += 1;
        self.serial = serial(&self.name, self.changes);
    }

    /// As [`super::SimSupply::store`].
    pub(crate) fn store(
        &mut self,
        wiring: &mut Wiring,
        fault: Fault,
        (always, cycle, now): (bool, bool, Duration),
    ) {
        if !always && self.stored == Some((self.used, fault)) {
            return;
        }
        let Some(memory) = self.chip.and_then(|chip| wiring.memory(chip)) else { return };
        let record = CartridgeRecord {
            generation: self.generation.wrapping_add(1),
            supply_type: self.part_type,
            unit: if self.part_type == SupplyType::Other {
                SupplyUnit::Sheets
            } else {
                SupplyUnit::Impressions
            },
            colorant: None,
            capacity: self.rated,
            used: self.used,
            serial: self.serial.clone(),
        };
        self.generation = write_copy(memory, &spoilt(record, fault), fault, (cycle, now));
        self.stored = Some((self.used, fault));
    }
}

/// The engine's counter store.
pub(super) struct Store {
    pub(super) target: usize,
    chip: usize,
    generation: u32,
    /// Whether it counts by size of paper too, and whether in colour.
    billing: Option<bool>,
}

impl Store {
    pub(super) fn new(
        config: &BoardConfig,
        target: Option<usize>,
        wiring: &Wiring,
        can_color: bool,
    ) -> Option<Self> {
        config.engine.as_ref()?;
        let target = target?;
        let bills = config.simulation.as_ref().is_some_and(|simulation| simulation.billing_counters);
        let billing = bills.then_some(can_color);
        Some(Self { target, chip: wiring.chip_of(target)?, generation: 0, billing })
    }

    /// Whether it counts by size of paper too.
    pub(super) fn bills(&self) -> bool {
        self.billing.is_some()
    }

    /// Writes the counters over the older copy, with the next generation.
    pub(super) fn store(
        &mut self,
        wiring: &mut Wiring,
        counters: Counters,
        parts: &[SimPart],
        (fault, cycle, now): (Fault, bool, Duration),
    ) {
        let Some(memory) = wiring.memory(self.chip) else { return };
        let generation = self.generation.wrapping_add(1);
        let absurd = fault == Fault::AbsurdCapacity;
        let lives = LIVES.into_iter().filter_map(|life| parts.iter().find(|part| part.counts(life)));
        let bytes = CounterStore {
            generation,
            impressions: counters.impressions,
            full_color: counters.full_color,
            monochrome: counters.monochrome,
            sheets: counters.sheets,
            power_ons: counters.power_ons,
            serial: ENGINE_SERIAL.to_owned(),
            lives: lives
                .map(|part| part.life(if absurd { MAX_RATED_LIFE + 1 } else { part.rated }))
                .collect(),
            billing: if self.bills() { billing::VERSION } else { 0 },
        }
        .encode_unchecked();
        let torn = fault == Fault::Torn;
        let written = bytes.get(..if torn { COPY_BYTES / 2 } else { COPY_BYTES }).unwrap_or_default();
        let copy = usize::from(generation % 2 == 1);
        // The record first: it counts once the store has its generation.
        let record = self.billing.and_then(|can_color| counters.by_size.record(generation, can_color));
        if let (Some(record), Ok(first)) = (record, usize::try_from(billing::FIRST_BYTE)) {
            memory.store(first + copy * billing::COPY_BYTES, &record, false, now);
        }
        memory.store(copy * COPY_BYTES, written, cycle, now);
        if !torn {
            self.generation = generation;
        }
    }
}

impl Counters {
    /// One page. A counter that is full begins again at 0.
    pub(super) fn count(&mut self, color: bool, new_sheet: bool, widths: &Widths) {
        let Widths { impressions, full_color, monochrome, sheets } = *widths;
        one_more(&mut self.impressions, impressions);
        if color {
            one_more(&mut self.full_color, full_color);
        } else {
            one_more(&mut self.monochrome, monochrome);
        }
        if new_sheet {
            one_more(&mut self.sheets, sheets);
        }
    }

    /// The same page by its size.
    pub(super) fn count_by_size(&mut self, color: bool, new_sheet: bool, is_a3: bool) {
        let BySize { a4_monochrome, a4_full_color, a3_monochrome, a3_full_color, duplex_sheets } =
            &mut self.by_size;
        let counter = match (is_a3, color) {
            (false, false) => a4_monochrome,
            (false, true) => a4_full_color,
            (true, false) => a3_monochrome,
            (true, true) => a3_full_color,
        };
        *counter = counter.wrapping_add(1);
        // The back of a sheet makes it one with two printed sides.
        *duplex_sheets = duplex_sheets.wrapping_add(u32::from(!new_sheet));
    }

    /// As far as counters of these widths show it.
    pub(super) fn within(self, widths: &Widths) -> Self {
        let shown = |count: u32, width: u64| u32::try_from(u64::from(count) % width.max(1)).unwrap_or(0);
        Self {
            impressions: shown(self.impressions, widths.impressions),
            full_color: shown(self.full_color, widths.full_color),
            monochrome: shown(self.monochrome, widths.monochrome),
            sheets: shown(self.sheets, widths.sheets),
            ..self
        }
    }

    /// Stands shortly before the impressions begin again at 0, with half of them in colour.
    pub(super) fn fill(&mut self, widths: &Widths) {
        let at = |count: u64, width: u64| u32::try_from(count % width.max(1)).unwrap_or(0);
        let impressions = widths.impressions.saturating_sub(BEFORE_FULL);
        let color = widths.full_color / 2;
        self.impressions = at(impressions, widths.impressions);
        self.full_color = at(color, widths.full_color);
        // Any number of whole widths may have passed: the sum is right as far as the counters show it.
        let rest = (impressions + widths.monochrome * ROUNDS).saturating_sub(color);
        self.monochrome = at(rest, widths.monochrome);
    }

    /// Loses impressions, as after a board was changed or a record restored.
    pub(crate) fn lose(&mut self) {
        // One that has begun again at 0 stands below the others.
        let lost =
            LOST_IMPRESSIONS.min(self.impressions).min(self.full_color.saturating_add(self.monochrome));
        let color = lost.min(self.full_color);
        self.impressions -= lost;
        self.full_color -= color;
        self.monochrome -= lost - color;
        self.sheets = self.sheets.saturating_sub(lost);
        let BySize { a4_monochrome, a4_full_color, .. } = &mut self.by_size;
        *a4_monochrome = a4_monochrome.saturating_sub(lost - color);
        *a4_full_color = a4_full_color.saturating_sub(color);
    }
}

impl BySize {
    /// What an engine of that age has counted: one in so many pages on A3.
    pub(super) fn of(full_color: u32, monochrome: u32, duplex_sheets: u32, a3_one_in: u32) -> Self {
        let (a3_full_color, a3_monochrome) = (full_color / a3_one_in.max(1), monochrome / a3_one_in.max(1));
        Self {
            a4_monochrome: monochrome - a3_monochrome,
            a4_full_color: full_color - a3_full_color,
            a3_monochrome,
            a3_full_color,
            duplex_sheets,
        }
    }

    /// The bytes of its record.
    fn record(self, generation: u32, can_color: bool) -> Option<[u8; billing::COPY_BYTES]> {
        let color = [
            (Counted::FullColor(Media::A4), self.a4_full_color),
            (Counted::FullColor(Media::A3), self.a3_full_color),
        ];
        let mut counts = vec![
            (Counted::Monochrome(Media::A4), self.a4_monochrome),
            (Counted::Monochrome(Media::A3), self.a3_monochrome),
        ];
        counts.extend(color.into_iter().filter(|_| can_color));
        counts.push((Counted::DuplexSheets, self.duplex_sheets));
        BillingRecord { generation, counts }.encode().ok()
    }
}

fn one_more(counter: &mut u32, width: u64) {
    let next = u64::from(*counter) + 1;
    *counter = if next >= width { 0 } else { u32::try_from(next).unwrap_or(0) };
}

fn rated_life(part: SupplyType) -> u32 {
    match part {
        SupplyType::Developer => 120_000,
        SupplyType::Fuser | SupplyType::TransferUnit => 150_000,
        SupplyType::Other => 100_000,
        _ => RATED_LIFE,
    }
}

fn type_of(name: &str) -> SupplyType {
    let types = [
        ("drum", SupplyType::Opc),
        ("opc", SupplyType::Opc),
        ("developer", SupplyType::Developer),
        ("fuser", SupplyType::Fuser),
        ("transfer", SupplyType::TransferUnit),
    ];
    types.into_iter().find(|(word, _)| name.contains(word)).map_or(SupplyType::Other, |(_, part)| part)
}
