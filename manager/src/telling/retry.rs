//! When a message that could not be delivered is tried again. Pure.

use jiff::{SignedDuration, Timestamp};

/// The pause after the first try; it doubles with each.
const FIRST: SignedDuration = SignedDuration::from_secs(30);
/// The longest pause.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);
/// It is given up so long after it was to be told: longer than a long weekend.
pub const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(96);

/// When it is tried next, after so many tries; `None` when it is given up.
pub fn next(tries: u32, first_due: Timestamp, now: Timestamp) -> Option<Timestamp> {
    if now.duration_since(first_due) >= GIVEN_UP_AFTER {
        return None;
    }
    let doubled = FIRST.checked_mul(1 << tries.saturating_sub(1).min(16)).unwrap_or(LONGEST);
    now.checked_add(doubled.min(LONGEST)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_to_an_hour_and_after_four_days_it_is_given_up() {
        let due: Timestamp = "2026-11-30T09:00:00Z".parse().unwrap();
        let pause = |tries| next(tries, due, due).unwrap().duration_since(due).as_secs();
        assert_eq!([1, 2, 3, 7, 8, 9, 5000].map(pause), [30, 60, 120, 1920, 3600, 3600, 3600]);
        let day = due + SignedDuration::from_hours(24);
        assert!(next(30, due, day).is_some(), "a server that is down for a day loses nothing");
        assert_eq!(next(99, due, due + GIVEN_UP_AFTER), None);
    }
}
