//! Supplies in the words of the Printer MIB (RFC 3805, `prtMarkerSupplies`, and the IANA Printer MIB
//! registry). The special values of levels keep their meaning all the way to the screen: they are
//! never turned into a number.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::unknown::UnknownCause;

macro_rules! mib_enum {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $number:literal $text:tt,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $name {
            $(
                #[doc = concat!("`", $text, "`, number ", stringify!($number), ".")]
                #[serde(rename = $text)]
                $variant = $number,
            )*
        }

        impl $name {
            /// Every value, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The number that the MIB gives it.
            pub const fn number(self) -> u16 {
                self as u16
            }

            /// The value of that number, if the MIB has one.
            pub const fn from_number(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The name that the MIB gives it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use mib_enum;

mib_enum! {
    /// Whether a supply empties or fills (`PrtMarkerSuppliesClassTC`).
    SupplyClass {
        Other = 1 "other",
        SupplyThatIsConsumed = 3 "supplyThatIsConsumed",
        ReceptacleThatIsFilled = 4 "receptacleThatIsFilled",
    }
}

mib_enum! {
    /// What a supply or a part with a life is (`PrtMarkerSuppliesTypeTC`).
    SupplyType {
        Other = 1 "other",
        Unknown = 2 "unknown",
        Toner = 3 "toner",
        WasteToner = 4 "wasteToner",
        Ink = 5 "ink",
        InkCartridge = 6 "inkCartridge",
        InkRibbon = 7 "inkRibbon",
        WasteInk = 8 "wasteInk",
        Opc = 9 "opc",
        Developer = 10 "developer",
        FuserOil = 11 "fuserOil",
        SolidWax = 12 "solidWax",
        RibbonWax = 13 "ribbonWax",
        WasteWax = 14 "wasteWax",
        Fuser = 15 "fuser",
        CoronaWire = 16 "coronaWire",
        FuserOilWick = 17 "fuserOilWick",
        CleanerUnit = 18 "cleanerUnit",
        FuserCleaningPad = 19 "fuserCleaningPad",
        TransferUnit = 20 "transferUnit",
        TonerCartridge = 21 "tonerCartridge",
        FuserOiler = 22 "fuserOiler",
        Staples = 32 "staples",
        MatteToner = 35 "matteToner",
        MatteInk = 36 "matteInk",
    }
}

mib_enum! {
    /// The unit of a capacity and a level (`PrtMarkerSuppliesSupplyUnitTC`).
    SupplyUnit {
        Other = 1 "other",
        Unknown = 2 "unknown",
        TenThousandthsOfInches = 3 "tenThousandthsOfInches",
        Micrometers = 4 "micrometers",
        Impressions = 7 "impressions",
        Sheets = 8 "sheets",
        Hours = 11 "hours",
        ThousandthsOfOunces = 12 "thousandthsOfOunces",
        TenthsOfGrams = 13 "tenthsOfGrams",
        HundrethsOfFluidOunces = 14 "hundrethsOfFluidOunces",
        TenthsOfMilliliters = 15 "tenthsOfMilliliters",
        Feet = 16 "feet",
        Meters = 17 "meters",
        Items = 18 "items",
        Percent = 19 "percent",
    }
}

/// How much a full supply holds (`prtMarkerSuppliesMaxCapacity`), in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Capacity {
    /// A number, in the unit of the supply.
    Known {
        /// How many units.
        amount: u32,
    },
    /// The MIB's -1: no restriction.
    Unrestricted,
    /// The MIB's -2.
    Unknown,
}

/// How much is left (`prtMarkerSuppliesLevel`), in the unit of the supply; for a receptacle, the space
/// that is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Level {
    /// A number, in the unit of the supply, never above a known capacity.
    Known {
        /// How many units.
        amount: u32,
    },
    /// The MIB's -1: no restriction.
    Unrestricted,
    /// The MIB's -3: not empty, and no more is known.
    SomeRemains,
    /// The MIB's -2, with the reason why nothing could be read.
    Unknown {
        /// Why.
        cause: UnknownCause,
    },
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known { amount } => write!(f, "{amount}"),
            Self::Unrestricted => f.write_str("no restriction"),
            Self::SomeRemains => f.write_str("some remains"),
            Self::Unknown { .. } => f.write_str("unknown"),
        }
    }
}

impl SupplyType {
    /// Toner, in whatever it comes.
    pub const fn is_toner(self) -> bool {
        matches!(self, Self::Toner | Self::TonerCartridge | Self::MatteToner)
    }

    /// Ink, in whatever it comes.
    pub const fn is_ink(self) -> bool {
        matches!(self, Self::Ink | Self::InkCartridge | Self::MatteInk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_mib_come_back_as_themselves() {
        for value in SupplyType::ALL {
            assert_eq!(SupplyType::from_number(value.number()), Some(*value));
        }
        assert_eq!(SupplyType::from_number(0), None);
    }
}
