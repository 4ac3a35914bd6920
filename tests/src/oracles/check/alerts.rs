//! Alerts tell of what physically stood: each has its cause, each cause that a person saw the alert of has it
//! once, and it ends when the cause has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use platen_agent::judge::OUTBOX;
use platen_protocol::alert::Alert;
use platen_protocol::device_to_manager::{ReportBody, Started};
use platen_protocol::identity::AlertId;

use super::{Books, Verdict};
use crate::oracles::books::physical::Condition;

/// A cause that has just ended may still be told: samples and edges take their time.
const LATE: Duration = Duration::from_secs(5);
/// Levels in thousandths at or below which a supply may be told to be low: the set value of the boards, the
/// largest that the test sets, and rounding.
const LOW: u32 = 400;

struct Raised<'a> {
    alert: &'a Alert,
    sequence: u64,
    at: Duration,
    off: Duration,
}

pub(super) fn check(books: &Books, verdict: &mut Verdict) {
    let (raised, cleared) = told(books, verdict);
    verdict.figures.alerts += raised.len() as u64;
    verdict.figures.conditions += books.physical.conditions.len() as u64;
    for alert in raised.values() {
        // What is foretold of a printer is the business of the simulated year.
        let of_disk = alert.alert.subject == OUTBOX && books.allowed.epochs > 0;
        verdict.hold(alert.alert.forecast || of_disk || has_cause(books, alert), || {
            format!("sequence {}: an alert without a cause: {}", alert.sequence, alert.alert.description)
        });
    }
    once_each(books, &raised, verdict);
    shown_ones_are_held(books, &raised, verdict);
    for row in &books.held.alerts {
        let known = raised.contains_key(row.id.as_str());
        verdict.hold(known, || format!("operators see the alert {}, which no report raised", row.id));
        let ended = cleared.contains_key(row.id.as_str());
        verdict.hold(row.cleared == ended, || {
            format!(
                "the alert {} is {}cleared, by its reports {ended}",
                row.id,
                if row.cleared { "" } else { "not " }
            )
        });
        if let (Some(alert), false) = (raised.get(row.id.as_str()), row.cleared) {
            let lasts = books
                .physical
                .conditions
                .iter()
                .any(|condition| condition.target == alert.alert.subject && condition.ended.is_none());
            verdict.hold(alert.alert.forecast || lasts || is_low_now(books, &alert.alert.subject), || {
                format!("the alert stands though nothing is wrong any more: {}", alert.alert.description)
            });
        }
    }
    let rows: BTreeSet<&str> = books.held.alerts.iter().map(|row| row.id.as_str()).collect();
    for (id, alert) in &raised {
        let sequence = alert.sequence;
        verdict.hold(rows.contains(id), || format!("sequence {sequence}: operators do not see its alert"));
    }
    for (id, (sequence, at, off)) in &cleared {
        let Some(alert) = raised.get(id) else { continue };
        // Ended too early: what it tells of stood before and long after.
        let stands = books.physical.conditions.iter().any(|condition| {
            condition.target == alert.alert.subject
                && condition.began + LATE + *off < *at
                && condition.ended.is_none_or(|ended| ended > *at + *off)
        });
        verdict.hold(!stands, || {
            format!("sequence {sequence}: cleared while it lasts: {}", alert.alert.description)
        });
    }
}

type Cleared<'a> = BTreeMap<&'a str, (u64, Duration, Duration)>;

fn told<'a>(books: &'a Books, verdict: &mut Verdict) -> (BTreeMap<&'a str, Raised<'a>>, Cleared<'a>) {
    let mut raised = BTreeMap::new();
    let mut cleared = BTreeMap::new();
    for report in books.held.reports() {
        let (at, off) = books.clocks.moment(&report.taken);
        let sequence = report.sequence;
        match &report.body {
            ReportBody::AlertRaised { alert } => {
                let before = raised.insert(alert.id.as_str(), Raised { alert, sequence, at, off });
                if let Some(before) = before {
                    let first = before.sequence;
                    verdict.mistake(format!("the alert {} was raised by {first} and {sequence}", alert.id));
                }
            }
            ReportBody::AlertCleared { alert_id, .. } => {
                if let Some((first, ..)) = cleared.insert(alert_id.as_str(), (sequence, at, off)) {
                    verdict.mistake(format!("the alert {alert_id} was cleared by {first} and {sequence}"));
                }
                verdict.hold(raised.contains_key(alert_id.as_str()) || books.allowed.gaps, || {
                    format!("sequence {sequence}: the alert {alert_id} was cleared before it was raised")
                });
            }
            ReportBody::Started(Started { standing_alerts: Some(standing), .. }) => {
                bring_up_to(standing, &raised, &mut cleared, (sequence, at, off));
            }
            ReportBody::AlertsStanding { standing_alerts, alerts } => {
                for alert in alerts {
                    raised.entry(alert.id.as_str()).or_insert(Raised { alert, sequence, at, off });
                }
                bring_up_to(standing_alerts, &raised, &mut cleared, (sequence, at, off));
            }
            _ => {}
        }
    }
    (raised, cleared)
}

/// What the device does not name has ended, and what it names stands.
fn bring_up_to<'a>(
    standing: &[AlertId],
    raised: &BTreeMap<&'a str, Raised<'a>>,
    cleared: &mut Cleared<'a>,
    by: (u64, Duration, Duration),
) {
    let names: BTreeSet<&str> = standing.iter().map(AlertId::as_str).collect();
    cleared.retain(|id, _| !names.contains(id));
    for id in raised.keys().filter(|id| !names.contains(*id)) {
        cleared.entry(id).or_insert(by);
    }
}

fn has_cause(books: &Books, raised: &Raised<'_>) -> bool {
    let (subject, at) = (&raised.alert.subject, raised.at + raised.off);
    let conditions = &books.physical.conditions;
    let late = LATE + raised.off * 2;
    conditions.iter().any(|condition| condition.target == *subject && condition.stood(at, late))
        || books.physical.stocks_until(at).take(1).any(|stock| is_low(stock, subject))
        || was_low_within(books, subject, at, late)
}

fn was_low_within(books: &Books, subject: &str, at: Duration, late: Duration) -> bool {
    let from = at.saturating_sub(late);
    let stocks = books.physical.stocks.iter();
    stocks.filter(|(when, _)| *when >= from && *when <= at).any(|(_, stock)| is_low(stock, subject))
}

fn is_low(stock: &platen_simulator::event_log::Stock, subject: &str) -> bool {
    stock.supplies.iter().any(|supply| supply.name == subject && supply.left <= LOW)
}

fn is_low_now(books: &Books, subject: &str) -> bool {
    books.physical.last().is_some_and(|stock| is_low(stock, subject))
}

/// No condition has two alerts of one code, however often the agent began anew while it lasted.
fn once_each(books: &Books, raised: &BTreeMap<&str, Raised<'_>>, verdict: &mut Verdict) {
    for condition in &books.physical.conditions {
        let mut codes = BTreeMap::new();
        for alert in raised.values().filter(|raised| raised.alert.subject == condition.target) {
            let within = condition.began <= alert.at.saturating_sub(alert.off)
                && condition.ended.is_none_or(|ended| alert.at + alert.off <= ended);
            if within
                && !books.allowed.gaps
                && let Some(first) = codes.insert(alert.alert.code.to_string(), alert.sequence)
            {
                verdict.mistake(format!("{condition:?} was told by {first} and again by {}", alert.sequence));
            }
        }
    }
}

/// What a person saw in `platen status` is durable, so the manager has it.
fn shown_ones_are_held(books: &Books, raised: &BTreeMap<&str, Raised<'_>>, verdict: &mut Verdict) {
    for seen in &books.people.seen {
        let begun = |condition: &Condition| condition.target == seen.subject && condition.began <= seen.at;
        verdict.hold(books.physical.conditions.iter().any(begun), || {
            format!("an alert of {} was shown, and nothing was wrong", seen.subject)
        });
        verdict.hold(raised.contains_key(seen.id.as_str()) || books.allowed.gaps, || {
            format!("{seen:?} was shown at the printer and is not with the manager")
        });
    }
}
