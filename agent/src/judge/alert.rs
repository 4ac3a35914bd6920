//! The alerts that stand: at most one for each aspect of each thing on the board.

use platen_protocol::alert::{Alert, Severity};
use platen_protocol::identity::{AlertId, InvalidId};
use serde::{Deserialize, Serialize};

use super::condition::{Aspect, Wording};
use super::subject::Subject;

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
