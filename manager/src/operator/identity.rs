//! An operator shuts a device out, or lets one renew a certificate that has ended or is superseded.

use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;

use super::Operators;
use super::problem::Refusal;
use crate::clock;
use crate::device::admit::READMITTED_FOR;
use crate::device::standing::apply;
use crate::inform::Event;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdentityAction {
    /// The device is shut out.
    Revoke,
    /// It may renew.
    Readmit,
    /// Two machines do not use it after all, or not any more.
    DismissClone,
    /// It does not matter that a superseded certificate was used.
    DismissSuperseded,
}

/// Writes it down with the operator's name, and applies it at once.
pub(super) async fn change(
    operators: &Operators,
    device: DeviceId,
    action: IdentityAction,
    operator: String,
) -> Result<(), Refusal> {
    let now = clock::now();
    let standing = match action {
        IdentityAction::DismissClone => {
            if !operators.store.dismiss_clone(device.clone(), operator, now).await? {
                return Err(Refusal::not_found("open sign of a cloned identity"));
            }
            operators.informer.publish(Event::new("identity", device, now));
            return Ok(());
        }
        IdentityAction::DismissSuperseded => {
            let dismissed =
                operators.store.dismiss_superseded(device.clone(), Some(operator.clone()), now).await?;
            Some(dismissed.ok_or_else(|| Refusal::not_found("use of a superseded certificate"))?)
        }
        IdentityAction::Revoke => operators.store.revoke(device.clone(), operator.clone(), now).await?,
        IdentityAction::Readmit => {
            operators.store.readmit(device.clone(), now + READMITTED_FOR, operator.clone(), now).await?
        }
    };
    let standing = standing.ok_or_else(|| Refusal::not_found("device"))?;
    if action == IdentityAction::Readmit && standing.revoked.is_some() {
        let why = "the device is shut out, and only a new token lets it back in: `platen-manager token create --device`, then enrol it";
        return Err(Refusal::new(ProblemKind::StateConflict, why));
    }
    if action == IdentityAction::Readmit && !standing.can_be_readmitted(now) {
        let why = format!(
            "the certificate of {device} is valid until {}, and the device renews it automatically: there is nothing to readmit",
            standing.certificate.expires.strftime("%Y-%m-%d %H:%M UTC")
        );
        return Err(Refusal::new(ProblemKind::StateConflict, why));
    }
    tracing::warn!(%device, ?action, operator, "an operator changed whether a device is let in");
    apply(&operators.roster, &operators.mailbox, &operators.informer, &device, standing);
    Ok(())
}
