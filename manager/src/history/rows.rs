//! Values by the moment, hour or day in which they were read, and how they are put together.
//!
//! Two rows of the same hour are put together by what is the same in whatever order, and however often, it is done:
//! the earliest and the latest moment, the last value by its moment, the lowest, the highest, and what else was seen.
//! So what is thinned twice, or comes late, or is done again after a crash, gives what was there before.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::{DAY_MS, HOUR_MS, Resolution, Subject, SubjectKind};

/// A subject with what its numbers mean. A cartridge of another capacity, or a counter that was set back, has a column
/// of its own: its numbers are not to be compared with those before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// In which list.
    pub kind: SubjectKind,
    /// Its name there.
    pub name: String,
    /// The unit by the MIB's number; 0 for a temperature, which is in thousandths of a degree Celsius.
    pub unit: u16,
    /// The capacity of a supply or the rated life of a part, where it is known.
    pub of: Option<u32>,
    /// Of a counter: the epoch of its counts.
    pub epoch: u32,
}

impl Column {
    /// What it is a column of.
    pub fn subject(&self) -> Subject {
        Subject { kind: self.kind, name: self.name.clone() }
    }

    /// Whether it is a column of this.
    pub fn is_of(&self, subject: &Subject) -> bool {
        self.kind == subject.kind && self.name == subject.name
    }
}

/// Values that were known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// When the last of them was read.
    pub at: i64,
    /// The last.
    pub last: i64,
    /// The lowest.
    pub low: i64,
    /// The highest.
    pub high: i64,
}

impl Known {
    /// One value.
    pub fn one(at: i64, value: i64) -> Self {
        Self { at, last: value, low: value, high: value }
    }

    fn join(self, other: Self) -> Self {
        let (at, last) = (self.at, self.last).max((other.at, other.last));
        Self { at, last, low: self.low.min(other.low), high: self.high.max(other.high) }
    }
}

/// What was seen of a column: values, and what was no number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cell {
    /// Values, if any was known.
    pub known: Option<Known>,
    /// What else was seen: [`UNKNOWN`], [`HELD`], [`SOME_REMAINS`], [`UNRESTRICTED`].
    pub other: u8,
}

/// It could not be read.
pub const UNKNOWN: u8 = 1;
/// It was not read, because it has no power while the printer sleeps.
pub const HELD: u8 = 2;
/// It is not empty, and no more is known.
pub const SOME_REMAINS: u8 = 4;
/// Its level has no restriction.
pub const UNRESTRICTED: u8 = 8;
/// Everything that there is of these.
pub(super) const OTHERS: u8 = UNKNOWN | HELD | SOME_REMAINS | UNRESTRICTED;

impl Cell {
    /// A value.
    pub fn value(at: i64, value: i64) -> Self {
        Self { known: Some(Known::one(at, value)), other: 0 }
    }

    /// No value.
    pub fn other(other: u8) -> Self {
        Self { known: None, other }
    }

    fn join(self, other: Self) -> Self {
        let known = match (self.known, other.known) {
            (Some(one), Some(two)) => Some(one.join(two)),
            (one, two) => one.or(two),
        };
        Self { known, other: self.other | other.other }
    }
}

/// What was reported in a moment, an hour or a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// When the first of it was read.
    pub first: i64,
    /// And the last.
    pub last: i64,
    /// Within how many seconds the device said that it would report again; 0 where it did not say.
    pub within: u32,
    /// The first and the last moment before which something is missing: the agent had not been running, or reports
    /// were lost.
    pub broken: Option<(i64, i64)>,
    /// In which hours of its day something was read, a bit an hour.
    pub hours: u32,
    /// The values.
    pub cells: BTreeMap<Column, Cell>,
}

/// The bit of an hour within its day.
pub(super) fn hour_bit(at: i64) -> u32 {
    let hour = at.rem_euclid(DAY_MS) / HOUR_MS;
    u32::try_from(hour).map_or(0, |hour| 1 << hour)
}

impl Row {
    /// Of one moment.
    pub fn at(at: i64, within: u32, broken: bool, cells: BTreeMap<Column, Cell>) -> Self {
        let broken = broken.then_some((at, at));
        Self { first: at, last: at, within, broken, hours: hour_bit(at), cells }
    }

    /// Puts another one of the same moment, hour or day to it.
    pub fn join(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.within = self.within.max(other.within);
        self.hours |= other.hours;
        self.broken = match (self.broken, other.broken) {
            (Some(one), Some(two)) => Some((one.0.min(two.0), one.1.max(two.1))),
            (one, two) => one.or(two),
        };
        for (column, cell) in other.cells {
            match self.cells.entry(column) {
                Entry::Vacant(free) => {
                    free.insert(cell);
                }
                Entry::Occupied(mut taken) => {
                    let joined = taken.get().join(cell);
                    taken.insert(joined);
                }
            }
        }
    }

    /// Whether something is missing between it and what was before.
    pub fn begins_broken(&self) -> bool {
        self.broken.is_some_and(|(first, _)| first <= self.first)
    }

    /// Whether something is missing in it.
    pub fn is_broken_within(&self) -> bool {
        self.broken.is_some_and(|(_, last)| last > self.first)
    }
}

/// Rows of one resolution, by their bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// How finely.
    pub resolution: Resolution,
    /// The rows.
    pub rows: BTreeMap<i64, Row>,
}

impl Rows {
    /// None yet.
    pub fn new(resolution: Resolution) -> Self {
        Self { resolution, rows: BTreeMap::new() }
    }

    /// Puts a row where it belongs. It must not be less fine than these are.
    pub fn add(&mut self, row: Row) {
        match self.rows.entry(self.resolution.bucket(row.first)) {
            Entry::Vacant(free) => {
                free.insert(row);
            }
            Entry::Occupied(mut taken) => taken.get_mut().join(row),
        }
    }

    /// Puts rows to these. They must not be less fine than these are.
    pub fn join(&mut self, others: Self) {
        for row in others.rows.into_values() {
            self.add(row);
        }
    }

    /// These, less finely.
    #[must_use]
    pub fn thinned(&self, resolution: Resolution) -> Self {
        let mut thin = Self::new(resolution.max(self.resolution));
        for row in self.rows.values() {
            thin.add(row.clone());
        }
        thin
    }

    /// By the beginning of the block in which they are stored.
    pub fn into_blocks(self) -> BTreeMap<i64, Self> {
        let mut blocks: BTreeMap<i64, Self> = BTreeMap::new();
        for (bucket, row) in self.rows {
            let start = self.resolution.block_of(bucket);
            blocks.entry(start).or_insert_with(|| Self::new(self.resolution)).rows.insert(bucket, row);
        }
        blocks
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(in super::super) fn column(name: &str, of: Option<u32>) -> Column {
        Column { kind: SubjectKind::Supply, name: name.into(), unit: 13, of, epoch: 0 }
    }

    fn cells() -> impl Strategy<Value = BTreeMap<Column, (Option<i64>, u8)>> {
        let column = (0_usize..4, "[a-c]", prop::option::of(1_u32..3), 0_u32..2).prop_map(
            |(kind, name, of, epoch)| Column { kind: SubjectKind::ALL[kind], name, unit: 7, of, epoch },
        );
        let cell = prop_oneof![
            any::<i32>().prop_map(|value| (Some(i64::from(value)), 0)),
            (1..=OTHERS).prop_map(|other| (None, other)),
        ];
        prop::collection::btree_map(column, cell, 0..6)
    }

    /// Reports of three days.
    pub(in super::super) fn reports() -> impl Strategy<Value = Vec<Row>> {
        let report =
            (0..3 * DAY_MS, 0_u32..5_000, any::<bool>(), cells()).prop_map(|(at, within, broken, cells)| {
                let at = 1_764_460_800_000 + at;
                let cell = |(value, other): (Option<i64>, u8)| {
                    value.map_or(Cell::other(other), |value| Cell::value(at, value))
                };
                let cells = cells.into_iter().map(|(column, seen)| (column, cell(seen))).collect();
                Row::at(at, within, broken, cells)
            });
        prop::collection::vec(report, 0..40)
    }

    pub(in super::super) fn rows(resolution: Resolution, reports: &[Row]) -> Rows {
        let mut rows = Rows::new(resolution);
        for report in reports {
            rows.add(report.clone());
        }
        rows
    }

    proptest! {
        #[test]
        fn thinning_is_the_same_in_whatever_order_and_however_often(
            reports in reports(), cut in 0_usize..40, seed: u64,
        ) {
            let cut = cut.min(reports.len());
            let mut shuffled = reports.clone();
            shuffled.sort_by_key(|row| row.first.wrapping_mul(i64::from_ne_bytes(seed.to_ne_bytes())));
            for resolution in Resolution::ALL {
                let whole = rows(resolution, &reports);
                prop_assert_eq!(&rows(resolution, &shuffled), &whole);
                // In two parts, one of which comes twice.
                let mut parts = rows(resolution, &reports[..cut]);
                parts.join(rows(resolution, &reports[cut..]));
                parts.join(rows(resolution, &reports[cut..]));
                prop_assert_eq!(&parts, &whole);
                // By way of something finer.
                for finer in Resolution::ALL.into_iter().filter(|finer| *finer <= resolution) {
                    prop_assert_eq!(&rows(finer, &reports).thinned(resolution), &whole);
                }
                prop_assert_eq!(&whole.thinned(resolution), &whole, "again");
            }
        }

        #[test]
        fn thinning_invents_no_value_and_no_moment(reports in reports()) {
            for resolution in Resolution::ALL {
                for (bucket, row) in rows(resolution, &reports).rows {
                    let of = || reports.iter().filter(|report| resolution.bucket(report.first) == bucket);
                    prop_assert!(of().any(|report| report.first == row.first));
                    prop_assert!(of().any(|report| report.last == row.last));
                    for (column, cell) in row.cells {
                        let seen: Vec<&Cell> = of().filter_map(|report| report.cells.get(&column)).collect();
                        let values: Vec<(i64, i64)> =
                            seen.iter().filter_map(|cell| cell.known.map(|known| (known.at, known.last))).collect();
                        prop_assert_eq!(cell.known.is_some(), !values.is_empty(), "no number where none was known");
                        if let Some(known) = cell.known {
                            prop_assert_eq!(Some(&(known.at, known.last)), values.iter().max());
                            prop_assert_eq!(Some(known.low), values.iter().map(|(_, value)| *value).min());
                            prop_assert_eq!(Some(known.high), values.iter().map(|(_, value)| *value).max());
                        }
                        prop_assert_eq!(cell.other, seen.iter().fold(0, |all, cell| all | cell.other));
                    }
                }
            }
        }

        #[test]
        fn thinning_keeps_every_hour_and_day_in_which_nothing_was_heard(reports in reports()) {
            for resolution in [Resolution::Hour, Resolution::Day] {
                let heard: std::collections::BTreeSet<i64> =
                    reports.iter().map(|report| resolution.bucket(report.first)).collect();
                let thin = rows(resolution, &reports);
                prop_assert_eq!(thin.rows.keys().copied().collect::<std::collections::BTreeSet<_>>(), heard);
                for row in thin.rows.values() {
                    let hours = reports
                        .iter()
                        .filter(|report| resolution.bucket(report.first) == resolution.bucket(row.first))
                        .fold(0, |hours, report| hours | hour_bit(report.first));
                    prop_assert_eq!(row.hours, hours);
                }
            }
        }
    }
}
