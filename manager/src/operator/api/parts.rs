//! `GET`, `POST`, `PUT` and `DELETE` of `/parts` and `/stock`; `POST /stock/{id}/put`, `GET /stock/{id}/history`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::cursor::RowCursor;
use super::super::objects::only_objects;
use super::super::order::MAX_REASON_CHARS;
use super::super::parts::{self, CataloguePartView, MAX_NUMBER_CHARS, PartForm, StockView};
use super::super::problem::Refusal;
use super::super::said;
use super::super::who::Operator;
use super::super::{Operators, Shared, fleet_query};
use super::list::{List, Page, limit, row};
use super::marks::{MustMatch, seen};
use super::refused::{Always, BadBody, BadQuery, ChangedMeanwhile, Conflicts, Missing};
use crate::clock;
use crate::store::{ShelfFilter, ShelfMove};

/// Which parts, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichParts {
    /// Only those in which each of these words is found, in number or name.
    #[param(required = false, nullable = false, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    text: Option<String>,
    /// `next_cursor` of the previous page; leave it out for the first page.
    #[param(required = false, nullable = false, max_length = 100)]
    cursor: Option<String>,
    /// The most items on the page.
    #[param(required = false, nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// What is answered about one thing.
type Of<T> = ([(HeaderName, String); 1], Json<T>);
/// What is answered about one thing that is new.
type New<T> = (StatusCode, [(HeaderName, String); 2], Json<T>);

/// Lists parts.
#[utoipa::path(
    get,
    path = "/api/v1/parts",
    operation_id = "listParts",
    tag = "Parts and stock",
    params(WhichParts),
    responses((status = 200, description = "Parts, by number.", body = List<CataloguePartView>), BadQuery, Always),
)]
pub(super) async fn list(
    State(operators): Shared,
    _: Operator,
    which: Result<Query<WhichParts>, QueryRejection>,
) -> Result<Json<List<CataloguePartView>>, Refusal> {
    let Query(WhichParts { text, cursor, limit: most }) = which?;
    let most = limit(most)?;
    if cursor.as_ref().is_some_and(|cursor| cursor.chars().count() > MAX_NUMBER_CHARS) {
        let why = "cursor: it is the next_cursor of no page; leave it out for the first page";
        return Err(Refusal::new(ProblemKind::InvalidRequest, why));
    }
    let found = operators.store.parts(fleet_query::text("text", text.as_deref())?, cursor, most + 1).await?;
    Ok(Json(List::new(found, most, |record| record.number.clone(), CataloguePartView::from)))
}

async fn part_of(operators: &Operators, id: i64) -> Result<CataloguePartView, Refusal> {
    let found = operators.store.part(id).await?;
    found.map(CataloguePartView::from).ok_or_else(|| Refusal::not_found("part"))
}

/// Shows one part.
#[utoipa::path(
    get,
    path = "/api/v1/parts/{id}",
    operation_id = "getPart",
    tag = "Parts and stock",
    params(("id" = i64, Path, description = "`id` of the part.", minimum = 1)),
    responses(
        (status = 200, description = "The part.", body = CataloguePartView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        Missing,
        Always,
    ),
)]
pub(super) async fn one(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Of<CataloguePartView>, Refusal> {
    let Path(id) = id?;
    let view = part_of(&operators, id).await?;
    Ok(([(header::ETAG, view.etag())], Json(view)))
}

/// Adds a part.
#[utoipa::path(
    post,
    path = "/api/v1/parts",
    operation_id = "addPart",
    tag = "Parts and stock",
    request_body = PartForm,
    responses((status = 201, description = "The part.", body = CataloguePartView), BadBody, Conflicts, Always),
)]
pub(super) async fn add(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<PartForm>, JsonRejection>,
) -> Result<New<CataloguePartView>, Refusal> {
    parts::check(&operator)?;
    let Json(form) = body?;
    let id = operators.store.add_part(form.read()?).await??;
    let view = part_of(&operators, id).await?;
    let headers = [(header::LOCATION, format!("/api/v1/parts/{id}")), (header::ETAG, view.etag())];
    Ok((StatusCode::CREATED, headers, Json(view)))
}

/// Says something else about a part. With `If-Match` only if nobody has changed it meanwhile.
#[utoipa::path(
    put,
    path = "/api/v1/parts/{id}",
    operation_id = "setPart",
    tag = "Parts and stock",
    params(
        ("id" = i64, Path, description = "`id` of the part.", minimum = 1),
        MustMatch,
    ),
    request_body = PartForm,
    responses((status = 200, description = "The part.", body = CataloguePartView), BadBody, Missing, Conflicts, ChangedMeanwhile, Always),
)]
pub(super) async fn set(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    headers: HeaderMap,
    body: Result<Json<PartForm>, JsonRejection>,
) -> Result<Of<CataloguePartView>, Refusal> {
    parts::check(&operator)?;
    let (Path(id), Json(form)) = (id?, body?);
    operators.store.set_part((id, seen(&headers)?), form.read()?).await??;
    let view = part_of(&operators, id).await?;
    Ok(([(header::ETAG, view.etag())], Json(view)))
}

/// Removes a part of which nothing lies on a shelf. Orders of it stay, with what it cost.
#[utoipa::path(
    delete,
    path = "/api/v1/parts/{id}",
    operation_id = "removePart",
    tag = "Parts and stock",
    params(("id" = i64, Path, description = "`id` of the part.", minimum = 1)),
    responses((status = 204, description = "It is removed."), Missing, Conflicts, Always),
)]
pub(super) async fn remove(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    parts::check(&operator)?;
    let Path(id) = id?;
    operators.store.remove_part(id).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Which places on shelves, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichStock {
    /// Only of the part of this number.
    #[param(required = false, nullable = false, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    part: Option<String>,
    /// Only at this site; 0 for the service centre itself.
    #[param(required = false, nullable = false, minimum = 0)]
    site: Option<i64>,
    /// Only where fewer lie than should (`true`).
    #[param(required = false, nullable = false)]
    below: Option<bool>,
    /// `next_cursor` of the previous page; leave it out for the first page.
    #[param(required = false, nullable = false, pattern = "^r[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// The most items on the page.
    #[param(required = false, nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Lists what lies on shelves.
#[utoipa::path(
    get,
    path = "/api/v1/stock",
    operation_id = "listStock",
    tag = "Parts and stock",
    params(WhichStock),
    responses((status = 200, description = "Places on shelves, the newest first.", body = List<StockView>), BadQuery, Always),
)]
pub(super) async fn stock(
    State(operators): Shared,
    _: Operator,
    which: Result<Query<WhichStock>, QueryRejection>,
) -> Result<Json<List<StockView>>, Refusal> {
    let Query(WhichStock { part, site, below, cursor, limit }) = which?;
    let (before, limit) = row(cursor.as_deref(), limit)?;
    if site.is_some_and(|site| site < 0) {
        let why = "site must be 0 for the service centre itself, or the number of a site";
        return Err(Refusal::new(ProblemKind::InvalidRequest, why));
    }
    let part = fleet_query::text("part", part.as_deref())?;
    let filter = ShelfFilter { part, site, below: below.unwrap_or(false) };
    let found = operators.store.shelves(filter, before, limit + 1).await?;
    Ok(Json(List::new(found, limit, |record| RowCursor(record.key).to_string(), StockView::from)))
}

async fn stock_of(operators: &Operators, id: i64) -> Result<StockView, Refusal> {
    let found = operators.store.shelf(id).await?;
    found.map(StockView::from).ok_or_else(|| Refusal::not_found("place"))
}

/// Shows one place on a shelf.
#[utoipa::path(
    get,
    path = "/api/v1/stock/{id}",
    operation_id = "getStock",
    tag = "Parts and stock",
    params(("id" = i64, Path, description = "`id` of the place.", minimum = 1)),
    responses(
        (status = 200, description = "The place.", body = StockView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        Missing,
        Always,
    ),
)]
pub(super) async fn one_stock(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Of<StockView>, Refusal> {
    let Path(id) = id?;
    let view = stock_of(&operators, id).await?;
    Ok(([(header::ETAG, view.etag())], Json(view)))
}

/// A place for a part.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct StockForm {
    /// The part's number.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    part: String,
    /// Number of the site; `null` for the service centre itself.
    #[serde(default)]
    #[schema(minimum = 1)]
    site: Option<i64>,
    /// How many lie there.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pieces: i64,
    /// Fewer are too few.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000)]
    reorder_at: i64,
}

/// Gives a part a place on a shelf.
#[utoipa::path(
    post,
    path = "/api/v1/stock",
    operation_id = "addStock",
    tag = "Parts and stock",
    request_body = StockForm,
    responses((status = 201, description = "The place.", body = StockView), BadBody, Missing, Conflicts, Always),
)]
pub(super) async fn add_stock(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<StockForm>, JsonRejection>,
) -> Result<New<StockView>, Refusal> {
    parts::check(&operator)?;
    let Json(StockForm { part, site, pieces, reorder_at }) = body?;
    let counts = (parts::pieces("pieces", pieces)?, parts::pieces("reorder_at", reorder_at)?);
    let by = operator.name.clone();
    let id = operators.store.add_shelf((part, site), counts, by, clock::now()).await??;
    let view = stock_of(&operators, id).await?;
    let headers = [(header::LOCATION, format!("/api/v1/stock/{id}")), (header::ETAG, view.etag())];
    Ok((StatusCode::CREATED, headers, Json(view)))
}

/// What somebody counted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct CountForm {
    /// How many lie there.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pieces: i64,
    /// Fewer are too few.
    #[schema(minimum = 0, maximum = 1_000_000)]
    reorder_at: i64,
    /// Why there are more or fewer.
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    words: Option<String>,
}

fn words(text: Option<&str>) -> Result<Option<String>, Refusal> {
    Ok(said::text("the words", text.unwrap_or_default(), MAX_REASON_CHARS)?)
}

/// Says how many lie there, and fewer than how many are too few.
#[utoipa::path(
    put,
    path = "/api/v1/stock/{id}",
    operation_id = "setStock",
    tag = "Parts and stock",
    params(
        ("id" = i64, Path, description = "`id` of the place.", minimum = 1),
        MustMatch,
    ),
    request_body = CountForm,
    responses((status = 200, description = "The place.", body = StockView), BadBody, Missing, ChangedMeanwhile, Always),
)]
pub(super) async fn set_stock(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    headers: HeaderMap,
    body: Result<Json<CountForm>, JsonRejection>,
) -> Result<Of<StockView>, Refusal> {
    parts::check(&operator)?;
    let (Path(id), Json(form)) = (id?, body?);
    let counts = (parts::pieces("pieces", form.pieces)?, parts::pieces("reorder_at", form.reorder_at)?);
    let said = (operator.name.clone(), words(form.words.as_deref())?);
    operators.store.set_shelf((id, seen(&headers)?), counts, said, clock::now()).await??;
    let view = stock_of(&operators, id).await?;
    Ok(([(header::ETAG, view.etag())], Json(view)))
}

/// Pieces that are put somewhere, or taken away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct PutForm {
    /// How many more; below 0 to take so many away.
    #[schema(minimum = -1_000_000, maximum = 1_000_000)]
    pieces: i64,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    words: Option<String>,
}

only_objects!(StockForm, CountForm, PutForm);

/// Puts pieces on a shelf, or takes some away; it does not matter what others do meanwhile.
#[utoipa::path(
    post,
    path = "/api/v1/stock/{id}/put",
    operation_id = "putStock",
    tag = "Parts and stock",
    params(("id" = i64, Path, description = "`id` of the place.", minimum = 1)),
    request_body = PutForm,
    responses((status = 200, description = "The place.", body = StockView), BadBody, Missing, Conflicts, Always),
)]
pub(super) async fn put_stock(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    body: Result<Json<PutForm>, JsonRejection>,
) -> Result<Of<StockView>, Refusal> {
    parts::check(&operator)?;
    let (Path(id), Json(form)) = (id?, body?);
    let said = (operator.name.clone(), words(form.words.as_deref())?);
    operators.store.put_on_shelf((id, parts::more(form.pieces)?), said, clock::now()).await??;
    let view = stock_of(&operators, id).await?;
    Ok(([(header::ETAG, view.etag())], Json(view)))
}

/// Removes a place where nothing lies.
#[utoipa::path(
    delete,
    path = "/api/v1/stock/{id}",
    operation_id = "removeStock",
    tag = "Parts and stock",
    params(("id" = i64, Path, description = "`id` of the place.", minimum = 1)),
    responses((status = 204, description = "It is removed."), Missing, Conflicts, Always),
)]
pub(super) async fn remove_stock(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    parts::check(&operator)?;
    let Path(id) = id?;
    operators.store.remove_shelf(id).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists what was taken and put there.
#[utoipa::path(
    get,
    path = "/api/v1/stock/{id}/history",
    operation_id = "listStockHistory",
    tag = "Parts and stock",
    params(("id" = i64, Path, description = "`id` of the place.", minimum = 1), Page),
    responses((status = 200, description = "What was taken and put, the newest first.", body = List<ShelfMove>), BadQuery, Missing, Always),
)]
pub(super) async fn stock_history(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<List<ShelfMove>>, Refusal> {
    let (Path(id), Query(page)) = (id?, page?);
    let (before, limit) = page.place()?;
    stock_of(&operators, id).await?;
    let found = operators.store.shelf_moves(id, (before, limit + 1)).await?;
    Ok(Json(List::new(found, limit, |one| RowCursor(one.key).to_string(), |one| one)))
}
