//! What the printer did in a stretch of time: idle, printing, sleeping, stopped.
//!
//! A function of what it is told: no clock, no input or output. Between two observations the printer is
//! held to have printed for as long as pages came, and for the rest to have been in the state in which the
//! first of the two found it.

use std::collections::BTreeMap;
use std::time::Duration;

use platen_hal::BoardCounts;
use platen_hal::board::BusCounts;
use platen_protocol::device_to_manager::{Activity, BusErrors, TemperatureRange};
use platen_protocol::readings::{CounterKind, HeldKind, Readings, SwitchMeaning};

/// Without a page exit sensor a page is held to take so long at most.
pub const SLOWEST_PAGE: Duration = Duration::from_secs(6);
/// Printing that was told too late for the stretch in which it happened is added to the next ones; not more
/// than so much of it.
pub const MOST_LATE: Duration = Duration::from_secs(60);

/// Adds up what the printer does.
#[derive(Debug, Clone, Default)]
pub struct ActivityMeter {
    last: Option<Observed>,
    spent: Spent,
    late: Duration,
    pages: Option<u64>,
    temperatures: BTreeMap<String, (i32, i32)>,
    buses_before: Vec<BusCounts>,
    buses: Vec<BusCounts>,
}

/// What the last observation found.
#[derive(Debug, Clone)]
struct Observed {
    at: Duration,
    rest: Rest,
    printing: Duration,
    passed: u64,
    impressions: Option<(u64, u32)>,
}

/// What a printer does that does not print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Idle,
    Sleeping,
    Error,
}

#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    idle: Duration,
    printing: Duration,
    sleeping: Duration,
    error: Duration,
}

impl ActivityMeter {
    /// Takes in a sample, and whether a critical alert stands. `at` is on the monotonic clock; what is
    /// older than the observation before it takes no time.
    pub fn observe(&mut self, readings: &Readings, counts: &BoardCounts, critical: bool, at: Duration) {
        let now = Observed {
            at,
            rest: rest(readings, critical),
            printing: counts.pages.printing,
            passed: counts.pages.pages,
            impressions: impressions(readings),
        };
        let exit = has_page_exit(readings);
        let counted = readings.counter(CounterKind::Impressions).is_some();
        if let Some(last) = self.last.take() {
            let passed = now.passed.saturating_sub(last.passed);
            let rise = rise(last.impressions, now.impressions);
            let printed = if exit {
                now.printing.saturating_sub(last.printing)
            } else {
                SLOWEST_PAGE.saturating_mul(u32::try_from(rise).unwrap_or(u32::MAX))
            };
            self.spend(at.saturating_sub(last.at), printed, exit, last.rest);
            if counted || exit {
                let pages = if counted { rise } else { passed };
                self.pages = Some(self.pages.unwrap_or(0).saturating_add(pages));
            }
            let at = at.max(last.at);
            // A counter that cannot be read now is compared with what it said before.
            let impressions = now.impressions.or(last.impressions);
            self.last = Some(Observed { at, impressions, ..now });
        } else {
            if counted || exit {
                self.pages = Some(0);
            }
            self.buses_before.clone_from(&counts.buses);
            self.last = Some(now);
        }
        self.buses.clone_from(&counts.buses);
        self.feel(readings);
    }

    /// What happened since the last time that it was taken, up to `at`; begins the next stretch. The four
    /// states make up `seconds`. The pages a day are the judge's to say.
    pub fn take(&mut self, at: Duration) -> Activity {
        if let Some(last) = &mut self.last {
            let (span, rest) = (at.saturating_sub(last.at), last.rest);
            last.at = last.at.max(at);
            self.spend(span, Duration::ZERO, false, rest);
        }
        let spent = std::mem::take(&mut self.spent);
        let temperatures = std::mem::take(&mut self.temperatures)
            .into_iter()
            .map(|(name, (lowest, highest))| TemperatureRange { name, lowest, highest })
            .collect();
        let buses = self.buses.iter().map(|bus| errors(bus, &self.buses_before)).collect();
        self.buses_before.clone_from(&self.buses);
        let pages = self.pages;
        self.pages = pages.map(|_| 0);
        Activity { pages, pages_per_day: None, temperatures, buses, ..spent.whole_seconds() }
    }

    fn spend(&mut self, span: Duration, printed: Duration, carry: bool, rest: Rest) {
        let wanted = printed.saturating_add(self.late);
        let printing = wanted.min(span);
        self.late = if carry || printed.is_zero() {
            wanted.saturating_sub(printing).min(MOST_LATE)
        } else {
            Duration::ZERO
        };
        self.spent.printing += printing;
        let left = span.saturating_sub(printing);
        match rest {
            Rest::Idle => self.spent.idle += left,
            Rest::Sleeping => self.spent.sleeping += left,
            Rest::Error => self.spent.error += left,
        }
    }

    fn feel(&mut self, readings: &Readings) {
        let held = |name: &str| readings.held_of(HeldKind::Temperature, name).is_some();
        for sensor in readings.temperatures.iter().filter(|sensor| !held(&sensor.name)) {
            if let Some(value) = sensor.millidegrees_celsius.known() {
                let range = self.temperatures.entry(sensor.name.clone()).or_insert((*value, *value));
                *range = (range.0.min(*value), range.1.max(*value));
            }
        }
    }
}

impl Spent {
    /// Cuts to whole seconds so that nothing is lost between the states.
    fn whole_seconds(self) -> Activity {
        let mut end = Duration::ZERO;
        let mut next = |part: Duration| {
            let begin = end;
            end = end.saturating_add(part);
            end.as_secs() - begin.as_secs()
        };
        let (idle_seconds, printing_seconds) = (next(self.idle), next(self.printing));
        let (sleeping_seconds, error_seconds) = (next(self.sleeping), next(self.error));
        Activity {
            seconds: end.as_secs(),
            idle_seconds,
            printing_seconds,
            sleeping_seconds,
            error_seconds,
            ..Activity::default()
        }
    }
}

fn rest(readings: &Readings, critical: bool) -> Rest {
    if critical {
        Rest::Error
    } else if readings.is_asleep() {
        Rest::Sleeping
    } else {
        Rest::Idle
    }
}

fn has_page_exit(readings: &Readings) -> bool {
    readings.switches.iter().any(|switch| switch.meaning == SwitchMeaning::PageExit)
        || readings.counter(CounterKind::PageExits).is_some()
}

fn impressions(readings: &Readings) -> Option<(u64, u32)> {
    let counter = readings.counter(CounterKind::Impressions)?;
    counter.total().map(|total| (total, counter.epoch))
}

/// Pages between two counts; none across epochs.
fn rise(before: Option<(u64, u32)>, now: Option<(u64, u32)>) -> u64 {
    match (before, now) {
        (Some((before, old)), Some((now, new))) if old == new => now.saturating_sub(before),
        _ => 0,
    }
}

fn errors(now: &BusCounts, before: &[BusCounts]) -> BusErrors {
    let before = before.iter().find(|bus| bus.name == now.name).cloned().unwrap_or_default();
    BusErrors {
        name: now.name.clone(),
        failed_transfers: now.failed_transfers.saturating_sub(before.failed_transfers),
        failed_reads: now.failed_reads.saturating_sub(before.failed_reads),
        recoveries: now.recoveries.saturating_sub(before.recoveries),
    }
}

#[cfg(test)]
mod tests;
