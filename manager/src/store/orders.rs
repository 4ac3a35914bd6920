//! Orders for supplies, from a person at the device to the delivery.

use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::device_to_manager::EnteredBy;
use platen_protocol::identity::{DeviceId, OrderId};
use platen_protocol::readings::SupplyReading;
use serde::{Deserialize, Serialize};

use super::engine::{Row, Value, values};
use super::records::{dated, id, time, time_if_any, word};
use super::sight::sees_row;
use super::states::refresh_all;
use super::writer::WriteContext;
use super::{Scope, Store, StoreError, from_json, statements};
use crate::ingest::date::Dated;

/// Which orders.
#[derive(Debug, Clone, Default)]
pub struct OrderFilter {
    /// Only this device's.
    pub device: Option<DeviceId>,
    /// Only those that are neither delivered nor cancelled, or only those that are.
    pub open: Option<bool>,
}

/// How far operators have dealt with an order. Every state can follow every other: operators correct
/// mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// No operator has dealt with it.
    New,
    /// It has been placed with the supplier, or is on its way.
    Ordered,
    /// It has arrived at the printer's site.
    Delivered,
    /// It will not be delivered.
    Cancelled,
}

impl OrderState {
    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Ordered => "ordered",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether somebody still has to do something.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::New | Self::Ordered)
    }
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    /// Its place in the list, and its name here.
    pub key: i64,
    /// Whose it is.
    pub device: DeviceId,
    /// The name that the device gave it.
    pub id: OrderId,
    /// When it arrived, by the manager's clock.
    pub received: Timestamp,
    /// When the person entered it at the device.
    pub dated: Dated,
    /// Whether it came from a simulated board.
    pub simulated: bool,
    /// The supply, as it was read when it was ordered.
    pub supply: SupplyReading,
    /// Number of pieces, 1 or more.
    pub quantity: u16,
    /// What the person wrote; none by the button.
    pub note: Option<String>,
    /// Where the person entered it.
    pub entered_by: EnteredBy,
    /// What has become of it.
    pub state: OrderState,
    /// When an operator last changed the state; none while it is new.
    pub changed: Option<Timestamp>,
    /// The operator who did.
    pub changed_by: Option<String>,
    /// The person was told that the supply was ordered already, and ordered it all the same.
    pub again: bool,
    /// The first open order of the same supply of this device, while this one is open as well and no operator has said
    /// that both are wanted.
    pub duplicate_of: Option<i64>,
    /// An operator said that it is wanted beside the earlier one.
    pub kept_by: Option<String>,
    /// An operator said that it is the same want as that order, and it was closed.
    pub merged_into: Option<i64>,
}

/// What an operator says of an order of a supply that was ordered already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicate {
    /// It is the same want: it is closed, and the earlier one stays.
    Merge,
    /// Both are wanted.
    Keep,
}

/// What became of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It is done, for an order of this device.
    Done(DeviceId),
    /// The order is closed, or no earlier one of its supply is open.
    NotDuplicate,
    /// There is no such order.
    Missing,
}

impl OrderRecord {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let supply: String = row.get(5)?;
        Ok(Self {
            key: row.get(0)?,
            device: id("device", row.get(1)?)?,
            id: id("order", row.get(2)?)?,
            received: time(row, 3)?,
            dated: dated(row, 12, time(row, 3)?)?,
            simulated: row.get(4)?,
            supply: from_json("supply", &supply)?,
            quantity: row.get(6)?,
            note: row.get(7)?,
            entered_by: word("place of entry", row.get(8)?)?,
            state: word("state of an order", row.get(9)?)?,
            changed: time_if_any(row, 10)?,
            changed_by: row.get(11)?,
            again: row.get(14)?,
            merged_into: row.get(15)?,
            kept_by: row.get(16)?,
            duplicate_of: row.get(17)?,
        })
    }
}

impl Store {
    /// Orders, those below `before`.
    pub async fn orders(
        &self,
        scope: &Scope,
        filter: OrderFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let list = self.list(scope, (statements::ORDERS, "o"), filter.device, (before, limit)).open(
            filter.open,
            "o.closed IS NULL",
            "o.closed IS NOT NULL",
        );
        self.readers.clone().read(move |connection| list.read(connection, OrderRecord::from_row)).await
    }

    /// Says what has become of an order, and gives its device; `None` when there is no such order.
    pub async fn set_order(
        &self,
        scope: &Scope,
        key: i64,
        state: OrderState,
        operator: String,
        now: Timestamp,
    ) -> Result<Option<DeviceId>, StoreError> {
        let (open, scope) = (Arc::clone(&self.open), scope.clone());
        let act = move |context: &mut WriteContext<'_>| {
            if !sees_row(context.connection, &scope, "orders", key)? {
                return Ok(None);
            }
            let now = now.as_millisecond();
            let closed = (!state.is_open()).then_some(now);
            let state = state.word();
            let changed = values![key, state, now, operator, closed];
            let device = device_of(context, statements::SET_ORDER, changed)?;
            refresh_all(context.connection, device.iter())?;
            Ok(device)
        };
        self.writer.write_then(act, move |device| device.iter().for_each(|device| open.changed(device))).await
    }

    /// Says whether an order of a supply that was ordered already is the same want.
    pub async fn settle_duplicate(
        &self,
        scope: &Scope,
        key: i64,
        what: Duplicate,
        operator: String,
        now: Timestamp,
    ) -> Result<Settled, StoreError> {
        let (open, scope) = (Arc::clone(&self.open), scope.clone());
        let statement = match what {
            Duplicate::Merge => statements::MERGE_ORDER,
            Duplicate::Keep => statements::KEEP_ORDER,
        };
        let act = move |context: &mut WriteContext<'_>| {
            if !sees_row(context.connection, &scope, "orders", key)? {
                return Ok(Settled::Missing);
            }
            if let Some(device) = device_of(context, statement, values![key, now.as_millisecond(), operator])?
            {
                refresh_all(context.connection, [&device].into_iter())?;
                return Ok(Settled::Done(device));
            }
            let exists = context.connection.exists(statements::ORDER_EXISTS, values![key])?;
            Ok(if exists { Settled::NotDuplicate } else { Settled::Missing })
        };
        let then = move |settled: &Settled| {
            if let Settled::Done(device) = settled {
                open.changed(device);
            }
        };
        self.writer.write_then(act, then).await
    }
}

/// Changes a row, and says whose it is, if there is one.
pub(super) fn device_of(
    context: &WriteContext<'_>,
    statement: &str,
    parameters: &[Value<'_>],
) -> Result<Option<DeviceId>, StoreError> {
    context.connection.one(statement, parameters, |row| id("device", row.get(0)?))
}
