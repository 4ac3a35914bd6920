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
use crate::clock;
use crate::counters::TurnedAway;
use crate::store::{LogState, TroubleCause};
use crate::watch::endings::{DeviceCertificates, EndingView};

/// Whether the manager can do its work.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthView {
    /// `true` while reports can be stored.
    storing: bool,
    /// Why not; `null` while it can.
    trouble: Option<TroubleView>,
    /// How often devices were turned away since the manager began.
    turned_away: TurnedAway,
    /// The database's write-ahead log.
    write_ahead_log: LogView,
    /// The manager's certificates and the enrolment tokens that have not been used, with when they end.
    endings: Vec<EndingView>,
    /// How many devices' certificates are how near their ends.
    device_certificates: DeviceCertificates,
}

/// The database's write-ahead log: what has changed and is not yet in the database file itself.
#[derive(Debug, Serialize, ToSchema)]
struct LogView {
    /// Its size.
    bytes: u64,
    /// Above this it is too large, and is cut back as soon as no other program reads the database.
    limit_bytes: u64,
    /// Since when it is too large; `null` while it is not.
    over_since: Option<Timestamp>,
    /// What to do about it, for people; `null` unless it has been too large for a while.
    remedy: Option<&'static str>,
}

impl LogView {
    fn of(log: LogState, now: Timestamp) -> Self {
        let remedy = log.is_held(now).then(|| log.remedy());
        Self { bytes: log.bytes, limit_bytes: log.limit, over_since: log.over_since, remedy }
    }
}

/// Why nothing can be stored.
#[derive(Debug, Serialize, ToSchema)]
struct TroubleView {
    /// When storing first failed.
    since: Timestamp,
    /// The cause, as a keyword.
    cause: TroubleCause,
    /// What to do about it, for people.
    remedy: &'static str,
    /// What the database said, for the log and for support.
    detail: String,
}

/// Tells whether the manager can do its work.
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
    let now = clock::now();
    let write_ahead_log = LogView::of(operators.store.health().log(), now);
    let (endings, device_certificates) = operators.watches.endings.all(now);
    let storing = trouble.is_none();
    (
        status,
        Json(HealthView { storing, trouble, turned_away, write_ahead_log, endings, device_certificates }),
    )
}
