//! What an order takes from a shelf when it is approved or sent, and gives back when nothing comes of it.

use super::super::StoreError;
use super::super::engine::{Connection, values};
use super::super::order_records::{OrderRecord, OrderState, OrderWhat};
use super::super::statements::parts as statements;
use super::acts::{Held, note};

/// The shelf of the service centre, in words.
const OWN_SHELF: &str = "the service centre's shelf";

fn shelf(site: Option<String>) -> String {
    site.map_or_else(|| OWN_SHELF.to_owned(), |site| format!("the shelf at {site}"))
}

/// Whether its pieces are to be taken now. What was delivered without ever being sent from here came from somewhere else, unless
/// somebody says so of an order that was still open.
const fn is_taking(order: &OrderRecord, to: OrderState) -> bool {
    let now = match to {
        OrderState::Approved | OrderState::Shipped => true,
        OrderState::Delivered => !order.state.is_sent(),
        _ => false,
    };
    now && order.taken == 0
}

/// Does what a move means for shelves and for what the order costs.
pub(super) fn settle(
    connection: &Connection,
    held: &Held,
    to: OrderState,
    (by, at): (Option<&str>, i64),
) -> Result<(), StoreError> {
    let order = &held.order;
    let Some(number) = &order.part_number else { return Ok(()) };
    if to.is_sent() {
        connection.execute(statements::FIX_PRICE, values![order.key, number])?;
    }
    if is_taking(order, to) {
        take(connection, held, number, (by, at))
    } else if !to.is_sent() && order.taken > 0 {
        give_back(connection, held, (by, at))
    } else {
        Ok(())
    }
}

/// Takes all of its pieces from the nearest shelf that has so many; where none has, the supplier sends them.
fn take(
    connection: &Connection,
    Held { order, device, .. }: &Held,
    number: &str,
    (by, at): (Option<&str>, i64),
) -> Result<(), StoreError> {
    let found: Option<(i64, Option<String>)> =
        connection.one(statements::SHELF_FOR, values![number, device, order.quantity], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let Some((stock, site)) = found else { return Ok(()) };
    let pieces = i64::from(order.quantity);
    let left: Option<i64> =
        connection.one(statements::MORE_STOCK, values![stock, -pieces], |row| row.get(0))?;
    // Another manager's order took the last of them a moment ago.
    let Some(left) = left else { return Ok(()) };
    connection.execute(statements::TAKE, values![order.key, pieces, stock])?;
    let none: Option<&str> = None;
    connection.execute(statements::ADD_MOVE, values![stock, at, by, -pieces, left, order.key, none])?;
    let words = format!("{pieces} from {}, where {left} are left", shelf(site));
    note(connection, (*device, order.key), (by, OrderWhat::Taken), Some(&words), at)
}

fn give_back(
    connection: &Connection,
    Held { order, device, .. }: &Held,
    (by, at): (Option<&str>, i64),
) -> Result<(), StoreError> {
    let pieces = i64::from(order.taken);
    let (nothing, nowhere) = (0, None::<i64>);
    connection.execute(statements::TAKE, values![order.key, nothing, nowhere])?;
    let Some(stock) = order.taken_from else { return Ok(()) };
    let left: Option<i64> =
        connection.one(statements::MORE_STOCK, values![stock, pieces], |row| row.get(0))?;
    // The place was removed meanwhile.
    let Some(left) = left else { return Ok(()) };
    let none: Option<&str> = None;
    connection.execute(statements::ADD_MOVE, values![stock, at, by, pieces, left, order.key, none])?;
    let site: Option<Option<String>> =
        connection.one(statements::SHELF_NAME, values![stock], |row| row.get(0))?;
    let words = format!("{pieces} to {}", shelf(site.flatten()));
    note(connection, (*device, order.key), (by, OrderWhat::GivenBack), Some(&words), at)
}
