//! Cookies of this manager's pages. Each name begins with `__Host-`: browsers refuse it unless it is Secure, for `/`, and of this
//! host alone.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

use super::problem::Refusal;

/// To where a browser sends a cookie along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SameSite {
    /// Only from our own pages.
    Strict,
    /// Also when another site sends the browser here.
    Lax,
}

/// What a request brings under a name, each time that it brings something.
pub(super) fn of<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .filter(move |(own, _)| *own == name)
        .map(|(_, value)| value)
}

/// A cookie that scripts do not see, for so many seconds; with 0 it ends.
pub(super) fn set(name: &str, value: &str, seconds: i64, site: SameSite) -> Result<HeaderValue, Refusal> {
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite={site:?}");
    let mut cookie = HeaderValue::from_str(&text).map_err(|error| Refusal::internal(&error))?;
    cookie.set_sensitive(true);
    Ok(cookie)
}
