//! From readings and edges to events: what arose, what ended, what a person asked.
//!
//! Everything here is a function of its arguments: no clock, no input or output. The shell hands in
//! samples and edges with their times, and stores the events together with [`Alerts`] and [`Past`], so that
//! a restart neither repeats an alert nor loses one, and what was learnt stays.
//!
//! What has no power while the printer sleeps keeps its last reading, and no rule says anything of whether it can
//! be read (`sleep`).
//!
//! Each rule says how one aspect of one thing stands (`finding`); debounce and the limit to flapping
//! (`debouncer`) make events of that. docs/alerts.md has every alert with what begins and ends it.
//!
//! | what | code | severity | training | file |
//! |---|---|---|---|---|
//! | a supply at or below a set value; empty | `markerTonerAlmostEmpty`, `markerTonerEmpty` and the like | warning, critical | untrained | `supply` |
//! | a part near the end of its life; over it | `…LifeAlmostOver`, `…LifeOver` | warning | fieldService | `supply` |
//! | a cartridge or waste box that is not there | `markerTonerCartridgeMissing`, `subunitMissing` | critical | untrained | `memory` |
//! | a cartridge in the wrong place | `subunitRecoverableFailure` | critical | untrained | `memory` |
//! | a memory or counter store that answers nonsense | `subunitRecoverableFailure` | warning | fieldService | `memory` |
//! | a cover or interlock that is open | `coverOpen`, `interlockOpen` | critical | untrained | `opening` |
//! | a jam | `jam` | critical | untrained | `opening` |
//! | a tray with little paper; without | `inputMediaSupplyLow`, `inputMediaSupplyEmpty` | warning, critical | untrained | `opening` |
//! | a fuser too hot or too cold | `markerFuserOverTemperature`, `markerFuserUnderTemperature` | critical | fieldService | `heat` |
//! | a fuser's thermistor that fails | `markerFuserThermistorFailure` | critical | fieldService | `heat` |
//! | another temperature, another sensor | `subunitOverTemperature` and the like | warning | fieldService | `heat` |
//! | a bus that fails; lines that are lost | `subunitRecoverableFailure`, `subunitMissing` | warning | fieldService | `board` |
//! | a button or another line that changes faster than anybody presses it | `subunitRecoverableFailure` | warning | fieldService | `storm` |
//! | the agent's own disk is full; can only be read, or fails | `subunitMemoryExhausted`, `subunitRecoverableFailure` | warning | fieldService | `disk` |
//! | forecasts: drift, noise, jam rate | `subunitNearLimit` | warning | fieldService | `forecast` |
//! | forecasts: leak, counterfeit, refill | `subunitRecoverableFailure` | warning | fieldService | `forecast` |
//! | forecast: a counter that was set back | `configurationChange` | warning | fieldService | `forecast` |

mod alert;
mod apply;
mod board;
mod button;
mod change;
mod condition;
mod config;
mod debouncer;
mod disk;
mod finding;
mod forecast;
mod heat;
mod learn;
mod memory;
mod opening;
mod past;
mod replace;
mod sleep;
mod storm;
mod subject;
mod supply;
mod switch;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use platen_hal::Edge;
use platen_protocol::alert::Alert;
use platen_protocol::device_to_manager::Replacement;
use platen_protocol::identity::{AlertId, InvalidId};
use platen_protocol::readings::{Reading, Readings, SupplyReading, SwitchMeaning, SwitchReading};

pub use alert::{Alerts, StandingAlert};
pub use button::{AGAIN_WITHIN, STUCK};
pub use change::{LEVEL_STEP_PERCENT, TEMPERATURE_STEP_MILLIDEGREES, is_worth_telling};
pub use condition::{Access, Aspect, DiskFault, Heat, Oddity, Standing};
pub use config::{CHANGE_PAUSE_SAMPLES, JudgeConfig, SetValues};
pub use debouncer::FLAP_QUIET;
pub use past::Past;
pub use storm::{STORM_PRESSES, STORM_QUIET, STORM_SPAN};
pub use subject::{ENGINE, LINES, OUTBOX};

use button::{Button, Press, Refused};
use debouncer::Debouncer;
use finding::{Finding, Scene, Switches};
use heat::Warmth;
use sleep::LastRead;
use storm::Storms;

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
    ServiceCall,
    /// A person held the service button down: the utilisation state is wanted now.
    ReportWanted,
    /// A person pressed the order button: one of each of these is wanted.
    Order {
        /// At least one.
        supplies: Vec<SupplyReading>,
        /// They were refused, for they are ordered already, and are wanted all the same.
        again: bool,
    },
    /// A supply or a part was out of its place, and it or another one is in again.
    Replacement(Box<Replacement>),
    /// The readings changed enough to tell them.
    Changed,
}

/// When a sample was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// On the monotonic clock, which is that of edges.
    pub at: Duration,
    /// On the wall clock, if that is synchronised.
    pub wall: Option<Timestamp>,
}

/// The judge: thresholds, what stands, what is pending, and what was learnt.
#[derive(Debug, Clone)]
pub struct Judge {
    config: JudgeConfig,
    alerts: Alerts,
    past: Past,
    debouncer: Debouncer,
    switches: Switches,
    buttons: BTreeMap<String, Button>,
    /// What the last press of an order button was refused.
    refused: Option<Refused>,
    storms: Storms,
    warmth: Warmth,
    disk: Option<DiskFault>,
    last_sample: Option<Duration>,
    last_read: LastRead,
    /// The supplies and the switches of the last sample: an edge is judged by them.
    supplies: Vec<SupplyReading>,
    layout: Vec<SwitchReading>,
    told: Option<Readings>,
    /// When a change was last told as such.
    changed: Option<Duration>,
}

impl Judge {
    /// A judge who goes on from what stood, and from what was learnt.
    pub fn new(config: JudgeConfig, alerts: Alerts, past: Past) -> Self {
        Self {
            config,
            alerts,
            past,
            debouncer: Debouncer::default(),
            switches: Switches::default(),
            buttons: BTreeMap::new(),
            refused: None,
            storms: Storms::default(),
            warmth: Warmth::default(),
            disk: None,
            last_sample: None,
            last_read: LastRead::default(),
            supplies: Vec::new(),
            layout: Vec::new(),
            told: None,
            changed: None,
        }
    }

    /// From now on judges by these thresholds.
    pub fn configure(&mut self, config: JudgeConfig) {
        self.config = config;
    }

    /// How the agent's own disk stands, as of the next sample.
    pub fn note_disk(&mut self, fault: Option<DiskFault>) {
        self.disk = fault;
    }

    /// The supplies of these names, which a press at a moment wanted, are ordered already, and the person is told so.
    pub fn refuse(&mut self, supplies: Vec<String>, at: Duration) {
        self.refused = Some(Refused { supplies, at });
    }

    /// What stands, to be stored with the events.
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// What was learnt, to be stored with the events and now and then.
    pub fn past(&self) -> &Past {
        &self.past
    }

    /// Whether something is in between, so that another sample soon would settle it.
    pub fn undecided(&self) -> bool {
        self.debouncer.undecided()
    }

    /// When another sample would show what does not answer after the printer woke, if there is such a thing.
    pub fn settling(&self) -> Option<Duration> {
        self.past.sleep.settling(self.config.settle_after_sleep)
    }

    /// Notes that these readings have been told, for whatever reason.
    pub fn told(&mut self, readings: &Readings) {
        self.told = Some(readings.clone());
    }

    /// Judges a sample. First it writes into it what the judge knows: the set values that apply, what stands
    /// since the printer fell asleep, the outlook of each supply, and the epochs of the counters.
    ///
    /// # Errors
    /// When an alert cannot be named.
    pub fn sample(&mut self, readings: &mut Readings, moment: Moment) -> Result<Vec<Event>, InvalidId> {
        let at = moment.at;
        apply::set_values(&self.config, readings);
        let mut events = self.forget_what_is_gone(readings);
        self.take_levels(&readings.switches, at, &mut events);
        self.hold(readings, moment);
        let places = self.learn(readings, moment, &mut events);
        self.supplies.clone_from(&readings.supplies);
        if self.layout != readings.switches {
            self.layout.clone_from(&readings.switches);
        }
        let mut findings = findings(self.scene(readings, at));
        findings.extend(storm::findings(&readings.switches, &self.storms, at));
        self.settle(findings, at, &mut events)?;
        for returned in places.returned {
            if !replace::was_missing(&self.alerts, &returned.subject) {
                events.push(Event::Replacement(Box::new(returned)));
            }
        }
        let rests = self.changed.is_some_and(|changed| at.saturating_sub(changed) < self.config.change_pause);
        let changed = self.told.as_ref().is_some_and(|told| {
            let told = self.storms.overlook(told, readings, at);
            change::is_worth_telling_at_once(&told, readings)
                || (!rests && change::has_moved(&told, readings))
        });
        if changed {
            self.told(readings);
            self.changed = Some(at);
            events.push(Event::Changed);
        }
        Ok(events)
    }

    /// Judges an edge. Before the first sample it is only taken note of, for nothing else is known of the
    /// board; a press counts all the same.
    ///
    /// # Errors
    /// When an alert cannot be named.
    pub fn edge(&mut self, edge: &Edge) -> Result<Vec<Event>, InvalidId> {
        let mut events = Vec::new();
        let switch = self.switches.0.entry(edge.switch.clone()).or_default();
        if let Some(active) = switch.edge(edge.active, edge.at, self.config.switch_debounce) {
            // Unlike a level that is found at the start, an edge is something that just happened.
            self.switched(&edge.switch, edge.meaning, (active, false), edge.at, &mut events);
            let layout = std::mem::take(&mut self.layout);
            let mut findings = opening::findings(&layout, &self.switches, &self.alerts);
            findings.extend(storm::findings(&layout, &self.storms, edge.at));
            let settled = self.settle(findings, edge.at, &mut events);
            self.layout = layout;
            settled?;
        }
        Ok(events)
    }

    /// Takes in what a sample says of the switches: an edge that was lost is made up for.
    fn take_levels(&mut self, switches: &[SwitchReading], at: Duration, events: &mut Vec<Event>) {
        for reading in switches {
            let Reading::Known { value } = reading.active else { continue };
            let switch = self.switches.0.entry(reading.name.clone()).or_default();
            let found = switch.is_new();
            if let Some(active) = switch.level(value, at) {
                self.switched(&reading.name, reading.meaning, (active, found), at, events);
            }
        }
    }

    /// What a change of a switch means beside a condition: a press, or a jam to be counted. `found` says
    /// that it is no change: so it was found when the agent began.
    fn switched(
        &mut self,
        name: &str,
        meaning: SwitchMeaning,
        (active, found): (bool, bool),
        at: Duration,
        events: &mut Vec<Event>,
    ) {
        if active && !found {
            self.storms.press(name, meaning, at);
        }
        match meaning {
            SwitchMeaning::Jam if active && !found => self.past.jams.note(self.past.counters.pages, at),
            SwitchMeaning::ServiceButton | SwitchMeaning::OrderButton => {
                let button = self.buttons.entry(name.to_owned()).or_default();
                let pressed = button.change(active, found, at, self.config.long_press);
                // No person presses like that.
                if let Some((press, since)) = pressed.filter(|_| !self.storms.rages(name, at)) {
                    events.extend(self.pressed(meaning, press, since, at));
                }
            }
            SwitchMeaning::Sleep if !active => self.past.sleep.wakes(),
            _ => {}
        }
    }

    fn pressed(
        &mut self,
        meaning: SwitchMeaning,
        press: Press,
        since: Option<Duration>,
        at: Duration,
    ) -> Option<Event> {
        match (meaning, press) {
            (SwitchMeaning::ServiceButton, Press::Short) => return Some(Event::ServiceCall),
            (SwitchMeaning::ServiceButton, Press::Long) => return Some(Event::ReportWanted),
            // A double press is one order.
            (_, Press::Short) if since.is_some_and(|since| since < self.config.order_window) => return None,
            _ => {}
        }
        let refused = self.refused.take().filter(|refused| press == Press::Long && refused.is_fresh(at));
        let supplies = match &refused {
            Some(refused) => button::named(&refused.supplies, &self.supplies),
            None => button::wanted(press, &self.supplies),
        };
        (!supplies.is_empty()).then_some(Event::Order { supplies, again: refused.is_some() })
    }

    fn scene<'s, 'r>(&'s self, readings: &'r Readings, at: Duration) -> Scene<'s, 'r> {
        Scene {
            readings,
            switches: &self.switches,
            alerts: &self.alerts,
            config: &self.config,
            past: &self.past,
            hot: self.warmth.hot(at),
            disk: self.disk,
        }
    }

    fn settle(
        &mut self,
        findings: Vec<Finding<'_>>,
        at: Duration,
        events: &mut Vec<Event>,
    ) -> Result<(), InvalidId> {
        let limit = self.config.flap_limit;
        findings
            .into_iter()
            .try_for_each(|finding| self.debouncer.settle(&mut self.alerts, finding, (at, limit), events))
    }

    /// Ends every alert of a thing.
    fn end_all(&mut self, subject: &str, why: &str, events: &mut Vec<Event>) {
        self.debouncer.forget(subject);
        for gone in self.alerts.retain(|name| name != subject) {
            events.push(Event::Cleared { id: gone.id, description: format!("{subject} {why}") });
        }
    }

    fn forget_what_is_gone(&mut self, readings: &Readings) -> Vec<Event> {
        let gone: Vec<String> = self
            .alerts
            .standing()
            .map(|alert| &alert.subject)
            .filter(|subject| !is_on_board(readings, subject))
            .cloned()
            .collect();
        let mut events = Vec::new();
        for subject in gone {
            self.end_all(&subject, "is no longer on the board", &mut events);
        }
        events
    }
}

/// What every rule says. One whose alert makes another one's needless comes first.
fn findings<'r>(scene: Scene<'_, 'r>) -> Vec<Finding<'r>> {
    let mut findings = vec![disk::finding(scene)];
    findings.extend(board::findings(scene));
    findings.extend(memory::findings(scene));
    findings.extend(memory::wrong_types(scene));
    findings.extend(supply::supplies(scene));
    findings.extend(supply::parts(scene));
    findings.extend(heat::findings(scene));
    findings.extend(opening::findings(&scene.readings.switches, scene.switches, scene.alerts));
    findings.extend(forecast::findings(scene));
    findings
}

fn is_on_board(readings: &Readings, name: &str) -> bool {
    readings.supplies.iter().any(|supply| supply.name == name)
        || readings.parts.iter().any(|part| part.name == name)
        || readings.temperatures.iter().any(|sensor| sensor.name == name)
        || readings.switches.iter().any(|switch| switch.name == name)
        || readings.buses.iter().any(|bus| bus.name == name)
        || (name == ENGINE && !readings.counters.is_empty())
        || (name == LINES && !readings.switches.is_empty())
        || name == OUTBOX
}

#[cfg(test)]
mod tests;
