//! One HTTP connection, on which requests go out one after the other.

use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

use super::UplinkError;
use super::dial::Stream;
use super::segments::Segments;
use super::trust::sign::Inspected;

/// Replies are read in pieces, so little is enough.
const BUFFER_BYTES: usize = 16 * 1024;

/// One connection; requests go out on it, and it ends when this is dropped.
pub struct Connection {
    /// For requests.
    pub sender: http1::SendRequest<Full<Bytes>>,
    /// The proxy that inspects the connection, if one does: every message is signed then.
    pub inspected: Option<Arc<Inspected>>,
    /// In what segments it was made; small ones where whole ones had stalled.
    pub segments: Segments,
    _driver: JoinSet<()>,
}

impl Connection {
    /// The protocol, as people call it.
    pub const PROTOCOL: &'static str = "HTTP/1.1";

    /// Begins HTTP on a stream.
    pub(super) async fn begin(stream: impl Stream + 'static) -> Result<Self, UplinkError> {
        let (sender, connection) =
            http1::Builder::new().max_buf_size(BUFFER_BYTES).handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        // Its error also reaches the request that it broke, where it is handled.
        driver.spawn(async move {
            if let Err(cause) = connection.await {
                tracing::debug!("a connection ended: {cause}");
            }
        });
        Ok(Self { sender, inspected: None, segments: Segments::Whole, _driver: driver })
    }

    /// Whether the other side has ended it.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}
