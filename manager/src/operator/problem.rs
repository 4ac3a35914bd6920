//! Problem documents (RFC 9457) as answers of the API.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use platen_protocol::problem::{MEDIA_TYPE, Problem, ProblemKind};

use crate::jitter;
use crate::store::{StoreError, cause};

/// What who came at a bad moment waits at least, in seconds.
const RETRY_AFTER_SECONDS: u32 = 2;

/// A problem, on its way out.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) Problem, Option<u64>);

impl Refusal {
    pub(super) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let retry_after =
            matches!(kind, ProblemKind::TooMany | ProblemKind::OverQuota | ProblemKind::Unavailable)
                .then(|| jitter::retry_after(RETRY_AFTER_SECONDS));
        Self(Problem::new(kind, detail), retry_after)
    }

    /// Says when to come again: in whole seconds, and not before the time.
    pub(super) fn after(self, time: Duration) -> Self {
        let begun = u64::from(time.subsec_nanos() > 0);
        Self(self.0, Some((time.as_secs() + begun).max(1)))
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(ProblemKind::NotFound, format!("there is no {what} of that name here"))
    }

    /// A failure of ours: logged here, and not told to the asker.
    pub(super) fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "an operator's request could not be served");
        Self::new(ProblemKind::Internal, "the manager could not do this; its log says why")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self.0)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.0.kind == ProblemKind::NotSignedIn {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.1 {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(self.0);
        response
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        // That the store has trouble is in the log once, by the store itself, and not for each who asks.
        let Some(cause) = cause(&error) else { return Self::internal(&error) };
        tracing::debug!(%error, "the store could not serve an operator");
        Self::new(ProblemKind::Unavailable, cause.words())
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(ProblemKind::InvalidRequest, rejection.body_text())
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        Self::new(ProblemKind::NotFound, rejection.body_text())
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        let kind = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ProblemKind::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ProblemKind::UnsupportedMediaType,
            _ => ProblemKind::NotJson,
        };
        Self::new(kind, rejection.body_text())
    }
}
