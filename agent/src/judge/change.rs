//! What changed enough to be told outside the interval.

use platen_protocol::facts::Share;
use platen_protocol::readings::{
    BillingReading, CounterReading, HeldReading, PartReading, Reading, Readings, SupplyReading,
    SwitchMeaning, SwitchReading, TemperatureReading,
};
use platen_protocol::supply::Level;

/// A supply or part tells when it moved by this much.
pub const LEVEL_STEP_PERCENT: u8 = 1;
/// A supply with an analog sensor tells when it moved by this much: between two whole percent, the noise of
/// a single count of the converter moves it by one, back and forth at every sample.
const SENSED_STEP_PERCENT: u8 = 2;
/// A temperature tells when it moved by this much since it was last told.
pub const TEMPERATURE_STEP_MILLIDEGREES: u32 = 2_000;

/// Whether `now` differs from what was last told by enough to tell it. Numbers within a step, and
/// the wording of a cause, do not count.
pub fn is_worth_telling(told: &Readings, now: &Readings) -> bool {
    is_worth_telling_at_once(told, now) || has_moved(told, now)
}

/// The same, of what stays as it is until something happens.
pub(super) fn is_worth_telling_at_once(told: &Readings, now: &Readings) -> bool {
    differ(&told.supplies, &now.supplies, supply)
        || differ(&told.parts, &now.parts, part)
        || differ(&told.switches, &now.switches, switch)
        || differ(&told.held, &now.held, held)
}

/// The same, of what moves all the time while a printer works. What is wrong with it is an alert.
pub(super) fn has_moved(told: &Readings, now: &Readings) -> bool {
    differ(&told.temperatures, &now.temperatures, temperature)
        || differ(&told.counters, &now.counters, counter)
        || differ(&told.billing, &now.billing, billing)
}

fn differ<T>(told: &[T], now: &[T], one: fn(&T, &T) -> bool) -> bool {
    told.len() != now.len() || told.iter().zip(now).any(|(told, now)| one(told, now))
}

fn supply(told: &SupplyReading, now: &SupplyReading) -> bool {
    let known = |level: &Level| matches!(level, Level::Unknown { .. });
    told.name != now.name
        || told.serial != now.serial
        || told.capacity != now.capacity
        || (told.set_percent, told.set_pages, told.set_days) != (now.set_percent, now.set_pages, now.set_days)
        || told.empty_at != now.empty_at
        || known(&told.level) != known(&now.level)
        || told.is_empty() != now.is_empty()
        || moved(told.percent(), now.percent(), step(now))
}

fn step(supply: &SupplyReading) -> u8 {
    if supply.is_sensed() { SENSED_STEP_PERCENT } else { LEVEL_STEP_PERCENT }
}

fn part(told: &PartReading, now: &PartReading) -> bool {
    told.name != now.name
        || told.serial != now.serial
        || told.rated_life != now.rated_life
        || told.set_percent != now.set_percent
        || told.used.known().is_some() != now.used.known().is_some()
        || is_over(told) != is_over(now)
        || moved(told.percent_left(), now.percent_left(), LEVEL_STEP_PERCENT)
}

fn is_over(part: &PartReading) -> bool {
    part.share_left().is_some_and(Share::is_nothing)
}

fn moved(told: Option<u8>, now: Option<u8>, step: u8) -> bool {
    match (told, now) {
        (Some(told), Some(now)) => told.abs_diff(now) >= step,
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

/// That something stands since the printer fell asleep is news, and that it does so no longer; its age is not.
fn held(told: &HeldReading, now: &HeldReading) -> bool {
    (told.kind, &told.name) != (now.kind, &now.name)
}

/// A count rises with every page; that it cannot be read, was set back or began again at 0, is news.
fn counter(told: &CounterReading, now: &CounterReading) -> bool {
    told.kind != now.kind
        || (told.epoch, told.wraps) != (now.epoch, now.wraps)
        || told.value.known().is_some() != now.value.known().is_some()
}

fn billing(told: &BillingReading, now: &BillingReading) -> bool {
    told.name != now.name
        || (told.epoch, told.wraps) != (now.epoch, now.wraps)
        || told.value.known().is_some() != now.value.known().is_some()
}

fn switch(told: &SwitchReading, now: &SwitchReading) -> bool {
    // A press is told as such, and a page at the exit is counted.
    let moves = matches!(
        now.meaning,
        SwitchMeaning::ServiceButton | SwitchMeaning::OrderButton | SwitchMeaning::PageExit
    );
    told.name != now.name
        || told.active.known().is_some() != now.active.known().is_some()
        || (!moves && told.active.known() != now.active.known())
}
