//! One HTTP connection, on which requests go out.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::task::JoinSet;

use super::UplinkError;
use super::dial::Stream;
use super::segments::Segments;
use super::trust::sign::Inspected;

/// HTTP/1.1 needs little: replies are read in pieces.
const HTTP_1_BUFFER: usize = 16 * 1024;

/// One connection; requests go out on it, and it ends when this is dropped.
pub struct Connection {
    /// For requests.
    pub sender: Sender,
    /// The proxy that inspects the connection, if one does: every message is signed then.
    pub inspected: Option<Arc<Inspected>>,
    /// In what segments it was made; small ones where whole ones had stalled.
    pub segments: Segments,
    driver: Arc<JoinSet<()>>,
}

/// Takes requests.
pub enum Sender {
    /// One at a time.
    Http1(http1::SendRequest<Full<Bytes>>),
    /// Many at a time.
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// Begins HTTP/1.1 on a stream.
    pub(super) async fn http_1(stream: impl Stream + 'static) -> Result<Self, UplinkError> {
        let (sender, connection) =
            http1::Builder::new().max_buf_size(HTTP_1_BUFFER).handshake(TokioIo::new(stream)).await?;
        Ok(Self::of(Sender::Http1(sender), drive(connection)))
    }

    /// Begins HTTP/2 on a stream; every `ping` the other side must answer one, within `limit`.
    pub(super) async fn http_2(
        stream: impl Stream + 'static,
        ping: Duration,
        limit: Duration,
    ) -> Result<Self, UplinkError> {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(ping)
            .keep_alive_timeout(limit)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(stream))
            .await?;
        Ok(Self::of(Sender::Http2(sender), drive(connection)))
    }

    fn of(sender: Sender, driver: Arc<JoinSet<()>>) -> Self {
        Self { sender, inspected: None, segments: Segments::Whole, driver }
    }

    /// A second handle to the same connection, where the protocol can carry several requests at once.
    pub fn try_clone(&self) -> Option<Self> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => Some(Self {
                sender: Sender::Http2(sender.clone()),
                inspected: self.inspected.clone(),
                segments: self.segments,
                driver: Arc::clone(&self.driver),
            }),
        }
    }

    /// Whether the other side has ended it.
    pub fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    /// The protocol, as people call it.
    pub fn protocol(&self) -> &'static str {
        match &self.sender {
            Sender::Http1(_) => "HTTP/1.1",
            Sender::Http2(_) => "HTTP/2",
        }
    }
}

/// Runs a connection for as long as a handle to it is held. Its error also reaches the request that it
/// broke, where it is handled.
fn drive(connection: impl Future<Output = hyper::Result<()>> + Send + 'static) -> Arc<JoinSet<()>> {
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        if let Err(cause) = connection.await {
            tracing::debug!("a connection ended: {cause}");
        }
    });
    Arc::new(driver)
}
