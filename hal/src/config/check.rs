//! What a board file must hold beyond its syntax: buses that exist, addresses that the chips can have,
//! nothing twice, nothing that cannot be.

mod buses;
mod chips;
mod curves;
mod entries;
mod lines;
mod power;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::HashSet;

use platen_protocol::limits::MAX_TEXT_CHARS;
use platen_protocol::text;

use crate::billing;
use crate::config::{Backend, BoardConfig, ENGINE, ENGINE_CONTROLLER, MAX_ITEMS, MAX_NAME_CHARS};
use crate::copies::COPIES;
use crate::engine::image::Image;

/// The byte of the file where the mistake is, and the words.
pub(crate) type Check = Result<(), (usize, String)>;

/// The fastest that a simulated printer goes.
const MAX_SPEED: u32 = 100_000;
/// Names that mean something else already, where things are named.
const RESERVED: [&str; 3] = [ENGINE, ENGINE_CONTROLLER, "gpio"];
/// Banks and pages that a simulated controller can have.
const BANKS: std::ops::RangeInclusive<u8> = 1..=2;
const PAGES: std::ops::RangeInclusive<u16> = 8..=1024;

/// Whether a board can be as its file says; else the place in the file, and what is wrong with what to do.
pub(crate) fn check(config: &BoardConfig) -> Check {
    check_counts(config)?;
    check_model(config)?;
    buses::check(config)?;
    check_names(config)?;
    entries::check(config)?;
    chips::check(config)?;
    lines::check(config)?;
    power::check(config)?;
    check_simulation(config)
}

fn check_counts(config: &BoardConfig) -> Check {
    let counts = [
        config.buses.len(),
        config.chips().len(),
        config.supplies.len(),
        config.parts.len(),
        config.temperatures.len(),
        config.switches.len(),
    ];
    if counts.into_iter().any(|count| count > MAX_ITEMS) {
        let what = format!(
            "a board has at most {MAX_ITEMS} of each: buses, chips, supplies, parts, temperatures, switches"
        );
        return Err((0, what));
    }
    Ok(())
}

/// The model goes with the first report, which the manager would refuse, and all reports with it.
fn check_model(config: &BoardConfig) -> Check {
    text::check_line(&config.model, MAX_TEXT_CHARS).map_err(|why| {
        let at = config.text.find("model").unwrap_or(0);
        (at, format!("the model {why}: give the printer's name, as people know it"))
    })
}

fn check_names(config: &BoardConfig) -> Check {
    let supplies = config.supplies.iter().map(|entry| &entry.name);
    let parts = config.parts.iter().map(|entry| &entry.name);
    let temperatures = config.temperatures.iter().map(|entry| &entry.name);
    let switches = config.switches.iter().map(|entry| &entry.name);
    let mut seen = HashSet::new();
    for name in supplies.chain(parts).chain(temperatures).chain(switches) {
        let (text, at) = (name.get_ref(), name.span().start);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > MAX_NAME_CHARS || !text.chars().all(plain) {
            let what = format!(
                "{text:?} is not a valid name: use 1 to {MAX_NAME_CHARS} of a-z, 0-9 and '-', such as \"black\""
            );
            return Err((at, what));
        }
        if RESERVED.contains(&text.as_str()) {
            return Err((at, format!("{text:?} means something else already: give it another name")));
        }
        if !seen.insert(text) {
            return Err((at, format!("there is a {text:?} already: give each its own name")));
        }
    }
    Ok(())
}

fn check_simulation(config: &BoardConfig) -> Check {
    let Some(simulation) = &config.simulation else { return Ok(()) };
    let here = config.text.find("[simulation]").unwrap_or(0);
    if config.backend == Backend::Linux {
        let what = "a real board has no [simulation]: take it out, or set backend = \"simulated\"";
        return Err((here, what.to_owned()));
    }
    if let Some(speed) = &simulation.speed
        && !(1..=MAX_SPEED).contains(speed.get_ref())
    {
        let what = format!("a speed of {} cannot be: use 1 to {MAX_SPEED}, 1 for real time", speed.get_ref());
        return Err((speed.span().start, what));
    }
    if simulation.scenario.is_some() && simulation.trace.is_some() {
        let what = "a simulated printer plays a `scenario` or replays a `trace`: take one of them out";
        return Err((here, what.to_owned()));
    }
    let needs = usize::try_from(billing::FIRST_BYTE).unwrap_or(usize::MAX) + billing::COPY_BYTES * COPIES;
    if simulation.billing_counters && config.engine.as_ref().is_none_or(|engine| engine.chip.bytes() < needs)
    {
        let what = format!(
            "`billing-counters` need an [engine] whose memory has {needs} bytes, such as a fm24cl64b: give it one, or take them out"
        );
        return Err((here, what));
    }
    check_simulated_engine(config)
}

fn check_simulated_engine(config: &BoardConfig) -> Check {
    let Some(entry) = config.simulation.as_ref().and_then(|simulation| simulation.engine.as_ref()) else {
        return Ok(());
    };
    let (engine, at) = (entry.get_ref(), entry.span().start);
    if config.engine_controller.is_none() {
        let what =
            "the `engine` of a simulation is the controller of [engine-controller]: add that, or take it out";
        return Err((at, what.to_owned()));
    }
    if !BANKS.contains(&engine.banks) || !PAGES.contains(&engine.pages) {
        let (least, most) = (PAGES.start(), PAGES.end());
        return Err((
            at,
            format!("a simulated controller has 1 or 2 banks, and {least} to {most} pages in each"),
        ));
    }
    Image::build(&engine.model, &engine.firmware, &[]).map_err(|error| (at, error.to_string()))?;
    Ok(())
}

/// Names in a row, for messages.
fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
