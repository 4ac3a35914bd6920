//! `/meters`: what a customer's devices counted in a month. What is missing or estimated is seen before the sums.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Html;
use jiff::tz::TimeZone;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::Shared;
use super::super::documents;
use super::super::meter_rows::{DeviceRows, rows, whole};
use super::super::problem::Refusal;
use super::super::view::meters::MeterStatement;
use super::super::who::Operator;
use super::{Frame, filters, render};
use crate::clock;
use crate::meters::{BadPeriod, Period};
use crate::store::CustomerRecord;

/// Customers to choose from.
const MAX_CUSTOMERS: u32 = 200;
/// Devices of one page; the API has all of them.
const MAX_DEVICES: usize = 1_000;

/// Whose meters, of which month.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    customer: Option<String>,
    period: Option<String>,
}

#[derive(Template)]
#[template(path = "meters.html")]
struct MetersPage {
    frame: Frame,
    customers: Vec<CustomerRecord>,
    more_customers: bool,
    period: String,
    words: String,
    previous: String,
    next: Option<String>,
    chosen: i64,
    statement: Option<MeterStatement>,
    made: String,
    devices: Vec<DeviceRows>,
    cut: bool,
    printers: Vec<String>,
    /// What the button prints, as JSON.
    print: String,
}

/// The page.
pub(super) async fn page(
    State(operators): Shared,
    operator: Operator,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let Query(wanted) = wanted?;
    let now = clock::now();
    let invalid = |why: String| Refusal::new(ProblemKind::InvalidRequest, why);
    let this = Period::of(now, &TimeZone::UTC);
    let period = match wanted.period.as_deref().filter(|period| !period.is_empty()) {
        Some(text) => text.parse().map_err(|e: BadPeriod| invalid(e.to_string()))?,
        // Who bills does so behind the end of a month.
        None => this.previous(),
    };
    let customer = wanted.customer.as_deref().filter(|key| !key.is_empty());
    let chosen: Option<i64> = customer
        .map(str::parse)
        .transpose()
        .map_err(|_is_no_number| invalid("customer must be the number of a customer".to_owned()))?;
    let mut customers = operators.store.customers(operator.scope(), None, MAX_CUSTOMERS + 1).await?;
    let most = usize::try_from(MAX_CUSTOMERS).unwrap_or(usize::MAX);
    let more_customers = customers.len() > most;
    customers.truncate(most);
    let (statement, cut) = match chosen {
        Some(customer) => {
            let (statement, cut) =
                whole(&operators, operator.scope(), (customer, period), (MAX_DEVICES, now)).await?;
            (Some(statement), cut)
        }
        None => (None, false),
    };
    let next = Some(period.next()).filter(|next| *next <= this.next()).map(|next| next.to_string());
    let printers = operators.printers.all().map(|printer| printer.name.clone()).collect();
    let print = documents::Wanted::Meters { customer: chosen.unwrap_or(0), period: period.to_string() };
    let print = serde_json::to_string(&print).map_err(|error| Refusal::internal(&error))?;
    let page = MetersPage {
        frame: Frame::new(Some(operator), false),
        customers,
        more_customers,
        period: period.to_string(),
        words: period.words(),
        previous: period.previous().to_string(),
        next,
        chosen: chosen.unwrap_or(0),
        made: super::words::units::moment(now),
        devices: statement.iter().flat_map(|statement| rows(&statement.items)).collect(),
        statement,
        cut,
        printers,
        print,
    };
    render(&page)
}
