//! What operators do with update clients that are not ours: they give their devices tokens, and revoke them.

use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;

use super::Operators;
use super::problem::Refusal;
use super::view::{DdiActionView, DdiTokenView, DdiView};
use crate::clock;
use crate::inform::Event;
use crate::secret::{SECRET_BYTES, fingerprint, random_hex};
use crate::store::{DdiTokenRefusal, NewDdiToken, Scope};

/// What is known of a device's client.
pub(super) async fn of_device(
    operators: &Operators,
    scope: &Scope,
    device: DeviceId,
) -> Result<DdiView, Refusal> {
    let store = &operators.store;
    let tokens = store.ddi_tokens(scope, device.clone()).await?;
    let tokens = tokens.ok_or_else(|| Refusal::not_found("device"))?;
    let told = store.ddi_attributes(device.clone()).await?;
    let (attributes, told) = told.map_or_else(Default::default, |(all, at)| (all, Some(at)));
    Ok(DdiView {
        tokens: tokens.into_iter().map(DdiTokenView::from).collect(),
        attributes,
        attributes_changed: told,
        actions: store.ddi_actions(device).await?.into_iter().map(DdiActionView::from).collect(),
    })
}

/// Makes a token for a device, which is let in if it is new: its number and its secret, which is shown once.
pub(super) async fn make_token(
    operators: &Operators,
    scope: &Scope,
    device: DeviceId,
    operator: String,
) -> Result<(i64, String), Refusal> {
    let secret = random_hex::<SECRET_BYTES>().map_err(|error| Refusal::internal(&error))?;
    let hash = fingerprint(secret.as_bytes());
    let token = NewDdiToken { device: device.clone(), hash, by: operator.clone() };
    let now = clock::now();
    let made = operators.store.add_ddi_token(scope, token, now).await?.map_err(refused)?;
    if let Some(none) = made.new_device {
        operators.roster.enrolled(&device, none);
    }
    tracing::warn!(%device, operator, "an operator made a token for a client of the DDI");
    operators.informer.publish(Event::new("identity", device, now));
    Ok((made.key, secret))
}

fn refused(refusal: DdiTokenRefusal) -> Refusal {
    let kind = match refusal {
        DdiTokenRefusal::NoDevice => ProblemKind::NotFound,
        DdiTokenRefusal::OutOfService | DdiTokenRefusal::BeingDeleted | DdiTokenRefusal::TooMany => {
            ProblemKind::StateConflict
        }
    };
    Refusal::new(kind, refusal.to_string())
}

/// Revokes a token: from now on it lets nobody in.
pub(super) async fn revoke_token(
    operators: &Operators,
    scope: &Scope,
    (device, token): (DeviceId, i64),
    operator: &str,
) -> Result<(), Refusal> {
    if operators.store.revoke_ddi_tokens(scope, device.clone(), Some(token)).await? == 0 {
        return Err(Refusal::not_found("token of a device"));
    }
    tracing::warn!(%device, token, operator, "an operator revoked a token of a client of the DDI");
    operators.informer.publish(Event::new("identity", device, clock::now()));
    Ok(())
}
