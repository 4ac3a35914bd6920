//! Requests to other systems. Where one goes is decided after its name was looked up, and the connection is made to the very
//! address that was looked at. Redirects are not followed.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http_body_util::{BodyExt as _, Collected, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::addresses::is_public;
use super::settings::Webhooks;
use super::signature::signature;
use super::{Delivered, authorities};
use crate::networks::Networks;

/// The other system gets so long for all of it.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
/// What of its answer is read, in bytes.
const ANSWER_BYTES: usize = 16 * 1024;
/// The longest number of a ticket, in characters.
const TICKET_CHARACTERS: usize = 100;
/// The longest URL.
const URL_BYTES: usize = 1_000;
/// The media type of a `CloudEvent` in the structured mode.
const MEDIA_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// Where a webhook goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookUrl {
    tls: bool,
    host: String,
    port: u16,
    uri: Uri,
}

impl WebhookUrl {
    /// Reads one.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() > URL_BYTES {
            return Err(format!("a URL has at most {URL_BYTES} bytes"));
        }
        let uri: Uri = text.parse().map_err(|error| format!("it is no URL: {error}"))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("a URL begins with https://".to_owned()),
        };
        let authority = uri.authority().ok_or("a URL names a host")?;
        if authority.as_str().contains('@') {
            return Err(
                "a URL with a name or password would be shown: leave them out, the request is signed"
                    .to_owned(),
            );
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { tls, host, port, uri })
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.uri)
    }
}

/// What another system may answer.
#[derive(Deserialize)]
struct Answer {
    ticket: Option<serde_json::Value>,
}

/// Why there is no connection.
enum Unreached {
    Later(String),
    Never(String),
}

/// Sends requests.
pub struct Webhooker {
    allow: Networks,
    tls: Result<TlsConnector, String>,
    within: Duration,
}

impl Webhooker {
    /// Within these settings.
    pub fn new(settings: &Webhooks) -> Self {
        Self::within(settings, ANSWERS_WITHIN)
    }

    /// The same with another limit for the answer.
    pub fn within(settings: &Webhooks, within: Duration) -> Self {
        Self { allow: settings.allow.clone(), tls: authorities::connector(settings.ca.as_deref()), within }
    }

    /// Posts a body under an id.
    pub async fn send(&self, url: &str, secret: &str, id: &str, now: Timestamp, body: Vec<u8>) -> Delivered {
        let url = match WebhookUrl::read(url) {
            Ok(url) => url,
            Err(error) => return Delivered::Never(error),
        };
        let Some(signed) = signature(secret, id, now.as_second(), &body) else {
            return Delivered::Never("the channel has no secret: give it one".to_owned());
        };
        let authority = url.uri.authority().map_or(url.host.as_str(), |authority| authority.as_str());
        let path = url.uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::post(path)
            .header("host", authority)
            .header("content-type", MEDIA_TYPE)
            .header("user-agent", concat!("platen-manager/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", now.as_second())
            .header("webhook-signature", signed)
            .body(Full::new(Bytes::from(body)));
        let request = match request {
            Ok(request) => request,
            Err(error) => return Delivered::Never(error.to_string()),
        };
        match tokio::time::timeout(self.within, self.exchange(&url, request)).await {
            Ok(delivered) => delivered,
            Err(_late) => Delivered::Later("no answer in time".to_owned()),
        }
    }

    async fn exchange(&self, url: &WebhookUrl, request: Request<Full<Bytes>>) -> Delivered {
        let stream = match self.reach(url).await {
            Ok(stream) => stream,
            Err(Unreached::Later(why)) => return Delivered::Later(why),
            Err(Unreached::Never(why)) => return Delivered::Never(why),
        };
        if !url.tls {
            return ask(stream, request).await;
        }
        let tls = match &self.tls {
            Ok(tls) => tls,
            Err(error) => return Delivered::Later(error.clone()),
        };
        let Ok(name) = ServerName::try_from(url.host.clone()) else {
            return Delivered::Never(format!("{} is no name of a host", url.host));
        };
        match tls.connect(name, stream).await {
            Ok(stream) => ask(stream, request).await,
            Err(error) => Delivered::Later(format!("TLS failed: {error}")),
        }
    }

    /// A connection to the first address that may be reached and answers.
    async fn reach(&self, url: &WebhookUrl) -> Result<TcpStream, Unreached> {
        let found = tokio::net::lookup_host((url.host.as_str(), url.port)).await;
        let all: Vec<SocketAddr> = found
            .map_err(|error| Unreached::Later(format!("{} has no address: {error}", url.host)))?
            .collect();
        let allowed: Vec<SocketAddr> =
            all.iter().copied().filter(|address| self.may_reach(url, address.ip())).collect();
        if allowed.is_empty() {
            let word = if url.tls { "" } else { " without TLS" };
            return Err(Unreached::Never(format!(
                "{} must not be reached{word}: its address is not public; [webhooks] of manager.toml can allow its network",
                url.host
            )));
        }
        let mut last = String::new();
        for address in allowed {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error.to_string(),
            }
        }
        Err(Unreached::Later(format!("{}: {last}", url.host)))
    }

    fn may_reach(&self, url: &WebhookUrl, address: IpAddr) -> bool {
        self.allow.contains(address) || (url.tls && is_public(address))
    }
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Delivered {
    let (mut sender, connection) = match http1::handshake(TokioIo::new(stream)).await {
        Ok(both) => both,
        Err(error) => return Delivered::Later(error.to_string()),
    };
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
        // What is longer is not read, and what is no JSON has no ticket.
        Ok::<_, hyper::Error>((status, body.map(Collected::to_bytes).unwrap_or_default()))
    };
    let mut exchange = std::pin::pin!(exchange);
    let mut connection = std::pin::pin!(connection);
    let answered = tokio::select! {
        answered = &mut exchange => answered,
        // When the connection has ended, what came over it is still there.
        _ = &mut connection => exchange.await,
    };
    match answered {
        Ok((status, body)) => judged(status, &body),
        Err(error) => Delivered::Later(error.to_string()),
    }
}

fn judged(status: StatusCode, body: &[u8]) -> Delivered {
    if status.is_success() {
        return Delivered::Taken(ticket(body));
    }
    let words = format!("it answered {status}");
    match status {
        status if status.is_redirection() => Delivered::Later(format!("{words}; redirects are not followed")),
        // Standard Webhooks: it wants no more of them.
        StatusCode::GONE => Delivered::Never(words),
        _ => Delivered::Later(words),
    }
}

/// The number of a ticket in an answer.
fn ticket(body: &[u8]) -> Option<String> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let ticket = match answer.ticket? {
        serde_json::Value::String(text) => text,
        serde_json::Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let ticket: String = ticket.chars().filter(|sign| !sign.is_control()).take(TICKET_CHARACTERS).collect();
    (!ticket.trim().is_empty()).then_some(ticket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_and_what_would_be_shown_or_is_none_is_refused() {
        let url = WebhookUrl::read("https://tickets.example.org/hook?a=1").unwrap();
        assert_eq!((url.tls, url.host.as_str(), url.port), (true, "tickets.example.org", 443));
        assert_eq!(WebhookUrl::read("http://[::1]:8080/").unwrap().host, "::1");
        for wrong in ["", "ftp://x", "/hook", "https://user:secret@x/", "https://"] {
            assert!(WebhookUrl::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn answers_are_taken_tried_again_or_final() {
        assert_eq!(
            judged(StatusCode::OK, br#"{"ticket": "INC-7"}"#),
            Delivered::Taken(Some("INC-7".to_owned()))
        );
        assert_eq!(
            judged(StatusCode::CREATED, br#"{"ticket": 42}"#),
            Delivered::Taken(Some("42".to_owned()))
        );
        assert_eq!(judged(StatusCode::NO_CONTENT, b""), Delivered::Taken(None));
        assert!(
            matches!(judged(StatusCode::FOUND, b""), Delivered::Later(why) if why.contains("not followed"))
        );
        assert!(matches!(judged(StatusCode::INTERNAL_SERVER_ERROR, b""), Delivered::Later(_)));
        assert!(matches!(judged(StatusCode::GONE, b""), Delivered::Never(_)));
    }
}
