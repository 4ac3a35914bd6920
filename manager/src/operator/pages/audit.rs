//! `/audit`: who did what. For administrators.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{Html, Response};
use platen_protocol::text::is_operator_name;
use serde::Deserialize;

use super::super::Shared;
use super::super::audit_export::{Format, answer};
use super::super::cursor::RowCursor;
use super::super::problem::Refusal;
use super::super::view::AuditView;
use super::super::who::Operator;
use super::{Frame, filters, render_at};
use crate::clock;
use crate::store::AuditFilter;

/// Entries on a page.
const ON_A_PAGE: u32 = 100;

/// Which of them.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    operator: Option<String>,
    refused: Option<String>,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "people/audit.html")]
struct AuditPage {
    frame: Frame,
    entries: Vec<AuditView>,
    operator: String,
    refused: bool,
    next: Option<String>,
}

/// `GET /audit`.
pub(super) async fn page(
    State(operators): Shared,
    operator: Operator,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let Query(Which { operator: of, refused, after }) = which?;
    let of = of.map(|name| name.trim().to_owned()).filter(|name| is_operator_name(name));
    let before = after.and_then(|cursor| cursor.parse::<RowCursor>().ok()).map(|cursor| cursor.0);
    let refused = refused.is_some();
    let filter = AuditFilter { operator: of.clone(), refused, ..AuditFilter::default() };
    let mut records = operators.store.audit(filter, before, ON_A_PAGE + 1).await?;
    let most = usize::try_from(ON_A_PAGE).unwrap_or(usize::MAX);
    let more = records.len() > most;
    records.truncate(most);
    let next = records.last().filter(|_| more).map(|entry| RowCursor(entry.number).to_string());
    let page = AuditPage {
        frame: Frame::new(Some(operator), false),
        entries: records.into_iter().map(AuditView::from).collect(),
        operator: of.unwrap_or_default(),
        refused,
        next,
    };
    render_at(&page, clock::now())
}

/// `GET /audit.csv`: all of them, as a file.
pub(super) async fn csv(State(operators): Shared) -> Response {
    answer(operators, Format::Csv, 0)
}

/// `GET /audit.jsonl`: the same.
pub(super) async fn lines(State(operators): Shared) -> Response {
    answer(operators, Format::Lines, 0)
}
