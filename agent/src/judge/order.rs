//! The order button: which supplies does a press want?

use platen_protocol::readings::SupplyReading;
use platen_protocol::supply::SupplyClass;

use super::button::Press;
use super::supply;

/// The supplies that a press of the order button wants: a short one that which is lowest, a long one all
/// that have reached a set value. What is not known to be low is never among them.
pub(super) fn wanted(press: Press, supplies: &[SupplyReading]) -> Vec<SupplyReading> {
    match press {
        Press::Short => lowest(supplies).into_iter().cloned().collect(),
        Press::Long => supplies.iter().filter(|supply| supply::reached(supply).is_some()).cloned().collect(),
    }
}

/// The consumed supply of which the least is left; of equals the first on the board.
fn lowest(supplies: &[SupplyReading]) -> Option<&SupplyReading> {
    supplies
        .iter()
        .filter(|supply| supply.class == SupplyClass::SupplyThatIsConsumed)
        .filter_map(|supply| supply.percent().map(|percent| (percent, supply)))
        .min_by_key(|(percent, _)| *percent)
        .map(|(_, supply)| supply)
}
