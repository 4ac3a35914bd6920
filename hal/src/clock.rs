//! The time of a board: the kernel's, or that of a simulated printer.

use std::thread;
use std::time::Duration;

use embedded_hal::delay::DelayNs;
use nix::time::{ClockId, clock_gettime};

/// What reads the time and lets it pass.
pub trait Clock: DelayNs + Send {
    /// Now, on the clock that edges are timed by (`CLOCK_MONOTONIC` of a real board).
    fn now(&self) -> Duration;
}

/// The kernel's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KernelClock;

impl DelayNs for KernelClock {
    fn delay_ns(&mut self, nanoseconds: u32) {
        thread::sleep(Duration::from_nanos(nanoseconds.into()));
    }

    fn delay_us(&mut self, microseconds: u32) {
        thread::sleep(Duration::from_micros(microseconds.into()));
    }

    fn delay_ms(&mut self, milliseconds: u32) {
        thread::sleep(Duration::from_millis(milliseconds.into()));
    }
}

impl Clock for KernelClock {
    fn now(&self) -> Duration {
        // This clock is there on every Linux; without it a deadline would simply never come.
        clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
    }
}
