//! Waiting by the printer's clock.

use std::time::Duration;

use embedded_hal::delay::DelayNs;

use crate::sim::SimPrinter;

/// Waits by the printer's clock: really with a live one, and by moving a manual one.
#[derive(Clone)]
pub struct SimDelay {
    pub(super) printer: SimPrinter,
}

impl DelayNs for SimDelay {
    fn delay_ns(&mut self, nanoseconds: u32) {
        self.printer.pause(Duration::from_nanos(nanoseconds.into()));
    }

    fn delay_us(&mut self, microseconds: u32) {
        self.printer.pause(Duration::from_micros(microseconds.into()));
    }

    fn delay_ms(&mut self, milliseconds: u32) {
        self.printer.pause(Duration::from_millis(milliseconds.into()));
    }
}
