//! A history as CSV (RFC 4180): one row a value, or a time of which nothing is known.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use platen_protocol::supply::SupplyUnit;

use super::super::problem::Refusal;
use crate::history::points::Point;
use crate::history::{Subject, SubjectKind};

/// The first row.
const NAMES: [&str; 11] = [
    "device",
    "subject",
    "begin",
    "at",
    "until",
    "value",
    "lowest",
    "highest",
    "unit",
    "percent_left",
    "knowledge",
];

/// The points, as a file that a browser saves.
pub(super) fn answer(device: &DeviceId, subject: &Subject, points: &[Point]) -> Result<Response, Refusal> {
    let text = text(device, subject, points).map_err(|error| Refusal::internal(&error))?;
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"history.csv\""),
    );
    Ok(response)
}

fn text(device: &DeviceId, subject: &Subject, points: &[Point]) -> Result<String, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(NAMES)?;
    for point in points {
        writer.write_record(row(device, subject, point))?;
    }
    let bytes =
        writer.into_inner().map_err(|error| csv::Error::from(std::io::Error::other(error.to_string())))?;
    Ok(String::from_utf8(bytes).unwrap_or_default())
}

fn row(device: &DeviceId, subject: &Subject, point: &Point) -> [String; NAMES.len()] {
    let time = |at: i64| Timestamp::from_millisecond(at).map(|at| at.to_string()).unwrap_or_default();
    let number = |value: Option<i64>| value.map(|value| value.to_string()).unwrap_or_default();
    let unit = point.column.as_ref().map(|column| match column.kind {
        SubjectKind::Temperature => "thousandthsOfDegreesCelsius",
        _ => SupplyUnit::from_number(column.unit).unwrap_or(SupplyUnit::Unknown).name(),
    });
    let knowledge = serde_json::to_value(point.knowledge).ok();
    [
        device.to_string(),
        subject.to_string(),
        time(point.begin),
        time(point.at),
        point.until.map(time).unwrap_or_default(),
        number(point.value),
        number(point.lowest),
        number(point.highest),
        unit.unwrap_or_default().to_owned(),
        point.percent().map(|percent| percent.to_string()).unwrap_or_default(),
        knowledge.as_ref().and_then(|word| word.as_str()).unwrap_or_default().to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::points::Knowledge;
    use crate::history::rows::Column;

    #[test]
    fn a_value_and_a_gap_are_a_row_each() {
        let subject = Subject { kind: SubjectKind::Supply, name: "black, left".to_owned() };
        let column =
            Column { kind: subject.kind, name: subject.name.clone(), unit: 19, of: Some(100), epoch: 0 };
        let value = Point {
            subject: subject.clone(),
            begin: 0,
            at: 1_000,
            until: None,
            value: Some(40),
            lowest: Some(39),
            highest: Some(41),
            knowledge: Knowledge::Known,
            trouble: false,
            column: Some(column),
        };
        let gap = Point {
            value: None,
            lowest: None,
            highest: None,
            until: Some(60_000),
            knowledge: Knowledge::NotHeard,
            column: None,
            ..value.clone()
        };
        let text = text(&"lobby".parse().unwrap(), &subject, &[value, gap]).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "lobby,\"supply.black, left\",1970-01-01T00:00:00Z,1970-01-01T00:00:01Z,,40,39,41,percent,40,known"
        );
        assert_eq!(
            lines[2],
            "lobby,\"supply.black, left\",1970-01-01T00:00:00Z,1970-01-01T00:00:01Z,1970-01-01T00:01:00Z,,,,,,not_heard"
        );
    }
}
