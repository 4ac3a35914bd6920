//! `[judge]` of agent.toml.

use std::time::Duration;

use serde::Deserialize;

use crate::units;

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
}

impl Default for JudgeConfig {
    fn default() -> Self {
        Self {
            hysteresis_percent: 3,
            debounce_samples: 2,
            switch_debounce: Duration::from_millis(50),
            part_percent: 10,
        }
    }
}
