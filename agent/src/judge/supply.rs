//! Levels: when is a supply low, when empty, and when is a part at the end of its life?
//!
//! One scale serves supplies, receptacles and parts, since all three count what remains: toner in a
//! cartridge, space in a waste box, life in a drum.

use platen_protocol::alert::{AlertCode, AlertGroup, Severity, Training};
use platen_protocol::readings::{PartReading, SupplyReading};
use platen_protocol::supply::{SupplyClass, SupplyType};
use serde::{Deserialize, Serialize};

use super::alert::Wording;

/// How much remains, as far as an alert is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Enough.
    Enough,
    /// At or below the set value.
    Low,
    /// Nothing.
    Empty,
}

/// What a percentage means, given what stood before. Leaving a state takes `hysteresis` points more
/// than entering it, so that a level that swings around the set value does not alarm twice.
pub fn stand(percent: u8, set_percent: u8, hysteresis: u8, before: Standing) -> Standing {
    let clear_of_low = set_percent.saturating_add(hysteresis).min(100);
    let clear_of_empty = hysteresis.max(1);
    match before {
        _ if percent == 0 => Standing::Empty,
        Standing::Empty if percent < clear_of_empty => Standing::Empty,
        _ if percent <= set_percent => Standing::Low,
        Standing::Low | Standing::Empty if percent < clear_of_low => Standing::Low,
        _ => Standing::Enough,
    }
}

/// The alert for a supply. The users of a printer change its cartridges themselves: `untrained`.
pub(super) fn supply_wording(supply: &SupplyReading, standing: Standing, percent: u8) -> Option<Wording> {
    use AlertCode as Code;
    let empty = match standing {
        Standing::Enough => return None,
        Standing::Low => false,
        Standing::Empty => true,
    };
    let filled = supply.class == SupplyClass::ReceptacleThatIsFilled;
    let (low_code, empty_code) = match supply.supply_type {
        SupplyType::Toner | SupplyType::TonerCartridge | SupplyType::MatteToner if !filled => {
            (Code::MarkerTonerAlmostEmpty, Code::MarkerTonerEmpty)
        }
        SupplyType::Ink | SupplyType::InkCartridge | SupplyType::MatteInk if !filled => {
            (Code::MarkerInkAlmostEmpty, Code::MarkerInkEmpty)
        }
        SupplyType::Developer if !filled => (Code::MarkerDeveloperAlmostEmpty, Code::MarkerDeveloperEmpty),
        SupplyType::WasteToner => {
            (Code::MarkerWasteTonerReceptacleAlmostFull, Code::MarkerWasteTonerReceptacleFull)
        }
        _ if filled => (Code::SubunitAlmostFull, Code::SubunitFull),
        _ => (Code::SubunitAlmostEmpty, Code::SubunitEmpty),
    };
    let name = &supply.name;
    let set = supply.set_percent;
    let description = match (filled, empty) {
        (false, true) => format!("{name} is empty"),
        (false, false) => format!("{name} is at {percent} %, at or below its set value of {set} %"),
        (true, true) => format!("{name} is full"),
        (true, false) => {
            format!("{name} has {percent} % of its space left, at or below its set value of {set} %")
        }
    };
    Some(Wording {
        severity: if empty { Severity::Critical } else { Severity::Warning },
        training: Training::Untrained,
        group: AlertGroup::MarkerSupplies,
        code: if empty { empty_code } else { low_code },
        description,
    })
}

/// The alert for a part. Parts with a life are changed by a technician: `fieldService`.
pub(super) fn part_wording(part: &PartReading, standing: Standing, percent: u8) -> Option<Wording> {
    let opc = part.part_type == SupplyType::Opc;
    let name = &part.name;
    let (severity, code, description) = match standing {
        Standing::Enough => return None,
        Standing::Low => (
            Severity::Warning,
            if opc { AlertCode::MarkerOpcLifeAlmostOver } else { AlertCode::SubunitLifeAlmostOver },
            format!("{name} has {percent} % of its life left: it is to be replaced soon"),
        ),
        Standing::Empty => (
            Severity::Critical,
            if opc { AlertCode::MarkerOpcLifeOver } else { AlertCode::SubunitLifeOver },
            format!("the life of {name} is over: it is to be replaced"),
        ),
    };
    let group = AlertGroup::Marker;
    Some(Wording { severity, training: Training::FieldService, group, code, description })
}
