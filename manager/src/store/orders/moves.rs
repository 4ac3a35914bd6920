//! What operators do with an order. Each act is one transaction and may name the version that the person saw: of two who
//! change the same order the second is told, and nothing is overwritten unseen.

use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

use super::super::damage::Damage;
use super::super::engine::{Connection, values};
use super::super::order_records::{Duplicate, OrderMove, OrderRecord, OrderRefusal, OrderState, OrderWhat};
use super::super::sight::sees_row;
use super::super::statements::orders as statements;
use super::super::states::refresh;
use super::super::writer::WriteContext;
use super::super::{Scope, Store, StoreError};
use super::acts::{Held, held, last_act, note, read, tell};
use super::taken::settle;

/// What came of an act.
type Done = Result<OrderRecord, OrderRefusal>;

/// What is said of a move in the history.
fn words(to: &OrderMove) -> Option<String> {
    let sent = [to.carrier.as_deref(), to.tracking.as_deref()];
    let sent = sent.into_iter().flatten().collect::<Vec<_>>().join(" ");
    to.reason.clone().or_else(|| Some(sent).filter(|sent| !sent.is_empty()))
}

/// Puts an order into a state, for whoever may; what it is then.
pub(super) fn put(
    connection: &Connection,
    damage: &Damage,
    found: &Held,
    to: &OrderMove,
    (by, at): (Option<&str>, i64),
) -> Result<(), StoreError> {
    let Held { order, device, .. } = found;
    let closed = (!to.state.is_open()).then_some(at);
    let reason = to.reason.as_deref().filter(|_| to.state == OrderState::Cancelled);
    let state = to.state.word();
    let moved = values![order.key, state, at, by, closed, reason, to.carrier, to.tracking];
    connection.execute(statements::MOVE, moved)?;
    note(connection, (*device, order.key), (by, to.state.into()), words(to).as_deref(), at)?;
    settle(connection, found, to.state, (by, at))?;
    tell(connection, damage, order.key, Some(order.state), at)?;
    refresh(connection, *device, None)
}

/// An operator has dealt with it on the page of what needs a person: it is approved by that.
pub(in crate::store) fn approve_for_now(
    connection: &Connection,
    damage: &Damage,
    key: i64,
    by: &str,
    at: i64,
) -> Result<(), StoreError> {
    let Some(found) = held(connection, damage, key)? else { return Ok(()) };
    put(connection, damage, &found, &OrderState::Approved.into(), (Some(by), at))
}

/// Why it cannot be moved there, if so.
fn refused(
    connection: &Connection,
    found: &Held,
    version: Option<i64>,
    to: &OrderMove,
) -> Result<Option<OrderRefusal>, StoreError> {
    let order = &found.order;
    if version.is_some_and(|version| version != order.version) {
        let last = last_act(connection, order.key)?;
        return Ok(Some(OrderRefusal::Changed(Box::new(order.clone()), last)));
    }
    let is_end = !to.state.is_open();
    Ok(match to.state {
        OrderState::Proposed => Some(OrderRefusal::NoProposal),
        _ if found.retired && !is_end => Some(OrderRefusal::Retired(order.device.clone())),
        _ => None,
    })
}

impl Store {
    /// Moves an order on, if it still is what the person saw; what it is then.
    pub async fn move_order(
        &self,
        scope: &Scope,
        (key, version): (i64, Option<i64>),
        to: OrderMove,
        by: String,
        now: Timestamp,
    ) -> Result<Done, StoreError> {
        let (open, damage, scope) = (Arc::clone(&self.open), Arc::clone(&self.damage), scope.clone());
        let at = now.as_millisecond();
        let act = move |context: &mut WriteContext<'_>| {
            let connection = context.connection;
            if !sees_row(connection, &scope, "orders", key)? {
                return Ok(Err(OrderRefusal::Missing));
            }
            let Some(found) = held(connection, &damage, key)? else { return Ok(Err(OrderRefusal::Missing)) };
            if let Some(refusal) = refused(connection, &found, version, &to)? {
                return Ok(Err(refusal));
            }
            put(connection, &damage, &found, &to, (Some(&by), at))?;
            let moved = read(connection, &damage, key)?;
            Ok(moved.map(|held| held.order).ok_or(OrderRefusal::Missing))
        };
        let then = move |done: &Done| {
            if let Ok(order) = done {
                open.changed(&order.device);
            }
        };
        self.writer.write_then(act, then).await
    }

    /// The same, whatever anybody did meanwhile: its device; `None` when there is no such order.
    pub async fn set_order(
        &self,
        scope: &Scope,
        key: i64,
        state: OrderState,
        operator: String,
        now: Timestamp,
    ) -> Result<Option<DeviceId>, StoreError> {
        let done = self.move_order(scope, (key, None), state.into(), operator, now).await?;
        Ok(done.ok().map(|order| order.device))
    }

    /// Says whether an order of a supply that was ordered already is the same want; what it is then.
    pub async fn settle_duplicate(
        &self,
        scope: &Scope,
        key: i64,
        what: Duplicate,
        by: String,
        now: Timestamp,
    ) -> Result<Done, StoreError> {
        let (open, damage, scope) = (Arc::clone(&self.open), Arc::clone(&self.damage), scope.clone());
        let (statement, what) = match what {
            Duplicate::Merge => (statements::MERGE, OrderWhat::Merged),
            Duplicate::Keep => (statements::KEEP, OrderWhat::Kept),
        };
        let at = now.as_millisecond();
        let act = move |context: &mut WriteContext<'_>| {
            let connection = context.connection;
            if !sees_row(connection, &scope, "orders", key)? {
                return Ok(Err(OrderRefusal::Missing));
            }
            let Some(found) = held(connection, &damage, key)? else { return Ok(Err(OrderRefusal::Missing)) };
            if connection.execute(statement, values![key, at, by])? == 0 {
                return Ok(Err(OrderRefusal::NotDuplicate));
            }
            let of = found.order.duplicate_of.map(|first| format!("order {first}"));
            note(connection, (found.device, key), (Some(&by), what), of.as_deref(), at)?;
            if what == OrderWhat::Merged {
                settle(connection, &found, OrderState::Cancelled, (Some(&by), at))?;
                tell(connection, &damage, key, Some(found.order.state), at)?;
            }
            refresh(connection, found.device, None)?;
            let settled = read(connection, &damage, key)?;
            Ok(settled.map(|held| held.order).ok_or(OrderRefusal::Missing))
        };
        let then = move |done: &Done| {
            if let Ok(order) = done {
                open.changed(&order.device);
            }
        };
        self.writer.write_then(act, then).await
    }
}
