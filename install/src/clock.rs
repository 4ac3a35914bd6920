//! The only place that reads clocks.
//!
//! The wall clock of a controller without a battery begins in the past, and whoever answers its NTP requests can set it
//! far ahead. So it comes with a word on whether something vouches for it, and `trust/` decides what follows from that.
//! Waiting goes by the time since boot.

#![allow(clippy::disallowed_methods, reason = "this is the clock file")]

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};

/// Made by systemd-timesyncd as soon as a server has answered; other services follow its convention.
const SYNCHRONISED_MARK: &str = "/run/systemd/timesync/synchronized";
/// The kernel's name for this boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What the clocks say at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// The kernel's name for this boot.
    pub boot_id: String,
    /// Time since the machine started, sleep included.
    pub since_boot: Duration,
    /// Wall time. It may say anything.
    pub wall: Timestamp,
    /// Whether something vouches for the wall time.
    pub synchronised: bool,
}

impl Clock {
    /// Reads them.
    pub fn read() -> Self {
        let boot_id = std::fs::read_to_string(BOOT_ID).map(|id| id.trim().to_owned());
        Self {
            boot_id: boot_id.unwrap_or_else(|_no_proc| "unknown".to_owned()),
            since_boot: clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from),
            wall: Timestamp::now(),
            synchronised: Path::new(SYNCHRONISED_MARK).exists(),
        }
    }

    /// Milliseconds since the machine started.
    pub fn since_boot_ms(&self) -> u64 {
        u64::try_from(self.since_boot.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_clocks_can_be_read() {
        let (first, second) = (Clock::read(), Clock::read());
        assert_eq!(first.boot_id, second.boot_id);
        assert!(second.since_boot_ms() >= first.since_boot_ms());
    }
}
