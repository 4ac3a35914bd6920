//! Which signed requests have been taken: each once, and none that was signed long ago. Pure.
//!
//! A nonce is remembered for as long as its request could be taken, and no longer. After a restart nothing
//! is remembered, so what was signed before it is not taken; a device whose request is refused for that
//! signs it again by the time that it is told.

use std::collections::HashMap;

use platen_protocol::identity::DeviceId;
use platen_protocol::signature::WINDOW;

/// Of one device, within the window; a device sends one in a second at most in the long run, and a few
/// at once.
const MAX_OF_ONE: usize = 1024;
/// The longest nonce, in bytes: devices send 32.
const MAX_NONCE_BYTES: usize = 64;

/// Why a request is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It was signed outside the window; how many seconds before now (after it, when negative).
    Stale(i64),
    /// It was signed before this manager began.
    BeforeStart,
    /// It has been taken before.
    Again,
    /// Too many came in the window.
    TooMany,
    /// It has no nonce, or one that is too long.
    NoNonce,
}

/// What has been taken. Times are seconds since 1970.
#[derive(Debug)]
pub(super) struct Nonces {
    since: i64,
    swept: i64,
    seen: HashMap<DeviceId, HashMap<String, i64>>,
}

fn window() -> i64 {
    i64::try_from(WINDOW.as_secs()).unwrap_or(i64::MAX)
}

impl Nonces {
    /// Nothing was taken before `since`.
    pub(super) fn new(since: i64) -> Self {
        Self { since, swept: since, seen: HashMap::new() }
    }

    /// Takes a request of a device, whose signature was checked.
    pub(super) fn take(
        &mut self,
        device: &DeviceId,
        nonce: Option<&str>,
        created: i64,
        expires: Option<i64>,
        now: i64,
    ) -> Result<(), Refused> {
        let nonce = nonce.filter(|nonce| !nonce.is_empty() && nonce.len() <= MAX_NONCE_BYTES);
        let nonce = nonce.ok_or(Refused::NoNonce)?;
        let age = now.saturating_sub(created);
        if age.unsigned_abs() > window().unsigned_abs() || expires.is_some_and(|expires| expires < now) {
            return Err(Refused::Stale(age));
        }
        if created < self.since {
            return Err(Refused::BeforeStart);
        }
        self.sweep(now);
        let seen = self.seen.entry(device.clone()).or_default();
        seen.retain(|_, created| is_fresh(*created, now));
        if seen.contains_key(nonce) {
            return Err(Refused::Again);
        }
        if seen.len() >= MAX_OF_ONE {
            return Err(Refused::TooMany);
        }
        seen.insert(nonce.to_owned(), created);
        Ok(())
    }

    /// Once in a window, forgets devices that have not been there.
    fn sweep(&mut self, now: i64) {
        if now.saturating_sub(self.swept) > window() {
            self.swept = now;
            self.seen.retain(|_, seen| seen.values().any(|created| is_fresh(*created, now)));
        }
    }
}

/// Whether a request that was signed then could still be taken.
fn is_fresh(created: i64, now: i64) -> bool {
    now.saturating_sub(created) <= window()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_780_000_000;

    fn device(name: &str) -> DeviceId {
        name.parse().unwrap()
    }

    #[test]
    fn a_request_is_taken_once_by_each_device() {
        let mut nonces = Nonces::new(NOW);
        let mut take = |device: &DeviceId, nonce| nonces.take(device, Some(nonce), NOW, None, NOW);
        let (lobby, attic) = (device("lobby"), device("attic"));
        assert_eq!(take(&lobby, "a"), Ok(()));
        assert_eq!(take(&lobby, "a"), Err(Refused::Again));
        assert_eq!(take(&lobby, "b"), Ok(()));
        assert_eq!(take(&attic, "a"), Ok(()));
    }

    #[test]
    fn a_request_is_taken_within_its_window_and_not_from_before_the_start() {
        let mut nonces = Nonces::new(NOW);
        let lobby = device("lobby");
        let mut take = |nonce, created, now| nonces.take(&lobby, Some(nonce), created, None, now);
        assert_eq!(take("a", NOW + 1000, NOW + 1120), Ok(()));
        assert_eq!(take("b", NOW + 1000, NOW + 1121), Err(Refused::Stale(121)));
        assert_eq!(take("c", NOW + 1241, NOW + 1120), Err(Refused::Stale(-121)));
        assert_eq!(take("d", NOW - 1, NOW + 5), Err(Refused::BeforeStart));
        let expired = nonces.take(&lobby, Some("e"), NOW + 1000, Some(NOW + 1010), NOW + 1011);
        assert_eq!(expired, Err(Refused::Stale(11)));
    }

    #[test]
    fn a_request_without_a_nonce_or_with_a_long_one_is_not_taken() {
        let mut nonces = Nonces::new(NOW);
        let long = "x".repeat(65);
        for nonce in [None, Some(""), Some(long.as_str())] {
            assert_eq!(nonces.take(&device("lobby"), nonce, NOW, None, NOW), Err(Refused::NoNonce));
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten_after_the_window() {
        let mut nonces = Nonces::new(NOW);
        let lobby = device("lobby");
        for number in 0..MAX_OF_ONE {
            nonces.take(&lobby, Some(&number.to_string()), NOW, None, NOW).unwrap();
        }
        assert_eq!(nonces.take(&lobby, Some("more"), NOW, None, NOW), Err(Refused::TooMany));
        let later = NOW + window() + 1;
        assert_eq!(nonces.take(&device("attic"), Some("a"), later, None, later), Ok(()));
        assert_eq!(nonces.seen.len(), 1, "the device that is away takes no room");
        assert_eq!(nonces.take(&lobby, Some("0"), later, None, later), Ok(()));
    }

    proptest! {
        #[test]
        fn no_request_is_ever_taken_twice_whenever_it_comes_again(
            created in NOW..NOW + 500,
            comes in prop::collection::vec(NOW..NOW + 700, 1..20),
        ) {
            let mut nonces = Nonces::new(NOW);
            let mut comes = comes;
            comes.sort_unstable();
            let lobby = device("lobby");
            let taken = comes.iter().filter(|now| {
                nonces.take(&lobby, Some("n"), created, None, **now).is_ok()
            });
            prop_assert!(taken.count() <= 1);
        }
    }
}
