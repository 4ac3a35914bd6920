//! `/people`: operators, what each may do, and of whose devices. For administrators.

use askama::Template;
use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{Html, Redirect};
use platen_protocol::problem::ProblemKind;
use platen_protocol::text::is_operator_name;
use serde::Deserialize;

use super::super::Shared;
use super::super::people::{self, LimitsForm, OperatorChange, OperatorForm, PasswordForm};
use super::super::problem::Refusal;
use super::super::view::OperatorView;
use super::super::who::Operator;
use super::credentials::{Held, percent_encode};
use super::details::{choices, chosen};
use super::{Frame, filters, render, render_at};
use crate::clock;
use crate::rights::Role;
use crate::store::{CustomerRecord, SiteRecord};

/// Operators on a page.
const ON_A_PAGE: u32 = 100;

/// Where a page of the list begins.
#[derive(Debug, Deserialize)]
pub(super) struct After {
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "people/list.html")]
struct PeoplePage {
    frame: Frame,
    people: Vec<OperatorView>,
    next: Option<String>,
    form: Filled,
    customers: Vec<(CustomerRecord, Vec<SiteRecord>)>,
    cut: bool,
}

#[derive(Template)]
#[template(path = "people/one.html")]
struct PersonPage {
    frame: Frame,
    person: OperatorView,
    form: Filled,
    customers: Vec<(CustomerRecord, Vec<SiteRecord>)>,
    cut: bool,
    held: Held,
}

#[derive(Template)]
#[template(path = "people/password.html")]
struct PasswordPage {
    frame: Frame,
    name: String,
    password: String,
}

/// What the form is filled with.
struct Filled {
    roles: [Role; 4],
    person: Option<OperatorView>,
}

impl Filled {
    const fn new(person: Option<OperatorView>) -> Self {
        Self { roles: Role::ALL, person }
    }

    /// Nobody gets more than was meant by not looking: the least is chosen.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates hand over references")]
    fn has_role(&self, role: &Role) -> bool {
        self.person.as_ref().map_or(Role::Viewer, |person| person.role) == *role
    }

    fn is_limited(&self) -> bool {
        self.person.as_ref().is_some_and(OperatorView::is_limited)
    }

    fn has_customer(&self, customer: &CustomerRecord) -> bool {
        self.person.as_ref().is_some_and(|person| person.has_customer(customer.key))
    }

    fn has_site(&self, site: &SiteRecord) -> bool {
        self.person.as_ref().is_some_and(|person| person.has_site(site.key))
    }
}

/// All of them.
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    after: Result<Query<After>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let Query(After { after }) = after?;
    let mut records =
        operators.store.operators(after.filter(|name| is_operator_name(name)), ON_A_PAGE + 1).await?;
    let most = usize::try_from(ON_A_PAGE).unwrap_or(usize::MAX);
    let more = records.len() > most;
    records.truncate(most);
    let next = records.last().filter(|_| more).map(|record| record.name.clone());
    let (customers, cut) = choices(&operators, &operator).await?;
    let people = records.into_iter().map(OperatorView::from).collect();
    let page = PeoplePage {
        frame: Frame::new(Some(operator), false),
        people,
        next,
        form: Filled::new(None),
        customers,
        cut,
    };
    render_at(&page, clock::now())
}

/// One of them.
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    name: Result<Path<String>, PathRejection>,
) -> Result<Html<String>, Refusal> {
    let Path(name) = name?;
    let person = people::one(&operators, name).await?;
    let (customers, cut) = choices(&operators, &operator).await?;
    let form = Filled::new(Some(person.clone()));
    let base = format!("/people/{}", percent_encode(&person.name));
    let held = Held::of(&operators, &person.name, base, &operator).await?;
    let frame = Frame::new(Some(operator), false);
    render_at(&PersonPage { frame, person, form, customers, cut, held }, clock::now())
}

/// What was typed.
struct Typed {
    name: String,
    change: OperatorChange,
}

/// A list of which several are chosen comes as several fields of one name.
fn typed(form: &[u8]) -> Result<Typed, Refusal> {
    let (mut name, mut role, mut limited) = (String::new(), Role::Viewer, false);
    let mut limits = LimitsForm::default();
    for (field, value) in form_urlencoded::parse(form) {
        match field.as_ref() {
            "name" => value.trim().clone_into(&mut name),
            "role" => {
                role = value.parse().map_err(|error: crate::rights::UnknownRole| {
                    Refusal::new(ProblemKind::InvalidRequest, error.to_string())
                })?;
            }
            "sees" => limited = value == "these",
            "limits" => match chosen(&value)? {
                Some(("site", key)) => limits.sites.push(key),
                Some((_, key)) => limits.customers.push(key),
                None => {}
            },
            _ => {}
        }
    }
    Ok(Typed { name, change: OperatorChange { role, limited_to: limited.then_some(limits) } })
}

/// Adds somebody, and shows the password.
pub(super) async fn add(
    State(operators): Shared,
    operator: Operator,
    form: Bytes,
) -> Result<Html<String>, Refusal> {
    let Typed { name, change: OperatorChange { role, limited_to } } = typed(&form)?;
    let form = OperatorForm { name: name.clone(), role, limited_to, password: None };
    let (_, password) = people::add(&operators, form, &operator).await?;
    let frame = Frame::new(Some(operator), false);
    render(&PasswordPage { frame, name, password: password.unwrap_or_default() })
}

/// Gives somebody another role and other limits.
pub(super) async fn save(
    State(operators): Shared,
    operator: Operator,
    name: Result<Path<String>, PathRejection>,
    form: Bytes,
) -> Result<Redirect, Refusal> {
    let Path(name) = name?;
    people::change(&operators, name, typed(&form)?.change, &operator).await?;
    Ok(Redirect::to("/people"))
}

/// Gives somebody another password, and shows it.
pub(super) async fn reset(
    State(operators): Shared,
    operator: Operator,
    name: Result<Path<String>, PathRejection>,
    form: Bytes,
) -> Result<Html<String>, Refusal> {
    let Path(name) = name?;
    let revoke_tokens = form_urlencoded::parse(&form).any(|(field, _)| field == "revoke_tokens");
    let form = PasswordForm { password: None, revoke_tokens };
    let password = people::reset(&operators, name.clone(), form, &operator).await?;
    // Whoever resets their own has been signed out by it.
    let frame = Frame::new(Some(operator), false);
    render(&PasswordPage { frame, name, password: password.unwrap_or_default() })
}

/// Removes somebody.
pub(super) async fn remove(
    State(operators): Shared,
    operator: Operator,
    name: Result<Path<String>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(name) = name?;
    people::remove(&operators, name, &operator).await?;
    Ok(Redirect::to("/people"))
}
