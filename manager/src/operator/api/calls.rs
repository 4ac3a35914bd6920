//! `POST /service-calls`, `GET /service-calls/{id}` and its `/history`; `POST /service-calls/{id}/move` and `/comment`, `PUT
//! /service-calls/{id}/ticket`; `GET /service-call-counts` and `/service-call-times`; `/service-agreements`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::Shared;
use super::super::cursor::RowCursor;
use super::super::objects::only_objects;
use super::super::problem::Refusal;
use super::super::service_call::{self, Wish};
use super::super::view::ServiceCallView;
use super::super::who::Operator;
use super::super::{Operators, agreements};
use super::list::{List, Page, number};
use super::marks::{MustMatch, seen};
use super::refused::{Always, BadBody, BadQuery, ChangedMeanwhile, Conflicts, Missing};
use crate::agreement::Agreement;
use crate::clock;
use crate::store::{
    AgreementRecord, CallDetail, CallEntry, CallFilter, CallTimes, NewCall, PartUsed, ServiceCallState,
    Snapshot,
};

/// Entries of a call's history that come with it: the newest.
const HISTORY_SHOWN: u32 = 50;
/// Times are counted over so many days unless the request says otherwise.
const TIMES_DAYS: i64 = 30;

/// A customer, by number and name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CustomerOfCall {
    /// Number.
    id: i64,
    /// Name; `null` where it was removed.
    name: Option<String>,
}

/// A service call, with where it is, how the machine was, and what was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServiceCallWithMore {
    /// The call.
    #[serde(flatten)]
    call: ServiceCallView,
    /// Whose the device is.
    customer: Option<CustomerOfCall>,
    /// Name of the site where the device stands.
    site: Option<String>,
    /// Where the site is.
    address: Option<String>,
    /// Where the device stands there.
    place: Option<String>,
    /// How the machine was when the call was opened; `null` of calls from before this was kept.
    snapshot: Option<Snapshot>,
    /// What was done, the newest first; at most 50 entries, and the rest under `/history`.
    history: Vec<CallEntry>,
}

/// What is answered about one call.
type OfCall = ([(header::HeaderName, String); 1], Json<ServiceCallWithMore>);

async fn whole(operators: &Operators, operator: &Operator, id: i64) -> Result<OfCall, Refusal> {
    let CallDetail { call, customer, site, address, place, snapshot, .. } =
        service_call::one(operators, operator.scope(), id).await?;
    let history = operators.store.call_history(operator.scope(), id, (None, HISTORY_SHOWN)).await?;
    let call = ServiceCallView::new(call, clock::now());
    let customer = customer.map(|(id, name)| CustomerOfCall { id, name: Some(name) });
    let etag = [(header::ETAG, call.etag())];
    Ok((etag, Json(ServiceCallWithMore { call, customer, site, address, place, snapshot, history })))
}

/// A call that is opened at the desk.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct NewServiceCall {
    /// For which device.
    device: DeviceId,
    /// What it is about; it can be left out where an alert says so.
    #[serde(default)]
    #[schema(max_length = 2000, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    message: Option<String>,
    /// `id` of an alert of that device that it is about.
    #[serde(default)]
    #[schema(minimum = 1)]
    alert: Option<i64>,
}

/// How a call is moved on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct CallMove {
    /// The state that it has from now on. With `on_the_way` the device is told, and lights its lamp.
    state: ServiceCallState,
    /// Who goes there: an operator who works on service calls. Left out, it stays whose it is, and becomes that of who asks
    /// where it is nobody's. Somebody else can be named by dispatchers only.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    technician: Option<String>,
    /// Why; of a call that is done, what was done.
    #[serde(default)]
    #[schema(max_length = 2000, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    words: Option<String>,
    /// Parts that were used; they take the place of those that were written down before.
    #[serde(default)]
    #[schema(max_items = 50)]
    parts: Vec<PartUsed>,
}

/// A comment on a call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct CallComment {
    /// What the person wrote.
    #[schema(min_length = 1, max_length = 2000, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    words: String,
}

/// The number of a call in another system.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct CallTicket {
    /// The number; `null` or nothing takes it away.
    #[schema(max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    ticket: Option<String>,
}

only_objects!(NewServiceCall, CallMove, CallComment, CallTicket);

/// Opens a service call at the desk, for what somebody says by telephone, or from an alert.
#[utoipa::path(
    post,
    path = "/api/v1/service-calls",
    operation_id = "openServiceCall",
    tag = "Service calls and orders",
    request_body = NewServiceCall,
    responses((status = 201, description = "The call.", body = ServiceCallWithMore), BadBody, Missing, Conflicts, Always),
)]
pub(super) async fn open(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<NewServiceCall>, JsonRejection>,
) -> Result<(StatusCode, OfCall), Refusal> {
    let Json(NewServiceCall { device, message, alert }) = body?;
    let id = service_call::open(&operators, &operator, NewCall { device, message, alert }).await?;
    Ok((StatusCode::CREATED, whole(&operators, &operator, id).await?))
}

/// Shows one service call.
#[utoipa::path(
    get,
    path = "/api/v1/service-calls/{id}",
    operation_id = "getServiceCall",
    tag = "Service calls and orders",
    params(("id" = i64, Path, description = "`id` of the service call.", minimum = 1)),
    responses(
        (status = 200, description = "The call.", body = ServiceCallWithMore,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        Missing,
        Always
    ),
)]
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<OfCall, Refusal> {
    let Path(id) = id?;
    whole(&operators, &operator, id).await
}

/// Lists what was done with a service call, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/service-calls/{id}/history",
    operation_id = "listServiceCallHistory",
    tag = "Service calls and orders",
    params(("id" = i64, Path, description = "`id` of the service call.", minimum = 1), Page),
    responses((status = 200, description = "What was done, the newest first.", body = List<CallEntry>), BadQuery, Missing, Always),
)]
pub(super) async fn history(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<List<CallEntry>>, Refusal> {
    let (Path(id), Query(page)) = (id?, page?);
    let (before, limit) = page.place()?;
    service_call::one(&operators, operator.scope(), id).await?;
    let found = operators.store.call_history(operator.scope(), id, (before, limit + 1)).await?;
    Ok(Json(List::new(found, limit, |entry| RowCursor(entry.key).to_string(), |entry| entry)))
}

async fn acted(
    operators: &Operators,
    operator: &Operator,
    call: (i64, Option<i64>),
    wish: (Wish, Option<&str>),
) -> Result<OfCall, Refusal> {
    let call = service_call::act(operators, operator, call, wish).await?;
    whole(operators, operator, call.id).await
}

/// Moves a service call on.
#[utoipa::path(
    post,
    path = "/api/v1/service-calls/{id}/move",
    operation_id = "moveServiceCall",
    tag = "Service calls and orders",
    params(
        ("id" = i64, Path, description = "`id` of the service call.", minimum = 1),
        MustMatch,
    ),
    request_body = CallMove,
    responses((status = 200, description = "The call from now on.", body = ServiceCallWithMore), BadBody, Missing, ChangedMeanwhile, Always),
)]
pub(super) async fn move_on(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    headers: HeaderMap,
    body: Result<Json<CallMove>, JsonRejection>,
) -> Result<OfCall, Refusal> {
    let (Path(id), Json(CallMove { state, technician, words, parts })) = (id?, body?);
    let wish = Wish::Move { to: state, technician, parts };
    acted(&operators, &operator, (id, seen(&headers)?), (wish, words.as_deref())).await
}

/// Writes something about a service call, also when it is over.
#[utoipa::path(
    post,
    path = "/api/v1/service-calls/{id}/comment",
    operation_id = "commentOnServiceCall",
    tag = "Service calls and orders",
    params(("id" = i64, Path, description = "`id` of the service call.", minimum = 1)),
    request_body = CallComment,
    responses((status = 200, description = "The call from now on.", body = ServiceCallWithMore), BadBody, Missing, Always),
)]
pub(super) async fn comment(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    body: Result<Json<CallComment>, JsonRejection>,
) -> Result<OfCall, Refusal> {
    let (Path(id), Json(CallComment { words })) = (id?, body?);
    acted(&operators, &operator, (id, None), (Wish::Comment, Some(&words))).await
}

/// Says which number a service call has in another system, such as one for tickets.
#[utoipa::path(
    put,
    path = "/api/v1/service-calls/{id}/ticket",
    operation_id = "setServiceCallTicket",
    tag = "Service calls and orders",
    params(("id" = i64, Path, description = "`id` of the service call.", minimum = 1)),
    request_body = CallTicket,
    responses((status = 200, description = "The call from now on.", body = ServiceCallWithMore), BadBody, Missing, Always),
)]
pub(super) async fn set_ticket(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    body: Result<Json<CallTicket>, JsonRejection>,
) -> Result<OfCall, Refusal> {
    let (Path(id), Json(CallTicket { ticket })) = (id?, body?);
    acted(&operators, &operator, (id, None), (Wish::Ticket(ticket), None)).await
}

/// How many service calls are open.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallCountsView {
    /// Nobody has looked at them.
    open: u64,
    /// Somebody has, and nobody is to go there yet.
    seen: u64,
    /// Somebody is to go there, is on the way, or there.
    dispatched: u64,
    /// Those of the operator who asks.
    mine: u64,
    /// Of these something that was agreed is late.
    overdue: u64,
}

/// Counts service calls that are open.
#[utoipa::path(
    get,
    path = "/api/v1/service-call-counts",
    operation_id = "countServiceCalls",
    tag = "Service calls and orders",
    responses((status = 200, description = "How many there are.", body = CallCountsView), Always),
)]
pub(super) async fn counts(
    State(operators): Shared,
    operator: Operator,
) -> Result<Json<CallCountsView>, Refusal> {
    let (filter, now) = (CallFilter::default(), clock::now());
    let counts = operators.store.call_counts(operator.scope(), filter, operator.name.clone(), now).await?;
    let (open, seen, dispatched) = (counts.open, counts.seen, counts.sent);
    Ok(Json(CallCountsView { open, seen, dispatched, mine: counts.mine, overdue: counts.overdue }))
}

/// Which service calls' times.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichTimes {
    /// Calls that came in from this moment on; 30 days before the end when left out.
    #[param(required = false, nullable = false)]
    since: Option<Timestamp>,
    /// And before this one; now when left out.
    #[param(required = false, nullable = false)]
    until: Option<Timestamp>,
    /// Only this customer's.
    #[param(required = false, nullable = false, minimum = 1)]
    customer: Option<i64>,
}

/// How often a time was kept.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeptView {
    /// In time.
    met: u64,
    /// Late, or not done and late already.
    missed: u64,
}

/// Which times of a customer's calls were kept.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallTimesView {
    /// The customer; `null` for devices of no customer.
    customer: Option<CustomerOfCall>,
    /// How many calls came in.
    calls: u64,
    /// Whether somebody answered in time.
    answer: KeptView,
    /// Whether the machine was repaired in time.
    repair: KeptView,
}

impl From<CallTimes> for CallTimesView {
    fn from(times: CallTimes) -> Self {
        let kept = |(met, missed): (u64, u64)| KeptView { met, missed };
        Self {
            customer: times.customer.map(|(id, name)| CustomerOfCall { id, name }),
            calls: times.calls,
            answer: kept(times.answer),
            repair: kept(times.repair),
        }
    }
}

/// Counts which times of service agreements were kept, by customer, those with the most calls first; at most 200 of them.
#[utoipa::path(
    get,
    path = "/api/v1/service-call-times",
    operation_id = "countServiceCallTimes",
    tag = "Service calls and orders",
    params(WhichTimes),
    responses((status = 200, description = "How often times were kept.", body = Vec<CallTimesView>), BadQuery, Always),
)]
pub(super) async fn times(
    State(operators): Shared,
    operator: Operator,
    which: Result<Query<WhichTimes>, QueryRejection>,
) -> Result<Json<Vec<CallTimesView>>, Refusal> {
    let Query(which) = which?;
    let now = clock::now();
    let until = which.until.unwrap_or(now);
    let before = until.saturating_sub(SignedDuration::from_hours(24 * TIMES_DAYS)).unwrap_or(until);
    let since = which.since.unwrap_or(before);
    if since >= until {
        return Err(Refusal::new(ProblemKind::InvalidRequest, "since must be before until"));
    }
    let found = operators
        .store
        .call_times(operator.scope(), (since, until), number("customer", which.customer)?, now)
        .await?;
    Ok(Json(found.into_iter().map(CallTimesView::from).collect()))
}

/// What was agreed with a customer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AgreementView {
    /// Number of the customer; 0 for all that have none of their own.
    customer: i64,
    /// Its name; `null` for all.
    name: Option<String>,
    /// What was agreed.
    #[serde(flatten)]
    agreement: Agreement,
    /// When it was written down.
    changed: Timestamp,
    /// The operator who wrote it down.
    changed_by: String,
}

impl From<AgreementRecord> for AgreementView {
    fn from(record: AgreementRecord) -> Self {
        let AgreementRecord { customer, name, agreement, changed, changed_by } = record;
        Self { customer, name, agreement, changed, changed_by }
    }
}

/// Lists what was agreed about service calls, that with everybody first.
#[utoipa::path(
    get,
    path = "/api/v1/service-agreements",
    operation_id = "listServiceAgreements",
    tag = "Service calls and orders",
    responses((status = 200, description = "All agreements.", body = Vec<AgreementView>), Always),
)]
pub(super) async fn agreements_list(
    State(operators): Shared,
    _operator: Operator,
) -> Result<Json<Vec<AgreementView>>, Refusal> {
    let found = operators.store.agreements().await?;
    Ok(Json(found.into_iter().map(AgreementView::from).collect()))
}

/// Writes down what was agreed with a customer. Calls that are open keep what was due.
#[utoipa::path(
    put,
    path = "/api/v1/service-agreements/{customer}",
    operation_id = "setServiceAgreement",
    tag = "Service calls and orders",
    params(("customer" = i64, Path, description = "Number of the customer; 0 for all that have none of their own.", minimum = 0)),
    request_body = agreements::AgreementForm,
    responses((status = 204, description = "It is written down."), BadBody, Missing, Always),
)]
pub(super) async fn set_agreement(
    State(operators): Shared,
    operator: Operator,
    customer: Result<Path<i64>, PathRejection>,
    body: Result<Json<agreements::AgreementForm>, JsonRejection>,
) -> Result<StatusCode, Refusal> {
    let (Path(customer), Json(form)) = (customer?, body?);
    agreements::set(&operators, &operator, customer, form).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes an agreement.
#[utoipa::path(
    delete,
    path = "/api/v1/service-agreements/{customer}",
    operation_id = "removeServiceAgreement",
    tag = "Service calls and orders",
    params(("customer" = i64, Path, description = "Number of the customer; 0 for all that have none of their own.", minimum = 0)),
    responses((status = 204, description = "It is removed."), Missing, Always),
)]
pub(super) async fn remove_agreement(
    State(operators): Shared,
    _operator: Operator,
    customer: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(customer) = customer?;
    if operators.store.remove_agreement(customer).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Refusal::not_found("agreement"))
    }
}
