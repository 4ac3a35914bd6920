//! One connection, from its first request to its end: HTTP/2 or HTTP/1.1, and how long a peer may take
//! for what. Over HTTP/1.1 it ends and begins again around each request that is handed off ([`super::parked`]).

use std::future::{pending, poll_fn, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::EXPECT;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::parked::{HandOff, Outcome, Parked, Reply, WaitEnded, stand_in, wait_on};
use super::request_body::{RequestBody, Rest, throw_away};
use super::rewound::{Rewound, Unsent};

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

/// Counts the requests of a service, and keeps those that wait until there is something to say.
struct Counted<S, B> {
    service: S,
    progress: Arc<Progress>,
    /// The answer to the request that stands for one that was handed off, which is the first.
    first: Mutex<Option<Response<B>>>,
    /// Where requests are put that wait; without it they wait where they are.
    hand_off: Option<Arc<HandOff<B>>>,
}

impl<S, B> Counted<S, B> {
    fn new(service: S) -> Self {
        Self { service, progress: Arc::default(), first: Mutex::default(), hand_off: None }
    }
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

impl<S, B> Service<Request<Incoming>> for Counted<S, B>
where
    S: Service<Request<RequestBody>, Response: Reply<Body = B>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    B: Send + 'static,
{
    type Response = Response<Counting<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let under_way = UnderWay::begin(&self.progress);
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(answer) = first {
            return Box::pin(ready(Ok(answer.map(|body| Counting { body, _under_way: under_way }))));
        }
        let rest = Arc::new(Rest::default());
        let waits_to_be_asked = request.headers().contains_key(EXPECT);
        let hand_off = self.hand_off.clone().filter(|_| HandOff::<B>::suits(&request));
        let answer = self.service.call(request.map(|body| RequestBody::new(body, waits_to_be_asked, &rest)));
        Box::pin(async move {
            let outcome = answer.await?.outcome();
            if let Some(rest) = rest.take() {
                Box::pin(throw_away(rest)).await;
            }
            let answer = match outcome {
                Outcome::Answer(answer) => answer,
                Outcome::Parked(parked) => {
                    let here = match hand_off {
                        Some(there) => there.put(parked),
                        None => Some(parked),
                    };
                    match here {
                        Some(parked) => parked.end().await,
                        // Whoever runs the connection ends this.
                        None => pending().await,
                    }
                }
            };
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
    S: Service<Request<RequestBody>, Response: Reply<Body = B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Failure> + Send + 'static,
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failure>,
{
    serve_connection_until(stream, h2, service, Arc::default(), Until::Word { stop, left }).await
}

/// Serves a connection to its end. A block, which has its arguments once, and an `async fn` would have them twice: most of
/// a manager's memory is connections.
pub(super) fn serve_connection_until<T, S, B>(
    stream: T,
    h2: bool,
    service: S,
    timeouts: Arc<Timeouts>,
    until: Until,
) -> impl Future<Output = Result<(), hyper::Error>> + Send
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<RequestBody>, Response: Reply<Body = B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Failure> + Send + 'static,
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failure>,
{
    let mut open = Box::new(Open { first: Bytes::new(), stream, service, answer: None });
    // Each is boxed, so that its memory goes with it.
    async move {
        if h2 {
            let Open { stream, service, .. } = *open;
            return Box::pin(serve_http_2(stream, service, *timeouts, &until)).await;
        }
        loop {
            let Some(held) = Box::pin(serve_http_1(open, *timeouts, &until)).await? else { return Ok(()) };
            let Some(again) = Box::pin(hold(held, &until)).await else { return Ok(()) };
            open = again;
        }
    }
}

/// A connection by HTTP/1.1 that is to begin.
struct Open<T, S, B> {
    /// Is read before the stream.
    first: Bytes,
    stream: T,
    service: S,
    /// To the first request, if that stands for one that was handed off.
    answer: Option<Response<B>>,
}

/// A connection by HTTP/1.1 whose request was handed off.
struct Held<T, S, B> {
    stream: T,
    service: S,
    parked: Parked<Response<B>>,
    /// What the peer has said since.
    said: Bytes,
}

/// Keeps a request that was handed off until it is to be answered; `None` if the peer has gone.
async fn hold<T, S, B>(mut held: Box<Held<T, S, B>>, until: &Until) -> Option<Box<Open<T, S, B>>>
where
    T: AsyncRead + Unpin,
    B: Send + 'static,
{
    let Until::Word { stop, left } = until else { return None };
    if held.said.is_empty() {
        let Held { stream, parked, .. } = &mut *held;
        match wait_on(stream, parked, left).await {
            WaitEnded::Answer(said) => held.said = said.into(),
            WaitEnded::Gone => return None,
        }
    }
    let Held { stream, service, parked, said } = *held;
    let answer = Some(parked.answer_now().await);
    let first = stand_in(stop.is_cancelled() || left.is_cancelled(), &said);
    Some(Box::new(Open { first, stream, service, answer }))
}

async fn serve_http_2<T, S, B>(
    stream: T,
    service: S,
    timeouts: Timeouts,
    until: &Until,
) -> Result<(), hyper::Error>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<RequestBody>, Response: Reply<Body = B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Failure> + Send + 'static,
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failure>,
{
    let service = Counted::new(service);
    let progress = Arc::clone(&service.progress);
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(timeouts.ping_every)
        .keep_alive_timeout(timeouts.pong)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let connection = std::pin::pin!(connection);
    drive(connection, &progress, timeouts, until, None::<&Handing<B>>).await.map(|_none| ())
}

/// Serves by HTTP/1.1 to the end, or until a request was handed off.
async fn serve_http_1<T, S, B>(
    open: Box<Open<T, S, B>>,
    timeouts: Timeouts,
    until: &Until,
) -> Result<Option<Box<Held<T, S, B>>>, hyper::Error>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<RequestBody>, Response: Reply<Body = B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Failure> + Send + 'static,
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failure>,
{
    let Open { first, stream, service, answer } = *open;
    let (hand_off, unsent) = (Arc::new(HandOff::new()), Arc::new(Unsent::default()));
    let is_answer = answer.is_some();
    let mut service = Counted::new(service);
    service.first = Mutex::new(answer);
    service.hand_off = matches!(until, Until::Word { .. }).then(|| Arc::clone(&hand_off));
    let progress = Arc::clone(&service.progress);
    let stream = Rewound::new(first, stream, Arc::clone(&unsent));
    let mut connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.idle)
        .max_buf_size(MAX_READ_AHEAD)
        .serve_connection(TokioIo::new(stream), service);
    if is_answer {
        // Before anything else is looked at: a connection that has read nothing ends at once when it is to end.
        let begun = poll_fn(|context| Poll::Ready(Pin::new(&mut connection).poll(context))).await;
        if let Poll::Ready(ended) = begun {
            return ended.map(|()| None);
        }
    }
    let handing = Handing { hand_off, unsent };
    let parked = drive(Pin::new(&mut connection), &progress, timeouts, until, Some(&handing)).await?;
    let Some(parked) = parked else { return Ok(None) };
    let parts = connection.into_parts();
    let (stream, unread) = parts.io.into_inner().into_parts();
    // A copy, also of nothing: else it would keep the buffer of which it is a part.
    let said = Bytes::from([parts.read_buf, unread].concat());
    Ok(Some(Box::new(Held { stream, service: parts.service.service, parked, said })))
}

/// How a connection hands a request off.
struct Handing<B> {
    hand_off: Arc<HandOff<B>>,
    /// Not before this has gone out.
    unsent: Arc<Unsent>,
}

impl<B> Handing<B> {
    fn take(&self) -> Option<Parked<Response<B>>> {
        if self.unsent.is_some() { None } else { self.hand_off.take() }
    }
}

/// Why a connection is to end.
enum Over {
    /// The manager stops: what is under way may end, and the manager has its own limit for that.
    Stopping,
    /// The peer is idle, has its answer, or is left: only what is still to be said.
    Done,
}

/// Runs a connection to its end, or until it has handed a request off.
async fn drive<B>(
    mut connection: Pin<&mut impl HttpConnection>,
    progress: &Progress,
    timeouts: Timeouts,
    until: &Until,
    handing: Option<&Handing<B>>,
) -> Result<Option<Parked<Response<B>>>, hyper::Error> {
    let over = match until {
        Until::Word { stop, left } => {
            let idle = idle(progress, timeouts.idle);
            let served = poll_fn(|context| match connection.as_mut().poll(context) {
                Poll::Ready(ended) => Poll::Ready(ended.map(|()| None)),
                Poll::Pending => match handing.and_then(Handing::take) {
                    Some(parked) => Poll::Ready(Ok(Some(parked))),
                    None => Poll::Pending,
                },
            });
            tokio::select! {
                // The word first: then an answer that the word has set free says that it is the last.
                biased;
                () = stop.cancelled() => Over::Stopping,
                served = served => return served,
                () = idle => Over::Done,
                () = left.cancelled() => Over::Done,
            }
        }
        Until::Answered => {
            tokio::select! {
                result = connection.as_mut() => return result.map(|()| None),
                () = progress.answered.notified() => {}
                () = tokio::time::sleep(timeouts.close) => {}
            }
            Over::Done
        }
    };
    if let Some(handing) = handing
        && let Some(parked) = handing.hand_off.close()
    {
        // It is answered when the rest has gone out.
        let sent = poll_fn(|context| match connection.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(false),
            Poll::Pending if handing.unsent.is_some() => Poll::Pending,
            Poll::Pending => Poll::Ready(true),
        });
        let is_sent = tokio::time::timeout(timeouts.close, sent).await.unwrap_or(false);
        return Ok(is_sent.then_some(parked));
    }
    connection.as_mut().finish();
    match over {
        Over::Stopping => connection.await,
        Over::Done => tokio::time::timeout(timeouts.close, connection).await.unwrap_or(Ok(())),
    }
    .map(|()| None)
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
