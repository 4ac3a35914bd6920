//! Sleep is no fault: what has no power while the printer sleeps keeps its last reading, marked with its age
//! ([`HeldReading`]), and is no event until the printer has been awake for a while. Whether that is so, `past/sleep`
//! says; here it is written into a sample.

use std::collections::BTreeMap;
use std::time::Duration;

use platen_hal::config::NoPowerInSleep;
use platen_protocol::readings::{
    BillingReading, BusReading, CounterKind, CounterReading, HeldKind, HeldReading, PartReading, Readings,
    SupplyReading, SwitchMeaning, TemperatureReading,
};
use platen_protocol::supply::Level;

use super::past::Signs;
use super::subject::ENGINE;
use super::{Judge, Moment};

/// Before the name of a bus, which may be that of a supply: no name on the board has a space in it.
const BUS: &str = "bus ";

/// What was last read of everything that loses its power in sleep.
#[derive(Debug, Clone, Default)]
pub(super) struct LastRead {
    supplies: Kept<SupplyReading>,
    parts: Kept<PartReading>,
    temperatures: Kept<TemperatureReading>,
    /// Those of the engine, all of which are in one store.
    counters: Kept<(Vec<CounterReading>, Vec<BillingReading>)>,
    /// Pages that passed the exit; without a sensor there, impressions.
    pages: Option<u64>,
}

/// By name.
type Kept<T> = BTreeMap<String, Last<T>>;

/// A reading that was good.
#[derive(Debug, Clone)]
struct Last<T> {
    value: T,
    at: Duration,
    /// Samples in a row in which it could not be read though it should have had power.
    missed: u32,
}

/// How something is in a sample.
#[derive(Debug, Clone, Copy)]
struct Found {
    read: bool,
    /// Not read, and not expected to be.
    excused: bool,
    at: Duration,
    /// After so many samples a fault counts: what was read before it does not stand for what is now.
    patience: u32,
}

/// Keeps what was read; what stands for something that is excused, if anything was read of it.
fn follow<'k, T: Clone>(kept: &'k mut Kept<T>, name: &str, now: &T, found: Found) -> Option<&'k Last<T>> {
    let Found { read, excused, at, patience } = found;
    if read {
        kept.insert(name.to_owned(), Last { value: now.clone(), at, missed: 0 });
        return None;
    }
    if !excused {
        kept.retain(|known, last| {
            last.missed = last.missed.saturating_add(u32::from(known == name));
            known != name || last.missed < patience
        });
        return None;
    }
    kept.get(name)
}

impl Judge {
    /// Writes into a sample what stands since the printer fell asleep.
    pub(super) fn hold(&mut self, readings: &mut Readings, moment: Moment) {
        readings.held.clear();
        let NoPowerInSleep { things, buses } = &self.config.no_power;
        self.past.sleep.keep(|name| match name.strip_prefix(BUS) {
            Some(bus) => buses.contains(bus),
            None => things.contains(name),
        });
        if self.config.no_power.is_empty() {
            return;
        }
        let Moment { at, .. } = moment;
        let span = at.saturating_sub(self.last_sample.unwrap_or(at));
        let signs = self.signs(readings);
        let now = self.past.watched_after(span);
        self.past.sleep.observe(signs, span, now);
        self.hold_supplies(readings, at);
        self.hold_parts(readings, at);
        self.hold_temperatures(readings, at);
        self.hold_counters(readings, at);
        self.hold_buses(readings);
    }

    fn signs(&mut self, readings: &Readings) -> Signs {
        let line = readings.switches.iter().find(|switch| switch.meaning == SwitchMeaning::Sleep);
        let exits = readings.counter(CounterKind::PageExits);
        let counter = exits.or_else(|| readings.counter(CounterKind::Impressions));
        let pages = counter.and_then(|counter| counter.value.known()).copied();
        let came = pages.zip(self.last_read.pages).is_some_and(|(now, before)| now > before);
        self.last_read.pages = pages;
        let supplies = readings.supplies.iter().filter(|supply| is_read(supply)).map(|supply| &supply.name);
        let parts = readings.parts.iter().filter(|part| part.used.known().is_some()).map(|part| &part.name);
        let sensors =
            readings.temperatures.iter().filter(|sensor| sensor.millidegrees_celsius.known().is_some());
        let mut answering = supplies.chain(parts).chain(sensors.map(|sensor| &sensor.name));
        Signs {
            // Without a line nobody says that it sleeps.
            line: line.map_or(Some(false), |line| line.active.known().copied()),
            pages: came,
            power: answering.any(|name| self.loses_power(name)),
        }
    }

    fn loses_power(&self, name: &str) -> bool {
        self.config.no_power.things.contains(name)
    }

    fn find(&mut self, name: &str, read: bool, at: Duration) -> Found {
        let excused = self.past.sleep.excuses(name, read, self.config.settle_after_sleep);
        Found { read, excused, at, patience: self.config.debounce_samples }
    }

    fn hold_supplies(&mut self, readings: &mut Readings, at: Duration) {
        for now in &mut readings.supplies {
            if !self.loses_power(&now.name) {
                continue;
            }
            let found = self.find(&now.name, is_read(now), at);
            let last = follow(&mut self.last_read.supplies, &now.name, now, found);
            if found.excused {
                readings.held.push(held(HeldKind::Supply, &now.name, last.map(|last| last.at), at));
            }
            if let Some(Last { value: last, .. }) = last {
                now.supply_type = last.supply_type;
                now.colorant.clone_from(&last.colorant);
                now.unit = last.unit;
                now.capacity = last.capacity;
                now.level.clone_from(&last.level);
                now.serial.clone_from(&last.serial);
            }
        }
    }

    fn hold_parts(&mut self, readings: &mut Readings, at: Duration) {
        for now in &mut readings.parts {
            if !self.loses_power(&now.name) {
                continue;
            }
            let found = self.find(&now.name, now.used.known().is_some(), at);
            let last = follow(&mut self.last_read.parts, &now.name, now, found);
            if found.excused {
                readings.held.push(held(HeldKind::Part, &now.name, last.map(|last| last.at), at));
            }
            if let Some(Last { value: last, .. }) = last {
                now.part_type = last.part_type;
                now.unit = last.unit;
                now.used.clone_from(&last.used);
                now.rated_life = last.rated_life;
                now.serial.clone_from(&last.serial);
            }
        }
    }

    fn hold_temperatures(&mut self, readings: &mut Readings, at: Duration) {
        for now in &mut readings.temperatures {
            if !self.loses_power(&now.name) {
                continue;
            }
            let found = self.find(&now.name, now.millidegrees_celsius.known().is_some(), at);
            let last = follow(&mut self.last_read.temperatures, &now.name, now, found);
            if found.excused {
                readings.held.push(held(HeldKind::Temperature, &now.name, last.map(|last| last.at), at));
            }
            if let Some(Last { value: last, .. }) = last {
                now.millidegrees_celsius.clone_from(&last.millidegrees_celsius);
            }
        }
    }

    fn hold_counters(&mut self, readings: &mut Readings, at: Duration) {
        let is_engines = |counter: &CounterReading| counter.kind != CounterKind::PageExits;
        let now: Vec<_> = readings.counters.iter().filter(|one| is_engines(one)).cloned().collect();
        if now.is_empty() || !self.loses_power(ENGINE) {
            return;
        }
        let found = self.find(ENGINE, now.iter().all(|counter| counter.value.known().is_some()), at);
        let now = (now, readings.billing.clone());
        let last = follow(&mut self.last_read.counters, ENGINE, &now, found);
        if found.excused {
            readings.held.push(held(HeldKind::Counters, ENGINE, last.map(|last| last.at), at));
        }
        let Some(Last { value: (last, billing), .. }) = last else { return };
        readings.billing.clone_from(billing);
        for now in &mut readings.counters {
            if let Some(last) = last.iter().find(|last| last.kind == now.kind) {
                now.value.clone_from(&last.value);
            }
        }
    }

    /// A bus has nothing to say while none of its chips has power.
    fn hold_buses(&mut self, readings: &mut Readings) {
        for BusReading { name, failing } in &mut readings.buses {
            if !self.config.no_power.buses.contains(name) {
                continue;
            }
            let found = self.find(&format!("{BUS}{name}"), failing.is_none(), Duration::ZERO);
            if found.excused {
                *failing = None;
                readings.held.push(held(HeldKind::Bus, name, None, Duration::ZERO));
            }
        }
    }
}

fn is_read(supply: &SupplyReading) -> bool {
    !matches!(supply.level, Level::Unknown { .. })
}

fn held(kind: HeldKind, name: &str, when: Option<Duration>, at: Duration) -> HeldReading {
    let age_seconds = when.map(|when| at.saturating_sub(when).as_secs());
    HeldReading { kind, name: name.to_owned(), age_seconds }
}
