//! `/parts`: the catalogue, what lies on shelves, and what of that is below its reorder level.

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection, QueryRejection};
use axum::extract::{Form, Path, Query, State};
use axum::response::{Html, Redirect};
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::Shared;
use super::super::order::MAX_REASON_CHARS;
use super::super::parts::{self, CataloguePartView, StockView, Written};
use super::super::problem::Refusal;
use super::super::said;
use super::super::who::Operator;
use super::device::bad_form;
use super::{Frame, filters, render};
use crate::clock;
use crate::store::{NewPart, ShelfFilter, SiteRecord};

/// Parts on a page.
const ON_A_PAGE: u32 = 100;
/// Places below their reorder level that are shown.
const MAX_BELOW: u32 = 200;
/// Places of a part that are shown, and sites that can be chosen.
const MAX_PLACES: u32 = 1_000;

/// Which parts.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PartsForm {
    text: String,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "parts/list.html")]
struct PartsPage {
    frame: Frame,
    text: String,
    parts: Vec<CataloguePartView>,
    next: Option<String>,
    below: Vec<StockView>,
}

impl PartsPage {
    /// What stands in the fields: nothing, for a part that is new.
    const fn part() -> Option<CataloguePartView> {
        None
    }
}

/// The catalogue.
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    form: Result<Query<PartsForm>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let Query(PartsForm { text, after }) = form?;
    let mut found = operators.store.parts(Some(text.clone()), after, ON_A_PAGE + 1).await?;
    let most = usize::try_from(ON_A_PAGE).unwrap_or(usize::MAX);
    let more = found.len() > most;
    found.truncate(most);
    let next = found.last().filter(|_| more).map(|part| part.number.clone());
    let below = ShelfFilter { below: true, ..ShelfFilter::default() };
    let mut below = operators.store.shelves(below, None, MAX_BELOW).await?;
    below.sort_by(|one, other| one.number.cmp(&other.number));
    let below = below.into_iter().map(StockView::from).collect();
    let parts = found.into_iter().map(CataloguePartView::from).collect();
    let frame = Frame::new(Some(operator), false);
    render(&PartsPage { frame, text, parts, next, below })
}

#[derive(Template)]
#[template(path = "parts/one.html")]
struct PartPage {
    frame: Frame,
    shown: CataloguePartView,
    shelves: Vec<StockView>,
    sites: Vec<SiteRecord>,
}

impl PartPage {
    /// What stands in the fields.
    #[expect(clippy::unnecessary_wraps, reason = "the fields of a new part have nothing in them")]
    const fn part(&self) -> Option<&CataloguePartView> {
        Some(&self.shown)
    }
}

/// One part, and where it lies.
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Html<String>, Refusal> {
    let Path(id) = id?;
    let found = operators.store.part(id).await?;
    let shown = found.map(CataloguePartView::from).ok_or_else(|| Refusal::not_found("part"))?;
    let of = ShelfFilter { part: Some(shown.number.clone()), ..ShelfFilter::default() };
    let shelves = operators.store.shelves(of, None, MAX_PLACES).await?;
    let shelves = shelves.into_iter().map(StockView::from).collect();
    let sites = operators.store.sites(operator.scope(), None, None, MAX_PLACES).await?;
    render(&PartPage { frame: Frame::new(Some(operator), false), shown, shelves, sites })
}

/// A part as it was typed.
#[derive(Debug, Deserialize)]
pub(super) struct PartForm {
    number: String,
    name: String,
    amount: String,
    currency: String,
    yields: String,
    version: Option<i64>,
}

impl PartForm {
    fn read(&self) -> Result<NewPart, Refusal> {
        let typed = self.yields.trim();
        let yields = (!typed.is_empty()).then(|| typed.parse::<u32>()).transpose();
        let yields = yields.map_err(|_not_one| {
            Refusal::new(ProblemKind::InvalidRequest, format!("yield: {typed:?} is no number of pages"))
        })?;
        let price = Some((self.amount.trim(), self.currency.trim())).filter(|(amount, _)| !amount.is_empty());
        Written { number: &self.number, name: &self.name, price, yields }.read()
    }
}

/// Adds one.
pub(super) async fn add(
    State(operators): Shared,
    operator: Operator,
    form: Result<Form<PartForm>, FormRejection>,
) -> Result<Redirect, Refusal> {
    parts::check(&operator)?;
    let Form(form) = form.map_err(|rejection| bad_form(&rejection))?;
    let id = operators.store.add_part(form.read()?).await??;
    Ok(Redirect::to(&format!("/parts/{id}")))
}

/// Says something else about one.
pub(super) async fn save(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    form: Result<Form<PartForm>, FormRejection>,
) -> Result<Redirect, Refusal> {
    parts::check(&operator)?;
    let Path(id) = id?;
    let Form(form) = form.map_err(|rejection| bad_form(&rejection))?;
    operators.store.set_part((id, form.version), form.read()?).await??;
    Ok(Redirect::to(&format!("/parts/{id}")))
}

/// Removes one.
pub(super) async fn remove(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Redirect, Refusal> {
    parts::check(&operator)?;
    let Path(id) = id?;
    operators.store.remove_part(id).await??;
    Ok(Redirect::to("/parts"))
}

/// A place as it was typed.
#[derive(Debug, Deserialize)]
pub(super) struct PlaceForm {
    #[serde(default)]
    site: String,
    pieces: i64,
    reorder_at: i64,
    #[serde(default)]
    words: String,
    version: Option<i64>,
}

/// Gives a part a place.
pub(super) async fn add_place(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    form: Result<Form<PlaceForm>, FormRejection>,
) -> Result<Redirect, Refusal> {
    parts::check(&operator)?;
    let Path(id) = id?;
    let Form(form) = form.map_err(|rejection| bad_form(&rejection))?;
    let found = operators.store.part(id).await?.ok_or_else(|| Refusal::not_found("part"))?;
    let site = Some(form.site.as_str()).filter(|site| !site.is_empty()).map(str::parse::<i64>).transpose();
    let site = site.map_err(|_not_one| {
        Refusal::new(ProblemKind::InvalidRequest, "site: choose one of those in the list")
    })?;
    let counts = (parts::pieces("pieces", form.pieces)?, parts::pieces("reorder level", form.reorder_at)?);
    let by = operator.name.clone();
    let place = operators.store.add_shelf((found.number, site), counts, by, clock::now()).await??;
    Ok(Redirect::to(&format!("/parts/{id}#place-{place}")))
}

/// Somebody has counted what lies there.
pub(super) async fn save_place(
    State(operators): Shared,
    operator: Operator,
    ids: Result<Path<(i64, i64)>, PathRejection>,
    form: Result<Form<PlaceForm>, FormRejection>,
) -> Result<Redirect, Refusal> {
    parts::check(&operator)?;
    let Path((id, place)) = ids?;
    let Form(form) = form.map_err(|rejection| bad_form(&rejection))?;
    let counts = (parts::pieces("pieces", form.pieces)?, parts::pieces("reorder level", form.reorder_at)?);
    let words = said::text("the words", &form.words, MAX_REASON_CHARS)?;
    let said = (operator.name.clone(), words);
    operators.store.set_shelf((place, form.version), counts, said, clock::now()).await??;
    Ok(Redirect::to(&format!("/parts/{id}#place-{place}")))
}
