//! What applies, and who set it.

use std::time::Duration;

use jiff::Timestamp;
use platen_hal::config::DEFAULT_SET_PERCENT;
use platen_protocol::identity::CommandId;
use platen_protocol::settings::SettingKey;
use serde::{Deserialize, Serialize};

use super::files::SupplyEntry;
use super::{Chosen, Files, Settings};
use crate::judge::{CHANGE_PAUSE_SAMPLES, JudgeConfig};

/// What applies.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Between samples.
    pub sample_interval: Duration,
    /// Between reports of the utilisation state.
    pub utilisation_interval: Duration,
    /// Between requests for programs.
    pub programs_interval: Duration,
    /// Thresholds.
    pub judge: JudgeConfig,
}

/// Who set a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source")]
pub enum SetBy {
    /// Nobody: what the program does anyway.
    #[serde(rename = "default")]
    Default,
    /// The agent's file.
    #[serde(rename = "agent.toml")]
    AgentFile,
    /// The board's file.
    #[serde(rename = "board.toml")]
    BoardFile,
    /// The manager, by a command.
    #[serde(rename = "manager")]
    Manager {
        /// The operator, if the manager named one.
        operator: Option<String>,
        /// The command that set it.
        command: CommandId,
        /// When, by this device's clock.
        at: Timestamp,
    },
}

/// One setting in `platen status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingReport {
    /// The name by which the manager sets it.
    pub name: String,
    /// What applies.
    pub value: u32,
    /// The unit of the value: `s`, `ms` (an interval in agent.toml that is no whole number of seconds),
    /// `%`, `samples`, `pages` or `days`.
    pub unit: String,
    /// Who set it.
    pub set_by: SetBy,
}

/// What applies of both.
pub fn apply(files: &Files, settings: &Settings) -> Applied {
    let mut applied = Applied {
        sample_interval: files.sample_interval,
        utilisation_interval: files.utilisation_interval,
        programs_interval: files.programs_interval,
        judge: files.judge.clone(),
    };
    let judge = &mut applied.judge;
    for (key, Chosen { value, .. }) in settings.iter() {
        // The bounds were checked when it was set: what does not fit cannot be.
        let percent = u8::try_from(*value).unwrap_or(u8::MAX);
        match key {
            SettingKey::SampleInterval => applied.sample_interval = Duration::from_secs((*value).into()),
            SettingKey::UtilisationInterval => {
                applied.utilisation_interval = Duration::from_secs((*value).into());
            }
            SettingKey::ProgramsInterval => {
                applied.programs_interval = Duration::from_secs((*value).into());
            }
            SettingKey::Hysteresis => judge.hysteresis_percent = percent,
            SettingKey::DebounceSamples => judge.debounce_samples = *value,
            SettingKey::PartPercent => judge.part_percent = percent,
            SettingKey::SupplyPercent(name) => {
                judge.set_values.entry(name.clone()).or_default().percent = Some(percent);
            }
            SettingKey::SupplyPages(name) => {
                judge.set_values.entry(name.clone()).or_default().pages = Some(*value);
            }
            SettingKey::SupplyDays(name) => {
                judge.set_values.entry(name.clone()).or_default().days = Some(*value);
            }
            SettingKey::PartSetPercent(name) => {
                judge.part_percents.insert(name.clone(), percent);
            }
        }
    }
    applied.judge.change_pause = applied.sample_interval * CHANGE_PAUSE_SAMPLES;
    applied
}

/// Every setting that applies, with who set it.
pub fn report(files: &Files, settings: &Settings) -> Vec<SettingReport> {
    let of_agent = |key: &SettingKey, (value, unit): (u32, &'static str)| {
        let source = if files.gives(key) { SetBy::AgentFile } else { SetBy::Default };
        row(settings, key, Some((value, unit, source)))
    };
    let judge = &files.judge;
    let mut rows = vec![
        of_agent(&SettingKey::SampleInterval, period(files.sample_interval)),
        of_agent(&SettingKey::UtilisationInterval, period(files.utilisation_interval)),
        of_agent(&SettingKey::ProgramsInterval, period(files.programs_interval)),
        of_agent(&SettingKey::Hysteresis, (judge.hysteresis_percent.into(), "%")),
        of_agent(&SettingKey::DebounceSamples, (judge.debounce_samples, "samples")),
        of_agent(&SettingKey::PartPercent, (judge.part_percent.into(), "%")),
    ];
    for supply in &files.supplies {
        rows.extend(of_supply(settings, supply));
    }
    for part in &files.parts {
        let given = part.percent.map(|percent| (percent.into(), "%", SetBy::BoardFile));
        rows.push(row(settings, &SettingKey::PartSetPercent(part.name.clone()), given));
    }
    rows.into_iter().flatten().collect()
}

fn of_supply(settings: &Settings, supply: &SupplyEntry) -> [Option<SettingReport>; 3] {
    let board = |value: Option<u32>, unit| value.map(|value| (value, unit, SetBy::BoardFile));
    // As the board reads it: with pages or days alone there is no set value in percent.
    let otherwise = supply.pages.is_some() || supply.days.is_some();
    let default = (!otherwise).then(|| (u32::from(DEFAULT_SET_PERCENT), "%", SetBy::Default));
    let name = || supply.name.clone();
    let percent = board(supply.percent.map(u32::from), "%").or(default);
    [
        row(settings, &SettingKey::SupplyPercent(name()), percent),
        row(settings, &SettingKey::SupplyPages(name()), board(supply.pages, "pages")),
        row(settings, &SettingKey::SupplyDays(name()), board(supply.days, "days")),
    ]
}

/// The manager's value, or else what the files or the program say, if they say anything.
fn row(
    settings: &Settings,
    key: &SettingKey,
    otherwise: Option<(u32, &'static str, SetBy)>,
) -> Option<SettingReport> {
    let (value, unit, set_by) = match settings.get(key) {
        Some(Chosen { value, origin }) => {
            let origin = origin.clone();
            let set_by = SetBy::Manager { operator: origin.operator, command: origin.command, at: origin.at };
            (*value, unit(key), set_by)
        }
        None => otherwise?,
    };
    Some(SettingReport { name: key.to_string(), value, unit: unit.to_owned(), set_by })
}

fn unit(key: &SettingKey) -> &'static str {
    match key {
        SettingKey::SampleInterval | SettingKey::UtilisationInterval | SettingKey::ProgramsInterval => "s",
        SettingKey::DebounceSamples => "samples",
        SettingKey::SupplyPages(_) => "pages",
        SettingKey::SupplyDays(_) => "days",
        SettingKey::Hysteresis
        | SettingKey::PartPercent
        | SettingKey::SupplyPercent(_)
        | SettingKey::PartSetPercent(_) => "%",
    }
}

/// In seconds if it is a whole number of them, else in milliseconds: nothing is rounded.
fn period(period: Duration) -> (u32, &'static str) {
    let (number, unit) =
        if period.subsec_nanos() == 0 { (period.as_secs().into(), "s") } else { (period.as_millis(), "ms") };
    (u32::try_from(number).unwrap_or(u32::MAX), unit)
}
