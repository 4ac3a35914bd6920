//! How many sign-ins may fail before others must wait: of one name at one address, at one address whatever the name,
//! and of one name wherever they come from. So who mistypes behind a proxy or a firewall keeps out neither the
//! others there nor, elsewhere, the person of that name; and many addresses do not give more guesses at one name.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::secret::fingerprint;
use crate::throttle::{Attempt, Throttle, counted};

/// For how long failures count.
const WINDOW: Duration = Duration::from_secs(60);
/// Failures of one name at one address.
const OF_NAME_AT_ADDRESS: u32 = 10;
/// Failures at one address.
const AT_ADDRESS: u32 = 30;
/// Failures of one name, without those at addresses from which somebody signed in lately. Of the order that
/// NIST SP 800-63B allows in all, and far below what the passwords' length stands for.
const OF_NAME: u32 = 100;

/// Counts failed sign-ins.
pub(super) struct SignInLimits {
    of_name_at_address: Arc<Throttle<(IpAddr, String)>>,
    at_address: Arc<Throttle<IpAddr>>,
    of_name: Arc<Throttle<String>>,
}

/// A sign-in that may be tried. It counts as a failure unless it is forgiven.
#[must_use = "it counts as a failure when it is dropped"]
pub(super) struct SignInAttempt {
    of_name_at_address: Attempt<(IpAddr, String)>,
    at_address: Attempt<IpAddr>,
    of_name: Option<Attempt<String>>,
}

impl SignInAttempt {
    /// How many at the same address failed lately, or were under way when this one began.
    pub(super) fn before(&self) -> u32 {
        self.at_address.before()
    }

    /// It did not fail, or not for a fault of who made it.
    pub(super) fn forgive(self) {
        self.of_name_at_address.forgive();
        self.at_address.forgive();
        if let Some(attempt) = self.of_name {
            attempt.forgive();
        }
    }
}

impl SignInLimits {
    pub(super) fn new() -> Self {
        Self {
            of_name_at_address: Throttle::new(OF_NAME_AT_ADDRESS, WINDOW),
            at_address: Throttle::new(AT_ADDRESS, WINDOW),
            of_name: Throttle::new(OF_NAME, WINDOW),
        }
    }

    /// Begins a sign-in under a name as it was typed, from an address that is `known` if somebody signed in there
    /// lately.
    ///
    /// # Errors
    ///
    /// After how long the next may be tried, if too many failed or are under way.
    pub(super) fn begin(
        &self,
        remote: IpAddr,
        known: bool,
        name: &str,
        now: Instant,
    ) -> Result<SignInAttempt, Duration> {
        let address = counted(remote);
        // Of one length, whatever was typed.
        let name = fingerprint(name.as_bytes());
        let at_address = self.at_address.begin(address, now)?;
        let of_name_at_address = match self.of_name_at_address.begin((address, name.clone()), now) {
            Ok(attempt) => attempt,
            Err(wait) => {
                at_address.forgive();
                return Err(wait);
            }
        };
        let of_name = (!known).then(|| self.of_name.begin(name, now)).transpose();
        match of_name {
            Ok(of_name) => Ok(SignInAttempt { of_name_at_address, at_address, of_name }),
            Err(wait) => {
                of_name_at_address.forgive();
                at_address.forgive();
                Err(wait)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::from((0x0a00_0000 + number).to_be_bytes())
    }

    fn fail(limits: &SignInLimits, from: IpAddr, name: &str, now: Instant) -> bool {
        limits.begin(from, false, name, now).is_ok()
    }

    #[test]
    fn who_mistypes_ten_times_keeps_out_neither_others_there_nor_the_same_person_elsewhere() {
        let (limits, now) = (SignInLimits::new(), Instant::now());
        assert!((0..10).all(|_| fail(&limits, address(1), "anna", now)));
        assert_eq!(limits.begin(address(1), true, "anna", now).err(), Some(WINDOW));
        assert!(limits.begin(address(1), false, "ben", now).is_ok());
        assert!(limits.begin(address(2), false, "anna", now).is_ok());
        assert!(limits.begin(address(1), false, "anna", now + WINDOW).is_ok());
    }

    #[test]
    fn one_address_has_so_many_guesses_whatever_the_names() {
        let (limits, now) = (SignInLimits::new(), Instant::now());
        let names: Vec<String> = (0..100).map(|number| format!("name-{number}")).collect();
        let heard = names.iter().filter(|name| fail(&limits, address(1), name, now)).count();
        assert_eq!(heard, 30);
        assert!(fail(&limits, address(2), "name-99", now), "who was not heard was not counted either");
    }

    #[test]
    fn names_that_are_made_up_make_nobody_forget_how_often_one_has_failed() {
        let (limits, now) = (SignInLimits::new(), Instant::now());
        assert!((0..100).all(|number| fail(&limits, address(number), "anna", now)));
        for number in 0..10_200 {
            fail(&limits, address(1_000 + number), &format!("name-{number}"), now);
        }
        assert!(!fail(&limits, address(900), "anna", now));
    }

    #[test]
    fn many_addresses_give_no_more_guesses_at_one_name_and_keep_its_owner_in() {
        let (limits, now) = (SignInLimits::new(), Instant::now());
        let heard = (0..500).filter(|number| fail(&limits, address(*number), "anna", now)).count();
        assert_eq!(heard, 100);
        assert!(limits.begin(address(900), true, "anna", now).is_ok(), "where somebody signed in lately");
        assert!(limits.begin(address(901), false, "anna", now).is_err(), "and elsewhere not for a minute");
        assert!(limits.begin(address(901), false, "ben", now).is_ok());
    }

    #[test]
    fn whoever_is_forgiven_leaves_nothing() {
        let (limits, now) = (SignInLimits::new(), Instant::now());
        for _ in 0..200 {
            limits.begin(address(1), false, "anna", now).unwrap().forgive();
        }
    }
}
