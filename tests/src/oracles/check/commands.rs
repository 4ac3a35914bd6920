//! Every command that an operator gave and the manager took acts once and ends once, at both sides.

use std::collections::BTreeMap;

use platen_protocol::device_to_manager::{Outcome, OutcomeResult, ReadingsCause, Report, ReportBody};
use platen_protocol::manager_to_device::Action;

use super::{Books, Verdict};

pub(super) fn check(books: &Books, verdict: &mut Verdict) {
    let commands = &books.held.commands;
    for commanded in &books.people.commanded {
        let Some(id) = &commanded.id else { continue };
        let rows: Vec<_> = commands.iter().filter(|row| row.id == *id).collect();
        verdict.hold(rows.len() == 1 && rows[0].action == commanded.action, || {
            format!("the command {id} was taken, and the manager has {rows:?}")
        });
    }
    verdict.hold(commands.len() <= books.people.commanded.len(), || {
        format!(
            "{} commands were given, and the manager has {}",
            books.people.commanded.len(),
            commands.len()
        )
    });
    let outcomes = outcomes(books, verdict);
    for command in commands {
        let id = command.id.as_str();
        let told = outcomes.get(id).map(|told| &told.outcome.result);
        let state = told.map(word);
        verdict.hold(state == Some(command.state.as_str()), || {
            format!("the command {id} is {}, and its outcome is {told:?}", command.state)
        });
        let journal = books.device.journal.get(id);
        let agrees = match journal {
            Some(written) => written.as_ref() == told,
            // The journal of an outbox that was lost is lost with it.
            None => books.allowed.epochs > 0,
        };
        verdict.hold(agrees, || format!("the command {id}: the journal has {journal:?}, told was {told:?}"));
    }
    for id in outcomes.keys().filter(|id| !commands.iter().any(|row| row.id == **id)) {
        verdict.mistake(format!("the outcome of {id}, which nobody gave"));
    }
    verdict.figures.commands += outcomes.len() as u64;
    read_now(books, &outcomes, verdict);
    settings(books, &outcomes, verdict);
}

struct Told<'a> {
    outcome: &'a Outcome,
    /// In the order in which they were told.
    place: usize,
    /// The report before it, in its epoch.
    before: Option<&'a Report>,
}

fn outcomes<'a>(books: &'a Books, verdict: &mut Verdict) -> BTreeMap<&'a str, Told<'a>> {
    let mut outcomes: BTreeMap<&str, Told<'_>> = BTreeMap::new();
    for epoch in &books.held.epochs {
        for (number, report) in epoch.reports.iter().enumerate() {
            let ReportBody::Outcome(outcome) = &report.body else { continue };
            let before = number.checked_sub(1).and_then(|before| epoch.reports.get(before));
            let told = Told { outcome, place: outcomes.len(), before };
            if let Some(first) = outcomes.insert(outcome.command_id.as_str(), told) {
                let same = first.outcome.result == outcome.result;
                // An outbox that was lost may have taken with it that its outcome had arrived.
                verdict.hold(same && books.allowed.epochs > 0, || {
                    format!("the command {} has a second outcome: {outcome:?}", outcome.command_id)
                });
            }
        }
    }
    outcomes
}

fn word(result: &OutcomeResult) -> &'static str {
    match result {
        OutcomeResult::Done => "done",
        OutcomeResult::Failed { .. } => "failed",
        OutcomeResult::Refused { .. } => "refused",
        OutcomeResult::Expired => "expired",
    }
}

/// Each has one report of readings, kept in the transaction of its outcome; there is no other.
fn read_now(books: &Books, outcomes: &BTreeMap<&str, Told<'_>>, verdict: &mut Verdict) {
    let by_command = |report: &Report| matches!(&report.body, ReportBody::Readings(readings) if readings.cause == ReadingsCause::Command);
    let done = books.held.commands.iter().filter(|command| command.action == Action::ReadNow);
    let done: Vec<_> = done
        .filter_map(|command| Some((&command.id, outcomes.get(command.id.as_str())?)))
        .filter(|(_, told)| told.outcome.result == OutcomeResult::Done)
        .collect();
    for (id, told) in &done {
        verdict.hold(told.before.is_some_and(by_command), || {
            format!("the command {id} is done, and the report before its outcome has no readings of it")
        });
    }
    let reports = books.held.reports().filter(|report| by_command(report)).count();
    // Where reports may be lost, a reading may be (its command's outcome stays), and an outcome: then the command comes
    // again. But not more of these than are recorded as lost.
    let gaps = books.held.epochs.iter().flat_map(|epoch| &epoch.gaps);
    let lost = gaps
        .map(|(first, last)| last.map_or(u64::MAX, |last| last.saturating_sub(*first).saturating_add(1)))
        .fold(0, u64::saturating_add);
    let most = done.len().saturating_add(usize::try_from(lost).unwrap_or(usize::MAX));
    verdict.hold(reports == done.len() || (books.allowed.gaps && reports <= most), || {
        format!("{} commands to read now are done, and {reports} times it was read", done.len())
    });
}

/// The settings are what the commands leave that were done, in the order of their outcomes; and each has the
/// name of the command that set it last.
fn settings(books: &Books, outcomes: &BTreeMap<&str, Told<'_>>, verdict: &mut Verdict) {
    let mut done: Vec<_> = books
        .held
        .commands
        .iter()
        .filter_map(|command| Some((outcomes.get(command.id.as_str())?, command)))
        .filter(|(told, _)| told.outcome.result == OutcomeResult::Done)
        .collect();
    done.sort_by_key(|(told, _)| told.place);
    let mut expected: BTreeMap<String, (u32, String)> = BTreeMap::new();
    for (_, command) in done {
        match &command.action {
            Action::Set { settings } => {
                let set = settings.iter().map(|(name, value)| (name.clone(), (*value, command.id.clone())));
                expected.extend(set);
            }
            Action::Reset { settings } if settings.is_empty() => expected.clear(),
            Action::Reset { settings } => {
                for name in settings {
                    expected.remove(name);
                }
            }
            _ => {}
        }
    }
    verdict.hold(expected == books.device.settings || books.allowed.epochs > 0, || {
        format!(
            "by the commands the settings are {expected:?}, and the device has {:?}",
            books.device.settings
        )
    });
}
