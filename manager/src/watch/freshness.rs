//! The second watch: the device is there, but does it still read its printer? With its batches it says
//! within what time readings come again.

use jiff::{SignedDuration, Timestamp};

/// So many of the times that the device names may pass: one may fall into a restart.
const FACTOR: u32 = 2;
/// And this much more: a batch may wait for its turn.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// What a device may name, in seconds: a number beyond is a mistake, and not believed.
const MAX_WITHIN: u32 = 7 * 24 * 3600;

/// Until when readings must have come, when the last came at `received` and the device said "again within".
pub fn due(received: Timestamp, within_seconds: u32) -> Timestamp {
    let within = SignedDuration::from_secs(i64::from(within_seconds.min(MAX_WITHIN)));
    received.checked_add(within * i32::try_from(FACTOR).unwrap_or(1) + MARGIN).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn readings_of_every_quarter_of_an_hour_are_late_after_two_and_a_minute() {
        let received: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        assert_eq!(due(received, 900), "2026-11-22T10:31:00Z".parse().unwrap());
    }

    proptest! {
        #[test]
        fn readings_are_never_late_before_the_device_said_so(within in 0_u32..MAX_WITHIN, second in 0_i64..2_000_000_000) {
            let received = Timestamp::from_second(second).unwrap();
            prop_assert!(due(received, within).duration_since(received).as_secs() > i64::from(within));
        }
    }
}
