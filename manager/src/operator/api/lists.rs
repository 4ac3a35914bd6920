//! `GET /alerts`, `/watches`, `/reports`, `/service-calls`, `/replacements`: newest first. `POST /service-calls/{id}`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::cursor::RowCursor;
use super::super::objects::only_objects;
use super::super::problem::Refusal;
use super::super::view::{AlertView, ReplacementView, ReportView, ServiceCallView, WatchView};
use super::super::who::Operator;
use super::super::{Shared, service_call};
use super::list::{List, OfDevice, Which};
use super::refused::{Always, BadBody, BadQuery, Missing};
use crate::clock;
use crate::store::{
    AlertFilter, ReportFilter, ServiceCallFilter, ServiceCallRecord, ServiceCallState, WatchFilter,
};

/// Lists alerts.
#[utoipa::path(
    get,
    path = "/api/v1/alerts",
    operation_id = "listAlerts",
    tag = "Lists",
    params(Which),
    responses((status = 200, description = "Alerts, the newest first.", body = List<AlertView>), BadQuery, Always),
)]
pub(super) async fn alerts(
    State(operators): Shared,
    operator: Operator,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<List<AlertView>>, Refusal> {
    let Query(which) = which?;
    let (before, limit) = which.place()?;
    let filter = AlertFilter { device: which.device, open: which.open };
    let records = operators.store.alerts(operator.scope(), filter, before, limit + 1).await?;
    Ok(Json(List::new(records, limit, |record| RowCursor(record.key).to_string(), AlertView::from)))
}

/// Lists what the manager's watches found: devices that are out of contact, readings that are late, sensors that are frozen.
#[utoipa::path(
    get,
    path = "/api/v1/watches",
    operation_id = "listWatches",
    tag = "Lists",
    params(Which),
    responses((status = 200, description = "What the watches found, the newest first.", body = List<WatchView>), BadQuery, Always),
)]
pub(super) async fn watches(
    State(operators): Shared,
    operator: Operator,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<List<WatchView>>, Refusal> {
    let Query(which) = which?;
    let (before, limit) = which.place()?;
    let filter = WatchFilter { device: which.device, open: which.open };
    let records = operators.store.watches(operator.scope(), filter, before, limit + 1).await?;
    Ok(Json(List::new(records, limit, |record| RowCursor(record.key).to_string(), WatchView::from)))
}

/// Lists reports.
#[utoipa::path(
    get,
    path = "/api/v1/reports",
    operation_id = "listReports",
    tag = "Lists",
    params(OfDevice),
    responses((status = 200, description = "Reports, the newest first.", body = List<ReportView>), BadQuery, Always),
)]
pub(super) async fn reports(
    State(operators): Shared,
    operator: Operator,
    which: Result<Query<OfDevice>, QueryRejection>,
) -> Result<Json<List<ReportView>>, Refusal> {
    let Query(which) = which?;
    let (before, limit) = which.place()?;
    let records = operators
        .store
        .reports(operator.scope(), ReportFilter { device: which.device }, before, limit + 1)
        .await?;
    Ok(Json(List::new(records, limit, |record| RowCursor(record.key).to_string(), ReportView::from)))
}

/// Lists service calls.
#[utoipa::path(
    get,
    path = "/api/v1/service-calls",
    operation_id = "listServiceCalls",
    tag = "Service calls and orders",
    params(Which),
    responses((status = 200, description = "Service calls, the newest first.", body = List<ServiceCallView>), BadQuery, Always),
)]
pub(super) async fn service_calls(
    State(operators): Shared,
    operator: Operator,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<List<ServiceCallView>>, Refusal> {
    let Query(which) = which?;
    let (before, limit) = which.place()?;
    let filter = ServiceCallFilter { device: which.device, open: which.open };
    let records = operators.store.service_calls(operator.scope(), filter, before, limit + 1).await?;
    let (now, cursor) = (clock::now(), |record: &ServiceCallRecord| RowCursor(record.key).to_string());
    Ok(Json(List::new(records, limit, cursor, |record| ServiceCallView::new(record, now))))
}

/// The new state of a service call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct NewState {
    /// The state that it has from now on.
    state: ServiceCallState,
}

/// Gives a service call a state, whatever anybody did with it before: `POST /service-calls/{id}/move` says more.
#[utoipa::path(
    post,
    path = "/api/v1/service-calls/{id}",
    operation_id = "setServiceCall",
    tag = "Service calls and orders",
    params(("id" = i64, Path, description = "`id` of the service call.", minimum = 1)),
    request_body = NewState,
    responses((status = 204, description = "The new state is stored."), BadBody, Missing, Always),
)]
pub(super) async fn set_service_call(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    body: Result<Json<NewState>, JsonRejection>,
) -> Result<StatusCode, Refusal> {
    let (Path(id), Json(NewState { state })) = (id?, body?);
    service_call::set(&operators, &operator, id, state).await?;
    Ok(StatusCode::NO_CONTENT)
}

only_objects!(NewState);

/// Lists supplies and parts that were replaced, or taken out and put back.
#[utoipa::path(
    get,
    path = "/api/v1/replacements",
    operation_id = "listReplacements",
    tag = "Lists",
    params(OfDevice),
    responses((status = 200, description = "Replacements, the newest first.", body = List<ReplacementView>), BadQuery, Always),
)]
pub(super) async fn replacements(
    State(operators): Shared,
    operator: Operator,
    which: Result<Query<OfDevice>, QueryRejection>,
) -> Result<Json<List<ReplacementView>>, Refusal> {
    let Query(which) = which?;
    let (before, limit) = which.place()?;
    let records = operators.store.replacements(operator.scope(), which.device, before, limit + 1).await?;
    Ok(Json(List::new(records, limit, |record| RowCursor(record.key).to_string(), ReplacementView::from)))
}
