//! `/meters`: what a customer's devices counted in a month. What is missing or estimated is seen before the sums.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Html;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use platen_protocol::facts::words::grouped;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::meters::{Asked, gather};
use super::super::problem::Refusal;
use super::super::view::meters::{BoundaryView, DeviceMetersView, LineView, MeterStatement};
use super::super::who::Operator;
use super::super::{Operators, Shared};
use super::{Frame, filters, render};
use crate::clock;
use crate::meters::{BadPeriod, Kind, Period};
use crate::store::{CustomerRecord, Scope};

/// Customers to choose from.
const MAX_CUSTOMERS: u32 = 200;
/// Devices that are gathered at once.
const AT_ONCE: u32 = 200;
/// Devices of one page; the API has all of them.
const MAX_DEVICES: usize = 1_000;

/// Whose meters, of which month.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    customer: Option<String>,
    period: Option<String>,
}

/// A value at an end of the month.
struct Value {
    number: String,
    /// When it was read, at the device.
    read: String,
    estimate: bool,
}

struct CounterRow {
    words: String,
    subject: String,
    begin: Option<Value>,
    end: Option<Value>,
    count: u64,
    estimate: bool,
}

/// A stretch of which something is to be said.
struct Evidence {
    counter: String,
    kind: &'static str,
    from: String,
    until: String,
    begin: String,
    end: String,
    count: u64,
    why: String,
}

struct DeviceRows {
    device: String,
    site: Option<String>,
    zone: String,
    simulated: bool,
    complete: bool,
    /// In words, such as `estimate`.
    remarks: Vec<&'static str>,
    /// The time in which it was the customer's, where that is not the whole month.
    cut: Option<String>,
    counters: Vec<CounterRow>,
    evidence: Vec<Evidence>,
    losses: Vec<String>,
    /// So that a device that is there twice has two places.
    anchor: String,
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
            let (statement, cut) = whole(&operators, operator.scope(), (customer, period), now).await?;
            (Some(statement), cut)
        }
        None => (None, false),
    };
    let next = Some(period.next()).filter(|next| *next <= this.next()).map(|next| next.to_string());
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
    };
    render(&page)
}

/// All devices of a statement, as far as they fit a page; whether there are more.
async fn whole(
    operators: &Operators,
    scope: &Scope,
    (customer, period): (i64, Period),
    now: Timestamp,
) -> Result<(MeterStatement, bool), Refusal> {
    let asked = Asked { customer, period, after: None, limit: AT_ONCE };
    let mut meters = gather(operators, scope, asked.clone(), now).await?;
    while let Some(after) = meters.next.take() {
        if meters.devices.len() >= MAX_DEVICES {
            return Ok((meters.into(), true));
        }
        let asked = Asked { after: Some(after), ..asked.clone() };
        let more = gather(operators, scope, asked, now).await?;
        meters.devices.extend(more.devices);
        meters.next = more.next;
    }
    Ok((meters.into(), false))
}

fn rows(devices: &[DeviceMetersView]) -> Vec<DeviceRows> {
    devices.iter().enumerate().map(|(place, device)| device_rows(place, device)).collect()
}

fn device_rows(place: usize, device: &DeviceMetersView) -> DeviceRows {
    let zone = TimeZone::get(&device.time_zone).unwrap_or(TimeZone::UTC);
    let when = |at: Timestamp| zone.to_datetime(at).strftime("%d %b %Y, %H:%M").to_string();
    let value = |boundary: BoundaryView| Value {
        number: grouped(boundary.value),
        read: when(boundary.at),
        estimate: boundary.estimate,
    };
    let counters = device.counters.iter().map(|one| CounterRow {
        words: one.words.clone(),
        subject: format!("counter.{}", one.counter),
        begin: one.begin.map(value),
        end: one.end.map(value),
        count: one.count,
        estimate: one.estimate,
    });
    let cut =
        (device.joined || device.left).then(|| format!("{} to {}", when(device.from), when(device.until)));
    DeviceRows {
        device: device.device.to_string(),
        site: device.site.clone(),
        zone: device.time_zone.clone(),
        simulated: device.simulated,
        complete: device.complete,
        remarks: remarks(device),
        cut,
        counters: counters.collect(),
        evidence: evidence(device, when),
        losses: device.losses.iter().map(|lost| format!("{}: {}", when(lost.recorded), lost.words)).collect(),
        anchor: format!("line-{}", place + 1),
    }
}

fn remarks(device: &DeviceMetersView) -> Vec<&'static str> {
    let all = [
        (device.counters.is_empty(), "no counter known"),
        (device.is_estimate(), "estimate"),
        (device.has(Kind::NewCount), "new count"),
        (device.has(Kind::NotKnown), "not known in part"),
        (device.has(Kind::Missing), "gap"),
        (device.running, "not over yet"),
    ];
    all.into_iter().filter(|(is_so, _)| *is_so).map(|(_, words)| words).collect()
}

/// Stretches that are not simply counted, the earliest first.
fn evidence(device: &DeviceMetersView, when: impl Fn(Timestamp) -> String) -> Vec<Evidence> {
    let mut all: Vec<(&LineView, &str)> = device
        .counters
        .iter()
        .flat_map(|counter| counter.lines.iter().map(|line| (line, counter.words.as_str())))
        .filter(|(line, _)| line.kind != Kind::Counted || line.estimate)
        .collect();
    all.sort_by_key(|(line, _)| (line.from, line.until));
    let number = |value: Option<u64>| value.map_or_else(String::new, grouped);
    all.into_iter()
        .map(|(line, counter)| Evidence {
            counter: counter.to_owned(),
            kind: kind(line.kind),
            from: when(line.from),
            until: when(line.until),
            begin: number(line.begin),
            end: number(line.end),
            count: line.count,
            why: line.words.clone(),
        })
        .collect()
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counted => "counted",
        Kind::Missing => "gap",
        Kind::NewCount => "new count",
        Kind::NotKnown => "not known",
    }
}
