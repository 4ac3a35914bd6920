//! Whether a batch can be true. A batch is refused whole, with the sequence and the field that are
//! wrong, before anything of it is stored.

use std::fmt::Display;

use platen_protocol::VERSION;
use platen_protocol::alert::Alert;
use platen_protocol::device_to_manager::{OutcomeResult, Report, ReportBatch, ReportBody};
use platen_protocol::limits::{MAX_ID_CHARS, MAX_MESSAGE_CHARS, MAX_REPORTS_PER_BATCH};
use platen_protocol::problem::{Problem, ProblemKind};
use platen_protocol::readings::{PartReading, Reading, Readings, SupplyReading};
use platen_protocol::supply::{Capacity, Level, SupplyUnit};

/// The longest text that is no person's message, such as a description or a cause, in characters.
pub const MAX_TEXT_CHARS: usize = 500;
/// The most supplies, parts, temperatures or switches that a board has, of each.
pub const MAX_READINGS: usize = 64;
/// The highest sequence, as far as the store's integers go.
pub const MAX_SEQUENCE: u64 = i64::MAX as u64;
/// The lowest temperature there is.
const MIN_MILLIDEGREES: i32 = -273_150;
/// Far above what any sensor in a printer can show.
const MAX_MILLIDEGREES: i32 = 1_000_000;
const ALL_OF_IT_PERCENT: u32 = 100;

/// Refuses a batch that cannot be true.
pub fn validate(batch: &ReportBatch) -> Result<(), Problem> {
    if batch.version != VERSION {
        return Err(wrong_version(u64::from(batch.version)));
    }
    if batch.reports.len() > MAX_REPORTS_PER_BATCH {
        return Err(Problem::new(
            ProblemKind::InvalidRequest,
            format!("the batch holds {} reports; send at most {MAX_REPORTS_PER_BATCH}", batch.reports.len()),
        ));
    }
    sequences(batch)?;
    for report in &batch.reports {
        let place = Place { sequence: report.sequence };
        check_report(&place, report)?;
    }
    Ok(())
}

/// The refusal of a message of another version.
pub fn wrong_version(found: u64) -> Problem {
    Problem::new(
        ProblemKind::WrongVersion,
        format!("the message is of version {found}; this manager speaks version {VERSION}"),
    )
}

fn sequences(batch: &ReportBatch) -> Result<(), Problem> {
    if batch.oldest_sequence == 0 || batch.oldest_sequence > MAX_SEQUENCE {
        return Err(Problem::new(
            ProblemKind::InvalidRequest,
            format!("oldest_sequence is {}; sequences go from 1 to {MAX_SEQUENCE}", batch.oldest_sequence),
        ));
    }
    let mut before: Option<u64> = None;
    for Report { sequence, .. } in &batch.reports {
        if let Some(before) = before
            && *sequence <= before
        {
            return Err(Problem::new(
                ProblemKind::SequenceBackwards,
                format!("sequence {sequence} follows {before}; the reports of a batch go by rising sequence"),
            ));
        }
        if *sequence == 0 || *sequence > MAX_SEQUENCE {
            return Err(invalid(*sequence, "sequence", format!("sequences go from 1 to {MAX_SEQUENCE}")));
        }
        before = Some(*sequence);
    }
    match batch.reports.first() {
        Some(first) if first.sequence < batch.oldest_sequence => Err(Problem::new(
            ProblemKind::InvalidRequest,
            format!(
                "oldest_sequence is {} and the batch begins with {}: the outbox cannot hold what is below its oldest",
                batch.oldest_sequence, first.sequence
            ),
        )),
        _ => Ok(()),
    }
}

fn invalid(sequence: u64, field: impl Display, why: impl Display) -> Problem {
    Problem::new(ProblemKind::InvalidReport, format!("report {sequence}, {field}: {why}"))
}

/// Where in the batch a check is.
struct Place {
    sequence: u64,
}

impl Place {
    fn refuse(&self, field: impl Display, why: impl Display) -> Problem {
        invalid(self.sequence, field, why)
    }

    fn text(&self, field: impl Display, text: &str, most: usize) -> Result<(), Problem> {
        let length = text.chars().count();
        if length > most {
            return Err(self.refuse(field, format!("{length} characters, at most {most} are allowed")));
        }
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return Err(self.refuse(field, "holds a control character"));
        }
        Ok(())
    }

    fn name(&self, field: impl Display, text: &str) -> Result<(), Problem> {
        if text.is_empty() {
            return Err(self.refuse(field, "is empty"));
        }
        self.text(field, text, MAX_ID_CHARS)
    }

    fn short(&self, field: impl Display, text: Option<&String>) -> Result<(), Problem> {
        text.map_or(Ok(()), |text| self.text(field, text, MAX_ID_CHARS))
    }
}

fn check_report(place: &Place, report: &Report) -> Result<(), Problem> {
    place.text("taken.boot_id", &report.taken.boot_id, MAX_ID_CHARS)?;
    match &report.body {
        ReportBody::Started(started) => {
            place.text("agent_version", &started.agent_version, MAX_ID_CHARS)?;
            place.text("model", &started.model, MAX_TEXT_CHARS)?;
            check_readings(place, &started.readings)
        }
        ReportBody::AlertRaised { alert } => check_alert(place, alert),
        ReportBody::AlertCleared { description, .. } => {
            place.text("description", description, MAX_TEXT_CHARS)
        }
        ReportBody::ServiceCall(call) => {
            call.message.as_ref().map_or(Ok(()), |message| place.text("message", message, MAX_MESSAGE_CHARS))
        }
        ReportBody::Utilisation(utilisation) => check_readings(place, &utilisation.readings),
        ReportBody::Readings(report) => check_readings(place, &report.readings),
        ReportBody::Outcome(outcome) => match &outcome.result {
            OutcomeResult::Failed { reason } | OutcomeResult::Refused { reason } => {
                place.text("result.reason", reason, MAX_TEXT_CHARS)
            }
            OutcomeResult::Done | OutcomeResult::Expired => Ok(()),
        },
    }
}

fn check_alert(place: &Place, alert: &Alert) -> Result<(), Problem> {
    place.text("alert.description", &alert.description, MAX_TEXT_CHARS)?;
    place.text("alert.subject", &alert.subject, MAX_ID_CHARS)?;
    alert.supply.as_ref().map_or(Ok(()), |supply| check_supply(place, supply))?;
    alert.part.as_ref().map_or(Ok(()), |part| check_part(place, part))
}

fn check_readings(place: &Place, readings: &Readings) -> Result<(), Problem> {
    let Readings { supplies, parts, temperatures, switches } = readings;
    unlike(place, "supplies", supplies.iter().map(|supply| supply.name.as_str()))?;
    unlike(place, "parts", parts.iter().map(|part| part.name.as_str()))?;
    unlike(place, "temperatures", temperatures.iter().map(|temperature| temperature.name.as_str()))?;
    unlike(place, "switches", switches.iter().map(|switch| switch.name.as_str()))?;
    for supply in supplies {
        check_supply(place, supply)?;
    }
    for part in parts {
        check_part(place, part)?;
    }
    for temperature in temperatures {
        let field = format!("temperatures.{}", temperature.name);
        cause_of(place, &field, &temperature.millidegrees_celsius)?;
        if let Some(value) = temperature.millidegrees_celsius.known()
            && !(MIN_MILLIDEGREES..=MAX_MILLIDEGREES).contains(value)
        {
            return Err(place.refuse(field, format!("{value} thousandths of a degree Celsius cannot be")));
        }
    }
    for switch in switches {
        cause_of(place, format!("switches.{}", switch.name), &switch.active)?;
    }
    Ok(())
}

/// Names tell readings apart, and every list has an end.
fn unlike<'a>(place: &Place, list: &str, names: impl Iterator<Item = &'a str>) -> Result<(), Problem> {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        place.name(format!("{list}.name"), name)?;
        if seen.contains(&name) {
            return Err(place.refuse(list, format!("{name:?} is there twice")));
        }
        if seen.len() == MAX_READINGS {
            return Err(place.refuse(list, format!("at most {MAX_READINGS} are allowed")));
        }
        seen.push(name);
    }
    Ok(())
}

fn cause_of<T>(place: &Place, field: impl Display, reading: &Reading<T>) -> Result<(), Problem> {
    match reading {
        Reading::Known { .. } => Ok(()),
        Reading::Unknown { cause } => place.text(field, &cause.detail, MAX_TEXT_CHARS),
    }
}

fn check_supply(place: &Place, supply: &SupplyReading) -> Result<(), Problem> {
    let field = |part: &str| format!("supply {}.{part}", supply.name);
    place.name("supply.name", &supply.name)?;
    place.short(field("colorant"), supply.colorant.as_ref())?;
    place.short(field("serial"), supply.serial.as_ref())?;
    if supply.index == 0 {
        return Err(place.refuse(field("index"), "counts from 1"));
    }
    if u32::from(supply.set_percent) > ALL_OF_IT_PERCENT {
        return Err(place.refuse(field("set_percent"), format!("{} is above 100", supply.set_percent)));
    }
    if let Level::Unknown { cause } = &supply.level {
        place.text(field("level"), &cause.detail, MAX_TEXT_CHARS)?;
    }
    match (&supply.level, supply.capacity) {
        (Level::Known { amount }, Capacity::Known { amount: full }) if *amount > full => {
            Err(place.refuse(field("level"), format!("{amount} is above the capacity of {full}")))
        }
        (Level::Known { amount }, _) if supply.unit == SupplyUnit::Percent && *amount > ALL_OF_IT_PERCENT => {
            Err(place.refuse(field("level"), format!("{amount} percent is above 100")))
        }
        _ => Ok(()),
    }
}

fn check_part(place: &Place, part: &PartReading) -> Result<(), Problem> {
    let field = |piece: &str| format!("part {}.{piece}", part.name);
    place.name("part.name", &part.name)?;
    place.short(field("serial"), part.serial.as_ref())?;
    if part.index == 0 {
        return Err(place.refuse(field("index"), "counts from 1"));
    }
    // A part may be used beyond its rated life: that is what its alert is about.
    cause_of(place, field("used"), &part.used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use platen_protocol::device_to_manager::{EnteredBy, ServiceCall};

    fn refusal(batch: &ReportBatch) -> Problem {
        validate(batch).unwrap_err()
    }

    #[test]
    fn an_ordinary_batch_is_accepted() {
        assert_eq!(
            validate(&sample::batch(1, vec![sample::utilisation(1, 50), sample::utilisation(2, 49)])),
            Ok(())
        );
        assert_eq!(validate(&sample::batch(1, vec![])), Ok(()));
    }

    #[test]
    fn a_level_above_the_capacity_is_refused_by_sequence_and_supply() {
        let mut report = sample::utilisation(7, 50);
        let ReportBody::Utilisation(utilisation) = &mut report.body else { unreachable!() };
        utilisation.readings.supplies[0].level = Level::Known { amount: 999_999 };
        let problem = refusal(&sample::batch(7, vec![report]));
        assert_eq!(problem.kind, ProblemKind::InvalidReport);
        assert!(problem.detail.starts_with("report 7, supply black.level: 999999"), "{}", problem.detail);
    }

    #[test]
    fn a_set_value_above_a_hundred_is_refused() {
        let mut report = sample::utilisation(1, 50);
        let ReportBody::Utilisation(utilisation) = &mut report.body else { unreachable!() };
        utilisation.readings.supplies[0].set_percent = 101;
        assert!(refusal(&sample::batch(1, vec![report])).detail.contains("set_percent"));
    }

    #[test]
    fn a_message_that_is_too_long_is_refused() {
        let message = Some("x".repeat(MAX_MESSAGE_CHARS + 1));
        let body = ReportBody::ServiceCall(ServiceCall { entered_by: EnteredBy::Command, message });
        let problem = refusal(&sample::batch(1, vec![sample::report(1, body)]));
        assert!(problem.detail.contains("message: 501 characters"), "{}", problem.detail);
    }

    #[test]
    fn sequences_that_do_not_rise_are_refused() {
        let batch = sample::batch(1, vec![sample::utilisation(2, 50), sample::utilisation(2, 50)]);
        assert_eq!(refusal(&batch).kind, ProblemKind::SequenceBackwards);
    }

    #[test]
    fn an_oldest_above_the_first_report_is_refused() {
        let batch = sample::batch(3, vec![sample::utilisation(2, 50)]);
        assert_eq!(refusal(&batch).kind, ProblemKind::InvalidRequest);
        assert_eq!(refusal(&sample::batch(0, vec![])).kind, ProblemKind::InvalidRequest);
        assert_eq!(refusal(&sample::batch(u64::MAX, vec![])).kind, ProblemKind::InvalidRequest);
    }

    #[test]
    fn two_supplies_of_one_name_are_refused() {
        let mut report = sample::utilisation(1, 50);
        let ReportBody::Utilisation(utilisation) = &mut report.body else { unreachable!() };
        let twin = utilisation.readings.supplies[0].clone();
        utilisation.readings.supplies.push(twin);
        assert!(refusal(&sample::batch(1, vec![report])).detail.contains("twice"));
    }

    #[test]
    fn too_many_reports_and_another_version_are_refused() {
        let reports = (1..=101).map(|sequence| sample::utilisation(sequence, 50)).collect();
        assert_eq!(refusal(&sample::batch(1, reports)).kind, ProblemKind::InvalidRequest);
        let mut batch = sample::batch(1, vec![]);
        batch.version = 2;
        assert_eq!(refusal(&batch).kind, ProblemKind::WrongVersion);
    }
}
