//! Who asks: by a bearer token, or by the session cookie. A request that changes something and rides on the cookie must come
//! from our own pages. Only the guard of an address ([`super::guard`]) lets an operator in.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, Uri, header};
use jiff::Timestamp;
use platen_protocol::problem::ProblemKind;

use super::origin::Origin;
use super::problem::Refusal;
use super::{Operators, session};
use crate::clock;
use crate::rights::{Right, Role};
use crate::secret::{fingerprint, short};
use crate::store::{Scope, Signed, StoreError};

/// Where a request came from: the client itself where a trusted proxy carries it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remote(pub(super) IpAddr);

/// By what an operator is let in: the fingerprint of its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credential {
    /// A bearer token.
    Token(String),
    /// The cookie of a session.
    Session(String),
}

/// An operator, as far as it was let in.
#[derive(Debug, Clone)]
pub(super) struct Operator {
    pub(super) name: String,
    pub(super) role: Role,
    scope: Scope,
    credential: Credential,
    /// When that ends by itself.
    pub(super) until: Option<Timestamp>,
    /// Whether a second factor has to be set up before anything else.
    pub(super) owes_second_factor: bool,
}

/// Why somebody may do nothing yet.
pub(super) const SECOND_FACTOR_OWED: &str =
    "your role needs a second factor here: set one up on the page of your account (/account)";

impl Operator {
    fn new(operators: &Operators, signed: Signed, credential: Credential) -> Self {
        let Signed { name, role, scope, until, has_second_factor } = signed;
        // A program shows no codes: its token was made by somebody who did.
        let is_person = matches!(credential, Credential::Session(_));
        let owes_second_factor =
            is_person && !has_second_factor && operators.second_factor_for.contains(&role);
        Self { name, role, scope, credential, until, owes_second_factor }
    }

    /// The hash of the session by which this operator was let in, if by one.
    pub(super) fn session(&self) -> Option<&str> {
        match &self.credential {
            Credential::Session(hash) => Some(hash),
            Credential::Token(_) => None,
        }
    }

    /// By what this operator was let in, as lists know it.
    pub(super) fn credential_words(&self) -> String {
        match &self.credential {
            Credential::Session(hash) => format!("session {}", short(hash)),
            Credential::Token(hash) => format!("token {}", short(hash)),
        }
    }

    /// Whether a program asks.
    pub(super) const fn is_token(&self) -> bool {
        matches!(self.credential, Credential::Token(_))
    }

    /// What of the fleet this operator may see.
    pub(super) const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether this operator has a right.
    pub(super) fn may(&self, right: Right) -> bool {
        self.role.has(right)
            && !(self.owes_second_factor && right != Right::Own)
            && (self.scope == Scope::All || !right.is_of_all())
    }

    /// Refuses what this operator has no right to.
    pub(super) fn check(&self, right: Right) -> Result<(), Refusal> {
        if self.may(right) {
            return Ok(());
        }
        let (word, what, role) = (right.word(), right.what(), self.role);
        let why = if self.owes_second_factor && role.has(right) {
            SECOND_FACTOR_OWED.to_owned()
        } else if role.has(right) {
            format!(
                "this needs the right `{word}` ({what}), which reaches beyond the customers and sites that you are limited to"
            )
        } else {
            let roles: Vec<&str> = right.roles().map(Role::word).collect();
            format!(
                "this needs the right `{word}` ({what}); your role, {role}, does not have it, but {} does",
                roles.join(" or ")
            )
        };
        Err(Refusal::new(ProblemKind::RightMissing, why))
    }
}

async fn signed(operators: &Operators, credential: &Credential) -> Result<Option<Signed>, StoreError> {
    let now = clock::now();
    match credential {
        Credential::Token(hash) => operators.store.operator_of_token(hash.clone(), now).await,
        Credential::Session(hash) => operators.store.operator_of_session(hash.clone(), now).await,
    }
}

/// Who made a request.
pub(super) async fn ask(operators: &Operators, parts: &Parts) -> Result<Operator, Refusal> {
    let (credential, else_why) = if let Some(token) = bearer(&parts.headers) {
        let why = "the bearer token is unknown or has ended; create one with `platen-manager operator token`";
        (Credential::Token(fingerprint(token.as_bytes())), why)
    } else if let Some(hash) = session::of(&parts.headers) {
        if !is_safe(&parts.method) {
            own_pages_only(operators, &parts.headers, &parts.uri)?;
        }
        (Credential::Session(hash), "the session has ended; sign in again")
    } else {
        return Err(Refusal::new(ProblemKind::NotSignedIn, "send `Authorization: Bearer ...` or sign in"));
    };
    let found = signed(operators, &credential).await?;
    let found = found.ok_or_else(|| Refusal::new(ProblemKind::NotSignedIn, else_why))?;
    operators.uses.note(&credential, clock::now());
    Ok(Operator::new(operators, found, credential))
}

/// Whether an operator is let in now as before: the same, with when that ends by itself now.
pub(super) async fn again(
    operators: &Operators,
    operator: &Operator,
) -> Result<Option<Option<Timestamp>>, StoreError> {
    let now = signed(operators, &operator.credential).await?;
    let same = now.filter(|now| (now.role, &now.scope) == (operator.role, &operator.scope));
    Ok(same.map(|now| now.until))
}

impl FromRequestParts<Arc<Operators>> for Operator {
    type Rejection = Refusal;

    /// The guard of the address has let it in ([`super::guard`]).
    async fn from_request_parts(parts: &mut Parts, _: &Arc<Operators>) -> Result<Self, Refusal> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            Refusal::new(ProblemKind::Internal, "nobody was let in at this address: it states no right")
        })
    }
}

/// Who made a request at an address that is open to strangers, if it is an operator.
pub(super) struct Perhaps(pub(super) Option<Operator>);

impl FromRequestParts<Arc<Operators>> for Perhaps {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, operators: &Arc<Operators>) -> Result<Self, Refusal> {
        match ask(operators, parts).await {
            Ok(operator) => Ok(Self(Some(operator))),
            Err(refusal) if refusal.0.kind == ProblemKind::NotSignedIn => Ok(Self(None)),
            Err(refusal) => Err(refusal),
        }
    }
}

pub(super) fn is_safe(method: &Method) -> bool {
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

/// The address by which a browser came: ours for people, as far as it is known.
pub(super) fn own_origin(operators: &Operators, headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let public = operators.public_origin.as_ref().map(ToString::to_string);
    public.or_else(|| host(headers, uri).map(|host| format!("https://{host}")))
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
