//! The part of the scripted manager that has a program for who asks: it answers ranges as the protocol says, or misbehaves
//! as the test asks.

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, RANGE};
use hyper::{Response, StatusCode};
use platen_protocol::problem::ProblemKind;
use platen_protocol::programs::range::{ByteRange, ContentRange};
use platen_protocol::programs::{ProgramRequest, field};
use tokio::time::{Interval, interval};

/// Between two parts of an answer that crawls.
const CRAWL: Duration = Duration::from_millis(20);

/// A program that waits for devices.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Names the attempt.
    pub attempt: String,
    /// `KIND/NAME/VERSION`.
    pub program: String,
    /// Names the body.
    pub etag: String,
    /// How many bytes of it are metadata, by the manager's word.
    pub metadata_length: u64,
    /// Metadata and program.
    pub body: Bytes,
}

/// What the scripted manager knows of programs, and how it is to behave.
#[derive(Debug, Default)]
pub struct Programs {
    /// What is offered to whoever asks; without it, 204.
    pub offer: Option<Offer>,
    /// Whether there is such a path at all: earlier managers have none.
    pub is_unknown: bool,
    /// Every reply says that a program waits.
    pub hint: bool,
    /// Who asked what, in this order.
    pub asked: Vec<Asked>,
    /// What befalls the next answers, one each.
    pub faults: VecDeque<Fault>,
    /// What befalls all others.
    pub always: Option<Fault>,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What the device said.
    pub request: ProgramRequest,
    /// Which part it wants.
    pub range: Option<ByteRange>,
    /// Of which body.
    pub if_range: Option<String>,
}

/// What befalls an answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The connection is cut after so many bytes of the body.
    Cut(usize),
    /// It comes in parts of so many bytes, slowly.
    Crawl(usize),
    /// It says that it begins a byte later than was asked for.
    OtherPart,
    /// It has more bytes than it says.
    Longer,
    /// It has fewer bytes than it says, and ends as if it were whole.
    Shorter,
    /// It is part of another body.
    OtherBody,
    /// A problem instead.
    Problem(ProblemKind),
    /// A proxy says that it is too large for it.
    TooLargeForProxy(usize),
}

impl Offer {
    /// Bytes that differ from one tag to the other, so many of metadata and of the program.
    pub fn new(tag: u8, metadata: usize, program: usize) -> Self {
        let bytes: Vec<u8> =
            (0..metadata + program).map(|at| u8::try_from(at % 251).unwrap_or_default() ^ tag).collect();
        Self {
            attempt: format!("try-{tag}"),
            program: format!("agent-package/platen-agent/9.9.{tag}"),
            etag: format!("\"body-{tag}\""),
            metadata_length: metadata as u64,
            body: bytes.into(),
        }
    }
}

/// The body of an answer: in parts, with an end of some kind.
#[derive(Debug)]
pub struct AnswerBody {
    parts: VecDeque<Bytes>,
    crawl: Option<Interval>,
    /// Whether the connection is cut after the last; only once that has been flushed.
    cut: Option<bool>,
    length: Option<u64>,
}

impl AnswerBody {
    /// All at once.
    pub fn whole(bytes: Bytes) -> Self {
        let length = Some(bytes.len() as u64);
        Self { parts: [bytes].into(), crawl: None, cut: None, length }
    }
}

/// The connection is to be cut.
#[derive(Debug)]
pub struct CutHere;

impl std::fmt::Display for CutHere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for CutHere {}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = CutHere;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutHere>>> {
        if let Some(crawl) = &mut self.crawl {
            ready!(crawl.poll_tick(context));
        }
        if let Some(part) = self.parts.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        match self.cut {
            None => Poll::Ready(None),
            Some(false) => {
                // What was sent goes out first.
                self.cut = Some(true);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(true) => Poll::Ready(Some(Err(CutHere))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Programs {
    /// The answer to a request.
    ///
    /// # Errors
    /// With the problem that it is answered with.
    pub fn answer(&mut self, headers: &HeaderMap, body: &[u8]) -> Result<Response<AnswerBody>, ProblemKind> {
        if self.is_unknown {
            return Err(ProblemKind::NotFound);
        }
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let request: ProgramRequest = serde_json::from_slice(body).unwrap();
        assert_eq!(request.check(), Ok(()));
        let range = text(RANGE).map(|range| range.parse::<ByteRange>().unwrap());
        self.asked.push(Asked { request, range, if_range: text(IF_RANGE) });
        let fault = self.faults.pop_front().or_else(|| self.always.clone());
        if let Some(Fault::Problem(kind)) = fault {
            return Err(kind);
        }
        let Some(offer) = &self.offer else {
            return Ok(Response::builder().status(204).body(AnswerBody::whole(Bytes::new())).unwrap());
        };
        Ok(carry(offer, range, text(IF_RANGE).as_deref(), fault.as_ref()))
    }
}

fn carry(
    offer: &Offer,
    range: Option<ByteRange>,
    if_range: Option<&str>,
    fault: Option<&Fault>,
) -> Response<AnswerBody> {
    let whole = NonZeroU64::new(offer.body.len() as u64).unwrap();
    let same = if_range.is_none_or(|etag| etag == offer.etag);
    let part = range.filter(|_| same).and_then(|range| range.of(whole));
    let status = if part.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let part = part.unwrap_or(ContentRange { first: 0, last: whole.get() - 1, whole });
    let place = |at: u64| usize::try_from(at).unwrap();
    let bytes = offer.body.slice(place(part.first)..=place(part.last));
    let mut told = part;
    let mut etag = offer.etag.clone();
    let mut body = AnswerBody::whole(bytes.clone());
    match fault {
        Some(&Fault::TooLargeForProxy(most)) if bytes.len() > most => {
            let refused = Bytes::from_static(b"<h1>too large</h1>");
            return Response::builder().status(502).body(AnswerBody::whole(refused)).unwrap();
        }
        Some(&Fault::Cut(after)) => {
            body.parts = [bytes.slice(..after.min(bytes.len()))].into();
            body.cut = Some(false);
        }
        Some(&Fault::Crawl(each)) => {
            body.parts = bytes.chunks(each).map(Bytes::copy_from_slice).collect();
            body.crawl = Some(interval(CRAWL));
        }
        Some(Fault::OtherPart) => told = ContentRange { first: part.first + 1, ..part },
        Some(Fault::OtherBody) => etag.replace_range(.., "\"another\""),
        Some(Fault::Longer) => body.parts.push_back(Bytes::from_static(b"more than was said")),
        Some(Fault::Shorter) => body.parts = [bytes.slice(..bytes.len() / 2)].into(),
        Some(Fault::Problem(_) | Fault::TooLargeForProxy(_)) | None => {}
    }
    let mut response = Response::builder()
        .status(status)
        .header(ETAG, etag)
        .header(ACCEPT_RANGES, "bytes")
        .header(field::METADATA_LENGTH, offer.metadata_length)
        .header(field::ATTEMPT, &offer.attempt)
        .header(field::PROGRAM, &offer.program);
    if status == StatusCode::PARTIAL_CONTENT {
        response = response.header(CONTENT_RANGE, told.to_string());
    }
    // These two lie without a length of their own: in pieces of HTTP, which have none for the whole.
    if matches!(fault, Some(Fault::Longer | Fault::Shorter | Fault::OtherPart)) {
        body.length = None;
    } else {
        response = response.header(CONTENT_LENGTH, part.length());
    }
    response.body(body).unwrap()
}
