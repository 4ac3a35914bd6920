//! That whatever is changed over the listener stands in the audit log, with how it went. The store writes entries of what it
//! does into the same transaction; of what else was asked, the guard of the address adds one when it is answered.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Query;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::Operators;
use super::problem::Refusal;
use super::who::{Operator, Remote};
use crate::audit::{Act, DONE, during};
use crate::clock;

/// Failed sign-ins of a minute that have an entry each; of more, only their number is written.
const FAILED_A_MINUTE: u32 = 120;
const MINUTE_MS: i64 = 60_000;
/// By what somebody signs in.
pub(super) const PASSWORD: &str = "password";
/// And by what else.
pub(super) const OPENID: &str = "OpenID Connect";
/// What signing in is called.
pub(super) const SIGN_IN: &str = "sign in";
/// What signing out is called.
pub(super) const SIGN_OUT: &str = "sign out";

/// What an operator asks for.
pub(super) fn act(
    operator: &Operator,
    parts: &Parts,
    (below, pattern): (&str, &str),
) -> Result<Arc<Act>, Refusal> {
    let remote = parts.extensions.get::<Remote>().map(|Remote(remote)| remote.to_string());
    let about = format!("{below}{}", parts.uri.path());
    let what = (format!("{} {below}{pattern}", parts.method), about.as_str());
    let (name, remote) = (Some(operator.name.clone()), remote.unwrap_or_default());
    Ok(Act::having_seen(seen(parts)?, name, operator.credential_words(), remote, what))
}

/// The marks of what was seen: a program sends them as `If-Match`, and a form of a page has one in its address.
fn seen(parts: &Parts) -> Result<Vec<String>, Refusal> {
    #[derive(Default, Deserialize)]
    struct Seen {
        #[serde(default)]
        seen: Option<String>,
    }
    let header = parts.headers.get(header::IF_MATCH).map(|value| value.to_str().unwrap_or_default());
    match header {
        Some("*") => Ok(Vec::new()),
        Some(marks) => {
            let marks = marks.split(',').map(str::trim).filter(|mark| !mark.is_empty());
            let marks = marks.map(unquoted).collect::<Result<Vec<_>, _>>()?;
            // Of an empty list nothing matches (RFC 9110, section 13.1.1).
            Ok(if marks.is_empty() { vec![String::new()] } else { marks })
        }
        None => {
            let asked = Query::<Seen>::try_from_uri(&parts.uri).map(|Query(asked)| asked);
            Ok(asked.unwrap_or_default().seen.into_iter().collect())
        }
    }
}

/// The mark in an `ETag`. A weak one is none that anything has.
fn unquoted(etag: &str) -> Result<String, Refusal> {
    let mark =
        etag.strip_prefix("W/").unwrap_or(etag).strip_prefix('"').and_then(|etag| etag.strip_suffix('"'));
    let mark = mark.filter(|mark| !mark.contains('"')).ok_or_else(|| {
        let why = format!("If-Match: {etag:?} is no ETag: send it as it came, with its quotes");
        Refusal::new(ProblemKind::InvalidRequest, why)
    })?;
    Ok(if etag.starts_with("W/") { etag.to_owned() } else { mark.to_owned() })
}

/// That somebody signs in, or tries to.
pub(super) fn sign_in(operator: Option<String>, by: &'static str, remote: IpAddr) -> Arc<Act> {
    Act::new(operator, by, remote.to_string(), (SIGN_IN.to_owned(), "/sign-in"))
}

/// That somebody signs out.
pub(super) fn sign_out(who: &Operator, remote: IpAddr) -> Arc<Act> {
    let what = (SIGN_OUT.to_owned(), "/sign-out");
    Act::new(Some(who.name.clone()), who.credential_words(), remote.to_string(), what)
}

/// How it went, in words.
fn outcome(status: StatusCode) -> String {
    match status {
        status if status.is_success() || status.is_redirection() => DONE.to_owned(),
        status if status.is_client_error() => format!("refused ({})", status.as_u16()),
        status => format!("failed ({})", status.as_u16()),
    }
}

/// Adds an entry of how an act went, unless what was done stands in one.
pub(super) async fn settle(operators: &Operators, act: &Arc<Act>, status: StatusCode) {
    let outcome = outcome(status);
    if outcome == DONE && act.is_written() {
        return;
    }
    if let Err(error) = operators.store.note_act(Arc::clone(act), outcome).await {
        tracing::error!(%error, act = act.act, operator = act.operator, "who did what could not be written");
    }
}

/// Does what was asked for to its end, also when whoever asked has gone: so that nothing is done without an entry.
pub(super) async fn whole(
    operators: Arc<Operators>,
    act: Arc<Act>,
    what: impl Future<Output = Response> + Send + 'static,
) -> Response {
    let task = tokio::spawn(async move {
        let response = during(Arc::clone(&act), what).await;
        settle(&operators, &act, response.status()).await;
        response
    });
    task.await.unwrap_or_else(|error| {
        tracing::error!(%error, "an operator's request ended without an answer");
        Refusal::new(ProblemKind::Internal, "the manager could not do this; its log says why").into_response()
    })
}

#[derive(Debug, Default)]
struct Minute {
    begun: i64,
    failed: u32,
}

/// What becomes of an entry of a failed sign-in.
#[derive(Debug, PartialEq, Eq)]
enum Written {
    Yes,
    /// And so many of an earlier minute were not.
    AndLeftOut(u32),
    No,
}

/// Counts failed sign-ins, so that guessing does not fill the log.
#[derive(Debug, Default)]
pub(super) struct FailedSignIns(Mutex<Minute>);

impl FailedSignIns {
    fn count(&self, now_ms: i64) -> Written {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = minute.failed.saturating_sub(FAILED_A_MINUTE);
        if now_ms.saturating_sub(minute.begun) >= MINUTE_MS || now_ms < minute.begun {
            *minute = Minute { begun: now_ms, failed: 1 };
            return if before > 0 { Written::AndLeftOut(before) } else { Written::Yes };
        }
        minute.failed = minute.failed.saturating_add(1);
        if minute.failed > FAILED_A_MINUTE { Written::No } else { Written::Yes }
    }
}

/// Adds an entry of a sign-in that failed. A name that nobody has is not written: people type passwords there.
pub(super) async fn failed(
    operators: &Operators,
    name: &str,
    (by, remote): (&'static str, IpAddr),
    why: &str,
) -> Result<(), Refusal> {
    let written = operators.failed.count(clock::now().as_millisecond());
    if written == Written::No {
        return Ok(());
    }
    if let Written::AndLeftOut(count) = written {
        let act = Act::new(None, by, "", (SIGN_IN.to_owned(), "/sign-in"));
        operators.store.note_act(act, format!("{count} more were refused in the minute before")).await?;
    }
    let known = match super::password::check_name(name) {
        Ok(()) => operators.store.operator(name.to_owned()).await?.map(|operator| operator.name),
        Err(_) => None,
    };
    operators.store.note_act(sign_in(known, by, remote), format!("refused ({why})")).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_failed_sign_ins_of_a_minute_the_rest_is_counted() {
        let failed = FailedSignIns::default();
        let written: Vec<Written> = (0..200).map(|_| failed.count(1_000_000)).collect();
        assert_eq!(written.iter().filter(|one| **one == Written::Yes).count(), 120);
        assert_eq!(failed.count(1_000_000 + MINUTE_MS), Written::AndLeftOut(80));
        assert_eq!(failed.count(1_000_001 + MINUTE_MS), Written::Yes);
    }

    #[test]
    fn how_it_went_is_said_by_what_was_answered() {
        for (status, words) in [
            (StatusCode::CREATED, "done"),
            (StatusCode::SEE_OTHER, "done"),
            (StatusCode::CONFLICT, "refused (409)"),
            (StatusCode::SERVICE_UNAVAILABLE, "failed (503)"),
        ] {
            assert_eq!(outcome(status), words);
        }
    }
}
