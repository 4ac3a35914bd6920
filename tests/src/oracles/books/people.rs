//! What persons at the printer and operators did, and what they were told.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use platen_agent::tool::control::message::Answer;
use platen_protocol::manager_to_device::Action;

/// What became of something that was asked for, as far as whoever asked was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It is durable, and will arrive.
    Kept,
    /// It was not taken.
    Refused,
    /// No answer came: it may have been taken.
    Nothing,
}

impl Told {
    /// What an answer tells, or none.
    pub fn by(answer: Option<&Answer>) -> Self {
        match answer {
            Some(Answer::Kept | Answer::Acknowledged) => Self::Kept,
            Some(Answer::Refused { .. }) => Self::Refused,
            _ => Self::Nothing,
        }
    }
}

/// What a person asked for by `platen order` or `platen call-service`. The text is different each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The note of the order or the message of the call.
    pub text: String,
    /// Supply and quantity, if it is an order.
    pub order: Option<(String, u16)>,
    /// What the person was told.
    pub told: Told,
}

/// A press of a button, tried: a printer in the agent's own process has none while that is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pressed {
    /// The switch.
    pub button: String,
    /// Nothing waited from then on, and no signal was being given: the next beep is for this press.
    pub quiet_since: Option<Duration>,
    /// The person listened for the beep until then, and did nothing else.
    pub listened_until: Duration,
}

/// A condition of the printer that a person left standing until `platen status` showed its alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What the alert is about.
    pub subject: String,
    /// Its name.
    pub id: String,
    /// When it was shown.
    pub at: Duration,
}

/// What an operator gave a device to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Commanded {
    /// The command's name, if the manager said that it has it.
    pub id: Option<String>,
    /// What.
    pub action: Action,
}

/// Everything about one device.
#[derive(Debug, Clone, Default)]
pub struct People {
    /// By command on the controller.
    pub asked: Vec<Asked>,
    /// By button, in their order.
    pub pressed: Vec<Pressed>,
    /// Alerts that were shown.
    pub seen: Vec<Seen>,
    /// By operators.
    pub commanded: Vec<Commanded>,
}

/// Now, by the clock of [`platen_simulator::event_log`]: `CLOCK_MONOTONIC`.
pub fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap().into()
}
