//! Chips: on buses that exist, at addresses that they can have, one at each.

use std::collections::HashMap;

use crate::config::check::buses::ancestors;
use crate::config::check::{Check, list};
use crate::config::{BoardConfig, ChipKind, ChipPlace, Sensor};
use crate::copies::COPIES;
use crate::counters;

/// Inputs of an ADS1115.
const INPUTS: u8 = 4;

pub(super) fn check(config: &BoardConfig) -> Check {
    if let Some(engine) = &config.engine {
        let (has, needs) = (engine.chip.bytes(), counters::COPY_BYTES * COPIES);
        if has < needs {
            let what = format!(
                "the engine's counter store needs {needs} bytes, and a {} has {has}: use a larger chip",
                engine.chip
            );
            return Err((engine.bus.span().start, what));
        }
    }
    let mut taken = HashMap::new();
    for chip in config.chips() {
        check_chip(config, chip, &mut taken)?;
    }
    check_inputs(config)
}

fn check_chip<'a>(
    config: &'a BoardConfig,
    chip: ChipPlace<'a>,
    taken: &mut HashMap<(&'a str, u8), ChipPlace<'a>>,
) -> Check {
    let (name, bus, address) = (chip.name, chip.bus.get_ref(), *chip.address.get_ref());
    let Some(entry) = config.buses.iter().find(|known| known.name.get_ref() == bus) else {
        let known = list(config.buses.iter().map(|known| known.name.get_ref().as_str()));
        let what = format!("{name} is on the bus {bus:?}, which has no [[bus]] entry; there are: {known}");
        return Err((chip.bus.span().start, what));
    };
    let possible = chip.kind.addresses();
    if !possible.contains(&address) {
        let what = format!(
            "{name} cannot have the address {address:#04x}: such a chip has {:#04x} to {:#04x}",
            possible.start,
            possible.end - 1
        );
        return Err((chip.address.span().start, what));
    }
    let other = taken.insert((bus, address), chip);
    let shared = |other: &ChipPlace<'_>| [other.kind, chip.kind] == [ChipKind::Converter; 2];
    if let Some(other) = other.filter(|other| !shared(other)).map(|other| other.name) {
        let what = format!(
            "{name} and {other} both have the address {address:#04x} on the bus {bus}: change the address pins of one of them, or use another bus"
        );
        return Err((chip.address.span().start, what));
    }
    // The check of the buses came first, so there is no circle.
    for above in ancestors(config, entry).unwrap_or_default() {
        let above = above.name.get_ref();
        let same =
            |other: &&ChipPlace<'_>| other.bus.get_ref() == above && *other.address.get_ref() == address;
        if let Some(other) = config.chips().iter().find(same).map(|other| other.name) {
            let what = format!(
                "{name} and {other} both have the address {address:#04x}, and the multiplexer connects the bus {bus} with the bus {above}: change the address pins of one of them"
            );
            return Err((chip.address.span().start, what));
        }
    }
    Ok(())
}

fn check_inputs(config: &BoardConfig) -> Check {
    let supplies =
        config.supplies.iter().filter_map(|entry| Some((entry.name.get_ref(), entry.sensor.as_ref()?)));
    let temperatures =
        config.temperatures.iter().filter_map(|entry| Some((entry.name.get_ref(), entry.sensor.as_ref()?)));
    let mut taken = HashMap::new();
    for (name, Sensor { bus, address, channel, .. }) in supplies.chain(temperatures) {
        let (input, at) = (*channel.get_ref(), channel.span().start);
        if input >= INPUTS {
            return Err((at, format!("{name} cannot have the channel {input}: use 0 to {}", INPUTS - 1)));
        }
        if let Some(other) = taken.insert((bus.get_ref(), *address.get_ref(), input), name) {
            let what = format!("{name} and {other} both have the channel {input} of one converter");
            return Err((at, what));
        }
    }
    Ok(())
}
