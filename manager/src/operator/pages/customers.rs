//! `/customers`: customers and their sites.

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection, QueryRejection};
use axum::extract::{Form, Path, Query, State};
use axum::response::{Html, Redirect};
use serde::Deserialize;

use super::super::Shared;
use super::super::places::{CustomerForm, SiteForm};
use super::super::problem::Refusal;
use super::super::who::Operator;
use super::device::bad_form;
use super::{Frame, filters, render};
use crate::clock;
use crate::store::{CustomerRecord, SiteRecord};

/// Customers, or sites, on a page.
const ON_A_PAGE: u32 = 100;

/// Where a page of a list begins.
#[derive(Debug, Deserialize)]
pub(super) struct After {
    pub(super) after: Option<i64>,
}

/// A page of records of which one more was asked for: the key where the next page begins, if there is one.
pub(super) fn cut<T>(records: &mut Vec<T>, most: u32, key: impl Fn(&T) -> i64) -> Option<i64> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let more = records.len() > most;
    records.truncate(most);
    records.last().filter(|_| more).map(key)
}

#[derive(Template)]
#[template(path = "customers/list.html")]
struct CustomersPage {
    frame: Frame,
    customers: Vec<CustomerRecord>,
    next: Option<i64>,
}

/// All customers.
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    after: Result<Query<After>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let Query(After { after }) = after?;
    let mut customers = operators.store.customers(operator.scope(), after, ON_A_PAGE + 1).await?;
    let next = cut(&mut customers, ON_A_PAGE, |customer| customer.key);
    render(&CustomersPage { frame: Frame::new(Some(operator), false), customers, next })
}

/// Adds one.
pub(super) async fn add(
    State(operators): Shared,
    _: Operator,
    form: Result<Form<CustomerForm>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Form(form) = form.map_err(|rejection| bad_form(&rejection))?;
    let key = operators.store.add_customer(form.read()?).await??;
    Ok(Redirect::to(&format!("/customers/{key}")))
}

#[derive(Template)]
#[template(path = "customers/one.html")]
struct CustomerPage {
    frame: Frame,
    customer: CustomerRecord,
    sites: Vec<SiteRecord>,
    next: Option<i64>,
}

/// One customer with its sites.
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    after: Result<Query<After>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let (Path(key), Query(After { after })) = (id?, after?);
    let customer = operators.store.customer(operator.scope(), key).await?;
    let customer = customer.ok_or_else(|| Refusal::not_found("customer"))?;
    let mut sites = operators.store.sites(operator.scope(), Some(key), after, ON_A_PAGE + 1).await?;
    let next = cut(&mut sites, ON_A_PAGE, |site| site.key);
    render(&CustomerPage { frame: Frame::new(Some(operator), false), customer, sites, next })
}

/// Says something else about a customer.
pub(super) async fn save(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
    form: Result<Form<CustomerForm>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path(key) = id?;
    let Form(form) = form.map_err(|rejection| bad_form(&rejection))?;
    operators.store.set_customer(key, form.read()?).await??;
    Ok(Redirect::to(&format!("/customers/{key}")))
}

/// Removes a customer.
pub(super) async fn remove(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(key) = id?;
    operators.store.remove_customer(key).await??;
    Ok(Redirect::to("/customers"))
}

/// A site as it was typed.
#[derive(Debug, Deserialize)]
pub(super) struct TypedSite {
    customer: i64,
    name: String,
    address: String,
    time_zone: String,
}

impl From<TypedSite> for SiteForm {
    fn from(TypedSite { customer, name, address, time_zone }: TypedSite) -> Self {
        Self { customer, name, address: Some(address), time_zone: Some(time_zone) }
    }
}

/// Adds a site.
pub(super) async fn add_site(
    State(operators): Shared,
    _: Operator,
    form: Result<Form<TypedSite>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Form(form) = form.map_err(|rejection| bad_form(&rejection))?;
    let site = SiteForm::from(form).read()?;
    let customer = site.customer;
    let key = operators.store.add_site(site).await??;
    Ok(Redirect::to(&format!("/customers/{customer}#site-{key}")))
}

/// Says something else about a site.
pub(super) async fn save_site(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
    form: Result<Form<TypedSite>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path(key) = id?;
    let Form(form) = form.map_err(|rejection| bad_form(&rejection))?;
    let site = SiteForm::from(form).read()?;
    let customer = site.customer;
    operators.store.set_site(key, site, clock::now()).await??;
    operators.bell.ring();
    Ok(Redirect::to(&format!("/customers/{customer}#site-{key}")))
}

/// Whose site it was, to go back there.
#[derive(Debug, Deserialize)]
pub(super) struct Whose {
    customer: i64,
}

/// Removes a site.
pub(super) async fn remove_site(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
    form: Result<Form<Whose>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path(key) = id?;
    let Form(Whose { customer }) = form.map_err(|rejection| bad_form(&rejection))?;
    operators.store.remove_site(key).await??;
    Ok(Redirect::to(&format!("/customers/{customer}")))
}
