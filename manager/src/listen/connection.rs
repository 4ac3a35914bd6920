//! One connection, from its first request to its end: HTTP/2 or HTTP/1.1, and how long a peer may take
//! for what.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::EXPECT;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::request_body::{RequestBody, Rest, throw_away};

/// Requests at once on one HTTP/2 connection: a device has two, a browser with a page a dozen.
const MAX_STREAMS: u32 = 32;
/// The largest header of a request, in bytes.
const MAX_HEADER_BYTES: u32 = 16 * 1024;
/// What is read ahead of an HTTP/1.1 connection, in bytes.
const MAX_READ_AHEAD: usize = 64 * 1024;
/// What of one answer may wait in memory for a slow HTTP/2 peer, in bytes.
const MAX_SEND_BUFFER: usize = 64 * 1024;

/// How long a peer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For its handshake.
    pub handshake: Duration,
    /// Without a request under way, or for the header of one; up to twice this over HTTP/2, where it is
    /// only looked at so often. Devices ask more often, or have a request parked.
    pub idle: Duration,
    /// An HTTP/2 peer is pinged this often, so that one that has gone is found also behind a proxy that
    /// still holds its side of the connection.
    pub ping_every: Duration,
    /// The pong must come within this.
    pub pong: Duration,
    /// What was sent must be taken by the peer's kernel within this: who does not read is let go.
    pub unread: Duration,
    /// Once the connection is to end, for what is still to be said.
    pub close: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            ping_every: Duration::from_secs(60),
            pong: Duration::from_secs(20),
            unread: Duration::from_secs(120),
            close: Duration::from_secs(10),
        }
    }
}

/// What a connection is doing.
#[derive(Default)]
struct Progress {
    /// Requests whose answers are not wholly handed over.
    under_way: AtomicU32,
    /// Requests that have come.
    asked: AtomicU64,
    /// Told whenever an answer is wholly handed over.
    answered: Notify,
}

/// A request that is under way.
struct UnderWay(Arc<Progress>);

impl UnderWay {
    fn begin(progress: &Arc<Progress>) -> Self {
        progress.under_way.fetch_add(1, Ordering::Relaxed);
        progress.asked.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(progress))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
        self.0.answered.notify_one();
    }
}

/// Counts the requests of a service.
struct Counted<S> {
    service: S,
    progress: Arc<Progress>,
}

/// A body whose request is under way until it is gone.
struct Counting<B> {
    body: B,
    _under_way: UnderWay,
}

impl<B: Body + Unpin> Body for Counting<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<S, B> Service<Request<Incoming>> for Counted<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>>,
    S::Future: Send + 'static,
    B: Send,
{
    type Response = Response<Counting<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let under_way = UnderWay::begin(&self.progress);
        let rest = Arc::new(Rest::default());
        let waits_to_be_asked = request.headers().contains_key(EXPECT);
        let answer = self.service.call(request.map(|body| RequestBody::new(body, waits_to_be_asked, &rest)));
        Box::pin(async move {
            let answer = answer.await?;
            if let Some(rest) = rest.take() {
                Box::pin(throw_away(rest)).await;
            }
            Ok(answer.map(|body| Counting { body, _under_way: under_way }))
        })
    }
}

/// What both versions of HTTP have in common.
trait HttpConnection: Future<Output = Result<(), hyper::Error>> {
    /// Lets what is under way end, and no more begin.
    fn finish(self: Pin<&mut Self>);
}

macro_rules! http_connection {
    ($($version:ident $connection:ty;)*) => {$(
        impl<T, S, B> HttpConnection for $connection
        where
            T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
            S: Service<Request<Incoming>, Response = Response<B>>,
            S::Future: Send + 'static,
            S::Error: Into<Failure>,
            B: Body + Send + 'static,
            B::Data: Send,
            B::Error: Into<Failure>,
        {
            fn finish(self: Pin<&mut Self>) {
                self.graceful_shutdown();
            }
        }
    )*};
}

http_connection! {
    http1 hyper::server::conn::http1::Connection<TokioIo<T>, S>;
    http2 hyper::server::conn::http2::Connection<TokioIo<T>, S, TokioExecutor>;
}

/// When a conversation is to end.
pub(super) enum Until {
    /// When the peer wants, or is idle for too long, or the manager stops, or the connection is to be left.
    Word {
        /// The manager stops.
        stop: CancellationToken,
        /// The connection is to be left.
        left: CancellationToken,
    },
    /// After the first answer.
    Answered,
}

/// Serves one connection on any stream, by HTTP/2 or HTTP/1.1, until it ends, or `stop`, or it is to be `left`.
pub async fn serve_connection<T, S, B>(
    stream: T,
    h2: bool,
    service: S,
    stop: CancellationToken,
    left: CancellationToken,
) -> Result<(), hyper::Error>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<RequestBody>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Failure>,
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failure>,
{
    serve_connection_until(stream, h2, service, Timeouts::default(), Until::Word { stop, left }).await
}

/// Serves a connection to its end.
pub(super) async fn serve_connection_until<T, S, B>(
    stream: T,
    h2: bool,
    service: S,
    timeouts: Timeouts,
    until: Until,
) -> Result<(), hyper::Error>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<RequestBody>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Failure>,
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failure>,
{
    let progress = Arc::new(Progress::default());
    let service = Counted { service, progress: Arc::clone(&progress) };
    let stream = TokioIo::new(stream);
    if h2 {
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(timeouts.ping_every)
            .keep_alive_timeout(timeouts.pong)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADER_BYTES)
            .max_send_buf_size(MAX_SEND_BUFFER)
            .serve_connection(stream, service);
        drive(connection, &progress, timeouts, until).await
    } else {
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(timeouts.idle)
            .max_buf_size(MAX_READ_AHEAD)
            .serve_connection(stream, service);
        drive(connection, &progress, timeouts, until).await
    }
}

/// Why a connection is to end.
enum Over {
    /// The manager stops: what is under way may end, and the manager has its own limit for that.
    Stopping,
    /// The peer is idle, has its answer, or is left: only what is still to be said.
    Done,
}

async fn drive(
    connection: impl HttpConnection,
    progress: &Progress,
    timeouts: Timeouts,
    until: Until,
) -> Result<(), hyper::Error> {
    let mut connection = std::pin::pin!(connection);
    let over = match until {
        Until::Word { stop, left } => {
            let idle = idle(progress, timeouts.idle);
            tokio::select! {
                // The word first: then an answer that the word has set free says that it is the last.
                biased;
                () = stop.cancelled() => Over::Stopping,
                result = connection.as_mut() => return result,
                () = idle => Over::Done,
                () = left.cancelled() => Over::Done,
            }
        }
        Until::Answered => {
            tokio::select! {
                result = connection.as_mut() => return result,
                () = progress.answered.notified() => {}
                () = tokio::time::sleep(timeouts.close) => {}
            }
            Over::Done
        }
    };
    connection.as_mut().finish();
    match over {
        Over::Stopping => connection.await,
        Over::Done => tokio::time::timeout(timeouts.close, connection).await.unwrap_or(Ok(())),
    }
}

/// Until nothing was asked, and nothing was under way, for a whole stretch.
async fn idle(progress: &Progress, stretch: Duration) {
    let mut before = progress.asked.load(Ordering::Relaxed);
    loop {
        tokio::time::sleep(stretch).await;
        let asked = progress.asked.load(Ordering::Relaxed);
        if asked == before && progress.under_way.load(Ordering::Relaxed) == 0 {
            return;
        }
        before = asked;
    }
}
