//! A statement of meters as rows for people, on a page and on paper: what is missing or estimated beside what was counted.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use platen_protocol::facts::words::grouped;

use super::Operators;
use super::meters::{Asked, gather};
use super::problem::Refusal;
use super::view::meters::{BoundaryView, DeviceMetersView, LineView, MeterStatement};
use crate::meters::{Kind, Period};
use crate::store::Scope;

/// Devices that are gathered at once.
const AT_ONCE: u32 = 200;

/// A value at an end of the month.
pub(super) struct Value {
    pub(super) number: String,
    /// When it was read, at the device.
    pub(super) read: String,
    pub(super) estimate: bool,
}

pub(super) struct CounterRow {
    pub(super) words: String,
    pub(super) subject: String,
    pub(super) begin: Option<Value>,
    pub(super) end: Option<Value>,
    pub(super) count: u64,
    pub(super) estimate: bool,
}

/// A stretch of which something is to be said.
pub(super) struct Evidence {
    pub(super) counter: String,
    pub(super) kind: &'static str,
    pub(super) from: String,
    pub(super) until: String,
    pub(super) begin: String,
    pub(super) end: String,
    pub(super) count: u64,
    pub(super) why: String,
}

pub(super) struct DeviceRows {
    pub(super) device: String,
    pub(super) site: Option<String>,
    pub(super) zone: String,
    pub(super) simulated: bool,
    pub(super) complete: bool,
    /// In words, such as `estimate`.
    pub(super) remarks: Vec<&'static str>,
    /// The time in which it was the customer's, where that is not the whole month.
    pub(super) cut: Option<String>,
    pub(super) counters: Vec<CounterRow>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) losses: Vec<String>,
    /// So that a device that is there twice has two places.
    pub(super) anchor: String,
}

/// All devices of a statement, at most so many; whether there are more.
pub(super) async fn whole(
    operators: &Operators,
    scope: &Scope,
    (customer, period): (i64, Period),
    (most, now): (usize, Timestamp),
) -> Result<(MeterStatement, bool), Refusal> {
    let asked = Asked { customer, period, after: None, limit: AT_ONCE };
    let mut meters = gather(operators, scope, asked.clone(), now).await?;
    while let Some(after) = meters.next.take() {
        if meters.devices.len() >= most {
            return Ok((meters.into(), true));
        }
        let asked = Asked { after: Some(after), ..asked.clone() };
        let more = gather(operators, scope, asked, now).await?;
        meters.devices.extend(more.devices);
        meters.next = more.next;
    }
    Ok((meters.into(), false))
}

pub(super) fn rows(devices: &[DeviceMetersView]) -> Vec<DeviceRows> {
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
