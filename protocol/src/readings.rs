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
}

impl SupplyReading {
    /// Percent that is left, where both numbers are known.
    pub fn percent(&self) -> Option<u8> {
        self.level.percent(self.capacity)
    }
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
}

impl PartReading {
    /// Percent of its life that is left, where both numbers are known; 0 when the life is over.
    pub fn percent_left(&self) -> Option<u8> {
        let (Reading::Known { value: used }, Capacity::Known { amount: life }) =
            (&self.used, self.rated_life)
        else {
            return None;
        };
        Level::Known { amount: life.saturating_sub(*used) }.percent(self.rated_life)
    }
}

/// One temperature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TemperatureReading {
    /// Its name on the board, such as `ambient`.
    pub name: String,
    /// In thousandths of a degree Celsius.
    pub millidegrees_celsius: Reading<i32>,
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
}
