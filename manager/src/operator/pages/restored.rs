//! `GET /restored`: the manager was restored from a backup, and devices wait with certificates that are newer.

use askama::Template;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::response::{Html, Redirect};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::Shared;
use super::super::problem::Refusal;
use super::super::restored::{self, RestoredAction, RestoredView};
use super::super::who::Operator;
use super::{Frame, filters, render_at};
use crate::clock;

/// Certificates on a page.
const PAGE: u32 = 100;

#[derive(Template)]
#[template(path = "restored.html")]
struct RestoredPage {
    frame: Frame,
    restored: Option<RestoredView>,
}

/// Which page.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    cursor: Option<String>,
}

/// Which certificate.
#[derive(Debug, Deserialize)]
pub(super) struct One {
    device: DeviceId,
    serial: String,
}

/// The page.
pub(super) async fn page(
    State(operators): Shared,
    operator: Operator,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let Query(which) = which?;
    let restored = restored::view(&operators, which.cursor.as_deref(), PAGE).await?;
    render_at(&RestoredPage { frame: Frame::new(Some(operator), true), restored }, clock::now())
}

/// `POST /restored/let-in`.
pub(super) async fn let_in(
    State(operators): Shared,
    operator: Operator,
    form: Result<Form<One>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let bad = |rejection: FormRejection| Refusal::new(ProblemKind::InvalidRequest, rejection.body_text());
    let Form(One { device, serial }) = form.map_err(bad)?;
    restored::act(&operators, RestoredAction::LetIn(device, serial), operator.name).await?;
    Ok(Redirect::to("/restored"))
}

/// `POST /restored/let-in-all`.
pub(super) async fn let_in_all(State(operators): Shared, operator: Operator) -> Result<Redirect, Refusal> {
    restored::act(&operators, RestoredAction::LetInAll, operator.name).await?;
    Ok(Redirect::to("/restored"))
}

/// `POST /restored/end`.
pub(super) async fn end(State(operators): Shared, operator: Operator) -> Result<Redirect, Refusal> {
    restored::act(&operators, RestoredAction::End, operator.name).await?;
    Ok(Redirect::to("/restored"))
}
