//! Supplies and parts that are put in: another one, or the same one again.

use platen_protocol::device_to_manager::{Replacement, ReplacementKind};
use platen_protocol::readings::{PartReading, Readings, SupplyReading};
use platen_protocol::supply::SupplyType;

use super::alert::Alerts;
use super::condition::{Access, Aspect};
use super::forecast;
use super::past::{Identity, Known, Past};

/// What a sample says about who is in the places of the board.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Another one is in: what was told of the old one ends.
    pub(super) replaced: Vec<Replacement>,
    /// Supplies and parts that were told of as missing, and are known again as they were. They are re-seated
    /// when the alert ends.
    pub(super) returned: Vec<Replacement>,
}

/// Compares a sample with what is remembered, and remembers it. `needed` samples in a row must agree on
/// another serial number; `trusted` says that the engine's counters can be believed.
pub(super) fn observe(
    past: &mut Past,
    alerts: &Alerts,
    readings: &Readings,
    needed: u32,
    trusted: bool,
) -> Places {
    let mut places = Places::default();
    for supply in &readings.supplies {
        let known = past.things.entry(supply.name.clone()).or_default();
        let said = known.identify_supply(supply, needed);
        if said == Identity::Doubtful {
            continue;
        }
        if said == Identity::Other {
            places.replaced.push(of_supply(ReplacementKind::Replaced, supply, known.supply(supply)));
            *known = known.successor();
        } else if said == Identity::Same && was_missing(alerts, &supply.name) {
            places.returned.push(of_supply(ReplacementKind::Reseated, supply, known.supply(supply)));
        }
        known.note_supply(supply);
    }
    let mut new_fuser = false;
    for part in &readings.parts {
        let known = past.things.entry(part.name.clone()).or_default();
        let said = known.identify_part(part, needed, trusted);
        if said == Identity::Doubtful {
            continue;
        }
        if said == Identity::Other {
            places.replaced.push(of_part(ReplacementKind::Replaced, part, known.part(part)));
            *known = Known::default();
            new_fuser |= part.part_type == SupplyType::Fuser;
        } else if said == Identity::Same && was_missing(alerts, &part.name) {
            places.returned.push(of_part(ReplacementKind::Reseated, part, known.part(part)));
        }
        known.note_part(part);
    }
    if new_fuser {
        forecast::forget_fuser(past, readings);
    }
    places
}

/// Whether a thing is told of as missing.
pub(super) fn was_missing(alerts: &Alerts, name: &str) -> bool {
    alerts.of(name, Aspect::Memory(Access::Missing)) == Some(Aspect::Memory(Access::Missing))
}

fn of_supply(change: ReplacementKind, fitted: &SupplyReading, removed: SupplyReading) -> Replacement {
    Replacement {
        subject: fitted.name.clone(),
        change,
        removed_supply: Some(removed),
        fitted_supply: Some(fitted.clone()),
        removed_part: None,
        fitted_part: None,
    }
}

fn of_part(change: ReplacementKind, fitted: &PartReading, removed: PartReading) -> Replacement {
    Replacement {
        subject: fitted.name.clone(),
        change,
        removed_supply: None,
        fitted_supply: None,
        removed_part: Some(removed),
        fitted_part: Some(fitted.clone()),
    }
}
