//! Slows down who guesses: after some failures from one address, none are heard for a while.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Addresses that are remembered. When there are more, the oldest failures are forgotten.
const MAX_ADDRESSES: usize = 10_000;

struct Failures {
    count: u32,
    since: Instant,
}

/// Counts failures by address.
pub struct Throttle {
    most: u32,
    window: Duration,
    /// Held for a look-up.
    failures: Mutex<HashMap<IpAddr, Failures>>,
}

impl Throttle {
    /// At most `most` failures in a `window`.
    pub fn new(most: u32, window: Duration) -> Self {
        Self { most, window, failures: Mutex::new(HashMap::new()) }
    }

    /// Whether an address may try.
    pub fn allows(&self, address: IpAddr, now: Instant) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures
            .get(&address)
            .is_none_or(|found| found.count < self.most || now.duration_since(found.since) >= self.window)
    }

    /// It tried and failed.
    pub fn failed(&self, address: IpAddr, now: Instant) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MAX_ADDRESSES {
            failures.retain(|_, found| now.duration_since(found.since) < self.window);
            if failures.len() >= MAX_ADDRESSES {
                failures.clear();
            }
        }
        let found = failures.entry(address).or_insert(Failures { count: 0, since: now });
        if now.duration_since(found.since) >= self.window {
            *found = Failures { count: 0, since: now };
        }
        found.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_heard_again_when_the_window_is_over() {
        let throttle = Throttle::new(2, Duration::from_secs(60));
        let (address, start) = (IpAddr::from([192, 0, 2, 1]), Instant::now());
        throttle.failed(address, start);
        assert!(throttle.allows(address, start));
        throttle.failed(address, start);
        assert!(!throttle.allows(address, start));
        assert!(throttle.allows(IpAddr::from([192, 0, 2, 2]), start));
        assert!(throttle.allows(address, start + Duration::from_secs(60)));
    }
}
