//! Readings are what the printer had: counters never go back and end at what was printed, and no reading
//! shows a level or a count that the printer did not have by then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use platen_protocol::readings::{CounterKind, Readings};
use platen_protocol::supply::{Capacity, Level};
use platen_simulator::event_log::Stock;

use super::{Books, Verdict};

pub(super) fn check(books: &Books, verdict: &mut Verdict) {
    let mut past = Past::default();
    let mut last: Option<(u64, Option<u64>)> = None;
    let mut stocks = books.physical.stocks.iter().peekable();
    for report in books.held.reports() {
        let Some(readings) = report.body.readings() else { continue };
        let sequence = report.sequence;
        let (at, off) = books.clocks.moment(&report.taken);
        // A sample is stamped when it begins, and chips are read a moment later.
        while let Some((_, stock)) = stocks.next_if(|(from, _)| *from <= at + off + SAMPLE_TAKES) {
            past.add(stock);
        }
        let counter = readings.counter(CounterKind::Impressions);
        let count = counter.and_then(|counter| counter.value.known().copied());
        if let Some(count) = count {
            verdict.hold(past.impressions.contains(&count), || {
                format!("sequence {sequence}: {count} impressions, which the printer did not have by then")
            });
            if let Some((before, Some(earlier))) = last {
                verdict.hold(count >= earlier, || {
                    format!("sequence {sequence}: {count} impressions, after {earlier} in {before}")
                });
            }
            last = Some((sequence, Some(count)));
        } else if last.is_none() {
            last = Some((sequence, None));
        }
        levels(readings, sequence, &past, verdict);
    }
    let Some(stock) = books.physical.last() else { return };
    let first = books.physical.stocks.first().map_or(0, |(_, stock)| stock.counters.impressions);
    verdict.figures.impressions += u64::from(stock.counters.impressions.saturating_sub(first));
    let told = last.and_then(|(_, count)| count);
    verdict.hold(told == Some(u64::from(stock.counters.impressions)), || {
        format!("the last count is {told:?}, and the printer has {}", stock.counters.impressions)
    });
}

/// From a sample's stamp to the last chip that it reads.
const SAMPLE_TAKES: Duration = Duration::from_secs(2);

/// What the printer has had.
#[derive(Default)]
struct Past {
    impressions: BTreeSet<u64>,
    /// What chips counted as left, in the unit of the record, by supply.
    amounts: BTreeMap<String, BTreeSet<u32>>,
}

impl Past {
    fn add(&mut self, stock: &Stock) {
        self.impressions.insert(stock.counters.impressions.into());
        for supply in &stock.supplies {
            let used = u32::try_from(supply.told / 1000).unwrap_or(u32::MAX);
            self.amounts.entry(supply.name.clone()).or_default().insert(used);
        }
    }
}

fn levels(readings: &Readings, sequence: u64, past: &Past, verdict: &mut Verdict) {
    for supply in &readings.supplies {
        // Only a chip's record is exact; a sensor has noise.
        let (Some(_), Level::Known { amount }, Capacity::Known { amount: full }) =
            (&supply.serial, &supply.level, supply.capacity)
        else {
            continue;
        };
        let used = full.saturating_sub(*amount);
        let had = past.amounts.get(&supply.name).is_some_and(|amounts| amounts.contains(&used));
        verdict.hold(had, || {
            format!("sequence {sequence}: {} with {amount} left, which it did not have by then", supply.name)
        });
    }
}
