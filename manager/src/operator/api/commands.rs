//! `GET` and `POST /devices/{id}/commands`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use platen_protocol::identity::DeviceId;
use platen_protocol::manager_to_device::Action;
use platen_protocol::problem::Problem;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::cursor::Cursor;
use super::super::problem::Refusal;
use super::super::view::CommandView;
use super::super::who::Operator;
use super::super::{Shared, command};
use super::{List, Page, bad_cursor};
use crate::store::CommandState;

/// The commands of a device, newest first, with what became of them.
#[utoipa::path(get, path = "/api/v1/devices/{id}/commands", params(("id" = String, Path), Page), responses((status = 200, body = List<CommandView>), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn list(
    State(operators): Shared,
    _operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<List<CommandView>>, Refusal> {
    let (Path(id), Query(page)) = (id?, page?);
    let limit = page.limit()?;
    let before = page.cursor()?.map(Cursor::row).transpose().map_err(bad_cursor)?;
    if operators.store.device(id.clone()).await?.is_none() {
        return Err(Refusal::not_found("device"));
    }
    let records = operators.store.commands(id, before, limit + 1).await?;
    Ok(Json(List::new(records, limit, |record| Cursor::Row(record.key), CommandView::from)))
}

/// What is asked of a device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCommand {
    action: Action,
}

/// Asks something of a device.
#[utoipa::path(post, path = "/api/v1/devices/{id}/commands", params(("id" = String, Path)), request_body = NewCommand, responses((status = 202, body = CommandView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn issue(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    body: Result<Json<NewCommand>, JsonRejection>,
) -> Result<(StatusCode, Json<CommandView>), Refusal> {
    let (Path(device), Json(NewCommand { action })) = (id?, body?);
    let command = command::issue(&operators, device.clone(), action, &operator.name).await?;
    let view = CommandView {
        id: command.id,
        device,
        action: command.action,
        state: CommandState::Waiting,
        issued: command.issued,
        issued_by: operator.name,
        expires: command.expires,
        delivered: None,
        finished: None,
        reason: None,
    };
    Ok((StatusCode::ACCEPTED, Json(view)))
}
