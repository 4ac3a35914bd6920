//! The body of a request: read to a limit of bytes and of time, and understood or refused with the
//! place where it cannot be.

use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::Request;
use hyper::body::{Body as _, Bytes, Incoming};
use platen_protocol::VERSION;
use platen_protocol::limits::MAX_BODY_BYTES;
use platen_protocol::problem::{Problem, ProblemKind};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::ingest::validate::wrong_version;

/// How long a body may take to arrive.
const BODY_LIMIT: Duration = Duration::from_secs(30);

/// Reads the body, unless it is or becomes too large.
pub(super) async fn read(request: Request<Incoming>) -> Result<Bytes, Problem> {
    let body = request.into_body();
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_LIMIT, Limited::new(body, MAX_BODY_BYTES).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => {
            Err(Problem::new(ProblemKind::InvalidRequest, format!("the body broke off: {error}")))
        }
        Err(_) => Err(Problem::new(
            ProblemKind::InvalidRequest,
            format!("the body took longer than {} s", BODY_LIMIT.as_secs()),
        )),
    }
}

fn too_large() -> Problem {
    Problem::new(
        ProblemKind::BodyTooLarge,
        format!("a body may have {MAX_BODY_BYTES} bytes; send fewer reports at once"),
    )
}

/// Understands the body as a message of this version.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    #[derive(Deserialize)]
    struct OnlyVersion {
        version: u64,
    }
    serde_json::from_slice(bytes).map_err(|error| {
        // A message of another version may have another form; that is what the sender should hear.
        match serde_json::from_slice::<OnlyVersion>(bytes) {
            Ok(OnlyVersion { version }) if version != u64::from(VERSION) => wrong_version(version),
            _ => Problem::new(ProblemKind::NotJson, error.to_string()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use platen_protocol::device_to_manager::ReportBatch;

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        let problem = parse::<ReportBatch>(b"{\n \"version\": }").unwrap_err();
        assert_eq!(problem.kind, ProblemKind::NotJson);
        assert!(problem.detail.contains("line 2 column"), "{}", problem.detail);
    }

    #[test]
    fn a_message_of_a_later_version_is_refused_for_its_version() {
        let problem = parse::<ReportBatch>(b"{\"version\": 70000, \"items\": []}").unwrap_err();
        assert_eq!(problem.kind, ProblemKind::WrongVersion);
    }
}
