//! Who asks. Only these extractors yield an operator: by a bearer token, or by the session cookie. A
//! request that changes something and rides on the cookie must come from our own pages.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use platen_protocol::problem::ProblemKind;

use super::problem::Refusal;
use super::{Operators, session};
use crate::clock;
use crate::secret::fingerprint;

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remote(pub(super) IpAddr);

/// An operator.
#[derive(Debug, Clone)]
pub(super) struct Operator {
    pub(super) name: String,
}

impl FromRequestParts<Arc<Operators>> for Operator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, operators: &Arc<Operators>) -> Result<Self, Refusal> {
        if let Some(token) = bearer(&parts.headers) {
            let found = operators.store.operator_of_token(fingerprint(token.as_bytes())).await?;
            return found.map(|name| Self { name }).ok_or_else(|| {
                Refusal::new(
                    ProblemKind::NotSignedIn,
                    "the bearer token is unknown; create one with `platen-manager operator token`",
                )
            });
        }
        let Some(hash) = session::of(&parts.headers) else {
            return Err(Refusal::new(
                ProblemKind::NotSignedIn,
                "send `Authorization: Bearer ...` or sign in",
            ));
        };
        if !is_safe(&parts.method) && !from_own_pages(&parts.headers, &parts.uri) {
            return Err(from_elsewhere());
        }
        let found = operators.store.operator_of_session(hash, clock::now()).await?;
        found
            .map(|name| Self { name })
            .ok_or_else(|| Refusal::new(ProblemKind::NotSignedIn, "the session has ended; sign in again"))
    }
}

impl OptionalFromRequestParts<Arc<Operators>> for Operator {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        operators: &Arc<Operators>,
    ) -> Result<Option<Self>, Refusal> {
        match <Self as FromRequestParts<_>>::from_request_parts(parts, operators).await {
            Ok(operator) => Ok(Some(operator)),
            Err(refusal) if refusal.0.kind == ProblemKind::NotSignedIn => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }
}

/// An operator who looks at pages: who is not signed in is sent to sign in.
pub(super) struct PageOperator(pub(super) Operator);

impl FromRequestParts<Arc<Operators>> for PageOperator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, operators: &Arc<Operators>) -> Result<Self, Response> {
        match <Operator as FromRequestParts<_>>::from_request_parts(parts, operators).await {
            Ok(operator) => Ok(Self(operator)),
            Err(refusal) if refusal.0.kind == ProblemKind::NotSignedIn => {
                let next = if is_safe(&parts.method) { parts.uri.path() } else { "/" };
                Err(Redirect::to(&format!("/sign-in?next={next}")).into_response())
            }
            Err(refusal) => Err(refusal.into_response()),
        }
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Whether a request was made by a page of this manager: browsers say so, and other sites cannot make
/// them say it. A request that says nothing is none of ours.
pub(super) fn from_own_pages(headers: &HeaderMap, uri: &Uri) -> bool {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    // HTTP/2 carries the host in the address, HTTP/1.1 in a header.
    let host = uri.authority().map(axum::http::uri::Authority::as_str).or_else(|| text(header::HOST));
    match (text(header::ORIGIN), host) {
        (Some(origin), Some(host)) => origin.strip_prefix("https://") == Some(host),
        (Some(_), None) => false,
        (None, _) => headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin"),
    }
}

/// The refusal of a request that another site made a browser send.
pub(super) fn from_elsewhere() -> Refusal {
    Refusal::new(
        ProblemKind::OtherOrigin,
        "this request came from a page of another site, or from a program that should send a bearer token",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), axum::http::HeaderValue::from_static(value)))
            .collect::<HeaderMap>()
    }

    #[test]
    fn only_our_own_pages_may_ask_for_changes() {
        let (h1, h2): (Uri, Uri) = ("/x".parse().unwrap(), "https://m:8080/x".parse().unwrap());
        let ours = headers(&[("host", "m:8080"), ("origin", "https://m:8080")]);
        assert!(from_own_pages(&ours, &h1));
        assert!(from_own_pages(&headers(&[("origin", "https://m:8080")]), &h2));
        for origin in ["https://evil.example", "http://m:8080", "null", "https://m:8080.evil.example"] {
            assert!(!from_own_pages(&headers(&[("host", "m:8080"), ("origin", origin)]), &h1), "{origin}");
        }
        assert!(!from_own_pages(&headers(&[("host", "m:8080")]), &h1), "a silent request is none of ours");
        assert!(from_own_pages(&headers(&[("sec-fetch-site", "same-origin")]), &h1));
        assert!(!from_own_pages(&headers(&[("sec-fetch-site", "same-site")]), &h1));
    }
}
