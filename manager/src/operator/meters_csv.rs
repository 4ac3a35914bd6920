//! A statement of meters as CSV (RFC 4180): one row a line of a counter.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

use super::problem::Refusal;
use super::view::meters::{CounterMetersView, DeviceMetersView, LineView, MeterStatement};

/// The first row.
const NAMES: [&str; 17] = [
    "customer",
    "period",
    "device",
    "simulated",
    "site",
    "time_zone",
    "from",
    "until",
    "counter",
    "unit",
    "kind",
    "line_from",
    "line_until",
    "begin",
    "end",
    "count",
    "remark",
];

/// The statement, as a file that a browser saves.
pub(super) fn answer(statement: &MeterStatement) -> Result<Response, Refusal> {
    let text = text(statement).map_err(|error| Refusal::internal(&error))?;
    let name = format!("attachment; filename=\"meters-{}-{}.csv\"", statement.customer.id, statement.period);
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    // A number and a month have no letter that a header could not have.
    let name = HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"));
    headers.insert(header::CONTENT_DISPOSITION, name);
    if let Some(next) = &statement.next_cursor
        && let Ok(next) = HeaderValue::from_str(next.as_str())
    {
        headers.insert("platen-next-cursor", next);
    }
    Ok(response)
}

fn text(statement: &MeterStatement) -> Result<String, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(NAMES)?;
    for device in &statement.items {
        if device.counters.is_empty() {
            writer.write_record(row(statement, device, None))?;
        }
        for counter in &device.counters {
            for line in &counter.lines {
                writer.write_record(row(statement, device, Some((counter, line))))?;
            }
        }
    }
    let bytes =
        writer.into_inner().map_err(|error| csv::Error::from(std::io::Error::other(error.to_string())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn row(
    statement: &MeterStatement,
    device: &DeviceMetersView,
    what: Option<(&CounterMetersView, &LineView)>,
) -> Vec<String> {
    let mut row = vec![
        said(&statement.customer.name),
        statement.period.clone(),
        device.device.to_string(),
        device.simulated.to_string(),
        said(device.site.as_deref().unwrap_or("")),
        device.time_zone.clone(),
        device.from.to_string(),
        device.until.to_string(),
    ];
    let number = |value: Option<u64>| value.map_or_else(String::new, |value| value.to_string());
    match what {
        Some((counter, line)) => row.extend([
            said(&counter.counter),
            counter.unit.to_owned(),
            word(line),
            line.from.to_string(),
            line.until.to_string(),
            number(line.begin),
            number(line.end),
            line.count.to_string(),
            line.words.clone(),
        ]),
        None => {
            let rest = ["", "", "not_known", "", "", "", "", "0", "no counter of this device is known"];
            row.extend(rest.map(ToOwned::to_owned));
        }
    }
    row
}

fn word(line: &LineView) -> String {
    let kind = serde_json::to_value(line.kind).ok();
    kind.as_ref().and_then(serde_json::Value::as_str).unwrap_or("").to_owned()
}

/// What people or devices wrote: a spreadsheet takes some beginnings for a formula, so those get an apostrophe.
pub(super) fn said(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_a_formula() {
        assert_eq!(said("=1+1"), "'=1+1");
        assert_eq!(said("@home"), "'@home");
        assert_eq!(said("Nord AG"), "Nord AG");
    }

    #[test]
    fn every_row_has_a_cell_for_each_name() {
        let at: jiff::Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        let device = DeviceMetersView {
            device: "lobby".parse().unwrap(),
            simulated: false,
            site: Some("Kiel, \"Hof\"".into()),
            time_zone: "UTC".into(),
            from: at,
            until: at,
            joined: false,
            left: false,
            complete: false,
            running: false,
            counters: vec![],
            losses: vec![],
        };
        let customer = super::super::view::meters::MeterCustomer { id: 1, name: "Nord AG".into() };
        let statement = MeterStatement {
            customer,
            period: "2026-11".into(),
            made: at,
            complete: false,
            completeness: super::super::view::meters::Completeness::default(),
            totals: vec![],
            items: vec![device],
            next_cursor: None,
        };
        let text = text(&statement).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!((rows.len(), rows[0].len()), (1, NAMES.len()));
        assert_eq!((&rows[0][2], &rows[0][4], &rows[0][15]), ("lobby", "Kiel, \"Hof\"", "0"));
    }
}
