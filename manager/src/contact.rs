//! When and how a device was last there. A device says with each request how long it will wait, so the manager
//! knows when it must hear from it again; that is the first watch.

use std::net::IpAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use platen_protocol::limits::MAX_WAIT;
use serde::Serialize;

/// Whether a device can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContactState {
    /// It waits at the manager: a command reaches it at once.
    Parked,
    /// It was in contact a short while ago, and is about to be again.
    Recent,
    /// It has not been in contact for longer than it said it would wait.
    Silent,
    /// It enrolled and has not been in contact since.
    Never,
}

impl ContactState {
    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::Recent => "recent",
            Self::Silent => "silent",
            Self::Never => "never",
        }
    }

    pub(crate) const fn is_there(self) -> bool {
        matches!(self, Self::Parked | Self::Recent)
    }
}

/// When and from where a device was last there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contact {
    /// How it can be reached now.
    pub state: ContactState,
    /// When it was last there.
    pub last: Option<Timestamp>,
    /// From where.
    pub remote: Option<IpAddr>,
}

/// What is granted beyond one and a half of its wait: a pause that the manager itself asked for, a lost
/// connection that is made anew, a handshake over a slow line.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// How long a device may be away before it is silent: one and a half of the wait that it asked for, after
/// which it finds a dead connection itself, and [`MARGIN`]. One whose wait is not known may have asked for
/// the longest.
pub fn silent_after(wait: Option<Duration>) -> SignedDuration {
    let wait = wait.unwrap_or(MAX_WAIT).min(MAX_WAIT);
    let milliseconds = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 2);
    SignedDuration::from_millis(milliseconds + milliseconds / 2) + MARGIN
}

/// Whether a device that was last there at `last` is away for so long that somebody should look after it.
pub fn is_overdue(last: Timestamp, overdue_after: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(last) >= overdue_after
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_device_that_waits_for_240_s_is_not_silent_before_its_wait_is_over() {
        assert_eq!(silent_after(Some(Duration::from_secs(50))), SignedDuration::from_secs(135));
        assert_eq!(silent_after(Some(Duration::from_secs(240))), SignedDuration::from_secs(420));
        assert_eq!(silent_after(None), silent_after(Some(MAX_WAIT)));
    }

    proptest! {
        #[test]
        fn whatever_a_device_asks_for_it_is_given_more_and_never_without_end(seconds: u64) {
            let given = silent_after(Some(Duration::from_secs(seconds)));
            prop_assert!(given <= silent_after(None));
            prop_assert!(given > SignedDuration::from_secs(i64::try_from(seconds.min(240)).unwrap()));
        }
    }
}
