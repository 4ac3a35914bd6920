//! One connection of a device, straight on the wire: mutual TLS and HTTP/1.1.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::RETRY_AFTER;
use hyper_util::rt::TokioIo;
use platen_protocol::path::PROGRAMS;
use platen_protocol::programs::field;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::rigs::pki::SERVER_NAME;

/// Devices of one address: a manager has a limit to them.
const PER_ADDRESS: usize = 2_500;
/// Answers by which a manager says "not now": too many requests, and unavailable.
const NOT_NOW: [u16; 2] = [429, 503];

/// A stream with TLS.
pub type Tls = TlsStream<TcpStream>;

/// Connects and shakes hands. Device `number` comes from the address that is its.
pub async fn dial(port: u16, number: usize, config: Arc<ClientConfig>) -> std::io::Result<Tls> {
    let socket = TcpSocket::new_v4()?;
    let host = u8::try_from(2 + number / PER_ADDRESS).map_err(std::io::Error::other)?;
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0)))?;
    let stream = socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(SERVER_NAME).map_err(std::io::Error::other)?;
    TlsConnector::from(config).connect(name, stream).await
}

/// What carries a connection; it ends with this.
pub struct Carried(JoinHandle<()>);

impl Carried {
    /// Carries it.
    pub fn spawn<E: std::fmt::Display>(
        connection: impl Future<Output = Result<(), E>> + Send + 'static,
    ) -> Self {
        // Who waits for an answer is told as well.
        Self(tokio::spawn(async move { drop(connection.await) }))
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A request that hands reports in, and lets itself be held for so many seconds.
pub fn reports<B>(body: B, wait: Option<u32>) -> Request<B> {
    let request = Request::post(format!("https://{SERVER_NAME}/v1/reports"))
        .header("host", SERVER_NAME)
        .header("content-type", "application/json");
    let request = match wait {
        Some(seconds) => request.header("prefer", format!("wait={seconds}")),
        None => request,
    };
    request.body(body).unwrap()
}

/// Why a batch was not taken, or no answer came.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no connection, or not any more.
    #[error("{0}")]
    Broken(String),
    /// The manager says when to come again.
    #[error("{status}, come again after {after:?}")]
    NotNow {
        /// The status of the answer.
        status: u16,
        /// Its `Retry-After`.
        after: Option<Duration>,
    },
    /// The manager does not want it, or said what no manager says.
    #[error("{0}")]
    Refused(String),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<tokio::time::error::Elapsed> for Failure {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::Broken("no answer came in time".to_owned())
    }
}

impl Failure {
    /// When the manager wants it to be tried again.
    pub const fn retry_after(&self) -> Option<Duration> {
        if let Self::NotNow { after, .. } = self { *after } else { None }
    }
}

/// A program that a device is given.
pub struct Given {
    /// The name of the attempt.
    pub attempt: String,
    body: Incoming,
}

impl Given {
    /// Fetches all of it; how many bytes have come is said with each piece.
    pub async fn fetch(&mut self, come: impl Fn(u64)) -> Result<(), Failure> {
        while let Some(frame) = self.body.frame().await {
            come(frame?.data_ref().map_or(0, |data| data.len() as u64));
        }
        Ok(())
    }
}

/// A connection with a manager.
pub struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    _carried: Carried,
}

impl Connection {
    /// Connects as device `number`.
    pub async fn open(port: u16, number: usize, config: Arc<ClientConfig>) -> Result<Self, Failure> {
        let (sender, connection) = http1::handshake(TokioIo::new(dial(port, number, config).await?)).await?;
        Ok(Self { sender, _carried: Carried::spawn(connection) })
    }

    /// Asks for a program, and is given one, which is yet to be fetched, or none.
    pub async fn ask_for_program(&mut self, asked: Vec<u8>) -> Result<Option<Given>, Failure> {
        self.sender.ready().await?;
        let request = Request::post(format!("https://{SERVER_NAME}{PROGRAMS}"))
            .header("host", SERVER_NAME)
            .header("content-type", "application/json")
            .body(Full::from(asked))
            .map_err(|error| Failure::Broken(error.to_string()))?;
        let answer = self.sender.send_request(request).await?;
        let (status, attempt) = (answer.status().as_u16(), answer.headers().get(field::ATTEMPT).cloned());
        let after = answer.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
        match (status, attempt) {
            (204, _) => Ok(None),
            (200, Some(attempt)) => {
                let attempt = String::from_utf8_lossy(attempt.as_bytes()).into_owned();
                Ok(Some(Given { attempt, body: answer.into_body() }))
            }
            (status, _) if NOT_NOW.contains(&status) => {
                Err(Failure::NotNow { status, after: after.map(Duration::from_secs) })
            }
            (status, _) => Err(Failure::Refused(format!("{status} to a device that asks for a program"))),
        }
    }

    /// Hands in a batch, and lets itself be held for so many seconds; the reply.
    pub async fn hand_in(&mut self, batch: Vec<u8>, wait: Option<u32>) -> Result<Value, Failure> {
        self.sender.ready().await?;
        let answer = self.sender.send_request(reports(Full::from(batch), wait)).await?;
        let status = answer.status().as_u16();
        let after = answer.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
        let body = answer.into_body().collect().await?.to_bytes();
        if NOT_NOW.contains(&status) {
            return Err(Failure::NotNow { status, after: after.map(Duration::from_secs) });
        }
        let refused = |why: &str| Failure::Refused(format!("{why}: {}", String::from_utf8_lossy(&body)));
        if status != 200 {
            return Err(refused(&status.to_string()));
        }
        serde_json::from_slice(&body).map_err(|error| refused(&error.to_string()))
    }
}
