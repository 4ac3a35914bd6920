//! What is printed by itself, at which times.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::Shared;
use super::super::problem::Refusal;
use super::super::schedules::{self, ScheduleForm};
use super::super::who::Operator;
use super::refused::{Always, BadBody, Conflicts, Missing};
use crate::store::ScheduleRecord;

const TAG: &str = "Documents";

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScheduleList {
    /// By name.
    items: Vec<ScheduleRecord>,
}

/// Lists what is printed by itself.
#[utoipa::path(
    get, path = "/api/v1/print-schedules", operation_id = "listPrintSchedules", tag = TAG,
    responses((status = 200, description = "All schedules, by name.", body = ScheduleList), Always),
)]
pub(super) async fn list(State(operators): Shared, _: Operator) -> Result<Json<ScheduleList>, Refusal> {
    Ok(Json(ScheduleList { items: operators.store.print_schedules().await? }))
}

/// Has something printed by itself from now on.
#[utoipa::path(
    post, path = "/api/v1/print-schedules", operation_id = "addPrintSchedule", tag = TAG, request_body = ScheduleForm,
    responses((status = 201, description = "The schedule.", body = ScheduleRecord), BadBody, Missing, Conflicts, Always),
)]
pub(super) async fn add(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<ScheduleForm>, JsonRejection>,
) -> Result<(StatusCode, Json<ScheduleRecord>), Refusal> {
    let Json(form) = body?;
    let key = schedules::add(&operators, form, operator.name).await?;
    let added = operators.store.print_schedules().await?.into_iter().find(|one| one.key == key);
    Ok((StatusCode::CREATED, Json(added.ok_or_else(|| Refusal::not_found("schedule"))?)))
}

/// Has it printed by itself no more.
#[utoipa::path(
    delete, path = "/api/v1/print-schedules/{id}", operation_id = "removePrintSchedule", tag = TAG,
    params(("id" = i64, Path, description = "Number of the schedule.")),
    responses((status = 204, description = "It is removed."), Missing, Always),
)]
pub(super) async fn remove(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(key) = id?;
    if operators.store.remove_print_schedule(key).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Refusal::not_found("schedule"))
    }
}
