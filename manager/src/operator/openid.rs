//! Signing in by `OpenID` Connect. Nothing is kept here until somebody comes back: a cookie has a secret from which the rest follows,
//! and where to go afterwards.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue};
use platen_protocol::hex;
use platen_protocol::problem::ProblemKind;
use subtle::ConstantTimeEq as _;

use super::cookies::{self, SameSite};
use super::problem::Refusal;
use super::{Operators, password, sign_in};
use crate::openid::{Brought, OpenIdError, Provider, SignIn};
use crate::secret::{SECRET_BYTES, random_hex};

/// The browser sends it along when it comes back from the provider, which is another site.
const COOKIE_NAME: &str = "__Host-platen-openid";
/// How long people may take at the provider, in seconds.
const LIFE_SECONDS: i64 = 600;
/// Where the provider sends them back to.
pub(super) const BACK: &str = "/sign-in/openid/back";

/// What stands in the cookie.
struct Begun {
    secret: String,
    next: String,
}

fn begun(headers: &HeaderMap) -> Option<Begun> {
    let value = cookies::of(headers, COOKIE_NAME).next()?;
    let (secret, next) = value.split_once('.')?;
    let next = String::from_utf8(hex::decode(next)?).ok()?;
    (secret.len() == SECRET_BYTES * 2).then(|| Begun { secret: secret.to_owned(), next })
}

fn cookie(value: &str, seconds: i64) -> Result<HeaderValue, Refusal> {
    cookies::set(COOKIE_NAME, value, seconds, SameSite::Lax)
}

/// The cookie that ends it in the browser.
pub(super) fn end() -> Result<HeaderValue, Refusal> {
    cookie("", 0)
}

fn provider(operators: &Operators) -> Result<&Provider, Refusal> {
    operators.openid.as_ref().ok_or_else(|| Refusal::not_found("provider of OpenID Connect"))
}

/// Where a browser is sent, and the cookie that it keeps until it is back.
pub(super) async fn begin(
    operators: &Operators,
    origin: &str,
    next: &str,
) -> Result<(String, HeaderValue), Refusal> {
    let provider = provider(operators)?;
    let secret = random_hex::<SECRET_BYTES>().map_err(|error| Refusal::internal(&error))?;
    let redirect = format!("{origin}{BACK}");
    let to = provider.begin(&SignIn::new(&secret, &redirect)).await.map_err(|error| told(&error))?;
    Ok((to, cookie(&format!("{secret}.{}", hex::encode(next.as_bytes())), LIFE_SECONDS)?))
}

/// Who came back, and where that one wanted to go. What fails counts against the address alone: nobody elsewhere is kept out.
pub(super) async fn finish(
    operators: &Operators,
    (origin, headers): (&str, &HeaderMap),
    (state, brought): (Option<String>, Brought),
    remote: IpAddr,
) -> Result<(String, String), Refusal> {
    let provider = provider(operators)?;
    let Some(Begun { secret, next }) = begun(headers) else {
        return Err(Refusal::new(
            ProblemKind::InvalidRequest,
            "this sign-in was not begun in this browser, or it took too long: begin again",
        ));
    };
    let redirect = format!("{origin}{BACK}");
    let begun = SignIn::new(&secret, &redirect);
    let is_own = state.is_some_and(|state| bool::from(state.as_bytes().ct_eq(begun.state().as_bytes())));
    if !is_own {
        return Err(Refusal::new(
            ProblemKind::InvalidRequest,
            "this is not the sign-in that was begun: begin again",
        ));
    }
    let attempt = sign_in::attempt(operators, remote, &remote.to_string())?;
    let name = provider.finish(&begun, brought).await;
    // What the provider could not do is not the fault of who asks.
    if !matches!(name, Err(OpenIdError::No(_) | OpenIdError::Token(_))) {
        attempt.forgive();
    }
    Ok((name.map_err(|error| told(&error))?, next))
}

/// What people are told. The rest is for the log, where an administrator looks.
fn told(error: &OpenIdError) -> Refusal {
    tracing::warn!(%error, "a sign-in by OpenID Connect failed");
    match error {
        OpenIdError::No(_) => Refusal::new(ProblemKind::NotSignedIn, error.to_string()),
        OpenIdError::Token(_) => Refusal::new(
            ProblemKind::NotSignedIn,
            "what the provider says of you cannot be believed; the manager's log says why",
        ),
        OpenIdError::Provider(_) | OpenIdError::Own(_) => Refusal::new(
            ProblemKind::Unavailable,
            "the provider cannot be asked at the moment; the manager's log says why. Sign in with your password, or try again",
        ),
    }
}

/// The operator of that name, who has to be there: who may do what is said here, not by the provider.
pub(super) async fn operator(operators: &Operators, name: &str) -> Result<Option<String>, Refusal> {
    if password::check_name(name).is_err() {
        return Ok(None);
    }
    Ok(operators.store.operator(name.to_owned()).await?.map(|operator| operator.name))
}

#[cfg(test)]
mod tests {
    use axum::http::header::COOKIE;

    use super::*;

    #[test]
    fn what_stands_in_the_cookie_is_read_again_and_what_is_none_is_not() {
        let secret = "ab".repeat(SECRET_BYTES);
        let kept = cookie(&format!("{secret}.{}", hex::encode(b"/meters?a=1;b")), 600).unwrap();
        let kept = kept.to_str().unwrap();
        assert!(kept.contains("; Secure; HttpOnly; SameSite=Lax"), "{kept}");
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, kept.split(';').next().unwrap().parse().unwrap());
        let Begun { secret: read, next } = begun(&headers).unwrap();
        assert_eq!((read, next.as_str()), (secret, "/meters?a=1;b"));
        for wrong in
            ["", "x", "ab.2f", "__Host-platen-openid=ab.2f", "__Host-platen-openid=", "__Host-platen=ab.2f"]
        {
            headers.insert(COOKIE, wrong.parse().unwrap());
            assert!(begun(&headers).is_none(), "{wrong}");
        }
    }
}
