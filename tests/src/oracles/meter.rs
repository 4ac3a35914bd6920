//! The oracle of meters: customers are billed on what the counters have counted, so that must rise by what was
//! printed, whether a counter is full and begins again at 0 or the printer sleeps in between.

use std::collections::BTreeMap;

use platen_protocol::readings::{CounterKind, HeldKind, Readings};
use platen_simulator::Truth;

/// Pages may be printed between a reading and the look at the truth.
const MEANWHILE: u64 = 2;
/// More mistakes than this of one printer say nothing new.
const MOST_MISTAKES: usize = 5;

/// Where a meter stood, and how many pages the printer had printed then.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    epoch: u32,
    total: u64,
    pages: u64,
}

/// The oracle of one printer.
#[derive(Default)]
pub(crate) struct Meter {
    anchor: Option<Anchor>,
    /// Epoch and wraps of each counter, as they were last told.
    told: BTreeMap<CounterKind, (u32, u32)>,
    /// How often a counter was told to have begun again at 0.
    pub(crate) wraps: u64,
    pub(crate) mistakes: Vec<String>,
}

impl Meter {
    /// Compares what was read with what was printed.
    pub(crate) fn compare(&mut self, readings: &Readings, truth: &Truth, seed: u64) {
        for counter in &readings.counters {
            let before = self.told.insert(counter.kind, (counter.epoch, counter.wraps));
            let same = before.filter(|(epoch, _)| *epoch == counter.epoch);
            self.wraps += u64::from(same.map_or(0, |(_, wraps)| counter.wraps.saturating_sub(wraps)));
        }
        // What stands since sleep is behind what was printed since.
        let held = readings.held.iter().any(|held| held.kind == HeldKind::Counters);
        let Some(impressions) = readings.counter(CounterKind::Impressions).filter(|_| !held) else { return };
        let Some(total) = impressions.total() else { return };
        let now = Anchor { epoch: impressions.epoch, total, pages: truth.pages };
        // A counter that was set back has lost what nobody can know.
        let Some(first) = self.anchor.filter(|first| first.epoch == now.epoch) else {
            self.anchor = Some(now);
            return;
        };
        let risen = now.total.checked_sub(first.total);
        let printed = now.pages - first.pages;
        if risen.is_none_or(|risen| risen.abs_diff(printed) > MEANWHILE) {
            if self.mistakes.len() < MOST_MISTAKES {
                self.mistakes.push(format!("seed {seed}, {:?}: METER from {first:?} to {now:?}", truth.at));
            }
            self.anchor = Some(now);
        }
    }
}
