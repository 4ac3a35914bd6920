//! Who asks. Only these extractors yield an operator: by a bearer token, or by the session cookie. A
//! request that changes something and rides on the cookie must come from our own pages.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use platen_protocol::problem::ProblemKind;

use super::origin::Origin;
use super::problem::Refusal;
use super::{Operators, session};
use crate::clock;
use crate::secret::fingerprint;
use crate::store::Scope;

/// Where a request came from: the client itself where a trusted proxy carries it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remote(pub(super) IpAddr);

/// An operator.
#[derive(Debug, Clone)]
pub(super) struct Operator {
    pub(super) name: String,
}

impl Operator {
    /// What of the fleet this operator may see: today, all.
    #[expect(clippy::unused_self, reason = "whose scope it is")]
    pub(super) const fn scope(&self) -> &'static Scope {
        &Scope::All
    }
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
        if !is_safe(&parts.method) {
            own_pages_only(operators, &parts.headers, &parts.uri)?;
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

/// Refuses what another site made a browser send.
pub(super) fn own_pages_only(operators: &Operators, headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
    if from_own_pages(headers, uri, operators.public_origin.as_ref()) {
        return Ok(());
    }
    tracing::info!(
        origin = text(headers, header::ORIGIN),
        host = host(headers, uri),
        "a request of another origin was refused; if people come through a reverse proxy, public_origin must say by which address"
    );
    Err(Refusal::new(
        ProblemKind::OtherOrigin,
        "this request came from a page of another site, or from a program that should send a bearer token; behind a reverse proxy, the manager needs to know its own address (public_origin)",
    ))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// HTTP/2 carries the host in the address, HTTP/1.1 in a header.
fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    uri.authority().map(axum::http::uri::Authority::as_str).or_else(|| text(headers, header::HOST))
}

/// Whether a request was made by a page of this manager: browsers say so, and other sites cannot make
/// them say it. A request that says nothing is none of ours.
fn from_own_pages(headers: &HeaderMap, uri: &Uri, public: Option<&Origin>) -> bool {
    // A browser compares the page's origin with the address that it asks, whatever a proxy makes of `Host`.
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    // Older ones (Safari before 16.4) name the origin.
    text(headers, header::ORIGIN).is_some_and(|origin| {
        origin.strip_prefix("https://").is_some_and(|origin| Some(origin) == host(headers, uri))
            || public.is_some_and(|public| public.is(origin))
    })
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
        assert!(from_own_pages(&ours, &h1, None));
        assert!(from_own_pages(&headers(&[("origin", "https://m:8080")]), &h2, None));
        for origin in ["https://evil.example", "http://m:8080", "null", "https://m:8080.evil.example"] {
            let theirs = headers(&[("host", "m:8080"), ("origin", origin)]);
            assert!(!from_own_pages(&theirs, &h1, None), "{origin}");
        }
        assert!(
            !from_own_pages(&headers(&[("host", "m:8080")]), &h1, None),
            "a silent request is none of ours"
        );
    }

    #[test]
    fn behind_a_proxy_that_rewrites_the_host_the_browser_or_the_configuration_says_which_pages_are_ours() {
        let uri: Uri = "/x".parse().unwrap();
        let rewritten = [("host", "127.0.0.1:8080"), ("origin", "https://platen.example.org")];
        assert!(!from_own_pages(&headers(&rewritten), &uri, None));
        let public = Origin::try_from("https://platen.example.org".to_owned()).unwrap();
        assert!(from_own_pages(&headers(&rewritten), &uri, Some(&public)));
        let other = headers(&[("host", "127.0.0.1:8080"), ("origin", "https://evil.example")]);
        assert!(!from_own_pages(&other, &uri, Some(&public)));
        for (site, ours) in
            [("same-origin", true), ("same-site", false), ("cross-site", false), ("none", false)]
        {
            let mut said = headers(&rewritten);
            said.insert("sec-fetch-site", axum::http::HeaderValue::from_static(site));
            assert_eq!(from_own_pages(&said, &uri, None), ours, "{site}");
        }
    }
}
