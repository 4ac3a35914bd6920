//! The conditions that alerts tell of, and how bad each can stand; the words and the evidence of an alert.
//! Rules and the list of alerts both build on this file, and it on none of them.

use platen_protocol::alert::{AlertCode, AlertGroup, Evidence, Severity, Training};
use platen_protocol::facts::TemperatureLimit;
use serde::{Deserialize, Serialize};

/// What about a thing an alert concerns, and how bad it stands. One event has one entry: when toner
/// goes from low to empty, the old entry ends and a new one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "aspect", content = "state", rename_all = "snake_case")]
pub enum Aspect {
    /// What remains of a supply or of a part's life.
    Level(Standing),
    /// Whether it is there, and its memory can be read.
    Memory(Access),
    /// A supply that does not belong in its place.
    WrongType,
    /// A cover that is open.
    Cover,
    /// An interlock that is open.
    Interlock,
    /// Paper that is stuck.
    Jam,
    /// What a tray holds.
    Paper(Standing),
    /// A temperature out of its limits.
    Heat(Heat),
    /// Whether a temperature sensor can be read.
    Sensor(Access),
    /// A bus on which nothing can be read.
    Bus,
    /// Whether the engine's counters can be read.
    Engine(Access),
    /// Lines that cannot be read.
    Lines,
    /// A line that changes faster than anything moves it.
    Storm,
    /// The agent's own disk, which takes nothing.
    Disk(DiskFault),
    /// Forecast: a fuser works at another temperature than it used to.
    Drift,
    /// Forecast: a sensor scatters more than it used to.
    Noise,
    /// Forecast: paper jams more often than it used to.
    JamRate,
    /// Forecast: a supply is used far faster or slower than pages are printed.
    Consumption(Oddity),
    /// Forecast: a cartridge holds more than before and is the same one; how often that was found.
    Refilled(u32),
    /// Forecast: a counter went backwards; how often that was found.
    CounterFell(u32),
}

impl Aspect {
    /// Whether both are about the same, however it stands.
    pub(super) fn same_kind(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// How much remains, as far as an alert is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Above the set value.
    Enough,
    /// At or below the set value.
    Low,
    /// Nothing is left that the printer can use, or no space where it is filled.
    Empty,
}

/// Whether a chip can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Yes, whatever it says.
    Readable,
    /// It does not answer its address, or a switch says that the thing is not there.
    Missing,
    /// It answers, or its bus disturbs it, and nothing usable comes back.
    Failing,
}

/// Which limit a temperature is beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heat {
    /// Below the lower limit.
    Under,
    /// Above the upper limit.
    Over,
}

impl From<TemperatureLimit> for Heat {
    fn from(limit: TemperatureLimit) -> Self {
        match limit {
            TemperatureLimit::Under => Self::Under,
            TemperatureLimit::Over => Self::Over,
        }
    }
}

/// What is wrong with a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskFault {
    /// It has no room.
    Full,
    /// Nothing can be changed on it.
    ReadOnly,
    /// It fails, or is not there.
    Failing,
}

impl DiskFault {
    /// In words that follow "the disk".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Full => "is full",
            Self::ReadOnly => "can only be read",
            Self::Failing => "fails",
        }
    }
}

/// What is odd about how a supply is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    /// Far more than the pages need: it leaks, or is lost otherwise.
    TooMuch,
    /// Hardly anything for many pages: its chip does not count, as with a counterfeit.
    TooLittle,
}

/// The words and ranks of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wording {
    pub(super) severity: Severity,
    pub(super) training: Training,
    pub(super) group: AlertGroup,
    pub(super) code: AlertCode,
    pub(super) description: String,
    pub(super) forecast: bool,
    pub(super) evidence: Vec<Evidence>,
}

impl Wording {
    /// Of something that has happened.
    pub(super) fn occurred(
        (severity, training): (Severity, Training),
        group: AlertGroup,
        code: AlertCode,
        description: String,
    ) -> Self {
        Self { severity, training, group, code, description, forecast: false, evidence: Vec::new() }
    }

    /// Of something that has not happened and possibly will: a technician should look at it.
    pub(super) fn forecast(
        group: AlertGroup,
        code: AlertCode,
        description: String,
        evidence: Vec<Evidence>,
    ) -> Self {
        let (severity, training) = (Severity::Warning, Training::FieldService);
        Self { severity, training, group, code, description, forecast: true, evidence }
    }
}

/// One number that speaks for an alert. What is too large for the wire is told as its limit.
pub(super) fn evidence(measure: &str, unit: &str, observed: u64, expected: Option<u64>) -> Evidence {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    Evidence {
        measure: measure.to_owned(),
        unit: unit.to_owned(),
        observed: number(observed),
        expected: expected.map(number),
    }
}
