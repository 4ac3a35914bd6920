//! What is written down of an order with everything that is done to it, and what is told of it.

use super::super::damage::Damage;
use super::super::engine::{Connection, Row, values};
use super::super::order_records::{OrderAct, OrderRecord, OrderState, OrderWhat};
use super::super::statements::{self as all_statements, fleet, orders as statements};
use super::super::{StoreError, to_json};
use crate::telling::event::OrderNews;

/// Entries of an order's history that what repeats itself can make: an alert that comes and goes.
const MAX_REPEATED: i64 = 50;

/// An order with which something is done.
pub(super) struct Held {
    pub(super) order: OrderRecord,
    /// The key of its device.
    pub(super) device: i64,
    /// Whether that is out of service.
    pub(super) retired: bool,
}

/// Nothing else changes what people asked for at a device, from here to the end of the transaction.
pub(super) fn hold(connection: &Connection, device: i64) -> Result<(), StoreError> {
    if let Connection::Postgres(_) = connection {
        connection.exists(fleet::HOLD_STATE, values![device])?;
    }
    Ok(())
}

/// One order as it is.
pub(super) fn read(connection: &Connection, damage: &Damage, key: i64) -> Result<Option<Held>, StoreError> {
    let found = connection.one(statements::ONE, values![key], |row: &Row<'_>| {
        let (device, retired) = (row.get(33)?, row.get::<Option<i64>>(34)?.is_some());
        let order = damage.readable(row, 1, OrderRecord::from_row);
        Ok(order.map(|order| Held { order, device, retired }))
    })?;
    Ok(found.flatten())
}

/// The same, and nobody else does anything with it meanwhile.
pub(super) fn held(connection: &Connection, damage: &Damage, key: i64) -> Result<Option<Held>, StoreError> {
    let device: Option<i64> = connection.one(statements::DEVICE_OF, values![key], |row| row.get(0))?;
    let Some(device) = device else { return Ok(None) };
    hold(connection, device)?;
    read(connection, damage, key)
}

/// Writes down who did what with it; `at` is in milliseconds.
pub(super) fn note(
    connection: &Connection,
    (device, order): (i64, i64),
    (who, what): (Option<&str>, OrderWhat),
    words: Option<&str>,
    at: i64,
) -> Result<(), StoreError> {
    connection.execute(statements::NOTE, values![device, order, at, who, what.word(), words]).map(drop)
}

/// The same of what may repeat itself without end.
pub(super) fn note_repeated(
    connection: &Connection,
    (device, order): (i64, i64),
    what: OrderWhat,
    words: &str,
    at: i64,
) -> Result<(), StoreError> {
    let count: i64 = connection.row(statements::COUNT_ACTS, values![order], |row| row.get(0))?;
    if count >= MAX_REPEATED {
        return Ok(());
    }
    note(connection, (device, order), (None, what), Some(words), at)
}

pub(super) fn last_act(connection: &Connection, order: i64) -> Result<Option<OrderAct>, StoreError> {
    connection.one(statements::ACTS, values![order, i64::MAX, 1], OrderAct::from_row)
}

/// Tells of an order as it is now, which was in another state before.
pub(super) fn tell(
    connection: &Connection,
    damage: &Damage,
    key: i64,
    before: Option<OrderState>,
    at: i64,
) -> Result<(), StoreError> {
    let Some(Held { order, device, .. }) = read(connection, damage, key)? else { return Ok(()) };
    let news = OrderNews {
        id: order.key,
        order: order.id.as_ref().map(ToString::to_string),
        supply: order.supply.name.clone(),
        part_number: order.part_number.clone(),
        quantity: order.quantity,
        entered_by: order.entered_by.word().to_owned(),
        before: before.map(|state| state.word().to_owned()),
        state: order.state.word().to_owned(),
        by: order.changed_by.clone(),
        reason: order.reason.clone(),
        carrier: order.carrier.clone(),
        tracking: order.tracking.clone(),
        serial: order.fitted_serial.clone(),
        note: order.note.clone(),
        version: order.version,
    };
    let origin = format!("order/{}/{}/{}", order.key, order.version, order.state.word());
    let body = to_json("news of an order", &news)?;
    connection.execute(all_statements::ADD_NOTICE, values![origin, device, "order_state", at, body]).map(drop)
}
