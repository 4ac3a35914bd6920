//! An operator takes a device out of service, or has it deleted for good.

use platen_protocol::identity::{CommandId, DeviceId};
use platen_protocol::manager_to_device::{Action, Command};
use platen_protocol::problem::ProblemKind;

use super::Operators;
use super::problem::Refusal;
use crate::clock;
use crate::device::standing::apply;
use crate::inform::Event;
use crate::secret;
use crate::store::{CommandState, DeleteRefusal, Deletion, RETIRE_WITHIN, Store, StoreError};

/// Random bytes of a command's name.
const ID_BYTES: usize = 12;

/// The command that tells a device that it is out of service.
pub(crate) fn command(by: &str) -> Result<Command, Box<dyn std::error::Error + Send + Sync>> {
    let issued = clock::now();
    let id: CommandId = secret::random_hex::<ID_BYTES>()?.parse()?;
    let issued_by = Some(by.to_owned());
    Ok(Command { id, issued, expires: issued + RETIRE_WITHIN, action: Action::Retire, issued_by })
}

/// Takes a device out of service: written down with the operator's name first, then told to the device.
pub(super) async fn retire(operators: &Operators, device: DeviceId, operator: &str) -> Result<(), Refusal> {
    let command = command(operator).map_err(|error| Refusal::internal(error.as_ref()))?;
    let now = command.issued;
    let retired = operators.store.retire(device.clone(), command.clone(), operator.to_owned(), now).await?;
    let retired = retired.ok_or_else(|| Refusal::not_found("device"))?;
    tracing::warn!(%device, operator, "an operator retired a device");
    for id in retired.ended {
        operators.mailbox.remove(&device, &id);
        let event = Event::of_command(device.clone(), id, CommandState::Expired, now);
        operators.informer.publish(event);
    }
    apply(&operators.roster, &operators.mailbox, &operators.informer, &device, retired.standing);
    operators.watches.rest(&device);
    if retired.is_told {
        let event = Event::of_command(device.clone(), command.id.clone(), CommandState::Waiting, now);
        operators.informer.publish(event);
        operators.mailbox.put(&device, command);
    }
    Ok(())
}

/// Deletes a device that is out of service, with all that is known of it. `name` is what the operator wrote as its
/// name, so that nobody deletes another one by a slip.
pub(super) async fn delete(
    operators: &Operators,
    device: DeviceId,
    name: &str,
    operator: String,
) -> Result<(), Refusal> {
    if name != device.as_str() {
        let why =
            format!("to delete the device {device} for good, repeat its name; {name:?} is not its name");
        return Err(Refusal::new(ProblemKind::StateConflict, why));
    }
    let now = clock::now();
    operators.store.begin_deletion(device.clone(), operator.clone(), now).await?.map_err(|refusal| {
        match refusal {
            DeleteRefusal::UnknownDevice => Refusal::not_found("device"),
            DeleteRefusal::InService => Refusal::new(ProblemKind::StateConflict, refusal.to_string()),
        }
    })?;
    tracing::warn!(%device, operator, "an operator deletes a device for good");
    operators.roster.forget(&device);
    operators.mailbox.forget(&device);
    operators.watches.forget(&device);
    operators.quotas().forget(&device);
    operators.informer.publish(Event::new("deleted", device, now));
    operators.bell.ring();
    Ok(())
}

/// Deletes what is left, for who does it without a manager that serves.
pub(crate) async fn delete_all(store: &Store) -> Result<(), StoreError> {
    while store.delete_some().await? != Deletion::Nothing {}
    Ok(())
}
