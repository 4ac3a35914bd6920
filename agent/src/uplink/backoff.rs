//! How long to wait before the next try: a pure function of what failed.
//!
//! The ceiling doubles with each failure up to a cap, and the delay is drawn evenly from below the
//! ceiling *after* the cap was applied; drawn before, a fleet that has reached the cap would come back
//! as one. A manager that names a time ([`Backoff::next`]'s `retry_after`) is never asked before it, and
//! the same spread is put on top. Only an exchange that succeeded makes the ceiling low again.

use std::time::Duration;

/// A manager cannot send a device away for longer than this.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);
/// No try follows sooner: a draw near zero must not become a busy loop.
const LEAST: Duration = Duration::from_millis(50);

/// An evenly drawn part of a time.
pub fn share(of: Duration, random: u64) -> Duration {
    let nanos = u128::from(random) * of.as_nanos() / u128::from(u64::MAX);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The state of the retries.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// Begins with a ceiling of `first`, up to `cap`.
    pub fn new(first: Duration, cap: Duration) -> Self {
        Self { first, cap: cap.max(first), failures: 0 }
    }

    /// The highest delay that the next failure can draw, without a wish of the manager.
    pub fn ceiling(&self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.first.checked_mul(factor).map_or(self.cap, |ceiling| ceiling.min(self.cap))
    }

    /// A try failed: how long to wait. `random` is any evenly drawn number.
    pub fn next(&mut self, random: u64, retry_after: Option<Duration>) -> Duration {
        let ceiling = self.ceiling();
        self.failures = self.failures.saturating_add(1);
        let drawn = share(ceiling, random).max(LEAST);
        match retry_after {
            Some(wish) => wish.min(MAX_RETRY_AFTER) + drawn,
            None => drawn,
        }
    }

    /// Whether nothing has failed since the last success.
    pub fn is_fresh(&self) -> bool {
        self.failures == 0
    }

    /// An exchange succeeded.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_fleet_that_has_reached_the_cap_still_spreads_over_it() {
        let cap = Duration::from_secs(300);
        let mut tenths = [0_u32; 10];
        for device in 0..1_000_u64 {
            let mut backoff = Backoff::new(Duration::from_secs(1), cap);
            for _ in 0..20 {
                backoff.next(0, None);
            }
            // A simple spread of draws stands for a thousand devices' random numbers.
            let delay = backoff.next(u64::MAX / 1_000 * device, None);
            tenths[usize::try_from((delay.as_secs() / 30).min(9)).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|devices| (80..=120).contains(devices)), "{tenths:?}");
    }

    proptest! {
        #[test]
        fn no_delay_is_above_the_cap_or_below_what_the_manager_asked(
            randoms in prop::collection::vec(any::<u64>(), 1..60),
            wish in prop::option::of(0_u64..7_200),
        ) {
            let cap = Duration::from_secs(300);
            let wish = wish.map(Duration::from_secs);
            let mut backoff = Backoff::new(Duration::from_secs(1), cap);
            for random in randoms {
                let delay = backoff.next(random, wish);
                let asked = wish.unwrap_or_default().min(MAX_RETRY_AFTER);
                prop_assert!(delay >= asked);
                prop_assert!(delay <= asked + cap);
            }
        }

        #[test]
        fn a_further_failure_never_lowers_the_ceiling(failures in 1_u32..200) {
            let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(60));
            let mut before = backoff.ceiling();
            for _ in 0..failures {
                backoff.next(u64::MAX, None);
                prop_assert!(backoff.ceiling() >= before);
                before = backoff.ceiling();
            }
            backoff.reset();
            prop_assert_eq!(backoff.ceiling(), Duration::from_millis(10));
        }
    }
}
