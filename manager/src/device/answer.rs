//! Answers to devices: JSON, or a problem document.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use platen_protocol::problem::{MEDIA_TYPE, Problem, ProblemKind};

use super::answer_body::AnswerBody;
use crate::jitter;
use crate::listen::Parked;

pub(super) type Answer = Response<AnswerBody>;

/// What a file makes of a request.
pub(super) enum Handled {
    /// The answer.
    Answer(Answer),
    /// The answer comes when there is something to say.
    Parked(Parked<Result<Answer, Problem>>),
}

/// The same in the making.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Handled, Problem>> + Send>>;

/// A JSON document as an answer.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<Answer, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| internal(&error))?;
    Ok(answer(StatusCode::OK, HeaderValue::from_static("application/json"), body))
}

/// A failure of ours, logged here; what it was is not told to the asker.
pub(super) fn internal(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "a device's request could not be served");
    Problem::new(ProblemKind::Internal, "the manager could not do this; its log says why; try again later")
}

fn answer(status: StatusCode, media_type: HeaderValue, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(AnswerBody::from(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, media_type);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A refusal that says when to come again.
pub(super) fn refuse_for(problem: &Problem, time: Duration) -> Answer {
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    let mut answer = refuse(problem, seconds);
    answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    answer
}

pub(super) fn refuse(problem: &Problem, retry_after_seconds: u32) -> Answer {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let mut answer = answer(status, HeaderValue::from_static(MEDIA_TYPE), body);
    match problem.kind {
        ProblemKind::TooMany | ProblemKind::OverQuota | ProblemKind::Unavailable => {
            let seconds = jitter::retry_after(retry_after_seconds);
            answer.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        ProblemKind::MethodNotAllowed => {
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
        ProblemKind::NotSignedIn => {
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("TargetToken"));
        }
        _ => {}
    }
    answer
}
