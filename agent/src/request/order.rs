//! Orders of a supply, by button or by command.

use platen_protocol::device_to_manager::{EnteredBy, Order, ReportBody};
use platen_protocol::limits::{MAX_MESSAGE_CHARS, MAX_ORDER_QUANTITY};
use platen_protocol::readings::{Readings, SupplyReading};
use platen_protocol::text::{self, InvalidText};

use crate::random::{self, CannotName};

/// Begins the name of an order.
const ID_PREFIX: &str = "order";

/// Why something cannot be ordered.
#[derive(Debug, thiserror::Error)]
pub enum CannotOrder {
    /// The board has no such supply.
    #[error("this printer has no supply {name:?}; it has: {known}")]
    Unknown {
        /// The name that was given.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// None, or too many.
    #[error("{0} cannot be ordered at once: order 1 to {MAX_ORDER_QUANTITY}")]
    Quantity(u16),
    /// The note cannot be sent.
    #[error("the note {0}")]
    Note(InvalidText),
    /// The order could not be named.
    #[error(transparent)]
    Name(#[from] CannotName),
}

/// An order that a person entered on the controller; a note of blanks is none. `again` says that the person orders
/// the supply although it is ordered already.
///
/// # Errors
/// When there is no such supply, the number or the note is out of bounds, or the kernel has no random numbers.
pub fn by_command(
    readings: &Readings,
    supply: &str,
    quantity: u16,
    note: Option<String>,
    again: bool,
) -> Result<ReportBody, CannotOrder> {
    let Some(found) = readings.supplies.iter().find(|reading| reading.name == supply) else {
        let names: Vec<&str> = readings.supplies.iter().map(|reading| reading.name.as_str()).collect();
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(CannotOrder::Unknown { name: supply.to_owned(), known });
    };
    if !(1..=MAX_ORDER_QUANTITY).contains(&quantity) {
        return Err(CannotOrder::Quantity(quantity));
    }
    let note = text::written(note, MAX_MESSAGE_CHARS).map_err(CannotOrder::Note)?;
    let (id, supply) = (random::name(ID_PREFIX)?, found.clone());
    Ok(ReportBody::Order(Order { id, supply, quantity, note, entered_by: EnteredBy::Command, again }))
}

/// One of a supply, for a press of the order button; `again` as with [`by_command`].
///
/// # Errors
/// When the kernel has no random numbers.
pub fn by_button(supply: &SupplyReading, again: bool) -> Result<ReportBody, CannotName> {
    let (id, supply) = (random::name(ID_PREFIX)?, supply.clone());
    let entered_by = EnteredBy::Button;
    Ok(ReportBody::Order(Order { id, supply, quantity: 1, note: None, entered_by, again }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use platen_protocol::supply::{Capacity, Level, SupplyClass, SupplyType, SupplyUnit};

    fn supply(name: &str, class: SupplyClass) -> SupplyReading {
        SupplyReading {
            name: name.into(),
            index: 1,
            class,
            supply_type: SupplyType::Unknown,
            colorant: None,
            unit: SupplyUnit::Percent,
            capacity: Capacity::Unknown,
            level: Level::SomeRemains,
            set_percent: 10,
            serial: None,
            set_pages: None,
            set_days: None,
            part_number: Some("TN-1".into()),
            expected: None,
            outlook: None,
            empty_at: None,
        }
    }

    fn readings() -> Readings {
        let black = supply("black", SupplyClass::SupplyThatIsConsumed);
        let waste = supply("waste", SupplyClass::ReceptacleThatIsFilled);
        Readings { supplies: vec![black, waste], ..Readings::default() }
    }

    #[test]
    fn an_order_carries_the_supply_as_it_was_read_and_a_name_of_its_own() {
        let order = |name: &str| match by_command(&readings(), name, 2, Some(" soon ".into()), false).unwrap()
        {
            ReportBody::Order(order) => order,
            other => panic!("{other:?}"),
        };
        let (black, waste) = (order("black"), order("waste"));
        assert_eq!((black.supply.part_number.as_deref(), black.quantity), (Some("TN-1"), 2));
        assert_eq!(black.note.as_deref(), Some("soon"));
        assert_eq!(waste.supply.name, "waste", "a waste box is ordered like anything else");
        assert_ne!(black.id, waste.id);
    }

    #[test]
    fn what_cannot_be_ordered_is_refused_with_what_can_be() {
        let refused = |name: &str, quantity, note: &str| {
            by_command(&readings(), name, quantity, Some(note.into()), false).unwrap_err().to_string()
        };
        assert!(refused("blak", 1, "").contains("black, waste"));
        assert!(refused("black", 0, "").contains("1 to 99"));
        assert!(refused("black", MAX_ORDER_QUANTITY + 1, "").contains("1 to 99"));
        assert!(refused("black", 1, &"ä".repeat(MAX_MESSAGE_CHARS + 1)).contains("500"));
        assert_eq!(refused("black", 1, "now\u{1b}"), "the note contains a control character (U+001B)");
    }
}
