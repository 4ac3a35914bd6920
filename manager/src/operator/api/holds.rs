//! `GET`, `PUT` and `DELETE /devices/{id}/holds` and `/devices/{id}/holds/{name}`: what rollouts leave alone.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use platen_protocol::identity::{DeviceId, ProgramName};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::Shared;
use super::super::problem::Refusal;
use super::super::rollouts::{self, HoldForm};
use super::super::who::Operator;
use super::refused::{Always, BadBody, Missing};
use crate::store::HoldRecord;

/// What rollouts leave alone at a device.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HoldsView {
    /// By the name of the program; that of all programs first.
    items: Vec<HoldRecord>,
}

/// Lists what rollouts leave alone at a device.
#[utoipa::path(
    get,
    path = "/api/v1/devices/{id}/holds",
    operation_id = "listHolds",
    tag = "Rollouts",
    params(("id" = DeviceId, Path, description = "The device.")),
    responses((status = 200, description = "What they leave alone.", body = HoldsView), Missing, Always),
)]
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Json<HoldsView>, Refusal> {
    let Path(id) = id?;
    Ok(Json(HoldsView { items: rollouts::holds(&operators, operator.scope(), id).await? }))
}

/// Has rollouts give a device nothing at all.
#[utoipa::path(
    put,
    path = "/api/v1/devices/{id}/holds",
    operation_id = "holdDevice",
    tag = "Rollouts",
    params(("id" = DeviceId, Path, description = "The device.")),
    request_body = HoldForm,
    responses((status = 200, description = "What they leave alone from now on.", body = HoldsView), BadBody, Missing, Always),
)]
pub(super) async fn set_all(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    body: Result<Json<HoldForm>, JsonRejection>,
) -> Result<Json<HoldsView>, Refusal> {
    let (Path(id), Json(form)) = (id?, body?);
    let (scope, by) = (operator.scope(), operator.name.clone());
    rollouts::hold(&operators, scope, id.clone(), None, form, by).await?;
    Ok(Json(HoldsView { items: rollouts::holds(&operators, scope, id).await? }))
}

/// Has rollouts leave one program of a device as it is, or on a version.
#[utoipa::path(
    put,
    path = "/api/v1/devices/{id}/holds/{name}",
    operation_id = "holdProgram",
    tag = "Rollouts",
    params(
        ("id" = DeviceId, Path, description = "The device."),
        ("name" = ProgramName, Path, description = "The program."),
    ),
    request_body = HoldForm,
    responses((status = 200, description = "What they leave alone from now on.", body = HoldsView), BadBody, Missing, Always),
)]
pub(super) async fn set(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<(DeviceId, ProgramName)>, PathRejection>,
    body: Result<Json<HoldForm>, JsonRejection>,
) -> Result<Json<HoldsView>, Refusal> {
    let (Path((id, name)), Json(form)) = (id?, body?);
    let (scope, by) = (operator.scope(), operator.name.clone());
    rollouts::hold(&operators, scope, id.clone(), Some(name), form, by).await?;
    Ok(Json(HoldsView { items: rollouts::holds(&operators, scope, id).await? }))
}

/// Lets a device go that was to be given nothing at all.
#[utoipa::path(
    delete,
    path = "/api/v1/devices/{id}/holds",
    operation_id = "letDeviceGo",
    tag = "Rollouts",
    params(("id" = DeviceId, Path, description = "The device.")),
    responses((status = 204, description = "It is let go."), Missing, Always),
)]
pub(super) async fn remove_all(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(id) = id?;
    rollouts::let_go(&operators, operator.scope(), id, None, &operator.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets one program of a device go.
#[utoipa::path(
    delete,
    path = "/api/v1/devices/{id}/holds/{name}",
    operation_id = "letProgramGo",
    tag = "Rollouts",
    params(
        ("id" = DeviceId, Path, description = "The device."),
        ("name" = ProgramName, Path, description = "The program."),
    ),
    responses((status = 204, description = "It is let go."), Missing, Always),
)]
pub(super) async fn remove(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<(DeviceId, ProgramName)>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path((id, name)) = id?;
    rollouts::let_go(&operators, operator.scope(), id, Some(name), &operator.name).await?;
    Ok(StatusCode::NO_CONTENT)
}
