//! How old a device's readings are. Pure.

use jiff::Timestamp;
use platen_protocol::stamp::{ClockQuality, Stamp};
use serde::Serialize;
use utoipa::ToSchema;

/// How old a device's readings are.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct Freshness {
    /// Seconds since they were taken; since they were received where the device's clock cannot be trusted.
    pub(in super::super) age_seconds: u64,
    /// The device's own stamp of the moment.
    pub(in super::super) taken: Stamp,
    /// When the manager received them, by the manager's clock.
    pub(in super::super) received: Timestamp,
    /// When the next readings must have arrived, by what the device announced; `null` when it announced
    /// nothing.
    pub(in super::super) due: Option<Timestamp>,
    /// `true` when `due` has passed though the device is in contact.
    pub(in super::super) late: bool,
}

impl Freshness {
    /// Of readings that came in at `received`.
    pub(super) fn of(
        taken: Stamp,
        received: Timestamp,
        due: Option<Timestamp>,
        late: bool,
        now: Timestamp,
    ) -> Self {
        Self { age_seconds: age(&taken, received, now), taken, received, due, late }
    }
}

fn whole_seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
}

/// Seconds since readings were taken. A clock that nobody vouches for, or that is ahead of ours, is not
/// believed: then they are as old as their arrival.
fn age(taken: &Stamp, received: Timestamp, now: Timestamp) -> u64 {
    let believed = taken.clock == ClockQuality::Synchronised && taken.wall <= received;
    whole_seconds(if believed { taken.wall } else { received }, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_clock_that_nobody_vouches_for_does_not_age_readings() {
        let now = "2026-11-22T10:00:30Z".parse().unwrap();
        let received = "2026-11-22T10:00:20Z".parse().unwrap();
        let mut taken = sample::utilisation(1, 50).taken;
        assert_eq!(age(&taken, received, now), 30);
        taken.clock = ClockQuality::Unsynchronised;
        assert_eq!(age(&taken, received, now), 10);
        taken.clock = ClockQuality::Synchronised;
        taken.wall = "2099-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(age(&taken, received, now), 10);
    }
}
