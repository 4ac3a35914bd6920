//! What a crowd counts while it lives.

use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// So many refusals are kept in their words.
const REFUSALS: usize = 20;
const SECOND: Duration = Duration::from_secs(1);

/// Figures of a crowd at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Devices that have a connection on which they have parked: also those that report on it just now.
    pub parked: u64,
    /// Reports that are acknowledged.
    pub acknowledged: u64,
    /// Commands that were carried out.
    pub woken: u64,
    /// Connections that ended, or did not come about.
    pub cut: u64,
    /// Answers by which a manager said "not now".
    pub turned_away: u64,
    /// Commands that were handed over again although their outcome had been acknowledged before.
    pub asked_again: u64,
    /// Nothing is sent any more.
    pub ended: bool,
}

impl Add for Figures {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            parked: self.parked + other.parked,
            acknowledged: self.acknowledged + other.acknowledged,
            woken: self.woken + other.woken,
            cut: self.cut + other.cut,
            turned_away: self.turned_away + other.turned_away,
            asked_again: self.asked_again + other.asked_again,
            ended: self.ended && other.ended,
        }
    }
}

/// The counters of a crowd.
pub(super) struct Counts {
    begun: Instant,
    parked: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    pub(super) woken: AtomicU64,
    pub(super) cut: AtomicU64,
    pub(super) turned_away: AtomicU64,
    pub(super) asked_again: AtomicU64,
    dialled: Mutex<Vec<Duration>>,
    refusals: Mutex<Vec<String>>,
}

/// A device that is parked, as long as this lives.
pub(super) struct Here<'a>(&'a Counts);

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.0.parked.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counts {
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            parked: AtomicU64::default(),
            acknowledged: AtomicU64::default(),
            woken: AtomicU64::default(),
            cut: AtomicU64::default(),
            turned_away: AtomicU64::default(),
            asked_again: AtomicU64::default(),
            dialled: Mutex::default(),
            refusals: Mutex::default(),
        }
    }

    /// Since the crowd began.
    pub(super) fn time(&self) -> Duration {
        self.begun.elapsed()
    }

    pub(super) fn here(&self) -> Here<'_> {
        count(&self.parked);
        Here(self)
    }

    /// Somebody asks for a connection.
    pub(super) fn dials(&self) {
        self.dialled.lock().unwrap_or_else(PoisonError::into_inner).push(self.time());
    }

    pub(super) fn refused(&self, why: String) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.len() < REFUSALS {
            refusals.push(why);
        }
    }

    pub(super) fn refusals(&self) -> Vec<String> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn busiest_second(&self, since: Duration) -> usize {
        let dialled = self.dialled.lock().unwrap_or_else(PoisonError::into_inner);
        let mut times: Vec<Duration> = dialled.iter().copied().filter(|time| *time >= since).collect();
        times.sort_unstable();
        most_in_a_second(&times)
    }

    pub(super) fn figures(&self) -> Figures {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            parked: of(&self.parked),
            acknowledged: of(&self.acknowledged),
            woken: of(&self.woken),
            cut: of(&self.cut),
            turned_away: of(&self.turned_away),
            asked_again: of(&self.asked_again),
            ended: false,
        }
    }
}

/// The most of these moments, which are in order, that lie within one second.
fn most_in_a_second(times: &[Duration]) -> usize {
    let mut first = 0;
    let within = times.iter().enumerate().map(|(last, time)| {
        while time.saturating_sub(times[first]) >= SECOND {
            first += 1;
        }
        last - first + 1
    });
    within.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_second_need_not_begin_with_a_full_one() {
        let times = [0, 900, 1_100, 1_800, 1_899, 3_000].map(Duration::from_millis);
        assert_eq!(most_in_a_second(&times), 4);
        assert_eq!(most_in_a_second(&[]), 0);
    }
}
