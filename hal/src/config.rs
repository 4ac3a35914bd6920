//! The board file (`/etc/platen/board.toml`): which chips and lines a controller has, and what they
//! mean. A file that cannot be right is refused with its line and a remedy, before anything is opened.
//!
//! docs/board.md explains it with an example.

mod check;
mod entries;
mod load;
mod places;
mod power;

use std::path::{Path, PathBuf};

use serde::Deserialize;

pub(crate) use entries::MemoryKeys;
pub use entries::{
    ActiveLevel, Behind, Bias, Bus, Curve, Engine, EngineController, Line, LineRef, MemoryPlace, Part,
    Sensor, SensorChip, SimulatedEngine, Simulation, Supply, Switch, Temperature, WrapsAt,
};
pub use load::{load, parse};
pub use places::{ChipKind, ChipPlace, ENGINE, ENGINE_CONTROLLER};
pub use power::NoPowerInSleep;

/// The most chips, and the most switches, of one board.
pub const MAX_ITEMS: usize = 64;
/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 32;
/// The longest part number, in characters.
pub const MAX_PART_NUMBER_CHARS: usize = 40;
/// The set value of a supply or a part whose entry names none, in percent.
pub const DEFAULT_SET_PERCENT: u8 = 10;

/// Where readings come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// The kernel's I2C buses and GPIO lines.
    Linux,
    /// A simulated printer within the process.
    Simulated,
}

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BoardConfig {
    /// Where readings come from.
    pub backend: Backend,
    /// The printer's model, for people.
    pub model: String,
    /// I2C buses.
    #[serde(default, rename = "bus")]
    pub buses: Vec<Bus>,
    /// The engine's counter store.
    #[serde(default)]
    pub engine: Option<Engine>,
    /// The engine's controller, whose firmware can be replaced.
    #[serde(default)]
    pub engine_controller: Option<EngineController>,
    /// Supplies: by the memory of their cartridge, by an analog sensor, or by switches alone.
    #[serde(default, rename = "supply")]
    pub supplies: Vec<Supply>,
    /// Parts with a life: with a memory of their own, or counted in the engine's store.
    #[serde(default, rename = "part")]
    pub parts: Vec<Part>,
    /// Temperature sensors.
    #[serde(default, rename = "temperature")]
    pub temperatures: Vec<Temperature>,
    /// Switches and buttons.
    #[serde(default, rename = "switch")]
    pub switches: Vec<Switch>,
    /// The service lamp, where there is one.
    #[serde(default)]
    pub service_lamp: Option<Line>,
    /// The buzzer, where there is one.
    #[serde(default)]
    pub buzzer: Option<Line>,
    /// How a simulated printer behaves; refused on a real board.
    #[serde(default)]
    pub simulation: Option<Simulation>,
    /// The file as text, for traces.
    #[serde(skip)]
    pub text: String,
    /// Where the file is: what it names by a relative path is relative to this.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// A board file, or a scenario of a simulated one, that is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// What stands in it cannot be right.
    #[error("{}:{line}: {what}", file.display())]
    Wrong {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what to do.
        what: String,
    },
}

impl ConfigError {
    /// What is wrong with the text of a file, at a byte of it.
    pub fn wrong(file: &Path, text: &str, at: usize, what: String) -> Self {
        let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
        Self::Wrong { file: file.to_owned(), line, what }
    }
}
