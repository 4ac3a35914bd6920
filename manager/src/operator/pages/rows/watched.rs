//! What the watches found, and what is the matter with the store, in a person's words.

use jiff::Timestamp;
use platen_protocol::supply::Level;

use super::super::super::view::{DeviceView, WatchView};
use super::super::words;
use super::Age;
use crate::store::Trouble;
use crate::watch::frozen::{Frozen, SensorKind};
use crate::watch::{Finding, WatchKind};

pub(in super::super) struct WatchRow {
    /// The watch, as on the wire.
    pub(in super::super) kind: &'static str,
    /// A word for the style sheet.
    pub(in super::super) class: &'static str,
    pub(in super::super) title: String,
    pub(in super::super) text: String,
    pub(in super::super) since: Age,
    pub(in super::super) ended: Option<Age>,
    /// Whether somebody should act on it: only then it is on the fleet's page.
    pub(in super::super) act: bool,
}

impl WatchRow {
    /// Of a device as it is now.
    pub(in super::super) fn of(watch: &WatchView, device: &DeviceView, now: Timestamp) -> Self {
        let overdue = watch.overdue.is_some();
        let (title, text) = match &watch.finding {
            Finding::Contact { .. } if overdue => (
                "Away, and overdue".to_owned(),
                "It has not been heard of for so long that somebody should look after it: is it switched on, and does its network let it out? What else is shown here is as old as that.".to_owned(),
            ),
            Finding::Contact { .. } => (
                "Away".to_owned(),
                "It does not answer at present. It may be switched off; what it finds out meanwhile, it will tell when it is back.".to_owned(),
            ),
            Finding::Freshness { within_seconds, .. } => (
                "Connected, but no new readings".to_owned(),
                format!(
                    "Its readings should come every {}. Its agent is there and does not read the printer: have platen doctor run on the controller.",
                    words::stretch(u64::from(*within_seconds))
                ),
            ),
            Finding::Frozen(frozen) => frozen_words(frozen, device),
        };
        Self {
            kind: watch.kind.word(),
            class: match watch.kind {
                WatchKind::Contact if overdue => "overdue",
                WatchKind::Contact => "silent",
                WatchKind::Freshness | WatchKind::Frozen => "warning",
            },
            title,
            text,
            since: Age::of(watch.since, now),
            ended: watch.ended.map(|ended| Age::of(ended, now)),
            act: overdue,
        }
    }
}

fn frozen_words(frozen: &Frozen, device: &DeviceView) -> (String, String) {
    let label = words::label(&frozen.name);
    let value = u64::try_from(frozen.value).map_or_else(|_| frozen.value.to_string(), words::thousands);
    let (title, said, check) = match frozen.sensor {
        SensorKind::Supply => {
            let supply = device.supplies.iter().find(|supply| supply.reading.name == frozen.name);
            let level = u32::try_from(frozen.value).ok().map(|amount| Level::Known { amount });
            let percent =
                supply.zip(level).and_then(|(supply, level)| level.percent(supply.reading.capacity));
            let said = percent.map_or(value, |percent| format!("{percent} %"));
            (format!("{label}: the level does not move"), said, "the cartridge's chip or sensor")
        }
        SensorKind::Part => {
            (format!("{label}: the life is not counted"), value, "the part's chip or the engine's counter")
        }
        SensorKind::Temperature => {
            let said = i32::try_from(frozen.value).map_or(value, words::celsius);
            (format!("{label}: the temperature does not move"), said, "the sensor and its wires")
        }
        SensorKind::Counter if frozen.name == "page-exits" => (
            "The sensor at the paper's exit does not count".to_owned(),
            value,
            "the sensor's lever and its wire",
        ),
        SensorKind::Counter => (
            "The engine's count of impressions does not move".to_owned(),
            value,
            "the engine's counter; it is billed on",
        ),
    };
    let pages = words::thousands(frozen.pages);
    (title, format!("It says {said} all the time, while {pages} pages were printed: check {check}."))
}

/// What keeps the store from storing.
pub(in super::super) struct TroubleRow {
    pub(in super::super) since: Age,
    pub(in super::super) remedy: &'static str,
}

impl TroubleRow {
    pub(in super::super) fn of(trouble: &Trouble, now: Timestamp) -> Self {
        Self { since: Age::of(trouble.since, now), remedy: trouble.cause.words() }
    }
}
