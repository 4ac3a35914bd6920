//! `/programs`: what there is for devices, who has it and who is to have it.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection, QueryRejection};
use axum::extract::{Form, Path, Query, State};
use axum::response::{Html, Redirect};
use platen_protocol::identity::{DeviceId, ProgramName};
use platen_protocol::problem::ProblemKind;
use platen_protocol::programs::ProgramVersion;
use serde::Deserialize;

use super::super::problem::Refusal;
use super::super::view::{AttemptView, OfferView, ProgramView};
use super::super::who::Operator;
use super::super::{Shared, programs};
use super::customers::cut;
use super::device::bad_form;
use super::{Frame, filters, render_at};
use crate::clock;

/// Programs on a page.
const ON_A_PAGE: u32 = 50;
/// Offers, and attempts, that the page of a program has.
const OF_ONE: u32 = 100;

/// Which page.
#[derive(Debug, Deserialize)]
pub(super) struct Before {
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "programs/list.html")]
struct ProgramsPage {
    frame: Frame,
    programs: Vec<ProgramView>,
    next: Option<i64>,
}

/// All programs.
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    page: Result<Query<Before>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let Query(Before { before }) = page?;
    let mut records = operators.store.programs(before, ON_A_PAGE + 1).await?;
    let next = cut(&mut records, ON_A_PAGE, |program| program.key);
    let programs = programs::views(&operators, operator.scope(), records).await?;
    let frame = Frame::new(Some(operator), false);
    render_at(&ProgramsPage { frame, programs, next }, clock::now())
}

#[derive(Template)]
#[template(path = "programs/one.html")]
struct ProgramPage {
    frame: Frame,
    program: ProgramView,
    offers: Vec<OfferView>,
    offers_cut: bool,
    attempts: Vec<AttemptView>,
    attempts_cut: bool,
}

type Which = Result<Path<(ProgramName, ProgramVersion)>, PathRejection>;

/// One program.
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Which,
) -> Result<Html<String>, Refusal> {
    let Path((name, version)) = id?;
    let (store, scope) = (&operators.store, operator.scope());
    let record = programs::record(&operators, name.as_str(), version.as_str()).await?;
    let mut offers = store.offers_of_program(scope, record.key, None, OF_ONE + 1).await?;
    let offers_cut = cut(&mut offers, OF_ONE, |offer| offer.key).is_some();
    let program = Some((name.to_string(), version.to_string()));
    let mut attempts = store.attempts(scope, None, program, (None, OF_ONE + 1)).await?;
    let attempts_cut = cut(&mut attempts, OF_ONE, |attempt| attempt.key).is_some();
    let views = programs::views(&operators, scope, vec![record]).await?;
    let program = views.into_iter().next().ok_or_else(|| Refusal::not_found("program"))?;
    let page = ProgramPage {
        frame: Frame::new(Some(operator), false),
        program,
        offers: offers.into_iter().map(OfferView::from).collect(),
        offers_cut,
        attempts: attempts.into_iter().map(AttemptView::from).collect(),
        attempts_cut,
    };
    render_at(&page, clock::now())
}

/// To which devices.
#[derive(Debug, Deserialize)]
pub(super) struct Devices {
    devices: String,
}

/// `POST /programs/{name}/{version}/offers`.
pub(super) async fn offer(
    State(operators): Shared,
    operator: Operator,
    id: Which,
    form: Result<Form<Devices>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path((name, version)) = id?;
    let Form(Devices { devices }) = form.map_err(|rejection| bad_form(&rejection))?;
    let named: Result<BTreeSet<DeviceId>, _> = devices
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|word| !word.is_empty())
        .map(str::parse::<DeviceId>)
        .collect();
    let named = named.map_err(|error| Refusal::new(ProblemKind::InvalidRequest, error.to_string()))?;
    let program = (name.to_string(), version.to_string());
    let scope = operator.scope();
    programs::offer(&operators, scope, program, named, operator.name.clone()).await?;
    Ok(Redirect::to(&format!("/programs/{name}/{version}#offers")))
}

/// From which device.
#[derive(Debug, Deserialize)]
pub(super) struct Whose {
    device: DeviceId,
}

/// `POST /programs/{name}/{version}/take-back`.
pub(super) async fn take_back(
    State(operators): Shared,
    operator: Operator,
    id: Which,
    form: Result<Form<Whose>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path((name, version)) = id?;
    let Form(Whose { device }) = form.map_err(|rejection| bad_form(&rejection))?;
    let program = (name.as_str(), version.as_str());
    programs::take_back(&operators, operator.scope(), program, device, &operator.name).await?;
    Ok(Redirect::to(&format!("/programs/{name}/{version}#offers")))
}
