//! The entries of a board file, as they stand in it. [`crate::config::check`] has the rules between them.

use std::path::PathBuf;
use std::time::Duration;

use platen_protocol::readings::{DEFAULT_WRAPS_AT, SwitchMeaning, TemperatureRole};
use platen_protocol::supply::{SupplyClass, SupplyType};
use serde::Deserialize;
use toml::Spanned;

use crate::counters::Widths;
use crate::memory::MemoryChip;
use crate::thermometer::ThermometerChip;

/// How long one reading of all chips of a bus may take when its entry does not say, in milliseconds.
pub(crate) const DEFAULT_DEADLINE_MS: u32 = 1_000;

/// An I2C bus.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bus {
    /// What the chips of this file call it.
    pub name: Spanned<String>,
    /// Its device file, such as `/dev/i2c-1`; a simulated board needs none.
    pub device: Option<PathBuf>,
    /// Instead of `device`: the name that the kernel gives the adapter, as `i2cdetect -l` shows it. Device
    /// files are numbered differently on different boards, names are not.
    pub adapter: Option<Spanned<String>>,
    /// How long one reading of all its chips may take, in milliseconds: 20 to 10,000.
    pub deadline_ms: Option<Spanned<u32>>,
    /// The multiplexer that it is behind, if it is. The kernel's driver switches it; the entry tells people
    /// where to look, and a simulated printer how it is wired.
    pub behind: Option<Spanned<Behind>>,
    /// A line that is wired to the clock of this bus, to free a chip that holds the data line down.
    pub recover: Option<Line>,
    /// Whether its chips have no power while the engine sleeps; their own keys go before it.
    pub loses_power_in_sleep: Option<Spanned<bool>>,
}

impl Bus {
    /// How long one reading of all its chips may take.
    pub fn deadline(&self) -> Duration {
        let millis = self.deadline_ms.as_ref().map_or(DEFAULT_DEADLINE_MS, |given| *given.get_ref());
        Duration::from_millis(millis.into())
    }
}

/// A channel of a multiplexer (PCA9548 or its kin).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Behind {
    /// The bus that the multiplexer is on.
    pub bus: String,
    /// Its address: 0x70 to 0x77.
    pub address: u8,
    /// Its channel: 0 to 7.
    pub channel: u8,
}

/// Whether an entry has `bus`, `chip` and `address`.
pub(crate) type MemoryKeys = [bool; 3];

/// Where a memory is.
#[derive(Debug, Clone, Copy)]
pub struct MemoryPlace<'a> {
    /// Its bus.
    pub bus: &'a Spanned<String>,
    /// Which chip.
    pub chip: MemoryChip,
    /// Its 7-bit address.
    pub address: &'a Spanned<u8>,
}

/// The memory in which the engine counts impressions and the lives of its parts: docs/counter-store.md.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Engine {
    /// The bus of its memory.
    pub bus: Spanned<String>,
    /// Its memory.
    pub chip: MemoryChip,
    /// The memory's address.
    pub address: Spanned<u8>,
    /// After how many counts its counters begin again at 0: 10,000 to 4,294,967,296, which is the default.
    pub wraps_at: Option<Spanned<u64>>,
    /// The same of counters that differ from the others.
    pub wraps_at_of: Option<WrapsAt>,
    /// Whether it has no power while the engine sleeps; goes before the key of its bus.
    pub loses_power_in_sleep: Option<Spanned<bool>>,
}

/// The controller of the engine, by its bootloader: docs/engine-bootloader.md.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EngineController {
    /// Its bus.
    pub bus: Spanned<String>,
    /// Its address: 0x20 to 0x27.
    pub address: Spanned<u8>,
    /// Whether it has no power while the engine sleeps; goes before the key of its bus.
    pub loses_power_in_sleep: Option<Spanned<bool>>,
}

/// After how many counts single counters of the engine begin again at 0.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WrapsAt {
    /// All impressions.
    pub impressions: Option<Spanned<u64>>,
    /// Those in colour.
    pub full_color: Option<Spanned<u64>>,
    /// Those in one colour.
    pub monochrome: Option<Spanned<u64>>,
    /// Sheets.
    pub sheets: Option<Spanned<u64>>,
}

impl Engine {
    /// How far its counters count.
    pub fn widths(&self) -> Widths {
        let all = self.wraps_at.as_ref().map_or(DEFAULT_WRAPS_AT, |given| *given.get_ref());
        let of = |given: Option<&Spanned<u64>>| given.map_or(all, |given| *given.get_ref());
        let own = self.wraps_at_of.clone().unwrap_or_default();
        Widths {
            impressions: of(own.impressions.as_ref()),
            full_color: of(own.full_color.as_ref()),
            monochrome: of(own.monochrome.as_ref()),
            sheets: of(own.sheets.as_ref()),
        }
    }

    /// Where it is.
    pub fn memory(&self) -> MemoryPlace<'_> {
        MemoryPlace { bus: &self.bus, chip: self.chip, address: &self.address }
    }
}

/// A supply. It has a memory (`bus`, `chip` and `address`), or a `sensor`, or neither: then switches that
/// name it tell what is known of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Supply {
    /// Its name, such as `black`.
    pub name: Spanned<String>,
    /// Whether it empties or fills.
    #[serde(default = "consumed")]
    pub class: SupplyClass,
    /// What it is. With a memory: what belongs there, and another type is told as a wrong cartridge.
    #[serde(rename = "type")]
    pub supply_type: Option<SupplyType>,
    /// Its colorant; with a memory as above.
    pub colorant: Option<Spanned<String>>,
    /// What to order.
    pub part_number: Option<Spanned<String>>,
    /// The bus of its memory.
    pub bus: Option<Spanned<String>>,
    /// Its memory.
    pub chip: Option<Spanned<MemoryChip>>,
    /// The memory's address.
    pub address: Option<Spanned<u8>>,
    /// A sensor whose curve gives percent of what is left.
    pub sensor: Option<Sensor>,
    /// Percent of its capacity at or below which it is reported. Without any set value it is
    /// [`super::DEFAULT_SET_PERCENT`]; with one in pages or days only, 0.
    pub set_percent: Option<Spanned<u8>>,
    /// Pages at or below which it is reported.
    pub set_pages: Option<Spanned<u32>>,
    /// Days at or below which it is reported.
    pub set_days: Option<Spanned<u32>>,
    /// The amount at or below which the printer stops for it: in the unit of its cartridge's record, or in
    /// percent by a sensor. 0 without it.
    pub empty_at: Option<Spanned<u32>>,
    /// Whether its chip has no power while the engine sleeps; goes before the key of its bus.
    pub loses_power_in_sleep: Option<Spanned<bool>>,
}

impl Supply {
    /// Where its memory is, if it has one.
    pub fn memory(&self) -> Option<MemoryPlace<'_>> {
        memory(self.bus.as_ref(), self.chip.as_ref(), self.address.as_ref())
    }

    /// Which of the keys of a memory it has.
    pub(crate) fn memory_keys(&self) -> MemoryKeys {
        [self.bus.is_some(), self.chip.is_some(), self.address.is_some()]
    }
}

/// A part with a life. It has a memory of its own (`bus`, `chip` and `address`), or the engine counts its
/// `life`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Part {
    /// Its name, such as `drum`.
    pub name: Spanned<String>,
    /// What to order.
    pub part_number: Option<Spanned<String>>,
    /// Percent of its life at or below which it is reported; the agent's `part_percent` without it.
    pub set_percent: Option<Spanned<u8>>,
    /// The bus of its memory.
    pub bus: Option<Spanned<String>>,
    /// Its memory.
    pub chip: Option<Spanned<MemoryChip>>,
    /// The memory's address.
    pub address: Option<Spanned<u8>>,
    /// Which life of the engine's counter store it has: opc, developer, fuser, transferUnit, or other for
    /// the feed rollers.
    pub life: Option<Spanned<SupplyType>>,
    /// Whether its memory has no power while the engine sleeps; goes before the key of its bus.
    pub loses_power_in_sleep: Option<Spanned<bool>>,
}

impl Part {
    /// Where its memory is, if it has one.
    pub fn memory(&self) -> Option<MemoryPlace<'_>> {
        memory(self.bus.as_ref(), self.chip.as_ref(), self.address.as_ref())
    }

    /// Which of the keys of a memory it has.
    pub(crate) fn memory_keys(&self) -> MemoryKeys {
        [self.bus.is_some(), self.chip.is_some(), self.address.is_some()]
    }
}

fn memory<'a>(
    bus: Option<&'a Spanned<String>>,
    chip: Option<&'a Spanned<MemoryChip>>,
    address: Option<&'a Spanned<u8>>,
) -> Option<MemoryPlace<'a>> {
    Some(MemoryPlace { bus: bus?, chip: *chip?.get_ref(), address: address? })
}

/// An analog sensor at an input of a converter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sensor {
    /// The converter's bus.
    pub bus: Spanned<String>,
    /// Which converter.
    pub chip: SensorChip,
    /// Its address: 0x48 to 0x4b.
    pub address: Spanned<u8>,
    /// Its input: 0 to 3.
    pub channel: Spanned<u8>,
    /// What the voltages mean.
    pub curve: Spanned<Curve>,
}

/// A converter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum SensorChip {
    /// TI ADS1115, 16 bits, four inputs.
    #[serde(rename = "ads1115")]
    Ads1115,
}

/// A calibration curve: pairs of millivolts and what they mean, by rising millivolts; between two it is a
/// straight line. Beyond its ends a value cannot be true: the sensor is cut off or short.
pub type Curve = Vec<(f64, f64)>;

/// A temperature sensor: a chip, or an analog `sensor` whose curve gives degrees Celsius.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Temperature {
    /// Its name, such as `ambient`.
    pub name: Spanned<String>,
    /// What it measures, where that matters to a judgement.
    pub role: Option<TemperatureRole>,
    /// Below this it is too cold to print, in degrees Celsius.
    pub under_celsius: Option<Spanned<i32>>,
    /// Above this it is too hot, in degrees Celsius.
    pub over_celsius: Option<Spanned<i32>>,
    /// Its bus.
    pub bus: Option<Spanned<String>>,
    /// Which chip.
    pub chip: Option<Spanned<ThermometerChip>>,
    /// Its address.
    pub address: Option<Spanned<u8>>,
    /// Instead of a chip.
    pub sensor: Option<Sensor>,
    /// Whether its chip has no power while the engine sleeps; goes before the key of its bus.
    pub loses_power_in_sleep: Option<Spanned<bool>>,
}

/// A GPIO line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Spanned<PlainLine>")]
pub struct Line {
    /// The device file of its chip, such as `/dev/gpiochip0`; a simulated board needs none. A line that is
    /// named needs none either: it is looked for on every chip.
    pub gpio: Option<PathBuf>,
    /// Its offset on the chip, or the name that the device tree gives it.
    pub line: LineRef,
    /// Which electrical level means active.
    pub active: ActiveLevel,
    /// Where the entry stands in the file, in bytes.
    pub at: usize,
}

/// A line as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PlainLine {
    gpio: Option<PathBuf>,
    line: LineRef,
    #[serde(default)]
    active: ActiveLevel,
}

impl From<Spanned<PlainLine>> for Line {
    fn from(spanned: Spanned<PlainLine>) -> Self {
        let at = spanned.span().start;
        let PlainLine { gpio, line, active } = spanned.into_inner();
        Self { gpio, line, active, at }
    }
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

/// The resistor within the controller at an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bias {
    /// As the device tree or the firmware set it.
    #[default]
    AsIs,
    /// To the supply voltage, as a switch to ground needs it.
    PullUp,
    /// To ground.
    PullDown,
    /// None.
    Disabled,
}

/// A switch or a button.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Switch {
    /// Its name, such as `cover`.
    pub name: Spanned<String>,
    /// What it means.
    pub meaning: SwitchMeaning,
    /// The device file of its chip, such as `/dev/gpiochip0`; a simulated board needs none. A line that is
    /// named needs none either: it is looked for on every chip.
    pub gpio: Option<PathBuf>,
    /// Its offset on the chip, or the name that the device tree gives it.
    pub line: Spanned<LineRef>,
    /// Which electrical level means active.
    #[serde(default)]
    pub active: ActiveLevel,
    /// The resistor at the input.
    #[serde(default)]
    pub bias: Bias,
    /// Where it is, by the maker's numbering (`prtAlertLocation`).
    pub location: Option<i32>,
    /// The supply that it is about: needed by waste-present and waste-full.
    pub supply: Option<Spanned<String>>,
}

/// How a simulated printer behaves.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Simulation {
    /// The same seed, the same printer.
    #[serde(default)]
    pub seed: u64,
    /// How many seconds of the printer pass in one of ours: 1 to 100,000; 1 unless given.
    pub speed: Option<Spanned<u32>>,
    /// A scenario that it plays, relative to the board file.
    pub scenario: Option<PathBuf>,
    /// A trace that it replays instead of simulating, relative to the board file.
    pub trace: Option<PathBuf>,
    /// A file that is told what physically happens, and from which the printer goes on, relative to the
    /// board file.
    pub log: Option<PathBuf>,
    /// The engine's controller; needs `[engine-controller]`.
    pub engine: Option<Spanned<SimulatedEngine>>,
    /// Whether the engine counts by size of paper and colour too; needs `[engine]` with a memory that is large enough.
    #[serde(default)]
    pub billing_counters: bool,
}

/// What the controller of a simulated engine is like.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SimulatedEngine {
    /// Its model, as images name it.
    pub model: String,
    /// The version of the firmware that it came with.
    pub firmware: String,
    /// One, or two.
    pub banks: u8,
    /// Pages of a bank, of 256 bytes: 8 to 1024.
    pub pages: u16,
    /// Whether its firmware can be read back.
    pub readable: bool,
}

impl Default for SimulatedEngine {
    fn default() -> Self {
        let (model, firmware) = ("SIM-ENGINE".to_owned(), "1.0.0".to_owned());
        Self { model, firmware, banks: 2, pages: 64, readable: true }
    }
}

fn consumed() -> SupplyClass {
    SupplyClass::SupplyThatIsConsumed
}
