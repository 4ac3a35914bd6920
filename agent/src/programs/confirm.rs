//! What this agent says of itself after a switch: that it reads the sensors, and that the manager has taken a report that
//! it made. `platen-install` waits for that, and goes back without it.

use platen_protocol::identity::AttemptId;
use platen_protocol::programs::ProgramStep;
use platen_protocol::readings::Readings;
use platen_protocol::supply::Level;
use serde::{Deserialize, Serialize};

use super::watching::Attempt;
use crate::version::version;

/// The file's name in the spool.
pub(super) const FILE_NAME: &str = "confirmed.json";

/// `confirmed.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Confirmed {
    /// The attempt that it speaks of.
    pub attempt: AttemptId,
    /// The version of the agent that writes this.
    pub agent_version: String,
    /// It has read the sensors.
    pub sensors_read: bool,
    /// The manager has acknowledged a report that this very process made.
    pub acknowledged: bool,
}

/// What is known of this process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own<'a> {
    /// What it has read last.
    pub readings: Option<&'a Readings>,
    /// The place of its first report.
    pub first_place: u64,
    /// Up to which place the manager has everything.
    pub acknowledged: u64,
}

impl Own<'_> {
    fn sensors_read(self) -> bool {
        self.readings.is_some_and(has_read_something)
    }

    fn is_acknowledged(self) -> bool {
        self.acknowledged >= self.first_place
    }
}

/// Whether something answered, of all that is wired. One chip that is broken does not speak against a program; a board
/// on which nothing answers does, unless nothing is wired to it.
fn has_read_something(readings: &Readings) -> bool {
    let Readings { supplies, parts, temperatures, switches, counters, .. } = readings;
    let mut known = supplies
        .iter()
        .map(|supply| !matches!(supply.level, Level::Unknown { .. }))
        .chain(parts.iter().map(|part| part.used.known().is_some()))
        .chain(temperatures.iter().map(|sensor| sensor.millidegrees_celsius.known().is_some()))
        .chain(switches.iter().map(|switch| switch.active.known().is_some()))
        .chain(counters.iter().map(|counter| counter.value.known().is_some()))
        .peekable();
    known.peek().is_none() || known.any(|known| known)
}

/// What is to be confirmed, once both are so.
pub(super) fn confirmation(attempt: &Attempt, own: Own<'_>) -> Option<Confirmed> {
    let both = own.sensors_read() && own.is_acknowledged();
    (attempt.step == ProgramStep::Confirming && both).then(|| Confirmed {
        attempt: attempt.id.clone(),
        agent_version: version().to_owned(),
        sensors_read: true,
        acknowledged: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use platen_protocol::device_to_manager::{ReportBatch, ReportBody};
    use platen_protocol::readings::Reading;
    use platen_protocol::unknown::{UnknownCause, UnknownReason};

    fn readings() -> Readings {
        let text = include_str!("../../../protocol/frozen/v1/report-batch.json");
        let batch: ReportBatch = serde_json::from_str(text).unwrap();
        let ReportBody::Started(started) = batch.reports[0].body.clone() else { panic!() };
        started.readings
    }

    fn attempt(step: ProgramStep) -> Attempt {
        Attempt { id: "try-1".parse().unwrap(), program: None, step, reason: None }
    }

    #[test]
    fn it_is_confirmed_once_sensors_are_read_and_a_report_of_this_process_is_with_the_manager() {
        let readings = readings();
        let confirmed = |readings, acknowledged, step| {
            confirmation(&attempt(step), Own { readings, first_place: 7, acknowledged }).is_some()
        };
        assert!(confirmed(Some(&readings), 7, ProgramStep::Confirming));
        assert!(!confirmed(Some(&readings), 6, ProgramStep::Confirming), "what was acknowledged is older");
        assert!(!confirmed(None, 7, ProgramStep::Confirming), "nothing was read yet");
        assert!(!confirmed(Some(&readings), 7, ProgramStep::Installing), "nobody waits for it yet");
    }

    #[test]
    fn a_board_on_which_nothing_answers_is_not_read() {
        let cause = || UnknownCause { reason: UnknownReason::NoAnswer, detail: String::new() };
        let mut silent = readings();
        silent.supplies.iter_mut().for_each(|supply| supply.level = Level::Unknown { cause: cause() });
        silent.parts.clear();
        silent.counters.clear();
        silent.temperatures.clear();
        for switch in &mut silent.switches {
            switch.active = Reading::Unknown { cause: cause() };
        }
        assert!(!has_read_something(&silent));
        silent.supplies[0].level = Level::SomeRemains;
        assert!(has_read_something(&silent), "one chip that is broken does not speak against a program");
        let nothing = Readings { supplies: vec![], switches: vec![], ..silent };
        assert!(has_read_something(&nothing), "nothing is wired");
    }
}
