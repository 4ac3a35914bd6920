//! From readings and edges to events: what arose, what ended, what a person asked.
//!
//! Everything here is a function of its arguments: no clock, no input or output. The shell hands in
//! samples and edges with their times, and stores the events together with [`Alerts`], so that a
//! restart neither repeats an alert nor loses one.
//!
//! | what | code | severity | training |
//! |---|---|---|---|
//! | a supply at or below its set value | `markerTonerAlmostEmpty` and the like | warning | untrained |
//! | a supply at 0 % | `markerTonerEmpty` and the like | critical | untrained |
//! | a part near the end of its life, or over it | `…LifeAlmostOver`, `…LifeOver` | warning, critical | fieldService |
//! | a memory that does not answer | `markerTonerCartridgeMissing`, `subunitMissing` | critical | untrained |
//! | a memory that answers nonsense | `subunitRecoverableFailure` | warning | fieldService |
//! | a cover that is open | `coverOpen` | critical | untrained |

mod alert;
mod button;
mod change;
mod config;
mod cover;
mod debounce;
mod memory;
mod supply;
mod switch;

use std::collections::BTreeMap;
use std::time::Duration;

use platen_hal::Edge;
use platen_protocol::alert::{Alert, AlertCode, AlertGroup};
use platen_protocol::identity::{AlertId, InvalidId};
use platen_protocol::readings::{
    PartReading, Reading, Readings, SupplyReading, SwitchMeaning, SwitchReading,
};
use platen_protocol::supply::Level;
use platen_protocol::unknown::UnknownCause;

pub use alert::{Alerts, Aspect, StandingAlert};
pub use change::{LEVEL_STEP_PERCENT, TEMPERATURE_STEP_MILLIDEGREES, is_worth_telling};
pub use config::JudgeConfig;
pub use memory::Access;
pub use supply::{Standing, stand};

use alert::{Subject, Wording};
use debounce::Debounce;
use switch::Switch;

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A condition arose.
    Raised(Box<Alert>),
    /// A condition ended.
    Cleared {
        /// The alert that told of it.
        id: AlertId,
        /// Why it is held to have ended.
        description: String,
    },
    /// A person pressed the service button.
    ServiceButton,
    /// The readings changed enough to tell them.
    Changed,
}

/// Where a thing on the board is between two states.
#[derive(Debug, Clone, Default)]
struct Pending {
    level: Debounce<Standing>,
    memory: Debounce<Access>,
}

/// The judge: thresholds, what stands, and what is pending.
#[derive(Debug, Clone)]
pub struct Judge {
    config: JudgeConfig,
    alerts: Alerts,
    pending: BTreeMap<String, Pending>,
    switches: BTreeMap<String, Switch>,
    told: Option<Readings>,
}

/// One supply or part, as the rules for levels and memories see it.
struct Thing<'a> {
    subject: Subject<'a>,
    percent: Option<u8>,
    set_percent: u8,
    unknown: Option<&'a UnknownCause>,
    group: AlertGroup,
    missing: AlertCode,
}

impl Judge {
    /// A judge who goes on from what stood.
    pub fn new(config: JudgeConfig, alerts: Alerts) -> Self {
        Self { config, alerts, pending: BTreeMap::new(), switches: BTreeMap::new(), told: None }
    }

    /// What stands, to be stored with the events.
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// Whether a level is in between, so that another sample soon would settle it.
    pub fn undecided(&self) -> bool {
        self.pending.values().any(|pending| pending.level.undecided())
    }

    /// Notes that these readings have been told, for whatever reason.
    pub fn told(&mut self, readings: &Readings) {
        self.told = Some(readings.clone());
    }

    /// Judges a sample that was read at a time on the monotonic clock.
    pub fn sample(&mut self, readings: &Readings, at: Duration) -> Result<Vec<Event>, InvalidId> {
        let mut events = self.forget_what_is_gone(readings);
        for supply in &readings.supplies {
            let thing = Thing::of_supply(supply);
            self.level(
                &thing,
                |standing, percent| supply::supply_wording(supply, standing, percent),
                &mut events,
            )?;
            self.memory(&thing, &mut events)?;
        }
        for part in &readings.parts {
            let thing = Thing::of_part(part, self.config.part_percent);
            self.level(
                &thing,
                |standing, percent| supply::part_wording(part, standing, percent),
                &mut events,
            )?;
            self.memory(&thing, &mut events)?;
        }
        for (at_index, reading) in readings.switches.iter().enumerate() {
            if let Reading::Known { value } = reading.active {
                let index = cover_index(&readings.switches, at_index);
                let switch = self.switches.entry(reading.name.clone()).or_default();
                let first = switch.is_new();
                if let Some(active) = switch.level(value, at) {
                    self.switched(&reading.name, reading.meaning, index, active, first, &mut events)?;
                }
            }
        }
        if self.told.as_ref().is_some_and(|told| is_worth_telling(told, readings)) {
            self.told(readings);
            events.push(Event::Changed);
        }
        Ok(events)
    }

    /// Judges an edge.
    pub fn edge(&mut self, edge: &Edge) -> Result<Vec<Event>, InvalidId> {
        let mut events = Vec::new();
        let index = self
            .told
            .as_ref()
            .and_then(|told| told.switches.iter().position(|s| s.name == edge.switch).map(|at| (told, at)))
            .and_then(|(told, at)| cover_index(&told.switches, at));
        let switch = self.switches.entry(edge.switch.clone()).or_default();
        if let Some(active) = switch.edge(edge.active, edge.at, self.config.switch_debounce) {
            // Unlike a level that is found at the start, an edge is something that just happened.
            self.switched(&edge.switch, edge.meaning, index, active, false, &mut events)?;
        }
        Ok(events)
    }

    fn switched(
        &mut self,
        name: &str,
        meaning: SwitchMeaning,
        index: Option<u16>,
        active: bool,
        first: bool,
        events: &mut Vec<Event>,
    ) -> Result<(), InvalidId> {
        match meaning {
            SwitchMeaning::Cover => {
                let up = self.alerts.of(name, Aspect::Cover).is_some();
                if active && !up {
                    let subject = Subject { name, index, ..Subject::default() };
                    self.raise(Aspect::Cover, &subject, cover::wording(name), events)?;
                } else if !active {
                    self.clear(name, Aspect::Cover, format!("{name} is closed"), events);
                }
            }
            SwitchMeaning::ServiceButton if button::is_call(first, active) => {
                events.push(Event::ServiceButton);
            }
            SwitchMeaning::ServiceButton => {}
        }
        Ok(())
    }

    fn level(
        &mut self,
        thing: &Thing<'_>,
        wording: impl Fn(Standing, u8) -> Option<Wording>,
        events: &mut Vec<Event>,
    ) -> Result<(), InvalidId> {
        let kind = Aspect::Level(Standing::Enough);
        let name = thing.subject.name;
        let before = match self.alerts.of(name, kind) {
            Some(Aspect::Level(standing)) => standing,
            _ => Standing::Enough,
        };
        let opinion = thing
            .percent
            .map(|percent| stand(percent, thing.set_percent, self.config.hysteresis_percent, before));
        let pending = self.pending.entry(name.to_owned()).or_default();
        let settled = pending.level.observe(opinion, before, self.config.debounce_samples);
        let (Some(standing), Some(percent)) = (settled, thing.percent) else { return Ok(()) };
        let next = wording(standing, percent);
        let why = next.as_ref().map_or_else(
            || format!("{name} is at {percent} %"),
            |wording| format!("{name} is now told of as {}", wording.code),
        );
        self.clear(name, kind, why, events);
        if let Some(next) = next {
            self.raise(Aspect::Level(standing), &thing.subject, next, events)?;
        }
        Ok(())
    }

    fn memory(&mut self, thing: &Thing<'_>, events: &mut Vec<Event>) -> Result<(), InvalidId> {
        let kind = Aspect::Memory(Access::Readable);
        let name = thing.subject.name;
        let before = match self.alerts.of(name, kind) {
            Some(Aspect::Memory(access)) => access,
            _ => Access::Readable,
        };
        let now = memory::access(thing.unknown);
        let pending = self.pending.entry(name.to_owned()).or_default();
        let Some(access) = pending.memory.observe(Some(now), before, self.config.debounce_samples) else {
            return Ok(());
        };
        let next = thing.unknown.and_then(|cause| memory::wording(name, cause, thing.missing, thing.group));
        let why = next.as_ref().map_or_else(
            || format!("{name} can be read again"),
            |wording| format!("{name} is now told of as {}", wording.code),
        );
        self.clear(name, kind, why, events);
        if let Some(next) = next {
            self.raise(Aspect::Memory(access), &thing.subject, next, events)?;
        }
        Ok(())
    }

    fn raise(
        &mut self,
        aspect: Aspect,
        subject: &Subject<'_>,
        wording: Wording,
        events: &mut Vec<Event>,
    ) -> Result<(), InvalidId> {
        events.push(Event::Raised(Box::new(self.alerts.raise(aspect, subject, wording)?)));
        Ok(())
    }

    fn clear(&mut self, subject: &str, kind: Aspect, description: String, events: &mut Vec<Event>) {
        if let Some(id) = self.alerts.clear(subject, kind) {
            events.push(Event::Cleared { id, description });
        }
    }

    fn forget_what_is_gone(&mut self, readings: &Readings) -> Vec<Event> {
        let names: Vec<&str> = readings
            .supplies
            .iter()
            .map(|supply| supply.name.as_str())
            .chain(readings.parts.iter().map(|part| part.name.as_str()))
            .chain(readings.switches.iter().map(|switch| switch.name.as_str()))
            .collect();
        self.alerts
            .retain(|subject| names.contains(&subject))
            .into_iter()
            .map(|alert| Event::Cleared {
                id: alert.id,
                description: format!("{} is no longer on the board", alert.subject),
            })
            .collect()
    }
}

impl<'a> Thing<'a> {
    fn of_supply(supply: &'a SupplyReading) -> Self {
        let unknown = match &supply.level {
            Level::Unknown { cause } => Some(cause),
            _ => None,
        };
        Self {
            subject: Subject {
                name: &supply.name,
                index: Some(supply.index),
                supply: Some(supply),
                part: None,
            },
            percent: supply.percent(),
            set_percent: supply.set_percent,
            unknown,
            group: AlertGroup::MarkerSupplies,
            missing: memory::missing_supply(supply.class, supply.supply_type),
        }
    }

    fn of_part(part: &'a PartReading, set_percent: u8) -> Self {
        let unknown = match &part.used {
            Reading::Unknown { cause } => Some(cause),
            Reading::Known { .. } => None,
        };
        Self {
            subject: Subject { name: &part.name, index: Some(part.index), supply: None, part: Some(part) },
            percent: part.percent_left(),
            set_percent,
            unknown,
            group: AlertGroup::Marker,
            missing: AlertCode::SubunitMissing,
        }
    }
}

/// The place of a cover among the covers, from 1 (the MIB's `prtCoverIndex`).
fn cover_index(switches: &[SwitchReading], at: usize) -> Option<u16> {
    let covers = switches.iter().take(at + 1).filter(|s| s.meaning == SwitchMeaning::Cover).count();
    u16::try_from(covers).ok().filter(|covers| *covers > 0)
}

#[cfg(test)]
mod tests;
