//! Through an HTTP proxy: `CONNECT` (RFC 9110, section 9.3.6).

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{LOCATION, PROXY_AUTHENTICATE};
use hyper::http::uri::Authority;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::super::connect_trace::{ConnectTrace, Step};
use super::super::plain_answer::site;
use super::super::retry_after::retry_after;
use super::super::segments::Segments;
use super::connect_head::{self, Head};
use super::direct::{ask_when_silent, reach};
use super::prefixed::Prefixed;
use super::proxy::Proxy;
use super::refusal::{Fault, ProxyError, schemes};
use super::{Dial, DialError, Dialing, Stream};
use crate::identity::address::Address;
use crate::version::version;

/// Some proxies let pass by name.
const AGENT: &str = "platen-agent";

/// Through a proxy.
#[derive(Debug, Clone)]
pub struct Tunnel {
    /// Which.
    pub proxy: Proxy,
    /// When nothing has passed for so long, the kernel asks the proxy whether it is there.
    pub ping: Duration,
}

impl Dial for Tunnel {
    fn dial<'a>(&'a self, address: &'a Address, segments: Segments, trace: &'a ConnectTrace) -> Dialing<'a> {
        Box::pin(async move {
            let failed = |fault| {
                let sent = self.proxy.authorization.is_some();
                let (proxy, target) = (self.proxy.to_string(), address.authority());
                DialError::Proxy(ProxyError { proxy, target, sent, fault })
            };
            let away = |cause| failed(Fault::Away(cause));
            let tcp = reach(&self.proxy.host, self.proxy.port, segments, trace).await.map_err(away)?;
            ask_when_silent(&tcp, self.ping).map_err(|cause| failed(Fault::Broken(cause)))?;
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
    async fn open(&self, mut tcp: TcpStream, target: &str) -> Result<Box<dyn Stream>, Fault> {
        let request = self.request(target)?;
        tcp.write_all(&request).await.map_err(Fault::Broken)?;
        let (head, rest) = connect_head::read(&mut tcp).await?;
        if !head.status.is_success() {
            return Err(refused(&head));
        }
        Ok(Box::new(Prefixed::new(rest, tcp)))
    }

    fn request(&self, target: &str) -> Result<Vec<u8>, Fault> {
        let authority: Authority = target.parse().map_err(|cause| Fault::Target(format!("{cause}")))?;
        let mut request = format!(
            "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {AGENT}/{}\r\n",
            version()
        )
        .into_bytes();
        if let Some(authorization) = &self.proxy.authorization {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(authorization.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        Ok(request)
    }
}

fn refused(head: &Head) -> Fault {
    let Head { status, fields } = head;
    if *status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        let challenges = fields.get_all(PROXY_AUTHENTICATE).iter();
        return Fault::Authentication(schemes(challenges.filter_map(|value| value.to_str().ok())));
    }
    let to = fields.get(LOCATION).and_then(|value| site(value.as_bytes()));
    Fault::Refused { status: *status, retry_after: retry_after(fields), to }
}
