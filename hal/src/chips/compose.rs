//! Readings of what the chips, the lines and the board file say. Pure.

use platen_protocol::readings::{
    ALL_BILLING, BillingReading, CounterKind, CounterReading, DEFAULT_WRAPS_AT, ExpectedSupply, PartReading,
    Reading, SupplyReading, SwitchMeaning, SwitchReading, TemperatureReading,
};
use platen_protocol::supply::{Capacity, Level, SupplyType, SupplyUnit};
use platen_protocol::unknown::{UnknownCause, UnknownReason};

use crate::chips::job::Value;
use crate::config::{DEFAULT_SET_PERCENT, Part, Supply, Temperature};
use crate::counters::{CounterStore, Widths};
use crate::record::CartridgeRecord;

/// What a chip gave.
pub(crate) type Given<'a> = Result<&'a Value, UnknownCause>;

/// Percent of a full supply.
const FULL: u32 = 100;
/// A sensor that measures no more than this, in percent, measures nothing: a converter's noise is below it.
const SENSED_NOTHING: f64 = 0.1;

fn not_measured(name: &str) -> UnknownCause {
    let detail = format!("nothing on the board measures {name}");
    UnknownCause { reason: UnknownReason::NotMeasured, detail }
}

/// A supply by what its chip gave; one without a chip by the switches that name it.
pub(crate) fn supply(
    entry: &Supply,
    index: u16,
    given: Option<Given<'_>>,
    switches: &[SwitchReading],
) -> SupplyReading {
    let name = entry.name.get_ref();
    let base = unmeasured_supply(entry, index);
    let level = match given {
        Some(Ok(Value::Cartridge(record))) => return supply_of_record(base, record),
        Some(Ok(Value::Measured(percent))) => Level::Known { amount: percent_of(*percent) },
        Some(Ok(_)) => Level::Unknown { cause: not_measured(name) },
        Some(Err(cause)) => Level::Unknown { cause },
        None => level_by_switches(name, switches),
    };
    SupplyReading { level, ..base }
}

fn unmeasured_supply(entry: &Supply, index: u16) -> SupplyReading {
    let colorant = entry.colorant.as_ref().map(|name| name.get_ref().clone());
    let has_memory = entry.memory().is_some();
    let named = entry.supply_type.is_some() || colorant.is_some();
    let expected = ExpectedSupply { supply_type: entry.supply_type, colorant: colorant.clone() };
    let other_set_value = entry.set_pages.is_some() || entry.set_days.is_some();
    let default = if other_set_value { 0 } else { DEFAULT_SET_PERCENT };
    SupplyReading {
        name: entry.name.get_ref().clone(),
        index,
        class: entry.class,
        supply_type: entry.supply_type.filter(|_| !has_memory).unwrap_or(SupplyType::Unknown),
        colorant: colorant.filter(|_| !has_memory),
        unit: if has_memory { SupplyUnit::Unknown } else { SupplyUnit::Percent },
        capacity: if has_memory { Capacity::Unknown } else { Capacity::Known { amount: FULL } },
        level: Level::SomeRemains,
        set_percent: entry.set_percent.as_ref().map_or(default, |percent| *percent.get_ref()),
        serial: None,
        set_pages: entry.set_pages.as_ref().map(|pages| *pages.get_ref()),
        set_days: entry.set_days.as_ref().map(|days| *days.get_ref()),
        part_number: entry.part_number.as_ref().map(|number| number.get_ref().clone()),
        expected: Some(expected).filter(|_| has_memory && named),
        outlook: None,
        empty_at: entry.empty_at.as_ref().map(|amount| *amount.get_ref()),
    }
}

fn supply_of_record(base: SupplyReading, record: &CartridgeRecord) -> SupplyReading {
    // A cartridge cannot have given more than it held. (A part can outlive its rated life.)
    let level = match record.capacity.checked_sub(record.used) {
        Some(amount) => Level::Known { amount },
        None => Level::Unknown {
            cause: UnknownCause {
                reason: UnknownReason::Implausible,
                detail: format!(
                    "{}: the cartridge record says that {} of {} were used, so the level cannot be true",
                    base.name, record.used, record.capacity
                ),
            },
        },
    };
    if matches!(level, Level::Unknown { .. }) {
        return SupplyReading { level, ..base };
    }
    SupplyReading {
        supply_type: record.supply_type,
        colorant: record.colorant.map(str::to_owned),
        unit: record.unit,
        capacity: Capacity::Known { amount: record.capacity },
        level,
        serial: serial(record),
        ..base
    }
}

fn serial(record: &CartridgeRecord) -> Option<String> {
    Some(record.serial.clone()).filter(|serial| !serial.is_empty())
}

/// Whole percent of what a sensor measures. What it measures is never rounded to nothing: a little is 1 %. The
/// curve of a supply stays within 0 and 100, so the cast is exact.
fn percent_of(value: f64) -> u32 {
    let least = if value > SENSED_NOTHING { 1.0 } else { 0.0 };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = value.clamp(0.0, 100.0).round().max(least) as u32;
    whole
}

/// The level of a supply that only switches tell of, in the MIB's words: nothing is left when it is full
/// (a receptacle's level is the room in it); some room remains (-3) when it is in its place and not
/// full; else it is unknown (-2).
fn level_by_switches(name: &str, switches: &[SwitchReading]) -> Level {
    let about = |meaning: SwitchMeaning| {
        switches.iter().find(|switch| switch.meaning == meaning && switch.supply.as_deref() == Some(name))
    };
    let absent = || UnknownCause {
        reason: UnknownReason::NoAnswer,
        detail: format!("{name} is not in its place, says its switch"),
    };
    match about(SwitchMeaning::WastePresent).map(|switch| &switch.active) {
        Some(Reading::Unknown { cause }) => return Level::Unknown { cause: cause.clone() },
        Some(Reading::Known { value: false }) => return Level::Unknown { cause: absent() },
        Some(Reading::Known { value: true }) | None => {}
    }
    match about(SwitchMeaning::WasteFull).map(|switch| &switch.active) {
        Some(Reading::Unknown { cause }) => Level::Unknown { cause: cause.clone() },
        Some(Reading::Known { value: true }) => Level::Known { amount: 0 },
        Some(Reading::Known { value: false }) => Level::SomeRemains,
        None => Level::Unknown { cause: not_measured(name) },
    }
}

/// A part by its memory, or by its life in the engine's counter store.
pub(crate) fn part(
    entry: &Part,
    index: u16,
    own: Option<Given<'_>>,
    engine: Option<Given<'_>>,
) -> PartReading {
    let name = entry.name.get_ref();
    let life = entry.life.as_ref().map(|life| *life.get_ref());
    let counted = |cause| PartReading {
        name: name.clone(),
        index,
        part_type: life.unwrap_or(SupplyType::Unknown),
        unit: life.map_or(SupplyUnit::Unknown, life_unit),
        used: Reading::Unknown { cause },
        rated_life: Capacity::Unknown,
        serial: None,
        part_number: entry.part_number.as_ref().map(|number| number.get_ref().clone()),
        set_percent: entry.set_percent.as_ref().map(|percent| *percent.get_ref()),
    };
    match (own, life, engine) {
        (Some(Ok(Value::Cartridge(record))), ..) => PartReading {
            part_type: record.supply_type,
            unit: record.unit,
            used: Reading::Known { value: record.used },
            rated_life: Capacity::Known { amount: record.capacity },
            serial: serial(record),
            ..counted(not_measured(name))
        },
        (Some(Err(cause)), ..) | (None, Some(_), Some(Err(cause))) => counted(cause),
        (None, Some(life), Some(Ok(Value::Counters(store, _)))) => match store.life(life) {
            Some(found) => PartReading {
                used: Reading::Known { value: found.used },
                rated_life: Capacity::Known { amount: found.rated },
                ..counted(not_measured(name))
            },
            None => counted(UnknownCause {
                reason: UnknownReason::NotMeasured,
                detail: format!("{name}: the engine's counter store does not count the life of {life}"),
            }),
        },
        _ => counted(not_measured(name)),
    }
}

/// The feed rollers wear by sheets, everything else by impressions.
fn life_unit(life: SupplyType) -> SupplyUnit {
    if life == SupplyType::Other { SupplyUnit::Sheets } else { SupplyUnit::Impressions }
}

/// A temperature by its chip or its sensor.
pub(crate) fn temperature(entry: &Temperature, given: Option<Given<'_>>) -> TemperatureReading {
    let name = entry.name.get_ref();
    let millidegrees = match given {
        Some(Ok(Value::Millidegrees(value))) => Ok(*value),
        Some(Ok(Value::Measured(celsius))) => Ok(thousandths(*celsius)),
        Some(Ok(_)) | None => Err(not_measured(name)),
        Some(Err(cause)) => Err(cause),
    };
    TemperatureReading {
        name: name.clone(),
        millidegrees_celsius: reading(millidegrees),
        role: entry.role,
        under: entry.under_celsius.as_ref().map(|celsius| celsius.get_ref().saturating_mul(1000)),
        over: entry.over_celsius.as_ref().map(|celsius| celsius.get_ref().saturating_mul(1000)),
    }
}

/// The curve of a temperature stays within what its check allows, far from the ends of the type.
fn thousandths(celsius: f64) -> i32 {
    #[allow(clippy::cast_possible_truncation)]
    let whole = (celsius * 1000.0).round() as i32;
    whole
}

fn reading<T>(result: Result<T, UnknownCause>) -> Reading<T> {
    result.map_or_else(|cause| Reading::Unknown { cause }, |value| Reading::Known { value })
}

fn count(store: &CounterStore, kind: CounterKind) -> u32 {
    match kind {
        CounterKind::Impressions => store.impressions,
        CounterKind::FullColor => store.full_color,
        CounterKind::Monochrome => store.monochrome,
        CounterKind::Sheets => store.sheets,
        // Not of the engine.
        CounterKind::PageExits => 0,
    }
}

/// The counters of an engine with how far they count, and the pages at the exit where there is a sensor.
pub(crate) fn counters(
    engine: Option<(Given<'_>, Widths)>,
    exits: Option<Reading<u64>>,
) -> Vec<CounterReading> {
    let mut counters = Vec::new();
    if let Some((given, widths)) = engine {
        for kind in
            [CounterKind::Impressions, CounterKind::FullColor, CounterKind::Monochrome, CounterKind::Sheets]
        {
            let value = match &given {
                Ok(Value::Counters(store, _)) => Ok(u64::from(count(store, kind))),
                Ok(_) => Err(not_measured("the engine's counters")),
                Err(cause) => Err(cause.clone()),
            };
            let unit = if kind == CounterKind::Sheets { SupplyUnit::Sheets } else { SupplyUnit::Impressions };
            let wraps_at = widths.of(kind).filter(|width| *width != DEFAULT_WRAPS_AT);
            counters.push(CounterReading { kind, unit, value: reading(value), epoch: 0, wraps: 0, wraps_at });
        }
    }
    counters.extend(exits.map(|value| CounterReading {
        kind: CounterKind::PageExits,
        unit: SupplyUnit::Sheets,
        value,
        epoch: 0,
        wraps: 0,
        wraps_at: None,
    }));
    counters
}

/// The counters of the billing record behind the engine's store; nothing where the engine has none. One that cannot be
/// read says so by a name that stands for all.
pub(crate) fn billing(engine: Option<&Given<'_>>) -> Vec<BillingReading> {
    let Some(Ok(Value::Counters(_, Some(billing)))) = engine else { return Vec::new() };
    let one = |name, unit, value| BillingReading { name, unit, value, epoch: 0, wraps: 0 };
    match billing {
        Ok(record) => record
            .counts
            .iter()
            .map(|(counted, count)| {
                let unit = if counted.is_sheets() { SupplyUnit::Sheets } else { SupplyUnit::Impressions };
                one(counted.name(), unit, Reading::Known { value: u64::from(*count) })
            })
            .collect(),
        Err(error) => {
            let cause = UnknownCause { reason: UnknownReason::Damaged, detail: error.to_string() };
            vec![one(ALL_BILLING.to_owned(), SupplyUnit::Unknown, Reading::Unknown { cause })]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::billing::{BillingError, BillingRecord, Counted};
    use crate::counters;
    use proptest::prelude::*;

    #[test]
    fn billing_counters_are_absent_where_the_store_has_none_and_unknown_where_they_cannot_be_read() {
        let told = |behind| {
            let value = Value::Counters(counters::tests::example(), behind);
            billing(Some(&Ok(&value)))
        };
        assert_eq!(told(None), []);
        assert_eq!(billing(None), []);
        let record = BillingRecord { generation: 1, counts: vec![(Counted::DuplexSheets, 7)] };
        let read = told(Some(Ok(record)));
        assert_eq!((read[0].name.as_str(), read[0].total()), ("duplex-sheets", Some(7)));
        let damaged = told(Some(Err(BillingError::BadChecksum)));
        assert_eq!((damaged[0].name.as_str(), damaged[0].total()), (ALL_BILLING, None));
    }

    #[test]
    fn what_a_sensor_measures_is_never_rounded_to_nothing() {
        for (measured, told) in [(-0.4, 0), (0.0, 0), (0.1, 0), (0.11, 1), (0.49, 1), (1.4, 1), (99.6, 100)] {
            assert_eq!(percent_of(measured), told, "{measured} %");
        }
    }

    proptest! {
        #[test]
        fn more_that_is_measured_is_never_told_as_less(one in -1.0..101.0_f64, other in -1.0..101.0_f64) {
            prop_assert!(percent_of(one.min(other)) <= percent_of(one.max(other)));
        }
    }
}
