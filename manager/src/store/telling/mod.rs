//! What people are told: the ways to them ([`channels`]), the rules, what is muted, and the messages that come of the
//! notices ([`route`]), which are sent by one manager at a time ([`send`]). A notice is made messages of in the transaction
//! that marks it as told, so that each is told once; a message is claimed before it is sent, so that a crash sends it at
//! most once more, under the same id.

mod channels;
mod mutes;
mod own;
mod route;
mod rules;
mod send;
mod shown;

pub use channels::{ChannelKind, ChannelRecord, NewChannel};
pub use mutes::{MuteRecord, Muted, NewMute};
pub use route::Routed;
pub use rules::RuleRecord;
pub use send::{Claimed, Outcome, Way};
pub use shown::{MessageRecord, MessageState};

use super::seen::ChangedMeanwhile;

/// Channels, rules and mutes that there may be.
pub const MAX_CHANNELS: i64 = 200;
/// See [`MAX_CHANNELS`].
pub const MAX_RULES: i64 = 200;
/// See [`MAX_CHANNELS`].
pub const MAX_MUTES: i64 = 1_000;

/// Why something of this is not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TellingRefusal {
    /// There is none of that name.
    #[error("there is no {what} {name} here")]
    Missing {
        /// What was looked for.
        what: &'static str,
        /// By which name or number.
        name: String,
    },
    /// Another one has that name.
    #[error("another {what} is called {name:?}")]
    NameTaken {
        /// What.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// It is not as it was seen.
    #[error(transparent)]
    Changed(#[from] ChangedMeanwhile),
    /// A rule tells by it.
    #[error("the rule {0:?} tells by this channel: change the rule first")]
    Used(String),
    /// There are as many as there may be.
    #[error("there are {0} already, which is the most: remove one first")]
    TooMany(i64),
    /// It has been done, or its time is over.
    #[error("{0}")]
    NotNow(&'static str),
}

impl TellingRefusal {
    pub(super) fn missing(what: &'static str, name: &impl ToString) -> Self {
        Self::Missing { what, name: name.to_string() }
    }

    /// What was to be changed was there if one row was.
    pub(super) fn unless_one(changed: u64, what: &'static str, name: &impl ToString) -> Result<(), Self> {
        if changed == 1 { Ok(()) } else { Err(Self::missing(what, name)) }
    }
}
