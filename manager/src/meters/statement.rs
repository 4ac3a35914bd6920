//! The statement of a device, and the sums of several.

use std::collections::{BTreeMap, BTreeSet};

use super::lines::{Account, Reason, Window, account, resets};
use crate::history::SubjectKind;
use crate::history::points::Point;
use platen_protocol::facts::billing_words;
use platen_protocol::readings::{ALL_BILLING, CounterKind};

/// What a counter of a device counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterStatement {
    /// Its name, as in the history.
    pub counter: String,
    /// Its unit, by the MIB's number.
    pub unit: u16,
    /// What it counted.
    pub account: Account,
}

/// What a device counted in a stretch of time in which it was one customer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceStatement {
    /// The stretch.
    pub window: Window,
    /// Its counters, those of all impressions and sheets first.
    pub counters: Vec<CounterStatement>,
}

impl DeviceStatement {
    /// How many stretches are not simply counted, of the counter that has most.
    pub fn missing(&self) -> usize {
        self.counters.iter().map(|counter| counter.account.missing().count()).max().unwrap_or(0)
    }

    /// Why, of all counters.
    pub fn reasons(&self) -> BTreeSet<Reason> {
        let lines = self.counters.iter().flat_map(|counter| &counter.account.lines);
        lines.flat_map(|line| line.reasons.iter().copied()).collect()
    }

    /// Whether something of it was worked out.
    pub fn is_estimate(&self) -> bool {
        self.counters.iter().any(|counter| counter.account.is_estimate())
    }

    /// Whether it has its beginning and its end, and nothing is missing between.
    pub fn is_complete(&self) -> bool {
        !self.counters.is_empty() && self.missing() == 0 && !self.is_estimate()
    }
}

/// Whether a counter is one that customers are billed on: pages at the exit are counted from the agent's start.
pub fn is_billed(counter: &str) -> bool {
    counter != CounterKind::PageExits.name() && counter != ALL_BILLING
}

/// In the order in which people read them; those by size behind, by name.
fn rank(counter: &str) -> usize {
    [CounterKind::Impressions, CounterKind::Monochrome, CounterKind::FullColor, CounterKind::Sheets]
        .iter()
        .position(|kind| kind.name() == counter)
        .unwrap_or(usize::MAX)
}

/// What the counters of a device counted in a stretch of time. The points are those of its history, in their order.
pub fn statement(points: Vec<Point>, window: Window, now: i64) -> DeviceStatement {
    let mut of: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    for point in points {
        if point.subject.kind == SubjectKind::Counter && is_billed(&point.subject.name) {
            of.entry(point.subject.name.clone()).or_default().push(point);
        }
    }
    let resets = resets(of.values().map(Vec::as_slice));
    let mut counters: Vec<CounterStatement> = of
        .into_iter()
        .map(|(counter, points)| {
            let unit = points.iter().rev().find_map(|point| point.column.as_ref()).map_or(0, |one| one.unit);
            CounterStatement { counter, unit, account: account(&points, &resets, window, now) }
        })
        .collect();
    counters.sort_by_key(|one| rank(&one.counter));
    DeviceStatement { window, counters }
}

/// What counters of one name counted on several devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// The name of the counter.
    pub counter: String,
    /// Its unit, by the MIB's number.
    pub unit: u16,
    /// What was counted in all.
    pub count: u64,
    /// On how many devices.
    pub devices: u64,
    /// On how many of them something of it was worked out, or is missing.
    pub doubtful: u64,
}

/// The sums of several statements, by counter.
pub fn totals<'a>(statements: impl IntoIterator<Item = &'a DeviceStatement>) -> Vec<Total> {
    let mut of: BTreeMap<&str, Total> = BTreeMap::new();
    for counter in statements.into_iter().flat_map(|statement| &statement.counters) {
        let CounterStatement { counter, unit, account } = counter;
        let fresh = || Total { counter: counter.clone(), unit: *unit, count: 0, devices: 0, doubtful: 0 };
        let total = of.entry(counter).or_insert_with(fresh);
        total.count = total.count.saturating_add(account.count);
        total.devices += 1;
        total.doubtful += u64::from(account.is_estimate() || account.missing().next().is_some());
    }
    let mut all: Vec<Total> = of.into_values().collect();
    all.sort_by_key(|total| rank(&total.counter));
    all
}

/// What a counter is called for people.
pub fn words(counter: &str) -> String {
    let kinds =
        [CounterKind::Impressions, CounterKind::Monochrome, CounterKind::FullColor, CounterKind::Sheets];
    kinds
        .iter()
        .find(|kind| kind.name() == counter)
        .map_or_else(|| billing_words(counter), |kind| kind.words().to_owned())
}
