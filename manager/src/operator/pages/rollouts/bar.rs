//! The progress of a rollout as a picture: how many devices stand how, side by side. Pure.

use crate::rollouts::decide::Counts;

/// The width of a bar, in its own units.
const WIDTH: u64 = 1_000;
/// What is there is seen: the least that a part is wide.
const LEAST: u64 = 8;

/// Devices that stand the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// The word of the state, as in addresses and in the API.
    pub(super) state: &'static str,
    /// For people.
    pub(super) words: &'static str,
    /// How many.
    pub(super) devices: u64,
    /// Where it begins in the bar.
    pub(super) at: u64,
    /// How wide it is.
    pub(super) width: u64,
}

/// All states that some devices are in, the good ones first. What waits is the rest of the bar.
pub(super) fn parts(counts: &Counts) -> Vec<Part> {
    let all = [
        ("kept", "kept", counts.kept),
        ("proving", "kept, to prove themselves", counts.proving),
        ("under_way", "under way", counts.under_way),
        ("offered", "offered", counts.offered),
        ("failed", "failed", counts.failed),
        ("silent", "silent", counts.silent),
        ("held", "held", counts.held),
        ("skipped", "skipped", counts.skipped),
        ("waiting", "waiting", counts.waiting),
    ];
    let total = u128::from(counts.all().max(1));
    let there = all.into_iter().filter(|(.., devices)| *devices > 0);
    let share =
        |devices: u64| u64::try_from(u128::from(devices) * u128::from(WIDTH) / total).unwrap_or(WIDTH);
    let mut parts: Vec<Part> = there
        .map(|(state, words, devices)| Part {
            state,
            words,
            devices,
            at: 0,
            width: share(devices).max(LEAST),
        })
        .collect();
    // What the small ones were given more, and what rounding has left, is the widest one's.
    let given: u64 = parts.iter().map(|part| part.width).sum();
    if let Some(widest) = parts.iter_mut().max_by_key(|part| part.width) {
        widest.width = (widest.width + WIDTH).saturating_sub(given);
    }
    let mut at = 0;
    for part in &mut parts {
        part.at = at;
        at += part.width;
    }
    parts
}

/// How many percent have ended, rounded down: 100 only when all have.
pub(super) fn percent(counts: &Counts) -> u64 {
    let all = counts.all();
    if all == 0 {
        100
    } else {
        u64::try_from(u128::from(counts.ended()) * 100 / u128::from(all)).unwrap_or(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_of_a_hundred_thousand_is_seen() {
        let counts = Counts { kept: 99_999, failed: 1, ..Counts::default() };
        let parts = parts(&counts);
        let of: Vec<_> = parts.iter().map(|part| (part.state, part.at, part.width)).collect();
        assert_eq!(of, [("kept", 0, 992), ("failed", 992, 8)]);
        assert_eq!(percent(&counts), 100);
        assert_eq!(percent(&Counts { kept: 999, waiting: 1, ..Counts::default() }), 99);
        assert_eq!(percent(&Counts::default()), 100);
    }

    proptest! {
        #[test]
        fn the_bar_is_full_and_nothing_overlaps(numbers in prop::array::uniform9(0_u64..1_000_000_000)) {
            let [waiting, offered, under_way, proving, kept, failed, silent, skipped, held] = numbers;
            let counts = Counts { waiting, offered, under_way, proving, kept, failed, silent, skipped, held };
            let parts = parts(&counts);
            prop_assert_eq!(parts.iter().map(|part| part.width).sum::<u64>(), if counts.all() == 0 { 0 } else { WIDTH });
            prop_assert!(parts.windows(2).all(|two| two[0].at + two[0].width == two[1].at));
            prop_assert!(percent(&counts) <= 100);
        }
    }
}
