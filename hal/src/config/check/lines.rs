//! Lines: one use each, a chip where one is needed, switches that belong to something.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use platen_protocol::readings::SwitchMeaning;

use crate::config::check::{Check, list};
use crate::config::{Backend, BoardConfig, Line, LineRef, Switch};

type Place<'a> = (Option<&'a PathBuf>, &'a LineRef);

pub(super) fn check(config: &BoardConfig) -> Check {
    let mut taken: HashMap<Place<'_>, String> = HashMap::new();
    let outputs = [("the service lamp", &config.service_lamp), ("the buzzer", &config.buzzer)];
    for (name, line) in outputs.into_iter().filter_map(|(name, line)| Some((name, line.as_ref()?))) {
        check_line(config, name, line, &mut taken)?;
    }
    for bus in &config.buses {
        let Some(line) = &bus.recover else { continue };
        check_line(config, &format!("the recover line of {}", bus.name.get_ref()), line, &mut taken)?;
    }
    let mut meanings = HashSet::new();
    for switch in &config.switches {
        check_place(config, switch, &mut taken)?;
        check_meaning(config, switch, &mut meanings)?;
    }
    Ok(())
}

fn check_line<'a>(
    config: &BoardConfig,
    name: &str,
    line: &'a Line,
    taken: &mut HashMap<Place<'a>, String>,
) -> Check {
    if config.backend == Backend::Linux && needs_chip(line.gpio.as_ref(), &line.line) {
        return Err((line.at, no_chip(name)));
    }
    take((line.gpio.as_ref(), &line.line), name, taken).map_err(|what| (line.at, what))
}

fn check_place<'a>(
    config: &BoardConfig,
    switch: &'a Switch,
    taken: &mut HashMap<Place<'a>, String>,
) -> Check {
    let (name, line) = (switch.name.get_ref(), switch.line.get_ref());
    if config.backend == Backend::Linux && needs_chip(switch.gpio.as_ref(), line) {
        return Err((switch.name.span().start, no_chip(name)));
    }
    take((switch.gpio.as_ref(), line), name, taken).map_err(|what| (switch.line.span().start, what))
}

fn needs_chip(gpio: Option<&PathBuf>, line: &LineRef) -> bool {
    gpio.is_none() && matches!(line, LineRef::Offset(_))
}

fn no_chip(name: &str) -> String {
    format!(
        "{name} has no `gpio`: name its device file, such as \"/dev/gpiochip0\", or give the line by its name as `gpioinfo` shows it"
    )
}

fn take<'a>(place: Place<'a>, name: &str, taken: &mut HashMap<Place<'a>, String>) -> Result<(), String> {
    match taken.insert(place, name.to_owned()) {
        Some(other) => Err(format!("{name} and {other} both have the line {}", place.1)),
        None => Ok(()),
    }
}

fn check_meaning<'a>(
    config: &BoardConfig,
    switch: &'a Switch,
    seen: &mut HashSet<(u8, Option<&'a str>)>,
) -> Check {
    let (name, at) = (switch.name.get_ref(), switch.name.span().start);
    let supply = switch.supply.as_ref().map(|supply| supply.get_ref().as_str());
    let waste = matches!(switch.meaning, SwitchMeaning::WastePresent | SwitchMeaning::WasteFull);
    if waste && supply.is_none() {
        let what = format!("{name} is about a waste box: name the [[supply]] that it is, by `supply`");
        return Err((at, what));
    }
    if let Some(supply) = &switch.supply
        && !config.supplies.iter().any(|entry| entry.name.get_ref() == supply.get_ref())
    {
        let known = list(config.supplies.iter().map(|entry| entry.name.get_ref().as_str()));
        let what = format!(
            "{name} is about the supply {:?}, which has no [[supply]] entry; there are: {known}",
            supply.get_ref()
        );
        return Err((supply.span().start, what));
    }
    let (key, only) = match switch.meaning {
        SwitchMeaning::Sleep => ((0, None), "a board has one switch that is sleep"),
        SwitchMeaning::PageExit => ((1, None), "a board has one switch that is page-exit"),
        SwitchMeaning::WastePresent => ((2, supply), "a waste box has one switch that is waste-present"),
        SwitchMeaning::WasteFull => ((3, supply), "a waste box has one switch that is waste-full"),
        _ => return Ok(()),
    };
    if seen.insert(key) {
        Ok(())
    } else {
        Err((at, format!("{only}: take {name} out, or give it another meaning")))
    }
}
