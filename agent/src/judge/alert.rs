//! The alerts that stand: at most one for each aspect of each thing on the board.

use platen_protocol::alert::{Alert, AlertCode, AlertGroup, Evidence, Severity, Training};
use platen_protocol::identity::{AlertId, InvalidId};
use platen_protocol::readings::{PartReading, SupplyReading};
use serde::{Deserialize, Serialize};

use super::disk::DiskFault;
use super::heat::Heat;
use super::memory::Access;
use super::past::Oddity;
use super::supply::Standing;

/// What about a thing an alert concerns, and how bad it stands. One event has one entry: when toner
/// goes from low to empty, the old entry ends and a new one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "aspect", content = "state", rename_all = "snake_case")]
pub enum Aspect {
    /// What remains of a supply or of a part's life.
    Level(Standing),
    /// Whether it is there, and its memory can be read.
    Memory(Access),
    /// A supply that does not belong in its place.
    WrongType,
    /// A cover that is open.
    Cover,
    /// An interlock that is open.
    Interlock,
    /// Paper that is stuck.
    Jam,
    /// What a tray holds.
    Paper(Standing),
    /// A temperature out of its limits.
    Heat(Heat),
    /// Whether a temperature sensor can be read.
    Sensor(Access),
    /// A bus on which nothing can be read.
    Bus,
    /// Whether the engine's counters can be read.
    Engine(Access),
    /// Lines that cannot be read.
    Lines,
    /// The agent's own disk, which takes nothing.
    Disk(DiskFault),
    /// Forecast: a fuser works at another temperature than it used to.
    Drift,
    /// Forecast: a sensor scatters more than it used to.
    Noise,
    /// Forecast: paper jams more often than it used to.
    JamRate,
    /// Forecast: a supply is used far faster or slower than pages are printed.
    Consumption(Oddity),
    /// Forecast: a cartridge holds more than before and is the same one; how often that was found.
    Refilled(u32),
    /// Forecast: a counter went backwards; how often that was found.
    CounterFell(u32),
}

impl Aspect {
    /// Whether both are about the same, however it stands.
    pub(super) fn same_kind(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// One alert that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingAlert {
    /// What it is about.
    pub aspect: Aspect,
    /// As it was raised.
    pub alert: Alert,
}

/// All that stands. It is kept with the reports that told of it, in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alerts {
    /// Begins every id, and is unlike that of any other life of this device's outbox.
    prefix: String,
    /// How many were ever raised.
    raised: u64,
    standing: Vec<StandingAlert>,
}

/// The words and ranks of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wording {
    pub(super) severity: Severity,
    pub(super) training: Training,
    pub(super) group: AlertGroup,
    pub(super) code: AlertCode,
    pub(super) description: String,
    pub(super) forecast: bool,
    pub(super) evidence: Vec<Evidence>,
}

impl Wording {
    /// Of something that has happened.
    pub(super) fn occurred(
        (severity, training): (Severity, Training),
        group: AlertGroup,
        code: AlertCode,
        description: String,
    ) -> Self {
        Self { severity, training, group, code, description, forecast: false, evidence: Vec::new() }
    }

    /// Of something that has not happened and possibly will: a technician should look at it.
    pub(super) fn forecast(
        group: AlertGroup,
        code: AlertCode,
        description: String,
        evidence: Vec<Evidence>,
    ) -> Self {
        let (severity, training) = (Severity::Warning, Training::FieldService);
        Self { severity, training, group, code, description, forecast: true, evidence }
    }
}

/// What an alert is about.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Subject<'a> {
    pub(super) name: &'a str,
    pub(super) index: Option<u16>,
    pub(super) location: Option<i32>,
    pub(super) supply: Option<&'a SupplyReading>,
    pub(super) part: Option<&'a PartReading>,
}

impl Alerts {
    /// None yet. `prefix` begins every id.
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), raised: 0, standing: Vec::new() }
    }

    /// The alerts that stand, oldest first.
    pub fn standing(&self) -> impl Iterator<Item = &Alert> {
        self.standing.iter().map(|standing| &standing.alert)
    }

    /// Their names, unless there are more than `most`.
    pub fn ids(&self, most: usize) -> Option<Vec<AlertId>> {
        (self.standing.len() <= most).then(|| self.standing().map(|alert| alert.id.clone()).collect())
    }

    /// Whether an alert stands that stops the printer.
    pub fn any_critical(&self) -> bool {
        self.standing().any(|alert| alert.severity == Severity::Critical)
    }

    /// The alert about an aspect of a thing, if one is up.
    pub(super) fn alert(&self, subject: &str, kind: Aspect) -> Option<&Alert> {
        self.find(subject, kind).and_then(|at| self.standing.get(at)).map(|standing| &standing.alert)
    }

    /// How an aspect of a thing stands, if an alert is up for it.
    pub(super) fn of(&self, subject: &str, kind: Aspect) -> Option<Aspect> {
        self.find(subject, kind).and_then(|at| self.standing.get(at)).map(|standing| standing.aspect)
    }

    fn find(&self, subject: &str, kind: Aspect) -> Option<usize> {
        self.standing.iter().position(|s| s.alert.subject == subject && s.aspect.same_kind(kind))
    }

    /// Takes an alert down; returns its id, if it was up.
    pub(super) fn clear(&mut self, subject: &str, kind: Aspect) -> Option<AlertId> {
        self.find(subject, kind).map(|at| self.standing.remove(at).alert.id)
    }

    /// Puts an alert up. The caller has cleared the aspect's former one.
    pub(super) fn raise(
        &mut self,
        aspect: Aspect,
        subject: &Subject<'_>,
        wording: Wording,
    ) -> Result<Alert, InvalidId> {
        let number = self.raised.saturating_add(1);
        let alert = Alert {
            id: AlertId::try_from(format!("{}-{number}", self.prefix))?,
            severity: wording.severity,
            training: wording.training,
            group: wording.group,
            group_index: subject.index,
            location: subject.location,
            code: wording.code,
            description: wording.description,
            subject: subject.name.to_owned(),
            supply: subject.supply.cloned(),
            part: subject.part.cloned(),
            forecast: wording.forecast,
            evidence: wording.evidence,
        };
        self.raised = number;
        self.standing.push(StandingAlert { aspect, alert: alert.clone() });
        Ok(alert)
    }

    /// Keeps what `known` says is on the board, and returns the rest: what a new board file no longer
    /// has cannot be cleared by a reading.
    pub(super) fn retain(&mut self, known: impl Fn(&str) -> bool) -> Vec<Alert> {
        let (kept, gone) = std::mem::take(&mut self.standing)
            .into_iter()
            .partition::<Vec<_>, _>(|standing| known(&standing.alert.subject));
        self.standing = kept;
        gone.into_iter().map(|standing| standing.alert).collect()
    }
}
