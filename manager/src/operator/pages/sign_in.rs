//! Signing in and out.

use std::net::IpAddr;

use askama::Template;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Extension, Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{AppendHeaders, Html, IntoResponse as _, Redirect, Response};
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::audit::{OPENID, PASSWORD};
use super::super::problem::Refusal;
use super::super::second_factor::{self, Shown};
use super::super::sign_in::is_password_of;
use super::super::who::{Perhaps, Remote, own_origin, own_pages_only};
use super::super::{Operators, Shared, audit, openid, session};
use super::{Frame, render};
use crate::audit::during;
use crate::clock;
use crate::openid::Brought;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    next: String,
    name: String,
    wrong: bool,
    /// What the button says of the provider that there is beside passwords.
    openid: Option<String>,
}

impl SignInPage {
    fn new(operators: &Operators, next: String, name: String, wrong: bool) -> Self {
        let openid = operators.openid.as_ref().map(|provider| provider.label().to_owned());
        Self { frame: Frame::new(None, false), next, name, wrong, openid }
    }
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
    State(operators): Shared,
    Perhaps(operator): Perhaps,
    next: Result<Query<Next>, QueryRejection>,
) -> Result<Response, Refusal> {
    let next = own_path(next?.0.next);
    if operator.is_some() {
        return Ok(Redirect::to(&next).into_response());
    }
    Ok(render(&SignInPage::new(&operators, next, String::new(), false))?.into_response())
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
        audit::failed(&operators, &name, (PASSWORD, remote), "wrong name or password").await?;
        let page: Html<String> = render(&SignInPage::new(&operators, next, name, true))?;
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    }
    if let Some(half) = second_factor::asked_for(&operators, &name).await? {
        let page = CodePage { frame: Frame::new(None, false), next, half, wrong: false };
        return Ok(render(&page)?.into_response());
    }
    signed_in(&operators, name, (remote, &headers), &next).await
}

/// Lets somebody in whose password was right.
async fn signed_in(
    operators: &Operators,
    name: String,
    from: (IpAddr, &HeaderMap),
    next: &str,
) -> Result<Response, Refusal> {
    let cookie = let_in(operators, (name, PASSWORD), from).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response())
}

/// Begins a session; gives its cookie.
async fn let_in(
    operators: &Operators,
    (name, by): (String, &'static str),
    (remote, headers): (IpAddr, &HeaderMap),
) -> Result<HeaderValue, Refusal> {
    operators.known_addresses.remember(remote);
    tracing::info!(operator = name, %remote, by, "an operator signed in");
    let act = audit::sign_in(Some(name.clone()), by, remote);
    let session = session::New { operator: name, by_provider: by == OPENID };
    during(act, session::begin(&operators.store, session, (remote, headers), clock::now())).await
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
        Shown::Right(name) => signed_in(&operators, name, (remote, &headers), &next).await,
        Shown::TooLate => Ok(Redirect::to("/sign-in").into_response()),
        Shown::Wrong(name) => {
            tracing::warn!(%remote, "a code at signing in was wrong");
            audit::failed(&operators, &name, (PASSWORD, remote), "wrong code").await?;
            let page = render(&CodePage { frame: Frame::new(None, false), next, half, wrong: true })?;
            Ok((StatusCode::UNAUTHORIZED, page).into_response())
        }
    }
}

#[derive(Template)]
#[template(path = "signed_in.html")]
struct SignedInPage {
    frame: Frame,
    next: String,
}

/// `GET /sign-in/openid`: sends the browser to the provider.
pub(super) async fn begin_openid(
    State(operators): Shared,
    uri: Uri,
    headers: HeaderMap,
    next: Result<Query<Next>, QueryRejection>,
) -> Result<Response, Refusal> {
    let next = own_path(next?.0.next);
    let (to, cookie) = openid::begin(&operators, &origin(&operators, &headers, &uri)?, &next).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&to)).into_response())
}

fn origin(operators: &Operators, headers: &HeaderMap, uri: &Uri) -> Result<String, Refusal> {
    own_origin(operators, headers, uri).ok_or_else(|| {
        Refusal::new(ProblemKind::InvalidRequest, "the request does not say to which host it is made")
    })
}

/// What the provider sends a browser back with.
#[derive(Debug, Deserialize)]
pub(super) struct Back {
    state: Option<String>,
    #[serde(flatten)]
    brought: Brought,
}

/// `GET /sign-in/openid/back`: somebody comes back from the provider.
pub(super) async fn openid_back(
    State(operators): Shared,
    Extension(Remote(remote)): Extension<Remote>,
    uri: Uri,
    headers: HeaderMap,
    back: Result<Query<Back>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(Back { state, brought }) = back?;
    let origin = origin(&operators, &headers, &uri)?;
    let (said, next) = match openid::finish(&operators, (&origin, &headers), (state, brought), remote).await {
        Ok(found) => found,
        Err(refusal) => {
            audit::failed(&operators, "", (OPENID, remote), &refusal.0.detail).await?;
            return Ok(([(header::SET_COOKIE, openid::end()?)], refusal).into_response());
        }
    };
    let Some(name) = openid::operator(&operators, &said).await? else {
        tracing::warn!(%remote, name = said, "the provider knows somebody who is no operator here");
        audit::failed(&operators, "", (OPENID, remote), "nobody of that name is an operator").await?;
        let why = format!(
            "the provider knows you as {said:?}, and no operator has that name here: ask an administrator to add one"
        );
        let refusal = Refusal::new(ProblemKind::RightMissing, why);
        return Ok(([(header::SET_COOKIE, openid::end()?)], refusal).into_response());
    };
    let cookie = let_in(&operators, (name, OPENID), (remote, &headers)).await?;
    // The session's cookie is not sent to where another site sends a browser: this page sends it on.
    let page = render(&SignedInPage { frame: Frame::new(None, false), next: own_path(Some(next)) })?;
    let cookies = AppendHeaders([(header::SET_COOKIE, cookie), (header::SET_COOKIE, openid::end()?)]);
    Ok((cookies, page).into_response())
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
