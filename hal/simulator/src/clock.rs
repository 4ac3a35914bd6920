//! The clock of a simulated printer: the one place here that asks the kernel for the time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::lock::lock;

/// The time of a simulated printer. Clones show the same time.
///
/// It has two readings. *Bus time* is the controller's `CLOCK_MONOTONIC`: edges and write cycles have it.
/// *Printer's time* runs from 0 at the printer's start, `speed` times as quick: paper, heat and toner have it.
#[derive(Debug, Clone)]
pub struct SimClock(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    /// The kernel's clock.
    Live { origin: Duration, speed: u32 },
    /// Moves only when it is told to; both readings are one.
    Manual(Mutex<Duration>),
}

impl SimClock {
    /// Follows the kernel's clock, with so many of the printer's seconds in one.
    pub(crate) fn live(speed: u32) -> Self {
        Self(Arc::new(Kind::Live { origin: kernel(), speed: speed.max(1) }))
    }

    /// Stands still at 0 until it is moved.
    pub(crate) fn manual() -> Self {
        Self(Arc::new(Kind::Manual(Mutex::new(Duration::ZERO))))
    }

    /// Whether it moves only when it is told to.
    pub fn is_manual(&self) -> bool {
        matches!(*self.0, Kind::Manual(_))
    }

    /// Bus time.
    pub fn bus_time(&self) -> Duration {
        match &*self.0 {
            Kind::Live { .. } => kernel(),
            Kind::Manual(now) => *lock(now),
        }
    }

    /// Printer's time.
    pub fn printer_time(&self) -> Duration {
        match &*self.0 {
            Kind::Live { origin, speed } => kernel().saturating_sub(*origin).saturating_mul(*speed),
            Kind::Manual(now) => *lock(now),
        }
    }

    /// The bus time of a moment of the printer's.
    pub(crate) fn to_bus(&self, printer: Duration) -> Duration {
        match &*self.0 {
            Kind::Live { origin, .. } => *origin + self.real(printer),
            Kind::Manual(_) => printer,
        }
    }

    /// How long a stretch of the printer's time really takes.
    pub(crate) fn real(&self, stretch: Duration) -> Duration {
        match &*self.0 {
            Kind::Live { speed, .. } => stretch / *speed,
            Kind::Manual(_) => stretch,
        }
    }

    /// How much of the printer's time passes in a stretch of bus time: contacts bounce no faster in a
    /// printer that is played fast.
    pub(crate) fn of_bus(&self, stretch: Duration) -> Duration {
        match &*self.0 {
            Kind::Live { speed, .. } => stretch.saturating_mul(*speed),
            Kind::Manual(_) => stretch,
        }
    }

    /// Moves a manual clock forward to a moment; a live one goes by itself.
    pub(crate) fn move_to(&self, moment: Duration) {
        if let Kind::Manual(now) = &*self.0 {
            let mut now = lock(now);
            *now = moment.max(*now);
        }
    }
}

fn kernel() -> Duration {
    // CLOCK_MONOTONIC cannot fail on Linux; were it to, a clock that stands still does no harm.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_forward_only() {
        let clock = SimClock::manual();
        clock.move_to(Duration::from_secs(5));
        clock.move_to(Duration::from_secs(2));
        assert_eq!(clock.printer_time(), Duration::from_secs(5));
        assert_eq!(clock.bus_time(), Duration::from_secs(5));
    }

    #[test]
    fn a_live_clock_turns_printers_time_into_bus_time_by_its_speed() {
        let clock = SimClock::live(60);
        let (start, later) = (clock.to_bus(Duration::ZERO), clock.to_bus(Duration::from_secs(60)));
        assert_eq!(later, start + Duration::from_secs(1));
        assert_eq!(clock.of_bus(Duration::from_secs(1)), Duration::from_secs(60));
    }
}
