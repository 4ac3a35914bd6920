//! Waiting for the agent to say that all is well after a switch.
//!
//! The time that counts is the one in which the machine ran: a printer that is switched off for the night has not failed
//! to confirm. Boots have no clock in common, so each is counted for itself and the sum of the earlier ones is written
//! down, at most [`NOTES`] times over the whole wait because disks wear; what a power cut loses of it is little, and how
//! often the wait begins is limited anyway (`state.rs`).

use std::time::Duration;

use crate::clock::Clock;
use crate::contract::AGENT_PACKAGE;
use crate::records::{Attempt, Confirmed, Waiting};

/// How often the confirmation is looked for.
pub const LOOK: Duration = Duration::from_secs(1);
/// The shortest time that an agent is given, whatever was signed: it has to start, read and report.
pub const LEAST: Duration = Duration::from_secs(60);
/// The longest.
pub const MOST: Duration = Duration::from_secs(24 * 60 * 60);
/// How often it is written down how long was waited.
const NOTES: u64 = 10;

/// What follows from what is known now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The agent says that all is well.
    Confirmed,
    /// It has not said so yet.
    Wait,
    /// It has had its time; what is missing, for people.
    TooLate(String),
}

/// The time that the agent is given.
pub fn window(attempt: &Attempt) -> Duration {
    Duration::from_secs(attempt.program.confirm_within).clamp(LEAST, MOST)
}

/// The account of the waiting at its beginning, or at its resumption: in another boot what was noted of the last one is
/// added to those before, and all of this boot counts.
pub fn begin(noted: Option<Waiting>, clock: &Clock) -> Waiting {
    match noted {
        Some(waiting) if waiting.boot_id == clock.boot_id => waiting,
        Some(waiting) => Waiting {
            boot_id: clock.boot_id.clone(),
            since_ms: 0,
            before_ms: waiting.before_ms.saturating_add(waiting.noted_ms),
            noted_ms: clock.since_boot_ms(),
        },
        None => Waiting {
            boot_id: clock.boot_id.clone(),
            since_ms: clock.since_boot_ms(),
            before_ms: 0,
            noted_ms: 0,
        },
    }
}

/// How long was waited.
pub fn waited(waiting: &Waiting, clock: &Clock) -> Duration {
    let here = clock.since_boot_ms().saturating_sub(waiting.since_ms);
    Duration::from_millis(waiting.before_ms.saturating_add(here))
}

/// The account with the time of this boot written in, when it is due.
pub fn note(waiting: &Waiting, clock: &Clock, window: Duration) -> Option<Waiting> {
    let here = clock.since_boot_ms().saturating_sub(waiting.since_ms);
    let step = u64::try_from(window.as_millis()).unwrap_or(u64::MAX) / NOTES;
    (here.saturating_sub(waiting.noted_ms) >= step).then(|| Waiting { noted_ms: here, ..waiting.clone() })
}

/// What follows from what the agent has said and how long was waited.
pub fn decide(attempt: &Attempt, said: Option<&Confirmed>, waited: Duration) -> Decision {
    let missing = missing(attempt, said);
    match missing {
        None => Decision::Confirmed,
        Some(missing) if waited >= window(attempt) => {
            Decision::TooLate(format!("not confirmed within {} s: {missing}", window(attempt).as_secs()))
        }
        Some(_) => Decision::Wait,
    }
}

fn missing(attempt: &Attempt, said: Option<&Confirmed>) -> Option<String> {
    let Some(said) = said.filter(|said| said.attempt == attempt.attempt) else {
        return Some("the agent has said nothing".to_owned());
    };
    if attempt.program.kind == AGENT_PACKAGE && !same_version(&attempt.program.version, &said.agent_version) {
        let (is, wanted) = (&said.agent_version, &attempt.program.version);
        return Some(format!("the agent that runs is {is}, not {wanted}"));
    }
    if !said.sensors_read {
        return Some("the agent cannot read its sensors".to_owned());
    }
    if !said.acknowledged {
        return Some("the manager has acknowledged no report".to_owned());
    }
    None
}

/// Whether a Debian package's version is that of the agent in it: an epoch and a revision are the package's own.
fn same_version(package: &str, agent: &str) -> bool {
    let upstream = package.split_once(':').map_or(package, |(_epoch, rest)| rest);
    package == agent
        || upstream == agent
        || upstream.rsplit_once('-').is_some_and(|(upstream, _revision)| upstream == agent)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::attempt::tests::begun;

    fn clock(boot: &str, seconds: u64) -> Clock {
        Clock {
            boot_id: boot.to_owned(),
            since_boot: Duration::from_secs(seconds),
            wall: Timestamp::UNIX_EPOCH,
            synchronised: false,
        }
    }

    fn said(attempt: &str, version: &str) -> Confirmed {
        let (attempt, agent_version) = (attempt.to_owned(), version.to_owned());
        Confirmed { attempt, agent_version, sensors_read: true, acknowledged: true }
    }

    fn package(version: &str) -> Attempt {
        let mut attempt = begun("7");
        attempt.program.kind = AGENT_PACKAGE.to_owned();
        attempt.program.version = version.to_owned();
        attempt
    }

    const LONG: Duration = Duration::from_secs(600);

    fn words(attempt: &Attempt, said: Option<&Confirmed>) -> String {
        match decide(attempt, said, LONG) {
            Decision::TooLate(words) => words,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_right_agent_that_reads_and_reports_confirms() {
        let attempt = package("2.0");
        assert_eq!(decide(&attempt, Some(&said("7", "2.0")), LONG), Decision::Confirmed);
        assert_eq!(words(&attempt, None), "not confirmed within 600 s: the agent has said nothing");
        assert!(words(&attempt, Some(&said("6", "2.0"))).ends_with("has said nothing"));
        assert!(words(&attempt, Some(&said("7", "1.0"))).ends_with("the agent that runs is 1.0, not 2.0"));
        let blind = Confirmed { sensors_read: false, ..said("7", "2.0") };
        assert!(words(&attempt, Some(&blind)).ends_with("cannot read its sensors"));
        let deaf = Confirmed { acknowledged: false, ..said("7", "2.0") };
        assert!(words(&attempt, Some(&deaf)).ends_with("acknowledged no report"));
        // Another kind's version is none of the agent's.
        assert_eq!(decide(&begun("7"), Some(&said("7", "1.0")), LONG), Decision::Confirmed);
    }

    #[test]
    fn before_its_time_is_over_nothing_is_too_late() {
        let attempt = package("2.0");
        assert_eq!(decide(&attempt, None, Duration::from_secs(599)), Decision::Wait);
        assert_eq!(decide(&attempt, Some(&said("7", "1.0")), Duration::ZERO), Decision::Wait);
    }

    #[test]
    fn a_package_has_the_version_of_its_agent() {
        for package in ["2.0", "1:2.0", "2.0-1", "1:2.0-1+deb12u1"] {
            assert!(same_version(package, "2.0"), "{package}");
        }
        assert!(same_version("2.0-rc1-1", "2.0-rc1"));
        assert!(
            !same_version("2.0.1", "2.0") && !same_version("2.0~rc1", "2.0") && !same_version("2.0", "2.0-1")
        );
    }

    #[test]
    fn the_window_is_never_none_and_never_endless() {
        let mut attempt = begun("7");
        for (signed, given) in [(0, 60), (59, 60), (600, 600), (u64::MAX, 86_400)] {
            attempt.program.confirm_within = signed;
            assert_eq!(window(&attempt), Duration::from_secs(given));
        }
    }

    #[test]
    fn a_night_without_power_is_not_waited() {
        let began = begin(None, &clock("one", 1000));
        assert_eq!(waited(&began, &clock("one", 1100)), Duration::from_secs(100));
        let noted = note(&began, &clock("one", 1100), LONG).unwrap();
        assert!(note(&noted, &clock("one", 1159), LONG).is_none());
        // The service was started anew in the same boot.
        let resumed = begin(Some(noted.clone()), &clock("one", 1130));
        assert_eq!(waited(&resumed, &clock("one", 1140)), Duration::from_secs(140));
        // Another boot: what was noted counts, and this boot from its beginning.
        let other = begin(Some(noted), &clock("two", 20));
        assert_eq!(waited(&other, &clock("two", 50)), Duration::from_secs(150));
        let third = begin(Some(other), &clock("three", 5));
        assert_eq!(waited(&third, &clock("three", 5)), Duration::from_secs(125));
    }

    proptest! {
        #[test]
        fn whatever_the_clocks_say_waiting_never_gets_shorter_within_a_boot(
            before in 0..u64::MAX, noted in 0..u64::MAX, since in 0..1000_u64, first in 0..10_000_u64, more in 0..10_000_u64,
        ) {
            let waiting = Waiting { boot_id: "one".to_owned(), since_ms: since * 1000, before_ms: before, noted_ms: noted };
            let then = waited(&waiting, &clock("one", first));
            prop_assert!(waited(&waiting, &clock("one", first + more)) >= then);
        }
    }
}
