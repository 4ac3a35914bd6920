//! From events to the bodies of reports.

use platen_protocol::device_to_manager::{
    Activity, ReadingsCause, ReadingsReport, ReportBody, Started, Utilisation,
};
use platen_protocol::limits::MAX_STANDING_ALERTS;
use platen_protocol::readings::Readings;

use crate::judge::{Alerts, Event};
use crate::random::CannotName;
use crate::request::{Asked, open, order, service_call};
use crate::version::version;

/// What follows from events.
#[derive(Debug, Default)]
pub struct Composed {
    /// To be reported, in their order.
    pub bodies: Vec<ReportBody>,
    /// A press called service, and this call is open: it is counted there.
    pub repeated: Option<Asked>,
    /// What a press wanted and is ordered already, by name. Nothing of it is among the bodies.
    pub refused: Vec<String>,
}

/// What follows from the events of one sample or edge. `last` is what was read last, if anything was; `asked` is what
/// was asked for of late, oldest first: what of it is open is not asked for again.
///
/// # Errors
/// When what a person asked for cannot be named: the kernel has no random numbers.
pub fn events(events: &[Event], last: Option<&Readings>, asked: &[Asked]) -> Result<Composed, CannotName> {
    let mut composed = Composed::default();
    for event in events {
        let bodies = &mut composed.bodies;
        match event {
            Event::Raised(alert) => bodies.push(ReportBody::AlertRaised { alert: (**alert).clone() }),
            Event::Cleared { id, description } => {
                let (alert_id, description) = (id.clone(), description.clone());
                bodies.push(ReportBody::AlertCleared { alert_id, description });
            }
            Event::ServiceCall => match open::call(asked) {
                Some(call) => composed.repeated = Some(call.clone()),
                None => bodies.push(service_call::by_button()?),
            },
            Event::Order { supplies, again } => {
                for supply in supplies {
                    match open::orders(asked, &supply.name).count() {
                        0 => bodies.push(order::by_button(supply, false)?),
                        1..open::MAX_OPEN_BY_BUTTON if *again => bodies.push(order::by_button(supply, true)?),
                        _ => composed.refused.push(supply.name.clone()),
                    }
                }
            }
            Event::Replacement(replacement) => bodies.push(ReportBody::Replacement(replacement.clone())),
            Event::ReportWanted => bodies.extend(last.map(|last| readings(ReadingsCause::Person, last))),
            Event::Changed => bodies.extend(last.map(|last| readings(ReadingsCause::Change, last))),
        }
    }
    Ok(composed)
}

/// The agent began to work, and remembers these alerts. `volatile_state` says what its state directory is on, if
/// what is written there does not last.
pub fn started(
    model: &str,
    readings: &Readings,
    alerts: &Alerts,
    volatile_state: Option<String>,
) -> ReportBody {
    ReportBody::Started(Started {
        agent_version: version().to_owned(),
        model: model.to_owned(),
        readings: readings.clone(),
        standing_alerts: alerts.ids(MAX_STANDING_ALERTS),
        volatile_state,
    })
}

/// The utilisation state.
pub fn utilisation(
    running_seconds: u64,
    failed_reads: u64,
    readings: &Readings,
    activity: Activity,
) -> ReportBody {
    let (readings, activity) = (readings.clone(), Some(activity));
    ReportBody::Utilisation(Utilisation { running_seconds, failed_reads, readings, activity })
}

/// The readings, for a cause.
pub fn readings(cause: ReadingsCause, readings: &Readings) -> ReportBody {
    ReportBody::Readings(ReadingsReport { cause, readings: readings.clone() })
}
