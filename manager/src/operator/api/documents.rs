//! What can be had on paper, as a file: reports of devices, the day's list, statements of meters, orders; as PDF, CSV or JSON.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use platen_protocol::identity::DeviceId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::documents::{Wanted, as_pdf, gather};
use super::super::problem::Refusal;
use super::super::who::Operator;
use super::super::{Operators, Shared};
use super::refused::{Always, BadQuery, Missing};
use crate::clock;
use crate::output::{Document, Paper, csv};

/// The paper of a PDF.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct OnPaper {
    /// The size of the paper.
    #[param(required = false, nullable = false, value_type = Paper, default = "a4")]
    paper: Option<Paper>,
}

/// Nothing else can be said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Of whom the day's list is.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct OfDay {
    /// Only devices of this customer; leave it out for all that you see.
    #[param(required = false, nullable = false, minimum = 1, value_type = i64)]
    customer: Option<i64>,
    /// The time zone by which it is today, such as `Europe/Berlin`.
    #[param(required = false, nullable = false, value_type = String, default = "UTC")]
    zone: Option<String>,
}

/// The same as PDF.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct DayOnPaper {
    /// Only devices of this customer; leave it out for all that you see.
    #[param(required = false, nullable = false, minimum = 1, value_type = i64)]
    customer: Option<i64>,
    /// The time zone by which it is today, such as `Europe/Berlin`.
    #[param(required = false, nullable = false, value_type = String, default = "UTC")]
    zone: Option<String>,
    /// The size of the paper.
    #[param(required = false, nullable = false, value_type = Paper, default = "a4")]
    paper: Option<Paper>,
}

/// Whose meters, of which month.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct MetersOnPaper {
    /// Number of the customer.
    #[param(minimum = 1)]
    customer: i64,
    /// The month, such as `2026-11`; it begins and ends by the time zone of each device.
    #[param(pattern = "^(19[7-9][0-9]|[2-8][0-9]{3}|9[0-8][0-9]{2})-(0[1-9]|1[0-2])$")]
    period: String,
    /// The size of the paper.
    #[param(required = false, nullable = false, value_type = Paper, default = "a4")]
    paper: Option<Paper>,
}

impl From<OfDay> for Wanted {
    fn from(of: OfDay) -> Self {
        Self::Day { customer: of.customer, zone: of.zone.unwrap_or_default() }
    }
}

async fn document(operators: &Operators, operator: &Operator, wanted: Wanted) -> Result<Document, Refusal> {
    gather(operators, operator.scope(), &wanted, clock::now()).await
}

/// A file that a browser shows, or saves under this name.
fn file(bytes: impl Into<axum::body::Body>, kind: &'static str, (how, name): (&str, &str)) -> Response {
    let mut response = bytes.into().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // The name has only letters that a header can have.
    let disposition = HeaderValue::from_str(&format!("{how}; filename=\"{name}\""));
    headers
        .insert(header::CONTENT_DISPOSITION, disposition.unwrap_or(HeaderValue::from_static("attachment")));
    response
}

async fn pdf(
    operators: &Operators,
    operator: &Operator,
    wanted: Wanted,
    paper: Option<Paper>,
) -> Result<Response, Refusal> {
    let document = document(operators, operator, wanted).await?;
    let name = document.file_name("pdf");
    let bytes = as_pdf(operators, document, paper.unwrap_or_default()).await?;
    Ok(file(bytes, "application/pdf", ("inline", &name)))
}

async fn rows(operators: &Operators, operator: &Operator, wanted: Wanted) -> Result<Response, Refusal> {
    let document = document(operators, operator, wanted).await?;
    let text = csv::text(&document).map_err(|error| Refusal::internal(&error))?;
    let name = document.file_name("csv");
    Ok(file(text, "text/csv; charset=utf-8; header=present", ("attachment", &name)))
}

type Device = Result<Path<DeviceId>, PathRejection>;
type Order = Result<Path<i64>, PathRejection>;
type Empty = Result<Query<Nothing>, QueryRejection>;

/// Gives the report of a device: what it is, what is the matter, supplies, parts, counters, and what was asked for there.
#[utoipa::path(
    get,
    path = "/api/v1/devices/{id}/report",
    operation_id = "getDeviceReport",
    tag = "Documents",
    params(("id" = DeviceId, Path, description = "The device.")),
    responses((status = 200, description = "The report, in words.", body = Document), BadQuery, Missing, Always),
)]
pub(super) async fn report(
    State(operators): Shared,
    operator: Operator,
    id: Device,
    nothing: Empty,
) -> Result<Json<Document>, Refusal> {
    let (Path(device), Query(Nothing {})) = (id?, nothing?);
    Ok(Json(document(&operators, &operator, Wanted::Device { device }).await?))
}

/// Gives the report of a device as CSV, a row a value.
#[utoipa::path(
    get,
    path = "/api/v1/devices/{id}/report.csv",
    operation_id = "getDeviceReportCsv",
    tag = "Documents",
    params(("id" = DeviceId, Path, description = "The device.")),
    responses(
        (status = 200, description = "Rows under a row of names.", body = String, content_type = "text/csv"),
        BadQuery, Missing, Always,
    ),
)]
pub(super) async fn report_csv(
    State(operators): Shared,
    operator: Operator,
    id: Device,
    nothing: Empty,
) -> Result<Response, Refusal> {
    let (Path(device), Query(Nothing {})) = (id?, nothing?);
    rows(&operators, &operator, Wanted::Device { device }).await
}

/// Gives the report of a device as PDF.
#[utoipa::path(
    get,
    path = "/api/v1/devices/{id}/report.pdf",
    operation_id = "getDeviceReportPdf",
    tag = "Documents",
    params(("id" = DeviceId, Path, description = "The device."), OnPaper),
    responses(
        (status = 200, description = "The file.", body = String, content_type = "application/pdf"),
        BadQuery, Missing, Always,
    ),
)]
pub(super) async fn report_pdf(
    State(operators): Shared,
    operator: Operator,
    id: Device,
    on: Result<Query<OnPaper>, QueryRejection>,
) -> Result<Response, Refusal> {
    let (Path(device), Query(on)) = (id?, on?);
    pdf(&operators, &operator, Wanted::Device { device }, on.paper).await
}

/// Gives the day's list: what needs a person now, the most urgent first, and what happened since midnight.
#[utoipa::path(
    get,
    path = "/api/v1/day",
    operation_id = "getDay",
    tag = "Documents",
    params(OfDay),
    responses((status = 200, description = "The list, in words.", body = Document), BadQuery, Missing, Always),
)]
pub(super) async fn day(
    State(operators): Shared,
    operator: Operator,
    of: Result<Query<OfDay>, QueryRejection>,
) -> Result<Json<Document>, Refusal> {
    let Query(of) = of?;
    Ok(Json(document(&operators, &operator, of.into()).await?))
}

/// Gives the day's list as CSV.
#[utoipa::path(
    get,
    path = "/api/v1/day.csv",
    operation_id = "getDayCsv",
    tag = "Documents",
    params(OfDay),
    responses(
        (status = 200, description = "Rows under a row of names.", body = String, content_type = "text/csv"),
        BadQuery, Missing, Always,
    ),
)]
pub(super) async fn day_csv(
    State(operators): Shared,
    operator: Operator,
    of: Result<Query<OfDay>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(of) = of?;
    rows(&operators, &operator, of.into()).await
}

/// Gives the day's list as PDF.
#[utoipa::path(
    get,
    path = "/api/v1/day.pdf",
    operation_id = "getDayPdf",
    tag = "Documents",
    params(DayOnPaper),
    responses(
        (status = 200, description = "The file.", body = String, content_type = "application/pdf"),
        BadQuery, Missing, Always,
    ),
)]
pub(super) async fn day_pdf(
    State(operators): Shared,
    operator: Operator,
    of: Result<Query<DayOnPaper>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(DayOnPaper { customer, zone, paper }) = of?;
    pdf(&operators, &operator, OfDay { customer, zone }.into(), paper).await
}

/// Gives a statement of meters as PDF: what all devices of a customer counted in a month.
#[utoipa::path(
    get,
    path = "/api/v1/meters.pdf",
    operation_id = "getMetersPdf",
    tag = "Meters",
    params(MetersOnPaper),
    responses(
        (status = 200, description = "The file.", body = String, content_type = "application/pdf"),
        BadQuery, Missing, Always,
    ),
)]
pub(super) async fn meters_pdf(
    State(operators): Shared,
    operator: Operator,
    of: Result<Query<MetersOnPaper>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(MetersOnPaper { customer, period, paper }) = of?;
    pdf(&operators, &operator, Wanted::Meters { customer, period }, paper).await
}

/// Gives an order as a sheet.
#[utoipa::path(
    get,
    path = "/api/v1/orders/{id}/sheet",
    operation_id = "getOrderSheet",
    tag = "Documents",
    params(("id" = i64, Path, description = "The order.", minimum = 1)),
    responses((status = 200, description = "The sheet, in words.", body = Document), BadQuery, Missing, Always),
)]
pub(super) async fn sheet(
    State(operators): Shared,
    operator: Operator,
    id: Order,
    nothing: Empty,
) -> Result<Json<Document>, Refusal> {
    let (Path(order), Query(Nothing {})) = (id?, nothing?);
    Ok(Json(document(&operators, &operator, Wanted::Order { order }).await?))
}

/// Gives an order as CSV, a row a value.
#[utoipa::path(
    get,
    path = "/api/v1/orders/{id}/sheet.csv",
    operation_id = "getOrderSheetCsv",
    tag = "Documents",
    params(("id" = i64, Path, description = "The order.", minimum = 1)),
    responses(
        (status = 200, description = "Rows under a row of names.", body = String, content_type = "text/csv"),
        BadQuery, Missing, Always,
    ),
)]
pub(super) async fn sheet_csv(
    State(operators): Shared,
    operator: Operator,
    id: Order,
    nothing: Empty,
) -> Result<Response, Refusal> {
    let (Path(order), Query(Nothing {})) = (id?, nothing?);
    rows(&operators, &operator, Wanted::Order { order }).await
}

/// Gives an order as PDF.
#[utoipa::path(
    get,
    path = "/api/v1/orders/{id}/sheet.pdf",
    operation_id = "getOrderSheetPdf",
    tag = "Documents",
    params(("id" = i64, Path, description = "The order.", minimum = 1), OnPaper),
    responses(
        (status = 200, description = "The file.", body = String, content_type = "application/pdf"),
        BadQuery, Missing, Always,
    ),
)]
pub(super) async fn sheet_pdf(
    State(operators): Shared,
    operator: Operator,
    id: Order,
    on: Result<Query<OnPaper>, QueryRejection>,
) -> Result<Response, Refusal> {
    let (Path(order), Query(on)) = (id?, on?);
    pdf(&operators, &operator, Wanted::Order { order }, on.paper).await
}
