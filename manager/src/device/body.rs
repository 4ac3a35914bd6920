//! The body of a request: read to a limit of bytes and of time, and understood or refused with the
//! place where it cannot be.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::body::Body as _;
use platen_protocol::VERSION;
use platen_protocol::limits::MAX_BODY_BYTES;
use platen_protocol::problem::{Problem, ProblemKind};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::context::Devices;
use super::signed::SignedDigest;
use super::traffic::{BodyMemory, NoMemory};
use crate::counters::Turned;
use crate::ingest::validate::wrong_version;
use crate::listen::RequestBody;

/// How long a body may take to arrive.
const BODY_LIMIT: Duration = Duration::from_secs(30);

/// What is allocated before any of a body has come, in bytes: most bodies are no larger, and who sends
/// nothing costs no more.
const FIRST_BYTES: usize = 4 * 1024;

/// A body, with the memory that was given to it.
pub(super) struct Taken {
    bytes: Vec<u8>,
    share: BodyMemory,
}

impl std::ops::Deref for Taken {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Taken {
    /// The bytes are done with; what was made of them still takes their share of memory.
    pub(super) fn forget_bytes(self) -> BodyMemory {
        self.share
    }
}

/// Reads the body, unless it is or becomes too large.
pub(super) async fn read(devices: &Devices, request: Request<RequestBody>) -> Result<Taken, Problem> {
    let signed: Option<SignedDigest> = request.extensions().get().cloned();
    let body = collect(devices, request.into_body());
    let body = tokio::time::timeout(BODY_LIMIT, body).await.unwrap_or_else(|_| {
        Err(Problem::new(
            ProblemKind::InvalidRequest,
            format!("the body took longer than {} s", BODY_LIMIT.as_secs()),
        ))
    })?;
    signed.map_or(Ok(()), |signed| signed.check(&body))?;
    Ok(body)
}

async fn collect(devices: &Devices, mut body: RequestBody) -> Result<Taken, Problem> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > MAX_BODY_BYTES {
        return Err(too_large());
    }
    let mut kept = Vec::with_capacity(announced.min(FIRST_BYTES));
    let mut share = BodyMemory::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::new(ProblemKind::InvalidRequest, format!("the body ended early: {error}"))
        })?;
        let Some(data) = frame.data_ref() else { continue };
        let received = kept.len() + data.len();
        if received > MAX_BODY_BYTES {
            return Err(too_large());
        }
        share.grow(&devices.traffic, received).map_err(|NoMemory| {
            devices.counters.count(Turned::Memory);
            Problem::new(ProblemKind::Unavailable, "too many reports are arriving at once; try again later")
        })?;
        kept.extend_from_slice(data);
    }
    Ok(Taken { bytes: kept, share })
}

fn too_large() -> Problem {
    Problem::new(
        ProblemKind::BodyTooLarge,
        format!("a body may hold at most {MAX_BODY_BYTES} bytes; send fewer reports at once"),
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
