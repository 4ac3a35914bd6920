//! `GET /now`, `GET /now-counts`, `GET /now/{id}` and its `/history`; `POST /now/{id}/take`, `give-back`, `comment`, `snooze` and
//! `close`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use jiff::Timestamp;
use platen_protocol::alert::Training;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::cursor::{InvalidCursor, NowCursor, RowCursor};
use super::super::now;
use super::super::now::query::NowForm;
use super::super::now::view::{CustomerOrSite, NowView};
use super::super::objects::only_objects;
use super::super::problem::Refusal;
use super::super::who::Operator;
use super::super::{Operators, Shared};
use super::list::{List, Page, bad_cursor, limit};
use super::marks::{MustMatch, seen};
use super::refused::{Always, BadBody, BadQuery, ChangedMeanwhile, Missing, NotThatItem};
use crate::store::{NowAct, NowEntry, NowItem, NowShelf, Urgency};

/// Entries of an item's history that come with it: the newest.
const HISTORY_SHOWN: u32 = 50;
/// Customers that are counted: the most urgent.
const CUSTOMERS_COUNTED: u32 = 200;

/// Which of what needs a person, and which page of it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichItems {
    /// Only what waits, is taken, sleeps or was closed; what waits and what is taken when left out.
    #[param(required = false, nullable = false, inline)]
    state: Option<NowShelf>,
    /// Only what the operator who asks has taken (`true`).
    #[param(required = false, nullable = false)]
    mine: Option<bool>,
    /// Only what is so urgent.
    #[param(required = false, nullable = false, inline)]
    urgency: Option<Urgency>,
    /// Only what these can fix.
    #[param(required = false, nullable = false, inline)]
    training: Option<Training>,
    /// Only this customer's.
    #[param(required = false, nullable = false, minimum = 1)]
    customer: Option<i64>,
    /// Only at this site.
    #[param(required = false, nullable = false, minimum = 1)]
    site: Option<i64>,
    /// Only parts of this item, whatever state they are in.
    #[param(required = false, nullable = false, minimum = 1)]
    part_of: Option<i64>,
    /// `next_cursor` of the previous page; leave it out for the first page.
    #[param(
        required = false,
        nullable = false,
        pattern = "^n[0-3]\\.[0-7]\\.(0|-?[1-9][0-9]{0,17})\\.[1-9][0-9]{0,17}$"
    )]
    cursor: Option<String>,
    /// The most items on the page.
    #[param(required = false, nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Which of what needs a person is counted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichCounts {
    /// Only what is so urgent.
    #[param(required = false, nullable = false, inline)]
    urgency: Option<Urgency>,
    /// Only what these can fix.
    #[param(required = false, nullable = false, inline)]
    training: Option<Training>,
    /// Only this customer's.
    #[param(required = false, nullable = false, minimum = 1)]
    customer: Option<i64>,
    /// Only at this site.
    #[param(required = false, nullable = false, minimum = 1)]
    site: Option<i64>,
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn form(
    urgency: Option<Urgency>,
    training: Option<Training>,
    customer: Option<i64>,
    site: Option<i64>,
) -> NowForm {
    NowForm {
        urgency: text(urgency.map(Urgency::word)),
        training: text(training.map(Training::name)),
        customer: text(customer),
        site: text(site),
        ..NowForm::default()
    }
}

impl WhichItems {
    fn form(self) -> NowForm {
        let Self { urgency, training, customer, site, .. } = self;
        let state = match (self.mine, self.state) {
            (Some(true), _) => "mine",
            (_, Some(state)) => state.word(),
            (_, None) => "",
        };
        NowForm {
            state: state.to_owned(),
            part_of: text(self.part_of),
            cursor: self.cursor.unwrap_or_default(),
            ..form(urgency, training, customer, site)
        }
    }
}

/// Lists what needs a person, the most urgent first; what somebody has taken is behind what waits.
#[utoipa::path(
    get,
    path = "/api/v1/now",
    operation_id = "listNow",
    tag = "Now",
    params(WhichItems),
    responses((status = 200, description = "What needs a person.", body = List<NowView>), BadQuery, Always),
)]
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    which: Result<Query<WhichItems>, QueryRejection>,
) -> Result<Json<List<NowView>>, Refusal> {
    let Query(which) = which?;
    if which.cursor.as_deref() == Some("") {
        return Err(bad_cursor(InvalidCursor));
    }
    let limit = limit(which.limit)?;
    let (filter, after) = which.form().asked(&operator.name)?;
    let found = operators.store.now_items(operator.scope(), filter, after, limit + 1).await?;
    let cursor = |item: &NowItem| NowCursor(item.place_in_list()).to_string();
    Ok(Json(List::new(found, limit, cursor, |item| NowView::new(item, &operator))))
}

/// How many items are so urgent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OfUrgency {
    /// How urgent.
    urgency: Urgency,
    /// Those that wait for somebody.
    waiting: u64,
    /// Those that somebody has taken.
    taken: u64,
}

/// How many items a customer has.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OfCustomer {
    /// The customer; `null` for devices of no customer.
    customer: Option<CustomerOrSite>,
    /// Those that wait or are taken.
    items: u64,
    /// Those that are taken.
    taken: u64,
    /// The most urgent.
    urgency: Urgency,
}

/// How much needs a person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NowCountsView {
    /// What waits for somebody.
    waiting: u64,
    /// What somebody has taken.
    taken: u64,
    /// What of that the operator who asks has taken.
    mine: u64,
    /// What sleeps.
    snoozed: u64,
    /// What a person closed and still stands.
    closed: u64,
    /// By how urgent it is, without what there is none of.
    urgencies: Vec<OfUrgency>,
    /// By customer, the most urgent first; at most 200 of them.
    customers: Vec<OfCustomer>,
}

/// Counts what needs a person.
#[utoipa::path(
    get,
    path = "/api/v1/now-counts",
    operation_id = "countNow",
    tag = "Now",
    params(WhichCounts),
    responses((status = 200, description = "How much there is.", body = NowCountsView), BadQuery, Always),
)]
pub(super) async fn counts(
    State(operators): Shared,
    operator: Operator,
    which: Result<Query<WhichCounts>, QueryRejection>,
) -> Result<Json<NowCountsView>, Refusal> {
    let Query(WhichCounts { urgency, training, customer, site }) = which?;
    let (filter, _) = form(urgency, training, customer, site).asked(&operator.name)?;
    let (store, scope) = (&operators.store, operator.scope());
    let counts = store.now_counts(scope, filter.clone(), operator.name.clone()).await?;
    let customers = store.now_by_customer(scope, filter, CUSTOMERS_COUNTED).await?;
    let urgencies = counts.urgencies.into_iter();
    Ok(Json(NowCountsView {
        waiting: counts.waiting,
        taken: counts.taken,
        mine: counts.mine,
        snoozed: counts.snoozed,
        closed: counts.closed,
        urgencies: urgencies
            .map(|(urgency, (waiting, taken))| OfUrgency { urgency, waiting, taken })
            .collect(),
        customers: customers
            .into_iter()
            .map(|of| OfCustomer {
                customer: of.customer.map(|(id, name)| CustomerOrSite { id, name }),
                items: of.items,
                taken: of.taken,
                urgency: of.urgency,
            })
            .collect(),
    }))
}

/// An item, with what was done with it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NowWithHistory {
    /// The item.
    #[serde(flatten)]
    item: NowView,
    /// Who did what with it, the newest first; at most 50 entries, and the rest under `/history`.
    history: Vec<NowEntry>,
}

/// What is answered about one item.
type OfItem<T> = ([(header::HeaderName, String); 1], Json<T>);

/// Shows one item, with what was done with it.
#[utoipa::path(
    get,
    path = "/api/v1/now/{id}",
    operation_id = "getNow",
    tag = "Now",
    params(("id" = i64, Path, description = "The item.", minimum = 1)),
    responses(
        (status = 200, description = "The item.", body = NowWithHistory,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        Missing,
        Always
    ),
)]
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<OfItem<NowWithHistory>, Refusal> {
    let Path(id) = id?;
    let scope = operator.scope();
    let item = NowView::new(now::one(&operators, scope, id).await?, &operator);
    let history = operators.store.now_history(scope, id, (None, HISTORY_SHOWN)).await?;
    Ok(([(header::ETAG, item.etag())], Json(NowWithHistory { item, history })))
}

/// Lists what was done with an item, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/now/{id}/history",
    operation_id = "listNowHistory",
    tag = "Now",
    params(("id" = i64, Path, description = "The item.", minimum = 1), Page),
    responses((status = 200, description = "What was done, the newest first.", body = List<NowEntry>), BadQuery, Missing, Always),
)]
pub(super) async fn history(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<List<NowEntry>>, Refusal> {
    let (Path(id), Query(page)) = (id?, page?);
    let (before, limit) = page.place()?;
    let scope = operator.scope();
    now::one(&operators, scope, id).await?;
    let found = operators.store.now_history(scope, id, (before, limit + 1)).await?;
    Ok(Json(List::new(found, limit, |entry| RowCursor(entry.key).to_string(), |entry| entry)))
}

/// What is to be remembered of an act.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct WordsForm {
    /// Why, or what was done.
    #[serde(default)]
    #[schema(max_length = 2000, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    words: Option<String>,
}

/// A comment.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct CommentForm {
    /// What the person wrote.
    #[schema(min_length = 1, max_length = 2000, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    words: String,
}

/// Until when an item sleeps.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct SnoozeForm {
    /// When it comes back into the list: in the future, and within 366 days.
    until: Timestamp,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 2000, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    words: Option<String>,
}

only_objects!(WordsForm, CommentForm, SnoozeForm);

async fn acted(
    operators: &Operators,
    operator: &Operator,
    item: (i64, Option<i64>),
    act: (NowAct, Option<&str>),
) -> Result<OfItem<NowView>, Refusal> {
    let view = now::act(operators, operator, item, act).await?;
    Ok(([(header::ETAG, view.etag())], Json(view)))
}

type Words = Result<Option<Json<Option<WordsForm>>>, JsonRejection>;

fn words(body: Words) -> Result<Option<String>, Refusal> {
    Ok(body?.and_then(|Json(form)| form).and_then(|form| form.words))
}

/// Takes an item: it is shown with the operator's name, behind what waits. What somebody else has taken can be taken over.
#[utoipa::path(
    post,
    path = "/api/v1/now/{id}/take",
    operation_id = "takeNow",
    tag = "Now",
    params(
        ("id" = i64, Path, description = "The item.", minimum = 1),
        MustMatch,
    ),
    request_body = Option<WordsForm>,
    responses((status = 200, description = "The item from now on.", body = NowView), BadBody, Missing, NotThatItem, ChangedMeanwhile, Always),
)]
pub(super) async fn take(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    headers: HeaderMap,
    body: Words,
) -> Result<OfItem<NowView>, Refusal> {
    let (Path(id), words) = (id?, words(body)?);
    acted(&operators, &operator, (id, seen(&headers)?), (NowAct::Take, words.as_deref())).await
}

/// Puts an item back into the list that is taken, sleeps, or was closed and still stands.
#[utoipa::path(
    post,
    path = "/api/v1/now/{id}/give-back",
    operation_id = "giveNowBack",
    tag = "Now",
    params(
        ("id" = i64, Path, description = "The item.", minimum = 1),
        MustMatch,
    ),
    request_body = Option<WordsForm>,
    responses((status = 200, description = "The item from now on.", body = NowView), BadBody, Missing, NotThatItem, ChangedMeanwhile, Always),
)]
pub(super) async fn give_back(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    headers: HeaderMap,
    body: Words,
) -> Result<OfItem<NowView>, Refusal> {
    let (Path(id), words) = (id?, words(body)?);
    acted(&operators, &operator, (id, seen(&headers)?), (NowAct::GiveBack, words.as_deref())).await
}

/// Writes something about an item, also when it is over.
#[utoipa::path(
    post,
    path = "/api/v1/now/{id}/comment",
    operation_id = "commentOnNow",
    tag = "Now",
    params(("id" = i64, Path, description = "The item.", minimum = 1)),
    request_body = CommentForm,
    responses((status = 200, description = "The item from now on.", body = NowView), BadBody, Missing, Always),
)]
pub(super) async fn comment(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    body: Result<Json<CommentForm>, JsonRejection>,
) -> Result<OfItem<NowView>, Refusal> {
    let (Path(id), Json(CommentForm { words })) = (id?, body?);
    acted(&operators, &operator, (id, None), (NowAct::Comment, Some(&words))).await
}

/// Puts an item to sleep: it comes back into the list at a moment. Whoever had taken it has it again then.
#[utoipa::path(
    post,
    path = "/api/v1/now/{id}/snooze",
    operation_id = "snoozeNow",
    tag = "Now",
    params(
        ("id" = i64, Path, description = "The item.", minimum = 1),
        MustMatch,
    ),
    request_body = SnoozeForm,
    responses((status = 200, description = "The item from now on.", body = NowView), BadBody, Missing, NotThatItem, ChangedMeanwhile, Always),
)]
pub(super) async fn snooze(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    headers: HeaderMap,
    body: Result<Json<SnoozeForm>, JsonRejection>,
) -> Result<OfItem<NowView>, Refusal> {
    let (Path(id), Json(SnoozeForm { until, words })) = (id?, body?);
    let act = (NowAct::Snooze(until), words.as_deref());
    acted(&operators, &operator, (id, seen(&headers)?), act).await
}

/// Closes an item: a service call is handled by it, an order is ordered, and what a device still says stays closed until it
/// ends and comes anew.
#[utoipa::path(
    post,
    path = "/api/v1/now/{id}/close",
    operation_id = "closeNow",
    tag = "Now",
    params(
        ("id" = i64, Path, description = "The item.", minimum = 1),
        MustMatch,
    ),
    request_body = Option<WordsForm>,
    responses((status = 200, description = "The item from now on.", body = NowView), BadBody, Missing, NotThatItem, ChangedMeanwhile, Always),
)]
pub(super) async fn close(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    headers: HeaderMap,
    body: Words,
) -> Result<OfItem<NowView>, Refusal> {
    let (Path(id), words) = (id?, words(body)?);
    acted(&operators, &operator, (id, seen(&headers)?), (NowAct::Close, words.as_deref())).await
}
