//! What is remembered of each supply and part: enough to know it again, and to say what was left in it.

use platen_protocol::readings::{PartReading, Reading, SupplyReading};
use platen_protocol::supply::{Capacity, Level, SupplyType, SupplyUnit};
use serde::{Deserialize, Serialize};

use super::Usage;

/// The MIB's numbers for what is no amount. They stay within the store.
const UNRESTRICTED: i64 = -1;
const UNKNOWN: i64 = -2;
const SOME_REMAINS: i64 = -3;
/// A life that falls to one part in so many of what it was has been set back by a technician.
const SET_BACK: u32 = 10;
/// A life below this says too little to call its fall a new part.
const LEAST_LIFE: u32 = 1_000;

/// A supply or a part as it was last read. The keys are short, for there may be 64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::judge) struct Known {
    #[serde(rename = "s", skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    /// The level of a supply, the used life of a part.
    #[serde(rename = "l")]
    amount: i64,
    #[serde(rename = "c")]
    capacity: i64,
    #[serde(rename = "t")]
    kind: u16,
    #[serde(rename = "u")]
    unit: u16,
    #[serde(rename = "k", skip_serializing_if = "Option::is_none")]
    colorant: Option<String>,
    #[serde(rename = "w", skip_serializing_if = "Usage::is_empty")]
    pub(in crate::judge) usage: Usage,
    /// Samples in a row that told of another one in its place.
    #[serde(skip)]
    other: u32,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            serial: None,
            amount: UNKNOWN,
            capacity: UNKNOWN,
            kind: SupplyType::Unknown.number(),
            unit: SupplyUnit::Unknown.number(),
            colorant: None,
            usage: Usage::default(),
            other: 0,
        }
    }
}

/// What a sample says about who is in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::judge) enum Identity {
    /// Nobody can say.
    Unknown,
    /// The one that was there before.
    Same,
    /// Perhaps another one: more samples have to agree.
    Doubtful,
    /// Another one.
    Other,
}

impl Known {
    /// What begins when another supply is in the place.
    pub(in crate::judge) fn successor(&self) -> Self {
        Self { usage: self.usage.successor(), ..Self::default() }
    }

    /// Whether this supply is the one that is remembered.
    pub(in crate::judge) fn identify_supply(&mut self, supply: &SupplyReading, needed: u32) -> Identity {
        if matches!(supply.level, Level::Unknown { .. }) {
            self.other = 0;
            return Identity::Unknown;
        }
        self.count(differ(self.serial.as_deref(), supply.serial.as_deref()), needed)
    }

    /// Whether this part is the one that is remembered. A part without a serial number is another one when
    /// its life was set back; `trusted` says that no counter of the engine just fell.
    pub(in crate::judge) fn identify_part(
        &mut self,
        part: &PartReading,
        needed: u32,
        trusted: bool,
    ) -> Identity {
        let Some(used) = part.used.known().copied() else {
            self.other = 0;
            return Identity::Unknown;
        };
        let before = u32::try_from(self.amount).unwrap_or(0);
        let set_back = trusted && before >= LEAST_LIFE && used <= before / SET_BACK;
        let other = match differ(self.serial.as_deref(), part.serial.as_deref()) {
            Some(false) | None if set_back => Some(true),
            said => said,
        };
        self.count(other, needed)
    }

    fn count(&mut self, other: Option<bool>, needed: u32) -> Identity {
        match other {
            Some(true) => {
                self.other = self.other.saturating_add(1);
                if self.other >= needed { Identity::Other } else { Identity::Doubtful }
            }
            Some(false) => {
                self.other = 0;
                Identity::Same
            }
            None => {
                self.other = 0;
                Identity::Unknown
            }
        }
    }

    /// Whether another one seems to be in its place, and more samples have to agree.
    pub(in crate::judge) fn is_doubtful(&self) -> bool {
        self.other > 0
    }

    /// Remembers a supply that could be read.
    pub(in crate::judge) fn note_supply(&mut self, supply: &SupplyReading) {
        self.amount = match supply.level {
            Level::Known { amount } => i64::from(amount),
            Level::Unrestricted => UNRESTRICTED,
            Level::SomeRemains => SOME_REMAINS,
            Level::Unknown { .. } => return,
        };
        self.capacity = from_capacity(supply.capacity);
        self.kind = supply.supply_type.number();
        self.unit = supply.unit.number();
        self.colorant.clone_from(&supply.colorant);
        self.note_serial(supply.serial.as_ref());
    }

    /// Remembers a part that could be read.
    pub(in crate::judge) fn note_part(&mut self, part: &PartReading) {
        let Some(used) = part.used.known() else { return };
        self.amount = i64::from(*used);
        self.capacity = from_capacity(part.rated_life);
        self.kind = part.part_type.number();
        self.unit = part.unit.number();
        self.note_serial(part.serial.as_ref());
    }

    fn note_serial(&mut self, serial: Option<&String>) {
        if serial.is_some() && self.serial.as_ref() != serial {
            self.serial = serial.cloned();
        }
    }

    /// The supply that was in the place of `now`: what the board file says of the place is the same.
    pub(in crate::judge) fn supply(&self, now: &SupplyReading) -> SupplyReading {
        SupplyReading {
            supply_type: SupplyType::from_number(self.kind).unwrap_or(SupplyType::Unknown),
            colorant: self.colorant.clone(),
            unit: SupplyUnit::from_number(self.unit).unwrap_or(SupplyUnit::Unknown),
            capacity: to_capacity(self.capacity),
            level: match self.amount {
                SOME_REMAINS => Level::SomeRemains,
                amount => u32::try_from(amount).map_or(Level::Unrestricted, |amount| Level::Known { amount }),
            },
            serial: self.serial.clone(),
            outlook: None,
            ..now.clone()
        }
    }

    /// The part that was in the place of `now`.
    pub(in crate::judge) fn part(&self, now: &PartReading) -> PartReading {
        PartReading {
            part_type: SupplyType::from_number(self.kind).unwrap_or(SupplyType::Unknown),
            unit: SupplyUnit::from_number(self.unit).unwrap_or(SupplyUnit::Unknown),
            used: Reading::Known { value: u32::try_from(self.amount).unwrap_or(0) },
            rated_life: to_capacity(self.capacity),
            serial: self.serial.clone(),
            ..now.clone()
        }
    }
}

/// Whether two serial numbers differ; `None` where one is not known.
fn differ(one: Option<&str>, other: Option<&str>) -> Option<bool> {
    one.zip(other).map(|(one, other)| one != other)
}

fn from_capacity(capacity: Capacity) -> i64 {
    match capacity {
        Capacity::Known { amount } => i64::from(amount),
        Capacity::Unrestricted => UNRESTRICTED,
        Capacity::Unknown => UNKNOWN,
    }
}

fn to_capacity(number: i64) -> Capacity {
    match number {
        UNRESTRICTED => Capacity::Unrestricted,
        number => u32::try_from(number).map_or(Capacity::Unknown, |amount| Capacity::Known { amount }),
    }
}
