//! By what somebody is let in, on pages: sessions and tokens of operators, and tokens with which devices enrol. For
//! administrators; what is one's own is on [`super::account`].

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{Html, Redirect};

use super::super::problem::Refusal;
use super::super::view::{EnrolmentTokenView, SessionView, TokenView};
use super::super::who::Operator;
use super::super::{Operators, Shared, credentials, second_factor, session};
use super::{Frame, filters, render_at};
use crate::clock;
use crate::store::SESSION_IDLE;

/// What lets an operator in.
pub(super) struct Held {
    pub(super) sessions: Vec<SessionView>,
    pub(super) tokens: Vec<TokenView>,
    /// Whether a code is asked for beside the password; then, how many recovery codes are left.
    pub(super) second_factor: Option<u32>,
    /// Below which address each is ended.
    pub(super) base: String,
}

impl Held {
    pub(super) async fn of(
        operators: &Operators,
        name: &str,
        base: String,
        by: &Operator,
    ) -> Result<Self, Refusal> {
        let sessions = credentials::sessions(operators, name.to_owned(), by).await?;
        let tokens = credentials::tokens(operators, name.to_owned()).await?;
        let factor = operators.store.second_factor(name.to_owned()).await?;
        let second_factor = factor.filter(|(factor, _)| factor.is_confirmed).map(|(_, left)| left);
        Ok(Self { sessions, tokens, second_factor, base })
    }

    pub(super) fn has_this(&self) -> bool {
        self.sessions.iter().any(|session| session.is_this)
    }

    pub(super) fn has_others(&self) -> bool {
        self.sessions.iter().any(|session| !session.is_this)
    }

    #[expect(clippy::unused_self, reason = "templates ask what they are filled with")]
    pub(super) const fn idle_hours(&self) -> i64 {
        SESSION_IDLE.as_hours()
    }

    #[expect(clippy::unused_self, reason = "templates ask what they are filled with")]
    pub(super) const fn life_hours(&self) -> i64 {
        session::LIFE.as_hours()
    }
}

/// A name as a part of an address.
pub(super) fn percent_encode(name: &str) -> String {
    use std::fmt::Write as _;
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

fn back_to(name: &str) -> Redirect {
    Redirect::to(&format!("/people/{}", percent_encode(name)))
}

/// Ends all sessions of somebody.
pub(super) async fn end_all(
    State(operators): Shared,
    operator: Operator,
    name: Result<Path<String>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(name) = name?;
    credentials::end_sessions(&operators, name.clone(), &operator).await?;
    Ok(back_to(&name))
}

/// Ends a session of somebody.
pub(super) async fn end(
    State(operators): Shared,
    operator: Operator,
    which: Result<Path<(String, String)>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path((name, id)) = which?;
    credentials::end_session(&operators, (name.clone(), id), &operator).await?;
    Ok(back_to(&name))
}

/// Takes somebody's second factor away, who has lost it.
pub(super) async fn remove_second_factor(
    State(operators): Shared,
    operator: Operator,
    name: Result<Path<String>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(name) = name?;
    second_factor::remove(&operators, name.clone(), &operator).await?;
    Ok(back_to(&name))
}

/// Takes a token of somebody back.
pub(super) async fn revoke(
    State(operators): Shared,
    operator: Operator,
    which: Result<Path<(String, String)>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path((name, id)) = which?;
    credentials::revoke_token(&operators, (name.clone(), id), &operator).await?;
    Ok(back_to(&name))
}

#[derive(Template)]
#[template(path = "people/enrolment_tokens.html")]
struct EnrolmentTokensPage {
    frame: Frame,
    tokens: Vec<EnrolmentTokenView>,
}

/// Tokens with which devices enrol.
pub(super) async fn enrolment_tokens(
    State(operators): Shared,
    operator: Operator,
) -> Result<Html<String>, Refusal> {
    let tokens = credentials::enrolment_tokens(&operators).await?;
    render_at(&EnrolmentTokensPage { frame: Frame::new(Some(operator), false), tokens }, clock::now())
}

/// Takes one of them back.
pub(super) async fn revoke_enrolment_token(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<String>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    credentials::revoke_enrolment_token(&operators, id, &operator).await?;
    Ok(Redirect::to("/enrolment-tokens"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_an_address_leaves_it_an_address() {
        assert_eq!(percent_encode("anna.b-1_x"), "anna.b-1_x");
        assert_eq!(percent_encode("a/b?c@d é"), "a%2Fb%3Fc%40d%20%C3%A9");
    }
}
