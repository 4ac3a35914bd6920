//! The set values that apply: the manager's before the board file's, and that before the default.

use platen_protocol::readings::Readings;

use super::config::JudgeConfig;

/// Writes them into a sample. 0 pages or days is no set value.
pub(super) fn set_values(config: &JudgeConfig, readings: &mut Readings) {
    for supply in &mut readings.supplies {
        let set = config.set_values.get(&supply.name).copied().unwrap_or_default();
        supply.set_percent = set.percent.unwrap_or(supply.set_percent);
        supply.set_pages = set.pages.or(supply.set_pages).filter(|pages| *pages > 0);
        supply.set_days = set.days.or(supply.set_days).filter(|days| *days > 0);
    }
    for part in &mut readings.parts {
        let set = config.part_percents.get(&part.name).copied().or(part.set_percent);
        part.set_percent = Some(set.unwrap_or(config.part_percent));
    }
}
