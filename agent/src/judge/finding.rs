//! What one rule says about one aspect of one thing, before debounce.

use std::borrow::Cow;
use std::collections::BTreeMap;

use platen_protocol::readings::{Readings, SwitchMeaning, SwitchReading};

use super::alert::Alerts;
use super::condition::{Aspect, DiskFault, Wording};
use super::config::JudgeConfig;
use super::past::Past;
use super::subject::Subject;
use super::switch::Switch;

/// What one rule says.
#[derive(Debug)]
pub(super) struct Finding<'r> {
    pub(super) subject: Subject<'r>,
    /// Which aspect, in any of its states.
    pub(super) kind: Aspect,
    pub(super) verdict: Verdict,
    /// Samples in a row that must agree.
    pub(super) needed: u32,
}

/// How an aspect stands.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Nothing can be said: what stood stands.
    Unknown,
    /// Nothing is wrong; in words that follow the thing's name.
    Fine(Cow<'static, str>),
    /// An alert is called for.
    Holds(Aspect, Box<Wording>),
}

impl Verdict {
    pub(super) fn fine(why: &'static str) -> Self {
        Self::Fine(Cow::Borrowed(why))
    }

    pub(super) fn holds(aspect: Aspect, wording: Wording) -> Self {
        Self::Holds(aspect, Box::new(wording))
    }
}

/// What a rule looks at: a sample, and what is known beside it.
#[derive(Clone, Copy)]
pub(super) struct Scene<'s, 'r> {
    pub(super) readings: &'r Readings,
    pub(super) switches: &'s Switches,
    pub(super) alerts: &'s Alerts,
    pub(super) config: &'s JudgeConfig,
    pub(super) past: &'s Past,
    /// Whether the fuser has been wanted hot for long enough to be.
    pub(super) hot: bool,
    /// What is wrong with the agent's own disk.
    pub(super) disk: Option<DiskFault>,
}

impl Scene<'_, '_> {
    /// The debounced state of a switch that is about a supply, where there is such a switch.
    pub(super) fn supply_switch(&self, supply: &str, meaning: SwitchMeaning) -> Option<bool> {
        let about = |s: &&SwitchReading| s.meaning == meaning && s.supply.as_deref() == Some(supply);
        self.readings.switches.iter().find(about).and_then(|switch| self.switches.state(&switch.name))
    }
}

/// The debounced switches, by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Switches(pub(super) BTreeMap<String, Switch>);

impl Switches {
    pub(super) fn state(&self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(Switch::active)
    }

    /// Whether any switch of a meaning is active.
    pub(super) fn any(&self, switches: &[SwitchReading], meaning: SwitchMeaning) -> bool {
        switches.iter().any(|switch| switch.meaning == meaning && self.state(&switch.name) == Some(true))
    }
}
