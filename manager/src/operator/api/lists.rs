//! `GET /alerts`, `/watches`, `/reports`, `/service-calls`, `/orders`, `/replacements`: newest first.
//! `POST /service-calls/{id}`, `/orders/{id}`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::Problem;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::cursor::Cursor;
use super::super::problem::Refusal;
use super::super::view::{AlertView, OrderView, ReplacementView, ReportView, ServiceCallView, WatchView};
use super::super::who::Operator;
use super::super::{Shared, order, service_call};
use super::{List, bad_cursor, cursor, limit};
use crate::store::{
    AlertFilter, OrderFilter, OrderState, ReportFilter, ServiceCallFilter, ServiceCallState, WatchFilter,
};

/// Which of a list, and which page of it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only of this device.
    #[param(value_type = Option<String>)]
    device: Option<DeviceId>,
    /// Only open ones (`true`), or only those that are over (`false`).
    open: Option<bool>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items on the page, 1 to 200; 50 unless given.
    limit: Option<u32>,
}

impl Which {
    fn page(&self) -> Result<(Option<i64>, u32), Refusal> {
        let before = cursor(self.cursor.as_deref())?.map(Cursor::row).transpose().map_err(bad_cursor)?;
        Ok((before, limit(self.limit)?))
    }
}

/// The alerts.
#[utoipa::path(get, path = "/api/v1/alerts", params(Which), responses((status = 200, body = List<AlertView>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(super) async fn alerts(
    State(operators): Shared,
    _operator: Operator,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<List<AlertView>>, Refusal> {
    let Query(which) = which?;
    let (before, limit) = which.page()?;
    let filter = AlertFilter { device: which.device, open: which.open };
    let records = operators.store.alerts(filter, before, limit + 1).await?;
    Ok(Json(List::new(records, limit, |record| Cursor::Row(record.key), AlertView::from)))
}

/// What the watches found: devices that are away, readings that are late, sensors that are frozen.
#[utoipa::path(get, path = "/api/v1/watches", params(Which), responses((status = 200, body = List<WatchView>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(super) async fn watches(
    State(operators): Shared,
    _operator: Operator,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<List<WatchView>>, Refusal> {
    let Query(which) = which?;
    let (before, limit) = which.page()?;
    let filter = WatchFilter { device: which.device, open: which.open };
    let records = operators.store.watches(filter, before, limit + 1).await?;
    Ok(Json(List::new(records, limit, |record| Cursor::Row(record.key), WatchView::from)))
}

/// Which reports or replacements, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct OfDevice {
    /// Only of this device.
    #[param(value_type = Option<String>)]
    device: Option<DeviceId>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items on the page, 1 to 200; 50 unless given.
    limit: Option<u32>,
}

/// The reports.
#[utoipa::path(get, path = "/api/v1/reports", params(OfDevice), responses((status = 200, body = List<ReportView>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(super) async fn reports(
    State(operators): Shared,
    _operator: Operator,
    which: Result<Query<OfDevice>, QueryRejection>,
) -> Result<Json<List<ReportView>>, Refusal> {
    let Query(OfDevice { device, cursor, limit }) = which?;
    let (before, limit) = Which { device: None, open: None, cursor, limit }.page()?;
    let records = operators.store.reports(ReportFilter { device }, before, limit + 1).await?;
    Ok(Json(List::new(records, limit, |record| Cursor::Row(record.key), ReportView::from)))
}

/// The service calls.
#[utoipa::path(get, path = "/api/v1/service-calls", params(Which), responses((status = 200, body = List<ServiceCallView>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(super) async fn service_calls(
    State(operators): Shared,
    _operator: Operator,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<List<ServiceCallView>>, Refusal> {
    let Query(which) = which?;
    let (before, limit) = which.page()?;
    let filter = ServiceCallFilter { device: which.device, open: which.open };
    let records = operators.store.service_calls(filter, before, limit + 1).await?;
    Ok(Json(List::new(records, limit, |record| Cursor::Row(record.key), ServiceCallView::from)))
}

/// What has become of a service call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewState {
    state: ServiceCallState,
}

/// Says that a service call has been seen, or is handled.
#[utoipa::path(post, path = "/api/v1/service-calls/{id}", params(("id" = i64, Path)), request_body = NewState, responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn set_service_call(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    body: Result<Json<NewState>, JsonRejection>,
) -> Result<StatusCode, Refusal> {
    let (Path(id), Json(NewState { state })) = (id?, body?);
    service_call::set(&operators, id, state, operator.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The orders.
#[utoipa::path(get, path = "/api/v1/orders", params(Which), responses((status = 200, body = List<OrderView>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(super) async fn orders(
    State(operators): Shared,
    _operator: Operator,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<List<OrderView>>, Refusal> {
    let Query(which) = which?;
    let (before, limit) = which.page()?;
    let filter = OrderFilter { device: which.device, open: which.open };
    let records = operators.store.orders(filter, before, limit + 1).await?;
    Ok(Json(List::new(records, limit, |record| Cursor::Row(record.key), OrderView::from)))
}

/// What has become of an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOrderState {
    state: OrderState,
}

/// Says that an order has been placed, is delivered, or is cancelled.
#[utoipa::path(post, path = "/api/v1/orders/{id}", params(("id" = i64, Path)), request_body = NewOrderState, responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn set_order(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    body: Result<Json<NewOrderState>, JsonRejection>,
) -> Result<StatusCode, Refusal> {
    let (Path(id), Json(NewOrderState { state })) = (id?, body?);
    order::set(&operators, id, state, operator.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The supplies and parts that were changed or put back.
#[utoipa::path(get, path = "/api/v1/replacements", params(OfDevice), responses((status = 200, body = List<ReplacementView>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(super) async fn replacements(
    State(operators): Shared,
    _operator: Operator,
    which: Result<Query<OfDevice>, QueryRejection>,
) -> Result<Json<List<ReplacementView>>, Refusal> {
    let Query(OfDevice { device, cursor, limit }) = which?;
    let (before, limit) = Which { device: None, open: None, cursor, limit }.page()?;
    let records = operators.store.replacements(device, before, limit + 1).await?;
    Ok(Json(List::new(records, limit, |record| Cursor::Row(record.key), ReplacementView::from)))
}
