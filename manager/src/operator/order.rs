//! An operator says what has become of an order.

use super::Operators;
use super::problem::Refusal;
use crate::clock;
use crate::inform::Event;
use crate::store::OrderState;

/// Keeps it, and tells the others.
pub(super) async fn set(
    operators: &Operators,
    id: i64,
    state: OrderState,
    operator: String,
) -> Result<(), Refusal> {
    let now = clock::now();
    let device = operators
        .store
        .set_order(id, state, operator, now)
        .await?
        .ok_or_else(|| Refusal::not_found("order"))?;
    let event = Event::new("order_changed", device, now);
    operators.informer.publish(Event { order_state: Some(state), ..event });
    Ok(())
}
