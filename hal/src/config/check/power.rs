//! Who has power while the engine sleeps, and how far its counters count.

use platen_protocol::readings::DEFAULT_WRAPS_AT;
use toml::Spanned;

use crate::config::BoardConfig;
use crate::config::check::Check;

/// No engine counts to fewer than four digits; the store's own fields end at 32 bits.
const WIDTHS: std::ops::RangeInclusive<u64> = 10_000..=DEFAULT_WRAPS_AT;

pub(super) fn check(config: &BoardConfig) -> Check {
    check_keys(config)?;
    check_widths(config)
}

fn check_keys(config: &BoardConfig) -> Check {
    let chipless = |name: &Spanned<String>, what: &str| {
        format!("{} has no chip of its own that could lose its power: {what}", name.get_ref())
    };
    for entry in &config.supplies {
        let measured = entry.memory().is_some() || entry.sensor.is_some();
        if let Some(key) = entry.loses_power_in_sleep.as_ref().filter(|_| !measured) {
            return Err((key.span().start, chipless(&entry.name, "take the key out")));
        }
    }
    for entry in &config.parts {
        if let Some(key) = entry.loses_power_in_sleep.as_ref().filter(|_| entry.memory().is_none()) {
            return Err((key.span().start, chipless(&entry.name, "its life is in the store of [engine]")));
        }
    }
    if config.tells_sleep() {
        return Ok(());
    }
    let buses = config.buses.iter().map(|entry| &entry.loses_power_in_sleep);
    let engine = config.engine.iter().map(|entry| &entry.loses_power_in_sleep);
    let supplies = config.supplies.iter().map(|entry| &entry.loses_power_in_sleep);
    let parts = config.parts.iter().map(|entry| &entry.loses_power_in_sleep);
    let sensors = config.temperatures.iter().map(|entry| &entry.loses_power_in_sleep);
    let controller = config.engine_controller.iter().map(|entry| &entry.loses_power_in_sleep);
    let all = buses.chain(engine).chain(controller).chain(supplies).chain(parts).chain(sensors);
    match all.flatten().find(|key| *key.get_ref()) {
        None => Ok(()),
        Some(key) => {
            let what = "nothing tells when the printer sleeps: add a [[switch]] with meaning = \"sleep\", or take `loses-power-in-sleep` out";
            Err((key.span().start, what.to_owned()))
        }
    }
}

fn check_widths(config: &BoardConfig) -> Check {
    let Some(engine) = &config.engine else { return Ok(()) };
    let own = engine.wraps_at_of.clone().unwrap_or_default();
    let all = [engine.wraps_at.clone(), own.impressions, own.full_color, own.monochrome, own.sheets];
    match all.into_iter().flatten().find(|width| !WIDTHS.contains(width.get_ref())) {
        None => Ok(()),
        Some(width) => {
            let what = format!(
                "a counter that begins again at 0 after {} counts cannot be: use {} to {}, such as 10000000 for seven digits",
                width.get_ref(),
                WIDTHS.start(),
                WIDTHS.end()
            );
            Err((width.span().start, what))
        }
    }
}
