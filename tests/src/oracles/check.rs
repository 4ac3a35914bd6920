//! Compares the four books of one device. Pure: books in, mistakes and figures out.
//!
//! Each topic has its file. A mistake is a sentence that says what is wrong and where.

mod alerts;
mod commands;
mod readings;
mod sequences;
#[cfg(test)]
mod tests;
mod wishes;

use std::fmt;
use std::time::Duration;

use platen_protocol::stamp::Stamp;

use super::books::device::Device;
use super::books::held::Held;
use super::books::people::People;
use super::books::physical::Physical;

/// The books of one device.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// What happened to the printer.
    pub physical: Physical,
    /// What people did and were told.
    pub people: People,
    /// What the agent keeps.
    pub device: Device,
    /// What the manager holds.
    pub held: Held,
    /// From the device's clocks to that of the physical log.
    pub clocks: Clocks,
    /// What the test itself destroyed.
    pub allowed: Allowed,
}

/// What the test itself destroyed, so that it may be missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allowed {
    /// So many times the outbox could not be used any more: each begins an epoch, and is told as an alert.
    pub epochs: usize,
    /// The outbox was damaged: what it had not handed in may be recorded as lost, though it was confirmed.
    pub gaps: bool,
}

/// From the device's clocks to that of the physical log.
#[derive(Debug, Clone, Default)]
pub struct Clocks {
    /// The boot of this machine. A device of the same boot is in a process here, and has its monotonic clock.
    pub boot_id: String,
    /// What to take from this machine's `CLOCK_BOOTTIME` to have the log's `CLOCK_MONOTONIC`.
    pub suspended: Duration,
    /// What to take from wall time since 1970 to have the log's clock.
    pub wall_of_zero: Duration,
    /// How far a device that is elsewhere (in a guest) may be off.
    pub tolerance: Duration,
}

impl Clocks {
    /// Of this machine; a guest's clock is set from it, but may be off by the tolerance.
    pub fn here(tolerance: Duration) -> Self {
        use nix::time::{ClockId, clock_gettime};
        let read = |clock| Duration::from(clock_gettime(clock).unwrap());
        let monotonic = read(ClockId::CLOCK_MONOTONIC);
        Self {
            boot_id: std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim().to_owned(),
            suspended: read(ClockId::CLOCK_BOOTTIME).saturating_sub(monotonic),
            wall_of_zero: read(ClockId::CLOCK_REALTIME).saturating_sub(monotonic),
            tolerance,
        }
    }

    /// When a stamp was taken, by the physical log's clock, and how far that may be off.
    fn moment(&self, stamp: &Stamp) -> (Duration, Duration) {
        /// Milliseconds are cut off, and the two clocks of a device are not read at once.
        const ROUNDING: Duration = Duration::from_millis(20);
        if stamp.boot_id == self.boot_id {
            return (Duration::from_millis(stamp.monotonic_ms).saturating_sub(self.suspended), ROUNDING);
        }
        let wall = Duration::from_millis(u64::try_from(stamp.wall.as_millisecond()).unwrap_or(0));
        (wall.saturating_sub(self.wall_of_zero), self.tolerance)
    }
}

/// How much was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Reports that the manager holds.
    pub reports: u64,
    /// Reports that are recorded as lost.
    pub lost: u64,
    /// Lives of outboxes.
    pub epochs: u64,
    /// Orders and calls that were told to be kept.
    pub kept: u64,
    /// Presses of buttons.
    pub presses: u64,
    /// Of these, confirmed by the buzzer.
    pub confirmed: u64,
    /// Alerts.
    pub alerts: u64,
    /// Conditions of the printer.
    pub conditions: u64,
    /// Commands that ended.
    pub commands: u64,
    /// Impressions that the printer made.
    pub impressions: u64,
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.reports += other.reports;
        self.lost += other.lost;
        self.epochs += other.epochs;
        self.kept += other.kept;
        self.presses += other.presses;
        self.confirmed += other.confirmed;
        self.alerts += other.alerts;
        self.conditions += other.conditions;
        self.commands += other.commands;
        self.impressions += other.impressions;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} reports held once and in order in {} epochs, {} recorded as lost; {} orders and calls told to be kept, \
             {} presses of buttons ({} confirmed by the buzzer), {} alerts for {} conditions, {} commands, \
             {} impressions",
            self.reports,
            self.epochs,
            self.lost,
            self.kept,
            self.presses,
            self.confirmed,
            self.alerts,
            self.conditions,
            self.commands,
            self.impressions
        )
    }
}

/// What the comparison found.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// What does not agree.
    pub mistakes: Vec<String>,
    /// How much was compared.
    pub figures: Figures,
}

impl Verdict {
    fn mistake(&mut self, what: impl Into<String>) {
        self.mistakes.push(what.into());
    }

    fn hold(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.mistakes.push(what());
        }
    }
}

/// Compares everything.
pub fn check(books: &Books) -> Verdict {
    let mut verdict = Verdict::default();
    sequences::check(books, &mut verdict);
    wishes::check(books, &mut verdict);
    alerts::check(books, &mut verdict);
    readings::check(books, &mut verdict);
    commands::check(books, &mut verdict);
    verdict
}
