//! An operator says what has become of a service call.

use super::Operators;
use super::problem::Refusal;
use crate::clock;
use crate::inform::Event;
use crate::store::{Scope, ServiceCallState};

/// Keeps it, and tells the others.
pub(super) async fn set(
    operators: &Operators,
    scope: &Scope,
    id: i64,
    state: ServiceCallState,
    operator: String,
) -> Result<(), Refusal> {
    let now = clock::now();
    let device = operators
        .store
        .set_service_call(scope, id, state, operator, now)
        .await?
        .ok_or_else(|| Refusal::not_found("service call"))?;
    // From now on it counts no repeats.
    operators.mailbox.wake(&device);
    let event = Event::new("service_call_changed", device, now);
    operators.informer.publish(Event { service_call_state: Some(state), ..event });
    Ok(())
}
