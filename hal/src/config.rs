//! The board file (`/etc/platen/board.toml`): which chips and lines a controller has, and what they
//! mean. A file that cannot be right is refused with its line and a remedy, before anything is opened.
//!
//! docs/board.md explains it with an example.

use std::ops::Range;
use std::path::{Path, PathBuf};

use platen_protocol::readings::SwitchMeaning;
use platen_protocol::supply::SupplyClass;
use serde::Deserialize;
use toml::Spanned;

use crate::check::check;
use crate::memory::MemoryChip;
use crate::thermometer::ThermometerChip;

/// The most chips, and the most switches, of one board.
pub const MAX_ITEMS: usize = 64;
/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 32;
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
    /// Cartridge memories of supplies.
    #[serde(default, rename = "supply")]
    pub supplies: Vec<Supply>,
    /// Memories of parts with a life.
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
}

/// An I2C bus.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bus {
    /// What the chips of this file call it.
    pub name: Spanned<String>,
    /// Its device file, such as `/dev/i2c-1`; a simulated board needs none.
    pub device: Option<PathBuf>,
}

/// Where a chip is.
pub trait OnBus {
    /// The chip's name on the board.
    fn name(&self) -> &Spanned<String>;
    /// The name of its bus.
    fn bus(&self) -> &Spanned<String>;
    /// Its 7-bit address.
    fn address(&self) -> &Spanned<u8>;
    /// The addresses that such a chip can have.
    fn addresses(&self) -> Range<u8>;
}

macro_rules! on_bus {
    ($entry:ident, $addresses:expr) => {
        impl OnBus for $entry {
            fn name(&self) -> &Spanned<String> {
                &self.name
            }
            fn bus(&self) -> &Spanned<String> {
                &self.bus
            }
            fn address(&self) -> &Spanned<u8> {
                &self.address
            }
            fn addresses(&self) -> Range<u8> {
                let addresses: fn(&$entry) -> Range<u8> = $addresses;
                addresses(self)
            }
        }
    };
}

/// A supply with a cartridge memory.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Supply {
    /// Its name, such as `black`.
    pub name: Spanned<String>,
    /// Whether it empties or fills.
    #[serde(default = "consumed")]
    pub class: SupplyClass,
    /// The bus of its memory.
    pub bus: Spanned<String>,
    /// Its memory.
    pub chip: MemoryChip,
    /// The memory's address.
    pub address: Spanned<u8>,
    /// Percent of its capacity at or below which it is reported.
    #[serde(default)]
    pub set_percent: Option<Spanned<u8>>,
}
on_bus!(Supply, |_| 0x50..0x58);

/// A part with a memory that counts its life.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Part {
    /// Its name, such as `drum`.
    pub name: Spanned<String>,
    /// The bus of its memory.
    pub bus: Spanned<String>,
    /// Its memory.
    pub chip: MemoryChip,
    /// The memory's address.
    pub address: Spanned<u8>,
}
on_bus!(Part, |_| 0x50..0x58);

/// A temperature sensor.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Temperature {
    /// Its name, such as `ambient`.
    pub name: Spanned<String>,
    /// Its bus.
    pub bus: Spanned<String>,
    /// Which chip.
    pub chip: ThermometerChip,
    /// Its address.
    pub address: Spanned<u8>,
}
on_bus!(Temperature, |sensor| match sensor.chip {
    ThermometerChip::Lm75 => 0x48..0x50,
    ThermometerChip::Tmp102 => 0x48..0x4c,
});

/// A GPIO line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Line {
    /// The device file of its chip, such as `/dev/gpiochip0`; a simulated board needs none.
    pub gpio: Option<PathBuf>,
    /// Its offset on the chip, or the name that the device tree gives it.
    pub line: LineRef,
    /// Which electrical level means active.
    #[serde(default)]
    pub active: ActiveLevel,
}

/// Which line of a chip.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(untagged)]
pub enum LineRef {
    /// By offset.
    Offset(u32),
    /// By name.
    Name(String),
}

impl std::fmt::Display for LineRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Offset(offset) => write!(f, "{offset}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Which electrical level means active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActiveLevel {
    /// Active while the line is low, as with a switch to ground.
    Low,
    /// Active while the line is high.
    #[default]
    High,
}

/// A switch or a button.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Switch {
    /// Its name, such as `cover`.
    pub name: Spanned<String>,
    /// What it means.
    pub meaning: SwitchMeaning,
    /// The device file of its chip, such as `/dev/gpiochip0`; a simulated board needs none.
    pub gpio: Option<PathBuf>,
    /// Its offset on the chip, or the name that the device tree gives it.
    pub line: Spanned<LineRef>,
    /// Which electrical level means active.
    #[serde(default)]
    pub active: ActiveLevel,
}

fn consumed() -> SupplyClass {
    SupplyClass::SupplyThatIsConsumed
}

/// A board file that is refused.
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

/// Reads and checks a board file.
pub fn load(file: &Path) -> Result<BoardConfig, ConfigError> {
    let text = std::fs::read_to_string(file)
        .map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
    parse(&text, file)
}

/// Reads and checks the text of a board file; `file` is for the messages.
pub fn parse(text: &str, file: &Path) -> Result<BoardConfig, ConfigError> {
    let wrong = |(at, what): (usize, String)| ConfigError::Wrong {
        file: file.to_owned(),
        line: text.bytes().take(at).filter(|b| *b == b'\n').count() + 1,
        what,
    };
    let config: BoardConfig = toml::from_str(text)
        .map_err(|e| wrong((e.span().map_or(0, |span| span.start), format!("{}; {REMEDY}", e.message()))))?;
    check(&config).map_err(wrong)?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = r#"
backend = "linux"
model = "Desk printer"
[[bus]]
name = "main"
device = "/dev/i2c-1"
[[supply]]
name = "black"
bus = "main"
chip = "24c02"
address = 0x50
[[temperature]]
name = "ambient"
bus = "main"
chip = "lm75"
address = 0x48
[[switch]]
name = "cover"
meaning = "cover"
gpio = "/dev/gpiochip0"
line = 17
active = "low"
[service-lamp]
gpio = "/dev/gpiochip0"
line = "SERVICE_LAMP"
"#;

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
    fn two_chips_at_one_address_are_refused_with_both_names() {
        let text =
            format!("{GOOD}[[supply]]\nname = \"cyan\"\nbus = \"main\"\nchip = \"24c02\"\naddress = 0x50\n");
        let message = refusal(&text);
        assert!(message.starts_with("board.toml:30: cyan and black both have the address 0x50"), "{message}");
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_line_and_a_remedy() {
        for (from, to, line, word) in [
            ("0x48", "0x20", 16, "0x48 to 0x4f"),
            ("bus = \"main\"\nchip = \"24c02\"", "bus = \"mian\"\nchip = \"24c02\"", 9, "there are: main"),
            ("\"24c02\"", "\"24c99\"", 10, "24c02"),
            ("name = \"black\"", "name = \"Black toner\"", 8, "a-z"),
            ("name = \"cover\"", "name = \"black\"", 18, "already"),
            ("device = \"/dev/i2c-1\"", "", 5, "/dev/i2c-1"),
            ("address = 0x50", "address = 0x50\nset-percent = 130", 12, "0 to 100"),
            ("backend = \"linux\"", "backend = \"windows\"", 2, "simulated"),
            ("line = 17", "line = \"SERVICE_LAMP\"", 21, "both have the line"),
        ] {
            let message = refusal(&GOOD.replace(from, to));
            assert!(message.starts_with(&format!("board.toml:{line}: ")), "{to}: {message}");
            assert!(message.contains(word), "{to}: {message}");
        }
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
