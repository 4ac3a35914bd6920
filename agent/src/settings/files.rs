//! What the device's own files say.

use std::collections::BTreeSet;
use std::time::Duration;

use platen_hal::config::BoardConfig;
use platen_protocol::settings::SettingKey;

use crate::judge::JudgeConfig;

/// The settings as agent.toml and board.toml have them.
#[derive(Debug, Clone)]
pub struct Files {
    /// Between samples.
    pub sample_interval: Duration,
    /// Between reports of the utilisation state.
    pub utilisation_interval: Duration,
    /// Between requests for programs.
    pub programs_interval: Duration,
    /// Thresholds.
    pub judge: JudgeConfig,
    /// The settings that stand in agent.toml; the others have their default.
    given: BTreeSet<SettingKey>,
    pub(super) supplies: Vec<SupplyEntry>,
    pub(super) parts: Vec<PartEntry>,
}

/// The set values of a supply in board.toml.
#[derive(Debug, Clone)]
pub(super) struct SupplyEntry {
    pub(super) name: String,
    pub(super) percent: Option<u8>,
    pub(super) pages: Option<u32>,
    pub(super) days: Option<u32>,
}

/// The set value of a part in board.toml.
#[derive(Debug, Clone)]
pub(super) struct PartEntry {
    pub(super) name: String,
    pub(super) percent: Option<u8>,
}

impl Files {
    /// Takes what can be set out of both files.
    pub fn new(
        sample_interval: Duration,
        utilisation_interval: Duration,
        programs_interval: Duration,
        judge: &JudgeConfig,
        given: &BTreeSet<SettingKey>,
        board: &BoardConfig,
    ) -> Self {
        let supplies = board.supplies.iter().map(|entry| SupplyEntry {
            name: entry.name.get_ref().clone(),
            percent: entry.set_percent.as_ref().map(|percent| *percent.get_ref()),
            pages: entry.set_pages.as_ref().map(|pages| *pages.get_ref()),
            days: entry.set_days.as_ref().map(|days| *days.get_ref()),
        });
        let parts = board.parts.iter().map(|entry| PartEntry {
            name: entry.name.get_ref().clone(),
            percent: entry.set_percent.as_ref().map(|percent| *percent.get_ref()),
        });
        Self {
            sample_interval,
            utilisation_interval,
            programs_interval,
            judge: JudgeConfig { no_power: board.no_power_in_sleep(), ..judge.clone() },
            given: given.clone(),
            supplies: supplies.collect(),
            parts: parts.collect(),
        }
    }

    /// Whether a setting stands in agent.toml.
    pub(super) fn gives(&self, key: &SettingKey) -> bool {
        self.given.contains(key)
    }

    /// The supplies on the board.
    pub fn supply_names(&self) -> Vec<&str> {
        self.supplies.iter().map(|supply| supply.name.as_str()).collect()
    }

    /// The parts on the board.
    pub fn part_names(&self) -> Vec<&str> {
        self.parts.iter().map(|part| part.name.as_str()).collect()
    }
}
