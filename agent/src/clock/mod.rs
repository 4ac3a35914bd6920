//! The only place that reads clocks, and what is known of the time.
//!
//! Wall time comes with a word on how far to trust it: *synchronised* when systemd-timesyncd (or
//! another service that follows its convention) has left its mark under `/run`. The kernel's own word
//! (`adjtimex`) would also cover other time services, but has no safe interface here; without the
//! mark the clock counts as unsynchronised, which is the cautious answer.
//!
//! Certificates are never judged by the wall clock. A controller without a battery-backed clock begins
//! in the past, where every certificate is "not yet valid"; and whoever answers its NTP requests could
//! set 2099, where each has ended. They are judged by the *known good time*: the latest time that the
//! manager told in a session that its CA vouches for, and the monotonic time since. It can only be
//! behind the true time, never ahead of what the manager said, and never goes back.
//!
//! Where the clocks come from is told at the start: the machine's, or [`Moved`] ones, which a test or a
//! simulation moves.

#![allow(clippy::disallowed_methods, reason = "this is the clock file")]

mod moved;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};
use platen_protocol::stamp::{ClockQuality, Stamp};
use rustls::pki_types::UnixTime;

pub use moved::Moved;

/// Made by systemd-timesyncd as soon as a server has answered.
const SYNCHRONISED_MARK: &str = "/run/systemd/timesync/synchronized";
/// The kernel's name for this boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// No time is known.
const NOTHING: i64 = i64::MIN;

/// Where the clocks come from.
#[derive(Debug)]
enum Source {
    /// The kernel.
    Machine,
    /// Whoever moves them.
    Moved(Arc<Moved>),
}

/// The clocks of one boot.
#[derive(Debug)]
pub struct Clock {
    source: Source,
    boot_id: String,
    /// What is to be added to the time since boot to get the known good time, in milliseconds. It only
    /// grows, so the known good time never goes back: not when the manager tells an earlier time than
    /// before, and not between two threads that tell one each.
    known: AtomicI64,
}

impl Clock {
    /// The machine's clocks. Reads the boot id; without one (no /proc) stamps carry `unknown`.
    pub fn new() -> Self {
        let boot_id = std::fs::read_to_string(BOOT_ID).map(|id| id.trim().to_owned());
        Self::of(Source::Machine, boot_id.unwrap_or_else(|_| "unknown".to_owned()))
    }

    /// Clocks that somebody moves. After [`Moved::reboot`] a new one is due, as a process is.
    pub fn moved(by: Arc<Moved>) -> Self {
        let boot_id = by.boot_id();
        Self::of(Source::Moved(by), boot_id)
    }

    fn of(source: Source, boot_id: String) -> Self {
        Self { source, boot_id, known: AtomicI64::new(NOTHING) }
    }

    /// The name of this boot.
    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// Time since the machine started, without sleep (`CLOCK_MONOTONIC`): the clock of edges.
    pub fn monotonic(&self) -> Duration {
        match &self.source {
            Source::Machine => read(ClockId::CLOCK_MONOTONIC),
            Source::Moved(moved) => moved.monotonic(),
        }
    }

    /// Time since the machine started, sleep included (`CLOCK_BOOTTIME`): the clock of stamps.
    pub fn since_boot(&self) -> Duration {
        match &self.source {
            Source::Machine => read(ClockId::CLOCK_BOOTTIME),
            Source::Moved(moved) => moved.since_boot(),
        }
    }

    /// Wall time. It may say anything: see [`Self::quality`].
    pub fn wall(&self) -> Timestamp {
        match &self.source {
            Source::Machine => Timestamp::now(),
            Source::Moved(moved) => moved.wall(),
        }
    }

    /// Whether something vouches for the wall time.
    pub fn quality(&self) -> ClockQuality {
        match &self.source {
            Source::Machine => quality(Path::new(SYNCHRONISED_MARK)),
            Source::Moved(moved) => moved.quality(),
        }
    }

    /// A stamp for now.
    pub fn stamp(&self) -> Stamp {
        self.stamp_before(Duration::ZERO)
    }

    /// A stamp for a moment on the monotonic clock; a moment to come counts as now.
    pub fn stamp_at(&self, monotonic: Duration) -> Stamp {
        self.stamp_before(self.monotonic().saturating_sub(monotonic))
    }

    fn stamp_before(&self, age: Duration) -> Stamp {
        let wall = self.wall();
        Stamp {
            boot_id: self.boot_id.clone(),
            monotonic_ms: u64::try_from(self.since_boot().saturating_sub(age).as_millis())
                .unwrap_or(u64::MAX),
            wall: wall.checked_sub(age).unwrap_or(wall),
            clock: self.quality(),
        }
    }

    /// Takes in a time that can be relied on: told by the manager in a session that its CA vouches for,
    /// the beginning of a certificate that this CA signed, or what was kept of either. An earlier one
    /// than is known changes nothing.
    pub fn learn(&self, authentic: Timestamp) {
        let offset = authentic.as_millisecond().saturating_sub(self.since_boot_ms());
        self.known.fetch_max(offset, Ordering::Relaxed);
    }

    /// The known good time: the latest that was learnt, and what has passed since; `None` before any
    /// was.
    pub fn known_good(&self) -> Option<Timestamp> {
        let known = self.known.load(Ordering::Relaxed);
        let milliseconds = (known != NOTHING).then(|| known.saturating_add(self.since_boot_ms()))?;
        Some(Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX))
    }

    /// The time by which certificates are judged: the known good time, or 1970 before any is known.
    /// Whoever verifies a chain may find that it proves a later time: its beginning.
    pub fn certificate_time(&self) -> UnixTime {
        let seconds = self.known_good().map_or(0, Timestamp::as_second);
        UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
    }

    fn since_boot_ms(&self) -> i64 {
        i64::try_from(self.since_boot().as_millis()).unwrap_or(i64::MAX)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

fn read(clock: ClockId) -> Duration {
    clock_gettime(clock).map_or(Duration::ZERO, Duration::from)
}

fn quality(mark: &Path) -> ClockQuality {
    if mark.exists() { ClockQuality::Synchronised } else { ClockQuality::Unsynchronised }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: &str = "2026-11-25T10:00:00Z";

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_stamp_of_the_past_is_as_much_older_on_both_clocks() {
        let clock = Clock::new();
        let age = Duration::from_secs(1);
        let old = clock.stamp_at(clock.monotonic().saturating_sub(age));
        let new = clock.stamp();
        assert!(new.monotonic_ms >= old.monotonic_ms + 1000);
        assert!(new.wall.duration_since(old.wall).as_millis() >= 1000);
    }

    #[test]
    fn a_clock_that_nobody_vouches_for_says_so() {
        assert_eq!(quality(Path::new("/nonexistent/mark")), ClockQuality::Unsynchronised);
        assert_eq!(quality(Path::new("/")), ClockQuality::Synchronised);
    }

    #[test]
    fn the_wall_clock_does_not_count_for_certificates_in_whatever_century_it_is() {
        for wall in ["1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z"] {
            let moved = Arc::new(Moved::new("b", time(wall)));
            moved.synchronise(true);
            let clock = Clock::moved(Arc::clone(&moved));
            assert_eq!((clock.certificate_time().as_secs(), clock.known_good()), (0, None), "{wall}");
            clock.learn(time(START));
            moved.advance(Duration::from_secs(90));
            assert_eq!(clock.known_good(), Some(time("2026-11-25T10:01:30Z")), "{wall}");
            clock.learn(time("1999-01-01T00:00:00Z"));
            assert_eq!(clock.known_good(), Some(time("2026-11-25T10:01:30Z")), "{wall}");
        }
    }

    #[test]
    fn sleep_counts_for_the_known_good_time_and_not_for_edges() {
        let moved = Arc::new(Moved::new("b", time(START)));
        let clock = Clock::moved(Arc::clone(&moved));
        clock.learn(time(START));
        let before = clock.monotonic();
        moved.sleep(Duration::from_secs(3600));
        assert_eq!(clock.known_good(), Some(time("2026-11-25T11:00:00Z")));
        assert_eq!(clock.monotonic(), before);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Advance(u64),
        Sleep(u64),
        SetWall(i64),
        Synchronise(bool),
        Learn(i64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let second = -2_000_000_000_i64..9_000_000_000;
        let step = prop_oneof![
            (0_u64..1_000_000_000).prop_map(Step::Advance),
            (0_u64..1_000_000_000).prop_map(Step::Sleep),
            second.clone().prop_map(Step::SetWall),
            any::<bool>().prop_map(Step::Synchronise),
            second.prop_map(Step::Learn),
        ];
        prop::collection::vec(step, 1..60)
    }

    proptest! {
        #[test]
        fn whatever_the_wall_does_certificate_time_never_goes_back_nor_beyond_what_was_told(steps in steps()) {
            let moved = Arc::new(Moved::new("b", time(START)));
            let clock = Clock::moved(Arc::clone(&moved));
            // What was told, and when on the monotonic clock.
            let mut told: Vec<(i64, Duration)> = Vec::new();
            let mut before = clock.certificate_time();
            for step in steps {
                match step {
                    Step::Advance(by) => moved.advance(Duration::from_millis(by)),
                    Step::Sleep(by) => moved.sleep(Duration::from_millis(by)),
                    Step::SetWall(second) => moved.set_wall(Timestamp::from_second(second).unwrap()),
                    Step::Synchronise(yes) => moved.synchronise(yes),
                    Step::Learn(second) => {
                        clock.learn(Timestamp::from_second(second).unwrap());
                        told.push((second, clock.since_boot()));
                    }
                }
                let now = clock.certificate_time();
                prop_assert!(now >= before, "it went from {before:?} back to {now:?}");
                before = now;
                let latest = told.iter().map(|(second, at)| {
                    let passed = clock.since_boot().saturating_sub(*at);
                    second * 1000 + i64::try_from(passed.as_millis()).unwrap()
                }).max();
                prop_assert_eq!(clock.known_good().map(Timestamp::as_millisecond), latest);
                let limit = u64::try_from(latest.unwrap_or(0).max(0)).unwrap() / 1000;
                prop_assert_eq!(now.as_secs(), limit);
            }
        }
    }
}
