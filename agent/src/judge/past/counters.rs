//! Counters, their epochs and wraps, and the pages that they stand for.
//!
//! Customers are billed on counters, so a counter that goes down is never a negative count. Either it was
//! full and began again at 0 (a wrap): then it has counted on, and says how often. Or it was set back (a
//! reset): then it begins a new epoch and is told. Everything that is learnt by pages goes by an odometer of
//! our own, which only ever adds what a counter has risen.

use std::collections::BTreeMap;

use platen_protocol::alert::{AlertCode, AlertGroup};
use platen_protocol::facts::billing_words;
use platen_protocol::limits::MAX_BILLING_COUNTERS;
use platen_protocol::readings::{
    ALL_BILLING, BillingReading, CounterKind, DEFAULT_WRAPS_AT, Reading, Readings,
};
use platen_protocol::supply::SupplyUnit;
use serde::{Deserialize, Serialize};

use super::colour::counts_colour;
use crate::judge::condition::{Wording, evidence};

/// A rise by more between two samples is no printing: a store of another printer was put in.
const MOST_RISE: u64 = 1_000_000;
/// A counter that went down has wrapped if it counted no more than one part in so many of its width to get
/// there. One that is set back almost never comes to stand so.
const WRAP_SHARE: u64 = 16;

/// What is known of the counters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::judge) struct Counters {
    known: BTreeMap<CounterKind, Counted>,
    /// Those of the billing record, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    billing: BTreeMap<String, Counted>,
    /// All pages, since this was begun.
    pub(in crate::judge) pages: u64,
    /// Those in colour.
    pub(in crate::judge) colour: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fell: Option<Fall>,
    /// Whether this run of the agent has seen a sample.
    #[serde(skip)]
    running: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Counted {
    value: u64,
    epoch: u32,
    #[serde(skip_serializing_if = "is_zero")]
    wraps: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How a counter came from one value to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It counted.
    Rose(u64),
    /// It counted so many, and began again at 0 meanwhile.
    Wrapped(u64),
    /// It was set back.
    Fell,
}

/// How a counter of a width came from one value to another: differences are taken modulo the width.
fn step(before: u64, now: u64, width: u64) -> Step {
    if now >= before {
        return Step::Rose(now - before);
    }
    // What is wider than its width says was never this counter.
    let left = width.checked_sub(before);
    match left.map(|left| left.saturating_add(now)) {
        Some(rise) if rise <= MOST_RISE.min(width / WRAP_SHARE) => Step::Wrapped(rise),
        _ => Step::Fell,
    }
}

/// The last time that counters fell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Fall {
    times: u32,
    noted_ms: u64,
    /// Which, from what, to what.
    counters: Vec<(CounterKind, u64, u64)>,
    /// The same of the billing record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    billing: Vec<(String, u64, u64)>,
}

/// What a sample said about pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::judge) struct Printed {
    /// Whether all counts that there are could be read: then levels can be compared with them.
    pub(in crate::judge) known: bool,
    /// Pages since the sample before.
    pub(in crate::judge) pages: u64,
    /// Those in colour.
    pub(in crate::judge) colour: u64,
    /// Pages were lost to the count: what was compared with it has to begin again.
    pub(in crate::judge) broken: bool,
    /// Counters of the engine fell just now.
    pub(in crate::judge) fell: bool,
}

impl Counters {
    /// Takes in a sample, and writes the epochs and wraps into it.
    pub(in crate::judge) fn observe(&mut self, readings: &mut Readings, watched_ms: u64) -> Printed {
        let mut rises: BTreeMap<CounterKind, u64> = BTreeMap::new();
        let mut fallen = Vec::new();
        let begun = !std::mem::replace(&mut self.running, true);
        let set_back = self.is_set_back(readings);
        let fallen_billing = self.observe_billing(readings, set_back);
        for reading in &mut readings.counters {
            let before = self.known.get(&reading.kind).copied();
            let Some(value) = reading.value.known().copied() else {
                (reading.epoch, reading.wraps) =
                    before.map_or((0, 0), |counted| (counted.epoch, counted.wraps));
                continue;
            };
            let Counted { epoch, wraps, .. } = before.unwrap_or_default();
            let anew = (epoch.saturating_add(1), 0);
            let ((epoch, wraps), rise) = match before {
                None => ((epoch, wraps), 0),
                // Exits are counted from the agent's start: a new epoch, and nothing to tell.
                Some(_) if begun && reading.kind == CounterKind::PageExits => (anew, value),
                Some(counted) => match step(counted.value, value, reading.wraps_at()) {
                    Step::Rose(rise) => ((epoch, wraps), rise),
                    Step::Wrapped(rise) if !set_back => ((epoch, wraps.saturating_add(1)), rise),
                    Step::Wrapped(_) | Step::Fell => {
                        fallen.push((reading.kind, counted.value, value));
                        (anew, 0)
                    }
                },
            };
            rises.insert(reading.kind, if rise > MOST_RISE { 0 } else { rise });
            self.known.insert(reading.kind, Counted { value, epoch, wraps });
            (reading.epoch, reading.wraps) = (epoch, wraps);
        }
        let source = source(readings);
        let rise = |kind| rises.get(&kind).copied();
        let counts_colour = counts_colour(readings);
        let (pages, colour) = (source.and_then(rise), rise(CounterKind::FullColor));
        let printed = Printed {
            known: pages.is_some() && (colour.is_some() || !counts_colour),
            pages: pages.unwrap_or(0),
            colour: colour.unwrap_or(0),
            broken: !fallen.is_empty() || (begun && source == Some(CounterKind::PageExits)),
            fell: !fallen_billing.is_empty()
                || fallen.iter().any(|(kind, ..)| *kind != CounterKind::PageExits),
        };
        self.pages = self.pages.saturating_add(printed.pages);
        self.colour = self.colour.saturating_add(printed.colour);
        fallen.retain(|(kind, ..)| *kind != CounterKind::PageExits);
        if !fallen.is_empty() || !fallen_billing.is_empty() {
            let times = self.fell.as_ref().map_or(0, |fall| fall.times).saturating_add(1);
            self.fell = Some(Fall { times, noted_ms: watched_ms, counters: fallen, billing: fallen_billing });
        }
        printed
    }

    /// The same of the billing record: what fell, from what, to what.
    fn observe_billing(&mut self, readings: &mut Readings, set_back: bool) -> Vec<(String, u64, u64)> {
        self.name_unread(readings);
        let mut fallen = Vec::new();
        for reading in &mut readings.billing {
            let before = self.billing.get(&reading.name).copied();
            let Counted { epoch, wraps, .. } = before.unwrap_or_default();
            (reading.epoch, reading.wraps) = (epoch, wraps);
            let Some(value) = reading.value.known().copied() else { continue };
            match before.map(|counted| (counted.value, step(counted.value, value, DEFAULT_WRAPS_AT))) {
                None | Some((_, Step::Rose(_))) => {}
                Some((_, Step::Wrapped(_))) if !set_back => reading.wraps = wraps.saturating_add(1),
                Some((old, _)) => {
                    fallen.push((reading.name.clone(), old, value));
                    (reading.epoch, reading.wraps) = (epoch.saturating_add(1), 0);
                }
            }
            if before.is_some() || self.billing.len() < MAX_BILLING_COUNTERS {
                let counted = Counted { value, epoch: reading.epoch, wraps: reading.wraps };
                self.billing.insert(reading.name.clone(), counted);
            }
        }
        fallen
    }

    /// Which counters there are, only their record says. Those that are known from before are unknown while it, or the
    /// whole store, cannot be read, and not absent.
    fn name_unread(&self, readings: &mut Readings) {
        let (billing, cause) = match readings.billing.first() {
            Some(all) if all.name == ALL_BILLING => (true, all.value.cause().cloned()),
            Some(_) => return,
            None => {
                (false, readings.counter(CounterKind::Impressions).and_then(|one| one.value.cause().cloned()))
            }
        };
        let Some(cause) = cause else { return };
        if billing && !self.billing.is_empty() {
            readings.billing.clear();
        }
        readings.billing.extend(self.billing.iter().map(|(name, counted)| BillingReading {
            name: name.clone(),
            unit: billing_unit(name),
            value: Reading::Unknown { cause: cause.clone() },
            epoch: counted.epoch,
            wraps: counted.wraps,
        }));
    }

    /// Whether a counter of the engine was set back since the sample before. Then none of the others has
    /// wrapped: the store is another one, or lost what it was told.
    fn is_set_back(&self, readings: &Readings) -> bool {
        let billing = readings.billing.iter().any(|reading| {
            let before = self.billing.get(&reading.name);
            before
                .zip(reading.value.known())
                .is_some_and(|(before, value)| step(before.value, *value, DEFAULT_WRAPS_AT) == Step::Fell)
        });
        let engines = readings.counters.iter().filter(|reading| reading.kind != CounterKind::PageExits);
        billing
            || engines.filter_map(|reading| Some((reading, reading.value.known()?))).any(
                |(reading, value)| {
                    let before = self.known.get(&reading.kind);
                    before.is_some_and(|before| step(before.value, *value, reading.wraps_at()) == Step::Fell)
                },
            )
    }

    /// When and how often counters fell, if they did.
    pub(in crate::judge) fn fall(&self) -> Option<(u64, u32)> {
        self.fell.as_ref().map(|fall| (fall.noted_ms, fall.times))
    }

    /// The store was exchanged, or it loses what it is told; the printer prints on.
    pub(in crate::judge) fn wording(&self) -> Wording {
        let counters = self.fell.as_ref().map_or(&[] as &[_], |fall| &fall.counters);
        let said = |(kind, old, new): &(CounterKind, u64, u64)| {
            evidence(&format!("{} counter", name(*kind)), unit(*kind), *new, Some(*old))
        };
        let billing = self.fell.as_ref().map_or(&[] as &[_], |fall| &fall.billing);
        let said_billing = |(name, old, new): &(String, u64, u64)| {
            let unit = if billing_unit(name) == SupplyUnit::Sheets { "sheets" } else { "impressions" };
            evidence(&format!("{} counter", billing_words(name)), unit, *new, Some(*old))
        };
        let text = "counters of the engine went backwards: its store was exchanged, or loses what it is told";
        Wording::forecast(
            AlertGroup::GeneralPrinter,
            AlertCode::ConfigurationChange,
            text.to_owned(),
            counters.iter().map(said).chain(billing.iter().map(said_billing)).collect(),
        )
    }
}

/// The counter that tells of pages: it stays the same while it cannot be read.
fn source(readings: &Readings) -> Option<CounterKind> {
    [CounterKind::Impressions, CounterKind::Sheets, CounterKind::PageExits]
        .into_iter()
        .find(|kind| readings.counter(*kind).is_some())
}

/// The unit of a counter that is known only by its name.
fn billing_unit(name: &str) -> SupplyUnit {
    if name.ends_with("sheets") { SupplyUnit::Sheets } else { SupplyUnit::Impressions }
}

fn name(kind: CounterKind) -> &'static str {
    match kind {
        CounterKind::Impressions => "impressions",
        CounterKind::FullColor => "full-color",
        CounterKind::Monochrome => "monochrome",
        CounterKind::Sheets => "sheets",
        CounterKind::PageExits => "page-exits",
    }
}

fn unit(kind: CounterKind) -> &'static str {
    match kind {
        CounterKind::Sheets | CounterKind::PageExits => "sheets",
        _ => "impressions",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platen_protocol::readings::{CounterReading, Reading};
    use platen_protocol::supply::SupplyUnit;
    use proptest::prelude::*;

    fn reading(kind: CounterKind, value: u64, wraps_at: Option<u64>) -> CounterReading {
        let (unit, value) = (SupplyUnit::Impressions, Reading::Known { value });
        CounterReading { kind, unit, value, epoch: 0, wraps: 0, wraps_at }
    }

    fn observe(
        counters: &mut Counters,
        values: &[(CounterKind, u64)],
        width: Option<u64>,
    ) -> (Readings, Printed) {
        let all = values.iter().map(|(kind, value)| reading(*kind, *value, width)).collect();
        let mut readings = Readings { counters: all, ..Readings::default() };
        let printed = counters.observe(&mut readings, 0);
        (readings, printed)
    }

    fn impressions(counters: &mut Counters, value: u64, width: Option<u64>) -> (CounterReading, Printed) {
        let (readings, printed) = observe(counters, &[(CounterKind::Impressions, value)], width);
        (readings.counters[0].clone(), printed)
    }

    #[test]
    fn a_counter_of_32_bits_that_begins_again_has_counted_on_and_says_so() {
        let mut counters = Counters::default();
        impressions(&mut counters, (1 << 32) - 3, None);
        let (now, printed) = impressions(&mut counters, 4, None);
        assert_eq!((now.epoch, now.wraps, now.total()), (0, 1, Some((1 << 32) + 4)));
        assert_eq!((printed.pages, printed.broken, printed.fell), (7, false, false));
        assert_eq!((counters.pages, counters.fall()), (7, None));
    }

    #[test]
    fn a_counter_that_is_set_back_begins_an_epoch_and_has_wrapped_no_more() {
        let mut counters = Counters::default();
        for value in [9_999_990, 5] {
            impressions(&mut counters, value, Some(10_000_000));
        }
        let (now, printed) = impressions(&mut counters, 2, Some(10_000_000));
        assert_eq!((now.epoch, now.wraps, printed.pages, printed.fell), (1, 0, 0, true));
        assert!(counters.fall().is_some());
    }

    #[test]
    fn another_store_that_begins_near_zero_is_no_wrap_because_the_other_counters_fell_as_well() {
        use CounterKind::{FullColor, Impressions, Monochrome};
        let mut counters = Counters::default();
        let seven = Some(10_000_000);
        observe(
            &mut counters,
            &[(Impressions, 9_999_000), (FullColor, 4_000_000), (Monochrome, 5_999_000)],
            seven,
        );
        let zero = [(Impressions, 0), (FullColor, 0), (Monochrome, 0)];
        let (readings, printed) = observe(&mut counters, &zero, seven);
        assert!(readings.counters.iter().all(|counter| (counter.epoch, counter.wraps) == (1, 0)));
        assert!(printed.fell && printed.broken);
    }

    fn billing(counters: &mut Counters, impressions: Option<u64>, a3: Option<u64>) -> Vec<BillingReading> {
        use platen_protocol::unknown::{UnknownCause, UnknownReason};
        let cause = UnknownCause { reason: UnknownReason::Damaged, detail: "damaged".into() };
        let said = |value: Option<u64>| {
            value.map_or(Reading::Unknown { cause: cause.clone() }, |value| Reading::Known { value })
        };
        let store = CounterReading { value: said(impressions), ..reading(CounterKind::Impressions, 0, None) };
        let name = if a3.is_some() { "iso_a3_297x420mm.monochrome" } else { ALL_BILLING };
        let unit = SupplyUnit::Impressions;
        let one = BillingReading { name: name.into(), unit, value: said(a3), epoch: 0, wraps: 0 };
        let mut readings = Readings { counters: vec![store], billing: vec![one], ..Readings::default() };
        if impressions.is_none() {
            readings.billing.clear();
        }
        counters.observe(&mut readings, 0);
        readings.billing
    }

    #[test]
    fn billing_counters_wrap_and_begin_an_epoch_as_the_others_do() {
        let mut counters = Counters::default();
        billing(&mut counters, Some(5_000), Some((1 << 32) - 2));
        let wrapped = billing(&mut counters, Some(5_003), Some(1));
        assert_eq!((wrapped[0].epoch, wrapped[0].total()), (0, Some((1 << 32) + 1)));
        let fell = billing(&mut counters, Some(5_003), Some(0));
        assert_eq!((fell[0].epoch, fell[0].wraps, fell[0].total()), (1, 0, Some(0)));
        assert!(counters.fall().is_some());
        let words = counters.wording().evidence.into_iter().map(|one| one.measure).collect::<Vec<_>>();
        assert_eq!(words, ["A3, monochrome counter"]);
    }

    #[test]
    fn billing_counters_that_were_there_are_unknown_and_not_absent_while_they_cannot_be_read() {
        let mut counters = Counters::default();
        let first = billing(&mut counters, Some(5_000), None);
        assert_eq!(first[0].name, ALL_BILLING, "nobody knows yet which there are");
        billing(&mut counters, Some(5_000), Some(7));
        for store in [Some(5_000), None] {
            let unread = billing(&mut counters, store, None);
            let [one] = unread.as_slice() else { panic!("{unread:?}") };
            assert_eq!((one.name.as_str(), one.total()), ("iso_a3_297x420mm.monochrome", None));
        }
        assert!(counters.fall().is_none());
    }

    #[test]
    fn what_was_kept_by_an_agent_that_knew_no_wraps_is_read() {
        let kept = serde_json::json!({"known": {"impressions": {"value": 7, "epoch": 2}}, "pages": 3});
        let mut counters: Counters = serde_json::from_value(kept).unwrap();
        let (now, _) = impressions(&mut counters, 9, None);
        assert_eq!((now.epoch, now.wraps), (2, 0));
    }

    proptest! {
        /// Whatever the width and wherever it begins, a meter goes on through every wrap by what was printed.
        #[test]
        fn the_total_rises_by_exactly_what_was_printed_through_every_wrap(
            width in 10_000_u64..=1 << 32,
            begin in 0_u64..1 << 32,
            jobs in prop::collection::vec(0_u64..600, 1..200),
        ) {
            let (mut counters, mut printed, begin) = (Counters::default(), 0, begin % width);
            impressions(&mut counters, begin, Some(width));
            for pages in jobs {
                printed += pages;
                let (now, _) = impressions(&mut counters, (begin + printed) % width, Some(width));
                prop_assert_eq!(now.epoch, 0);
                prop_assert_eq!(now.total(), Some(begin + printed));
                prop_assert_eq!(u64::from(now.wraps), (begin + printed) / width);
                prop_assert_eq!(counters.pages, printed);
            }
            prop_assert!(counters.fall().is_none());
        }

        /// Whatever a store says, pages are never negative, a fall is a wrap or begins an epoch, and never both.
        #[test]
        fn every_fall_is_either_a_wrap_or_a_reset(
            values in prop::collection::vec(prop_oneof![0_u64..200_000, any::<u64>()], 2..60),
            width in prop::option::of(prop_oneof![10_000_u64..100_000, Just(0), any::<u64>()]),
        ) {
            let mut counters = Counters::default();
            let mut before: Option<(u64, CounterReading)> = None;
            for value in values {
                let pages = counters.pages;
                let (now, printed) = impressions(&mut counters, value, width);
                if let Some((last, was)) = before {
                    let (wrapped, reset) = (now.wraps == was.wraps + 1, now.epoch == was.epoch + 1);
                    prop_assert_eq!(value < last, wrapped ^ reset);
                    prop_assert_eq!(printed.fell, reset);
                    prop_assert!(!reset || (now.wraps == 0 && printed.pages == 0));
                    prop_assert!(value >= last || !wrapped || now.total() >= was.total());
                }
                prop_assert_eq!(counters.pages, pages + printed.pages);
                prop_assert!(printed.pages <= MOST_RISE);
                before = Some((value, now));
            }
        }
    }
}
