//! The end: the manager's store against the book.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use platen_agent::settings::{Origin, Settings};
use platen_protocol::device_to_manager::{OutcomeResult, ReadingsCause, Report, ReportBody};
use platen_protocol::manager_to_device::Action;

use super::bodies;
use super::book::{Book, may_be_lost};
use super::device;
use super::shared::Shared;

/// An epoch as the manager's store has it.
#[derive(Debug, Default)]
struct Epoch {
    acknowledged: u64,
    /// In the order in which they were stored.
    reports: Vec<(u64, Report)>,
    gaps: Vec<(u64, u64)>,
}

type Epochs = BTreeMap<(String, String), Epoch>;

/// Compares; what is wrong goes into the book as a violation. `sequences` is what each device gave last.
pub(super) fn check(shared: &Shared) {
    let epochs = read_epochs(shared);
    for device in 0..shared.places.len() {
        for wrong in check_device(shared, device, &epochs) {
            let name = &shared.places[device].name;
            shared.violation(format!("{name}: {wrong}"));
        }
    }
    for wrong in check_alerts(shared) {
        shared.violation(wrong);
    }
    for wrong in check_asked(shared) {
        shared.violation(wrong);
    }
    for wrong in check_duplicates(shared) {
        shared.violation(wrong);
    }
    for wrong in check_commands(shared, &epochs) {
        shared.violation(wrong);
    }
}

fn number(value: i64) -> u64 {
    u64::try_from(value).unwrap()
}

fn read_epochs(shared: &Shared) -> Epochs {
    let mut epochs = Epochs::new();
    shared.ledger.read(|store| {
        let mut rows = store.prepare(
            "SELECT d.id, e.epoch, e.acknowledged FROM epochs e JOIN devices d ON d.key = e.device",
        )?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let epoch = Epoch { acknowledged: number(row.get(2)?), ..Epoch::default() };
            epochs.insert((row.get(0)?, row.get(1)?), epoch);
        }
        let mut rows = store.prepare(
            "SELECT d.id, e.epoch, r.sequence, r.body FROM reports r JOIN epochs e ON e.key = r.epoch \
             JOIN devices d ON d.key = r.device ORDER BY r.key",
        )?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let report: String = row.get(3)?;
            let epoch = epochs.get_mut(&(row.get(0)?, row.get(1)?)).unwrap();
            epoch.reports.push((number(row.get(2)?), serde_json::from_str(&report).unwrap()));
        }
        let mut rows = store.prepare(
            "SELECT d.id, e.epoch, g.first, g.last FROM gaps g JOIN epochs e ON e.key = g.epoch \
             JOIN devices d ON d.key = g.device ORDER BY g.key",
        )?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let epoch = epochs.get_mut(&(row.get(0)?, row.get(1)?)).unwrap();
            epoch.gaps.push((number(row.get(2)?), number(row.get(3)?)));
        }
        Ok(())
    });
    epochs
}

/// Each sequence once or in a gap, in order; each report as it was written; what commands made, as often as there
/// were commands.
fn check_device(shared: &Shared, device: usize, epochs: &Epochs) -> Vec<String> {
    let mut wrong = Vec::new();
    let book = shared.book();
    let page = &book.devices[device];
    let mine: Vec<(&String, &Epoch)> =
        epochs.iter().filter(|((name, _), _)| *name == page.name).map(|((_, epoch), e)| (epoch, e)).collect();
    let written: BTreeSet<&String> = page.written.iter().map(|report| &report.epoch).collect();
    if mine.iter().map(|(epoch, _)| *epoch).collect::<BTreeSet<_>>() != written {
        wrong.push(format!("the manager knows other epochs than were written: {written:?}"));
    }
    for (name, epoch) in mine {
        check_epoch(name, epoch, page.full, &mut wrong);
        let mut stored: BTreeMap<u64, &Report> =
            epoch.reports.iter().map(|(sequence, report)| (*sequence, report)).collect();
        for report in page.written.iter().filter(|report| report.epoch == *name) {
            let lost = epoch.gaps.iter().any(|(first, last)| (*first..=*last).contains(&report.sequence));
            match stored.remove(&report.sequence) {
                Some(found) if found.body == report.body && found.taken == report.taken => {}
                Some(found) => {
                    wrong.push(format!("{} was {:?} and is {found:?}", report.sequence, report.body));
                }
                None if lost && may_be_lost(&report.body) => {}
                None if lost => wrong.push(format!("{} was given up: {:?}", report.sequence, report.body)),
                None => wrong.push(format!("{} is missing: {:?}", report.sequence, report.body)),
            }
        }
        // What is left was made by commands, or tells which alerts stand after some were lost.
        let mut samples = BTreeSet::new();
        for (sequence, report) in stored {
            match &report.body {
                ReportBody::Outcome(_) => {}
                ReportBody::Readings(readings) if readings.cause == ReadingsCause::Command => {
                    let sample = bodies::number_of(&readings.readings).unwrap_or_default();
                    if !page.samples.contains(&sample) || !samples.insert(sample) {
                        wrong.push(format!(
                            "{sequence} tells sample {sample}, which was not read, or is told twice"
                        ));
                    }
                }
                ReportBody::AlertsStanding { .. } if page.full => {}
                other => wrong.push(format!("nobody wrote {sequence}: {other:?}")),
            }
        }
    }
    wrong
}

fn check_epoch(name: &str, epoch: &Epoch, full: bool, wrong: &mut Vec<String>) {
    let mut covered = BTreeSet::new();
    let mut before = 0;
    for (sequence, report) in &epoch.reports {
        if *sequence != report.sequence {
            wrong.push(format!("the row of {sequence} holds {}", report.sequence));
        }
        if *sequence <= before {
            wrong.push(format!("{sequence} was stored after {before}"));
        }
        before = *sequence;
        covered.insert(*sequence);
    }
    for (first, last) in &epoch.gaps {
        if !full {
            wrong.push(format!("{first} to {last} are lost, and the outbox was never full"));
        }
        for sequence in *first..=*last {
            if !covered.insert(sequence) {
                wrong.push(format!("{sequence} is lost, and stored or lost a second time"));
            }
        }
    }
    if covered != (1..=epoch.acknowledged).collect::<BTreeSet<u64>>() {
        let acknowledged = epoch.acknowledged;
        let missing: Vec<u64> = (1..=acknowledged).filter(|sequence| !covered.contains(sequence)).collect();
        wrong.push(format!("{name} is acknowledged up to {acknowledged}, and {missing:?} are nowhere"));
    }
}

/// Operators see the alerts that stand, whatever was lost.
fn check_alerts(shared: &Shared) -> Vec<String> {
    let open: BTreeSet<(String, String)> = shared.ledger.read(|store| {
        let mut rows = store.prepare(
            "SELECT d.id, a.id FROM alerts a JOIN devices d ON d.key = a.device WHERE a.cleared IS NULL",
        )?;
        rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    });
    let book = shared.book();
    let standing = book
        .devices
        .iter()
        .flat_map(|page| page.standing.iter().map(|number| (page.name.clone(), format!("alert-{number}"))));
    let standing: BTreeSet<(String, String)> = standing.collect();
    let ghosts =
        open.difference(&standing).map(|(device, alert)| format!("{device}: {alert} is over, and open"));
    let hidden =
        standing.difference(&open).map(|(device, alert)| format!("{device}: {alert} stands, unseen"));
    ghosts.chain(hidden).collect()
}

/// Orders and service calls are there once each.
fn check_asked(shared: &Shared) -> Vec<String> {
    let rows = |query: &str| -> Vec<(String, String)> {
        shared.ledger.read(|store| {
            let mut rows = store.prepare(query)?;
            rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    };
    let mut found =
        rows("SELECT d.id, o.id FROM orders o JOIN devices d ON d.key = o.device WHERE o.id IS NOT NULL");
    found.extend(rows("SELECT d.id, s.message FROM service_calls s JOIN devices d ON d.key = s.device"));
    let book = shared.book();
    let mut asked = Vec::new();
    for page in &book.devices {
        for report in &page.written {
            match &report.body {
                ReportBody::Order(order) => asked.push((page.name.clone(), order.id.to_string())),
                ReportBody::ServiceCall(call) => {
                    asked.push((page.name.clone(), call.message.clone().unwrap_or_default()));
                }
                _ => {}
            }
        }
    }
    found.sort();
    asked.sort();
    if found == asked {
        return Vec::new();
    }
    vec![format!("people asked for {asked:?}, and the manager has {found:?}")]
}

/// Of one supply that a device has several open orders of, people insisted on all but the first.
fn check_duplicates(shared: &Shared) -> Vec<String> {
    let orders: Vec<(i64, String, String, String, bool)> = shared.ledger.read(|store| {
        let mut rows = store.prepare(
            "SELECT o.key, d.id, o.id, o.supply, o.again FROM orders o JOIN devices d ON d.key = o.device \
             WHERE o.closed IS NULL AND o.id IS NOT NULL ORDER BY o.key",
        )?;
        let read =
            |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?));
        rows.query_map([], read)?.collect()
    });
    let mut first: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (_, device, order, supply, again) in &orders {
        match first.entry((device.as_str(), supply.as_str())) {
            Entry::Vacant(place) => {
                place.insert(order);
            }
            Entry::Occupied(place) if !again => {
                wrong.push(format!(
                    "{device}: {order} of {supply} came beside {}, and nobody insisted",
                    place.get()
                ));
            }
            Entry::Occupied(_) => {}
        }
    }
    wrong
}

/// A command as the manager's store has it.
struct Stored {
    device: String,
    state: String,
}

fn check_commands(shared: &Shared, epochs: &Epochs) -> Vec<String> {
    let mut wrong = Vec::new();
    let stored: BTreeMap<String, Stored> = shared.ledger.read(|store| {
        let mut rows =
            store.prepare("SELECT c.id, d.id, c.state FROM commands c JOIN devices d ON d.key = c.device")?;
        rows.query_map([], |row| Ok((row.get(0)?, Stored { device: row.get(1)?, state: row.get(2)? })))?
            .collect()
    });
    let book = shared.book();
    for given in &book.commands {
        let id = given.command.id.as_str();
        match stored.get(id) {
            None if given.confirmed => {
                wrong.push(format!("command {id} was confirmed and is not in the store"));
            }
            None => {}
            Some(command) => {
                if command.device != book.devices[given.device].name {
                    wrong.push(format!("command {id} is of {}", command.device));
                }
                if !["done", "failed", "refused", "expired"].contains(&command.state.as_str()) {
                    wrong.push(format!("command {id} has no end: it is {}", command.state));
                }
            }
        }
    }
    for device in 0..book.devices.len() {
        check_outcomes(&book, device, &stored, epochs, &mut wrong);
        check_settings(shared, &book, device, epochs, &mut wrong);
    }
    wrong
}

/// One end for each command, and one set of readings for each that was to bring them.
fn check_outcomes(
    book: &Book,
    device: usize,
    stored: &BTreeMap<String, Stored>,
    epochs: &Epochs,
    wrong: &mut Vec<String>,
) {
    let name = &book.devices[device].name;
    let mut ends = BTreeMap::new();
    let (mut readings, mut lost) = (0_usize, false);
    for ((_, _), epoch) in epochs.iter().filter(|((of, _), _)| of == name) {
        lost |= !epoch.gaps.is_empty();
        for (sequence, report) in &epoch.reports {
            match &report.body {
                ReportBody::Readings(report) if report.cause == ReadingsCause::Command => readings += 1,
                ReportBody::Outcome(outcome) => {
                    let id = outcome.command_id.as_str().to_owned();
                    match ends.insert(id.clone(), outcome.clone()) {
                        Some(before) if before != *outcome => {
                            wrong.push(format!(
                                "command {id} ended twice: {before:?}, and {sequence}: {outcome:?}"
                            ));
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }
    for (id, outcome) in &ends {
        let state = match &outcome.result {
            OutcomeResult::Done => "done",
            OutcomeResult::Failed { .. } => "failed",
            OutcomeResult::Refused { .. } => "refused",
            OutcomeResult::Expired => "expired",
        };
        match stored.get(id) {
            Some(command) if command.state == state || command.state == "expired" => {}
            Some(command) => {
                wrong.push(format!("command {id} ended {state} and is kept as {}", command.state));
            }
            None => wrong.push(format!("nobody gave the command {id} that {name} ended")),
        }
    }
    let wanted = |id: &String| {
        let given = book.commands.iter().find(|given| given.command.id.as_str() == id);
        given.is_some_and(|given| given.command.action == Action::ReadNow)
    };
    let done = ends.iter().filter(|(id, end)| end.result == OutcomeResult::Done && wanted(id)).count();
    if readings != done && !lost {
        wrong.push(format!("{name} has read its board {readings} times for {done} commands"));
    }
}

/// What is set on the device is what the commands that were done have set, in their order.
fn check_settings(shared: &Shared, book: &Book, device: usize, epochs: &Epochs, wrong: &mut Vec<String>) {
    let name = &book.devices[device].name;
    let Some(life) = shared.life(device) else { return };
    let files = device::files();
    let mut expected = Settings::default();
    for ((_, _), epoch) in epochs.iter().filter(|((of, _), _)| of == name) {
        if !epoch.gaps.is_empty() {
            // An outcome may be among what was lost.
            return;
        }
        let mut ended = BTreeSet::new();
        for (_, report) in &epoch.reports {
            let ReportBody::Outcome(outcome) = &report.body else { continue };
            let given = book.commands.iter().find(|given| given.command.id == outcome.command_id);
            let (Some(given), OutcomeResult::Done) = (given, &outcome.result) else { continue };
            if !ended.insert(outcome.command_id.as_str()) {
                continue;
            }
            let origin = Origin {
                operator: given.command.issued_by.clone(),
                command: given.command.id.clone(),
                at: outcome.finished,
            };
            let changed = match &given.command.action {
                Action::Set { settings } => expected.set(&files, settings, &origin),
                Action::Reset { settings } => expected.reset(settings),
                _ => continue,
            };
            match changed {
                Ok(changed) => expected = changed,
                Err(cause) => wrong.push(format!("{name} has done what cannot be: {cause}")),
            }
        }
    }
    let plain = |settings: &Settings| -> Vec<String> {
        settings
            .iter()
            .map(|(key, chosen)| format!("{key}={} by {}", chosen.value, chosen.origin.command))
            .collect()
    };
    let (expected, found) = (plain(&expected), plain(&life.settings.chosen()));
    if expected != found {
        wrong.push(format!("{name} has set {found:?}, and its commands say {expected:?}"));
    }
}
