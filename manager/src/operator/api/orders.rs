//! `GET` and `POST /orders`, `GET /orders.csv`, `GET` and `POST /orders/{id}`, `GET /orders/{id}/history`, `POST /orders/{id}/merge` and `keep`;
//! `GET /order-rules`, `PUT /order-rules` and `/order-rules/{customer}`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::Response;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::cursor::RowCursor;
use super::super::objects::only_objects;
use super::super::problem::Refusal;
use super::super::view::OrderView;
use super::super::who::Operator;
use super::super::{Shared, fleet_query, order, orders_csv};
use super::list::{List, Page, number, row};
use super::marks::{MayMatch, seen_perhaps};
use super::refused::{Always, BadBody, BadQuery, ChangedMeanwhile, Missing, NotDuplicate, NotOrdered};
use crate::store::{Duplicate, OrderAct, OrderFilter, OrderState, Proposes};

/// The most rows of a file.
const MAX_ROWS: u32 = 10_000;
/// Rows that are read at once.
const ROWS_AT_ONCE: u32 = 500;
/// Entries of an order's history that come with it: the newest.
const HISTORY_SHOWN: u32 = 50;

/// Which orders, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichOrders {
    /// Only those of this device.
    #[param(required = false, nullable = false, value_type = DeviceId)]
    device: Option<DeviceId>,
    /// Only open ones (`true`), or only those that are delivered or cancelled (`false`); both when left out.
    #[param(required = false, nullable = false)]
    open: Option<bool>,
    /// Only those in this state.
    #[param(required = false, nullable = false, inline)]
    state: Option<OrderState>,
    /// Only those of this customer's devices.
    #[param(required = false, nullable = false, minimum = 1)]
    customer: Option<i64>,
    /// Only those in which each of these words is found: in the names of device and supply, the place, the part number, the note,
    /// the carrier or the tracking number.
    #[param(required = false, nullable = false, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    text: Option<String>,
    /// `next_cursor` of the previous page; leave it out for the first page.
    #[param(required = false, nullable = false, pattern = "^r[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// The most items on the page.
    #[param(required = false, nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Lists orders.
#[utoipa::path(
    get,
    path = "/api/v1/orders",
    operation_id = "listOrders",
    tag = "Service calls and orders",
    params(WhichOrders),
    responses((status = 200, description = "Orders, the newest first.", body = List<OrderView>), BadQuery, Always),
)]
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    which: Result<Query<WhichOrders>, QueryRejection>,
) -> Result<Json<List<OrderView>>, Refusal> {
    let Query(WhichOrders { device, open, state, customer, text, cursor, limit }) = which?;
    let (before, limit) = row(cursor.as_deref(), limit)?;
    let (customer, text) = (number("customer", customer)?, fleet_query::text("text", text.as_deref())?);
    let filter = OrderFilter { device, open, state, customer, text };
    let records = operators.store.orders(operator.scope(), filter, before, limit + 1).await?;
    Ok(Json(List::new(records, limit, |record| RowCursor(record.key).to_string(), OrderView::from)))
}

/// Which orders, and how many of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichRows {
    /// Only those of this device.
    #[param(required = false, nullable = false, value_type = DeviceId)]
    device: Option<DeviceId>,
    /// Only open ones (`true`), or only those that are delivered or cancelled (`false`); both when left out.
    #[param(required = false, nullable = false)]
    open: Option<bool>,
    /// Only those in this state.
    #[param(required = false, nullable = false, inline)]
    state: Option<OrderState>,
    /// Only those of this customer's devices.
    #[param(required = false, nullable = false, minimum = 1)]
    customer: Option<i64>,
    /// Only those in which each of these words is found.
    #[param(required = false, nullable = false, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    text: Option<String>,
    /// The header `platen-next-cursor` of the file before; leave it out for the first.
    #[param(required = false, nullable = false, pattern = "^r[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// The most rows of the file.
    #[param(required = false, nullable = false, minimum = 1, maximum = 10_000, default = 10_000)]
    limit: Option<u32>,
}

/// The same as CSV, one row an order.
#[utoipa::path(
    get,
    path = "/api/v1/orders.csv",
    operation_id = "getOrdersCsv",
    tag = "Service calls and orders",
    params(WhichRows),
    responses(
        (status = 200, description = "A row an order, the newest first, under a row of names.", body = String, content_type = "text/csv"),
        BadQuery, Always,
    ),
)]
pub(super) async fn csv(
    State(operators): Shared,
    operator: Operator,
    which: Result<Query<WhichRows>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(WhichRows { device, open, state, customer, text, cursor, limit }) = which?;
    let (mut before, _) = row(cursor.as_deref(), None)?;
    let limit = match limit.unwrap_or(MAX_ROWS) {
        limit @ 1..=MAX_ROWS => usize::try_from(limit).unwrap_or(usize::MAX),
        other => {
            let why = format!("limit must be between 1 and {MAX_ROWS}, not {other}");
            return Err(Refusal::new(ProblemKind::InvalidRequest, why));
        }
    };
    let (customer, text) = (number("customer", customer)?, fleet_query::text("text", text.as_deref())?);
    let filter = OrderFilter { device, open, state, customer, text };
    let mut found = Vec::new();
    // A row more says that there is more.
    while found.len() <= limit {
        let some = operators.store.orders(operator.scope(), filter.clone(), before, ROWS_AT_ONCE).await?;
        before = some.last().map(|order| order.key);
        let is_last = some.len() < ROWS_AT_ONCE as usize;
        found.extend(some);
        if is_last {
            break;
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|order| RowCursor(order.key).to_string());
    orders_csv::answer(&found, next.as_deref())
}

/// An order that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct NewOrderForm {
    /// The device that it is for.
    device: DeviceId,
    /// The name of the supply on the device's board, such as `black`.
    supply: String,
    /// Number of pieces; one when left out.
    #[serde(default = "one_piece")]
    #[schema(minimum = 1, maximum = 99)]
    quantity: u16,
    /// What is to be known of it.
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    note: Option<String>,
}

const fn one_piece() -> u16 {
    1
}

/// What is answered about one order.
type OfOrder<T> = ([(HeaderName, String); 1], Json<T>);

/// Makes an order that is asked for. Of a supply of a device one order is open at a time.
#[utoipa::path(
    post,
    path = "/api/v1/orders",
    operation_id = "createOrder",
    tag = "Service calls and orders",
    request_body = NewOrderForm,
    responses(
        (status = 201, description = "The order.", body = OrderView, headers(
            ("Location" = String, description = "Its address."),
            ("ETag" = String, description = "Its version, for `If-Match`."),
        )),
        BadBody, Missing, NotOrdered, Always,
    ),
)]
pub(super) async fn create(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<NewOrderForm>, JsonRejection>,
) -> Result<(StatusCode, [(HeaderName, String); 2], Json<OrderView>), Refusal> {
    let Json(NewOrderForm { device, supply, quantity, note }) = body?;
    let wanted = order::Wanted { device, supply, quantity, note };
    let view = OrderView::from(order::make(&operators, &operator, wanted).await?);
    let headers = [(header::LOCATION, format!("/api/v1/orders/{}", view.id)), (header::ETAG, view.etag())];
    Ok((StatusCode::CREATED, headers, Json(view)))
}

/// An order, with what was done with it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrderWithHistory {
    /// The order.
    #[serde(flatten)]
    order: OrderView,
    /// Who did what with it, the newest first; at most 50 entries, and the rest under `/history`.
    history: Vec<OrderAct>,
}

/// Shows one order, with what was done with it.
#[utoipa::path(
    get,
    path = "/api/v1/orders/{id}",
    operation_id = "getOrder",
    tag = "Service calls and orders",
    params(("id" = i64, Path, description = "`id` of the order.", minimum = 1)),
    responses(
        (status = 200, description = "The order.", body = OrderWithHistory,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        Missing,
        Always,
    ),
)]
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<OfOrder<OrderWithHistory>, Refusal> {
    let Path(id) = id?;
    let scope = operator.scope();
    let order = OrderView::from(order::one(&operators, scope, id).await?);
    let history = operators.store.order_acts(scope, id, (None, HISTORY_SHOWN)).await?;
    Ok(([(header::ETAG, order.etag())], Json(OrderWithHistory { order, history })))
}

/// Lists what was done with an order, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/orders/{id}/history",
    operation_id = "listOrderHistory",
    tag = "Service calls and orders",
    params(("id" = i64, Path, description = "`id` of the order.", minimum = 1), Page),
    responses((status = 200, description = "What was done, the newest first.", body = List<OrderAct>), BadQuery, Missing, Always),
)]
pub(super) async fn history(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<List<OrderAct>>, Refusal> {
    let (Path(id), Query(page)) = (id?, page?);
    let (before, limit) = page.place()?;
    let scope = operator.scope();
    order::one(&operators, scope, id).await?;
    let found = operators.store.order_acts(scope, id, (before, limit + 1)).await?;
    Ok(Json(List::new(found, limit, |act| RowCursor(act.key).to_string(), |act| act)))
}

/// The new state of an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct NewOrderState {
    /// The state that it has from now on: any but `proposed`. In its new state it may be put again, to say how it travels.
    state: OrderState,
    /// Why it is cancelled.
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    reason: Option<String>,
    /// Who carries it; what was said before stays when this is left out.
    #[serde(default)]
    #[schema(max_length = 100, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    carrier: Option<String>,
    /// The carrier's number of it; what was said before stays when this is left out.
    #[serde(default)]
    #[schema(max_length = 100, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    tracking: Option<String>,
}

/// Moves an order on, or back: operators correct mistakes. With `If-Match` only if nobody has done anything with it meanwhile.
#[utoipa::path(
    post,
    path = "/api/v1/orders/{id}",
    operation_id = "setOrder",
    tag = "Service calls and orders",
    params(
        ("id" = i64, Path, description = "`id` of the order.", minimum = 1),
        MayMatch,
    ),
    request_body = NewOrderState,
    responses(
        (status = 204, description = "The new state is stored.",
            headers(("ETag" = String, description = "Its version from now on."))),
        BadBody, Missing, NotOrdered, ChangedMeanwhile, Always,
    ),
)]
pub(super) async fn set(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    headers: HeaderMap,
    body: Result<Json<NewOrderState>, JsonRejection>,
) -> Result<(StatusCode, [(HeaderName, String); 1]), Refusal> {
    let (Path(id), Json(NewOrderState { state, reason, carrier, tracking })) = (id?, body?);
    let version = seen_perhaps(&headers)?;
    let to = order::to(state, (reason.as_deref(), carrier.as_deref(), tracking.as_deref()))?;
    let moved = order::set(&operators, &operator, (id, version), to).await?;
    Ok((StatusCode::NO_CONTENT, [(header::ETAG, OrderView::from(moved).etag())]))
}

/// Closes an order as the same want as the earlier open order of the same supply, which stays as it is.
#[utoipa::path(
    post,
    path = "/api/v1/orders/{id}/merge",
    operation_id = "mergeOrder",
    tag = "Service calls and orders",
    params(("id" = i64, Path, description = "`id` of the later order.", minimum = 1)),
    responses((status = 204, description = "The order is cancelled, and names the earlier one."), NotDuplicate, Missing, Always),
)]
pub(super) async fn merge(
    shared: Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    settle(shared, operator, id, Duplicate::Merge).await
}

/// Keeps an order beside the earlier open order of the same supply: both are wanted.
#[utoipa::path(
    post,
    path = "/api/v1/orders/{id}/keep",
    operation_id = "keepOrder",
    tag = "Service calls and orders",
    params(("id" = i64, Path, description = "`id` of the later order.", minimum = 1)),
    responses((status = 204, description = "The order is no longer shown as a duplicate."), NotDuplicate, Missing, Always),
)]
pub(super) async fn keep(
    shared: Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    settle(shared, operator, id, Duplicate::Keep).await
}

async fn settle(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    what: Duplicate,
) -> Result<StatusCode, Refusal> {
    let Path(id) = id?;
    order::settle(&operators, &operator, id, what).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A customer with a rule of its own.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CustomerRuleView {
    /// Number of the customer.
    customer: i64,
    /// Its name.
    name: String,
    /// When orders are proposed for its devices.
    proposes: Proposes,
}

/// When orders are proposed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrderRules {
    /// For everybody who is not named.
    proposes: Proposes,
    /// Customers for whom something else was said; at most 1000 of them.
    customers: Vec<CustomerRuleView>,
}

/// Tells when orders are proposed.
#[utoipa::path(
    get,
    path = "/api/v1/order-rules",
    operation_id = "getOrderRules",
    tag = "Service calls and orders",
    responses((status = 200, description = "The rules.", body = OrderRules), Always),
)]
pub(super) async fn rules(State(operators): Shared, _: Operator) -> Result<Json<OrderRules>, Refusal> {
    let (proposes, customers) = operators.store.order_rules().await?;
    let customers = customers.into_iter().map(|rule| CustomerRuleView {
        customer: rule.customer,
        name: rule.name,
        proposes: rule.proposes,
    });
    Ok(Json(OrderRules { proposes, customers: customers.collect() }))
}

/// When orders are to be proposed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct NewOrderRule {
    /// From now on; of a customer `null` for what holds for everybody.
    proposes: Option<Proposes>,
}

only_objects!(NewOrderForm, NewOrderState, NewOrderRule);

/// Says when orders are proposed for everybody who has no rule of their own.
#[utoipa::path(
    put,
    path = "/api/v1/order-rules",
    operation_id = "setOrderRule",
    tag = "Service calls and orders",
    request_body = NewOrderRule,
    responses((status = 204, description = "It holds from the next alert on."), BadBody, Always),
)]
pub(super) async fn set_rule(
    State(operators): Shared,
    _: Operator,
    body: Result<Json<NewOrderRule>, JsonRejection>,
) -> Result<StatusCode, Refusal> {
    let Json(NewOrderRule { proposes }) = body?;
    operators.store.set_order_rule(None, proposes).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says when orders are proposed for a customer's devices.
#[utoipa::path(
    put,
    path = "/api/v1/order-rules/{customer}",
    operation_id = "setCustomersOrderRule",
    tag = "Service calls and orders",
    params(("customer" = i64, Path, description = "Number of the customer.", minimum = 1)),
    request_body = NewOrderRule,
    responses((status = 204, description = "It holds from the next alert on."), BadBody, Missing, Always),
)]
pub(super) async fn set_customers_rule(
    State(operators): Shared,
    _: Operator,
    customer: Result<Path<i64>, PathRejection>,
    body: Result<Json<NewOrderRule>, JsonRejection>,
) -> Result<StatusCode, Refusal> {
    let (Path(customer), Json(NewOrderRule { proposes })) = (customer?, body?);
    if !operators.store.set_order_rule(Some(customer), proposes).await? {
        return Err(Refusal::not_found("customer"));
    }
    Ok(StatusCode::NO_CONTENT)
}
