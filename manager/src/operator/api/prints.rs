//! What is printed, or was, and at which printers.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::Shared;
use super::super::cursor::RowCursor;
use super::super::prints::{self, PrintForm};
use super::super::problem::Refusal;
use super::super::who::Operator;
use super::list::{List, Page};
use super::refused::{Always, BadBody, BadQuery, CannotBeCancelled, Missing};
use crate::output::Paper;
use crate::store::PrintRecord;

const TAG: &str = "Documents";

/// A printer of the service centre.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PrinterView {
    /// Its name, as `manager.toml` has it.
    name: String,
    /// Where it is.
    uri: String,
    /// What paper is in it.
    paper: Paper,
}

/// All printers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PrinterList {
    /// In the order of `manager.toml`.
    items: Vec<PrinterView>,
}

/// Lists the printers on which documents can be printed.
#[utoipa::path(
    get, path = "/api/v1/printers", operation_id = "listPrinters", tag = TAG,
    responses((status = 200, description = "The printers.", body = PrinterList), Always),
)]
pub(super) async fn printers(State(operators): Shared, _: Operator) -> Json<PrinterList> {
    let view = |printer: &crate::printing::Printer| PrinterView {
        name: printer.name.clone(),
        uri: printer.uri.to_string(),
        paper: printer.paper,
    };
    Json(PrinterList { items: operators.printers.all().map(view).collect() })
}

/// Lists what is printed, or was.
///
/// Who is limited to some customers sees what they had printed themselves.
#[utoipa::path(
    get, path = "/api/v1/prints", operation_id = "listPrints", tag = TAG, params(Page),
    responses((status = 200, description = "Prints, the newest first.", body = List<PrintRecord>), BadQuery, Always),
)]
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<List<PrintRecord>>, Refusal> {
    let Query(page) = page?;
    let (before, limit) = page.place()?;
    let records = operators.store.prints(prints::only_by(&operator), before, limit + 1).await?;
    Ok(Json(List::new(records, limit, |record| RowCursor(record.key).to_string(), |record| record)))
}

/// Shows one print.
#[utoipa::path(
    get, path = "/api/v1/prints/{id}", operation_id = "getPrint", tag = TAG,
    params(("id" = i64, Path, description = "Number of the print.")),
    responses((status = 200, description = "The print.", body = PrintRecord), Missing, Always),
)]
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Json<PrintRecord>, Refusal> {
    let Path(key) = id?;
    Ok(Json(prints::one(&operators, &operator, key).await?))
}

/// Has a document printed: it is made now, as far as you may see it, and waits for the printer.
#[utoipa::path(
    post, path = "/api/v1/prints", operation_id = "addPrint", tag = TAG, request_body = PrintForm,
    responses((status = 202, description = "The print, which waits.", body = PrintRecord), BadBody, Missing, CannotBeCancelled, Always),
)]
pub(super) async fn add(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<PrintForm>, JsonRejection>,
) -> Result<(StatusCode, Json<PrintRecord>), Refusal> {
    let Json(form) = body?;
    Ok((StatusCode::ACCEPTED, Json(prints::add(&operators, &operator, form).await?)))
}

/// Prints the same file once more, as a print of its own.
#[utoipa::path(
    post, path = "/api/v1/prints/{id}/again", operation_id = "printAgain", tag = TAG,
    params(("id" = i64, Path, description = "Number of the print.")),
    responses((status = 202, description = "The new print.", body = PrintRecord), Missing, CannotBeCancelled, Always),
)]
pub(super) async fn again(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<(StatusCode, Json<PrintRecord>), Refusal> {
    let Path(key) = id?;
    Ok((StatusCode::ACCEPTED, Json(prints::again(&operators, &operator, key).await?)))
}

/// Cancels a print that its printer does not have yet.
#[utoipa::path(
    post, path = "/api/v1/prints/{id}/cancel", operation_id = "cancelPrint", tag = TAG,
    params(("id" = i64, Path, description = "Number of the print.")),
    responses((status = 200, description = "The print.", body = PrintRecord), Missing, CannotBeCancelled, Always),
)]
pub(super) async fn cancel(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Json<PrintRecord>, Refusal> {
    let Path(key) = id?;
    Ok(Json(prints::cancel(&operators, &operator, key).await?))
}
