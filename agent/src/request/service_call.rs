//! Service calls, by button or by command.

use platen_protocol::device_to_manager::{EnteredBy, ReportBody, ServiceCall};
use platen_protocol::limits::MAX_MESSAGE_CHARS;
use platen_protocol::text::{self, InvalidText};

use super::asked::{Asked, Wish};
use crate::random::{self, CannotName};

/// Begins the name of a service call.
const ID_PREFIX: &str = "call";

/// Why service cannot be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotCall {
    /// The message cannot be sent.
    #[error("the message {0}")]
    Message(InvalidText),
    /// The call could not be named.
    #[error(transparent)]
    Name(#[from] CannotName),
}

/// A service call that a person entered on the controller; a message of blanks is none.
///
/// # Errors
/// When the message is too long, or the kernel has no random numbers.
pub fn by_command(message: Option<String>) -> Result<ReportBody, CannotCall> {
    let message = text::written(message, MAX_MESSAGE_CHARS).map_err(CannotCall::Message)?;
    Ok(body(EnteredBy::Command, message)?)
}

/// A service call for a press of the service button.
///
/// # Errors
/// When the kernel has no random numbers.
pub fn by_button() -> Result<ReportBody, CannotName> {
    body(EnteredBy::Button, None)
}

fn body(entered_by: EnteredBy, message: Option<String>) -> Result<ReportBody, CannotName> {
    let call_id = Some(random::name(ID_PREFIX)?);
    Ok(ReportBody::ServiceCall(ServiceCall {
        call_id,
        entered_by,
        message,
        presses: None,
        last_press_seconds_ago: None,
    }))
}

/// How often a call has been made by now that was repeated while it was open, the last time so many seconds ago;
/// `None` of what is no call with a name.
pub fn repeated(asked: &Asked, seconds_ago: u32) -> Option<ReportBody> {
    let Wish::ServiceCall { id: Some(id), message } = &asked.what else { return None };
    let (call_id, message) = (Some(id.clone()), message.clone());
    let (entered_by, presses) = (asked.entered_by, Some(asked.presses));
    let last_press_seconds_ago = Some(seconds_ago);
    Some(ReportBody::ServiceCall(ServiceCall {
        call_id,
        entered_by,
        message,
        presses,
        last_press_seconds_ago,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(message: &str) -> ServiceCall {
        let ReportBody::ServiceCall(call) = by_command(Some(message.into())).unwrap() else { panic!() };
        call
    }

    #[test]
    fn a_message_is_cut_of_its_blanks_and_refused_if_the_manager_would_not_take_it() {
        assert_eq!(call("  streaks \n").message.as_deref(), Some("streaks"));
        assert_eq!(call("   ").message, None);
        assert!(by_command(Some("ä".repeat(MAX_MESSAGE_CHARS))).is_ok());
        let refused = by_command(Some("ä".repeat(MAX_MESSAGE_CHARS + 1))).unwrap_err();
        assert!(refused.to_string().contains("500"), "{refused}");
        let refused = by_command(Some("ring\u{7}".into())).unwrap_err();
        assert_eq!(refused.to_string(), "the message contains a control character (U+0007)");
    }

    #[test]
    fn two_calls_with_the_same_words_are_two() {
        assert_ne!(call("streaks").call_id, call("streaks").call_id);
    }
}
