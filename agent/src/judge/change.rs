//! What changed enough to be told outside the interval.

use platen_protocol::readings::{
    PartReading, Reading, Readings, SupplyReading, SwitchReading, TemperatureReading,
};
use platen_protocol::supply::Level;

/// A supply or part tells when it moved by this much.
pub const LEVEL_STEP_PERCENT: u8 = 1;
/// A temperature tells when it moved by this much since it was last told.
pub const TEMPERATURE_STEP_MILLIDEGREES: u32 = 2_000;

/// Whether `now` differs from what was last told by enough to tell it. Numbers within one percent, and
/// the wording of a cause, do not count.
pub fn is_worth_telling(told: &Readings, now: &Readings) -> bool {
    differ(&told.supplies, &now.supplies, supply)
        || differ(&told.parts, &now.parts, part)
        || differ(&told.temperatures, &now.temperatures, temperature)
        || differ(&told.switches, &now.switches, switch)
}

fn differ<T>(told: &[T], now: &[T], one: fn(&T, &T) -> bool) -> bool {
    told.len() != now.len() || told.iter().zip(now).any(|(told, now)| one(told, now))
}

fn supply(told: &SupplyReading, now: &SupplyReading) -> bool {
    let known = |level: &Level| matches!(level, Level::Unknown { .. });
    told.name != now.name
        || told.serial != now.serial
        || told.capacity != now.capacity
        || known(&told.level) != known(&now.level)
        || moved(told.percent(), now.percent())
}

fn part(told: &PartReading, now: &PartReading) -> bool {
    told.name != now.name
        || told.serial != now.serial
        || told.rated_life != now.rated_life
        || told.used.known().is_some() != now.used.known().is_some()
        || moved(told.percent_left(), now.percent_left())
}

fn moved(told: Option<u8>, now: Option<u8>) -> bool {
    match (told, now) {
        (Some(told), Some(now)) => told.abs_diff(now) >= LEVEL_STEP_PERCENT,
        (told, now) => told != now,
    }
}

fn temperature(told: &TemperatureReading, now: &TemperatureReading) -> bool {
    match (&told.millidegrees_celsius, &now.millidegrees_celsius) {
        (Reading::Known { value: told }, Reading::Known { value: now }) => {
            told.abs_diff(*now) >= TEMPERATURE_STEP_MILLIDEGREES
        }
        (Reading::Unknown { .. }, Reading::Unknown { .. }) => false,
        _ => true,
    }
}

fn switch(told: &SwitchReading, now: &SwitchReading) -> bool {
    told.active.known() != now.active.known()
}
