//! `GET /devices`, `GET /devices/{id}`.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::Problem;

use super::super::cursor::Cursor;
use super::super::problem::Refusal;
use super::super::view::DeviceView;
use super::super::who::Operator;
use super::super::{Shared, gather};
use super::{List, Page, bad_cursor};
use crate::clock;

/// The devices, by name.
#[utoipa::path(get, path = "/api/v1/devices", params(Page), responses((status = 200, body = List<DeviceView>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(super) async fn list(
    State(operators): Shared,
    _operator: Operator,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<List<DeviceView>>, Refusal> {
    let Query(page) = page?;
    let limit = page.limit()?;
    let after = page.cursor()?.map(Cursor::device).transpose().map_err(bad_cursor)?;
    let records = operators.store.devices(after, limit + 1).await?;
    let list = List::new(records, limit, |record| Cursor::Device(record.id.clone()), |record| record);
    let items = gather::views(&operators, list.items, clock::now()).await?;
    Ok(Json(List { items, next_cursor: list.next_cursor }))
}

/// One device.
#[utoipa::path(get, path = "/api/v1/devices/{id}", params(("id" = String, Path)), responses((status = 200, body = DeviceView), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn one(
    State(operators): Shared,
    _operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Json<DeviceView>, Refusal> {
    let Path(id) = id?;
    Ok(Json(gather::view(&operators, id, clock::now()).await?))
}
