//! From events to the bodies of reports.

use platen_protocol::device_to_manager::{
    EnteredBy, ReadingsCause, ReadingsReport, ReportBody, ServiceCall, Started, Utilisation,
};
use platen_protocol::limits::MAX_MESSAGE_CHARS;
use platen_protocol::readings::Readings;

use crate::judge::Event;

/// The bodies for the events of one sample or edge, in their order.
pub fn events(events: &[Event], readings: Option<&Readings>) -> Vec<ReportBody> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Raised(alert) => Some(ReportBody::AlertRaised { alert: (**alert).clone() }),
            Event::Cleared { id, description } => {
                Some(ReportBody::AlertCleared { alert_id: id.clone(), description: description.clone() })
            }
            Event::ServiceButton => {
                Some(ReportBody::ServiceCall(ServiceCall { entered_by: EnteredBy::Button, message: None }))
            }
            Event::Changed => readings.map(|readings| self::readings(ReadingsCause::Change, readings)),
        })
        .collect()
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
pub fn utilisation(running_seconds: u64, failed_reads: u64, readings: &Readings) -> ReportBody {
    ReportBody::Utilisation(Utilisation { running_seconds, failed_reads, readings: readings.clone() })
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
