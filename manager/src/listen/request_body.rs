//! The body of a request. What of it nobody has read is read, within bounds, before the answer is given:
//! whoever is still sending would otherwise see a broken connection and not the reason of a refusal.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};

/// So much is read and thrown away; who sends more than that beyond what is taken is cut off.
const MAX_REST_BYTES: usize = 4 * 1024 * 1024;
/// And for so long.
const REST_LIMIT: Duration = Duration::from_secs(10);

/// What is left of a body once the body is dropped.
#[derive(Default)]
pub(super) struct Rest(Mutex<Option<Incoming>>);

impl Rest {
    fn put(&self, body: Incoming) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
    }

    /// What there is to read. A body that the client holds back until it is asked for it (`Expect:
    /// 100-continue`), and that nobody has asked for, is not.
    pub(super) fn take(&self) -> Option<Incoming> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().filter(|body| !body.is_end_stream())
    }
}

/// Reads and throws away.
pub(super) async fn throw_away(mut rest: Incoming) {
    let read = async {
        let mut left = MAX_REST_BYTES;
        while let Some(Ok(frame)) = rest.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            let Some(still) = left.checked_sub(length) else { return };
            left = still;
        }
    };
    // Whoever sends it more slowly hears the answer all the same, if its connection lasts until then.
    let _ = tokio::time::timeout(REST_LIMIT, read).await;
}

/// The body of a request on any listener.
pub struct RequestBody {
    body: Option<Incoming>,
    /// Whether the client sends it without being asked, or has been asked.
    is_sent: bool,
    rest: Arc<Rest>,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, waits_to_be_asked: bool, rest: &Arc<Rest>) -> Self {
        Self { body: Some(body), is_sent: !waits_to_be_asked, rest: Arc::clone(rest) }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if self.is_sent
            && let Some(body) = self.body.take()
        {
            self.rest.put(body);
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.is_sent = true;
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
