//! Which pages a supply is used by: all, or those in colour.

use platen_protocol::readings::{CounterKind, Readings, SupplyReading};
use platen_protocol::supply::SupplyClass;

/// Whether a supply is used by color pages only, as far as its colorant tells.
pub(in crate::judge) fn is_chromatic(supply: &SupplyReading) -> bool {
    supply.class == SupplyClass::SupplyThatIsConsumed
        && supply
            .colorant
            .as_deref()
            .is_some_and(|colorant| !matches!(colorant, "black" | "none" | "unknown"))
}

/// Whether the engine counts pages in colour by themselves.
pub(in crate::judge) fn counts_colour(readings: &Readings) -> bool {
    readings.counter(CounterKind::FullColor).is_some()
}
