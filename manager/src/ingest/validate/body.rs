//! What a report tells: whether a device can have meant it.

use platen_protocol::alert::Alert;
use platen_protocol::device_to_manager::{
    Activity, Order, OutcomeResult, Replacement, Report, ReportBody, Utilisation,
};
use platen_protocol::identity::AlertId;
use platen_protocol::limits::{
    MAX_ID_CHARS, MAX_MESSAGE_CHARS, MAX_ORDER_QUANTITY, MAX_REASON_CHARS, MAX_STANDING_ALERTS,
};
use platen_protocol::problem::Problem;

use super::place::{MAX_MEASURE_CHARS, MAX_TEXT_CHARS, MAX_UPTIME_MS, Place};
use super::readings::{
    MAX_BUSES, MAX_READINGS, check_part, check_readings, check_supply, plausible_temperature,
};

/// The most numbers that speak for one alert.
pub const MAX_EVIDENCE: usize = 16;
/// By how much the states of an activity may be above its length: each is rounded by itself.
const ROUNDING_SECONDS: u64 = 4;

/// Refuses a report that cannot be true.
pub(super) fn check(place: &Place, report: &Report) -> Result<(), Problem> {
    place.text("taken.boot_id", &report.taken.boot_id, MAX_ID_CHARS)?;
    place.at_most("taken.monotonic_ms", report.taken.monotonic_ms, MAX_UPTIME_MS)?;
    match &report.body {
        ReportBody::Started(started) => {
            place.text("agent_version", &started.agent_version, MAX_ID_CHARS)?;
            place.text("model", &started.model, MAX_TEXT_CHARS)?;
            let volatile = started.volatile_state.as_deref().unwrap_or_default();
            place.text("volatile_state", volatile, MAX_TEXT_CHARS)?;
            check_standing(place, started.standing_alerts.as_deref().unwrap_or_default())?;
            check_readings(place, &started.readings)
        }
        ReportBody::AlertRaised { alert } => check_alert(place, alert),
        ReportBody::AlertCleared { description, .. } => {
            place.text("description", description, MAX_TEXT_CHARS)
        }
        ReportBody::AlertsStanding { standing_alerts, alerts } => {
            check_standing(place, standing_alerts)?;
            place.count("alerts", alerts.len(), MAX_STANDING_ALERTS)?;
            alerts.iter().try_for_each(|alert| check_alert(place, alert))
        }
        ReportBody::ServiceCall(call) => {
            if call.presses == Some(0) {
                return Err(place.refuse("presses", "a call is made once at least".to_owned()));
            }
            check_message(place, "message", call.message.as_ref())
        }
        ReportBody::Order(order) => check_order(place, order),
        ReportBody::Replacement(replacement) => check_replacement(place, replacement),
        ReportBody::Utilisation(utilisation) => check_utilisation(place, utilisation),
        ReportBody::Readings(report) => check_readings(place, &report.readings),
        ReportBody::Outcome(outcome) => match &outcome.result {
            OutcomeResult::Failed { reason } | OutcomeResult::Refused { reason } => {
                place.text("result.reason", reason, MAX_TEXT_CHARS)
            }
            OutcomeResult::Done | OutcomeResult::Expired => Ok(()),
        },
        ReportBody::OutboxReplaced(replaced) => {
            place.text("reason", &replaced.reason, MAX_TEXT_CHARS)?;
            replaced.evidence.as_ref().map_or(Ok(()), |file| place.text("evidence", file, MAX_TEXT_CHARS))
        }
        ReportBody::Program { program } => {
            let reason = program.reason.as_deref().unwrap_or_default();
            place.text("program.reason", reason, MAX_REASON_CHARS)
        }
    }
}

fn check_standing(place: &Place, standing: &[AlertId]) -> Result<(), Problem> {
    place.count("standing_alerts", standing.len(), MAX_STANDING_ALERTS)
}

/// What a person wrote, if anything.
fn check_message(place: &Place, field: &str, message: Option<&String>) -> Result<(), Problem> {
    message.map_or(Ok(()), |message| place.text(field, message, MAX_MESSAGE_CHARS))
}

fn check_alert(place: &Place, alert: &Alert) -> Result<(), Problem> {
    place.text("alert.description", &alert.description, MAX_TEXT_CHARS)?;
    place.text("alert.subject", &alert.subject, MAX_ID_CHARS)?;
    place.count("alert.evidence", alert.evidence.len(), MAX_EVIDENCE)?;
    for evidence in &alert.evidence {
        place.text("alert.evidence.measure", &evidence.measure, MAX_MEASURE_CHARS)?;
        place.text("alert.evidence.unit", &evidence.unit, MAX_MEASURE_CHARS)?;
        place.number("alert.evidence.observed", evidence.observed.unsigned_abs())?;
        place.number("alert.evidence.expected", evidence.expected.unwrap_or_default().unsigned_abs())?;
    }
    alert.supply.as_ref().map_or(Ok(()), |supply| check_supply(place, supply))?;
    alert.part.as_ref().map_or(Ok(()), |part| check_part(place, part))
}

fn check_order(place: &Place, order: &Order) -> Result<(), Problem> {
    if !(1..=MAX_ORDER_QUANTITY).contains(&order.quantity) {
        let why = format!("{} is ordered; an order is for 1 to {MAX_ORDER_QUANTITY}", order.quantity);
        return Err(place.refuse("quantity", why));
    }
    check_message(place, "note", order.note.as_ref())?;
    check_supply(place, &order.supply)
}

fn check_replacement(place: &Place, replacement: &Replacement) -> Result<(), Problem> {
    place.name("subject", &replacement.subject)?;
    let supplies = [&replacement.removed_supply, &replacement.fitted_supply];
    let parts = [&replacement.removed_part, &replacement.fitted_part];
    if supplies.iter().all(|supply| supply.is_none()) && parts.iter().all(|part| part.is_none()) {
        return Err(place.refuse("replacement", "names neither a supply nor a part"));
    }
    for supply in supplies.into_iter().flatten() {
        check_supply(place, supply)?;
    }
    for part in parts.into_iter().flatten() {
        check_part(place, part)?;
    }
    Ok(())
}

fn check_utilisation(place: &Place, utilisation: &Utilisation) -> Result<(), Problem> {
    place.number("running_seconds", utilisation.running_seconds)?;
    place.number("failed_reads", utilisation.failed_reads)?;
    check_readings(place, &utilisation.readings)?;
    utilisation.activity.as_ref().map_or(Ok(()), |activity| check_activity(place, activity))
}

fn check_activity(place: &Place, activity: &Activity) -> Result<(), Problem> {
    place.at_most("activity.seconds", activity.seconds, MAX_UPTIME_MS / 1000)?;
    place.number("activity.pages", activity.pages.unwrap_or_default())?;
    for bus in &activity.buses {
        for number in [bus.failed_transfers, bus.failed_reads, bus.recoveries] {
            place.number(format_args!("activity.buses.{}", bus.name), number)?;
        }
    }
    let told =
        [activity.idle_seconds, activity.printing_seconds, activity.sleeping_seconds, activity.error_seconds];
    let sum = told.into_iter().fold(0, u64::saturating_add);
    if sum > activity.seconds.saturating_add(ROUNDING_SECONDS) {
        let why = format!("its states are {sum} seconds together, and it is {} long", activity.seconds);
        return Err(place.refuse("activity", why));
    }
    let ranges = activity.temperatures.iter();
    place.unlike("activity.temperatures", ranges.map(|range| range.name.as_str()), MAX_READINGS)?;
    place.unlike("activity.buses", activity.buses.iter().map(|bus| bus.name.as_str()), MAX_BUSES)?;
    for range in &activity.temperatures {
        let field = format!("activity.temperatures.{}", range.name);
        plausible_temperature(place, &field, range.lowest)?;
        plausible_temperature(place, &field, range.highest)?;
        if range.lowest > range.highest {
            let why = format!("the lowest, {}, is above the highest, {}", range.lowest, range.highest);
            return Err(place.refuse(field, why));
        }
    }
    Ok(())
}
