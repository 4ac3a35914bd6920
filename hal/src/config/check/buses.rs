//! Buses: a device each, deadlines, multiplexers.

use std::collections::HashSet;

use crate::config::check::{Check, list};
use crate::config::{Backend, BoardConfig, Bus};

/// What a reading of a bus may take, in milliseconds. Below, not even one memory can be read; above, a
/// sample would take longer than the interval between two.
const DEADLINES_MS: std::ops::RangeInclusive<u32> = 20..=10_000;
/// Addresses of a PCA9548 and its kin (NXP PCA9548A data sheet, section 6.1), and their channels.
const MULTIPLEXERS: std::ops::RangeInclusive<u8> = 0x70..=0x77;
const CHANNELS: u8 = 8;

pub(super) fn check(config: &BoardConfig) -> Check {
    let mut seen = HashSet::new();
    for bus in &config.buses {
        let (name, at) = (bus.name.get_ref(), bus.name.span().start);
        if config.backend == Backend::Linux {
            check_device(bus)?;
        }
        if !seen.insert(name) {
            return Err((at, format!("there is a bus {name:?} already: give each its own name")));
        }
        if let Some(deadline) =
            bus.deadline_ms.as_ref().filter(|given| !DEADLINES_MS.contains(given.get_ref()))
        {
            let (least, most) = (DEADLINES_MS.start(), DEADLINES_MS.end());
            let what = format!(
                "a deadline of {} ms cannot be: use {least} to {most}; 1000 suits most boards",
                deadline.get_ref()
            );
            return Err((deadline.span().start, what));
        }
    }
    check_multiplexers(config)
}

fn check_device(bus: &Bus) -> Check {
    let (name, at) = (bus.name.get_ref(), bus.name.span().start);
    match (&bus.device, &bus.adapter) {
        (None, None) => Err((
            at,
            format!(
                "the bus {name:?} has no `device`: name its device file, such as \"/dev/i2c-1\", or its `adapter` as `i2cdetect -l` shows it"
            ),
        )),
        (Some(_), Some(adapter)) => Err((
            adapter.span().start,
            format!("the bus {name:?} has a `device` and an `adapter`: take one of them out"),
        )),
        _ => Ok(()),
    }
}

fn check_multiplexers(config: &BoardConfig) -> Check {
    let mut taken = HashSet::new();
    for bus in &config.buses {
        let Some(behind) = &bus.behind else { continue };
        let (name, at, behind) = (bus.name.get_ref(), behind.span().start, behind.get_ref());
        if !config.buses.iter().any(|known| *known.name.get_ref() == behind.bus) {
            let known = list(config.buses.iter().map(|known| known.name.get_ref().as_str()));
            let what = format!(
                "{name} is behind a multiplexer on the bus {:?}, which has no [[bus]] entry; there are: {known}",
                behind.bus
            );
            return Err((at, what));
        }
        if !MULTIPLEXERS.contains(&behind.address) || behind.channel >= CHANNELS {
            let what = format!(
                "no multiplexer has the address {:#04x} and the channel {}: addresses are {:#04x} to {:#04x}, channels 0 to {}",
                behind.address,
                behind.channel,
                MULTIPLEXERS.start(),
                MULTIPLEXERS.end(),
                CHANNELS - 1
            );
            return Err((at, what));
        }
        if !taken.insert((&behind.bus, behind.address, behind.channel)) {
            let what =
                format!("another bus is behind channel {} of that multiplexer already", behind.channel);
            return Err((at, what));
        }
        if ancestors(config, bus).is_none() {
            let what =
                format!("{name} is behind itself: the chain of `behind` must end at a bus without one");
            return Err((at, what));
        }
    }
    Ok(())
}

/// The buses that a bus hangs on, nearest first; `None` if they go round in a circle.
pub(super) fn ancestors<'a>(config: &'a BoardConfig, bus: &'a Bus) -> Option<Vec<&'a Bus>> {
    let (mut above, mut here) = (Vec::new(), bus);
    while let Some(behind) = &here.behind {
        if above.len() > config.buses.len() {
            return None;
        }
        here = config.buses.iter().find(|known| *known.name.get_ref() == behind.get_ref().bus)?;
        above.push(here);
    }
    Some(above)
}
