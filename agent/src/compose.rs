//! From events to the bodies of reports.

use platen_protocol::device_to_manager::{
    Activity, ReadingsCause, ReadingsReport, ReportBody, Started, Utilisation,
};
use platen_protocol::limits::MAX_STANDING_ALERTS;
use platen_protocol::readings::Readings;

use crate::judge::{Alerts, Event};
use crate::random::CannotName;
use crate::request::{order, service_call};

/// The bodies for the events of one sample or edge, in their order. `last` is what was read last, if
/// anything was.
///
/// # Errors
/// When what a person asked for cannot be named: the kernel has no random numbers.
pub fn events(events: &[Event], last: Option<&Readings>) -> Result<Vec<ReportBody>, CannotName> {
    let mut bodies = Vec::new();
    for event in events {
        match event {
            Event::Raised(alert) => bodies.push(ReportBody::AlertRaised { alert: (**alert).clone() }),
            Event::Cleared { id, description } => {
                let (alert_id, description) = (id.clone(), description.clone());
                bodies.push(ReportBody::AlertCleared { alert_id, description });
            }
            Event::ServiceCall => bodies.push(service_call::by_button()?),
            Event::Order { supplies } => {
                for supply in supplies {
                    bodies.push(order::by_button(supply)?);
                }
            }
            Event::Replacement(replacement) => bodies.push(ReportBody::Replacement(replacement.clone())),
            Event::ReportWanted => bodies.extend(last.map(|last| readings(ReadingsCause::Person, last))),
            Event::Changed => bodies.extend(last.map(|last| readings(ReadingsCause::Change, last))),
        }
    }
    Ok(bodies)
}

/// The agent began to work, and remembers these alerts.
pub fn started(model: &str, readings: &Readings, alerts: &Alerts) -> ReportBody {
    ReportBody::Started(Started {
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        model: model.to_owned(),
        readings: readings.clone(),
        standing_alerts: alerts.ids(MAX_STANDING_ALERTS),
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
