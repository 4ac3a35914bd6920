//! `[judge]` of agent.toml.

use std::collections::BTreeMap;
use std::time::Duration;

use platen_hal::config::NoPowerInSleep;
use serde::Deserialize;

use crate::units;

/// What moves all the time, temperatures and counters, is told as a change at most once in so many samples. A
/// fuser that cools moves with every one of them, and each report is a write to an SD card.
pub const CHANGE_PAUSE_SAMPLES: u32 = 60;

/// When does a reading count?
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JudgeConfig {
    /// Percent above the set value at which a level alert ends: 0 to 50.
    #[serde(deserialize_with = "units::number::<_, _, 0, 50>")]
    pub hysteresis_percent: u8,
    /// Samples in a row that must agree: 1 to 20.
    #[serde(deserialize_with = "units::number::<_, _, 1, 20>")]
    pub debounce_samples: u32,
    /// After an edge, further edges of that switch are bounce for so long: 0 to 2 s.
    #[serde(deserialize_with = "units::period::<_, 0, 2_000>")]
    pub switch_debounce: Duration,
    /// Percent of its life at or below which a part is reported: 0 to 100.
    #[serde(deserialize_with = "units::number::<_, _, 0, 100>")]
    pub part_percent: u8,
    /// A button that is held for so long or longer is pressed long: 500 ms to 10 s.
    #[serde(deserialize_with = "units::period::<_, 500, 10_000>")]
    pub long_press: Duration,
    /// A press of the order button so soon after the last one belongs to it: 0 to 60 s.
    #[serde(deserialize_with = "units::period::<_, 0, 60_000>")]
    pub order_window: Duration,
    /// Times within an hour that one alert may be raised; the last of them says so, and stands until the
    /// thing has been quiet: 2 to 60.
    #[serde(deserialize_with = "units::number::<_, _, 2, 60>")]
    pub flap_limit: u32,
    /// After the printer woke, what lost its power in its sleep may take so long to answer: 0 to 10 min.
    #[serde(deserialize_with = "units::period::<_, 0, 600_000>")]
    pub settle_after_sleep: Duration,
    /// What has no power while the printer sleeps, from the board file.
    #[serde(skip)]
    pub no_power: NoPowerInSleep,
    /// How long temperatures and counters are not told again as a change.
    #[serde(skip)]
    pub change_pause: Duration,
    /// What a manager has set, by the name of the supply.
    #[serde(skip)]
    pub set_values: BTreeMap<String, SetValues>,
    /// What a manager has set, by the name of the part, in percent of its life.
    #[serde(skip)]
    pub part_percents: BTreeMap<String, u8>,
}

/// When a supply is to be reported: at whichever is reached first. `None` leaves what the board file says;
/// 0 pages or days is never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SetValues {
    /// Percent of its capacity: 0 to 100.
    pub percent: Option<u8>,
    /// Pages that are left.
    pub pages: Option<u32>,
    /// Days that are left.
    pub days: Option<u32>,
}

impl Default for JudgeConfig {
    fn default() -> Self {
        Self {
            hysteresis_percent: 3,
            debounce_samples: 2,
            switch_debounce: Duration::from_millis(50),
            part_percent: 10,
            long_press: Duration::from_secs(3),
            order_window: Duration::from_secs(10),
            flap_limit: 10,
            settle_after_sleep: Duration::from_secs(60),
            no_power: NoPowerInSleep::default(),
            change_pause: Duration::ZERO,
            set_values: BTreeMap::new(),
            part_percents: BTreeMap::new(),
        }
    }
}
