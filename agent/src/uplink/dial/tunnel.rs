//! Through an HTTP proxy: `CONNECT` (RFC 9110, section 9.3.6) by hyper's client.

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::super::connect_trace::{ConnectTrace, Step};
use super::super::retry_after::retry_after;
use super::direct::reach;
use super::proxy::Proxy;
use super::refusal::{Fault, ProxyError, schemes};
use super::{Dial, DialError, Dialing, Stream};
use crate::identity::address::Address;

/// The head of a proxy's answer is not longer, and has not more fields.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_FIELDS: usize = 64;
/// Some proxies let pass by name.
const AGENT: &str = concat!("platen-agent/", env!("CARGO_PKG_VERSION"));

/// Through a proxy.
#[derive(Debug, Clone)]
pub struct Tunnel {
    /// Which.
    pub proxy: Proxy,
}

impl Dial for Tunnel {
    fn dial<'a>(&'a self, address: &'a Address, trace: &'a ConnectTrace) -> Dialing<'a> {
        Box::pin(async move {
            let failed = |fault| {
                let sent = self.proxy.authorization.is_some();
                let (proxy, target) = (self.proxy.to_string(), address.authority());
                DialError::Proxy(ProxyError { proxy, target, sent, fault })
            };
            let away = |cause| failed(Fault::Away(cause));
            let tcp = reach(&self.proxy.host, self.proxy.port, trace).await.map_err(away)?;
            trace.enter(Step::Proxy, format!("CONNECT {} at {}", address.authority(), self.proxy));
            let stream = self.open(tcp, &address.authority()).await.map_err(failed)?;
            trace.found("the tunnel is open");
            Ok(stream)
        })
    }

    fn through(&self) -> Option<String> {
        Some(self.proxy.to_string())
    }
}

impl Tunnel {
    async fn open(&self, tcp: TcpStream, target: &str) -> Result<Box<dyn Stream>, Fault> {
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_FIELDS)
            .handshake::<_, Empty<Bytes>>(TokioIo::new(tcp))
            .await
            .map_err(Fault::Words)?;
        // Its error also reaches the request. It ends with the upgrade, which leaves the bare stream.
        let mut driver = JoinSet::new();
        driver.spawn(connection.with_upgrades());
        let mut request = Request::builder()
            .method(Method::CONNECT)
            .uri(target)
            .header(HOST, target)
            .header(USER_AGENT, AGENT);
        if let Some(authorization) = &self.proxy.authorization {
            request = request.header(PROXY_AUTHORIZATION, authorization);
        }
        let request = request.body(Empty::new()).map_err(|cause| Fault::Target(cause.to_string()))?;
        let response = sender.send_request(request).await.map_err(Fault::Words)?;
        if !response.status().is_success() {
            return Err(refused(&response));
        }
        let stream = hyper::upgrade::on(response).await.map_err(Fault::Words)?;
        Ok(Box::new(TokioIo::new(stream)))
    }
}

fn refused(response: &Response<Incoming>) -> Fault {
    if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        let challenges = response.headers().get_all(PROXY_AUTHENTICATE).iter();
        return Fault::Authentication(schemes(challenges.filter_map(|value| value.to_str().ok())));
    }
    Fault::Refused { status: response.status(), retry_after: retry_after(response.headers()) }
}
