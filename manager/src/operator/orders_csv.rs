//! Orders as CSV (RFC 4180): one row an order.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

use super::meters_csv::said;
use super::order::price;
use super::problem::Refusal;
use crate::store::OrderRecord;

/// The first row.
const NAMES: [&str; 24] = [
    "id",
    "state",
    "device",
    "place",
    "site",
    "customer",
    "supply",
    "part_number",
    "quantity",
    "wanted_by",
    "wanted",
    "received",
    "simulated",
    "note",
    "changed",
    "changed_by",
    "carrier",
    "tracking",
    "reason",
    "fitted",
    "fitted_at",
    "fitted_serial",
    "price",
    "currency",
];

/// The orders, as a file that a browser saves; `next` is where the rest of them begins.
pub(super) fn answer(orders: &[OrderRecord], next: Option<&str>) -> Result<Response, Refusal> {
    let text = text(orders).map_err(|error| Refusal::internal(&error))?;
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    let name = HeaderValue::from_static("attachment; filename=\"orders.csv\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    if let Some(next) = next.and_then(|next| HeaderValue::from_str(next).ok()) {
        headers.insert("platen-next-cursor", next);
    }
    Ok(response)
}

fn text(orders: &[OrderRecord]) -> Result<String, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(NAMES)?;
    for order in orders {
        writer.write_record(row(order))?;
    }
    let bytes =
        writer.into_inner().map_err(|error| csv::Error::from(std::io::Error::other(error.to_string())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn row(order: &OrderRecord) -> [String; 24] {
    let text = |text: &Option<String>| text.as_deref().map(said).unwrap_or_default();
    let time = |time: Option<jiff::Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let price = price(order);
    [
        order.key.to_string(),
        order.state.word().to_owned(),
        order.device.to_string(),
        text(&order.place),
        text(&order.site),
        text(&order.customer),
        said(&order.supply.name),
        text(&order.part_number),
        order.quantity.to_string(),
        order.entered_by.word().to_owned(),
        order.dated.at.to_string(),
        order.received.to_string(),
        order.simulated.to_string(),
        text(&order.note),
        time(order.changed),
        text(&order.changed_by),
        text(&order.carrier),
        text(&order.tracking),
        text(&order.reason),
        order.fitted.to_string(),
        time(order.fitted_at),
        text(&order.fitted_serial),
        price.map(crate::money::Money::amount).unwrap_or_default(),
        price.map(|price| price.currency.to_string()).unwrap_or_default(),
    ]
}
