//! A client of the manager: the operator's JSON API, and the device's side of the wire as an honest or
//! a broken device would use it.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

/// Every request ends within this, long polls included.
const REQUEST_LIMIT: Duration = Duration::from_secs(60);

fn certificates(pem: &str) -> Vec<Certificate<'static>> {
    let items = parse_pem(pem.as_bytes()).map(Result::unwrap);
    items.filter_map(|item| if let PemItem::Certificate(found) = item { Some(found) } else { None }).collect()
}

/// An HTTPS client that trusts one CA, with or without a client certificate (chain and key in PEM).
pub fn client(ca_pem: &str, identity: Option<(&str, &str)>) -> Agent {
    let identity = identity.map(|(chain, key)| {
        let chain = certificates(chain);
        ClientCert::new_with_certs(&chain, PrivateKey::from_pem(key.as_bytes()).unwrap())
    });
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::from(certificates(ca_pem)))
        .client_cert(identity)
        .unversioned_rustls_crypto_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .timeout_global(Some(REQUEST_LIMIT))
        .build();
    config.into()
}

/// An answer: its status, and its body as JSON (null when it is none).
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

impl Answer {
    /// The name at the end of a problem's type, such as `token-used`.
    pub fn problem(&self) -> &str {
        let kind = self.body["type"].as_str().unwrap_or_default();
        kind.strip_prefix("urn:platen:problem:").unwrap_or_else(|| panic!("no problem document: {self:?}"))
    }
}

fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut response = result.unwrap();
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().unwrap();
    Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null) }
}

/// POSTs bytes.
pub fn post(client: &Agent, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    answer(try_post(client, url, headers, body))
}

/// As [`post`], for connections that the manager may refuse.
pub fn try_post(
    client: &Agent,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    let request = client.post(url).header("content-type", "application/json");
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send(body)
}

/// An operator, by bearer token.
pub struct Operator {
    client: Agent,
    base: String,
    token: String,
}

impl Operator {
    /// An operator at the manager's operator listener.
    pub fn new(ca_pem: &str, base: String, token: String) -> Self {
        Self { client: client(ca_pem, None), base, token }
    }

    /// The operator listener's URL.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The bearer token.
    pub fn token(&self) -> &str {
        &self.token
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// GETs a path below the listener.
    pub fn get(&self, path: &str) -> Answer {
        answer(self.client.get(format!("{}{path}", self.base)).header("authorization", self.bearer()).call())
    }

    /// As [`Self::get`], of a manager that may be away; nothing if no answer came.
    pub fn try_get(&self, path: &str) -> Option<Answer> {
        let url = format!("{}{path}", self.base);
        self.client.get(url).header("authorization", self.bearer()).call().ok().map(|found| answer(Ok(found)))
    }

    /// As [`Self::get`]; the body of an answer that must be 200.
    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    /// POSTs JSON to a path below the listener.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = [("authorization", self.bearer())];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        post(&self.client, &format!("{}{path}", self.base), &headers, body.to_string().as_bytes())
    }

    /// As [`Self::post`], of a manager that may be away; nothing if no answer came.
    pub fn try_post(&self, path: &str, body: &Value) -> Option<Answer> {
        let bearer = self.bearer();
        let url = format!("{}{path}", self.base);
        let headers = [("authorization", bearer.as_str())];
        let mut response = try_post(&self.client, &url, &headers, body.to_string().as_bytes()).ok()?;
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().ok()?;
        Some(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
    }

    /// One device, as the API shows it.
    pub fn device(&self, device: &str) -> Value {
        self.json(&format!("/api/v1/devices/{device}"))
    }

    /// Opens the stream of events.
    pub fn events(&self) -> Events {
        let url = format!("{}/api/v1/events", self.base);
        let response = self.client.get(url).header("authorization", self.bearer()).call().unwrap();
        assert_eq!(response.status(), 200);
        Events { lines: Box::new(BufReader::new(response.into_body().into_reader())) }
    }
}

/// A stream of server-sent events.
pub struct Events {
    lines: Box<dyn BufRead + Send>,
}

/// The data of each event, as JSON.
impl Iterator for Events {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(data) = line.strip_prefix("data:") {
                return serde_json::from_str(data.trim()).ok();
            }
        }
    }
}
