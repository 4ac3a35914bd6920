//! What a board file must hold beyond its syntax: buses that exist, addresses that the chips can have,
//! nothing twice.

use std::collections::{HashMap, HashSet};

use crate::config::{Backend, BoardConfig, MAX_ITEMS, MAX_NAME_CHARS, OnBus};

/// The byte of the file where the mistake is, and the words.
pub(crate) type Check = Result<(), (usize, String)>;

/// Whether a board can be as its file says; else the place in the file, and what is wrong with what to do.
pub(crate) fn check(config: &BoardConfig) -> Check {
    let chips = chips(config);
    if chips.len() > MAX_ITEMS || config.switches.len() > MAX_ITEMS {
        return Err((0, format!("a board has at most {MAX_ITEMS} chips and {MAX_ITEMS} switches")));
    }
    check_buses(config)?;
    check_names(config)?;
    let mut taken: HashMap<(&str, u8), &str> = HashMap::new();
    for chip in chips {
        check_chip(config, chip, &mut taken)?;
    }
    for percent in config.supplies.iter().filter_map(|supply| supply.set_percent.as_ref()) {
        if *percent.get_ref() > 100 {
            let what = format!("a set value of {} % cannot be: use 0 to 100", percent.get_ref());
            return Err((percent.span().start, what));
        }
    }
    check_lines(config)
}

fn chips(config: &BoardConfig) -> Vec<&dyn OnBus> {
    let supplies = config.supplies.iter().map(|entry| entry as &dyn OnBus);
    let parts = config.parts.iter().map(|entry| entry as &dyn OnBus);
    let temperatures = config.temperatures.iter().map(|entry| entry as &dyn OnBus);
    supplies.chain(parts).chain(temperatures).collect()
}

fn check_buses(config: &BoardConfig) -> Check {
    let mut seen = HashSet::new();
    for bus in &config.buses {
        if config.backend == Backend::Linux && bus.device.is_none() {
            let what = format!(
                "the bus {:?} has no `device`: name its device file, such as \"/dev/i2c-1\"",
                bus.name.get_ref()
            );
            return Err((bus.name.span().start, what));
        }
        if !seen.insert(bus.name.get_ref()) {
            let what = format!("there is a bus {:?} already: give each its own name", bus.name.get_ref());
            return Err((bus.name.span().start, what));
        }
    }
    Ok(())
}

fn check_names(config: &BoardConfig) -> Check {
    let chips = chips(config).into_iter().map(OnBus::name);
    let mut seen = HashSet::new();
    for name in chips.chain(config.switches.iter().map(|switch| &switch.name)) {
        let text = name.get_ref();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > MAX_NAME_CHARS || !text.chars().all(plain) {
            let what = format!(
                "{text:?} is no name: use 1 to {MAX_NAME_CHARS} of a-z, 0-9 and '-', such as \"black\""
            );
            return Err((name.span().start, what));
        }
        if !seen.insert(text) {
            return Err((name.span().start, format!("there is a {text:?} already: give each its own name")));
        }
    }
    Ok(())
}

fn check_chip<'a>(
    config: &'a BoardConfig,
    chip: &'a dyn OnBus,
    taken: &mut HashMap<(&'a str, u8), &'a str>,
) -> Check {
    let (name, bus, address) = (chip.name().get_ref(), chip.bus().get_ref(), *chip.address().get_ref());
    if !config.buses.iter().any(|known| known.name.get_ref() == bus) {
        let known: Vec<_> = config.buses.iter().map(|known| known.name.get_ref().as_str()).collect();
        let what =
            format!("{name} is on the bus {bus:?}, which has no [[bus]] entry; there are: {}", list(&known));
        return Err((chip.bus().span().start, what));
    }
    let possible = chip.addresses();
    if !possible.contains(&address) {
        let what = format!(
            "{name} cannot have the address {address:#04x}: such a chip has {:#04x} to {:#04x}",
            possible.start,
            possible.end - 1
        );
        return Err((chip.address().span().start, what));
    }
    if let Some(other) = taken.insert((bus, address), name) {
        let what = format!(
            "{name} and {other} both have the address {address:#04x} on the bus {bus}: set the address pins of one of them otherwise, or use another bus"
        );
        return Err((chip.address().span().start, what));
    }
    Ok(())
}

fn check_lines(config: &BoardConfig) -> Check {
    let mut taken = HashMap::new();
    if let Some(lamp) = &config.service_lamp {
        taken.insert((lamp.gpio.as_ref(), &lamp.line), "the service lamp");
    }
    let linux = config.backend == Backend::Linux;
    if linux && config.service_lamp.as_ref().is_some_and(|lamp| lamp.gpio.is_none()) {
        return Err((
            0,
            "the service lamp has no `gpio`: name its device file, such as \"/dev/gpiochip0\"".into(),
        ));
    }
    for switch in &config.switches {
        let name = switch.name.get_ref();
        if linux && switch.gpio.is_none() {
            let what = format!("{name} has no `gpio`: name its device file, such as \"/dev/gpiochip0\"");
            return Err((switch.name.span().start, what));
        }
        if let Some(other) = taken.insert((switch.gpio.as_ref(), switch.line.get_ref()), name) {
            let what = format!("{name} and {other} both have the line {}", switch.line.get_ref());
            return Err((switch.line.span().start, what));
        }
    }
    Ok(())
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
