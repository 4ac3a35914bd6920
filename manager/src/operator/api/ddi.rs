//! `GET /devices/{id}/ddi`, `POST /devices/{id}/ddi/tokens`, `DELETE /devices/{id}/ddi/tokens/{token}`.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use platen_protocol::identity::DeviceId;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::problem::Refusal;
use super::super::view::DdiView;
use super::super::who::Operator;
use super::super::{Shared, ddi};
use super::refused::{Always, Conflicts, Missing};

/// A token that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NewDdiTokenView {
    /// Its number, by which it is revoked.
    id: i64,
    /// The token itself. It is shown this once.
    token: String,
}

/// Shows what is known of the update client of a device that is not ours (hawkBit's DDI): its tokens, what it says of
/// itself, what it was shown and what it told of that.
#[utoipa::path(
    get,
    path = "/api/v1/devices/{id}/ddi",
    operation_id = "getDdiClient",
    tag = "Identities",
    params(("id" = DeviceId, Path, description = "The device.")),
    responses((status = 200, description = "What is known.", body = DdiView), Missing, Always),
)]
pub(super) async fn get(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Json<DdiView>, Refusal> {
    let Path(device) = id?;
    ddi::of_device(&operators, operator.scope(), device).await.map(Json)
}

/// Makes a token with which an update client that is not ours asks for the programs of a device. A device that is not
/// known is let in by it. A device has at most 5.
#[utoipa::path(
    post,
    path = "/api/v1/devices/{id}/ddi/tokens",
    operation_id = "createDdiToken",
    tag = "Identities",
    params(("id" = DeviceId, Path, description = "The device.")),
    responses((status = 201, description = "The token, this once.", body = NewDdiTokenView), Conflicts, Missing, Always),
)]
pub(super) async fn make_token(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<(StatusCode, Json<NewDdiTokenView>), Refusal> {
    let Path(device) = id?;
    let scope = operator.scope();
    let (id, token) = ddi::make_token(&operators, scope, device, operator.name.clone()).await?;
    Ok((StatusCode::CREATED, Json(NewDdiTokenView { id, token })))
}

/// Revokes a token: from now on it lets nobody in.
#[utoipa::path(
    delete,
    path = "/api/v1/devices/{id}/ddi/tokens/{token}",
    operation_id = "revokeDdiToken",
    tag = "Identities",
    params(
        ("id" = DeviceId, Path, description = "The device."),
        ("token" = i64, Path, description = "The number of the token.", minimum = 1),
    ),
    responses((status = 204, description = "It is revoked."), Missing, Always),
)]
pub(super) async fn revoke_token(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<(DeviceId, i64)>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path((device, token)) = id?;
    ddi::revoke_token(&operators, operator.scope(), (device, token), &operator.name).await?;
    Ok(StatusCode::NO_CONTENT)
}
