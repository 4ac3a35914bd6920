//! Asking the provider: HTTPS alone, a limit of time and of bytes, no redirects.

use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::HeaderValue;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::deliver::authorities;

/// The provider gets so long for one answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// The longest answer, in bytes.
const ANSWER_BYTES: usize = 256 * 1024;
/// What of a refusal is shown, in characters.
const SHOWN_CHARS: usize = 200;

/// Asks.
pub(super) struct Fetcher {
    tls: Result<TlsConnector, String>,
}

/// How a provider refuses (RFC 6749, section 5.2).
#[derive(Deserialize)]
struct Refused {
    error: String,
    error_description: Option<String>,
}

impl Fetcher {
    /// Who believes these authorities.
    pub(super) fn new(ca: Option<&Path>) -> Self {
        Self { tls: authorities::connector(ca) }
    }

    /// Reads a document.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        address: &str,
        authorization: Option<String>,
    ) -> Result<T, String> {
        self.ask(address, authorization, |path| Request::get(path).body(Full::default())).await
    }

    /// Posts a form.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        address: &str,
        form: String,
        authorization: Option<String>,
    ) -> Result<T, String> {
        let make = |path: &str| {
            let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
            request.body(Full::new(Bytes::from(form)))
        };
        self.ask(address, authorization, make).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        address: &str,
        authorization: Option<String>,
        make: impl FnOnce(&str) -> Result<Request<Full<Bytes>>, hyper::http::Error>,
    ) -> Result<T, String> {
        let uri: Uri = address.parse().map_err(|error| format!("{address:?}: {error}"))?;
        let (Some("https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(format!("{address:?} does not begin with https://"));
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = make(path).map_err(|error| format!("{address}: {error}"))?;
        let headers = request.headers_mut();
        let host = authority.as_str().parse().map_err(|_not_one| format!("{address:?} has no host"))?;
        headers.insert("host", host);
        if let Some(word) = authorization {
            let mut word = HeaderValue::from_str(&word).map_err(|error| format!("{address}: {error}"))?;
            word.set_sensitive(true);
            headers.insert("authorization", word);
        }
        headers.insert("accept", HeaderValue::from_static("application/json"));
        let (host, port) = (authority.host(), authority.port_u16().unwrap_or(443));
        let exchange = self.exchange((host, port), request);
        let answered = tokio::time::timeout(ANSWERS_WITHIN, exchange).await;
        let (status, body) = answered
            .unwrap_or_else(|_late| Err("no answer in time".to_owned()))
            .map_err(|error| format!("{address}: {error}"))?;
        if status != StatusCode::OK {
            return Err(format!("{address}: {}", refused(status, &body)));
        }
        serde_json::from_slice(&body).map_err(|error| format!("{address}: {error}"))
    }

    async fn exchange(
        &self,
        (host, port): (&str, u16),
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), String> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned()).map_err(|error| error.to_string())?;
        let stream = TcpStream::connect((bare, port)).await.map_err(|error| error.to_string())?;
        let tls = self.tls.as_ref().map_err(Clone::clone)?;
        let stream = tls.connect(name, stream).await.map_err(|error| format!("TLS failed: {error}"))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
            body.map(|body| (status, body.to_bytes())).map_err(|error| error.to_string())
        };
        let mut exchange = std::pin::pin!(exchange);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            answered = &mut exchange => answered,
            // When the connection has ended, what came over it is still there.
            _ = &mut connection => exchange.await,
        }
    }
}

fn refused(status: StatusCode, body: &[u8]) -> String {
    let words = serde_json::from_slice::<Refused>(body).ok().map(|refused| match refused.error_description {
        Some(words) => format!(" ({}: {words})", refused.error),
        None => format!(" ({})", refused.error),
    });
    let words: String =
        words.unwrap_or_default().chars().filter(|one| !one.is_control()).take(SHOWN_CHARS).collect();
    format!("it answered {status}{words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_its_own_words_without_what_could_harm_a_log() {
        let body = br#"{"error": "invalid_client", "error_description": "no\nsuch client"}"#;
        assert_eq!(
            refused(StatusCode::UNAUTHORIZED, body),
            "it answered 401 Unauthorized (invalid_client: nosuch client)"
        );
        assert_eq!(refused(StatusCode::FOUND, b"<html>"), "it answered 302 Found");
    }
}
