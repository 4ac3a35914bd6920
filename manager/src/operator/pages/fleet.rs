//! `GET /`: the fleet, the worst first, as cards or as a table, a page at a time; `GET /fleet/rows`: some of its rows
//! anew, for a page that is open. What is asked for stands in the address.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, RawQuery, State};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;
use tokio::time::Instant;

use super::super::cursor::FleetCursor;
use super::super::fleet_query::{Asked, COLUMNS, FleetForm};
use super::super::live::Shape;
use super::super::problem::Refusal;
use super::super::restored::{self, RestoredView};
use super::super::view::DeviceView;
use super::super::views::{ViewView, may_share, viewer};
use super::super::who::Operator;
use super::super::words::counted;
use super::super::{Operators, Shared, gather};
use super::{Frame, filters, render_at, words};
use crate::clock;
use crate::rights::Right;
use crate::store::{FleetCounts, FleetKey, FleetOrder, LogState, Scope, Trouble};
use crate::watch::endings::EndingView;
use crate::worst::Worst;

/// Devices on a page, as cards and as a table; scrolling loads more.
const CARDS: u32 = 24;
const LINES: u32 = 50;
/// Open things of each class that a card or a line shows of its device; how many more there are, it says.
const SHOWN: usize = 3;
/// A fleet of so many devices is a table unless somebody wants cards.
const TABLE_FROM: u64 = 49;
/// Rows that can be asked for at once: more than a screen has.
const MAX_ROWS: usize = 100;

/// What the top of the page says of the manager and of all devices.
struct Top {
    trouble: Option<Trouble>,
    /// The database's log, while another program holds it.
    held_log: Option<LogState>,
    endings: Vec<EndingView>,
    restored: Option<RestoredView>,
    summary: Vec<(&'static str, String)>,
}

#[derive(Template)]
#[template(path = "fleet.html")]
struct FleetPage {
    frame: Frame,
    top: Top,
    form: FleetForm,
    counts: FleetCounts,
    order: FleetOrder,
    table: bool,
    rows: Vec<Arc<str>>,
    /// Where the list goes on.
    next: Option<String>,
    /// Where it begins, on a page that is not the first.
    first: Option<String>,
    /// What is kept by a name.
    views: Vec<ViewView>,
    may_share: bool,
}

#[derive(Template)]
#[template(path = "fleet/rows.html")]
struct RowsPage {
    top: Top,
    table: bool,
    rows: Vec<Arc<str>>,
    head: Vec<DeviceId>,
    /// In how many milliseconds the numbers may be different ones.
    again: Option<u128>,
}

#[derive(Template)]
#[template(path = "fleet/card.html")]
struct Card {
    device: DeviceView,
}

#[derive(Template)]
#[template(path = "fleet/line.html")]
struct Line {
    device: DeviceView,
}

/// Which rows are wanted anew.
#[derive(Deserialize)]
pub(super) struct Which {
    /// Names, with commas between them.
    #[serde(default)]
    rows: String,
}

impl FleetPage {
    /// How a column is sorted, for `aria-sort`; nothing if the list is not sorted by it.
    fn sorted(&self, key: FleetKey) -> Option<&'static str> {
        (self.order.by == key).then_some(if self.order.backwards { "descending" } else { "ascending" })
    }

    /// The words of the state that is asked for, as choices.
    fn worsts(&self) -> impl Iterator<Item = (Worst, bool, u64)> + '_ {
        Worst::ALL.into_iter().map(|worst| (worst, self.form.worst == worst.word(), self.counts.of(worst)))
    }

    fn states() -> [(&'static str, &'static str); 5] {
        [
            ("there", "In contact"),
            ("away", "Silent"),
            ("overdue", "Silent too long"),
            ("never", "Never in contact"),
            ("retired", "Out of service"),
        ]
    }

    fn hours() -> [(&'static str, &'static str); 5] {
        [("1", "1 hour"), ("24", "1 day"), ("72", "3 days"), ("168", "1 week"), ("720", "30 days")]
    }

    fn orders() -> [(&'static str, &'static str); 7] {
        [
            ("", "The worst first"),
            ("name", "Name"),
            ("supply", "Lowest supply"),
            ("last_contact", "Longest silent"),
            ("place", "Place"),
            ("model", "Model"),
            ("agent_version", "Agent version"),
        ]
    }

    const fn columns() -> [(&'static str, &'static str, bool); 6] {
        COLUMNS
    }

    /// The table's class, by which it is without the columns that nobody wants: rows are drawn once for all.
    fn table_class(&self) -> String {
        let classes = COLUMNS.into_iter().filter(|(word, ..)| !self.form.has_column(word));
        let mut class: String = "fleet-table".to_owned();
        for (word, ..) in classes {
            class.push_str(" without-");
            class.push_str(word);
        }
        if !self.frame.may_tend() {
            class.push_str(" without-choose");
        }
        class
    }

    /// The name of the view that is seen.
    fn view_name(&self) -> Option<&str> {
        let address = self.form.page_address();
        self.views.iter().find(|view| view.address == address).map(|view| view.name.as_str())
    }

    /// The whole fleet, laid out as this.
    fn all_address(&self) -> String {
        let FleetForm { view, columns, .. } = self.form.clone();
        FleetForm { view, columns, ..FleetForm::default() }.page_address()
    }

    /// How many devices the list has.
    fn matching(&self) -> u64 {
        matching(&self.form, &self.counts)
    }
}

fn matching(form: &FleetForm, counts: &FleetCounts) -> u64 {
    if form.state == "retired" { counts.retired } else { counts.devices }
}

/// The page; where nothing is asked for, the view that the operator begins with.
pub(super) async fn page(
    State(operators): Shared,
    operator: Operator,
    RawQuery(query): RawQuery,
    form: Result<Query<FleetForm>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(form) = form?;
    if query.is_none()
        && let Some(view) = operators.store.default_view(viewer(&operator)).await?
    {
        return Ok(Redirect::to(&ViewView::from(view).address).into_response());
    }
    let now = clock::now();
    let Asked { filter, order, after } = form.asked(now)?;
    let scope = operator.scope();
    let question = (filter.clone(), order);
    let is_first = after.is_none();
    let changes = operators.live.changes();
    // Each of the two may have to read all rows: side by side, and as many rows as a table has, should it become one.
    let most = if form.view == "cards" { CARDS } else { LINES };
    let (counts, mut found) = tokio::try_join!(
        operators.store.fleet_counts(scope, filter),
        operators.store.fleet(scope, question, after, most + 1, gather::in_list(now)),
    )?;
    let table = match form.view.as_str() {
        "table" => true,
        "cards" => false,
        _ => matching(&form, &counts) >= TABLE_FROM,
    };
    let (shape, limit) = if table { (Shape::Line, LINES) } else { (Shape::Card, CARDS) };
    let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = found.last().filter(|_| more).map(|(place, _)| {
        let cursor = FleetCursor { order, place: place.clone() }.to_string();
        FleetForm { cursor, ..form.clone() }.address()
    });
    let mut rows = Vec::with_capacity(found.len());
    for (_, device) in found {
        let view = gather::view_of(&operators, device, now);
        rows.push(draw(&operators, scope, view, shape, changes, now)?);
    }
    let first = (!is_first).then(|| FleetForm { cursor: String::new(), ..form.clone() }.page_address());
    let views = operators.store.views(viewer(&operator)).await?;
    let views = views.into_iter().map(ViewView::from).collect();
    let may_share = may_share(&operator);
    let sees_all = operator.may(Right::SeeAll);
    let page = FleetPage {
        frame: Frame::new(Some(operator), true),
        top: top(&operators, sees_all, &form, &counts, now).await?,
        form,
        counts,
        order,
        table,
        rows,
        next,
        first,
        views,
        may_share,
    };
    Ok(render_at(&page, now)?.into_response())
}

/// Some rows anew, with the top of the page.
pub(super) async fn rows(
    State(operators): Shared,
    operator: Operator,
    form: Result<Query<FleetForm>, QueryRejection>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let (Query(form), Query(which)) = (form?, which?);
    let now = clock::now();
    let Asked { filter, order, .. } = form.asked(now)?;
    let table = form.view == "table";
    let shape = if table { Shape::Line } else { Shape::Card };
    let wanted = names(&which.rows)?;
    let scope = operator.scope();
    let rows = rows_of(&operators, scope, wanted, shape, now).await?;
    // A page that is behind on its filters asks for the same as the one that was loaded.
    let question = (filter, order);
    let (overview, again) = operators.live.overview(&operators.store, scope, question).await?;
    let page = RowsPage {
        top: top(&operators, operator.may(Right::SeeAll), &form, &overview.counts, now).await?,
        table,
        rows,
        head: overview.head.clone(),
        again: again.map(|again| again.as_millis()),
    };
    render_at(&page, now)
}

fn names(rows: &str) -> Result<Vec<DeviceId>, Refusal> {
    let refuse = |detail: String| Refusal::new(ProblemKind::InvalidRequest, detail);
    let names = rows.split(',').filter(|name| !name.is_empty());
    let names: Vec<DeviceId> = names
        .map(|name| name.parse().or(Err(refuse(format!("{name:?} is no name of a device")))))
        .collect::<Result<_, _>>()?;
    if names.len() > MAX_ROWS {
        return Err(refuse(format!("at most {MAX_ROWS} rows can be asked for at once, not {}", names.len())));
    }
    Ok(names)
}

/// These rows: as they were drawn for another page since they changed last, or anew.
async fn rows_of(
    operators: &Operators,
    scope: &Scope,
    wanted: Vec<DeviceId>,
    shape: Shape,
    now: Timestamp,
) -> Result<Vec<Arc<str>>, Refusal> {
    let changes = operators.live.changes();
    let at = Instant::now();
    let mut rows = Vec::with_capacity(wanted.len());
    let mut to_draw = Vec::new();
    for name in wanted {
        // What was drawn was for somebody who sees all.
        match operators.live.drawn(&name, shape, at).filter(|_| *scope == Scope::All) {
            Some(row) => rows.push(row),
            None => to_draw.push(name),
        }
    }
    if !to_draw.is_empty() {
        let found = operators.store.some_devices(scope, to_draw, gather::in_list(now)).await?;
        for device in found {
            let view = gather::view_of(operators, device, now);
            rows.push(draw(operators, scope, view, shape, changes, now)?);
        }
    }
    Ok(rows)
}

fn draw(
    operators: &Operators,
    scope: &Scope,
    device: DeviceView,
    shape: Shape,
    changes: u64,
    now: Timestamp,
) -> Result<Arc<str>, Refusal> {
    let name = device.id.clone();
    let drawn = match shape {
        Shape::Card => render_at(&Card { device }, now)?,
        Shape::Line => render_at(&Line { device }, now)?,
    };
    let row: Arc<str> = drawn.0.into();
    if *scope == Scope::All {
        operators.live.keep(name, shape, Arc::clone(&row), changes, Instant::now());
    }
    Ok(row)
}

async fn top(
    operators: &Operators,
    sees_all: bool,
    form: &FleetForm,
    counts: &FleetCounts,
    now: Timestamp,
) -> Result<Top, Refusal> {
    Ok(Top {
        trouble: operators.store.health().trouble(),
        held_log: Some(operators.store.health().log()).filter(|log| sees_all && log.is_held(now)),
        endings: if sees_all { operators.watches.endings.to_act_on(now) } else { Vec::new() },
        restored: if sees_all { restored::view(operators, None, 0).await? } else { None },
        summary: summary(form, counts),
    })
}

/// The devices that are asked for in one line: what is the matter, with how many.
fn summary(form: &FleetForm, counts: &FleetCounts) -> Vec<(&'static str, String)> {
    let devices = matching(form, counts);
    let mut parts = vec![("all", counted(devices, "device", "devices"))];
    for (class, number, one, many) in [
        ("critical", counts.critical, "stopped", "stopped"),
        ("service", counts.open_service_calls, "service call", "service calls"),
        ("order", counts.open_orders, "open order", "open orders"),
        ("overdue", counts.away_too_long, "overdue", "overdue"),
        ("warning", counts.low_supply, "needs toner", "need toner"),
        ("warning", counts.warning_without_low_supply, "warning", "warnings"),
        ("forecast", counts.open_forecasts, "forecast", "forecasts"),
        ("silent", counts.silent, "silent", "silent"),
    ] {
        if number > 0 {
            parts.push((class, counted(number, one, many)));
        }
    }
    if parts.len() == 1 && devices > 0 && form.state != "retired" {
        parts.push(("fine", "all fine".to_owned()));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_about_all_devices_counts_everything_and_says_when_nothing_is_the_matter() {
        let form = FleetForm::default();
        let words = |counts: &FleetCounts| {
            summary(&form, counts).into_iter().map(|(_, words)| words).collect::<Vec<_>>().join(", ")
        };
        let fine = FleetCounts { devices: 1, fine: 1, retired: 3, ..FleetCounts::default() };
        assert_eq!(words(&fine), "1 device, all fine");
        assert_eq!(words(&FleetCounts::default()), "0 devices");
        let some = FleetCounts {
            devices: 100_000,
            critical: 1,
            open_service_calls: 2_600,
            silent: 5,
            ..FleetCounts::default()
        };
        assert_eq!(words(&some), "100\u{202f}000 devices, 1 stopped, 2\u{202f}600 service calls, 5 silent");
    }

    #[test]
    fn rows_are_asked_for_by_name_and_not_too_many() {
        assert_eq!(names("").unwrap(), []);
        assert_eq!(names("a,b.1,").unwrap().len(), 2);
        assert!(names("a,../x").is_err());
        assert!(names(&vec!["a"; MAX_ROWS + 1].join(",")).is_err());
    }

    #[test]
    fn every_order_that_is_offered_exists() {
        for (word, _) in FleetPage::orders() {
            assert!(super::super::super::fleet_query::order(word).is_ok(), "{word}");
        }
        for (word, _) in FleetPage::states() {
            let form = FleetForm { state: word.into(), ..FleetForm::default() };
            assert!(form.asked("2026-11-22T10:00:00Z".parse().unwrap()).is_ok(), "{word}");
        }
    }
}
