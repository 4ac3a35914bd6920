//! What printing does to a printer.

pub(super) mod heat;
mod parts;
mod supplies;

use std::time::Duration;

use crate::analog;
use crate::event_log::Stock;
use crate::faults::{Faults, Gauge, Kind};
use crate::physics::heat::{Body, rounded};
use crate::physics::parts::Store;
use crate::random::Random;
use crate::truth::{BySize, Counters, PartTruth, SupplyTruth, TemperatureTruth};
use crate::wiring::{Senses, Wiring};
use platen_hal::config::{BoardConfig, ENGINE, Engine};
use platen_hal::counters::{LIVES, Widths};
use platen_hal::sim_command::Fault;

pub(super) use parts::SimPart;
pub(super) use supplies::SimSupply;

/// How much of a page is covered with each colorant, in percent, until somebody says otherwise.
const COVERAGE: u8 = 5;
/// Of so many pages, one is in colour on a printer that can; and of so many, one is on the back of a sheet.
const COLOR_ONE_IN: u32 = 2;
const BACK_ONE_IN: u32 = 4;
/// Of so many pages, one is on A3, where the engine counts by size.
const A3_ONE_IN: u32 = 8;
/// How much of a part's life is used at the start, in percent, and what belongs to it.
const PARTS_USED: u32 = 25;
const IMPRESSIONS: u32 = 15_000;
const POWER_ONS: u32 = 12;
/// How far an analog sensor that is well is off to either side, in millivolts.
const ANALOG_NOISE: f64 = 1.5;

/// Everything that printing changes.
pub(super) struct Physics {
    /// Without chance: each page is like the other.
    exact: bool,
    seed: u64,
    random: Random,
    pub(super) supplies: Vec<SimSupply>,
    pub(super) parts: Vec<SimPart>,
    bodies: Vec<Body>,
    pub(super) counters: Counters,
    /// How far they count.
    widths: Widths,
    store: Option<Store>,
    pub(super) coverage: u8,
    pub(super) pages: u64,
}

/// The moment at which chips are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Printer's time.
    pub(super) now: Duration,
    pub(super) bus_time: Duration,
}

impl Physics {
    pub(super) fn new(config: &BoardConfig, faults: &Faults, wiring: &Wiring, seed: u64) -> Self {
        let exact = config.simulation.is_none();
        let mut random = Random::new(seed, "start");
        let target = |name: &str| {
            faults
                .place(name, |kind| !matches!(kind, Kind::Bus | Kind::Lines | Kind::Switch))
                .unwrap_or(usize::MAX)
        };
        let mut used = |number: u32| if exact { 15 + number * 17 % 60 } else { random.between(10, 70) };
        let supplies = (0..)
            .zip(&config.supplies)
            .map(|(number, entry)| SimSupply::new(entry, target(entry.name.get_ref()), wiring, used(number)));
        let supplies: Vec<_> = supplies.collect();
        let mut used = || if exact { PARTS_USED } else { random.between(5, 60) };
        let parts = config
            .parts
            .iter()
            .map(|entry| SimPart::new(entry, target(entry.name.get_ref()), wiring, used()));
        let mut parts: Vec<_> = parts.collect();
        let engine = faults.place(ENGINE, |kind| kind == Kind::Engine);
        let store = Store::new(config, engine, wiring, supplies.iter().any(SimSupply::is_color));
        if store.is_some() {
            for life in LIVES {
                if !parts.iter().any(|part| part.counts(life)) {
                    parts.push(SimPart::unlisted(life, used()));
                }
            }
        }
        let impressions = if exact { IMPRESSIONS } else { random.between(5_000, 40_000) };
        let full_color = match (supplies.iter().any(SimSupply::is_color), exact) {
            (true, true) => impressions,
            (true, false) => impressions / COLOR_ONE_IN,
            (false, _) => 0,
        };
        let sheets = if exact { impressions } else { impressions - impressions / BACK_ONE_IN };
        let monochrome = impressions - full_color;
        let by_size = if store.as_ref().is_some_and(Store::bills) {
            BySize::of(full_color, monochrome, impressions - sheets, A3_ONE_IN)
        } else {
            BySize::default()
        };
        let widths = config.engine.as_ref().map(Engine::widths).unwrap_or_default();
        let bodies = config.temperatures.iter();
        Self {
            exact,
            seed,
            random: Random::new(seed, "pages"),
            supplies,
            parts,
            bodies: bodies.map(|entry| Body::new(entry, target(entry.name.get_ref()), exact)).collect(),
            counters: Counters { impressions, full_color, monochrome, sheets, power_ons: POWER_ONS, by_size }
                .within(&widths),
            widths,
            store,
            coverage: COVERAGE,
            pages: 0,
        }
    }

    /// Why no page can be printed now, as far as supplies and heat are concerned. A page is `on_time` when
    /// the time to warm up for it has passed, and is not thought to have passed.
    pub(super) fn stops(&self, faults: &Faults, on_time: bool, now: Duration) -> Option<String> {
        let supply = self.supplies.iter().find_map(|supply| {
            let in_a_slot = faults.kind(supply.target) == Some(Kind::Supply(Gauge::Memory));
            if in_a_slot && faults.of(supply.target) == Fault::Absent {
                return Some(format!("{} was not in its place", supply.name));
            }
            let state = if supply.is_consumed() { "empty" } else { "full" };
            supply.is_over().then(|| format!("{} was {state}", supply.name))
        });
        supply
            .or_else(|| self.bodies.iter().find_map(|body| body.stops(faults.of(body.target), on_time, now)))
    }

    /// One page.
    pub(super) fn print_page(&mut self, faults: &Faults, on_time: bool, now: Duration) {
        let can_color = self.supplies.iter().any(SimSupply::is_color);
        let color = can_color && (self.exact || self.random.one_in(COLOR_ONE_IN));
        let new_sheet = self.exact || !self.random.one_in(BACK_ONE_IN);
        let mut toner = 0;
        for supply in self.supplies.iter_mut().filter(|supply| supply.is_consumed()) {
            let variation = if self.exact { 1000 } else { supplies::variation(&mut self.random) };
            if color || !supply.is_color() {
                toner += supply.use_toner(self.coverage, variation, faults.of(supply.target));
            }
        }
        for receptacle in self.supplies.iter_mut().filter(|supply| !supply.is_consumed()) {
            receptacle.fill(toner);
        }
        self.parts.iter_mut().for_each(|part| part.age(new_sheet));
        self.bodies.iter_mut().for_each(|body| body.page(faults.of(body.target), on_time, now));
        self.counters.count(color, new_sheet, &self.widths);
        if self.store.as_ref().is_some_and(Store::bills) {
            let is_a3 = self.random.one_in(A3_ONE_IN);
            self.counters.count_by_size(color, new_sheet, is_a3);
        }
        self.pages += 1;
    }

    /// The engine's counters are all at once elsewhere.
    pub(super) fn jump(&mut self, fault: Fault) {
        if fault == Fault::NearlyFull {
            self.counters.fill(&self.widths);
        } else {
            self.counters.lose();
        }
    }

    /// Writes what changed to the chips; with `always` everything.
    pub(super) fn store(&mut self, wiring: &mut Wiring, faults: &Faults, always: bool, moment: Moment) {
        let how = (always, !self.exact, moment.bus_time);
        for supply in &mut self.supplies {
            supply.store(wiring, faults.of(supply.target), how);
        }
        for part in &mut self.parts {
            let fault = part.target.map_or(Fault::None, |target| faults.of(target));
            part.store(wiring, fault, how);
        }
        if let Some(store) = &mut self.store {
            let fault = faults.of(store.target);
            store.store(wiring, self.counters, &self.parts, (fault, !self.exact, moment.bus_time));
        }
    }

    /// Writes the chip of one target, whether or not it changed.
    pub(super) fn store_one(&mut self, target: usize, wiring: &mut Wiring, faults: &Faults, moment: Moment) {
        let (fault, how) = (faults.of(target), (true, !self.exact, moment.bus_time));
        for supply in self.supplies.iter_mut().filter(|supply| supply.target == target) {
            supply.store(wiring, fault, how);
        }
        for part in self.parts.iter_mut().filter(|part| part.target == Some(target)) {
            part.store(wiring, fault, how);
        }
        if let Some(store) = &mut self.store {
            let fault = faults.of(store.target);
            store.store(wiring, self.counters, &self.parts, (fault, !self.exact, moment.bus_time));
        }
    }

    /// What the printer has, as it is written down.
    pub(super) fn stock(&self) -> Stock {
        Stock {
            pages: self.pages,
            counters: self.counters,
            supplies: self.supplies.iter().map(SimSupply::stock).collect(),
            parts: self.parts.iter().map(SimPart::stock).collect(),
        }
    }

    /// The printer has what was written down. What the board file has meanwhile got is as new.
    pub(super) fn restock(&mut self, stock: &Stock) {
        (self.pages, self.counters) = (stock.pages, stock.counters);
        for supply in &mut self.supplies {
            if let Some(known) = stock.supplies.iter().find(|known| known.name == supply.name) {
                supply.restock(known);
            }
        }
        for part in &mut self.parts {
            if let Some(known) = stock.parts.iter().find(|known| known.name == part.name) {
                part.restock(known);
            }
        }
    }

    /// From now on the fusers go where their heaters take them.
    pub(super) fn steer(&mut self, faults: &Faults, asleep: bool, now: Duration) {
        for body in &mut self.bodies {
            body.steer(faults.of(body.target), asleep, now);
        }
    }

    /// Puts the sensor of a target at a temperature in thousandths of a degree Celsius.
    pub(super) fn heat(&mut self, target: usize, millidegrees: i32, now: Duration) {
        for body in self.bodies.iter_mut().filter(|body| body.target == target) {
            body.put(millidegrees, now);
        }
    }

    pub(super) fn supply_truths(&self) -> Vec<SupplyTruth> {
        self.supplies.iter().map(SimSupply::truth).collect()
    }

    pub(super) fn part_truths(&self) -> Vec<PartTruth> {
        self.parts.iter().filter(|part| part.target.is_some()).map(SimPart::truth).collect()
    }

    pub(super) fn temperature_truths(&self, now: Duration) -> Vec<TemperatureTruth> {
        self.bodies.iter().map(|body| body.truth(now)).collect()
    }

    /// The printer as its chips sense it at a moment.
    pub(super) fn sensed<'a>(&'a self, faults: &'a Faults, moment: Moment) -> Sensed<'a> {
        Sensed { physics: self, faults, moment }
    }
}

/// The printer as its chips sense it at a moment.
pub(super) struct Sensed<'a> {
    physics: &'a Physics,
    faults: &'a Faults,
    moment: Moment,
}

impl Sensed<'_> {
    fn body(&self, target: usize) -> Option<(&Body, f64)> {
        let Moment { now, bus_time } = self.moment;
        let body = self.physics.bodies.iter().find(|body| body.target == target)?;
        Some((body, body.sensed(self.faults, self.physics.seed, now, bus_time)))
    }
}

impl Senses for Sensed<'_> {
    fn millivolts(&self, target: usize) -> f64 {
        match self.faults.of(target) {
            Fault::OpenCircuit => return analog::OPEN_CIRCUIT,
            Fault::ShortCircuit => return analog::SHORT_CIRCUIT,
            _ => {}
        }
        let supply = self.physics.supplies.iter().find(|supply| supply.target == target);
        let sensed = match supply.and_then(|supply| Some((supply.curve()?, supply.percent()))) {
            Some((curve, percent)) => Some(analog::millivolts(curve, percent)),
            None => self.body(target).and_then(|(body, millidegrees)| {
                Some(analog::millivolts(body.curve.as_ref()?, millidegrees / 1000.0))
            }),
        };
        let noise = if self.physics.exact {
            0.0
        } else {
            let moment = u64::try_from(self.moment.bus_time.as_micros()).unwrap_or(u64::MAX);
            ANALOG_NOISE * Random::at(self.physics.seed, self.faults.name(target), moment).signed_unit()
        };
        sensed.unwrap_or(analog::SHORT_CIRCUIT) + noise
    }

    fn millidegrees(&self, target: usize) -> i32 {
        self.body(target).map_or(0, |(_, millidegrees)| rounded(millidegrees))
    }
}
