//! Who finds no place is told so once, in words and with a time to come again, and the connection ends.

use std::convert::Infallible;
use std::future::{Ready, ready};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Request, Response, StatusCode, Version};
use platen_protocol::problem::{MEDIA_TYPE, Problem, ProblemKind};

use super::connection_limit::LimitReached;
use super::request_body::RequestBody;
use crate::jitter;

/// Answers every request with "not now".
pub(crate) struct TurnAway {
    /// Why not.
    pub(crate) because: Problem,
    /// The least of `Retry-After`.
    pub(crate) retry_after_seconds: u32,
}

impl TurnAway {
    /// For want of a place.
    pub(super) fn without_place(reached: LimitReached, retry_after_seconds: u32) -> Self {
        let detail = match reached {
            LimitReached::Total => "the manager has no connections to spare; try again later",
            LimitReached::Address => {
                "too many connections come from your address; try again later, or have connections_per_address raised in the manager's configuration"
            }
        };
        Self::saying(detail, retry_after_seconds)
    }

    /// For another reason.
    pub(crate) fn saying(detail: &str, retry_after_seconds: u32) -> Self {
        Self { because: Problem::new(ProblemKind::Unavailable, detail), retry_after_seconds }
    }
}

impl hyper::service::Service<Request<RequestBody>> for TurnAway {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<RequestBody>) -> Self::Future {
        let body = serde_json::to_vec(&self.because).unwrap_or_default();
        let mut answer = Response::new(Full::new(Bytes::from(body)));
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(RETRY_AFTER, jitter::retry_after(self.retry_after_seconds).into());
        if request.version() < Version::HTTP_2 {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        ready(Ok(answer))
    }
}
