//! Reports, a line each.

use platen_protocol::device_to_manager::{
    OutcomeResult, ReadingsCause, Replacement, ReplacementKind, ReportBody,
};
use platen_protocol::programs::{ProgramReport, ProgramStep};
use platen_protocol::readings::{CounterKind, CounterReading, Readings, SupplyReading};

use platen_protocol::facts::words::{grouped, label};

use super::conditions::{alert_title, switch_is_told};
use super::entered_by;
use super::units::duration;

/// The kind of a report.
pub(in super::super) fn kind(body: &ReportBody) -> &'static str {
    match body {
        ReportBody::Started(_) => "Started",
        ReportBody::AlertRaised { .. } => "Alert",
        ReportBody::AlertCleared { .. } => "Cleared",
        ReportBody::AlertsStanding { .. } => "Open alerts",
        ReportBody::ServiceCall(_) => "Service call",
        ReportBody::Order(_) => "Order",
        ReportBody::Replacement(_) => "Replacement",
        ReportBody::Utilisation(_) => "Utilisation",
        ReportBody::Readings(_) => "Readings",
        ReportBody::Outcome(_) => "Outcome",
        ReportBody::OutboxReplaced(_) => "Outbox replaced",
        ReportBody::Program { .. } => "Program",
    }
}

/// What a report says, in one line.
pub(in super::super) fn content(body: &ReportBody) -> String {
    match body {
        ReportBody::Started(started) => {
            format!("Agent {} started on {}", started.agent_version, started.model)
        }
        ReportBody::AlertRaised { alert } if alert.forecast => format!("May happen: {}", alert_title(alert)),
        ReportBody::AlertRaised { alert } => format!("{} ({})", alert_title(alert), alert.severity),
        ReportBody::AlertCleared { description, .. } => description.clone(),
        ReportBody::AlertsStanding { standing_alerts, .. } => match standing_alerts.len() {
            0 => "No alert is open; all others were cleared".to_owned(),
            1 => "1 alert is open; all others were cleared".to_owned(),
            many => format!("{many} alerts are open; all others were cleared"),
        },
        ReportBody::ServiceCall(call) => {
            let by = match call.presses {
                Some(times) => format!("Called {times} times"),
                None => entered_by(call.entered_by).to_owned(),
            };
            call.message.as_ref().map_or_else(|| by.clone(), |message| format!("{by}: {message}"))
        }
        ReportBody::Order(order) => {
            let note = order.note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
            let again = if order.again { ", again" } else { "" };
            format!("{} × {}{again}{note}", order.quantity, label(&order.supply.name))
        }
        ReportBody::Replacement(replacement) => replaced(replacement),
        ReportBody::Utilisation(utilisation) => format!(
            "{}; running {}; {} failed reads",
            levels(&utilisation.readings),
            duration(utilisation.running_seconds),
            utilisation.failed_reads
        ),
        ReportBody::Readings(report) => {
            let why = match report.cause {
                ReadingsCause::Change => "Changed",
                ReadingsCause::Person => "Requested at the device",
                ReadingsCause::Command => "Requested by an operator",
            };
            format!("{why}: {}", levels(&report.readings))
        }
        ReportBody::Outcome(outcome) => match &outcome.result {
            OutcomeResult::Done => format!("Command {} done", outcome.command_id),
            OutcomeResult::Failed { reason } => format!("Command {} failed: {reason}", outcome.command_id),
            OutcomeResult::Refused { reason } => format!("Command {} refused: {reason}", outcome.command_id),
            OutcomeResult::Expired => format!("Command {} expired before it arrived", outcome.command_id),
        },
        ReportBody::OutboxReplaced(replaced) => {
            format!("The device's outbox was lost with everything waiting in it: {}", replaced.reason)
        }
        ReportBody::Program { program } => attempted(program),
    }
}

/// How far an attempt is.
fn attempted(report: &ProgramReport) -> String {
    let step = match report.step {
        ProgramStep::Fetching => "is being transferred",
        ProgramStep::Ready => "is on the device",
        ProgramStep::Installing => "is being installed",
        ProgramStep::Confirming => "is installed and must prove itself",
        ProgramStep::GoingBack => "is being taken back",
        ProgramStep::Refused => "was refused",
        ProgramStep::RolledBack => "was taken back",
        ProgramStep::Failed => "could neither be installed nor taken back",
        ProgramStep::Kept => "is installed for good",
        ProgramStep::Other => "is at a step that this version does not know",
    };
    let program = report
        .program
        .as_ref()
        .map_or_else(|| "A program".to_owned(), |program| format!("{} {}", program.name, program.version));
    let why = report.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    format!("{program} {step}{why}")
}

/// What is left in something that was taken out, in words.
pub(in super::super) fn residue(replacement: &Replacement) -> Option<String> {
    let part = replacement.removed_part.as_ref().map(|part| match part.share_left() {
        Some(left) => format!("{left} of its life left"),
        None => "how much of its life was left is not known".to_owned(),
    });
    replacement.removed_supply.as_ref().map(left).or(part)
}

/// What is left in a supply, in words.
fn left(supply: &SupplyReading) -> String {
    match supply.share() {
        Some(_) if supply.is_empty() => supply.empty_word().to_owned(),
        Some(share) => format!("{share} left"),
        None => format!("level: {}", supply.level_words()),
    }
}

/// What is in now: its serial number and what is left in it.
pub(in super::super) fn fitted(replacement: &Replacement) -> Option<String> {
    let (serial, left) = match (&replacement.fitted_supply, &replacement.fitted_part) {
        (Some(supply), _) => (supply.serial.as_deref(), Some(left(supply))),
        (None, Some(part)) => {
            let left = part.share_left().map(|left| format!("{left} of its life left"));
            (part.serial.as_deref(), left)
        }
        (None, None) => return None,
    };
    let words: Vec<String> =
        serial.map(|serial| format!("serial {serial}")).into_iter().chain(left).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn replaced(replacement: &Replacement) -> String {
    let subject = label(&replacement.subject);
    match (replacement.change, residue(replacement)) {
        (ReplacementKind::Reseated, _) => format!("{subject} put back"),
        (ReplacementKind::Replaced, Some(residue)) => {
            format!("{subject} replaced; in the old one: {residue}")
        }
        (ReplacementKind::Replaced, None) => format!("{subject} replaced"),
    }
}

fn levels(readings: &Readings) -> String {
    let supplies = readings.supplies.iter().map(|supply| format!("{} {}", supply.name, supply.level_words()));
    let switches = readings
        .switches
        .iter()
        .filter(|switch| switch_is_told(switch))
        .map(|switch| format!("{} {}", switch.name, switch.state()));
    let count = readings.counter(CounterKind::Impressions).and_then(CounterReading::total);
    let count = count.map(|count| format!("{} impressions", grouped(count)));
    let all: Vec<String> = supplies.chain(switches).chain(count).collect();
    if all.is_empty() { "nothing to read".to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use platen_protocol::supply::Level;

    #[test]
    fn a_report_says_its_levels_in_one_line() {
        let line = content(&sample::utilisation(1, 42).body);
        assert_eq!(line, "black 42 %, cover closed; running 1 s; 0 failed reads");
        let line = content(&sample::full_utilisation(1, 42).body);
        assert!(line.starts_with("black 42 %, cover closed, 123\u{202f}456 impressions; running"), "{line}");
    }

    #[test]
    fn little_that_was_left_is_not_told_as_nothing() {
        let mut replacement = sample::replacement();
        let removed = replacement.removed_supply.as_mut().unwrap();
        removed.level = Level::Known { amount: 1 };
        assert_eq!(replaced(&replacement), "Black replaced; in the old one: <1 % left");
        let removed = replacement.removed_supply.as_mut().unwrap();
        removed.level = Level::Known { amount: 0 };
        assert_eq!(replaced(&replacement), "Black replaced; in the old one: empty");
    }

    #[test]
    fn orders_and_replacements_say_what_and_how_much() {
        let order = ReportBody::Order(sample::order("o", 2));
        assert_eq!(content(&order), "2 × Black: two for the shelf");
        let mut replacement = sample::replacement();
        assert_eq!(replaced(&replacement), "Black replaced; in the old one: 3 % left");
        replacement.change = ReplacementKind::Reseated;
        assert_eq!(replaced(&replacement), "Black put back");
    }
}
