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

use crate::config::{Backend, BoardConfig, ENGINE, MAX_ITEMS, MAX_NAME_CHARS};

/// The byte of the file where the mistake is, and the words.
pub(crate) type Check = Result<(), (usize, String)>;

/// The fastest that a simulated printer goes.
const MAX_SPEED: u32 = 100_000;
/// Names that mean something else already, where things are named.
const RESERVED: [&str; 2] = [ENGINE, "gpio"];

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
    Ok(())
}

/// Names in a row, for messages.
fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
