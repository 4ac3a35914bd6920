//! Cartridge memories that stay unreadable.

use platen_protocol::alert::{AlertCode, AlertGroup, Severity, Training};
use platen_protocol::supply::{SupplyClass, SupplyType};
use platen_protocol::unknown::{UnknownCause, UnknownReason};
use serde::{Deserialize, Serialize};

use super::alert::Wording;

/// Whether a chip can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Yes, whatever it says.
    Readable,
    /// It does not answer its address.
    Missing,
    /// It answers, or the bus fails, and nothing usable comes back.
    Failing,
}

/// What a cause means for the chip.
pub(super) fn access(cause: Option<&UnknownCause>) -> Access {
    match cause.map(|cause| cause.reason) {
        None => Access::Readable,
        Some(UnknownReason::NoAnswer) => Access::Missing,
        Some(UnknownReason::BusFailing | UnknownReason::Damaged | UnknownReason::Implausible) => {
            Access::Failing
        }
    }
}

/// Only a toner cartridge has a code of its own for "missing"; the rest takes the generic one.
pub(super) fn missing_supply(class: SupplyClass, supply_type: SupplyType) -> AlertCode {
    match (class, supply_type) {
        (
            SupplyClass::SupplyThatIsConsumed,
            SupplyType::Toner | SupplyType::TonerCartridge | SupplyType::MatteToner,
        ) => AlertCode::MarkerTonerCartridgeMissing,
        _ => AlertCode::SubunitMissing,
    }
}

/// The alert. A missing cartridge stops printing and anyone can put it back; a chip that is there and
/// cannot be read is a technician's matter, and the printer may print on.
pub(super) fn wording(
    name: &str,
    cause: &UnknownCause,
    missing: AlertCode,
    group: AlertGroup,
) -> Option<Wording> {
    let (severity, training, code, what) = match access(Some(cause)) {
        Access::Readable => return None,
        Access::Missing => (Severity::Critical, Training::Untrained, missing, "is missing"),
        Access::Failing => (
            Severity::Warning,
            Training::FieldService,
            AlertCode::SubunitRecoverableFailure,
            "cannot be read",
        ),
    };
    Some(Wording { severity, training, group, code, description: format!("{name} {what}: {cause}") })
}
