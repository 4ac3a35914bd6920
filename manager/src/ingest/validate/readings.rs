//! What a board can have read.

use std::fmt::Display;

use platen_protocol::limits::MAX_BILLING_COUNTERS;
use platen_protocol::problem::Problem;
use platen_protocol::readings::{
    BillingReading, CounterReading, Estimate, PartReading, Reading, Readings, SupplyReading,
    TemperatureReading,
};
use platen_protocol::supply::{Capacity, Level, SupplyUnit};

use super::place::{MAX_TEXT_CHARS, Place};

/// The most supplies, parts, temperatures or switches that a board has, of each.
pub const MAX_READINGS: usize = 64;
/// The most counters that a printer has.
pub const MAX_COUNTERS: usize = 16;
/// The most buses that a board has, those behind a multiplexer among them.
pub const MAX_BUSES: usize = 32;
/// The most readings that can stand since the printer fell asleep: supplies, parts, temperatures, the counters,
/// buses.
const MAX_HELD: usize = 3 * MAX_READINGS + 1 + MAX_BUSES;
/// The lowest temperature there is.
const MIN_MILLIDEGREES: i32 = -273_150;
/// Far above what any sensor in a printer can show.
const MAX_MILLIDEGREES: i32 = 1_000_000;
const ALL_OF_IT_PERCENT: u32 = 100;

pub(super) fn check_readings(place: &Place, readings: &Readings) -> Result<(), Problem> {
    let Readings { supplies, parts, temperatures, switches, counters, billing, buses, held } = readings;
    place.unlike("supplies", supplies.iter().map(|supply| supply.name.as_str()), MAX_READINGS)?;
    place.unlike("parts", parts.iter().map(|part| part.name.as_str()), MAX_READINGS)?;
    place.unlike("temperatures", temperatures.iter().map(|one| one.name.as_str()), MAX_READINGS)?;
    place.unlike("switches", switches.iter().map(|switch| switch.name.as_str()), MAX_READINGS)?;
    place.unlike("buses", buses.iter().map(|bus| bus.name.as_str()), MAX_BUSES)?;
    for supply in supplies {
        check_supply(place, supply)?;
    }
    for part in parts {
        check_part(place, part)?;
    }
    for temperature in temperatures {
        check_temperature(place, temperature)?;
    }
    for switch in switches {
        let field = format!("switches.{}", switch.name);
        cause_of(place, &field, &switch.active)?;
        place.short(&field, switch.supply.as_ref())?;
    }
    for bus in buses {
        let cause = bus.failing.as_ref().map_or("", |cause| &cause.detail);
        place.text(format_args!("buses.{}", bus.name), cause, MAX_TEXT_CHARS)?;
    }
    place.count("held", held.len(), MAX_HELD)?;
    for held in held {
        place.name("held.name", &held.name)?;
        held.age_seconds.map_or(Ok(()), |age| place.number("held.age_seconds", age))?;
    }
    check_counters(place, counters)?;
    check_billing(place, billing)
}

fn check_temperature(place: &Place, temperature: &TemperatureReading) -> Result<(), Problem> {
    let field = format!("temperatures.{}", temperature.name);
    cause_of(place, &field, &temperature.millidegrees_celsius)?;
    for value in
        [temperature.millidegrees_celsius.known(), temperature.under.as_ref(), temperature.over.as_ref()]
    {
        value.map_or(Ok(()), |value| plausible_temperature(place, &field, *value))?;
    }
    match (temperature.under, temperature.over) {
        (Some(under), Some(over)) if under > over => {
            let why = format!("{under} as the lower limit is above {over} as the upper one");
            Err(place.refuse(field, why))
        }
        _ => Ok(()),
    }
}

pub(super) fn plausible_temperature(place: &Place, field: &str, value: i32) -> Result<(), Problem> {
    if (MIN_MILLIDEGREES..=MAX_MILLIDEGREES).contains(&value) {
        return Ok(());
    }
    Err(place.refuse(field, format!("{value} thousandths of a degree Celsius cannot be")))
}

fn check_counters(place: &Place, counters: &[CounterReading]) -> Result<(), Problem> {
    place.count("counters", counters.len(), MAX_COUNTERS)?;
    for (position, counter) in counters.iter().enumerate() {
        let field = format!("counters[{position}]");
        if counters.iter().take(position).any(|before| before.kind == counter.kind) {
            return Err(place.refuse(field, "appears twice"));
        }
        cause_of(place, &field, &counter.value)?;
        counter.value.known().map_or(Ok(()), |value| place.number(&field, *value))?;
        counter.total().map_or(Ok(()), |total| place.number(&field, total))?;
    }
    Ok(())
}

fn check_billing(place: &Place, billing: &[BillingReading]) -> Result<(), Problem> {
    place.unlike("billing", billing.iter().map(|one| one.name.as_str()), MAX_BILLING_COUNTERS)?;
    for counter in billing {
        let field = format!("billing.{}", counter.name);
        cause_of(place, &field, &counter.value)?;
        counter.value.known().map_or(Ok(()), |value| place.number(&field, *value))?;
        counter.total().map_or(Ok(()), |total| place.number(&field, total))?;
    }
    Ok(())
}

fn cause_of<T>(place: &Place, field: impl Display, reading: &Reading<T>) -> Result<(), Problem> {
    match reading {
        Reading::Known { .. } => Ok(()),
        Reading::Unknown { cause } => place.text(field, &cause.detail, MAX_TEXT_CHARS),
    }
}

pub(super) fn check_supply(place: &Place, supply: &SupplyReading) -> Result<(), Problem> {
    let field = |part: &str| format!("supply {}.{part}", supply.name);
    place.name("supply.name", &supply.name)?;
    place.short(field("colorant"), supply.colorant.as_ref())?;
    place.short(field("serial"), supply.serial.as_ref())?;
    place.short(field("part_number"), supply.part_number.as_ref())?;
    let expected = supply.expected.as_ref().and_then(|expected| expected.colorant.as_ref());
    place.short(field("expected.colorant"), expected)?;
    if supply.index == 0 {
        return Err(place.refuse(field("index"), "starts at 1"));
    }
    if u32::from(supply.set_percent) > ALL_OF_IT_PERCENT {
        return Err(place.refuse(field("set_percent"), format!("{} is above 100", supply.set_percent)));
    }
    if let Level::Unknown { cause } = &supply.level {
        place.text(field("level"), &cause.detail, MAX_TEXT_CHARS)?;
    }
    if let Some(outlook) = &supply.outlook {
        check_estimate(place, field("outlook.pages"), outlook.pages)?;
        check_estimate(place, field("outlook.days"), outlook.days)?;
    }
    match (&supply.level, supply.capacity) {
        (Level::Known { amount }, Capacity::Known { amount: full }) if *amount > full => {
            Err(place.refuse(field("level"), format!("{amount} is above the capacity of {full}")))
        }
        (Level::Known { amount }, _) if supply.unit == SupplyUnit::Percent && *amount > ALL_OF_IT_PERCENT => {
            Err(place.refuse(field("level"), format!("{amount} percent is above 100")))
        }
        _ => Ok(()),
    }
}

fn check_estimate(place: &Place, field: String, estimate: Option<Estimate>) -> Result<(), Problem> {
    match estimate {
        Some(Estimate { likely, at_least, at_most }) if !(at_least..=at_most).contains(&likely) => {
            Err(place.refuse(field, format!("{likely} is not between {at_least} and {at_most}")))
        }
        _ => Ok(()),
    }
}

pub(super) fn check_part(place: &Place, part: &PartReading) -> Result<(), Problem> {
    let field = |piece: &str| format!("part {}.{piece}", part.name);
    place.name("part.name", &part.name)?;
    place.short(field("serial"), part.serial.as_ref())?;
    place.short(field("part_number"), part.part_number.as_ref())?;
    if part.index == 0 {
        return Err(place.refuse(field("index"), "starts at 1"));
    }
    if let Some(percent) = part.set_percent
        && u32::from(percent) > ALL_OF_IT_PERCENT
    {
        return Err(place.refuse(field("set_percent"), format!("{percent} is above 100")));
    }
    // A part may be used beyond its rated life: that is what its alert is about.
    cause_of(place, field("used"), &part.used)
}
