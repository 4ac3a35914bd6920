//! `GET /meters` and `/meters.csv`: what the devices of a customer counted in a month.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::meters::{Asked, gather};
use super::super::problem::Refusal;
use super::super::view::meters::MeterStatement;
use super::super::who::Operator;
use super::super::{Operators, Shared, meters_csv};
use super::refused::{Always, BadQuery, Missing};
use crate::clock;
use crate::meters::{BadPeriod, Period};

/// Devices on a page unless the request says otherwise.
const DEFAULT_LIMIT: u32 = 100;
/// The most devices on a page.
const MAX_LIMIT: u32 = 500;

/// Whose meters, of which month.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Number of the customer.
    #[param(minimum = 1)]
    customer: i64,
    /// The month, such as `2026-11`; it begins and ends by the time zone of each device.
    #[param(pattern = "^(19[7-9][0-9]|[2-8][0-9]{3}|9[0-8][0-9]{2})-(0[1-9]|1[0-2])$")]
    period: String,
    /// `next_cursor` of the previous page, with everything else as before; leave it out for the first page.
    #[param(required = false, nullable = false, value_type = String, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    cursor: Option<DeviceId>,
    /// The most devices on the page.
    #[param(required = false, nullable = false, minimum = 1, maximum = 500, default = 100)]
    limit: Option<u32>,
}

impl Which {
    fn asked(self) -> Result<Asked, Refusal> {
        let invalid = |why: String| Refusal::new(ProblemKind::InvalidRequest, why);
        let period: Period = self.period.parse().map_err(|e: BadPeriod| invalid(e.to_string()))?;
        let limit = match self.limit.unwrap_or(DEFAULT_LIMIT) {
            limit @ 1..=MAX_LIMIT => limit,
            other => return Err(invalid(format!("limit must be between 1 and {MAX_LIMIT}, not {other}"))),
        };
        Ok(Asked { customer: self.customer, period, after: self.cursor, limit })
    }
}

async fn told(operators: &Operators, operator: &Operator, which: Which) -> Result<MeterStatement, Refusal> {
    let asked = which.asked()?;
    Ok(gather(operators, operator.scope(), asked, clock::now()).await?.into())
}

/// Whether somebody would rather have CSV than JSON.
fn wants_csv(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kinds = accepts.split(',').map(|kind| kind.split(';').next().unwrap_or("").trim());
    kinds.into_iter().find(|kind| matches!(*kind, "text/csv" | "application/json" | "*/*"))
        == Some("text/csv")
}

/// Tells what the counters of a customer's devices counted in a month.
///
/// For each counter: the value at the beginning and at the end, and lines without a hole between them. A stretch of which
/// something is missing is a line with its reason; a counter store that was replaced or set back begins a new count; what
/// had to be worked out is an estimate. A device that changed its customer is cut at that moment. The sum of the lines is
/// what the counter counted. With `Accept: text/csv`, one row a line.
#[utoipa::path(
    get,
    path = "/api/v1/meters",
    operation_id = "getMeters",
    tag = "Meters",
    params(Which),
    responses(
        (status = 200, description = "The devices, by name.", content(
            (MeterStatement = "application/json"),
            (String = "text/csv"),
        )),
        BadQuery, Missing, Always,
    ),
)]
pub(super) async fn meters(
    State(operators): Shared,
    operator: Operator,
    headers: HeaderMap,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(which) = which?;
    let statement = told(&operators, &operator, which).await?;
    let mut response =
        if wants_csv(&headers) { meters_csv::answer(&statement)? } else { Json(statement).into_response() };
    response.headers_mut().insert(header::VARY, header::HeaderValue::from_static("accept"));
    Ok(response)
}

/// The same as CSV, one row a line.
#[utoipa::path(
    get,
    path = "/api/v1/meters.csv",
    operation_id = "getMetersCsv",
    tag = "Meters",
    params(Which),
    responses(
        (status = 200, description = "A row a line, under a row of names.", body = String, content_type = "text/csv"),
        BadQuery, Missing, Always,
    ),
)]
pub(super) async fn meters_csv(
    State(operators): Shared,
    operator: Operator,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(which) = which?;
    meters_csv::answer(&told(&operators, &operator, which).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_given_where_it_is_wanted_first() {
        let wants = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            wants_csv(&headers)
        };
        assert!(wants("text/csv") && wants("text/html, text/csv;q=0.9, */*;q=0.1"));
        assert!(!wants("application/json") && !wants("*/*") && !wants("application/json, text/csv"));
        assert!(!wants_csv(&HeaderMap::new()));
    }
}
