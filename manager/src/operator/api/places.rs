//! `GET`, `POST`, `PUT` and `DELETE` of `/customers` and `/sites`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::cursor::RowCursor;
use super::super::places::{CustomerForm, SiteForm};
use super::super::problem::Refusal;
use super::super::who::Operator;
use super::super::{Operators, Shared};
use super::list::{List, Page, row};
use super::marks::{IfMatch, One};
use super::refused::{Always, BadBody, BadMatch, BadQuery, Conflicts, Missing, NotAsSeen};
use crate::clock;
use crate::store::{CustomerRecord, SiteRecord};

/// Lists customers, by name.
#[utoipa::path(
    get,
    path = "/api/v1/customers",
    operation_id = "listCustomers",
    tag = "Customers and profiles",
    params(Page),
    responses((status = 200, description = "Customers, by name.", body = List<CustomerRecord>), BadQuery, Always),
)]
pub(super) async fn customers(
    State(operators): Shared,
    operator: Operator,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<List<CustomerRecord>>, Refusal> {
    let Query(page) = page?;
    let (after, limit) = page.place()?;
    let records = operators.store.customers(operator.scope(), after, limit + 1).await?;
    Ok(Json(List::new(records, limit, |record| RowCursor(record.key).to_string(), |record| record)))
}

async fn one_customer(
    operators: &Operators,
    operator: &Operator,
    key: i64,
) -> Result<CustomerRecord, Refusal> {
    let found = operators.store.customer(operator.scope(), key).await?;
    found.ok_or_else(|| Refusal::not_found("customer"))
}

/// Shows one customer.
#[utoipa::path(
    get,
    path = "/api/v1/customers/{id}",
    operation_id = "getCustomer",
    tag = "Customers and profiles",
    params(("id" = i64, Path, description = "Number of the customer.")),
    responses((status = 200, description = "The customer.", body = CustomerRecord, headers(("ETag" = String, description = "Its mark, for `If-Match`."))), Missing, Always),
)]
pub(super) async fn customer(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<One<CustomerRecord>, Refusal> {
    let Path(key) = id?;
    Ok(One(one_customer(&operators, &operator, key).await?))
}

/// Adds a customer.
#[utoipa::path(
    post,
    path = "/api/v1/customers",
    operation_id = "addCustomer",
    tag = "Customers and profiles",
    request_body = CustomerForm,
    responses((status = 201, description = "The customer.", body = CustomerRecord), BadBody, Conflicts, Always),
)]
pub(super) async fn add_customer(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<CustomerForm>, JsonRejection>,
) -> Result<(StatusCode, Json<CustomerRecord>), Refusal> {
    let Json(form) = body?;
    let key = operators.store.add_customer(form.read()?).await??;
    Ok((StatusCode::CREATED, Json(one_customer(&operators, &operator, key).await?)))
}

/// Says something else about a customer.
#[utoipa::path(
    put,
    path = "/api/v1/customers/{id}",
    operation_id = "setCustomer",
    tag = "Customers and profiles",
    params(("id" = i64, Path, description = "Number of the customer."), IfMatch),
    request_body = CustomerForm,
    responses((status = 200, description = "The customer.", body = CustomerRecord, headers(("ETag" = String, description = "Its mark, for `If-Match`."))), BadBody, Missing, Conflicts, NotAsSeen, Always),
)]
pub(super) async fn set_customer(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    body: Result<Json<CustomerForm>, JsonRejection>,
) -> Result<One<CustomerRecord>, Refusal> {
    let (Path(key), Json(form)) = (id?, body?);
    operators.store.set_customer(key, form.read()?).await??;
    Ok(One(one_customer(&operators, &operator, key).await?))
}

/// Removes a customer that has neither sites nor devices.
#[utoipa::path(
    delete,
    path = "/api/v1/customers/{id}",
    operation_id = "removeCustomer",
    tag = "Customers and profiles",
    params(("id" = i64, Path, description = "Number of the customer."), IfMatch),
    responses((status = 204, description = "It is removed."), BadMatch, Missing, Conflicts, NotAsSeen, Always),
)]
pub(super) async fn remove_customer(
    State(operators): Shared,
    _operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(key) = id?;
    operators.store.remove_customer(key).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Which sites, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct OfCustomer {
    /// Only those of the customer of this number.
    #[param(required = false, nullable = false)]
    customer: Option<i64>,
    /// `next_cursor` of the previous page; leave it out for the first page.
    #[param(required = false, nullable = false, pattern = "^r[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// The most items on the page.
    #[param(required = false, nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Lists sites, by name.
#[utoipa::path(
    get,
    path = "/api/v1/sites",
    operation_id = "listSites",
    tag = "Customers and profiles",
    params(OfCustomer),
    responses((status = 200, description = "Sites, by name.", body = List<SiteRecord>), BadQuery, Always),
)]
pub(super) async fn sites(
    State(operators): Shared,
    operator: Operator,
    which: Result<Query<OfCustomer>, QueryRejection>,
) -> Result<Json<List<SiteRecord>>, Refusal> {
    let Query(which) = which?;
    let (after, limit) = row(which.cursor.as_deref(), which.limit)?;
    let records = operators.store.sites(operator.scope(), which.customer, after, limit + 1).await?;
    Ok(Json(List::new(records, limit, |record| RowCursor(record.key).to_string(), |record| record)))
}

async fn one_site(operators: &Operators, operator: &Operator, key: i64) -> Result<SiteRecord, Refusal> {
    let found = operators.store.site(operator.scope(), key).await?;
    found.ok_or_else(|| Refusal::not_found("site"))
}

/// Shows one site.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{id}",
    operation_id = "getSite",
    tag = "Customers and profiles",
    params(("id" = i64, Path, description = "Number of the site.")),
    responses((status = 200, description = "The site.", body = SiteRecord, headers(("ETag" = String, description = "Its mark, for `If-Match`."))), Missing, Always),
)]
pub(super) async fn site(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<One<SiteRecord>, Refusal> {
    let Path(key) = id?;
    Ok(One(one_site(&operators, &operator, key).await?))
}

/// Adds a site.
#[utoipa::path(
    post,
    path = "/api/v1/sites",
    operation_id = "addSite",
    tag = "Customers and profiles",
    request_body = SiteForm,
    responses((status = 201, description = "The site.", body = SiteRecord), BadBody, Missing, Conflicts, Always),
)]
pub(super) async fn add_site(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<SiteForm>, JsonRejection>,
) -> Result<(StatusCode, Json<SiteRecord>), Refusal> {
    let Json(form) = body?;
    let key = operators.store.add_site(form.read()?).await??;
    Ok((StatusCode::CREATED, Json(one_site(&operators, &operator, key).await?)))
}

/// Says something else about a site. With another customer its devices become that one's.
#[utoipa::path(
    put,
    path = "/api/v1/sites/{id}",
    operation_id = "setSite",
    tag = "Customers and profiles",
    params(("id" = i64, Path, description = "Number of the site."), IfMatch),
    request_body = SiteForm,
    responses((status = 200, description = "The site.", body = SiteRecord, headers(("ETag" = String, description = "Its mark, for `If-Match`."))), BadBody, Missing, Conflicts, NotAsSeen, Always),
)]
pub(super) async fn set_site(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    body: Result<Json<SiteForm>, JsonRejection>,
) -> Result<One<SiteRecord>, Refusal> {
    let (Path(key), Json(form)) = (id?, body?);
    operators.store.set_site(key, form.read()?, clock::now()).await??;
    operators.bell.ring();
    Ok(One(one_site(&operators, &operator, key).await?))
}

/// Removes a site where no devices stand.
#[utoipa::path(
    delete,
    path = "/api/v1/sites/{id}",
    operation_id = "removeSite",
    tag = "Customers and profiles",
    params(("id" = i64, Path, description = "Number of the site."), IfMatch),
    responses((status = 204, description = "It is removed."), BadMatch, Missing, Conflicts, NotAsSeen, Always),
)]
pub(super) async fn remove_site(
    State(operators): Shared,
    _operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(key) = id?;
    operators.store.remove_site(key).await??;
    Ok(StatusCode::NO_CONTENT)
}
