//! An operator says something about a device, or about many.

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;

use super::Operators;
use super::problem::Refusal;
use super::who::Operator;
use crate::clock;
use crate::inform::Event;
use crate::store::{Changes, Choice, DetailsChange, DetailsRefusal};

/// Devices that are changed by one request, when they are chosen and not named.
pub(super) const MAX_CHOSEN: u32 = 1_000;

impl From<DetailsRefusal> for Refusal {
    fn from(refusal: DetailsRefusal) -> Self {
        let kind = match &refusal {
            DetailsRefusal::UnknownDevice(_) => ProblemKind::NotFound,
            DetailsRefusal::Changed(_) => ProblemKind::ChangedMeanwhile,
            DetailsRefusal::Missing { .. }
            | DetailsRefusal::OutOfSight(_)
            | DetailsRefusal::ProfileStays(_)
            | DetailsRefusal::OtherCustomer { .. }
            | DetailsRefusal::TooManyTags { .. } => ProblemKind::InvalidRequest,
        };
        Self::new(kind, refusal.to_string())
    }
}

/// Keeps it, and tells who listens.
pub(super) async fn set(
    operators: &Operators,
    device: DeviceId,
    change: DetailsChange,
    operator: &Operator,
) -> Result<(), Refusal> {
    let (scope, by, now) = (operator.scope(), operator.name.clone(), clock::now());
    operators.store.set_details(scope, device.clone(), change, by, now).await??;
    tell(operators, device, now);
    operators.bell.ring();
    Ok(())
}

/// Keeps it for each of these.
pub(super) async fn set_many(
    operators: &Operators,
    devices: Vec<DeviceId>,
    change: DetailsChange,
    operator: &Operator,
) -> Result<Changes, Refusal> {
    let (scope, by, now) = (operator.scope(), operator.name.clone(), clock::now());
    let changes = operators.store.set_details_of(scope, devices.clone(), change, by, now).await?;
    for device in devices {
        if !changes.refused.iter().any(|(refused, _)| *refused == device) {
            tell(operators, device, now);
        }
    }
    operators.bell.ring();
    Ok(changes)
}

/// Keeps it for the next devices of a choice.
pub(super) async fn set_chosen(
    operators: &Operators,
    choice: Choice,
    after: Option<i64>,
    change: DetailsChange,
    operator: &Operator,
) -> Result<Changes, Refusal> {
    let (devices, next) = operators.store.chosen(operator.scope(), choice, after, MAX_CHOSEN).await?;
    let changes = set_many(operators, devices, change, operator).await?;
    Ok(Changes { next, ..changes })
}

fn tell(operators: &Operators, device: DeviceId, now: Timestamp) {
    operators.informer.publish(Event::new("details", device, now));
}
