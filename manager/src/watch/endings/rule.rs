//! How near an end is, and whether a pair of files takes the place of the one in use. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::certificate_files::Facts;

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// So long before an end it is told, the shortest first.
const THRESHOLDS: [(SignedDuration, EndState); 3] = [
    (DAY, EndState::Within1Day),
    (SignedDuration::from_hours(7 * 24), EndState::Within7Days),
    (SignedDuration::from_hours(30 * 24), EndState::Within30Days),
];
/// A threshold counts for what lives at least so many times as long: what lives for a day only would
/// otherwise be said to end from its beginning.
const LIVES: i32 = 2;

/// How near the end of something is; what comes later here is nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndState {
    /// It does not end.
    NoEnd,
    /// Its end is far.
    Good,
    /// It ends within 30 days.
    #[serde(rename = "within_30_days")]
    Within30Days,
    /// It ends within 7 days.
    #[serde(rename = "within_7_days")]
    Within7Days,
    /// It ends within a day.
    #[serde(rename = "within_1_day")]
    Within1Day,
    /// It has ended.
    Ended,
    /// It cannot be read.
    Unknown,
}

impl EndState {
    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoEnd => "has no end",
            Self::Good => "good",
            Self::Within30Days => "ends within 30 days",
            Self::Within7Days => "ends within 7 days",
            Self::Within1Day => "ends within a day",
            Self::Ended => "ended",
            Self::Unknown => "cannot be read",
        }
    }

    /// Whether it will end soon or has ended.
    pub fn is_near(self) -> bool {
        matches!(self, Self::Within30Days | Self::Within7Days | Self::Within1Day | Self::Ended)
    }
}

/// How near an end is; `from` is the beginning, as far as that is known.
pub fn state(from: Option<Timestamp>, until: Timestamp, now: Timestamp) -> EndState {
    if now >= until {
        return EndState::Ended;
    }
    let (left, life) = (until.duration_since(now), from.map(|from| until.duration_since(from)));
    let reached = THRESHOLDS
        .iter()
        .find(|(before, _)| left <= *before && life.is_none_or(|life| *before * LIVES <= life));
    reached.map_or(EndState::Good, |(_, state)| *state)
}

/// What becomes of a pair that was found in the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takeover {
    /// It takes the place of the one in use.
    Take,
    /// It does not, because it has not begun and the one in use is good.
    NotYet,
    /// It does not, because it has ended and the one in use has not.
    Ended,
}

/// Whether a pair takes the place of the one in use.
pub fn takeover(used: &Facts, found: &Facts, now: Timestamp) -> Takeover {
    let is_good = now < used.weakest;
    if is_good && now < found.from {
        Takeover::NotYet
    } else if is_good && now >= found.weakest {
        Takeover::Ended
    } else {
        Takeover::Take
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + DAY * i32::try_from(day).unwrap()
    }

    #[test]
    fn an_end_is_near_30_7_and_1_days_before_and_is_there_at_its_moment() {
        let of = |now| state(Some(day(0)), day(365), now);
        assert_eq!(of(day(335) - SignedDuration::from_secs(1)), EndState::Good);
        assert_eq!((of(day(335)), of(day(357))), (EndState::Within30Days, EndState::Within30Days));
        assert_eq!((of(day(358)), of(day(363))), (EndState::Within7Days, EndState::Within7Days));
        assert_eq!(of(day(364)), EndState::Within1Day);
        assert_eq!(of(day(365) - SignedDuration::from_secs(1)), EndState::Within1Day);
        assert_eq!((of(day(365)), of(day(9999))), (EndState::Ended, EndState::Ended));
    }

    #[test]
    fn what_lives_for_a_short_time_is_not_said_to_end_from_its_beginning() {
        let of = |life, now| state(Some(day(0)), day(life), day(now));
        assert_eq!(of(1, 0), EndState::Good);
        assert_eq!((of(47, 30), of(47, 40)), (EndState::Good, EndState::Within7Days));
        assert_eq!(state(None, day(1), day(0)), EndState::Within1Day);
    }

    #[test]
    fn a_pair_that_has_not_begun_or_has_ended_waits_while_the_one_in_use_is_good() {
        let facts = |from, until| Facts {
            subject: "CN=m".to_owned(),
            from: day(from),
            until: day(until),
            weakest: day(until),
        };
        let (used, next, old) = (facts(0, 90), facts(60, 150), facts(0, 30));
        assert_eq!(takeover(&used, &next, day(59)), Takeover::NotYet);
        assert_eq!(takeover(&used, &next, day(60)), Takeover::Take);
        assert_eq!(takeover(&used, &old, day(30)), Takeover::Ended);
        assert_eq!(takeover(&used, &old, day(29)), Takeover::Take);
        assert_eq!(takeover(&used, &old, day(90)), Takeover::Take, "neither is good");
    }

    proptest! {
        #[test]
        fn an_end_only_ever_comes_nearer(life in 0_i64..4_000_000, steps in prop::collection::vec(0_i64..400_000, 1..60)) {
            let second = |second| Timestamp::from_second(second).unwrap();
            let (mut now, mut before) = (0, EndState::NoEnd);
            for step in steps {
                now += step;
                let state = state(Some(second(0)), second(life), second(now));
                prop_assert!(state >= before, "{state:?} after {before:?}");
                prop_assert_eq!(state == EndState::Ended, now >= life);
                before = state;
            }
        }
    }
}
