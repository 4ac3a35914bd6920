//! The JSON API, an address a function. What is not JSON is a problem document (RFC 9457).

mod commands;
mod devices;
mod events;
mod health;
mod identity;
mod lists;
mod openapi;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use platen_protocol::problem::ProblemKind;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Operators;
use super::cursor::{Cursor, DEFAULT_LIMIT, MAX_LIMIT};
use super::problem::Refusal;

pub(super) fn router() -> Router<Arc<Operators>> {
    Router::new()
        .route("/devices", get(devices::list))
        .route("/devices/{id}", get(devices::one))
        .route("/devices/{id}/commands", get(commands::list).post(commands::issue))
        .route("/devices/{id}/revoke", post(identity::revoke))
        .route("/devices/{id}/readmit", post(identity::readmit))
        .route("/devices/{id}/dismiss-clone", post(identity::dismiss_clone))
        .route("/alerts", get(lists::alerts))
        .route("/watches", get(lists::watches))
        .route("/reports", get(lists::reports))
        .route("/service-calls", get(lists::service_calls))
        .route("/service-calls/{id}", post(lists::set_service_call))
        .route("/orders", get(lists::orders))
        .route("/orders/{id}", post(lists::set_order))
        .route("/replacements", get(lists::replacements))
        .route("/health", get(health::health))
        .route("/events", get(events::events))
        .route("/openapi.json", get(openapi::document))
        .fallback(|| async {
            Refusal::new(
                ProblemKind::NotFound,
                "the API has no such address; /api/v1/openapi.json lists them",
            )
        })
        .method_not_allowed_fallback(|| async {
            Refusal::new(ProblemKind::MethodNotAllowed, "this address does not take that method")
        })
}

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items on the page, 1 to 200; 50 unless given.
    limit: Option<u32>,
}

impl Page {
    fn limit(&self) -> Result<u32, Refusal> {
        limit(self.limit)
    }

    fn cursor(&self) -> Result<Option<Cursor>, Refusal> {
        cursor(self.cursor.as_deref())
    }
}

fn limit(asked: Option<u32>) -> Result<u32, Refusal> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        other => Err(Refusal::new(
            ProblemKind::InvalidRequest,
            format!("limit is {other}; it goes from 1 to {MAX_LIMIT}"),
        )),
    }
}

fn cursor(asked: Option<&str>) -> Result<Option<Cursor>, Refusal> {
    asked.map(str::parse).transpose().map_err(bad_cursor)
}

fn bad_cursor(error: super::cursor::InvalidCursor) -> Refusal {
    Refusal::new(ProblemKind::InvalidRequest, error.to_string())
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct List<T> {
    /// What is on the page.
    items: Vec<T>,
    /// Hand it back as `cursor` for the next page; `null` on the last.
    next_cursor: Option<String>,
}

impl<T> List<T> {
    /// From one item more than the page holds: it says that there is another page.
    fn new<R>(
        mut records: Vec<R>,
        limit: u32,
        cursor: impl Fn(&R) -> Cursor,
        view: impl FnMut(R) -> T,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = records.len() > limit;
        records.truncate(limit);
        let next_cursor = records.last().filter(|_| more).map(|last| cursor(last).to_string());
        Self { items: records.into_iter().map(view).collect(), next_cursor }
    }
}
