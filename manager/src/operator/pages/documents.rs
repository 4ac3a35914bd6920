//! Documents as pages that print well: `/devices/{id}/report`, `/day`, `/orders/{id}/sheet`. A statement of meters has its own page.

use askama::Template;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Html;
use platen_protocol::identity::DeviceId;
use serde::{Deserialize, Serialize};

use super::super::documents::{Wanted, gather};
use super::super::problem::Refusal;
use super::super::who::Operator;
use super::super::{Operators, Shared};
use super::{Frame, render};
use crate::clock;
use crate::output::Document;

#[derive(Template)]
#[template(path = "document.html")]
struct DocumentPage {
    frame: Frame,
    document: Document,
    made: String,
    /// The address of the same in the API, without its form.
    file: String,
    /// What is asked of it.
    query: String,
    /// Where it belongs, with a word.
    back: (String, &'static str),
    /// The time zone that can be chosen.
    zone: Option<String>,
    printers: Vec<String>,
    /// What the button prints, as JSON.
    print: String,
}

async fn shown(
    operators: &Operators,
    operator: Operator,
    wanted: &Wanted,
    (file, query, back): (String, String, (String, &'static str)),
) -> Result<Html<String>, Refusal> {
    let document = gather(operators, operator.scope(), wanted, clock::now()).await?;
    let zone = match wanted {
        Wanted::Day { zone, .. } => Some(if zone.is_empty() { "UTC".to_owned() } else { zone.clone() }),
        _ => None,
    };
    let made = super::words::units::moment(document.made);
    let frame = Frame::new(Some(operator), false);
    let printers = operators.printers.all().map(|printer| printer.name.clone()).collect();
    let print = serde_json::to_string(wanted).map_err(|error| Refusal::internal(&error))?;
    render(&DocumentPage { frame, document, made, file, query, back, zone, printers, print })
}

/// A device's report.
pub(super) async fn report(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Html<String>, Refusal> {
    let Path(device) = id?;
    let file = format!("/api/v1/devices/{device}/report");
    let back = (format!("/devices/{device}"), "Device");
    shown(&operators, operator, &Wanted::Device { device }, (file, String::new(), back)).await
}

/// Of whom the day's list is.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OfDay {
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<i64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    zone: String,
}

/// The day's list.
pub(super) async fn day(
    State(operators): Shared,
    operator: Operator,
    of: Result<Query<OfDay>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let Query(of) = of?;
    let query = serde_urlencoded::to_string(&of).map_err(|error| Refusal::internal(&error))?;
    let back = ("/now".to_owned(), "Now");
    let wanted = Wanted::Day { customer: of.customer, zone: of.zone };
    shown(&operators, operator, &wanted, ("/api/v1/day".to_owned(), query, back)).await
}

/// An order.
pub(super) async fn sheet(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Html<String>, Refusal> {
    let Path(order) = id?;
    let file = format!("/api/v1/orders/{order}/sheet");
    let back = ("/".to_owned(), "Fleet");
    shown(&operators, operator, &Wanted::Order { order }, (file, String::new(), back)).await
}
