//! An operator says what has become of an order, or whether it is the same want as an earlier one.

use platen_protocol::problem::ProblemKind;

use super::Operators;
use super::problem::Refusal;
use crate::clock;
use crate::inform::Event;
use crate::store::{Duplicate, OrderState, Scope, Settled};

/// Keeps it, and tells the others.
pub(super) async fn set(
    operators: &Operators,
    scope: &Scope,
    id: i64,
    state: OrderState,
    operator: String,
) -> Result<(), Refusal> {
    let now = clock::now();
    let device = operators
        .store
        .set_order(scope, id, state, operator, now)
        .await?
        .ok_or_else(|| Refusal::not_found("order"))?;
    // It hears whether the order still stands in the way of another one.
    operators.mailbox.wake(&device);
    let event = Event::new("order_changed", device, now);
    operators.informer.publish(Event { order_state: Some(state), ..event });
    Ok(())
}

/// Keeps whether an order of a supply that was ordered already is the same want, and tells the others.
pub(super) async fn settle(
    operators: &Operators,
    scope: &Scope,
    id: i64,
    what: Duplicate,
    operator: String,
) -> Result<(), Refusal> {
    let now = clock::now();
    let device = match operators.store.settle_duplicate(scope, id, what, operator, now).await? {
        Settled::Done(device) => device,
        Settled::Missing => return Err(Refusal::not_found("order")),
        Settled::NotDuplicate => {
            let why = "the order is closed, or no earlier order of the same supply is open: there is nothing to decide";
            return Err(Refusal::new(ProblemKind::StateConflict, why));
        }
    };
    operators.mailbox.wake(&device);
    let state = (what == Duplicate::Merge).then_some(OrderState::Cancelled);
    operators.informer.publish(Event { order_state: state, ..Event::new("order_changed", device, now) });
    Ok(())
}
