//! Whether the printer sleeps, and what has not answered since it did.
//!
//! What loses its power in sleep is excused while the printer sleeps, and for a settling time of being awake
//! after that. Nothing is excused for ever: a line that cannot be read, or that says "asleep" while pages
//! come, is not believed for long, and the settling time is counted once, however often the printer falls
//! asleep again in between.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::millis;

/// Where the line for sleep cannot be read, the printer is held to sleep for so long while nothing has power.
pub(in crate::judge) const LINE_PATIENCE: Duration = Duration::from_secs(12 * 60 * 60);
/// No printer that is in use sleeps for so long: the line is stuck.
pub(in crate::judge) const LONGEST_SLEEP: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What a sample says about sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::judge) struct Signs {
    /// What the line says; `None` while it cannot be read.
    pub(in crate::judge) line: Option<bool>,
    /// Whether pages came: no engine prints in its sleep.
    pub(in crate::judge) pages: bool,
    /// Whether anything answers that has no power in sleep.
    pub(in crate::judge) power: bool,
}

/// What is known of the printer's sleep. Moments are in milliseconds of watched time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::judge) struct Sleep {
    /// Since when it sleeps, if it does.
    #[serde(rename = "s", skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
    /// Since when the line cannot be read and nothing has power.
    #[serde(rename = "l", skip_serializing_if = "Option::is_none")]
    line_lost: Option<u64>,
    /// The line says "asleep" and is not believed.
    #[serde(rename = "d", skip_serializing_if = "is_false")]
    disbelieved: bool,
    /// What has not answered since it lost its power, and how long the printer was awake meanwhile.
    #[serde(rename = "u", skip_serializing_if = "BTreeMap::is_empty")]
    unread: BTreeMap<String, u64>,
    /// How long it was awake between the last two samples.
    #[serde(skip)]
    awake: u64,
    /// It woke since the last sample, and may sleep again.
    #[serde(skip)]
    woke: bool,
    /// It slept in the last sample, or since.
    #[serde(skip)]
    slept: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Sleep {
    /// Whether nothing is to be remembered.
    pub(super) fn is_empty(&self) -> bool {
        let Self { since, line_lost, disbelieved, unread, .. } = self;
        since.is_none() && line_lost.is_none() && !disbelieved && unread.is_empty()
    }

    /// Takes in the signs of a sample: `span` after the one before it, at a moment of watched time.
    pub(in crate::judge) fn observe(&mut self, signs: Signs, span: Duration, now: u64) {
        let sleeps = self.since.is_some();
        self.slept = sleeps || std::mem::take(&mut self.woke);
        match signs.line {
            Some(false) => (self.since, self.line_lost, self.disbelieved) = (None, None, false),
            Some(true) => {
                self.line_lost = None;
                let since = self.since.unwrap_or(now);
                let stuck = now.saturating_sub(since) > millis(LONGEST_SLEEP);
                self.disbelieved |= sleeps && (signs.pages || stuck);
                self.since = (!self.disbelieved).then_some(since);
            }
            None if signs.pages || signs.power => (self.since, self.line_lost) = (None, None),
            // Everything without power at once is how sleep looks where the line cannot tell of it.
            None => {
                let lost = *self.line_lost.get_or_insert(now);
                let waited = now.saturating_sub(lost) > millis(LINE_PATIENCE);
                self.since = (!waited).then(|| self.since.unwrap_or(now));
            }
        }
        // Of a span that began in sleep nobody knows how much of it the printer was awake.
        self.awake = if self.slept || self.since.is_some() { 0 } else { millis(span) };
    }

    /// An edge told that the printer woke. It may sleep again by the next sample, and have printed meanwhile.
    pub(in crate::judge) fn wakes(&mut self) {
        self.woke |= self.since.take().is_some();
        (self.line_lost, self.disbelieved) = (None, false);
    }

    /// Whether the printer sleeps.
    pub(in crate::judge) fn is_asleep(&self) -> bool {
        self.since.is_some()
    }

    /// Whether something that loses its power in sleep, and that can be `read` or cannot, is excused in this
    /// sample; to be asked once in each. `settle` is how long it may take to answer after sleep.
    pub(in crate::judge) fn excuses(&mut self, name: &str, read: bool, settle: Duration) -> bool {
        if read {
            self.unread.remove(name);
            return false;
        }
        if self.is_asleep() || self.slept {
            self.unread.entry(name.to_owned()).or_default();
        }
        if self.is_asleep() {
            return true;
        }
        let Some(awake) = self.unread.get_mut(name) else { return false };
        *awake = awake.saturating_add(self.awake);
        *awake < millis(settle)
    }

    /// When something that woke with the printer and has not answered yet will have had its time to settle, if
    /// there is such a thing.
    pub(in crate::judge) fn settling(&self, settle: Duration) -> Option<Duration> {
        let settle = millis(settle);
        let waiting = self.unread.values().filter(|awake| !self.is_asleep() && **awake < settle);
        waiting.map(|awake| Duration::from_millis(settle - awake)).min()
    }

    /// Forgets what the board no longer has, or what no longer loses its power.
    pub(in crate::judge) fn keep(&mut self, loses_power: impl Fn(&str) -> bool) {
        self.unread.retain(|name, _| loses_power(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SETTLE: Duration = Duration::from_secs(60);

    fn signs(line: Option<bool>) -> Signs {
        Signs { line, pages: false, power: false }
    }

    /// Lets samples come, each so many seconds after the one before, and says whether a thing that is dead is
    /// excused in each.
    fn excused(sleep: &mut Sleep, now: &mut u64, samples: &[(Signs, u64)]) -> Vec<bool> {
        samples
            .iter()
            .map(|(signs, seconds)| {
                *now += seconds * 1_000;
                sleep.observe(*signs, Duration::from_secs(*seconds), *now);
                sleep.excuses("black", false, SETTLE)
            })
            .collect()
    }

    #[test]
    fn what_is_dead_is_excused_in_sleep_and_until_it_had_time_to_settle() {
        let (mut sleep, mut now) = (Sleep::default(), 0);
        let (awake, asleep) = (signs(Some(false)), signs(Some(true)));
        assert_eq!(excused(&mut sleep, &mut now, &[(awake, 15)]), [false], "it never slept");
        let night = [(asleep, 15), (asleep, 8 * 3600), (awake, 600), (awake, 15), (awake, 44), (awake, 1)];
        assert_eq!(excused(&mut sleep, &mut now, &night), [true, true, true, true, true, false]);
        assert_eq!(sleep.settling(SETTLE), None);
        assert_eq!(
            excused(&mut sleep, &mut now, &[(asleep, 15), (awake, 15), (awake, 15)]),
            [true, false, false]
        );
        let (mut sleep, mut now) = (Sleep::default(), 0);
        excused(&mut sleep, &mut now, &[(asleep, 15)]);
        assert_eq!(sleep.settling(SETTLE), None, "it sleeps");
        excused(&mut sleep, &mut now, &[(awake, 15), (awake, 15)]);
        assert_eq!(sleep.settling(SETTLE), Some(Duration::from_secs(45)));
    }

    #[test]
    fn a_printer_that_falls_asleep_again_and_again_hides_nothing_for_ever() {
        let (mut sleep, mut now) = (Sleep::default(), 0);
        let (awake, asleep) = (signs(Some(false)), signs(Some(true)));
        let turn = [(asleep, 15), (awake, 15), (awake, 15), (awake, 15)];
        let all = excused(&mut sleep, &mut now, &turn.repeat(3));
        assert!(all[..7].iter().all(|excused| *excused) && !all[11], "{all:?}");
    }

    #[test]
    fn a_line_that_is_lost_in_sleep_is_believed_for_a_while_and_not_while_others_answer() {
        let asleep = [(signs(Some(true)), 15), (signs(None), 15), (signs(None), 3600)];
        let dead = |after: &[(Signs, u64)]| {
            let (mut sleep, mut now) = (Sleep::default(), 0);
            assert_eq!(excused(&mut sleep, &mut now, &asleep), [true; 3]);
            excused(&mut sleep, &mut now, after)
        };
        let lost = signs(None);
        assert_eq!(dead(&[(lost, 8 * 3600), (lost, 4 * 3600), (lost, 61)]), [true, true, false]);
        let power = Signs { power: true, ..lost };
        assert_eq!(dead(&[(power, 15), (power, 59), (power, 1)]), [true, true, false], "others answer");
    }

    #[test]
    fn where_the_line_is_lost_everything_without_power_at_once_looks_like_sleep_for_a_while() {
        let lost = signs(None);
        let power = Signs { power: true, ..lost };
        let (mut sleep, mut now) = (Sleep::default(), 0);
        assert_eq!(excused(&mut sleep, &mut now, &[(power, 15)]), [false], "others answer");
        let night = excused(&mut sleep, &mut now, &[(lost, 15), (lost, 12 * 3600), (lost, 1), (lost, 61)]);
        assert_eq!(night, [true, true, true, false]);
        assert_eq!(excused(&mut sleep, &mut now, &[(lost, 3600)]), [false], "it is waited for once");
        let (mut sleep, mut now) = (Sleep::default(), 0);
        let falls_asleep = [(signs(Some(false)), 15), (power, 15), (lost, 15), (lost, 8 * 3600), (power, 15)];
        assert_eq!(excused(&mut sleep, &mut now, &falls_asleep), [false, false, true, true, true]);
    }

    #[test]
    fn a_line_that_is_stuck_at_asleep_is_not_believed_while_pages_come_or_for_ever() {
        let asleep = signs(Some(true));
        let (mut sleep, mut now) = (Sleep::default(), 0);
        let pages = Signs { pages: true, ..asleep };
        let seen = excused(&mut sleep, &mut now, &[(asleep, 15), (pages, 15), (asleep, 30), (asleep, 30)]);
        assert_eq!(seen, [true, true, true, false]);
        let (awake, day) = (signs(Some(false)), 24 * 3600);
        assert_eq!(
            excused(&mut sleep, &mut now, &[(awake, 15), (asleep, 15)]),
            [false, true],
            "it works again"
        );
        let weeks = excused(&mut sleep, &mut now, &[(asleep, day); 33]);
        assert!(weeks[..30].iter().all(|excused| *excused) && !weeks[32], "{weeks:?}");
    }

    #[test]
    fn pages_of_a_printer_that_woke_and_sleeps_again_are_no_sign_that_its_line_is_stuck() {
        let asleep = signs(Some(true));
        let (mut sleep, mut now) = (Sleep::default(), 0);
        excused(&mut sleep, &mut now, &[(asleep, 15)]);
        sleep.wakes();
        let pages = Signs { pages: true, ..asleep };
        assert_eq!(excused(&mut sleep, &mut now, &[(pages, 600), (asleep, 600)]), [true, true]);
    }

    fn any_signs() -> impl Strategy<Value = Signs> {
        let line = prop_oneof![4 => Just(Some(false)), 4 => Just(Some(true)), 1 => Just(None)];
        (line, prop::bool::weighted(0.1), prop::bool::weighted(0.1)).prop_map(|(line, pages, power)| Signs {
            line,
            pages,
            power,
        })
    }

    proptest! {
        /// Whatever the line says: what answers is never excused, what never lost its power neither, and what
        /// is dead is excused awake for no longer than the settling time, all in all.
        #[test]
        fn nothing_is_excused_awake_for_longer_than_it_may_take_to_settle(
            samples in prop::collection::vec((any_signs(), 1_u64..100, any::<bool>()), 1..200),
            restart in prop::option::of(0_usize..200),
        ) {
            let (mut sleep, mut now, mut awake, mut slept) = (Sleep::default(), 0, 0, false);
            for (place, (signs, seconds, read)) in samples.into_iter().enumerate() {
                if restart == Some(place) {
                    sleep = serde_json::from_str(&serde_json::to_string(&sleep).unwrap()).unwrap();
                }
                now += seconds * 1_000;
                let before = sleep.is_asleep();
                sleep.observe(signs, Duration::from_secs(seconds), now);
                let excused = sleep.excuses("black", read, SETTLE);
                prop_assert!(!sleep.is_asleep() || signs.line != Some(false));
                if read {
                    (awake, slept) = (0, sleep.is_asleep());
                    prop_assert!(!excused);
                    continue;
                }
                slept |= sleep.is_asleep();
                awake += if before || sleep.is_asleep() || !slept { 0 } else { seconds };
                prop_assert_eq!(excused, sleep.is_asleep() || (slept && awake < SETTLE.as_secs()));
            }
        }

        /// A line that is lost for good, or stuck for good, excuses nothing for ever.
        #[test]
        fn a_line_that_never_moves_again_excuses_nothing_for_ever(
            samples in prop::collection::vec((any_signs(), 1_u64..100_000), 0..50),
            line in prop_oneof![Just(None), Just(Some(true))],
        ) {
            let (mut sleep, mut now) = (Sleep::default(), 0);
            excused(&mut sleep, &mut now, &samples);
            let rest = [(signs(line), 3_600); 40 * 24];
            let last = excused(&mut sleep, &mut now, &rest).pop();
            prop_assert_eq!(last, Some(false));
        }
    }
}
