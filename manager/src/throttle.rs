//! Slows down who guesses: after some failures under one key, such as an address, none are heard for a while. An
//! attempt is counted before the work that it asks for is done, so that many at once do not all pass.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Keys that are remembered. When there are more, the one that began first is forgotten.
const MAX_KEYS: usize = 10_000;

struct Failures {
    /// Those that failed, and those of which nobody knows yet.
    count: u32,
    since: Instant,
}

/// Counts failures by key: by address, as [`counted`] gives it, if nothing else is said.
pub struct Throttle<K = IpAddr> {
    most: u32,
    window: Duration,
    /// Held for a look-up.
    failures: Mutex<HashMap<K, Failures>>,
}

/// The address under which somebody counts: of IPv6, the network of 64 bits that one site is given.
pub(crate) fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// An attempt that may be made. It counts as a failure unless it is forgiven: also when whoever made it
/// does not wait for the answer.
#[must_use = "it counts as a failure when it is dropped"]
pub struct Attempt<K = IpAddr> {
    throttle: Arc<Throttle<K>>,
    key: K,
    before: u32,
}

impl<K: Eq + Hash> Attempt<K> {
    /// How many under the same key failed lately, or were under way when this one began.
    pub fn before(&self) -> u32 {
        self.before
    }

    /// It did not fail, or not for a fault of who made it.
    pub fn forgive(self) {
        let mut failures = self.throttle.failures();
        if let Some(found) = failures.get_mut(&self.key) {
            found.count = found.count.saturating_sub(1);
            if found.count == 0 {
                failures.remove(&self.key);
            }
        }
    }
}

impl<K> Throttle<K> {
    fn failures(&self) -> MutexGuard<'_, HashMap<K, Failures>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash> Throttle<K> {
    /// At most `most` failures in a `window`.
    pub fn new(most: u32, window: Duration) -> Arc<Self> {
        Arc::new(Self { most, window, failures: Mutex::default() })
    }

    /// Begins an attempt under a key, if one may be made.
    ///
    /// # Errors
    ///
    /// After how long the next may be made, if too many failed or are under way.
    pub fn begin(self: &Arc<Self>, key: K, now: Instant) -> Result<Attempt<K>, Duration> {
        let mut failures = self.failures();
        if !failures.contains_key(&key) && failures.len() >= MAX_KEYS {
            // What counts no more, and then what has failed least: many keys that fail once make nobody forget one that
            // fails again and again.
            let worth =
                |found: &Failures| (now.duration_since(found.since) < self.window, found.count, found.since);
            let least = failures.iter().min_by_key(|(_, found)| worth(found)).map(|(key, _)| key.clone());
            least.map(|least| failures.remove(&least));
        }
        let found = failures.entry(key.clone()).or_insert(Failures { count: 0, since: now });
        if now.duration_since(found.since) >= self.window {
            *found = Failures { count: 0, since: now };
        }
        if found.count >= self.most {
            return Err(self.window.saturating_sub(now.duration_since(found.since)));
        }
        let before = found.count;
        found.count += 1;
        Ok(Attempt { throttle: Arc::clone(self), key, before })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn throttle(most: u32) -> Arc<Throttle> {
        Throttle::new(most, Duration::from_secs(60))
    }

    #[test]
    fn failures_are_heard_again_when_the_window_is_over() {
        let throttle = throttle(2);
        let (address, start) = (IpAddr::from([192, 0, 2, 1]), Instant::now());
        for _ in 0..2 {
            drop(throttle.begin(address, start).unwrap());
        }
        let left = throttle.begin(address, start + Duration::from_secs(20)).err();
        assert_eq!(left, Some(Duration::from_secs(40)));
        assert!(throttle.begin(IpAddr::from([192, 0, 2, 2]), start).is_ok());
        assert!(throttle.begin(address, start + Duration::from_secs(60)).is_ok());
    }

    #[test]
    fn attempts_at_once_count_before_anybody_knows_how_they_end() {
        let throttle = throttle(10);
        let (address, start) = (IpAddr::from([192, 0, 2, 1]), Instant::now());
        let at_once: Vec<_> = (0..60).filter_map(|_| throttle.begin(address, start).ok()).collect();
        assert_eq!(at_once.len(), 10);
        assert!(at_once.iter().map(Attempt::before).eq(0..10), "each knows of those before it");
        at_once.into_iter().for_each(Attempt::forgive);
        assert!(throttle.failures().is_empty(), "who did nothing wrong leaves nothing");
    }

    #[test]
    fn addresses_of_one_network_of_ipv6_are_one() {
        let throttle = throttle(1);
        let start = Instant::now();
        let begin = |address: &str| throttle.begin(counted(address.parse().unwrap()), start);
        drop(begin("2001:db8::1").unwrap());
        assert!(begin("2001:db8::ffff:2").is_err());
        assert!(begin("2001:db8:0:1::1").is_ok());
    }

    #[test]
    fn a_flood_from_many_addresses_makes_nobody_forgotten_who_failed_later() {
        let throttle = throttle(1);
        let (me, start) = (IpAddr::from([192, 0, 2, 1]), Instant::now());
        let other = |number: u32| IpAddr::from((0x0a00_0000 + number).to_be_bytes());
        let most = u32::try_from(MAX_KEYS).unwrap();
        (0..most).for_each(|number| drop(throttle.begin(other(number), start)));
        drop(throttle.begin(me, start + Duration::from_millis(1)).unwrap());
        (most..most + 100)
            .for_each(|number| drop(throttle.begin(other(number), start + Duration::from_millis(2))));
        assert_eq!(throttle.failures().len(), MAX_KEYS);
        assert!(throttle.begin(me, start + Duration::from_millis(3)).is_err());
    }

    proptest! {
        #[test]
        fn in_no_window_do_more_fail_than_may(
            most in 1_u32..8, steps in prop::collection::vec((0_u64..30, any::<bool>()), 1..100),
        ) {
            let throttle = throttle(most);
            let (address, mut now) = (IpAddr::from([192, 0, 2, 1]), Instant::now());
            let mut failed: Vec<Instant> = Vec::new();
            for (seconds, forgiven) in steps {
                now += Duration::from_secs(seconds);
                if let Ok(attempt) = throttle.begin(address, now) {
                    if forgiven { attempt.forgive() } else { failed.push(now) }
                }
                let lately = failed.iter().filter(|at| now.duration_since(**at) < Duration::from_secs(60)).count();
                // A window begins with its first failure, so two of them can touch in any stretch of its length.
                prop_assert!(lately <= 2 * usize::try_from(most).unwrap());
            }
        }
    }
}
