//! What devices reported.

use jiff::Timestamp;
use platen_protocol::alert::Severity;
use platen_protocol::device_to_manager::{Replacement, ReplacementKind};

use super::super::super::view::{AlertView, ReplacementView, ReportView};
use super::super::words;
use super::Age;

pub(in super::super) struct AlertRow {
    pub(in super::super) code: &'static str,
    pub(in super::super) severity: &'static str,
    pub(in super::super) title: String,
    pub(in super::super) description: String,
    pub(in super::super) training: &'static str,
    /// Whether it has not happened yet; then this speaks for it.
    pub(in super::super) forecast: bool,
    pub(in super::super) evidence: Vec<String>,
    pub(in super::super) location: Option<i32>,
    pub(in super::super) raised: Age,
    pub(in super::super) cleared: Option<Age>,
    pub(in super::super) cleared_because: Option<String>,
}

impl AlertRow {
    pub(in super::super) fn of(view: &AlertView, now: Timestamp) -> Self {
        let alert = &view.alert;
        Self {
            code: alert.code.name(),
            severity: if alert.forecast {
                "forecast"
            } else if alert.severity == Severity::Critical {
                "critical"
            } else {
                "warning"
            },
            title: words::alert_title(alert),
            description: alert.description.clone(),
            training: words::training(alert.training),
            forecast: alert.forecast,
            evidence: alert.evidence.iter().map(words::evidence).collect(),
            location: alert.location,
            raised: Age::of_dated(view.raised_dated, now),
            cleared: view.cleared_dated.map(|dated| Age::of_dated(dated, now)),
            cleared_because: view.cleared_because.clone(),
        }
    }
}

pub(in super::super) struct ReportRow {
    pub(in super::super) sequence: u64,
    pub(in super::super) kind: &'static str,
    pub(in super::super) word: &'static str,
    pub(in super::super) content: String,
    pub(in super::super) received: Age,
}

impl ReportRow {
    pub(in super::super) fn of(view: &ReportView, now: Timestamp) -> Self {
        Self {
            sequence: view.report.sequence,
            kind: view.report.body.kind(),
            word: words::kind(&view.report.body),
            content: words::content(&view.report.body),
            received: Age::of_dated(view.dated, now),
        }
    }
}

/// A supply or a part that was changed or put back.
pub(in super::super) struct ReplacementRow {
    pub(in super::super) subject: String,
    pub(in super::super) label: String,
    /// A word for the style sheet and the tests.
    pub(in super::super) change: &'static str,
    pub(in super::super) words: &'static str,
    /// What was left in what was taken out.
    pub(in super::super) residue: Option<String>,
    pub(in super::super) residue_percent: Option<u8>,
    pub(in super::super) removed: Option<String>,
    pub(in super::super) fitted: Option<String>,
    pub(in super::super) received: Age,
}

impl ReplacementRow {
    pub(in super::super) fn of(view: &ReplacementView, now: Timestamp) -> Self {
        let replacement = &view.replacement;
        let (change, words) = match replacement.change {
            ReplacementKind::Replaced => ("replaced", "replaced"),
            ReplacementKind::Reseated => ("reseated", "put back"),
        };
        let replaced = replacement.change == ReplacementKind::Replaced;
        Self {
            subject: replacement.subject.clone(),
            label: words::label(&replacement.subject),
            change,
            words,
            residue: words::residue(replacement).filter(|_| replaced),
            residue_percent: view.residue_percent.filter(|_| replaced),
            removed: removed_serial(replacement).filter(|_| replaced),
            fitted: fitted(replacement),
            received: Age::of_dated(view.dated, now),
        }
    }
}

fn removed_serial(replacement: &Replacement) -> Option<String> {
    let supply = replacement.removed_supply.as_ref().and_then(|supply| supply.serial.clone());
    supply.or_else(|| replacement.removed_part.as_ref().and_then(|part| part.serial.clone()))
}

/// What is in now: its serial number and what is left in it.
fn fitted(replacement: &Replacement) -> Option<String> {
    let (serial, left) = match (&replacement.fitted_supply, &replacement.fitted_part) {
        (Some(supply), _) => (supply.serial.as_deref(), Some(words::left(supply))),
        (None, Some(part)) => {
            let left = part.percent_left().map(|percent| format!("{percent} % of its life left"));
            (part.serial.as_deref(), left)
        }
        (None, None) => return None,
    };
    let words: Vec<String> =
        serial.map(|serial| format!("serial {serial}")).into_iter().chain(left).collect();
    (!words.is_empty()).then(|| words.join(", "))
}
