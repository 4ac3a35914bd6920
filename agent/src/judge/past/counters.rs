//! Counters and their epochs, and the pages that they stand for.
//!
//! Customers are billed on counters, so a counter that goes down is never a negative count: it begins a
//! new epoch and is told. Everything that is learnt by pages goes by an odometer of our own, which only
//! ever adds what a counter has risen.

use std::collections::BTreeMap;

use platen_protocol::alert::{AlertCode, AlertGroup};
use platen_protocol::readings::{CounterKind, Readings};
use serde::{Deserialize, Serialize};

use super::colour::counts_colour;
use crate::judge::condition::{Wording, evidence};

/// A rise by more between two samples is no printing: a store of another printer was put in.
const MOST_RISE: u64 = 1_000_000;

/// What is known of the counters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::judge) struct Counters {
    known: BTreeMap<CounterKind, Counted>,
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
struct Counted {
    value: u64,
    epoch: u32,
}

/// The last time that counters fell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Fall {
    times: u32,
    noted_ms: u64,
    /// Which, from what, to what.
    counters: Vec<(CounterKind, u64, u64)>,
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
    /// Takes in a sample, and writes the epochs into it.
    pub(in crate::judge) fn observe(&mut self, readings: &mut Readings, watched_ms: u64) -> Printed {
        let mut rises: BTreeMap<CounterKind, u64> = BTreeMap::new();
        let mut fallen = Vec::new();
        let begun = !std::mem::replace(&mut self.running, true);
        for reading in &mut readings.counters {
            let Some(value) = reading.value.known().copied() else {
                reading.epoch = self.known.get(&reading.kind).map_or(0, |counted| counted.epoch);
                continue;
            };
            let before = self.known.get(&reading.kind).copied();
            let epoch = before.map_or(0, |counted| counted.epoch);
            let next = epoch.saturating_add(1);
            let (epoch, rise) = match before {
                None => (epoch, 0),
                // Exits are counted from the agent's start: a new epoch, and nothing to tell.
                Some(_) if begun && reading.kind == CounterKind::PageExits => (next, value),
                Some(counted) if value < counted.value => {
                    fallen.push((reading.kind, counted.value, value));
                    (next, 0)
                }
                Some(counted) => (epoch, value - counted.value),
            };
            rises.insert(reading.kind, if rise > MOST_RISE { 0 } else { rise });
            self.known.insert(reading.kind, Counted { value, epoch });
            reading.epoch = epoch;
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
            fell: fallen.iter().any(|(kind, ..)| *kind != CounterKind::PageExits),
        };
        self.pages = self.pages.saturating_add(printed.pages);
        self.colour = self.colour.saturating_add(printed.colour);
        fallen.retain(|(kind, ..)| *kind != CounterKind::PageExits);
        if !fallen.is_empty() {
            let times = self.fell.as_ref().map_or(0, |fall| fall.times).saturating_add(1);
            self.fell = Some(Fall { times, noted_ms: watched_ms, counters: fallen });
        }
        printed
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
        let text = "counters of the engine went backwards: its store was exchanged, or loses what it is told";
        Wording::forecast(
            AlertGroup::GeneralPrinter,
            AlertCode::ConfigurationChange,
            text.to_owned(),
            counters.iter().map(said).collect(),
        )
    }
}

/// The counter that tells of pages: it stays the same while it cannot be read.
fn source(readings: &Readings) -> Option<CounterKind> {
    [CounterKind::Impressions, CounterKind::Sheets, CounterKind::PageExits]
        .into_iter()
        .find(|kind| readings.counter(*kind).is_some())
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
