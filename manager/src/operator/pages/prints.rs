//! `/prints`: what is printed, or was, and how it stands at which printer.

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection, QueryRejection};
use axum::extract::{Form, Path, Query, State};
use axum::response::{Html, Redirect};
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::Shared;
use super::super::documents::Wanted;
use super::super::prints::{self, PrintForm};
use super::super::problem::Refusal;
use super::super::who::Operator;
use super::customers::cut;
use super::device::bad_form;
use super::{Frame, filters, render_at};
use crate::clock;
use crate::store::PrintRecord;

/// Prints on a page.
const ON_A_PAGE: u32 = 100;

#[derive(Template)]
#[template(path = "prints.html")]
struct PrintsPage {
    frame: Frame,
    prints: Vec<PrintRecord>,
    printers: Vec<(String, String)>,
    next: Option<i64>,
}

/// Which page of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Before {
    before: Option<i64>,
}

/// The list.
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    before: Result<Query<Before>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let Query(Before { before }) = before?;
    let mut all = operators.store.prints(prints::only_by(&operator), before, ON_A_PAGE + 1).await?;
    let next = cut(&mut all, ON_A_PAGE, |print| print.key);
    let printers =
        operators.printers.all().map(|printer| (printer.name.clone(), printer.uri.to_string())).collect();
    let frame = Frame::new(Some(operator), false);
    render_at(&PrintsPage { frame, prints: all, printers, next }, clock::now())
}

/// What is to be printed, as a page says it.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    printer: String,
    /// JSON of [`Wanted`].
    document: String,
}

/// Has a document printed.
pub(super) async fn add(
    State(operators): Shared,
    operator: Operator,
    form: Result<Form<Asked>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Form(Asked { printer, document }) = form.map_err(|rejection| bad_form(&rejection))?;
    let document: Wanted = serde_json::from_str(&document)
        .map_err(|error| Refusal::new(ProblemKind::InvalidRequest, format!("document: {error}")))?;
    let print = prints::add(&operators, &operator, PrintForm { printer, document }).await?;
    Ok(Redirect::to(&format!("/prints#print-{}", print.key)))
}

type Id = Result<Path<i64>, PathRejection>;

/// Has it printed once more.
pub(super) async fn again(State(operators): Shared, operator: Operator, id: Id) -> Result<Redirect, Refusal> {
    let Path(key) = id?;
    let print = prints::again(&operators, &operator, key).await?;
    Ok(Redirect::to(&format!("/prints#print-{}", print.key)))
}

/// Cancels it.
pub(super) async fn cancel(
    State(operators): Shared,
    operator: Operator,
    id: Id,
) -> Result<Redirect, Refusal> {
    let Path(key) = id?;
    prints::cancel(&operators, &operator, key).await?;
    Ok(Redirect::to(&format!("/prints#print-{key}")))
}
