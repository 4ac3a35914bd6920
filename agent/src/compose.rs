//! From events to the bodies of reports.

use platen_protocol::device_to_manager::{
    Activity, EnteredBy, ReadingsCause, ReadingsReport, ReportBody, ServiceCall, Started, Utilisation,
};
use platen_protocol::limits::MAX_MESSAGE_CHARS;
use platen_protocol::readings::Readings;

use crate::judge::Event;
use crate::order::{self, CannotOrder};

/// The bodies for the events of one sample or edge, in their order. `last` is what was read last, if
/// anything was.
pub fn events(events: &[Event], last: Option<&Readings>) -> Result<Vec<ReportBody>, CannotOrder> {
    let mut bodies = Vec::new();
    for event in events {
        match event {
            Event::Raised(alert) => bodies.push(ReportBody::AlertRaised { alert: (**alert).clone() }),
            Event::Cleared { id, description } => {
                let (alert_id, description) = (id.clone(), description.clone());
                bodies.push(ReportBody::AlertCleared { alert_id, description });
            }
            Event::ServiceCall => {
                let call = ServiceCall { entered_by: EnteredBy::Button, message: None };
                bodies.push(ReportBody::ServiceCall(call));
            }
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

/// The agent began to work.
pub fn started(model: &str, readings: &Readings) -> ReportBody {
    ReportBody::Started(Started {
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        model: model.to_owned(),
        readings: readings.clone(),
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

/// Why a text cannot be sent with a service call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the message has {chars} characters; at most {MAX_MESSAGE_CHARS} can be sent: shorten it")]
pub struct MessageTooLong {
    /// How many it has.
    pub chars: usize,
}

/// A service call that a person entered on the controller; a message of blanks is none.
pub fn service_call(message: Option<String>) -> Result<ReportBody, MessageTooLong> {
    let message = message.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let chars = message.as_deref().map_or(0, |text| text.chars().count());
    if chars > MAX_MESSAGE_CHARS {
        return Err(MessageTooLong { chars });
    }
    Ok(ReportBody::ServiceCall(ServiceCall { entered_by: EnteredBy::Command, message }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_of_its_blanks_and_refused_above_the_limit() {
        let ReportBody::ServiceCall(call) = service_call(Some("  streaks \n".into())).unwrap() else {
            panic!()
        };
        assert_eq!(call.message.as_deref(), Some("streaks"));
        let ReportBody::ServiceCall(call) = service_call(Some("   ".into())).unwrap() else { panic!() };
        assert_eq!(call.message, None);
        assert!(service_call(Some("ä".repeat(MAX_MESSAGE_CHARS))).is_ok());
        let refused = service_call(Some("ä".repeat(MAX_MESSAGE_CHARS + 1))).unwrap_err();
        assert!(refused.to_string().contains("500"), "{refused}");
    }
}
