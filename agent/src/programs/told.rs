//! What the manager was told of which attempt, so that each step and each end is told once.
//!
//! It is a file of its own and no part of the outbox: an agent that goes back to an earlier version must find an outbox
//! that it can read.

use platen_protocol::identity::AttemptId;
use platen_protocol::limits::MAX_TRIED;
use platen_protocol::programs::{
    AttemptOutcome, ProgramReport, ProgramStep, ProgramVersion, RunningProgram, TriedProgram,
};
use serde::{Deserialize, Serialize};

use super::watching::{Attempt, Ended, Installation, OWN_NAME};
use crate::version::version;

/// What the manager was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    /// The last step of the attempt that is not known to have ended.
    #[serde(default)]
    pub last: Option<(AttemptId, ProgramStep)>,
    /// How the last attempts ended, oldest first.
    #[serde(default)]
    pub ended: Vec<TriedProgram>,
}

impl Told {
    /// Whether it is known how an attempt ended.
    pub(super) fn has_ended(&self, id: &AttemptId) -> bool {
        self.ended.iter().any(|ended| ended.attempt_id == *id)
    }

    /// What is to be told of an attempt that is at a step, if that is news.
    pub(super) fn step(
        &mut self,
        id: &AttemptId,
        program: Option<&RunningProgram>,
        step: ProgramStep,
        reason: Option<&String>,
    ) -> Option<ProgramReport> {
        let known = self.last.as_ref().filter(|(last, _)| last == id).map(|(_, step)| *step);
        if self.has_ended(id) || known.is_some_and(|known| known >= step) || step == ProgramStep::Other {
            return None;
        }
        self.last = Some((id.clone(), step));
        Some(ProgramReport {
            attempt_id: id.clone(),
            program: program.cloned(),
            step,
            reason: reason.cloned(),
            running_version: own_version(),
        })
    }

    /// What is to be told of an attempt that ended, if that is news.
    pub(super) fn end(&mut self, ended: &Ended) -> Option<ProgramReport> {
        if self.has_ended(&ended.id) {
            return None;
        }
        if self.last.as_ref().is_some_and(|(last, _)| *last == ended.id) {
            self.last = None;
        }
        self.ended.push(TriedProgram {
            attempt_id: ended.id.clone(),
            program: ended.program.clone(),
            outcome: ended.outcome,
            reason: ended.reason.clone(),
        });
        let surplus = self.ended.len().saturating_sub(MAX_TRIED);
        self.ended.drain(..surplus);
        Some(ProgramReport {
            attempt_id: ended.id.clone(),
            program: ended.program.clone(),
            step: end(ended.outcome),
            reason: ended.reason.clone(),
            // Of other programs the agent knows what was kept, and the manager too.
            running_version: is_own(ended.program.as_ref()).then(own_version).flatten(),
        })
    }

    /// Everything that is news of what `platen-install` has written, in the order in which it happened.
    pub(super) fn news(&mut self, found: &Installation) -> Vec<ProgramReport> {
        let mut news: Vec<_> = found.ended.iter().filter_map(|ended| self.end(ended)).collect();
        if let Some(Attempt { id, program, step, reason }) = &found.attempt {
            news.extend(self.step(id, program.as_ref(), *step, reason.as_ref()));
        }
        news
    }
}

fn is_own(program: Option<&RunningProgram>) -> bool {
    program.is_some_and(|program| program.name.as_str() == OWN_NAME)
}

/// The step that tells of such an end.
const fn end(outcome: AttemptOutcome) -> ProgramStep {
    match outcome {
        AttemptOutcome::Kept => ProgramStep::Kept,
        AttemptOutcome::RolledBack => ProgramStep::RolledBack,
        AttemptOutcome::Refused => ProgramStep::Refused,
        AttemptOutcome::Failed => ProgramStep::Failed,
        AttemptOutcome::Other => ProgramStep::Other,
    }
}

/// The version of the agent that runs.
fn own_version() -> Option<ProgramVersion> {
    version().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs::watching::{ATTEMPT, HISTORY};
    use std::fs;

    const UNDER_WAY: &str = r#"{"attempt":"try-2","name":"platen-agent","version":"9.9.9",
        "program":{"kind":"agent-package","name":"platen-agent","version":"9.9.9","sha256":"00","length":1,"confirm_within":600},
        "began":"2026-11-30T09:00:00Z","position":{"step":"STEP","runs":1,"starts":1}}"#;
    const ENDED: &str = r#"{"attempts":[
        {"attempt":"try-1","kind":"engine-firmware","name":"engine-firmware","version":"2.0","outcome":"kept","reason":"","ended":"2026-11-30T09:00:00Z","synchronised":true},
        {"attempt":"try-2","kind":"agent-package","name":"platen-agent","version":"9.9.9","outcome":"rolled-back","reason":"nobody confirmed it","ended":"2026-11-30T09:10:00Z","synchronised":true}]}"#;

    fn at(step: &str, history: Option<&str>) -> Installation {
        let folder = tempfile::tempdir().unwrap();
        if !step.is_empty() {
            fs::write(folder.path().join(ATTEMPT), UNDER_WAY.replace("STEP", step)).unwrap();
        }
        if let Some(history) = history {
            fs::write(folder.path().join(HISTORY), history).unwrap();
        }
        Installation::read(folder.path(), &folder.path().join("root.json"))
    }

    fn steps(news: &[ProgramReport]) -> Vec<ProgramStep> {
        news.iter().map(|report| report.step).collect()
    }

    #[test]
    fn each_step_is_told_once_whatever_is_written_how_often() {
        use ProgramStep::{Confirming, GoingBack, Installing, Kept, Ready, RolledBack};
        let mut told = Told::default();
        let mut all = Vec::new();
        for step in
            ["staged", "verified", "installing", "installed", "confirming", "confirming", "going-back"]
        {
            all.extend(told.news(&at(step, None)));
        }
        all.extend(told.news(&at("rolled-back", Some(ENDED))));
        all.extend(told.news(&at("", Some(ENDED))));
        assert_eq!(steps(&all), [Ready, Installing, Confirming, GoingBack, Kept, RolledBack]);
        let last = all.last().unwrap();
        assert_eq!(last.reason.as_deref(), Some("nobody confirmed it"));
        assert_eq!(last.running_version, own_version(), "the manager hears which version runs");
        let outcomes: Vec<_> = told.ended.iter().map(|tried| tried.outcome).collect();
        assert_eq!(outcomes, [AttemptOutcome::Kept, AttemptOutcome::RolledBack]);
    }

    #[test]
    fn an_agent_that_was_started_again_does_not_tell_again() {
        let mut told = Told::default();
        assert_eq!(steps(&told.news(&at("confirming", None))), [ProgramStep::Confirming]);
        let mut again: Told = serde_json::from_str(&serde_json::to_string(&told).unwrap()).unwrap();
        assert!(again.news(&at("confirming", None)).is_empty());
        assert_eq!(again, told);
    }
}
