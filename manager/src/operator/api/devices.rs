//! `GET /devices`, `GET /devices/{id}`.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use platen_protocol::identity::{DeviceId, Epoch};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::cursor::Cursor;
use super::super::problem::Refusal;
use super::super::view::DeviceView;
use super::super::who::Operator;
use super::super::{Shared, gather};
use super::list::{DevicePage, List};
use super::refused::{Always, BadQuery, Missing};
use crate::clock;
use crate::ingest::Loss;
use crate::store::IdentityEntry;

/// Gaps of one device that are shown; older ones are in the store.
const MAX_GAPS: u32 = 50;

/// One device, with what it is known to have lost.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeviceDetail {
    #[serde(flatten)]
    device: DeviceView,
    /// Reports that it had to discard, the newest first.
    gaps: Vec<GapView>,
    /// What was done to its identity (enrolled, renewed, shut out, readmitted), the newest first.
    identity_log: Vec<IdentityEntry>,
}

/// Reports that a device had to discard before they reached the manager.
#[derive(Debug, Serialize, ToSchema)]
struct GapView {
    /// The life of the device's outbox that numbered the reports.
    epoch: Epoch,
    /// The run of sequences that is lost, and why.
    #[serde(flatten)]
    loss: Loss,
    /// The same, for people.
    words: String,
    /// When the manager noticed the gap.
    recorded: Timestamp,
}

/// Lists devices, by name.
#[utoipa::path(
    get,
    path = "/api/v1/devices",
    operation_id = "listDevices",
    tag = "Devices",
    params(DevicePage),
    responses((status = 200, description = "Devices, by name.", body = List<DeviceView>), BadQuery, Always),
)]
pub(super) async fn list(
    State(operators): Shared,
    _operator: Operator,
    page: Result<Query<DevicePage>, QueryRejection>,
) -> Result<Json<List<DeviceView>>, Refusal> {
    let Query(page) = page?;
    let (after, limit) = page.place()?;
    let records = operators.store.devices(after, limit + 1).await?;
    let list = List::new(records, limit, |record| Cursor::Device(record.id.clone()), |record| record);
    let items = gather::views(&operators, list.items, clock::now()).await?;
    Ok(Json(List { items, next_cursor: list.next_cursor }))
}

/// Shows one device, with what it is known to have lost.
#[utoipa::path(
    get,
    path = "/api/v1/devices/{id}",
    operation_id = "getDevice",
    tag = "Devices",
    params(("id" = DeviceId, Path, description = "The device.")),
    responses((status = 200, description = "The device.", body = DeviceDetail), Missing, Always),
)]
pub(super) async fn one(
    State(operators): Shared,
    _operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Json<DeviceDetail>, Refusal> {
    let Path(id) = id?;
    let device = gather::view(&operators, id.clone(), clock::now()).await?;
    let identity_log = operators.store.identity_log(id.clone()).await?;
    let gaps = operators.store.gaps(id, MAX_GAPS).await?;
    let gaps = gaps.into_iter().map(|gap| GapView {
        epoch: gap.epoch,
        words: gap.loss.words(),
        loss: gap.loss,
        recorded: gap.recorded,
    });
    Ok(Json(DeviceDetail { device, gaps: gaps.collect(), identity_log }))
}
