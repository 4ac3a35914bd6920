//! When who was turned away may come again: spread, so that a thousand devices that were told so in one
//! second are not back in one second.

use std::cell::RefCell;

use crate::secret;

/// The latest is so many times the earliest.
const WIDTH: u64 = 3;

/// A moment between `least` and three times that, by an evenly drawn number.
fn draw(least: u32, random: u64) -> u64 {
    let least = u64::from(least);
    least + random % (least * (WIDTH - 1) + 1)
}

thread_local! {
    static LOADED: RefCell<Option<Box<dyn FnMut() -> u64>>> = const { RefCell::new(None) };
}

/// From now on, what is drawn here on this thread comes from `source` and not from the kernel: for a
/// simulation, in which a seed must always give the same run. Secrets always come from the kernel.
pub fn load(source: impl FnMut() -> u64 + 'static) {
    LOADED.with_borrow_mut(|loaded| *loaded = Some(Box::new(source)));
}

/// Seconds for `Retry-After`, drawn between `least` and three times that. Should the kernel have no
/// random number, it is the latest: that costs the spread and nothing else.
pub(crate) fn retry_after(least: u32) -> u64 {
    let loaded = LOADED.with_borrow_mut(|loaded| loaded.as_mut().map(|source| source()));
    let latest = u64::from(least) * (WIDTH - 1);
    let random = loaded.unwrap_or_else(|| secret::random().map_or(latest, u64::from_le_bytes));
    draw(least, random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nobody_is_told_to_come_earlier_than_the_least_or_later_than_three_times_it(
            least in 1_u32..=3_600, random: u64,
        ) {
            let seconds = draw(least, random);
            prop_assert!(seconds >= u64::from(least) && seconds <= u64::from(least) * 3);
        }
    }

    #[test]
    fn devices_that_are_turned_away_together_are_spread_over_the_whole_stretch() {
        let mut told = [0_u32; 41];
        for _ in 0..4_100 {
            told[usize::try_from(retry_after(20)).unwrap() - 20] += 1;
        }
        assert!(told.iter().all(|count| (20..=400).contains(count)), "{told:?}");
    }
}
