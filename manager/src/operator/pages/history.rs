//! `GET /devices/{id}/history`: one thing of a device over time, as a line with what happened on it, as a table, and as a file;
//! and the lines of its supplies on its own page.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{Html, Response};
use jiff::Timestamp;
use platen_protocol::facts::words::{Amount, grouped, label};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use platen_protocol::supply::SupplyUnit;
use serde::Deserialize;

use super::super::history::{Asked, Told, resolution_for, tell};
use super::super::problem::Refusal;
use super::super::view::DeviceView;
use super::super::who::Operator;
use super::super::{Operators, Shared, gather};
use super::chart::{Chart, Expected, Frame as ChartFrame, draw, expect, share};
use super::depletion::{Ending, ending};
use super::history_csv;
use super::history_marks::{Mark, marks};
use super::history_range::Range;
use super::{Frame, filters, render_at, words};
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
    let frame = ChartFrame { from, until: to, to, low: 0.0, high: 100.0 };
    let charts = device.supplies.iter().map(|supply| {
        let reading = &supply.reading;
        let points = by_name.remove(reading.name.as_str()).unwrap_or_default();
        LevelChart { name: reading.name.clone(), ink: words::ink(reading), chart: draw(points, frame, share) }
    });
    Ok(charts.collect())
}

#[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
fn plain(point: &Point) -> Option<f64> {
    point.value.map(|value| value as f64)
}

/// What somebody wants to see: so many days up to now, or from one moment to another.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    subject: String,
    days: Option<i64>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

fn refused(why: String) -> Refusal {
    Refusal::new(ProblemKind::InvalidRequest, why)
}

impl Wanted {
    fn subject(&self) -> Result<Subject, Refusal> {
        self.subject.parse().map_err(|e: UnknownSubject| refused(e.to_string()))
    }

    fn range(&self, now: Timestamp) -> Result<Range, Refusal> {
        Range::of(self.days.or(Some(LEVELS_DAYS).filter(|_| self.from.is_none())), self.from, self.to, now)
            .map_err(refused)
    }
}

/// A link to another time, or to something else.
struct Link {
    /// What stands behind the question mark.
    query: String,
    words: String,
    is_here: bool,
}

/// A row of the table.
struct TableRow {
    when: Timestamp,
    /// Until when nothing was heard.
    until: Option<Timestamp>,
    by_day: bool,
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
    subject: String,
    title: String,
    resolution: Resolution,
    range: Range,
    /// The end of the drawing, with what is expected.
    shown_to: i64,
    chart: Chart,
    expected: Option<Expected>,
    ending: Option<Ending>,
    /// The place of the set value in the drawing, and the value.
    set: Option<(f64, u8)>,
    marks: Vec<Mark>,
    marks_cut: bool,
    scale: Option<(String, String)>,
    rows: Vec<TableRow>,
    cut: bool,
    ranges: Vec<Link>,
    others: Vec<Link>,
}

impl HistoryPage {
    fn address(&self, query: &str) -> String {
        format!("/devices/{}/history?{query}", self.device)
    }
}

/// What is told of a subject in a range of time.
async fn told(
    operators: &Operators,
    scope: &Scope,
    id: &DeviceId,
    (subject, range): (&Subject, &Range),
    now: Timestamp,
) -> Result<(Told, Resolution), Refusal> {
    let settings = operators.history_settings();
    let resolution = resolution_for(settings, range.from, range.to, now.as_millisecond());
    let from = range.from.max(settings.horizon(resolution, now.as_millisecond())).min(range.to);
    let only = Some(subject.clone());
    let asked = Asked { subject: only, resolution, from, to: range.to, place: None, limit: MAX_POINTS };
    Ok((tell(operators, scope, id, asked, now).await?, resolution))
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
    let (subject, range) = (wanted.subject()?, wanted.range(now)?);
    let scope = operator.scope().clone();
    let device = gather::view(&operators, &scope, id.clone(), now).await?;
    let (told, resolution) = told(&operators, &scope, &id, (&subject, &range), now).await?;
    let is_share = matches!(subject.kind, SubjectKind::Supply | SubjectKind::Part);
    let (low, high) = if is_share { (0.0, 100.0) } else { bounds(&told.points) };
    let ending =
        match device.supplies.iter().find(|one| range.is_up_to_now && is_of(&subject, &one.reading.name)) {
            Some(supply) => ending(&operators, &scope, &device, &supply.reading, now).await?,
            None => None,
        };
    let last = told.points.iter().rev().find_map(share).filter(|_| ending.is_some());
    // As much of the future as of the past at most.
    let ahead =
        ending.as_ref().map_or(0, |ending| ending.late.unwrap_or(ending.likely).as_millisecond() - range.to);
    let shown_to = range.to.saturating_add(ahead.clamp(0, range.span()));
    let frame = ChartFrame { from: range.from, until: range.to, to: shown_to, low, high };
    let chart = draw(&told.points, frame, if is_share { share } else { plain });
    let expected = ending.as_ref().zip(last).map(|(ending, last)| {
        let at = |moment: Timestamp| moment.as_millisecond();
        expect(frame, last, (at(ending.early), at(ending.likely)), ending.late.map(at))
    });
    let (marks, marks_cut) = marks(&operators, &scope, &id, &subject, frame).await?;
    let page = HistoryPage {
        frame: Frame::new(Some(operator), false),
        title: title(&subject),
        ranges: ranges(&subject, &range),
        others: others(&device, &subject, &range),
        set: set_percent(&device, &subject).map(|set| (frame.y(f64::from(set)), set)),
        subject: subject.to_string(),
        scale: scale(&told.points, is_share),
        cut: told.next.is_some() || told.cut || told.points.len() > MAX_ROWS,
        rows: told.points.iter().rev().take(MAX_ROWS).map(|point| row(point, resolution)).collect(),
        device: id,
        resolution,
        range,
        shown_to,
        chart,
        expected,
        ending,
        marks,
        marks_cut,
    };
    render_at(&page, now)
}

/// `GET /devices/{id}/history.csv`: what the page shows, as a file.
pub(super) async fn csv(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Refusal> {
    let (Path(id), Query(wanted)) = (id?, wanted?);
    let now = clock::now();
    let (subject, range) = (wanted.subject()?, wanted.range(now)?);
    let (told, _) = told(&operators, operator.scope(), &id, (&subject, &range), now).await?;
    history_csv::answer(&id, &subject, &told.points)
}

fn is_of(subject: &Subject, supply: &str) -> bool {
    subject.kind == SubjectKind::Supply && subject.name == supply
}

fn set_percent(device: &DeviceView, subject: &Subject) -> Option<u8> {
    let part = || device.parts.iter().find(|one| one.reading.name == subject.name);
    match subject.kind {
        SubjectKind::Supply => device
            .supplies
            .iter()
            .find(|one| is_of(subject, &one.reading.name))
            .map(|one| one.reading.set_percent),
        SubjectKind::Part => part()?.reading.set_percent,
        SubjectKind::Temperature | SubjectKind::Counter => None,
    }
}

fn link(subject: &Subject, range: &Range, words: String, is_here: bool) -> Link {
    let name = serde_urlencoded::to_string([("subject", subject.to_string())]).unwrap_or_default();
    Link { query: format!("{name}&{}", range.query()), words, is_here }
}

fn ranges(subject: &Subject, here: &Range) -> Vec<Link> {
    let days = RANGES.iter().map(|(days, words)| {
        let range = Range::days(*days, here.now);
        link(subject, &range, (*words).to_owned(), range == *here)
    });
    let moves = here.moves().into_iter().map(|(words, range)| link(subject, &range, words.to_owned(), false));
    days.chain(moves).collect()
}

/// What else there is to look at.
fn others(device: &DeviceView, here: &Subject, range: &Range) -> Vec<Link> {
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
        link(&subject, range, title(&subject), subject == *here)
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
pub(super) fn amount(point: &Point, which: impl Fn(&Point) -> Option<i64>) -> String {
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
    let begin = if resolution == Resolution::Raw { point.at } else { point.begin };
    let when = time(if point.until.is_some() { point.at } else { begin });
    let by_day = resolution == Resolution::Day && point.until.is_none();
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
    TableRow {
        when,
        until: point.until.map(time),
        by_day,
        knowledge,
        value,
        lowest,
        highest: amount(point, |point| point.highest),
    }
}
