//! `POST /devices/{id}/revoke`, `/devices/{id}/readmit`, and what an operator dismisses.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use platen_protocol::identity::DeviceId;

use super::super::Shared;
use super::super::identity::{IdentityAction, change};
use super::super::problem::Refusal;
use super::super::view::IdentityView;
use super::super::who::Operator;
use super::refused::{Always, Missing, NotReadmitted};
use crate::clock;

/// Shuts a device out, at once. Only a new token lets it back in.
#[utoipa::path(
    post,
    path = "/api/v1/devices/{id}/revoke",
    operation_id = "revokeDevice",
    tag = "Identities",
    params(("id" = DeviceId, Path, description = "The device.")),
    responses((status = 200, description = "The device's identity from now on.", body = IdentityView), Missing, Always),
)]
pub(super) async fn revoke(
    shared: Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Json<IdentityView>, Refusal> {
    act(shared, operator, id, IdentityAction::Revoke).await
}

/// Lets a device renew a certificate that has expired, or the superseded one that it was last seen to use, for a week.
/// A device that waits at the manager for this renews at once.
#[utoipa::path(
    post,
    path = "/api/v1/devices/{id}/readmit",
    operation_id = "readmitDevice",
    tag = "Identities",
    params(("id" = DeviceId, Path, description = "The device.")),
    responses((status = 200, description = "The device's identity from now on.", body = IdentityView), NotReadmitted, Missing, Always),
)]
pub(super) async fn readmit(
    shared: Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Json<IdentityView>, Refusal> {
    act(shared, operator, id, IdentityAction::Readmit).await
}

/// Dismisses the sign that two machines use the identity; what is found later is shown again.
#[utoipa::path(
    post,
    path = "/api/v1/devices/{id}/dismiss-clone",
    operation_id = "dismissClone",
    tag = "Identities",
    params(("id" = DeviceId, Path, description = "The device.")),
    responses((status = 200, description = "The device's identity from now on.", body = IdentityView), Missing, Always),
)]
pub(super) async fn dismiss_clone(
    shared: Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Json<IdentityView>, Refusal> {
    act(shared, operator, id, IdentityAction::DismissClone).await
}

/// Dismisses that a superseded certificate is used: it stays refused, and if it is used again that is shown again.
#[utoipa::path(
    post,
    path = "/api/v1/devices/{id}/dismiss-superseded",
    operation_id = "dismissSuperseded",
    tag = "Identities",
    params(("id" = DeviceId, Path, description = "The device.")),
    responses((status = 200, description = "The device's identity from now on.", body = IdentityView), Missing, Always),
)]
pub(super) async fn dismiss_superseded(
    shared: Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Json<IdentityView>, Refusal> {
    act(shared, operator, id, IdentityAction::DismissSuperseded).await
}

async fn act(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    action: IdentityAction,
) -> Result<Json<IdentityView>, Refusal> {
    let Path(id) = id?;
    change(&operators, id.clone(), action, operator.name).await?;
    let standing = operators.roster.standing(&id).ok_or_else(|| Refusal::not_found("device"))?;
    Ok(Json(IdentityView::of(standing, operators.roster.present(&id).as_ref(), clock::now())))
}
