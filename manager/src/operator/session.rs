//! Sessions of the pages: a random word in a cookie, of which the store knows only the hash.

use std::net::IpAddr;

use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};

use crate::secret::{SECRET_BYTES, fingerprint, random_hex};
use crate::store::{NewSession, Store};

use super::cookies::{self, SameSite};
use super::problem::Refusal;

/// What the cookie is called.
const COOKIE_NAME: &str = "__Host-platen";
/// A working day; then people sign in again, however busy they are.
pub(super) const LIFE: SignedDuration = SignedDuration::from_hours(12);
/// What is kept of what a browser says of itself, in characters.
const MAX_BROWSER_CHARS: usize = 200;

/// The hash of the session that a request brings, if it brings one.
pub(super) fn of(headers: &HeaderMap) -> Option<String> {
    let mut secrets = cookies::of(headers, COOKIE_NAME);
    secrets.find(|secret| secret.len() == SECRET_BYTES * 2).map(|secret| fingerprint(secret.as_bytes()))
}

/// What a browser says of itself, as far as it is kept.
fn browser(headers: &HeaderMap) -> String {
    let said = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.chars().take(MAX_BROWSER_CHARS).collect()
}

/// Whose session begins.
pub(super) struct New {
    pub(super) operator: String,
    /// Whether a provider of `OpenID` Connect said who it is.
    pub(super) by_provider: bool,
}

/// Begins a session, and gives the cookie.
pub(super) async fn begin(
    store: &Store,
    New { operator, by_provider }: New,
    (remote, headers): (IpAddr, &HeaderMap),
    now: Timestamp,
) -> Result<HeaderValue, Refusal> {
    let secret = random_hex::<SECRET_BYTES>().map_err(|error| Refusal::internal(&error))?;
    let hash = fingerprint(secret.as_bytes());
    let (address, browser) = (remote.to_string(), browser(headers));
    store
        .add_session(NewSession { hash, operator, expires: now + LIFE, address, browser, by_provider }, now)
        .await?;
    cookie(&secret, LIFE.as_secs())
}

/// The cookie that ends a session in the browser.
pub(super) fn end() -> Result<HeaderValue, Refusal> {
    cookie("", 0)
}

fn cookie(value: &str, seconds: i64) -> Result<HeaderValue, Refusal> {
    cookies::set(COOKIE_NAME, value, seconds, SameSite::Strict)
}
