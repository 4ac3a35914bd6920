//! `/orders`: what is to be sent, and one order with its history and what can be done with it.

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection, QueryRejection};
use axum::extract::{Form, Path, Query, State};
use axum::response::{Html, Redirect};
use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::order as order_words;
use super::super::problem::Refusal;
use super::super::view::OrderView;
use super::super::who::Operator;
use super::super::{Shared, order};
use super::customers::cut;
use super::device::bad_form;
use super::{Frame, filters, render_at, words};
use crate::clock;
use crate::rights::Right;
use crate::store::{CustomerRecord, CustomerRule, OrderAct, OrderFilter, OrderRecord, OrderState, Proposes};

/// Orders on a page.
const ON_A_PAGE: u32 = 200;
/// Customers that can be chosen.
const MAX_CUSTOMERS: u32 = 1_000;
/// Entries of a history on a page.
const ACTS_ON_A_PAGE: u32 = 100;

/// What is asked for, as it was typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OrdersForm {
    state: String,
    customer: String,
    text: String,
    before: Option<i64>,
}

impl OrdersForm {
    fn is_plain(&self) -> bool {
        self.state.is_empty() && self.customer.is_empty() && self.text.trim().is_empty()
    }

    fn filter(&self) -> Result<OrderFilter, Refusal> {
        let invalid = |why: &str| Refusal::new(ProblemKind::InvalidRequest, why);
        let state = OrderState::ALL.into_iter().find(|state| state.word() == self.state);
        let open = match self.state.as_str() {
            "" => Some(true),
            "over" => Some(false),
            "all" => None,
            _ if state.is_some() => None,
            _ => return Err(invalid("state: choose one of those in the list")),
        };
        let customer = Some(self.customer.as_str()).filter(|key| !key.is_empty()).map(str::parse);
        let customer =
            customer.transpose().map_err(|_not_one| invalid("customer must be the number of a customer"))?;
        let text = Some(self.text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(OrderFilter { device: None, open, state, customer, text })
    }

    /// The same as a query of this page, and of the API.
    fn queries(&self) -> (String, String) {
        let mut page = form_urlencoded::Serializer::new(String::new());
        let mut api = form_urlencoded::Serializer::new(String::new());
        page.append_pair("state", &self.state);
        match self.state.as_str() {
            "" => api.append_pair("open", "true"),
            "over" => api.append_pair("open", "false"),
            "all" => &mut api,
            state => api.append_pair("state", state),
        };
        for (name, value) in [("customer", &self.customer), ("text", &self.text)] {
            if !value.is_empty() {
                page.append_pair(name, value);
                api.append_pair(name, value);
            }
        }
        (page.finish(), api.finish())
    }
}

struct Row {
    view: OrderView,
    /// When the supply ends, in words.
    ends: Option<String>,
    whereabouts: String,
}

/// When a supply is likely to be empty, by what its device knew when it was ordered.
fn end(record: &OrderRecord) -> Option<Timestamp> {
    let from = record.dated.at;
    if record.supply.is_empty() {
        return Some(from);
    }
    let days = record.supply.outlook.as_ref()?.days.as_ref()?.likely;
    from.checked_add(SignedDuration::from_hours(i64::from(days) * 24)).ok()
}

fn end_words(record: &OrderRecord) -> Option<String> {
    let end = end(record)?;
    if record.supply.is_empty() {
        return Some("empty".to_owned());
    }
    Some(end.strftime("%d %b %Y").to_string())
}

fn whereabouts(record: &OrderRecord) -> String {
    let parts = [&record.place, &record.site, &record.customer];
    parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ")
}

impl Row {
    fn new(record: OrderRecord) -> Self {
        let (ends, whereabouts) = (end_words(&record), whereabouts(&record));
        Self { view: OrderView::from(record), ends, whereabouts }
    }
}

#[derive(Template)]
#[template(path = "orders/list.html")]
struct OrdersPage {
    frame: Frame,
    form: OrdersForm,
    customers: Vec<CustomerRecord>,
    chosen: i64,
    rows: Vec<Row>,
    next: Option<i64>,
    query: String,
    api: String,
    rule: Proposes,
    rules: Vec<CustomerRule>,
}

impl OrdersPage {
    /// What can be chosen, by word.
    fn states() -> [(&'static str, &'static str); 9] {
        [
            ("", "open"),
            ("proposed", "proposed"),
            ("asked", "asked for"),
            ("approved", "approved"),
            ("shipped", "shipped"),
            ("delivered", "delivered"),
            ("cancelled", "cancelled"),
            ("over", "delivered or cancelled"),
            ("all", "all"),
        ]
    }

    /// When orders can be proposed.
    fn rule_choices() -> [(&'static str, &'static str); 3] {
        [
            (Proposes::On.word(), Self::rule_words(Proposes::On)),
            (Proposes::SetValue.word(), Self::rule_words(Proposes::SetValue)),
            (Proposes::Off.word(), Self::rule_words(Proposes::Off)),
        ]
    }

    /// The same in words.
    const fn rule_words(proposes: Proposes) -> &'static str {
        match proposes {
            Proposes::On => "by set values and forecasts",
            Proposes::SetValue => "by set values in percent only",
            Proposes::Off => "never",
        }
    }
}

/// Orders: of those that are open, on a page, what ends first comes first.
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    form: Result<Query<OrdersForm>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let Query(form) = form?;
    let now = clock::now();
    let (store, scope) = (&operators.store, operator.scope());
    let filter = form.filter()?;
    let (is_open, chosen) = (filter.open == Some(true), filter.customer.unwrap_or(0));
    let mut records = store.orders(scope, filter, form.before, ON_A_PAGE + 1).await?;
    let next = cut(&mut records, ON_A_PAGE, |record| record.key);
    if is_open {
        records.sort_by_key(|record| (end(record).unwrap_or(Timestamp::MAX), record.key));
    }
    let customers = store.customers(scope, None, MAX_CUSTOMERS).await?;
    let (rule, rules) =
        if operator.may(Right::SeeAll) { store.order_rules().await? } else { (Proposes::On, Vec::new()) };
    let (query, api) = form.queries();
    let rows = records.into_iter().map(Row::new).collect();
    let frame = Frame::new(Some(operator), false);
    render_at(&OrdersPage { frame, form, customers, chosen, rows, next, query, api, rule, rules }, now)
}

/// Where a page of a history begins.
#[derive(Debug, Deserialize)]
pub(super) struct Before {
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "orders/one.html")]
struct OrderPage {
    frame: Frame,
    order: OrderView,
    ends: Option<String>,
    whereabouts: String,
    cost: Option<String>,
    history: Vec<OrderAct>,
    next: Option<i64>,
}

/// One order.
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    before: Result<Query<Before>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let (Path(id), Query(Before { before })) = (id?, before?);
    let now = clock::now();
    let scope = operator.scope();
    let record = order::one(&operators, scope, id).await?;
    let mut history = operators.store.order_acts(scope, id, (before, ACTS_ON_A_PAGE + 1)).await?;
    let next = cut(&mut history, ACTS_ON_A_PAGE, |act| act.key);
    let (ends, whereabouts, cost) = (end_words(&record), whereabouts(&record), order::cost(&record));
    let frame = Frame::new(Some(operator), false);
    let order = OrderView::from(record);
    render_at(&OrderPage { frame, order, ends, whereabouts, cost, history, next }, now)
}

/// An order as it was typed.
#[derive(Debug, Deserialize)]
pub(super) struct NewOrderForm {
    device: DeviceId,
    supply: String,
    quantity: u16,
    note: Option<String>,
}

/// Makes one.
pub(super) async fn make(
    State(operators): Shared,
    operator: Operator,
    form: Result<Form<NewOrderForm>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Form(NewOrderForm { device, supply, quantity, note }) =
        form.map_err(|rejection| bad_form(&rejection))?;
    let supply = supply.trim().to_owned();
    let made = order::make(&operators, &operator, order::Wanted { device, supply, quantity, note }).await?;
    Ok(Redirect::to(&format!("/orders/{}", made.key)))
}

/// A rule as it was chosen.
#[derive(Debug, Deserialize)]
pub(super) struct RuleForm {
    customer: String,
    proposes: String,
}

/// Says when orders are proposed.
pub(super) async fn set_rule(
    State(operators): Shared,
    _: Operator,
    form: Result<Form<RuleForm>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Form(RuleForm { customer, proposes }) = form.map_err(|rejection| bad_form(&rejection))?;
    let invalid = |why: &str| Refusal::new(ProblemKind::InvalidRequest, why);
    let chosen =
        [Proposes::On, Proposes::SetValue, Proposes::Off].into_iter().find(|rule| rule.word() == proposes);
    if chosen.is_none() && !proposes.is_empty() {
        return Err(invalid("proposes: choose one of those in the list"));
    }
    let customer = Some(customer.as_str()).filter(|key| !key.is_empty()).map(str::parse::<i64>);
    let customer =
        customer.transpose().map_err(|_not_one| invalid("customer must be the number of a customer"))?;
    if !operators.store.set_order_rule(customer, chosen).await? {
        return Err(Refusal::not_found("customer"));
    }
    Ok(Redirect::to("/orders#rule"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_is_asked_of_the_store_and_of_the_api() {
        let form = |state: &str| OrdersForm { state: state.to_owned(), ..OrdersForm::default() };
        for (state, _) in OrdersPage::states() {
            let filter = form(state).filter().unwrap();
            assert_eq!(
                filter.state.is_some(),
                OrderState::ALL.iter().any(|one| one.word() == state),
                "{state}"
            );
        }
        assert_eq!(form("").filter().unwrap().open, Some(true));
        assert_eq!(form("over").queries().1, "open=false");
        assert!(form("eaten").filter().is_err());
        let asked = OrdersForm { text: "TK 1&2".into(), customer: "3".into(), ..form("shipped") };
        assert_eq!(asked.queries().1, "state=shipped&customer=3&text=TK+1%262");
        assert!(OrdersForm { customer: "x".into(), ..form("") }.filter().is_err());
    }
}
