//! `/audit`, `/audit.csv`, `/audit.jsonl`: who did what.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::Timestamp;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::Shared;
use super::super::audit_export::{Format, answer};
use super::super::cursor::RowCursor;
use super::super::problem::Refusal;
use super::super::view::AuditView;
use super::list::{List, row};
use super::refused::{Always, BadQuery};
use crate::audit::Entry;
use crate::store::AuditFilter;

/// Which entries, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only what this operator did.
    #[param(required = false, nullable = false)]
    operator: Option<String>,
    /// Only from this moment on.
    #[param(required = false, nullable = false)]
    from: Option<Timestamp>,
    /// Only until before this moment.
    #[param(required = false, nullable = false)]
    until: Option<Timestamp>,
    /// Only what was not done.
    #[param(required = false, nullable = false)]
    refused: Option<bool>,
    /// `next_cursor` of the previous page; leave it out for the first page.
    #[param(required = false, nullable = false, pattern = "^r[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// The most items on the page.
    #[param(required = false, nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Lists what was done, or tried, the latest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    operation_id = "listAudit",
    tag = "People",
    params(Which),
    responses((status = 200, description = "Entries, the latest first.", body = List<AuditView>), BadQuery, Always),
)]
pub(super) async fn list(
    State(operators): Shared,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<List<AuditView>>, Refusal> {
    let Query(Which { operator, from, until, refused, cursor, limit }) = which?;
    let (before, limit) = row(cursor.as_deref(), limit)?;
    let filter = AuditFilter { operator, from, until, refused: refused.unwrap_or(false) };
    let records = operators.store.audit(filter, before, limit + 1).await?;
    let cursor = |entry: &Entry| RowCursor(entry.number).to_string();
    Ok(Json(List::new(records, limit, cursor, AuditView::from)))
}

/// Where a file begins.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    /// Only entries behind this number: so a program fetches what is new.
    #[param(required = false, nullable = false, minimum = 0, default = 0)]
    after: Option<i64>,
}

impl After {
    fn number(&self) -> Result<i64, Refusal> {
        match self.after.unwrap_or(0) {
            number @ 0.. => Ok(number),
            other => {
                let why = format!("after must be the number of an entry, or 0, not {other}");
                Err(Refusal::new(ProblemKind::InvalidRequest, why))
            }
        }
    }
}

/// Exports the audit log as CSV, in the order of its chain.
#[utoipa::path(
    get,
    path = "/api/v1/audit.csv",
    operation_id = "exportAuditCsv",
    tag = "People",
    params(After),
    responses((status = 200, description = "All entries.", body = String, content_type = "text/csv"), BadQuery, Always),
)]
pub(super) async fn csv(
    State(operators): Shared,
    which: Result<Query<After>, QueryRejection>,
) -> Result<Response, Refusal> {
    let after = which?.0.number()?;
    Ok(answer(operators, Format::Csv, after))
}

/// Exports the audit log as JSON, an entry a line, in the order of its chain.
#[utoipa::path(
    get,
    path = "/api/v1/audit.jsonl",
    operation_id = "exportAuditLines",
    tag = "People",
    params(After),
    responses((status = 200, description = "All entries.", body = String, content_type = "application/jsonl"), BadQuery, Always),
)]
pub(super) async fn lines(
    State(operators): Shared,
    which: Result<Query<After>, QueryRejection>,
) -> Result<Response, Refusal> {
    let after = which?.0.number()?;
    Ok(answer(operators, Format::Lines, after))
}
