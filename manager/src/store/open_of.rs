//! What is open at some devices. It is looked up for these alone, and of each device there is a limit of its own: what
//! is open at one takes nothing away from another. How many there are in all stands in the columns of each device
//! ([`super::states`]).

use std::collections::BTreeMap;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

use super::StoreError;
use super::calls::ServiceCallRecord;
use super::clones::CloneRecord;
use super::conditions::Conditions;
use super::damage::Damage;
use super::engine::{Connection, Row, Value, values};
use super::order_records::OrderRecord;
use super::records::{AlertRecord, id};
use super::statements::fleet;
use super::watches::WatchRecord;

/// A sum in the store is in two parts, so that it never goes beyond an integer: this is what the greater one counts.
const PART: u64 = 1_000_000_000;

/// What is open at one device: the worst first, then the newest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenThings {
    /// Alerts.
    pub alerts: Vec<AlertRecord>,
    /// Service calls.
    pub service_calls: Vec<ServiceCallRecord>,
    /// Orders.
    pub orders: Vec<OrderRecord>,
    /// What watches found, the oldest first.
    pub watches: Vec<WatchRecord>,
    /// A sign that two machines use its identity.
    pub clone: Option<CloneRecord>,
    /// How many reports it lost since the moment that was asked for.
    pub lost: u64,
}

/// How a row is read.
type Read<T> = fn(&Row<'_>) -> Result<T, StoreError>;

/// The rows of a statement that is written around its condition on devices.
fn some<T>(
    connection: &Connection,
    damage: &Damage,
    (before, behind): (&str, &str),
    (devices, most): (&[i64], u32),
    (whose, read): (usize, Read<T>),
) -> Result<Vec<T>, StoreError> {
    let mut conditions = Conditions::new(values![most]);
    conditions.and_of("t.device", devices);
    let text = format!("{before}{}{behind}", conditions.text());
    damage.collect(connection, &text, conditions.values(), whose, read)
}

/// What is open at these devices, of each kind at most `most` of each, and what they lost since then.
pub(super) fn open_of(
    connection: &Connection,
    damage: &Damage,
    devices: &[i64],
    most: u32,
    since: Timestamp,
) -> Result<BTreeMap<DeviceId, OpenThings>, StoreError> {
    let mut open: BTreeMap<DeviceId, OpenThings> = BTreeMap::new();
    let which = (devices, most);
    for alert in some(connection, damage, fleet::OPEN_ALERTS_OF, which, (1, AlertRecord::from_row))? {
        open.entry(alert.device.clone()).or_default().alerts.push(alert);
    }
    for call in some(connection, damage, fleet::OPEN_CALLS_OF, which, (1, ServiceCallRecord::from_row))? {
        open.entry(call.device.clone()).or_default().service_calls.push(call);
    }
    for order in some(connection, damage, fleet::OPEN_ORDERS_OF, which, (1, OrderRecord::from_row))? {
        open.entry(order.device.clone()).or_default().orders.push(order);
    }
    for watch in some(connection, damage, fleet::OPEN_WATCHES_OF, which, (1, WatchRecord::from_row))? {
        open.entry(watch.device.clone()).or_default().watches.push(watch);
    }
    let one = (devices, 1);
    for clone in some(connection, damage, fleet::OPEN_CLONES_OF, one, (0, CloneRecord::from_row))? {
        let device = clone.device.clone();
        open.entry(device).or_default().clone = Some(clone);
    }
    for things in open.values_mut() {
        things.service_calls.sort_by_key(|call| std::cmp::Reverse(call.key));
        things.orders.sort_by_key(|order| std::cmp::Reverse(order.key));
        things.watches.sort_by_key(|watch| watch.finding.since());
    }
    let mut conditions = Conditions::new(&[Value::Integer(since.as_millisecond())]);
    conditions.and_of("g.device", devices);
    let text = format!("{}{} GROUP BY d.id", fleet::LOST_OF, conditions.text());
    connection.each(&text, conditions.values(), |row| {
        let (parts, rest): (i64, i64) = (row.get(1)?, row.get(2)?);
        let sum = super::from_integer(parts).saturating_mul(PART).saturating_add(super::from_integer(rest));
        open.entry(id("device", row.get(0)?)?).or_default().lost = sum;
        Ok(())
    })?;
    Ok(open)
}
