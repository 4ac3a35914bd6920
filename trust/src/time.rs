//! The time by which metadata expires.
//!
//! A controller may have no clock that outlives a power cut, and whoever is between device and manager may be between
//! device and time server too. So a device keeps the *latest known time* (TUF 5.1: the update begins by recording a
//! fixed start time), and:
//!
//! * a synchronised clock counts, unless it is before the latest known time: then that counts;
//! * a clock that is not synchronised does not count at all. Only the latest known time does: what is expired by it is
//!   certainly expired. So a device whose clock says 1970 can still be served, and one whose clock says 2099 too;
//! * the latest known time moves only when a whole document was taken by a synchronised clock. That time lies before the
//!   expiry that people signed: a clock that was forged to 2099 refuses everything as long as it is wrong, and no longer.
//!
//! Against old metadata at a clock that is held back stand the versions (`seen`).

use std::time::SystemTime;

use jiff::Timestamp;

/// What a device's clock says, and whether that can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownTime {
    /// Whether the kernel holds the clock for synchronised (`STA_UNSYNC` is not set).
    pub synchronised: bool,
    /// What the clock says.
    pub at: Timestamp,
}

impl KnownTime {
    /// A clock that can be believed.
    pub fn synchronised(at: Timestamp) -> Self {
        Self { synchronised: true, at }
    }

    /// A clock that cannot be believed.
    pub fn unsynchronised(at: Timestamp) -> Self {
        Self { synchronised: false, at }
    }

    /// The time that counts where `latest` is the latest known time.
    pub fn from(self, latest: Timestamp) -> Timestamp {
        if self.synchronised { self.at.max(latest) } else { latest }
    }
}

/// A time of the crate `tuf`, which counts with `chrono`: its type is not named, so that `chrono` is none of ours.
/// Times that `jiff` does not know (9999-12-31) are as late as it knows.
pub(crate) fn of_tuf(at: impl Into<SystemTime>) -> Timestamp {
    let at = at.into();
    Timestamp::try_from(at).unwrap_or(if at < SystemTime::UNIX_EPOCH {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// The same in the other direction.
pub(crate) fn for_tuf(at: Timestamp) -> SystemTime {
    at.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_synchronised_clock_counts_unless_it_is_behind_what_is_known() {
        let latest = at("2026-06-01T00:00:00Z");
        assert_eq!(
            KnownTime::synchronised(at("2026-07-01T00:00:00Z")).from(latest),
            at("2026-07-01T00:00:00Z")
        );
        assert_eq!(KnownTime::synchronised(at("1970-01-01T00:00:00Z")).from(latest), latest);
    }

    #[test]
    fn a_clock_that_is_not_synchronised_counts_in_neither_direction() {
        let latest = at("2026-06-01T00:00:00Z");
        assert_eq!(KnownTime::unsynchronised(at("2099-01-01T00:00:00Z")).from(latest), latest);
        assert_eq!(KnownTime::unsynchronised(at("1970-01-01T00:00:00Z")).from(latest), latest);
    }

    #[test]
    fn times_beyond_what_is_known_are_as_late_as_can_be() {
        assert_eq!(of_tuf(for_tuf(at("2026-06-01T12:00:00Z"))), at("2026-06-01T12:00:00Z"));
        assert_eq!(
            of_tuf(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(400_000_000_000)),
            Timestamp::MAX
        );
    }
}
