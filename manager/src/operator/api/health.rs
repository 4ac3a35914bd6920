//! `GET /health`: whether the manager does its work. For monitors that look at the status alone, it is 503
//! while nothing can be stored.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::Shared;
use super::super::who::Operator;
use super::refused::Always;
use crate::counters::TurnedAway;
use crate::store::TroubleCause;

/// Whether the manager does its work.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthView {
    /// Whether anything can be stored.
    storing: bool,
    /// Why not; `null` while it can.
    trouble: Option<TroubleView>,
    /// How often devices were turned away since the manager began.
    turned_away: TurnedAway,
}

/// Why nothing can be stored.
#[derive(Debug, Serialize, ToSchema)]
struct TroubleView {
    /// Since when.
    since: Timestamp,
    /// Why.
    cause: TroubleCause,
    /// What to do.
    remedy: &'static str,
    /// In the words of the database.
    detail: String,
}

/// Tells whether the manager does its work.
///
/// For monitors that look at the status alone, it is 503 while nothing can be stored.
#[utoipa::path(
    get,
    path = "/api/v1/health",
    operation_id = "getHealth",
    tag = "Manager",
    responses(
        Always,
        (status = 200, description = "It stores what comes in.", body = HealthView),
        (status = 503, description = "Nothing can be stored.", body = HealthView),
    ),
)]
pub(super) async fn health(State(operators): Shared, _operator: Operator) -> (StatusCode, Json<HealthView>) {
    let trouble = operators.store.health().trouble().map(|trouble| TroubleView {
        since: trouble.since,
        cause: trouble.cause,
        remedy: trouble.cause.words(),
        detail: trouble.detail,
    });
    let status = if trouble.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let turned_away = operators.counters.read();
    (status, Json(HealthView { storing: trouble.is_none(), trouble, turned_away }))
}
