//! What the watches found, in a person's words.

use platen_protocol::facts::Share;
use platen_protocol::facts::words::{grouped, label};
use platen_protocol::supply::Level;

use super::super::view::{DeviceView, WatchView};
use super::units::{celsius, counted, stretch};
use crate::watch::Finding;
use crate::watch::frozen::{Frozen, SensorKind};

/// What was found, in a few words.
pub(in super::super) fn watch_title(watch: &WatchView) -> String {
    match &watch.finding {
        Finding::Contact { .. } if watch.needs_action() => "Out of contact, overdue".to_owned(),
        Finding::Contact { .. } => "Out of contact".to_owned(),
        Finding::Freshness { .. } => "Connected, but no new readings".to_owned(),
        Finding::Frozen(frozen) => frozen_title(frozen),
    }
}

/// What it means and what to do, of a device as it is now.
pub(in super::super) fn watch_text(watch: &WatchView, device: &DeviceView) -> String {
    match &watch.finding {
        Finding::Contact { .. } if watch.needs_action() => "It has been out of contact for so long that somebody should check: is it switched on, and does its network let it connect? Everything else shown here is just as old.".to_owned(),
        Finding::Contact { .. } => "It is not answering at the moment. It may be switched off; once it is back it reports what happened in the meantime.".to_owned(),
        Finding::Freshness { within_seconds, .. } => format!(
            "Its readings should come every {}. Its agent is running but does not read the printer: run `platen doctor` on the controller.",
            stretch(u64::from(*within_seconds))
        ),
        Finding::Frozen(frozen) => frozen_text(frozen, device),
    }
}

fn frozen_title(frozen: &Frozen) -> String {
    let name = label(&frozen.name);
    match frozen.sensor {
        SensorKind::Supply => format!("{name}: the level does not change"),
        SensorKind::Part => format!("{name}: wear is not counted"),
        SensorKind::Temperature => format!("{name}: the temperature does not change"),
        SensorKind::Counter if is_exit(frozen) => "The paper exit sensor does not count".to_owned(),
        SensorKind::Counter => "The engine's impression counter does not change".to_owned(),
    }
}

fn is_exit(frozen: &Frozen) -> bool {
    frozen.name == "page-exits"
}

fn frozen_text(frozen: &Frozen, device: &DeviceView) -> String {
    let value = u64::try_from(frozen.value).map_or_else(|_| frozen.value.to_string(), grouped);
    let (said, check) = match frozen.sensor {
        SensorKind::Supply => {
            let supply = device.supplies.iter().find(|supply| supply.reading.name == frozen.name);
            let level = u32::try_from(frozen.value).ok().map(|amount| Level::Known { amount });
            let share =
                supply.zip(level).and_then(|(supply, level)| Share::of(&level, supply.reading.capacity));
            let said = share.map_or(value, |share| share.to_string());
            (said, "the cartridge's chip or sensor")
        }
        SensorKind::Part => (value, "the part's chip or the engine's counter"),
        SensorKind::Temperature => {
            (i32::try_from(frozen.value).map_or(value, celsius), "the sensor and its wiring")
        }
        SensorKind::Counter if is_exit(frozen) => (value, "the sensor's lever and its wiring"),
        SensorKind::Counter => (value, "the engine's counter; customers are billed on it"),
    };
    let pages = counted(frozen.pages, "page was", "pages were");
    format!("It has read {said} while {pages} printed: check {check}.")
}
