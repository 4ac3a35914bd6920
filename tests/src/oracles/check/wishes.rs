//! What persons asked for is with the manager exactly once, if they were told so; at most once otherwise.

use std::time::Duration;

use platen_protocol::device_to_manager::{EnteredBy, ReportBody, ServiceCall};

use super::{Books, Verdict};
use crate::oracles::books::held::WishHeld;
use crate::oracles::books::people::Told;

pub(super) fn check(books: &Books, verdict: &mut Verdict) {
    by_command(books, verdict);
    by_button(books, verdict);
    rows_are_reports(books, verdict);
}

fn by_command(books: &Books, verdict: &mut Verdict) {
    let rows: Vec<&WishHeld> = books.held.wishes.iter().filter(|wish| wish.entered_by == "command").collect();
    for asked in &books.people.asked {
        let found: Vec<_> = rows.iter().filter(|row| row.text.as_ref() == Some(&asked.text)).collect();
        let (least, most) = match asked.told {
            Told::Kept => (usize::from(!books.allowed.gaps), 1),
            Told::Nothing => (0, 1),
            Told::Refused => (0, 0),
        };
        verdict.figures.kept += u64::from(asked.told == Told::Kept);
        verdict.hold((least..=most).contains(&found.len()), || {
            format!("{:?} was told {:?} and is there {} times", asked.text, asked.told, found.len())
        });
        for row in found {
            verdict.hold(row.order == asked.order, || {
                format!("{:?} was {:?} and is held as {:?}", asked.text, asked.order, row.order)
            });
        }
    }
    for row in rows {
        let known = books.people.asked.iter().any(|asked| row.text.as_ref() == Some(&asked.text));
        verdict.hold(known, || format!("nobody asked for {row:?}"));
    }
}

/// Each report of a button belongs to the last press that had ended by then; a press has one at most, and
/// exactly one if the buzzer said so.
fn by_button(books: &Books, verdict: &mut Verdict) {
    let presses = &books.physical.presses;
    let mut reports = vec![0_u32; presses.len()];
    for report in books.held.reports() {
        let (button, what) = match &report.body {
            ReportBody::ServiceCall(call) if is_first(call) && call.entered_by == EnteredBy::Button => {
                ("service", "a call")
            }
            ReportBody::Order(order) if order.entered_by == EnteredBy::Button => ("order", "an order"),
            _ => continue,
        };
        let (at, off) = books.clocks.moment(&report.taken);
        let ended = |press: &crate::oracles::books::physical::Press| {
            press.button == button && press.ended <= at + off
        };
        match presses.iter().rposition(ended) {
            // What comes long after the finger has gone is not of this press.
            Some(place) if at.saturating_sub(presses[place].ended) <= off + LATEST => reports[place] += 1,
            _ => verdict.mistake(format!(
                "sequence {}: {what} by the button at {at:?}, when nobody pressed it",
                report.sequence
            )),
        }
    }
    verdict.figures.presses += presses.len() as u64;
    for (press, reports) in presses.iter().zip(reports) {
        let confirmed = is_confirmed(books, press);
        verdict.figures.confirmed += u64::from(confirmed);
        verdict.hold(reports <= 1, || format!("{press:?} is there {reports} times"));
        verdict.hold(reports == 1 || !confirmed || books.allowed.gaps || may_repeat(books, press), || {
            format!("{press:?} was confirmed by the buzzer and did not arrive")
        });
    }
}

/// Not one that tells how often it was repeated.
fn is_first(call: &ServiceCall) -> bool {
    call.presses.is_none()
}

/// The same may have been asked for before the press: then the buzzer said that it is asked for already.
fn may_repeat(books: &Books, press: &crate::oracles::books::physical::Press) -> bool {
    books.held.reports().any(|report| {
        let same = match &report.body {
            ReportBody::ServiceCall(call) => press.button == "service" && is_first(call),
            ReportBody::Order(_) => press.button == "order",
            _ => false,
        };
        let (at, off) = books.clocks.moment(&report.taken);
        same && at <= press.ended + off
    })
}

/// A press is judged at its release: contacts bounce, and edges are taken a moment later.
const LATEST: Duration = Duration::from_millis(500);

/// The buzzer came on after the release, and nothing else can have made it: from before the press on nothing
/// waited, and the program did not begin anew.
fn is_confirmed(books: &Books, press: &crate::oracles::books::physical::Press) -> bool {
    if press.cut_off {
        return false;
    }
    let mut people = books.people.pressed.iter().filter(|pressed| pressed.button == press.button);
    // The person's own note of it: the last that was made before the finger came.
    let noted = people.rfind(|noted| noted.quiet_since.is_some_and(|quiet| quiet <= press.began));
    let Some((quiet, until)) = noted.and_then(|noted| Some((noted.quiet_since?, noted.listened_until)))
    else {
        return false;
    };
    let physical = &books.physical;
    let other = physical.presses.iter().any(|other| other.ended > quiet && other.ended < press.began);
    let Some(beep) = physical.beeps.iter().find(|beep| **beep >= press.ended) else { return false };
    let next = physical.presses.iter().any(|other| other.began > press.ended && other.began < *beep);
    let begun = physical.starts.iter().any(|start| *start >= quiet && start <= beep);
    !other && !next && !begun && *beep <= until
}

/// Rows that operators see and reports that tell of them are the same wishes.
fn rows_are_reports(books: &Books, verdict: &mut Verdict) {
    for row in &books.held.wishes {
        let epoch = books.held.epochs.iter().find(|epoch| epoch.name == row.epoch);
        let report =
            epoch.and_then(|epoch| epoch.reports.iter().find(|report| report.sequence == row.sequence));
        let same = report.is_some_and(|report| match &report.body {
            ReportBody::Order(order) => {
                row.order == Some((order.supply.name.clone(), order.quantity)) && row.text == order.note
            }
            ReportBody::ServiceCall(call) => row.order.is_none() && row.text == call.message,
            _ => false,
        });
        verdict.hold(same, || format!("{row:?} is not what its report says: {report:?}"));
    }
    for epoch in &books.held.epochs {
        for report in &epoch.reports {
            let has_row = match &report.body {
                ReportBody::Order(_) => true,
                ReportBody::ServiceCall(call) => is_first(call),
                _ => false,
            };
            if !has_row {
                continue;
            }
            let rows = books
                .held
                .wishes
                .iter()
                .filter(|row| row.epoch == epoch.name && row.sequence == report.sequence)
                .count();
            // An order that came again in a new epoch has the row of its first.
            let may_lack = books.allowed.epochs > 0 && matches!(report.body, ReportBody::Order(_));
            verdict.hold(rows == 1 || (may_lack && rows == 0), || {
                format!("sequence {}: operators see it {rows} times", report.sequence)
            });
        }
    }
}
