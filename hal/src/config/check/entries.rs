//! Supplies, parts and temperatures: what measures them, set values, words.

use std::collections::HashMap;

use platen_protocol::limits::{MAX_SET_DAYS, MAX_SET_PAGES};
use platen_protocol::readings::SwitchMeaning;
use platen_protocol::supply::{SupplyClass, SupplyType};
use platen_protocol::text;
use toml::Spanned;

use crate::config::check::{Check, curves};
use crate::config::{BoardConfig, MAX_PART_NUMBER_CHARS, MemoryKeys, Part, Supply, Temperature};
use crate::counters;
use crate::record;

/// The most that a sensed supply can have when it is called empty, in percent.
const MAX_EMPTY_PERCENT: u32 = 99;
/// What a temperature in a printer can be at all, in degrees Celsius.
const CELSIUS: std::ops::RangeInclusive<i32> = -100..=500;

pub(super) fn check(config: &BoardConfig) -> Check {
    config.supplies.iter().try_for_each(|entry| check_supply(config, entry))?;
    let mut lives = HashMap::new();
    config.parts.iter().try_for_each(|entry| check_part(config, entry, &mut lives))?;
    config.temperatures.iter().try_for_each(check_temperature)
}

fn check_supply(config: &BoardConfig, entry: &Supply) -> Check {
    let (name, at) = (entry.name.get_ref(), entry.name.span().start);
    let has_memory = check_memory(&entry.name, entry.memory_keys())?;
    if let Some(sensor) = &entry.sensor {
        if has_memory {
            let what = format!("{name} has a memory and a `sensor`: take one of them out");
            return Err((sensor.bus.span().start, what));
        }
        curves::check(name, sensor, &(0.0..=100.0))?;
    } else if !has_memory {
        check_by_switches(config, entry).map_err(|what| (at, what))?;
    }
    check_part_number(entry.part_number.as_ref())?;
    if let Some(colorant) = &entry.colorant {
        record::colorant(colorant.get_ref()).map_err(|error| (colorant.span().start, error.to_string()))?;
    }
    check_number(entry.set_percent.as_ref(), 0, 100, "%")?;
    check_number(entry.set_pages.as_ref(), 1, MAX_SET_PAGES, "pages")?;
    check_number(entry.set_days.as_ref(), 1, MAX_SET_DAYS, "days")?;
    check_empty_at(entry, has_memory)
}

/// A full supply is not empty, so that the amount is below all that it can hold.
fn check_empty_at(entry: &Supply, has_memory: bool) -> Check {
    let Some(empty_at) = &entry.empty_at else { return Ok(()) };
    let (name, amount) = (entry.name.get_ref(), *empty_at.get_ref());
    let (most, unit) = match (has_memory, &entry.sensor) {
        (true, _) => (record::MAX_PLAUSIBLE_CAPACITY - 1, "of its record's unit"),
        (false, Some(_)) => (MAX_EMPTY_PERCENT, "percent"),
        (false, None) => {
            let what = format!(
                "only switches tell of {name}, and its switch says when it is full: take `empty-at` out"
            );
            return Err((empty_at.span().start, what));
        }
    };
    if amount <= most {
        return Ok(());
    }
    let what = format!("{name} cannot be empty at {amount} {unit}, for that is all of it: use 0 to {most}");
    Err((empty_at.span().start, what))
}

/// A supply without memory and sensor is a waste box with switches.
fn check_by_switches(config: &BoardConfig, entry: &Supply) -> Result<(), String> {
    let name = entry.name.get_ref();
    let waste = [SwitchMeaning::WastePresent, SwitchMeaning::WasteFull];
    let mut about = config.switches.iter().filter(|switch| {
        waste.contains(&switch.meaning)
            && switch.supply.as_ref().is_some_and(|supply| supply.get_ref() == name)
    });
    if about.next().is_none() {
        return Err(format!(
            "nothing measures {name}: give it `bus`, `chip` and `address` of its memory, or a `sensor`, or a switch that is waste-full or waste-present with supply = {name:?}"
        ));
    }
    if entry.class != SupplyClass::ReceptacleThatIsFilled {
        return Err(format!(
            "{name} has only waste switches, so it is a waste box: set class = \"receptacleThatIsFilled\""
        ));
    }
    Ok(())
}

fn check_part<'a>(config: &BoardConfig, entry: &'a Part, lives: &mut HashMap<SupplyType, &'a str>) -> Check {
    let (name, at) = (entry.name.get_ref(), entry.name.span().start);
    let has_memory = check_memory(&entry.name, entry.memory_keys())?;
    match (&entry.life, has_memory) {
        (None, false) => {
            let what = format!(
                "nothing measures {name}: give it `bus`, `chip` and `address` of its memory, or its `life` in the engine's counter store"
            );
            return Err((at, what));
        }
        (Some(life), true) => {
            let what = format!("{name} has a memory and a `life`: take one of them out");
            return Err((life.span().start, what));
        }
        (Some(life), false) => {
            let (kind, at) = (*life.get_ref(), life.span().start);
            if config.engine.is_none() {
                return Err((at, format!("the `life` of {name} is counted by the engine: add [engine]")));
            }
            if !counters::LIVES.contains(&kind) {
                let what = format!(
                    "the engine counts no life of {kind}: use opc, developer, fuser, transferUnit, or other for the feed rollers"
                );
                return Err((at, what));
            }
            if let Some(other) = lives.insert(kind, name) {
                return Err((at, format!("{name} and {other} both have the life of {kind}")));
            }
        }
        (None, true) => {}
    }
    check_part_number(entry.part_number.as_ref())?;
    check_number(entry.set_percent.as_ref(), 0, 100, "%")
}

fn check_temperature(entry: &Temperature) -> Check {
    let (name, at) = (entry.name.get_ref(), entry.name.span().start);
    let keys = [entry.bus.is_some(), entry.chip.is_some(), entry.address.is_some()];
    let has_chip = check_keys(&entry.name, keys, "a temperature chip")?;
    match (&entry.sensor, has_chip) {
        (None, false) => {
            let what = format!(
                "nothing measures {name}: give it `bus`, `chip` and `address`, or a `sensor` at a converter"
            );
            return Err((at, what));
        }
        (Some(sensor), true) => {
            let what = format!("{name} has a `chip` and a `sensor`: take one of them out");
            return Err((sensor.bus.span().start, what));
        }
        (Some(sensor), false) => {
            let values = f64::from(*CELSIUS.start())..=f64::from(*CELSIUS.end());
            curves::check(name, sensor, &values)?;
        }
        (None, true) => {}
    }
    for celsius in [&entry.under_celsius, &entry.over_celsius].into_iter().flatten() {
        if !CELSIUS.contains(celsius.get_ref()) {
            let what = format!(
                "{} degrees Celsius cannot be: use {} to {}",
                celsius.get_ref(),
                CELSIUS.start(),
                CELSIUS.end()
            );
            return Err((celsius.span().start, what));
        }
    }
    if let (Some(under), Some(over)) = (&entry.under_celsius, &entry.over_celsius)
        && over.get_ref() <= under.get_ref()
    {
        let what = format!(
            "{name} would be too hot above {} and too cold below {} degrees: `over-celsius` must be the higher one",
            over.get_ref(),
            under.get_ref()
        );
        return Err((over.span().start, what));
    }
    Ok(())
}

/// Whether an entry has a memory; an entry with a part of its keys is refused.
fn check_memory(name: &Spanned<String>, keys: MemoryKeys) -> Result<bool, (usize, String)> {
    check_keys(name, keys, "a memory")
}

fn check_keys(name: &Spanned<String>, keys: [bool; 3], what: &str) -> Result<bool, (usize, String)> {
    match keys {
        [true, true, true] => Ok(true),
        [false, false, false] => Ok(false),
        _ => Err((
            name.span().start,
            format!(
                "{} has a part of the keys of {what}: it needs `bus`, `chip` and `address`",
                name.get_ref()
            ),
        )),
    }
}

fn check_part_number(number: Option<&Spanned<String>>) -> Check {
    let Some(number) = number else { return Ok(()) };
    text::check_line(number.get_ref(), MAX_PART_NUMBER_CHARS).map_err(|why| {
        let what = format!(
            "the part number {why}: use 1 to {MAX_PART_NUMBER_CHARS} printable characters, as on the box"
        );
        (number.span().start, what)
    })
}

fn check_number<T: Copy + Into<u32>>(value: Option<&Spanned<T>>, least: u32, most: u32, unit: &str) -> Check {
    let Some(value) = value else { return Ok(()) };
    let number: u32 = (*value.get_ref()).into();
    if (least..=most).contains(&number) {
        return Ok(());
    }
    Err((value.span().start, format!("a set value of {number} {unit} cannot be: use {least} to {most}")))
}
