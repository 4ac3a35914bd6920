//! The only place that reads clocks.
//!
//! Wall time comes with a word on how far to trust it: *synchronised* when systemd-timesyncd (or
//! another service that follows its convention) has left its mark under `/run`. The kernel's own word
//! (`adjtimex`) would also cover other time services, but has no safe interface here; without the
//! mark the clock counts as unsynchronised, which is the cautious answer.

#![allow(clippy::disallowed_methods, reason = "this is the clock file")]

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};
use platen_protocol::stamp::{ClockQuality, Stamp};
use rustls::pki_types::UnixTime;

/// Made by systemd-timesyncd as soon as a server has answered.
const SYNCHRONISED_MARK: &str = "/run/systemd/timesync/synchronized";
/// The kernel's name for this boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The clocks of this machine.
#[derive(Debug)]
pub struct Clock {
    boot_id: String,
    /// No certificate is judged by a time before this, in seconds since 1970.
    floor: AtomicI64,
}

impl Clock {
    /// Reads the boot id; without one (no /proc) stamps carry `unknown`.
    pub fn new() -> Self {
        let boot_id = std::fs::read_to_string(BOOT_ID).map(|id| id.trim().to_owned());
        Self { boot_id: boot_id.unwrap_or_else(|_| "unknown".to_owned()), floor: AtomicI64::new(i64::MIN) }
    }

    /// Time since the machine started, without sleep (`CLOCK_MONOTONIC`): the clock of edges.
    pub fn monotonic(&self) -> Duration {
        read(ClockId::CLOCK_MONOTONIC)
    }

    /// Wall time, as far as it is known.
    pub fn wall(&self) -> Timestamp {
        Timestamp::now()
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
        let since_boot = read(ClockId::CLOCK_BOOTTIME).saturating_sub(age);
        let wall = self.wall();
        Stamp {
            boot_id: self.boot_id.clone(),
            monotonic_ms: u64::try_from(since_boot.as_millis()).unwrap_or(u64::MAX),
            wall: wall.checked_sub(age).unwrap_or(wall),
            clock: quality(Path::new(SYNCHRONISED_MARK)),
        }
    }

    /// From now on, certificates are not judged by a time before this one: a controller without a
    /// battery-backed clock begins in the past, where every certificate is "not yet valid".
    pub fn raise_floor(&self, known: Timestamp) {
        self.floor.fetch_max(known.as_second(), Ordering::Relaxed);
    }

    /// The time by which certificates are judged.
    pub fn certificate_time(&self) -> UnixTime {
        let seconds = self.wall().as_second().max(self.floor.load(Ordering::Relaxed));
        UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
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
    fn certificates_are_judged_by_the_later_of_clock_and_floor() {
        let clock = Clock::new();
        let known: Timestamp = "2199-01-01T00:00:00Z".parse().unwrap();
        clock.raise_floor(known);
        clock.raise_floor("1999-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(clock.certificate_time().as_secs(), u64::try_from(known.as_second()).unwrap());
    }
}
