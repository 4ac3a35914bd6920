//! Which values a report has.

use std::collections::BTreeMap;

use platen_protocol::device_to_manager::{Report, ReportBody};
use platen_protocol::readings::{
    BillingReading, CounterReading, HeldKind, PartReading, Reading, Readings, SupplyReading,
    TemperatureReading,
};
use platen_protocol::supply::{Capacity, Level};

use super::SubjectKind;
use super::rows::{Cell, Column, HELD, Row, SOME_REMAINS, UNKNOWN, UNRESTRICTED};

/// Of what was held together with the counters.
const ENGINE: &str = "engine";

/// What a report tells of values; `None` if it tells of none. `at` is when it was taken, `within` how many seconds the
/// device said that it would take to report again, `broken` whether reports before it were lost.
pub fn row(report: &Report, at: i64, within: Option<u32>, broken: bool) -> Option<Row> {
    let cells = match &report.body {
        ReportBody::Replacement(replacement) => {
            let supply = replacement.fitted_supply.iter().map(|reading| supply(reading, at, false));
            let part = replacement.fitted_part.iter().map(|reading| part(reading, at, false));
            supply.chain(part).collect()
        }
        body => cells(body.readings()?, at),
    };
    let broken = broken || matches!(report.body, ReportBody::Started(_));
    let row = Row::at(at, within.unwrap_or(0), broken, cells);
    (!row.cells.is_empty()).then_some(row)
}

fn cells(readings: &Readings, at: i64) -> BTreeMap<Column, Cell> {
    let held = |kind, name: &str| readings.held_of(kind, name).is_some();
    let counters_held = held(HeldKind::Counters, ENGINE);
    let supplies = readings.supplies.iter().map(|one| supply(one, at, held(HeldKind::Supply, &one.name)));
    let parts = readings.parts.iter().map(|one| part(one, at, held(HeldKind::Part, &one.name)));
    let temperatures =
        readings.temperatures.iter().map(|one| temperature(one, at, held(HeldKind::Temperature, &one.name)));
    let counters = readings.counters.iter().map(|one| counter(one, at, counters_held));
    let billing = readings.billing.iter().map(|one| billing(one, at, counters_held));
    supplies.chain(parts).chain(temperatures).chain(counters).chain(billing).collect()
}

/// What stands since the printer fell asleep was not read now: it is no value of this moment.
fn cell(held: bool, at: i64, value: Result<i64, u8>) -> Cell {
    match value {
        _ if held => Cell::other(HELD),
        Ok(value) => Cell::value(at, value),
        Err(other) => Cell::other(other),
    }
}

fn amount(capacity: Capacity) -> Option<u32> {
    match capacity {
        Capacity::Known { amount } => Some(amount),
        Capacity::Unrestricted | Capacity::Unknown => None,
    }
}

fn supply(reading: &SupplyReading, at: i64, held: bool) -> (Column, Cell) {
    let level = match &reading.level {
        Level::Known { amount } => Ok(i64::from(*amount)),
        Level::Unknown { .. } => Err(UNKNOWN),
        Level::SomeRemains => Err(SOME_REMAINS),
        Level::Unrestricted => Err(UNRESTRICTED),
    };
    let column = Column {
        kind: SubjectKind::Supply,
        name: reading.name.clone(),
        unit: reading.unit.number(),
        of: amount(reading.capacity),
        epoch: 0,
    };
    (column, cell(held, at, level))
}

fn part(reading: &PartReading, at: i64, held: bool) -> (Column, Cell) {
    let column = Column {
        kind: SubjectKind::Part,
        name: reading.name.clone(),
        unit: reading.unit.number(),
        of: amount(reading.rated_life),
        epoch: 0,
    };
    (column, cell(held, at, number(&reading.used)))
}

fn number<T: Copy + Into<i64>>(reading: &Reading<T>) -> Result<i64, u8> {
    reading.known().map(|value| (*value).into()).ok_or(UNKNOWN)
}

fn temperature(reading: &TemperatureReading, at: i64, held: bool) -> (Column, Cell) {
    let (kind, name) = (SubjectKind::Temperature, reading.name.clone());
    let column = Column { kind, name, unit: 0, of: None, epoch: 0 };
    (column, cell(held, at, number(&reading.millidegrees_celsius)))
}

/// A counter that was full goes on, as meters do.
fn counter(reading: &CounterReading, at: i64, held: bool) -> (Column, Cell) {
    let column = Column {
        kind: SubjectKind::Counter,
        name: reading.kind.name().to_owned(),
        unit: reading.unit.number(),
        of: None,
        epoch: reading.epoch,
    };
    let total = reading.total().map(|total| i64::try_from(total).unwrap_or(i64::MAX)).ok_or(UNKNOWN);
    (column, cell(held, at, total))
}

fn billing(reading: &BillingReading, at: i64, held: bool) -> (Column, Cell) {
    let column = Column {
        kind: SubjectKind::Counter,
        name: reading.name.clone(),
        unit: reading.unit.number(),
        of: None,
        epoch: reading.epoch,
    };
    let total = reading.total().map(|total| i64::try_from(total).unwrap_or(i64::MAX)).ok_or(UNKNOWN);
    (column, cell(held, at, total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use platen_protocol::device_to_manager::Utilisation;
    use platen_protocol::readings::{CounterKind, HeldReading};
    use platen_protocol::unknown::{UnknownCause, UnknownReason};

    fn told(readings: Readings) -> BTreeMap<String, Cell> {
        let body = ReportBody::Utilisation(Utilisation {
            running_seconds: 1,
            failed_reads: 0,
            readings,
            activity: None,
        });
        let row = row(&sample::report(1, body), 5, Some(900), false).unwrap();
        assert_eq!((row.within, row.broken), (900, None));
        row.cells.into_iter().map(|(column, cell)| (column.subject().to_string(), cell)).collect()
    }

    #[test]
    fn a_report_has_its_levels_lives_temperatures_and_counters() {
        let told = told(sample::full_readings(50));
        assert_eq!(told["supply.black"], Cell::value(5, 500));
        assert_eq!(told["part.fuser"], Cell::value(5, 90_000));
        assert_eq!(told["temperature.fuser"], Cell::value(5, 185_000));
        assert!(told.keys().any(|subject| subject.starts_with("counter.")), "{told:?}");
    }

    #[test]
    fn what_was_not_read_is_no_number() {
        let cause = UnknownCause { reason: UnknownReason::NoAnswer, detail: "no answer".into() };
        let mut readings = sample::full_readings(50);
        readings.supplies[0].level = Level::Unknown { cause: cause.clone() };
        readings.parts[0].used = Reading::Unknown { cause };
        readings.held = vec![
            HeldReading { kind: HeldKind::Temperature, name: "fuser".into(), age_seconds: Some(60) },
            HeldReading { kind: HeldKind::Counters, name: "engine".into(), age_seconds: None },
        ];
        let told = told(readings);
        assert_eq!(told["supply.black"], Cell::other(UNKNOWN));
        assert_eq!(told["part.fuser"], Cell::other(UNKNOWN));
        assert_eq!(told["temperature.fuser"], Cell::other(HELD));
        let counters: Vec<&Cell> =
            told.iter().filter(|(name, _)| name.starts_with("counter.")).map(|(_, cell)| cell).collect();
        assert!(counters.iter().all(|cell| **cell == Cell::other(HELD)), "{told:?}");
    }

    #[test]
    fn counters_by_size_have_a_history_like_the_others() {
        let unit = platen_protocol::supply::SupplyUnit::Impressions;
        let (name, value) = ("iso_a4_210x297mm.full-color".to_owned(), Reading::Known { value: 4 });
        let one = BillingReading { name, unit, value, epoch: 3, wraps: 1 };
        let readings = Readings { billing: vec![one.clone()], ..sample::full_readings(50) };
        assert_eq!(told(readings)["counter.iso_a4_210x297mm.full-color"], Cell::value(5, (1 << 32) + 4));
        assert_eq!(billing(&one, 5, true).1, Cell::other(HELD));
        assert_eq!(billing(&one, 5, false).0.epoch, 3);
    }

    #[test]
    fn a_counter_that_was_full_goes_on_and_one_that_was_set_back_begins_a_column() {
        let reading = CounterReading { wraps: 1, epoch: 2, ..sample::counter(CounterKind::Impressions, 4) };
        let (column, cell) = counter(&reading, 5, false);
        assert_eq!((column.epoch, cell), (2, Cell::value(5, (1 << 32) + 4)));
    }
}
