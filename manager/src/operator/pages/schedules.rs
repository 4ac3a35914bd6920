//! `/prints/schedules`: what is printed by itself, at which times, at which printer.

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::response::{Html, Redirect};
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::Shared;
use super::super::problem::Refusal;
use super::super::schedules::{self, ScheduleForm};
use super::super::who::Operator;
use super::device::bad_form;
use super::{Frame, filters, render_at};
use crate::clock;
use crate::printing::schedule::Days;
use crate::store::{CustomerRecord, ScheduleRecord, Scheduled};

/// Customers that the form offers.
const CUSTOMERS_OFFERED: u32 = 500;

/// A schedule on the page.
struct Row {
    schedule: ScheduleRecord,
    /// What is printed, and whose.
    what: String,
}

#[derive(Template)]
#[template(path = "schedules.html")]
struct SchedulesPage {
    frame: Frame,
    rows: Vec<Row>,
    printers: Vec<String>,
    customers: Vec<CustomerRecord>,
}

/// Of a customer that is no more, or of one too many to be listed, there is the number.
fn what(schedule: &ScheduleRecord, customers: &[CustomerRecord]) -> String {
    let document = schedule.body.document.words();
    let Some(key) = schedule.body.customer else { return format!("{document}, of all") };
    match customers.iter().find(|customer| customer.key == key) {
        Some(customer) => format!("{document}, of {}", customer.name),
        None => format!("{document}, of customer {key}"),
    }
}

/// The list, and the form for another one.
pub(super) async fn list(State(operators): Shared, operator: Operator) -> Result<Html<String>, Refusal> {
    let customers = operators.store.customers(operator.scope(), None, CUSTOMERS_OFFERED).await?;
    let schedules = operators.store.print_schedules().await?;
    let row = |schedule: ScheduleRecord| Row { what: what(&schedule, &customers), schedule };
    let rows = schedules.into_iter().map(row).collect();
    let printers = operators.printers.all().map(|printer| printer.name.clone()).collect();
    let frame = Frame::new(Some(operator), false);
    render_at(&SchedulesPage { frame, rows, printers, customers }, clock::now())
}

/// A schedule, as the form says it: no customer is an empty field.
#[derive(Debug, Deserialize)]
pub(super) struct Typed {
    name: String,
    printer: String,
    document: Scheduled,
    #[serde(default)]
    customer: String,
    zone: String,
    days: Days,
    at: String,
}

impl Typed {
    fn read(self) -> Result<ScheduleForm, Refusal> {
        let Self { name, printer, document, customer, zone, days, at } = self;
        let wrong = || {
            let why = format!("customer: {customer:?} is none of the choices");
            Refusal::new(ProblemKind::InvalidRequest, why)
        };
        let customer = match customer.as_str() {
            "" => None,
            some => Some(some.parse().ok().ok_or_else(wrong)?),
        };
        let zone = zone.trim().to_owned();
        Ok(ScheduleForm { name, printer, document, customer, zone, days, at })
    }
}

/// Has something printed by itself from now on.
pub(super) async fn add(
    State(operators): Shared,
    operator: Operator,
    form: Result<Form<Typed>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Form(typed) = form.map_err(|rejection| bad_form(&rejection))?;
    let key = schedules::add(&operators, typed.read()?, operator.name).await?;
    Ok(Redirect::to(&format!("/prints/schedules#schedule-{key}")))
}

/// Has it printed by itself no more.
pub(super) async fn remove(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(key) = id?;
    if operators.store.remove_print_schedule(key).await? {
        Ok(Redirect::to("/prints/schedules"))
    } else {
        Err(Refusal::not_found("schedule"))
    }
}
