//! The audit log as a file, in the order of its chain: CSV (RFC 4180) or JSON lines. It is read and sent some entries at a time.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

use super::Operators;
use super::meters_csv::said;
use super::view::AuditView;

/// Entries that are read at once.
const AT_ONCE: u32 = 500;
/// The first row.
const NAMES: [&str; 11] = [
    "number",
    "at",
    "operator",
    "credential",
    "address",
    "act",
    "about",
    "outcome",
    "before",
    "after",
    "hash",
];

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Lines,
}

/// Where a file is.
struct Place {
    operators: Arc<Operators>,
    format: Format,
    after: i64,
    begun: bool,
}

/// Entries behind a number, as a file that a browser saves.
pub(super) fn answer(operators: Arc<Operators>, format: Format, after: i64) -> Response {
    let place = Place { operators, format, after, begun: false };
    let parts = stream::unfold(Some(place), |place| async move {
        let mut place = place?;
        match place.next().await {
            // The end.
            Ok(None) => None,
            Ok(Some(text)) => Some((Ok(text), Some(place))),
            // A file that was cut off is one that a client sees to be so.
            Err(error) => Some((Err(error), None)),
        }
    });
    let mut response = Body::from_stream(parts).into_response();
    let (kind, name) = match format {
        Format::Csv => ("text/csv; charset=utf-8; header=present", "attachment; filename=\"audit.csv\""),
        Format::Lines => ("application/jsonl", "attachment; filename=\"audit.jsonl\""),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    response
}

impl Place {
    async fn next(&mut self) -> Result<Option<String>, std::io::Error> {
        let entries = self.operators.store.audit_after(self.after, AT_ONCE).await;
        let entries = entries.map_err(std::io::Error::other)?;
        let is_first = !std::mem::replace(&mut self.begun, true);
        let Some(last) = entries.last() else {
            // One without entries has names all the same.
            return (is_first && self.format == Format::Csv).then(|| csv(&[], true)).transpose();
        };
        self.after = last.number;
        let entries: Vec<AuditView> = entries.into_iter().map(AuditView::from).collect();
        match self.format {
            Format::Csv => csv(&entries, is_first).map(Some),
            Format::Lines => lines(&entries).map(Some),
        }
    }
}

fn lines(entries: &[AuditView]) -> Result<String, std::io::Error> {
    entries.iter().try_fold(String::new(), |text, entry| Ok(text + &serde_json::to_string(entry)? + "\n"))
}

fn csv(entries: &[AuditView], with_names: bool) -> Result<String, std::io::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    if with_names {
        writer.write_record(NAMES)?;
    }
    for entry in entries {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
        writer.write_record([
            entry.number.to_string(),
            entry.at.to_string(),
            said(entry.operator.as_deref().unwrap_or_default()),
            entry.credential.clone(),
            entry.address.clone(),
            said(&entry.act),
            said(&entry.about),
            entry.outcome.clone(),
            or_none(&entry.before),
            or_none(&entry.after),
            entry.hash.clone(),
        ])?;
    }
    let bytes = writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
