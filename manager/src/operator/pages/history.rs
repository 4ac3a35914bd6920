//! `GET /devices/{id}/history`: one thing of a device over time, as a line and as a table; and the lines of its supplies
//! on its own page.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Html;
use jiff::Timestamp;
use platen_protocol::facts::words::{Amount, grouped, label};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use platen_protocol::supply::SupplyUnit;
use serde::Deserialize;

use super::super::history::{Asked, resolution_for, tell};
use super::super::problem::Refusal;
use super::super::view::DeviceView;
use super::super::who::Operator;
use super::super::{Operators, Shared, gather};
use super::chart::{Chart, Frame as ChartFrame, draw};
use super::{Frame, render_at, words};
use crate::clock;
use crate::history::points::{Knowledge, Point};
use crate::history::{DAY_MS, Resolution, Subject, SubjectKind, UnknownSubject};
use crate::store::Scope;

/// What the device's own page shows of levels.
const LEVELS_DAYS: i64 = 30;
/// Points that a page is drawn from at most: those of 30 days by the hour, of more supplies than a printer has.
const MAX_POINTS: usize = 40_000;
/// Rows of the table, the newest.
const MAX_ROWS: usize = 800;
/// How far back one may look, in days, with the words for it.
const RANGES: [(i64, &str); 5] =
    [(1, "1 day"), (7, "7 days"), (30, "30 days"), (365, "1 year"), (3_650, "10 years")];

/// The line of a supply.
pub(super) struct LevelChart {
    pub(super) name: String,
    pub(super) ink: &'static str,
    pub(super) chart: Chart,
}

/// The levels of a device over the last days: of each supply that it has now.
pub(super) async fn level_charts(
    operators: &Operators,
    scope: &Scope,
    device: &DeviceView,
    now: Timestamp,
) -> Result<Vec<LevelChart>, Refusal> {
    if device.supplies.is_empty() {
        return Ok(Vec::new());
    }
    let to = now.as_millisecond();
    let from = to.saturating_sub(LEVELS_DAYS * DAY_MS);
    let resolution = resolution_for(operators.history_settings(), from, to, to);
    let asked = Asked { subject: None, resolution, from, to, place: None, limit: MAX_POINTS };
    let told = tell(operators, scope, &device.id, asked, now).await?;
    let mut by_name: BTreeMap<&str, Vec<&Point>> = BTreeMap::new();
    for point in told.points.iter().filter(|point| point.subject.kind == SubjectKind::Supply) {
        by_name.entry(&point.subject.name).or_default().push(point);
    }
    let frame = ChartFrame { from, to, low: 0.0, high: 100.0 };
    let charts = device.supplies.iter().map(|supply| {
        let reading = &supply.reading;
        let points = by_name.remove(reading.name.as_str()).unwrap_or_default();
        LevelChart { name: reading.name.clone(), ink: words::ink(reading), chart: draw(points, frame, share) }
    });
    Ok(charts.collect())
}

/// Percent that is left, not rounded.
#[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
fn share(point: &Point) -> Option<f64> {
    let of = f64::from(point.column.as_ref()?.of.filter(|of| *of > 0)?);
    let used = point.value? as f64 / of * 100.0;
    Some(if point.subject.kind == SubjectKind::Part { 100.0 - used } else { used })
}

#[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
fn plain(point: &Point) -> Option<f64> {
    point.value.map(|value| value as f64)
}

/// What somebody wants to see.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    subject: String,
    days: Option<i64>,
}

/// A link to another time, or to something else.
struct Link {
    subject: String,
    days: i64,
    words: String,
    is_here: bool,
}

/// A row of the table.
struct TableRow {
    when: String,
    knowledge: &'static str,
    value: String,
    lowest: String,
    highest: String,
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    frame: Frame,
    device: DeviceId,
    title: String,
    resolution: Resolution,
    chart: Chart,
    scale: Option<(String, String)>,
    rows: Vec<TableRow>,
    cut: bool,
    ranges: Vec<Link>,
    others: Vec<Link>,
}

/// The page.
pub(super) async fn page(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let (Path(id), Query(wanted)) = (id?, wanted?);
    let now = clock::now();
    let refused = |why: String| Refusal::new(ProblemKind::InvalidRequest, why);
    let subject: Subject = wanted.subject.parse().map_err(|e: UnknownSubject| refused(e.to_string()))?;
    let days = wanted.days.unwrap_or(LEVELS_DAYS);
    if !(1..=3_660).contains(&days) {
        return Err(refused(format!("days must be between 1 and 3660, not {days}")));
    }
    let device = gather::view(&operators, operator.scope(), id.clone(), now).await?;
    let to = now.as_millisecond();
    let from = to.saturating_sub(days * DAY_MS);
    let settings = operators.history_settings();
    let resolution = resolution_for(settings, from, to, to);
    let from = from.max(settings.horizon(resolution, to));
    let only = Some(subject.clone());
    let asked = Asked { subject: only, resolution, from, to, place: None, limit: MAX_POINTS };
    let told = tell(&operators, operator.scope(), &id, asked, now).await?;
    let is_share = matches!(subject.kind, SubjectKind::Supply | SubjectKind::Part);
    let (low, high) = if is_share { (0.0, 100.0) } else { bounds(&told.points) };
    let frame = ChartFrame { from, to, low, high };
    let chart = draw(&told.points, frame, if is_share { share } else { plain });
    let scale = scale(&told.points, is_share);
    let cut = told.next.is_some() || told.cut || told.points.len() > MAX_ROWS;
    let rows = told.points.iter().rev().take(MAX_ROWS).map(|point| row(point, resolution)).collect();
    let page = HistoryPage {
        frame: Frame::new(Some(operator), false),
        title: title(&subject),
        ranges: ranges(&subject, days),
        others: others(&device, &subject, days),
        device: id,
        resolution,
        chart,
        scale,
        rows,
        cut,
    };
    render_at(&page, now)
}

fn link(subject: &Subject, days: i64, words: String, is_here: bool) -> Link {
    Link { subject: subject.to_string(), days, words, is_here }
}

fn ranges(subject: &Subject, days: i64) -> Vec<Link> {
    RANGES.iter().map(|(range, words)| link(subject, *range, (*words).to_owned(), *range == days)).collect()
}

/// What else there is to look at.
fn others(device: &DeviceView, here: &Subject, days: i64) -> Vec<Link> {
    let supplies = device.supplies.iter().map(|one| (SubjectKind::Supply, one.reading.name.clone()));
    let parts = device.parts.iter().map(|one| (SubjectKind::Part, one.reading.name.clone()));
    let temperatures =
        device.temperatures.iter().map(|one| (SubjectKind::Temperature, one.reading.name.clone()));
    let counters =
        device.counters.iter().map(|one| (SubjectKind::Counter, one.reading.kind.name().to_owned()));
    let billing = device.billing.iter().map(|one| (SubjectKind::Counter, one.reading.name.clone()));
    let all = supplies.chain(parts).chain(temperatures).chain(counters).chain(billing);
    all.map(|(kind, name)| {
        let subject = Subject { kind, name };
        link(&subject, days, title(&subject), subject == *here)
    })
    .collect()
}

fn title(subject: &Subject) -> String {
    let name = match subject.kind {
        SubjectKind::Counter => crate::meters::words(&subject.name),
        _ => label(&subject.name),
    };
    match subject.kind {
        SubjectKind::Supply => format!("{name}: level"),
        SubjectKind::Part => format!("{name}: life"),
        SubjectKind::Temperature => format!("{name}: temperature"),
        SubjectKind::Counter => format!("{name}: count"),
    }
}

fn bounds(points: &[Point]) -> (f64, f64) {
    let values = || points.iter().filter_map(plain);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    if low < high {
        (low, high)
    } else if low.is_finite() {
        // A value that never changed lies in the middle.
        (low - 1.0, low + 1.0)
    } else {
        (0.0, 1.0)
    }
}

/// The words beside the drawing, at the top and at the bottom.
fn scale(points: &[Point], is_share: bool) -> Option<(String, String)> {
    if is_share {
        return Some(("100 %".to_owned(), "0 %".to_owned()));
    }
    let by_value = |point: &&Point| point.value;
    let numbers = || points.iter().filter(|point| point.value.is_some());
    Some((
        amount(numbers().max_by_key(by_value)?, |p| p.value),
        amount(numbers().min_by_key(by_value)?, |p| p.value),
    ))
}

/// A value with its unit.
fn amount(point: &Point, which: impl Fn(&Point) -> Option<i64>) -> String {
    let (Some(value), Some(column)) = (which(point), point.column.as_ref()) else { return String::new() };
    if column.kind == SubjectKind::Temperature {
        return words::units::celsius(i32::try_from(value).unwrap_or(i32::MAX));
    }
    let unit = SupplyUnit::from_number(column.unit).unwrap_or(SupplyUnit::Unknown);
    match u32::try_from(value) {
        Ok(amount) if column.kind != SubjectKind::Counter => format!("{:#}", Amount { amount, unit }),
        // Counts go on where 32 bits end.
        _ => format!("{} {}", grouped(u64::try_from(value).unwrap_or(0)), words::unit(unit)),
    }
}

fn row(point: &Point, resolution: Resolution) -> TableRow {
    let time = |at: i64| Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
    let when = match (point.until, resolution) {
        (Some(until), _) => {
            format!("{} to {}", words::units::moment(time(point.at)), words::units::moment(time(until)))
        }
        (None, Resolution::Raw) => words::units::moment(time(point.at)),
        (None, Resolution::Hour) => time(point.begin).strftime("%d %b %Y, %H:00 UTC").to_string(),
        (None, Resolution::Day) => time(point.begin).strftime("%d %b %Y").to_string(),
    };
    let mut value = amount(point, |point| point.value);
    if let Some(percent) = point.percent() {
        value = format!("{value} ({percent} % left)");
    }
    let knowledge = match point.knowledge {
        Knowledge::Known => "",
        Knowledge::Partly => "for a part of it not known",
        Knowledge::Unknown => "could not be read",
        Knowledge::Asleep => "printer asleep",
        Knowledge::SomeRemains => "some remains",
        Knowledge::Unrestricted => "no restriction",
        Knowledge::NotHeard => "nothing known",
    };
    let lowest = amount(point, |point| point.lowest);
    TableRow { when, knowledge, value, lowest, highest: amount(point, |point| point.highest) }
}
