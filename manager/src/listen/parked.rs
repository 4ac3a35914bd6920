//! A request that waits until there is something to say needs no HTTP meanwhile.
//!
//! Most connections of a manager do nothing but that, and HTTP's buffers are most of what such a one would cost. So
//! over HTTP/1.1, where a connection carries nothing else, the request is handed off: of the connection only the
//! stream stays, and of the request what is needed to answer it. When there is something to say, HTTP begins anew on
//! the same stream, with a request that stands for the one that was taken off it ([`stand_in`]); so the answer is made
//! by the same code, to the byte, as one that was never handed off. Over HTTP/2, which has its state to keep, and where
//! a client asks for something out of the ordinary, the request waits where it is.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper::body::Bytes;
use hyper::header::{CONNECTION, EXPECT, UPGRADE};
use hyper::{Request, Response, Version};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::sync::CancellationToken;

/// What is read at once of a peer that says something while its request waits, in bytes; the rest is read by HTTP.
const PIECE_BYTES: usize = 1024;

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A request that waits until there is something to say.
pub struct Parked<A> {
    /// Ends when there is something to say, or the time is over, or the manager stops. Dropping it ends the wait.
    wait: Later<()>,
    answer: Box<dyn FnOnce() -> Later<A> + Send>,
}

impl<A: Send + 'static> Parked<A> {
    /// `answer` says what is to be said, whether `wait` has ended or was dropped.
    pub fn new<F>(
        wait: impl Future<Output = ()> + Send + 'static,
        answer: impl FnOnce() -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = A> + Send + 'static,
    {
        Self { wait: Box::pin(wait), answer: Box::new(move || Box::pin(answer())) }
    }

    /// The same wait, and something else is made of the answer.
    #[must_use]
    pub fn map<Z, F>(self, then: impl FnOnce(A) -> F + Send + 'static) -> Parked<Z>
    where
        Z: Send + 'static,
        F: Future<Output = Z> + Send + 'static,
    {
        let Self { wait, answer } = self;
        Parked { wait, answer: Box::new(move || Box::pin(async move { then(answer().await).await })) }
    }

    /// Waits here, and answers.
    pub async fn end(self) -> A {
        self.wait.await;
        (self.answer)().await
    }

    /// Answers, without waiting any longer.
    pub(super) async fn answer_now(self) -> A {
        drop(self.wait);
        (self.answer)().await
    }
}

/// What a service makes of a request.
pub enum Outcome<B> {
    /// The answer.
    Answer(Response<B>),
    /// The answer comes when there is something to say.
    Parked(Parked<Response<B>>),
}

/// What services answer with: a response, or an [`Outcome`].
pub trait Reply {
    /// Of the response.
    type Body;
    /// What it is.
    fn outcome(self) -> Outcome<Self::Body>;
}

impl<B> Reply for Response<B> {
    type Body = B;

    fn outcome(self) -> Outcome<B> {
        Outcome::Answer(self)
    }
}

impl<B> Reply for Outcome<B> {
    type Body = B;

    fn outcome(self) -> Self {
        self
    }
}

/// Where a connection's requests that wait are put for whoever runs the connection.
pub(super) struct HandOff<B>(Mutex<Place<B>>);

enum Place<B> {
    Open(Option<Parked<Response<B>>>),
    /// The connection is to end: requests wait where they are.
    Closed,
}

impl<B> HandOff<B> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Place::Open(None)))
    }

    /// Whether a request can be handed off: nothing about the connection depends on what it says.
    pub(super) fn suits<T>(request: &Request<T>) -> bool {
        let fields = request.headers();
        request.version() == Version::HTTP_11
            && !fields.contains_key(EXPECT)
            && !fields.contains_key(UPGRADE)
            && fields
                .get_all(CONNECTION)
                .iter()
                .all(|value| value.as_bytes().eq_ignore_ascii_case(b"keep-alive"))
    }

    /// Puts a request there; it comes back when the connection is to end.
    pub(super) fn put(&self, parked: Parked<Response<B>>) -> Option<Parked<Response<B>>> {
        match &mut *self.place() {
            Place::Open(place) => {
                *place = Some(parked);
                None
            }
            Place::Closed => Some(parked),
        }
    }

    pub(super) fn take(&self) -> Option<Parked<Response<B>>> {
        match &mut *self.place() {
            Place::Open(place) => place.take(),
            Place::Closed => None,
        }
    }

    /// From now on requests wait where they are; but for one that is there already.
    pub(super) fn close(&self) -> Option<Parked<Response<B>>> {
        match std::mem::replace(&mut *self.place(), Place::Closed) {
            Place::Open(parked) => parked,
            Place::Closed => None,
        }
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Place<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a wait ended.
pub(super) enum WaitEnded {
    /// There is something to say, or the peer has said something, which comes first: these bytes, and more may follow.
    Answer(Vec<u8>),
    /// The peer has gone.
    Gone,
}

/// Waits on a stream until there is something to say, or the connection is to be `left`, or the peer says something or
/// goes away.
pub(super) async fn wait_on<T, A>(
    stream: &mut T,
    parked: &mut Parked<A>,
    left: &CancellationToken,
) -> WaitEnded
where
    T: AsyncRead + Unpin,
{
    let mut left = std::pin::pin!(left.cancelled());
    poll_fn(|context| {
        if parked.wait.as_mut().poll(context).is_ready() || left.as_mut().poll(context).is_ready() {
            return Poll::Ready(WaitEnded::Answer(Vec::new()));
        }
        hear(stream, context)
    })
    .await
}

fn hear<T: AsyncRead + Unpin>(stream: &mut T, context: &mut Context<'_>) -> Poll<WaitEnded> {
    let mut piece = [0; PIECE_BYTES];
    let mut piece = ReadBuf::new(&mut piece);
    match Pin::new(stream).poll_read(context, &mut piece) {
        Poll::Pending => Poll::Pending,
        Poll::Ready(Ok(())) if !piece.filled().is_empty() => {
            Poll::Ready(WaitEnded::Answer(piece.filled().to_vec()))
        }
        // However it ended: who does not wait any more needs no answer.
        Poll::Ready(_) => Poll::Ready(WaitEnded::Gone),
    }
}

/// A request that stands for one that was handed off, so that HTTP has one to answer; and what its peer has said since.
pub(super) fn stand_in(last: bool, said: &[u8]) -> Bytes {
    let head: &[u8] = if last {
        b"POST / HTTP/1.1\r\nhost: parked\r\nconnection: close\r\n\r\n"
    } else {
        b"POST / HTTP/1.1\r\nhost: parked\r\n\r\n"
    };
    [head, said].concat().into()
}
