//! `/account`: one's own sessions, tokens and password.

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Extension, Form, Path, State};
use axum::response::{Html, Redirect};
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::Shared;
use super::super::credentials::{self, OwnPasswordForm, TokenForm};
use super::super::problem::Refusal;
use super::super::second_factor::{self, Enrolment};
use super::super::view::TokenView;
use super::super::who::{Operator, Remote};
use super::credentials::Held;
use super::{Frame, filters, render, render_at};
use crate::clock;
use crate::rights::Role;

/// The page.
const HERE: &str = "/account";

#[derive(Template)]
#[template(path = "people/account.html")]
struct AccountPage {
    frame: Frame,
    name: String,
    role: Role,
    /// What a token may be given.
    roles: Vec<Role>,
    held: Held,
    /// Whether there has to be a second factor before anything else is done.
    owes_second_factor: bool,
}

#[derive(Template)]
#[template(path = "people/token.html")]
struct TokenPage {
    frame: Frame,
    token: TokenView,
    secret: String,
}

/// `GET /account`.
pub(super) async fn page(State(operators): Shared, operator: Operator) -> Result<Html<String>, Refusal> {
    let held = Held::of(&operators, &operator.name, HERE.to_owned(), &operator).await?;
    let (name, role, owes_second_factor) =
        (operator.name.clone(), operator.role, operator.owes_second_factor);
    let roles = Role::ALL.into_iter().filter(|one| *one <= role).collect();
    let frame = Frame::new(Some(operator), false);
    render_at(&AccountPage { frame, name, role, roles, held, owes_second_factor }, clock::now())
}

fn unreadable(rejection: &FormRejection) -> Refusal {
    Refusal::new(ProblemKind::InvalidRequest, rejection.body_text())
}

/// What was typed. It has no `Debug`, so that no log can show the passwords.
#[derive(Deserialize)]
pub(super) struct Passwords {
    present: String,
    password: String,
    #[serde(default)]
    revoke_tokens: Option<String>,
}

/// `POST /account/password`.
pub(super) async fn change_password(
    State(operators): Shared,
    operator: Operator,
    Extension(Remote(remote)): Extension<Remote>,
    form: Result<Form<Passwords>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Form(Passwords { present, password, revoke_tokens }) = form.map_err(|error| unreadable(&error))?;
    let form = OwnPasswordForm { present, password, revoke_tokens: revoke_tokens.is_some() };
    credentials::change_own_password(&operators, form, remote, &operator).await?;
    Ok(Redirect::to("/sign-in"))
}

/// `POST /account/sessions/end`.
pub(super) async fn end_others(State(operators): Shared, operator: Operator) -> Result<Redirect, Refusal> {
    credentials::end_sessions(&operators, operator.name.clone(), &operator).await?;
    Ok(Redirect::to(HERE))
}

/// `POST /account/sessions/{id}/end`.
pub(super) async fn end(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<String>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    credentials::end_session(&operators, (operator.name.clone(), id), &operator).await?;
    Ok(Redirect::to(HERE))
}

/// What was typed.
#[derive(Debug, Deserialize)]
pub(super) struct Token {
    name: String,
    role: Role,
    days: i64,
}

/// `POST /account/tokens`: makes one, and shows it.
pub(super) async fn make_token(
    State(operators): Shared,
    operator: Operator,
    form: Result<Form<Token>, FormRejection>,
) -> Result<Html<String>, Refusal> {
    let Form(Token { name, role, days }) = form.map_err(|error| unreadable(&error))?;
    let form = TokenForm { name, role: Some(role), days: Some(days) };
    let (token, secret) = credentials::make_token(&operators, form, &operator).await?;
    render(&TokenPage { frame: Frame::new(Some(operator), false), token, secret })
}

/// `POST /account/tokens/{id}/revoke`.
pub(super) async fn revoke(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<String>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    credentials::revoke_token(&operators, (operator.name.clone(), id), &operator).await?;
    Ok(Redirect::to(HERE))
}

#[derive(Template)]
#[template(path = "people/second_factor.html")]
struct SecondFactorPage {
    frame: Frame,
    enrolment: Enrolment,
}

#[derive(Template)]
#[template(path = "people/recovery_codes.html")]
struct RecoveryCodesPage {
    frame: Frame,
    codes: Vec<String>,
}

/// `POST /account/second-factor`: begins one, and shows it.
pub(super) async fn begin_second_factor(
    State(operators): Shared,
    operator: Operator,
    Extension(Remote(remote)): Extension<Remote>,
    form: Result<Form<Present>, FormRejection>,
) -> Result<Html<String>, Refusal> {
    let Form(Present { present }) = form.map_err(|error| unreadable(&error))?;
    let enrolment = second_factor::begin(&operators, (present, remote), &operator).await?;
    render(&SecondFactorPage { frame: Frame::new(Some(operator), false), enrolment })
}

/// What was typed. It has no `Debug`.
#[derive(Deserialize)]
pub(super) struct CodeForm {
    code: String,
}

/// `POST /account/second-factor/confirm`: shows recovery codes, once.
pub(super) async fn confirm_second_factor(
    State(operators): Shared,
    operator: Operator,
    form: Result<Form<CodeForm>, FormRejection>,
) -> Result<Html<String>, Refusal> {
    let Form(CodeForm { code }) = form.map_err(|error| unreadable(&error))?;
    let codes = second_factor::confirm(&operators, &code, &operator).await?;
    render(&RecoveryCodesPage { frame: Frame::new(Some(operator), false), codes })
}

/// What was typed. It has no `Debug`.
#[derive(Deserialize)]
pub(super) struct Present {
    present: String,
}

/// `POST /account/second-factor/remove`.
pub(super) async fn remove_second_factor(
    State(operators): Shared,
    operator: Operator,
    Extension(Remote(remote)): Extension<Remote>,
    form: Result<Form<Present>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Form(Present { present }) = form.map_err(|error| unreadable(&error))?;
    second_factor::remove_own(&operators, (present, remote), &operator).await?;
    Ok(Redirect::to(HERE))
}
