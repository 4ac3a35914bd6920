//! Signing in and out.

use std::net::IpAddr;

use askama::Template;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Extension, Form, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::problem::Refusal;
use super::super::second_factor::{self, Shown};
use super::super::sign_in::is_password_of;
use super::super::who::{Perhaps, Remote, own_pages_only};
use super::super::{Operators, Shared, audit, session};
use super::{Frame, render};
use crate::audit::during;
use crate::clock;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    next: String,
    name: String,
    wrong: bool,
}

/// Where to go afterwards.
#[derive(Debug, Deserialize)]
pub(super) struct Next {
    next: Option<String>,
}

/// Only a path of our own: neither another host nor another scheme.
fn own_path(next: Option<String>) -> String {
    next.filter(|path| {
        path.starts_with('/')
            && !path.starts_with("//")
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    })
    .unwrap_or_else(|| "/".to_owned())
}

/// `GET /sign-in`.
pub(super) async fn page(
    Perhaps(operator): Perhaps,
    next: Result<Query<Next>, QueryRejection>,
) -> Result<Response, Refusal> {
    let next = own_path(next?.0.next);
    if operator.is_some() {
        return Ok(Redirect::to(&next).into_response());
    }
    let page = SignInPage { frame: Frame::new(None, false), next, name: String::new(), wrong: false };
    Ok(render(&page)?.into_response())
}

/// The form. It has no `Debug`, so that no log can show the password.
#[derive(Deserialize)]
pub(super) struct SignIn {
    name: String,
    password: String,
    next: Option<String>,
}

/// `POST /sign-in`.
pub(super) async fn sign_in(
    State(operators): Shared,
    Extension(Remote(remote)): Extension<Remote>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<SignIn>, FormRejection>,
) -> Result<Response, Refusal> {
    own_pages_only(&operators, &headers, &uri)?;
    let Form(SignIn { name, password, next }) =
        form.map_err(|rejection| Refusal::new(ProblemKind::InvalidRequest, rejection.body_text()))?;
    let next = own_path(next);
    if !is_password_of(&operators, remote, name.clone(), password).await? {
        tracing::warn!(%remote, "a sign-in failed");
        audit::failed(&operators, &name, remote, "wrong name or password").await?;
        let page: Html<String> =
            render(&SignInPage { frame: Frame::new(None, false), next, name, wrong: true })?;
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    }
    if let Some(half) = second_factor::asked_for(&operators, &name).await? {
        let page = CodePage { frame: Frame::new(None, false), next, half, wrong: false };
        return Ok(render(&page)?.into_response());
    }
    let_in(&operators, name, (remote, &headers), &next).await
}

/// Begins a session.
async fn let_in(
    operators: &Operators,
    name: String,
    (remote, headers): (IpAddr, &HeaderMap),
    next: &str,
) -> Result<Response, Refusal> {
    operators.known_addresses.remember(remote);
    tracing::info!(operator = name, %remote, "an operator signed in");
    let act = audit::sign_in(Some(name.clone()), remote);
    let began = session::begin(&operators.store, name, (remote, headers), clock::now());
    let cookie = during(act, began).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response())
}

#[derive(Template)]
#[template(path = "sign_in_code.html")]
struct CodePage {
    frame: Frame,
    next: String,
    half: String,
    wrong: bool,
}

/// The form behind the password. It has no `Debug`, so that no log can show the code.
#[derive(Deserialize)]
pub(super) struct CodeForm {
    half: String,
    code: String,
    next: Option<String>,
}

/// `POST /sign-in/code`.
pub(super) async fn code(
    State(operators): Shared,
    Extension(Remote(remote)): Extension<Remote>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<CodeForm>, FormRejection>,
) -> Result<Response, Refusal> {
    own_pages_only(&operators, &headers, &uri)?;
    let Form(CodeForm { half, code, next }) =
        form.map_err(|rejection| Refusal::new(ProblemKind::InvalidRequest, rejection.body_text()))?;
    let next = own_path(next);
    match second_factor::show(&operators, (&half, &code), remote).await? {
        Shown::Right(name) => let_in(&operators, name, (remote, &headers), &next).await,
        Shown::TooLate => Ok(Redirect::to("/sign-in").into_response()),
        Shown::Wrong(name) => {
            tracing::warn!(%remote, "a code at signing in was wrong");
            audit::failed(&operators, &name, remote, "wrong code").await?;
            let page = render(&CodePage { frame: Frame::new(None, false), next, half, wrong: true })?;
            Ok((StatusCode::UNAUTHORIZED, page).into_response())
        }
    }
}

/// `POST /sign-out`.
pub(super) async fn sign_out(
    State(operators): Shared,
    Extension(Remote(remote)): Extension<Remote>,
    Perhaps(who): Perhaps,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    own_pages_only(&operators, &headers, &uri)?;
    if let Some(hash) = session::of(&headers) {
        let ended = operators.store.end_session(hash);
        match who {
            Some(who) => during(audit::sign_out(&who, remote), ended).await?,
            None => ended.await?,
        }
        operators.people_changed().await;
    }
    Ok(([(header::SET_COOKIE, session::end()?)], Redirect::to("/sign-in")).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site_after_signing_in() {
        for next in
            ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "", "/a\r\nb"]
        {
            assert_eq!(own_path(Some(next.to_owned())), "/", "{next:?}");
        }
        assert_eq!(own_path(Some("/devices/lobby".to_owned())), "/devices/lobby");
    }
}
