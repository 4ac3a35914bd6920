//! Texts that nobody typed, brought to what a manager takes: they quote kernels, chips and paths, and nobody is
//! there to shorten them. A report that a manager must refuse would be lost.

use std::borrow::Cow;

use crate::alert::Alert;
use crate::device_to_manager::{OutcomeResult, Replacement, ReportBody};
use crate::limits::MAX_TEXT_CHARS;
use crate::readings::{PartReading, Reading, Readings, SupplyReading};
use crate::supply::Level;
use crate::text;

/// Shortens what is too long, and blanks out what is for machines.
pub fn fit(body: &mut ReportBody) {
    match body {
        ReportBody::Started(started) => readings(&mut started.readings),
        ReportBody::AlertRaised { alert } => self::alert(alert),
        ReportBody::AlertCleared { description, .. } => words(description),
        ReportBody::AlertsStanding { alerts, .. } => alerts.iter_mut().for_each(alert),
        ReportBody::Order(order) => supply(&mut order.supply),
        ReportBody::Replacement(replacement) => {
            let Replacement { removed_supply, fitted_supply, removed_part, fitted_part, .. } =
                &mut **replacement;
            [removed_supply, fitted_supply].into_iter().flatten().for_each(supply);
            [removed_part, fitted_part].into_iter().flatten().for_each(part);
        }
        ReportBody::Utilisation(utilisation) => readings(&mut utilisation.readings),
        ReportBody::Readings(report) => readings(&mut report.readings),
        ReportBody::Outcome(outcome) => match &mut outcome.result {
            OutcomeResult::Failed { reason } | OutcomeResult::Refused { reason } => words(reason),
            OutcomeResult::Done | OutcomeResult::Expired => {}
        },
        ReportBody::OutboxReplaced(replaced) => {
            words(&mut replaced.reason);
            replaced.evidence.iter_mut().for_each(words);
        }
        ReportBody::Program { program } => program.reason.iter_mut().for_each(words),
        // A person typed it, and was told then what is wrong with it.
        ReportBody::ServiceCall(_) => {}
    }
}

fn readings(readings: &mut Readings) {
    let Readings { supplies, parts, temperatures, switches, counters, billing, buses, held: _ } = readings;
    supplies.iter_mut().for_each(supply);
    parts.iter_mut().for_each(part);
    for temperature in temperatures {
        cause(&mut temperature.millidegrees_celsius);
    }
    for switch in switches {
        cause(&mut switch.active);
    }
    for counter in counters {
        cause(&mut counter.value);
    }
    for counter in billing {
        cause(&mut counter.value);
    }
    buses.iter_mut().filter_map(|bus| bus.failing.as_mut()).for_each(|why| words(&mut why.detail));
}

fn alert(alert: &mut Alert) {
    words(&mut alert.description);
    alert.supply.iter_mut().for_each(supply);
    alert.part.iter_mut().for_each(part);
}

fn supply(supply: &mut SupplyReading) {
    if let Level::Unknown { cause } = &mut supply.level {
        words(&mut cause.detail);
    }
}

fn part(part: &mut PartReading) {
    cause(&mut part.used);
}

fn cause<T>(reading: &mut Reading<T>) {
    if let Reading::Unknown { cause } = reading {
        words(&mut cause.detail);
    }
}

fn words(text: &mut String) {
    if let Cow::Owned(fitted) = text::fitted(text, MAX_TEXT_CHARS) {
        *text = fitted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device_to_manager::ReportBatch;
    use serde_json::{Value, json};

    /// What programs write, by the name of its field.
    const COMPOSED: [&str; 4] = ["detail", "description", "reason", "evidence"];

    fn for_each_composed(value: &mut Value, change: &mut impl FnMut(&mut String)) {
        match value {
            Value::Object(fields) => {
                // Of a loss, and of what is unknown, the reason is one of a few words.
                let chosen = fields.contains_key("kinds") || fields.contains_key("detail");
                for (name, field) in fields {
                    match field {
                        Value::String(text)
                            if COMPOSED.contains(&name.as_str()) && !(chosen && name == "reason") =>
                        {
                            change(text);
                        }
                        _ => for_each_composed(field, change),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| for_each_composed(item, change)),
            _ => {}
        }
    }

    #[test]
    fn whatever_a_program_wrote_in_a_frozen_report_is_brought_to_its_limit() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/frozen/v1");
        let mut found = 0;
        for name in [
            "report-batch.json",
            "report-batch-printer.json",
            "report-batch-standing.json",
            "report-batch-program.json",
        ] {
            let text = std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
            let mut batch: Value = serde_json::from_str(&text).unwrap();
            for report in batch["reports"].as_array_mut().unwrap() {
                // Two causes that the examples do not have.
                for list in ["counters", "switches"] {
                    if let Some(first) = report.pointer_mut(&format!("/readings/{list}/0")) {
                        let field = if list == "counters" { "value" } else { "active" };
                        first[field] =
                            json!({"state": "unknown", "cause": {"reason": "no_answer", "detail": ""}});
                    }
                }
            }
            for_each_composed(&mut batch, &mut |text| {
                found += 1;
                *text = format!("{}\u{7}", "ä".repeat(2 * MAX_TEXT_CHARS));
            });
            let mut batch: ReportBatch = serde_json::from_value(batch).unwrap();
            batch.reports.iter_mut().for_each(|report| fit(&mut report.body));
            let mut fitted = serde_json::to_value(&batch).unwrap();
            for_each_composed(&mut fitted, &mut |text| {
                assert_eq!(text::check(text, MAX_TEXT_CHARS), Ok(()), "{name}");
                assert!(text.starts_with('ä') && text.ends_with('…'), "{text}");
            });
        }
        assert!(found >= 9, "{found}");
    }
}
