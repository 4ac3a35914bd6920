//! `GET /now`: what needs a person, the most urgent first; `GET /now/{id}`: one item with what was done with it; `GET /now/wall`: the
//! same for a screen on the wall. `POST /now/{id}/{act}` does something: with script the line is answered as it is then, without
//! script the page it came from.

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection, QueryRejection};
use axum::extract::{Form, Path, Query, State};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use jiff::{SignedDuration, Timestamp};
use platen_protocol::alert::Training;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::Shared;
use super::super::cursor::NowCursor;
use super::super::now;
use super::super::now::query::NowForm;
use super::super::now::view::{NowActWord, NowState, NowView};
use super::super::problem::Refusal;
use super::super::who::Operator;
use super::device::bad_form;
use super::{Frame, filters, render_at, words};
use crate::clock;
use crate::store::{
    NowAct, NowCounts, NowEntry, NowFilter, NowItem, NowKind, NowOfCustomer, NowShelf, Urgency,
};

/// Items on a page.
const ON_A_PAGE: u32 = 50;
/// Items on the wall.
const ON_THE_WALL: u32 = 10;
/// Customers that can be chosen, and that the wall counts: the most urgent.
const CUSTOMERS: u32 = 100;
const CUSTOMERS_ON_THE_WALL: u32 = 8;
/// Entries of an item's history, and devices of one that many have: the first.
const HISTORY_SHOWN: u32 = 200;
const PARTS_SHOWN: u32 = 50;
/// For how many hours an item can be put to sleep here.
const HOURS: [(i64, &str); 6] =
    [(1, "1 hour"), (4, "4 hours"), (12, "12 hours"), (24, "1 day"), (72, "3 days"), (168, "1 week")];

/// A word for the style sheet.
const fn class_of(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Stopped | Urgency::Identity => "critical",
        Urgency::SiteSilent | Urgency::Overdue => "overdue",
        Urgency::ServiceCall => "service",
        Urgency::Order => "order",
        Urgency::Warning => "warning",
        Urgency::Forecast => "forecast",
    }
}

/// One item, as a line shows it.
struct Line {
    view: NowView,
}

impl Line {
    fn new(item: NowItem, operator: &Operator) -> Self {
        Self { view: NowView::new(item, operator) }
    }

    fn class(&self) -> &'static str {
        class_of(self.view.urgency)
    }

    fn mark(&self) -> &'static str {
        words::urgency(self.view.urgency)
    }

    /// The word for scripts and tests.
    fn state(&self) -> &'static str {
        match self.view.state {
            NowState::Waiting => "waiting",
            NowState::Taken => "taken",
            NowState::Snoozed => "snoozed",
            NowState::Closed => "closed",
            NowState::Over => "over",
        }
    }

    /// Of what, behind what a button does: two buttons of one name would be one to whoever only hears them.
    fn of_what(&self) -> String {
        let at = self.view.device.as_ref().map_or_else(
            || self.view.site.as_ref().and_then(|site| site.name.clone()).unwrap_or_default(),
            ToString::to_string,
        );
        format!("{}, {at}", self.view.what)
    }

    fn may(&self, act: NowActWord) -> bool {
        self.view.acts.contains(&act)
    }

    fn takes(&self) -> bool {
        self.may(NowActWord::Take)
    }

    fn gives_back(&self) -> bool {
        self.may(NowActWord::GiveBack)
    }

    fn comments(&self) -> bool {
        self.may(NowActWord::Comment)
    }

    fn snoozes(&self) -> bool {
        self.may(NowActWord::Snooze)
    }

    fn closes(&self) -> bool {
        self.may(NowActWord::Close)
    }

    fn take_words(&self) -> &'static str {
        if self.view.state == NowState::Taken { "Take over" } else { "Take" }
    }

    fn give_back_words(&self) -> &'static str {
        if self.view.state == NowState::Taken { "Give back" } else { "Put back" }
    }

    fn close_words(&self) -> &'static str {
        match self.view.kind {
            NowKind::ServiceCall => "Handled",
            NowKind::Order => "Ordered",
            _ => "Close",
        }
    }

    /// Place, site and customer, as far as they are known.
    fn has_where(&self) -> bool {
        self.view.place.is_some() || self.view.site.is_some() || self.view.customer.is_some()
    }

    const fn hours() -> [(i64, &'static str); 6] {
        HOURS
    }
}

/// The lists of a page: those that wait, and those that are taken; or those of one state.
struct Lists {
    first: Vec<Line>,
    taken: Vec<Line>,
}

#[derive(Template)]
#[template(path = "now/list.html")]
struct NowPage {
    frame: Frame,
    form: NowForm,
    counts: NowCounts,
    customers: Vec<NowOfCustomer>,
    lists: Lists,
    next: Option<String>,
    first_page: Option<String>,
    /// Where whoever does something without script comes back to.
    back: String,
}

impl NowPage {
    const fn trainings() -> [(Training, &'static str); 6] {
        [
            (Training::Untrained, "Any user"),
            (Training::Trained, "A trained user"),
            (Training::FieldService, "A technician"),
            (Training::Management, "The desk"),
            (Training::NoInterventionRequired, "Clears by itself"),
            (Training::Unknown, "Not known"),
        ]
    }

    /// The words of how urgent something is, as choices.
    fn urgencies(&self) -> impl Iterator<Item = (&'static str, &'static str, bool, u64)> + '_ {
        Urgency::ALL.into_iter().map(|urgency| {
            let (waiting, taken) = self.counts.urgencies.get(&urgency).copied().unwrap_or_default();
            let chosen = self.form.urgency == urgency.word();
            (urgency.word(), words::urgency(urgency), chosen, waiting + taken)
        })
    }

    /// The states, with how many there are.
    fn states(&self) -> [(&'static str, &'static str, u64); 6] {
        let NowCounts { waiting, taken, mine, snoozed, closed, .. } = &self.counts;
        [
            ("", "All", waiting + taken),
            ("waiting", "Waiting", *waiting),
            ("mine", "Mine", *mine),
            ("taken", "Taken", *taken),
            ("snoozed", "Snoozed", *snoozed),
            ("closed", "Closed", *closed),
        ]
    }

    /// Whether the first list is of what waits.
    fn is_of_waiting(&self) -> bool {
        self.form.state.is_empty() || self.form.state == "waiting"
    }

    fn is_chosen(&self, customer: &NowOfCustomer) -> bool {
        customer.customer.as_ref().is_some_and(|(key, _)| key.to_string() == self.form.customer)
    }
}

type Asked = Result<Query<NowForm>, QueryRejection>;

/// The page.
pub(super) async fn page(
    State(operators): Shared,
    operator: Operator,
    form: Asked,
) -> Result<Html<String>, Refusal> {
    let Query(form) = form?;
    let (now, scope, store) = (clock::now(), operator.scope(), &operators.store);
    let (filter, after) = form.asked(&operator.name)?;
    let counted = NowFilter { shelf: None, taken_by: None, ..filter.clone() };
    let of_customers = NowFilter { customer: None, site: None, ..counted.clone() };
    let (mut items, counts, customers) = tokio::try_join!(
        store.now_items(scope, filter, after, ON_A_PAGE + 1),
        store.now_counts(scope, counted, operator.name.clone()),
        store.now_by_customer(scope, of_customers, CUSTOMERS),
    )?;
    let most = usize::try_from(ON_A_PAGE).unwrap_or(usize::MAX);
    let more = items.len() > most;
    items.truncate(most);
    let next = items.last().filter(|_| more).map(|item| {
        let cursor = NowCursor(item.place_in_list()).to_string();
        NowForm { cursor, ..form.clone() }.address()
    });
    let first_page = after.map(|_| NowForm { cursor: String::new(), ..form.clone() }.address());
    let apart = form.state.is_empty() && form.part_of.is_empty();
    let (taken, first) = items.into_iter().partition(|item: &NowItem| apart && item.shelf == NowShelf::Taken);
    let lines = |items: Vec<NowItem>| items.into_iter().map(|item| Line::new(item, &operator)).collect();
    let lists = Lists { first: lines(first), taken: lines(taken) };
    let back = form.address();
    let frame = Frame::new(Some(operator), true);
    render_at(&NowPage { frame, form, counts, customers, lists, next, first_page, back }, now)
}

#[derive(Template)]
#[template(path = "now/one.html")]
struct OnePage {
    frame: Frame,
    line: Line,
    history: Vec<NowEntry>,
    /// Of one that many have: the devices that it is still so of.
    parts: Vec<Line>,
    back: String,
}

impl OnePage {
    fn sentence(entry: &NowEntry) -> String {
        let who = entry.who.as_deref().unwrap_or("The manager");
        format!("{who} {}", now::did(entry))
    }
}

type Id = Result<Path<i64>, PathRejection>;

/// One item.
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Id,
) -> Result<Html<String>, Refusal> {
    let Path(id) = id?;
    let (scope, store) = (operator.scope(), &operators.store);
    let item = now::one(&operators, scope, id).await?;
    let history = store.now_history(scope, id, (None, HISTORY_SHOWN)).await?;
    let parts = if item.kind == NowKind::SiteSilent {
        let parts = NowFilter { cause: Some(id), ..NowFilter::default() };
        store.now_items(scope, parts, None, PARTS_SHOWN).await?
    } else {
        Vec::new()
    };
    let page = OnePage {
        line: Line::new(item, &operator),
        history,
        parts: parts.into_iter().map(|item| Line::new(item, &operator)).collect(),
        back: format!("/now/{id}"),
        frame: Frame::new(Some(operator), true),
    };
    render_at(&page, clock::now())
}

#[derive(Template)]
#[template(path = "now/wall.html")]
struct WallPage {
    frame: Frame,
    form: NowForm,
    counts: NowCounts,
    customers: Vec<NowOfCustomer>,
    lines: Vec<Line>,
    drawn: Timestamp,
}

impl WallPage {
    fn class(of: &NowOfCustomer) -> &'static str {
        class_of(of.urgency)
    }
}

/// The screen on the wall.
pub(super) async fn wall(
    State(operators): Shared,
    operator: Operator,
    form: Asked,
) -> Result<Html<String>, Refusal> {
    let Query(form) = form?;
    let (now, scope, store) = (clock::now(), operator.scope(), &operators.store);
    let (filter, _) = form.asked(&operator.name)?;
    let counted = NowFilter { shelf: None, taken_by: None, ..filter.clone() };
    let (items, counts, customers) = tokio::try_join!(
        store.now_items(scope, filter, None, ON_THE_WALL),
        store.now_counts(scope, counted.clone(), operator.name.clone()),
        store.now_by_customer(scope, counted, CUSTOMERS_ON_THE_WALL),
    )?;
    let lines = items.into_iter().map(|item| Line::new(item, &operator)).collect();
    let frame = Frame::new(Some(operator), true);
    render_at(&WallPage { frame, form, counts, customers, lines, drawn: now }, now)
}

/// What is done, as a form says it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Done {
    /// Which version of the item the person saw.
    version: String,
    words: String,
    hours: String,
    /// Where to go back to.
    back: String,
    /// Whether the line alone is wanted.
    line: String,
}

#[derive(Template)]
#[template(path = "now/line_alone.html")]
struct LineAlone {
    line: Line,
    back: String,
}

impl Done {
    fn act(&self, word: &str, now: Timestamp) -> Result<NowAct, Refusal> {
        Ok(match word {
            "take" => NowAct::Take,
            "give-back" => NowAct::GiveBack,
            "comment" => NowAct::Comment,
            "close" => NowAct::Close,
            "snooze" => {
                let hours =
                    self.hours.parse().ok().filter(|hours| HOURS.iter().any(|(some, _)| some == hours));
                let hours = hours.ok_or_else(|| {
                    Refusal::new(ProblemKind::InvalidRequest, "Choose for how long it is to sleep.")
                })?;
                NowAct::Snooze(now.saturating_add(SignedDuration::from_hours(hours)).unwrap_or(now))
            }
            _ => return Err(Refusal::new(ProblemKind::NotFound, "There is no such page here.")),
        })
    }

    /// The version that the person saw; words need none.
    fn version(&self, act: NowAct) -> Result<Option<i64>, Refusal> {
        match (act, self.version.parse()) {
            (NowAct::Comment, _) => Ok(None),
            (_, Ok(version)) => Ok(Some(version)),
            (_, Err(_)) => Err(Refusal::new(
                ProblemKind::VersionMissing,
                "The form does not say which version of the item you saw: load the page again.",
            )),
        }
    }

    /// Only a page of what needs a person.
    fn back(&self) -> &str {
        let ours = self.back.starts_with("/now")
            && self.back.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if ours { &self.back } else { "/now" }
    }
}

/// `POST /now/{id}/{act}`.
pub(super) async fn act(
    State(operators): Shared,
    operator: Operator,
    which: Result<Path<(i64, String)>, PathRejection>,
    done: Result<Form<Done>, FormRejection>,
) -> Result<Response, Refusal> {
    let Path((id, word)) = which?;
    let Form(done) = done.map_err(|rejection| bad_form(&rejection))?;
    let now = clock::now();
    let act = done.act(&word, now)?;
    let version = done.version(act)?;
    let words = Some(done.words.as_str());
    let view = now::act(&operators, &operator, (id, version), (act, words)).await?;
    let back = done.back().to_owned();
    if done.line.is_empty() {
        return Ok(Redirect::to(&format!("{back}#item-{id}")).into_response());
    }
    Ok(render_at(&LineAlone { line: Line { view }, back }, clock::now())?.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_goes_back_to_a_page_of_the_list_and_nowhere_else() {
        let back = |to: &str| Done { back: to.into(), ..Done::default() }.back().to_owned();
        assert_eq!(back("/now?state=mine"), "/now?state=mine");
        for elsewhere in ["//evil.example", "https://evil.example", "", "/fleet", "/now\\@evil", "/now\n"] {
            assert_eq!(back(elsewhere), "/now", "{elsewhere:?}");
        }
    }

    #[test]
    fn an_act_names_a_version_and_a_sleep_its_length() {
        let now: Timestamp = "2026-11-30T10:00:00Z".parse().unwrap();
        let done = |hours: &str| Done { version: "3".into(), hours: hours.into(), ..Done::default() };
        let until = done("4").act("snooze", now).unwrap();
        assert_eq!(until, NowAct::Snooze(now + SignedDuration::from_hours(4)));
        assert!(done("5").act("snooze", now).is_err() && done("").act("snooze", now).is_err());
        assert!(done("").act("delete", now).is_err());
        assert_eq!(done("").version(NowAct::Take).unwrap(), Some(3));
        assert!(Done::default().version(NowAct::Close).is_err());
        assert_eq!(Done::default().version(NowAct::Comment).unwrap(), None);
    }
}
