//! `agent.toml`: composed of what each stage wants to know, and checked as a whole.
//!
//! No stage imports this file. A key that is not known, a value out of bounds and a missing unit are
//! errors with their line, told before anything is opened.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use platen_protocol::identity::DeviceId;
use platen_protocol::settings::SettingKey;
use serde::Deserialize;

use crate::judge::JudgeConfig;
use crate::outbox::OutboxConfig;
use crate::programs::ProgramsConfig;
use crate::sample::SampleConfig;
use crate::tool::control::ControlConfig;
use crate::uplink::UplinkConfig;
use crate::utilise::UtilisationConfig;

/// Where the file is unless said otherwise.
pub const DEFAULT_PATH: &str = "/etc/platen/agent.toml";
const DEFAULT_BOARD: &str = "/etc/platen/board.toml";
const DEFAULT_STATE_DIRECTORY: &str = "/var/lib/platen-agent";
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The name under which this device asks to be known; the host name unless said otherwise.
    device: Option<DeviceId>,
    /// The board file.
    pub board: PathBuf,
    /// The outbox and the identity are kept here.
    pub state_directory: PathBuf,
    /// Whether a simulated board may be used. Never in production.
    pub allow_simulated: bool,
    /// The socket for `platen`.
    pub control_socket: PathBuf,
    /// Reading the board.
    pub sample: SampleConfig,
    /// Thresholds.
    pub judge: JudgeConfig,
    /// The utilisation report.
    pub utilisation: UtilisationConfig,
    /// Asking for programs.
    pub programs: ProgramsConfig,
    /// What waits to be sent.
    pub outbox: OutboxConfig,
    /// The way to the manager.
    pub uplink: UplinkConfig,
    /// Where it was read from.
    #[serde(skip)]
    pub source: PathBuf,
    /// What of the settings that a manager can change stands in the file.
    #[serde(skip)]
    pub given: BTreeSet<SettingKey>,
}

/// The keys of the settings that a manager can change.
const SETTABLE: &[(&str, &str, SettingKey)] = &[
    ("sample", "interval", SettingKey::SampleInterval),
    ("utilisation", "interval", SettingKey::UtilisationInterval),
    ("programs", "interval", SettingKey::ProgramsInterval),
    ("judge", "hysteresis_percent", SettingKey::Hysteresis),
    ("judge", "debounce_samples", SettingKey::DebounceSamples),
    ("judge", "part_percent", SettingKey::PartPercent),
];

impl Default for Config {
    fn default() -> Self {
        Self {
            device: None,
            board: DEFAULT_BOARD.into(),
            state_directory: DEFAULT_STATE_DIRECTORY.into(),
            allow_simulated: false,
            control_socket: ControlConfig::default().socket,
            sample: SampleConfig::default(),
            judge: JudgeConfig::default(),
            utilisation: UtilisationConfig::default(),
            programs: ProgramsConfig::default(),
            outbox: OutboxConfig::default(),
            uplink: UplinkConfig::default(),
            source: DEFAULT_PATH.into(),
            given: BTreeSet::new(),
        }
    }
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}; give another file with --config, or install the one that the package ships", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// Something in it cannot be right.
    #[error("{}:{line}: {what}; correct that line (the file that the package ships explains each key)", file.display())]
    Wrong {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// The host name cannot serve as the device's name.
    #[error("{}: `device` is not set, and the host name cannot be used instead: {source}", file.display())]
    NoDevice {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: platen_protocol::identity::InvalidId,
    },
}

/// Reads and checks a file.
///
/// # Errors
/// When the file cannot be read, or something in it cannot be right.
pub fn load(file: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(file)
        .map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
    parse(&text, file)
}

/// Checks the text of a file; `file` is for the messages.
///
/// # Errors
/// When something in it cannot be right.
pub fn parse(text: &str, file: &Path) -> Result<Config, ConfigError> {
    let wrong = |cause: toml::de::Error| ConfigError::Wrong {
        file: file.to_owned(),
        line: line_of(text, cause.span().map_or(0, |span| span.start)),
        what: cause.message().replace('\n', "; "),
    };
    let mut config: Config = toml::from_str(text).map_err(wrong)?;
    file.clone_into(&mut config.source);
    config.given = given(&toml::from_str(text).map_err(wrong)?);
    Ok(config)
}

fn given(file: &toml::Table) -> BTreeSet<SettingKey> {
    let stands =
        |section: &str, key: &str| file.get(section).is_some_and(|section| section.get(key).is_some());
    let settable = SETTABLE.iter().filter(|(section, key, _)| stands(section, key));
    settable.map(|(_, _, setting)| setting.clone()).collect()
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

impl Config {
    /// The name under which this device asks to be known.
    pub fn device(&self) -> Result<DeviceId, ConfigError> {
        if let Some(device) = &self.device {
            return Ok(device.clone());
        }
        let host = std::fs::read_to_string(HOST_NAME).unwrap_or_default();
        host.trim().parse().map_err(|source| ConfigError::NoDevice { file: self.source.clone(), source })
    }

    /// Sets the device's name, as `device` would.
    pub fn set_device(&mut self, device: DeviceId) {
        self.device = Some(device);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn refused(text: &str) -> String {
        parse(text, Path::new("agent.toml")).unwrap_err().to_string()
    }

    #[test]
    fn the_file_that_the_package_ships_says_what_the_program_does_anyway() {
        let shipped = parse(include_str!("../agent.toml"), Path::new("agent.toml")).unwrap();
        let default =
            Config { source: "agent.toml".into(), given: shipped.given.clone(), ..Config::default() };
        assert_eq!(shipped.given.len(), SETTABLE.len(), "each stands there");
        assert_eq!(format!("{shipped:#?}"), format!("{default:#?}"));
    }

    #[test]
    fn every_key_in_the_shipped_file_is_one_that_the_program_knows_when_it_is_uncommented() {
        let all: String = include_str!("../agent.toml")
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(key) if !key.starts_with(' ') && key.contains('=') => format!("{key}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let config = parse(&all, Path::new("agent.toml")).unwrap();
        assert!(config.device.is_some() && config.uplink.manager.is_some());
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_keys_that_there_are() {
        let told = refused("board = \"b\"\n\n[judge]\nhysterisis = 3\n");
        assert!(told.starts_with("agent.toml:4: "), "{told}");
        assert!(told.contains("hysteresis_percent"), "{told}");
    }

    #[test]
    fn a_period_without_a_unit_is_refused_with_its_line_and_an_example() {
        let told = refused("[sample]\ninterval = \"5\"\n");
        assert!(told.starts_with("agent.toml:2: ") && told.contains("15min"), "{told}");
        let told = refused("[sample]\ninterval = 5\n");
        assert!(told.starts_with("agent.toml:2: "), "{told}");
    }

    #[test]
    fn a_value_out_of_bounds_is_refused_with_its_line_and_the_bounds() {
        let told = refused("[judge]\n\nhysteresis_percent = 99\n");
        assert!(told.starts_with("agent.toml:3: ") && told.contains("0 to 50"), "{told}");
        let told = refused("[uplink]\nwait = \"1h\"\n");
        assert!(told.starts_with("agent.toml:2: ") && told.contains("4m"), "{told}");
    }

    #[test]
    fn a_manager_without_https_is_refused() {
        let told = refused("[uplink]\nmanager = \"http://manager:8443\"\n");
        assert!(told.starts_with("agent.toml:2: ") && told.contains("https://"), "{told}");
    }

    #[test]
    fn a_device_name_with_a_space_is_refused_with_its_line() {
        let told = refused("device = \"front desk\"\n");
        assert!(told.starts_with("agent.toml:1: ") && told.contains("a-z"), "{told}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let told = load(Path::new("/nonexistent/agent.toml")).unwrap_err().to_string();
        assert!(told.contains("/nonexistent/agent.toml") && told.contains("--config"), "{told}");
    }

    #[test]
    fn periods_are_read_with_their_units() {
        let config = parse("[sample]\ninterval = \"250ms\"\n", Path::new("x")).unwrap();
        assert_eq!(config.sample.interval, Duration::from_millis(250));
    }
}
