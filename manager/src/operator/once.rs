//! A program that heard no answer asks again, and what it asked for is done once: by a key of its own in `Idempotency-Key`
//! (draft-ietf-httpapi-idempotency-key-header-07). What was answered the first time is answered again for a day.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use platen_protocol::problem::ProblemKind;

use super::problem::Refusal;
use super::{MAX_BODY_BYTES, Operators};
use crate::clock;
use crate::secret::fingerprint;
use crate::store::{KeptAnswer, KeyState};

/// Says under which key something is asked for.
pub(super) const HEADER: &str = "idempotency-key";
/// What a key is, for the document: visible characters of ASCII, with quotes around them or without.
pub(super) const PATTERN: &str = r#"^("[!#-\[\]-~]{1,200}"|[!#-\[\]-~]{1,200})$"#;
/// The longest key.
const MAX_KEY_BYTES: usize = 200;
/// The longest answer that is kept, in bytes.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// Headers of an answer that are kept with it.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];

/// Something that is asked for under a key.
pub(super) struct Once {
    operator: String,
    key: String,
    /// Whether its answer shows what is never shown again.
    shows_secret: bool,
}

/// What becomes of something that is asked for.
pub(super) enum Begun {
    /// It is to be done; where it has a key, its answer is to be kept.
    First(Option<Once>, Request),
    /// It was answered before.
    Before(Response),
}

/// The key, if there is one.
fn key(parts: &Parts) -> Result<Option<String>, Refusal> {
    let Some(value) = parts.headers.get(HEADER).filter(|_| parts.method == Method::POST) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let is_visible = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    if bare.is_empty() || bare.len() > MAX_KEY_BYTES || !bare.bytes().all(is_visible) {
        return Err(Refusal::new(
            ProblemKind::InvalidRequest,
            format!(
                "Idempotency-Key has to be 1 to {MAX_KEY_BYTES} visible characters of ASCII without \\ and \", such as a UUID"
            ),
        ));
    }
    Ok(Some(bare.to_owned()))
}

/// Looks whether it was asked for before.
pub(super) async fn begin(
    operators: &Operators,
    operator: &str,
    shows_secret: bool,
    (parts, body): (Parts, Body),
) -> Result<Begun, Refusal> {
    let Some(key) = key(&parts)? else { return Ok(Begun::First(None, Request::from_parts(parts, body))) };
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_too_long| {
        let why = format!("the body is longer than {MAX_BODY_BYTES} bytes");
        Refusal::new(ProblemKind::BodyTooLarge, why)
    })?;
    let mut asked = format!("{} {}\n", parts.method, parts.uri).into_bytes();
    asked.extend_from_slice(&body);
    let asked = fingerprint(&asked);
    let (name, of_key) = (operator.to_owned(), key.clone());
    match operators.store.begin_answer(name, of_key, asked, clock::now()).await? {
        KeyState::First => {
            let once = Once { operator: operator.to_owned(), key, shows_secret };
            Ok(Begun::First(Some(once), Request::from_parts(parts, Body::from(body))))
        }
        KeyState::Before(answer) => again(answer).map(Begun::Before),
        KeyState::UnderWay => Err(Refusal::new(
            ProblemKind::StateConflict,
            "this was asked for under the same Idempotency-Key and has not been answered: if that was a moment ago, ask again; if it stays so, the manager was stopped in the midst of it: look whether it was done, and use another key",
        )),
        KeyState::Otherwise => Err(Refusal::new(
            ProblemKind::KeyUsed,
            "something else was asked for under the same Idempotency-Key: use a new key for each thing that is to be done",
        )),
    }
}

/// The answer once more.
fn again(answer: KeptAnswer) -> Result<Response, Refusal> {
    let Some(body) = answer.body else {
        return Err(Refusal::new(
            ProblemKind::StateConflict,
            "this was done, and what was answered is not kept, for it is shown once or is too long: look whether you have it, and ask for another one under another Idempotency-Key",
        ));
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, body).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// Does it, and keeps the answer. What was refused was not done, and may be asked for again.
pub(super) async fn run(
    operators: Arc<Operators>,
    once: Option<Once>,
    act: impl Future<Output = Response>,
) -> Response {
    let response = act.await;
    let Some(Once { operator, key, shows_secret }) = once else { return response };
    if !response.status().is_success() {
        if let Err(error) = operators.store.forget_answer(operator, key).await {
            tracing::debug!(%error, "that a key may be used again could not be noted");
        }
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = match to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return Refusal::internal(&error).into_response(),
    };
    let answer = kept(&parts, &body, shows_secret);
    if let Err(error) = operators.store.keep_answer(operator, key, answer).await {
        // Then it counts as under way, and is not done twice.
        tracing::debug!(%error, "an answer could not be kept");
    }
    Response::from_parts(parts, Body::from(body))
}

fn kept(parts: &axum::http::response::Parts, body: &Bytes, shows_secret: bool) -> KeptAnswer {
    let header = |name: &HeaderName| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.to_string(), value.to_owned()))
    };
    let headers: BTreeMap<String, String> = KEPT_HEADERS.iter().filter_map(header).collect();
    let is_kept = !shows_secret && body.len() <= MAX_ANSWER_BYTES;
    let body = is_kept.then(|| String::from_utf8_lossy(body).into_owned());
    KeptAnswer { status: parts.status.as_u16(), headers, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(method: Method, value: &str) -> Result<Option<String>, Refusal> {
        let request = axum::http::Request::builder().method(method).header(HEADER, value).body(()).unwrap();
        key(&request.into_parts().0)
    }

    #[test]
    fn a_key_is_some_visible_characters_with_quotes_or_without() {
        for (value, read) in [("8e03978e-40d5", "8e03978e-40d5"), ("\"8e03978e-40d5\"", "8e03978e-40d5")] {
            assert_eq!(key_of(Method::POST, value).unwrap().as_deref(), Some(read));
        }
        assert_eq!(key_of(Method::PUT, "x").unwrap(), None, "what is put twice is the same as put once");
        let long = "x".repeat(MAX_KEY_BYTES + 1);
        for wrong in ["", "\"\"", "a b", "\"a", "a\\b", &long] {
            assert_eq!(
                key_of(Method::POST, wrong).unwrap_err().0.kind,
                ProblemKind::InvalidRequest,
                "{wrong}"
            );
        }
    }
}
