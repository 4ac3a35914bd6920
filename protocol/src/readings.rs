//! What a board reads. A reading that failed is unknown, with its cause, and never a number.

use serde::{Deserialize, Serialize};

use crate::supply::{Capacity, Level, SupplyClass, SupplyType, SupplyUnit};
use crate::unknown::UnknownCause;

/// A value that may not have been readable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Reading<T> {
    /// Read, and plausible.
    Known {
        /// What was read.
        value: T,
    },
    /// Not readable.
    Unknown {
        /// Why.
        cause: UnknownCause,
    },
}

impl<T> Reading<T> {
    /// The value, if there is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known { value } => Some(value),
            Self::Unknown { .. } => None,
        }
    }

    /// Why there is none, if there is none.
    pub fn cause(&self) -> Option<&UnknownCause> {
        match self {
            Self::Known { .. } => None,
            Self::Unknown { cause } => Some(cause),
        }
    }
}

/// One supply, such as a toner cartridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SupplyReading {
    /// Its name on the board, such as `black`.
    pub name: String,
    /// Its place in the list of the MIB, from 1.
    pub index: u16,
    /// Whether it empties or fills.
    pub class: SupplyClass,
    /// What it is.
    #[serde(rename = "type")]
    pub supply_type: SupplyType,
    /// Its colorant, such as `black`, where it has one.
    pub colorant: Option<String>,
    /// The unit of `capacity` and `level`.
    pub unit: SupplyUnit,
    /// When full.
    pub capacity: Capacity,
    /// What is left.
    pub level: Level,
    /// Percent of the capacity at or below which it is reported (the set value).
    pub set_percent: u8,
    /// What the cartridge says it is.
    pub serial: Option<String>,
    /// Pages at or below which it is reported, if its set value is in pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_pages: Option<u32>,
    /// Days at or below which it is reported, if its set value is in days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_days: Option<u32>,
    /// What to order, from the board file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_number: Option<String>,
    /// What belongs in this place, from the board file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<ExpectedSupply>,
    /// How long it will last, as far as the device has learnt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlook: Option<Outlook>,
    /// The amount, in `unit`, at or below which the printer stops for it, from the board file; without it, 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_at: Option<u32>,
}

/// What belongs in a supply's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExpectedSupply {
    /// The type, if only one will do.
    #[serde(rename = "type")]
    pub supply_type: Option<SupplyType>,
    /// The colorant, if only one will do.
    pub colorant: Option<String>,
}

/// How long a supply will last, if it is used as before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outlook {
    /// Pages that are left in it.
    pub pages: Option<Estimate>,
    /// Days until it ends.
    pub days: Option<Estimate>,
}

/// A number that was worked out, with its band of error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Estimate {
    /// The best guess.
    pub likely: u32,
    /// Hardly fewer.
    pub at_least: u32,
    /// Hardly more.
    pub at_most: u32,
}

/// One part with a life, such as a drum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PartReading {
    /// Its name on the board, such as `drum`.
    pub name: String,
    /// Its place in the list, from 1.
    pub index: u16,
    /// What it is.
    #[serde(rename = "type")]
    pub part_type: SupplyType,
    /// The unit of `used` and `rated_life`.
    pub unit: SupplyUnit,
    /// How much of its life is used.
    pub used: Reading<u32>,
    /// How long it is rated to live.
    pub rated_life: Capacity,
    /// What the part says it is.
    pub serial: Option<String>,
    /// What to order, from the board file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_number: Option<String>,
    /// Percent of its life at or below which it is reported, where the board file names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_percent: Option<u8>,
}

/// One temperature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TemperatureReading {
    /// Its name on the board, such as `ambient`.
    pub name: String,
    /// In thousandths of a degree Celsius.
    pub millidegrees_celsius: Reading<i32>,
    /// What it measures, where that matters to a judgement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<TemperatureRole>,
    /// Below this it is too cold to print; in thousandths of a degree Celsius.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<i32>,
    /// Above this it is too hot; in thousandths of a degree Celsius.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<i32>,
}

/// What a temperature sensor measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TemperatureRole {
    /// The fuser, by its thermistor: hot while the printer works, cool while it sleeps.
    Fuser,
    /// The air in or around the printer.
    Ambient,
}

/// What a switch means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SwitchMeaning {
    /// Active while the cover is open.
    Cover,
    /// Active while a person presses the service button.
    ServiceButton,
    /// Active while a person presses the order button.
    OrderButton,
    /// Active while a safety interlock is open.
    Interlock,
    /// Active while paper is stuck in the path.
    Jam,
    /// Active while a tray has little paper.
    PaperLow,
    /// Active while a tray has no paper.
    PaperEmpty,
    /// Active while the waste box is in its place.
    WastePresent,
    /// Active while the waste box is full.
    WasteFull,
    /// Active while a page passes the exit; one activation is one page.
    PageExit,
    /// Active while the engine sleeps.
    Sleep,
}

/// One switch or button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SwitchReading {
    /// Its name on the board, such as `cover`.
    pub name: String,
    /// What it means.
    pub meaning: SwitchMeaning,
    /// Whether it is active: the cover open, the button pressed.
    pub active: Reading<bool>,
    /// Where it is, by the maker's numbering, from the board file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<i32>,
    /// The supply that it is about, such as the waste box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supply: Option<String>,
}

/// What a counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CounterKind {
    /// All impressions (`prtMarkerLifeCount`, IPP `printer-impressions-completed`).
    Impressions,
    /// Those in colour (IPP `full-color`).
    FullColor,
    /// Those in one colour (IPP `monochrome`).
    Monochrome,
    /// Sheets of paper (IPP `printer-media-sheets-completed`).
    Sheets,
    /// Pages that passed the exit since the agent began, by edges.
    PageExits,
}

/// One counter. Customers are billed on these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CounterReading {
    /// What it counts.
    pub kind: CounterKind,
    /// The unit: impressions or sheets.
    pub unit: SupplyUnit,
    /// How many.
    pub value: Reading<u64>,
    /// Rises by one each time that the counter was found to have been set back, which is told as an alert:
    /// counts of different epochs are not to be subtracted from each other.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub epoch: u32,
    /// How often it has begun again at 0 within its epoch because it was full. [`CounterReading::total`] goes
    /// on through that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub wraps: u32,
    /// After how many counts it begins again at 0; without this, and where it is 0, after
    /// [`DEFAULT_WRAPS_AT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wraps_at: Option<u64>,
}

/// One counter by size of paper and colour, or of sheets with two printed sides, of an engine that has them. A device
/// whose engine or program has none sends none, which is not the same as 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BillingReading {
    /// What it counts: a media size name (PWG 5101.1, or `other`) with `.monochrome` or `.full-color`, such as
    /// `iso_a4_210x297mm.monochrome`; or `duplex-sheets`. Later engines may count more. `all` stands for counters that
    /// could never be read.
    pub name: String,
    /// The unit: impressions or sheets.
    pub unit: SupplyUnit,
    /// How many. Each has 32 bits.
    pub value: Reading<u64>,
    /// As that of a [`CounterReading`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub epoch: u32,
    /// As that of a [`CounterReading`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub wraps: u32,
}

/// The name of a [`BillingReading`] that stands for all: none of them can be read, and which there are is not known.
pub const ALL_BILLING: &str = "all";

/// A counter of which nothing else is known begins again after so many counts: it has 32 bits.
pub const DEFAULT_WRAPS_AT: u64 = 1 << 32;

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BusReading {
    /// Its name on the board.
    pub name: String,
    /// Why nothing on it can be read, if that is so.
    pub failing: Option<UnknownCause>,
}

/// Everything that a board reads, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Readings {
    /// In the order of their index.
    pub supplies: Vec<SupplyReading>,
    /// In the order of their index.
    pub parts: Vec<PartReading>,
    /// In the order of the board file.
    pub temperatures: Vec<TemperatureReading>,
    /// In the order of the board file.
    pub switches: Vec<SwitchReading>,
    /// Those that the printer has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<CounterReading>,
    /// Those by size of paper and colour, of an engine that has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub billing: Vec<BillingReading>,
    /// In the order of the board file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buses: Vec<BusReading>,
    /// What cannot be read because it has no power while the printer sleeps, or has not answered yet since it
    /// woke. What was last read of it stands in its place in the lists above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<HeldReading>,
}

/// Something that has no power while the printer sleeps: the MIB calls its state `subunitPowerSaver`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HeldReading {
    /// In which list.
    pub kind: HeldKind,
    /// Its name on the board; of the counters `engine`.
    pub name: String,
    /// How old what stands in the list is, in seconds before the moment of the other readings; `null` where
    /// nothing was read before: then it is unknown there.
    pub age_seconds: Option<u64>,
}

/// A list of readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum HeldKind {
    /// Of `supplies`.
    Supply,
    /// Of `parts`.
    Part,
    /// Of `temperatures`.
    Temperature,
    /// All counters of the engine.
    Counters,
    /// Of `buses`.
    Bus,
}

impl Readings {
    /// The counter of a kind, if the printer has it.
    pub fn counter(&self, kind: CounterKind) -> Option<&CounterReading> {
        self.counters.iter().find(|counter| counter.kind == kind)
    }
}
