//! From the names in a command to places on the board; a command that cannot be done is refused here.

use std::time::Duration;

use platen_protocol::readings::SwitchMeaning;

use crate::error::SimError;
use crate::faults::{Faults, Gauge, Kind};
use crate::lines::Lines;
use platen_hal::config::ENGINE_CONTROLLER;
use platen_hal::sim_command::{Fault, PRESS_DURATION, SimCommand};

/// The most pages of one act.
const MAX_PAGES: u32 = 100_000;
/// The fastest engine.
const MAX_PER_MINUTE: u32 = 6_000;
/// The longest press of a button.
const MAX_PRESS_MS: u32 = 60_000;
/// Where sensors of a printer can be, in thousandths of a degree Celsius.
const TEMPERATURES: std::ops::RangeInclusive<i32> = -273_150..=1_000_000;

/// A command whose names are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Set { target: usize, percent: u8 },
    Print { pages: u32, per_minute: Option<u32> },
    Coverage(u8),
    Switch { place: usize, active: bool },
    Press { place: usize, time: Duration },
    Swap { target: usize, fresh: bool },
    Heat { target: usize, millidegrees: i32 },
    CutEngine { pages: u32, time: Duration },
    Fault { target: usize, fault: Fault },
}

/// Finds what a command is about.
pub(crate) fn resolve(command: &SimCommand, faults: &Faults, lines: &Lines) -> Result<Act, SimError> {
    use SwitchMeaning::{Cover, Interlock, OrderButton, ServiceButton};
    let is_slot = |kind| matches!(kind, Kind::Supply(_) | Kind::Part { .. });
    Ok(match command {
        SimCommand::Set { supply, percent } => Act::Set {
            target: faults.find("supply", supply, |kind| matches!(kind, Kind::Supply(_)))?,
            percent: percentage(*percent)?,
        },
        SimCommand::Print { pages, per_minute } => {
            if !(1..=MAX_PAGES).contains(pages) {
                return Err(SimError::Pages { pages: *pages, limit: MAX_PAGES });
            }
            if let Some(per_minute) = per_minute.filter(|pace| !(1..=MAX_PER_MINUTE).contains(pace)) {
                return Err(SimError::Pace { per_minute, limit: MAX_PER_MINUTE });
            }
            Act::Print { pages: *pages, per_minute: *per_minute }
        }
        SimCommand::Coverage { percent } => Act::Coverage(percentage(*percent)?),
        SimCommand::Open { switch } => Act::Switch {
            place: find_switch(lines, "cover", switch, |m| matches!(m, Cover | Interlock))?,
            active: true,
        },
        SimCommand::Close { switch } => Act::Switch {
            place: find_switch(lines, "cover", switch, |m| matches!(m, Cover | Interlock))?,
            active: false,
        },
        SimCommand::Press { button, milliseconds } => {
            let limit = MAX_PRESS_MS;
            if let Some(milliseconds) = milliseconds.filter(|time| !(1..=limit).contains(time)) {
                return Err(SimError::Press { milliseconds, limit });
            }
            let time = milliseconds.map_or(PRESS_DURATION, |time| Duration::from_millis(time.into()));
            let is_button = |m| matches!(m, ServiceButton | OrderButton);
            Act::Press { place: find_switch(lines, "button", button, is_button)?, time }
        }
        SimCommand::Switch { switch, active } => {
            let other = |m| !matches!(m, ServiceButton | OrderButton);
            Act::Switch { place: find_switch(lines, "switch", switch, other)?, active: *active }
        }
        SimCommand::Replace { target } => {
            Act::Swap { target: faults.find("supply or part", target, is_slot)?, fresh: true }
        }
        SimCommand::Reseat { target } => {
            let has_memory = |kind| {
                matches!(kind, Kind::Supply(Gauge::Memory | Gauge::Switches) | Kind::Part { memory: true })
            };
            Act::Swap {
                target: faults.find("re-seatable cartridge or part", target, has_memory)?,
                fresh: false,
            }
        }
        SimCommand::Heat { sensor, millidegrees_celsius } => {
            if !TEMPERATURES.contains(millidegrees_celsius) {
                return Err(SimError::Temperature(*millidegrees_celsius));
            }
            let target =
                faults.find("temperature sensor", sensor, |kind| matches!(kind, Kind::Temperature { .. }))?;
            Act::Heat { target, millidegrees: *millidegrees_celsius }
        }
        SimCommand::CutEngine { pages, milliseconds } => {
            faults.find("controller of an engine", ENGINE_CONTROLLER, |kind| kind == Kind::Controller)?;
            Act::CutEngine { pages: *pages, time: Duration::from_millis((*milliseconds).into()) }
        }
        SimCommand::Fault { target, fault } => {
            let target = faults.find("chip, bus or line", target, |_| true)?;
            faults.check(target, *fault)?;
            Act::Fault { target, fault: *fault }
        }
    })
}

fn percentage(percent: u8) -> Result<u8, SimError> {
    if percent > 100 { Err(SimError::AboveHundred(percent)) } else { Ok(percent) }
}

/// A switch by its name on the board, or by what it is for the first of its kind: `cover`, `interlock`,
/// `service` or `order`.
fn find_switch(
    lines: &Lines,
    what: &'static str,
    name: &str,
    wanted: impl Fn(SwitchMeaning) -> bool,
) -> Result<usize, SimError> {
    let possible = || lines.switches().iter().enumerate().filter(|(_, switch)| wanted(switch.meaning));
    let nickname = match name {
        "cover" => Some(SwitchMeaning::Cover),
        "interlock" => Some(SwitchMeaning::Interlock),
        "service" => Some(SwitchMeaning::ServiceButton),
        "order" => Some(SwitchMeaning::OrderButton),
        _ => None,
    };
    let found = possible()
        .find(|(_, switch)| switch.name == name)
        .or_else(|| possible().find(|(_, switch)| Some(switch.meaning) == nickname));
    found.map(|(place, _)| place).ok_or_else(|| {
        let known: Vec<_> = possible().map(|(_, switch)| switch.name.as_str()).collect();
        SimError::NoSuch { what, name: name.to_owned(), known: known.join(", ") }
    })
}
