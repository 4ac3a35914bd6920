//! An operator asks something of a device: a row in the store first, then the mailbox.

use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::{CommandId, DeviceId};
use platen_protocol::manager_to_device::{Action, Command};
use platen_protocol::problem::ProblemKind;

use super::Operators;
use super::action;
use super::problem::Refusal;
use crate::clock;
use crate::inform::Event;
use crate::secret;
use crate::store::{CommandRefusal, CommandState};

/// A command that the device did not get within this time is not to be tried any more.
pub(super) const VALID_FOR: SignedDuration = SignedDuration::from_hours(1);
/// Random bytes of a command's name.
const ID_BYTES: usize = 12;

/// A command with a name of its own.
pub(super) fn made(
    action: Action,
    operator: &str,
    (issued, valid_for): (Timestamp, SignedDuration),
) -> Result<Command, Refusal> {
    let id = secret::random_hex::<ID_BYTES>()
        .map_err(|error| Refusal::internal(&error))?
        .parse::<CommandId>()
        .map_err(|error| Refusal::internal(&error))?;
    Ok(Command { id, issued, expires: issued + valid_for, action, issued_by: Some(operator.to_owned()) })
}

/// Asks a device for something, in an operator's name, which the device is told.
pub(super) async fn issue(
    operators: &Operators,
    device: DeviceId,
    action: Action,
    operator: &str,
) -> Result<Command, Refusal> {
    action::check(&action)
        .map_err(|refusal| Refusal::new(ProblemKind::InvalidRequest, refusal.to_string()))?;
    let issued = clock::now();
    let command = made(action, operator, (issued, VALID_FOR))?;
    operators.store.add_command(device.clone(), command.clone(), operator.to_owned()).await?.map_err(
        |refusal| match refusal {
            CommandRefusal::UnknownDevice => Refusal::not_found("device"),
            CommandRefusal::Retired => Refusal::new(ProblemKind::StateConflict, refusal.to_string()),
            CommandRefusal::TooMany => Refusal::new(ProblemKind::TooMany, refusal.to_string()),
        },
    )?;
    tracing::info!(%device, command = %command.id, operator, "an operator gave a command");
    // Told before it can be delivered, so that listeners hear of its states in their order.
    let event = Event::of_command(device.clone(), command.id.clone(), CommandState::Waiting, issued);
    operators.informer.publish(event);
    operators.mailbox.put(&device, command.clone());
    Ok(command)
}
