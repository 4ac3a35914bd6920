//! The board file (`/etc/platen/board.toml`): which chips and lines a controller has, and what they
//! mean. A file that cannot be right is refused with its line and a remedy, before anything is opened.
//!
//! docs/board.md explains it with an example.

mod entries;
mod places;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::check::check;

pub(crate) use entries::MemoryKeys;
pub use entries::{
    ActiveLevel, Behind, Bias, Bus, Curve, Engine, Line, LineRef, MemoryPlace, Part, Sensor, SensorChip,
    Simulation, Supply, Switch, Temperature,
};
pub use places::{ChipKind, ChipPlace, ENGINE};

/// The most chips, and the most switches, of one board.
pub const MAX_ITEMS: usize = 64;
/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 32;
/// The longest part number, in characters.
pub const MAX_PART_NUMBER_CHARS: usize = 40;
/// The set value of a supply or a part whose entry names none, in percent.
pub const DEFAULT_SET_PERCENT: u8 = 10;

/// What to do about a line that the reader does not understand.
const REMEDY: &str = "correct that line (board.md, beside this program's documentation, explains each key)";

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

/// Reads and checks a board file.
pub fn load(file: &Path) -> Result<BoardConfig, ConfigError> {
    let text = std::fs::read_to_string(file)
        .map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
    parse(&text, file)
}

/// Reads and checks the text of a board file; `file` is for the messages.
pub fn parse(text: &str, file: &Path) -> Result<BoardConfig, ConfigError> {
    let wrong = |(at, what): (usize, String)| ConfigError::wrong(file, text, at, what);
    let mut config: BoardConfig = toml::from_str(text)
        .map_err(|e| wrong((e.span().map_or(0, |span| span.start), format!("{}; {REMEDY}", e.message()))))?;
    text.clone_into(&mut config.text);
    check(&config).map_err(wrong)?;
    config.folder = file.parent().map(Path::to_owned).unwrap_or_default();
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::GOOD;
    use proptest::prelude::*;

    fn refusal(text: &str) -> String {
        parse(text, Path::new("board.toml")).unwrap_err().to_string()
    }

    #[test]
    fn a_whole_board_is_read() {
        let config = parse(GOOD, Path::new("board.toml")).unwrap();
        assert_eq!(config.supplies.len(), 1);
        assert_eq!(config.service_lamp.unwrap().line, LineRef::Name("SERVICE_LAMP".into()));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let text = GOOD.replace("chip = \"24c02\"", "chip = \"24c02\"\ncolour = \"black\"");
        let message = refusal(&text);
        assert!(message.starts_with("board.toml:11: "), "{message}");
        assert!(message.contains("colour"), "{message}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let message = load(Path::new("/nonexistent/board.toml")).unwrap_err().to_string();
        assert!(message.contains("/nonexistent/board.toml"), "{message}");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[a-z\\[\\]=\"0-9x\n .-]{0,200}") {
            let _ = parse(&text, Path::new("board.toml"));
        }
    }
}
