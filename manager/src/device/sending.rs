//! A program's file on its way, to an agent of ours and to a client that is not ours alike: which part is asked for, a place
//! among the transfers, and the answer that carries it.

use std::num::NonZeroU64;
use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    IF_RANGE, RANGE,
};
use hyper::{Request, Response, StatusCode};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::{Problem, ProblemKind};
use platen_protocol::programs::MEDIA_TYPE;
use platen_protocol::programs::range::{ByteRange, ContentRange};
use tokio::time::Instant;

use super::answer::{Answer, internal};
use super::context::{Devices, later};
use super::signed::only;
use super::traffic::{NoTransfer, Transfer};
use super::transfer::part;
use crate::counters::Turned;
use crate::programs::fetch::FetchError;
use crate::programs::shelf::Given;
use crate::store::{OnOffer, ProgramRecord};

/// Which part of a body is asked for.
pub(super) struct Wanted {
    pub(super) range: Option<ByteRange>,
    /// Only of this very body, by its `ETag`.
    pub(super) of: Option<String>,
}

impl Wanted {
    pub(super) fn read<B>(request: &Request<B>) -> Self {
        let field = |name: &HeaderName| only(request.headers(), name.as_str());
        // A range that is not understood is as none (RFC 9110, section 14.2).
        let range = field(&RANGE).and_then(|range| range.parse().ok());
        Self { range, of: field(&IF_RANGE).map(str::to_owned) }
    }
}

/// What is answered: a file with what stands before it, as one body.
pub(super) struct Sent<'a> {
    pub(super) head: &'a Bytes,
    /// Of all of it.
    pub(super) bytes: NonZeroU64,
    /// None is all of it.
    pub(super) range: Option<ContentRange>,
    pub(super) etag: &'a str,
}

/// Has the file at hand, and a place among the transfers.
pub(super) async fn reserve(
    devices: &Devices,
    device: &DeviceId,
    record: &ProgramRecord,
) -> Result<Transfer, Problem> {
    devices.programs.have_file(record).await.map_err(|error| no_file(devices, &error))?;
    devices.traffic.transfer(device, Instant::now()).map_err(|full| busy(devices, device, full))
}

/// The answer that carries it, at the pace of the rollout that offers it.
pub(super) async fn send(
    devices: &Devices,
    (offer, given): (&OnOffer, &Arc<Given>),
    Sent { head, bytes, range, etag }: Sent<'_>,
    transfer: Transfer,
) -> Result<Answer, Problem> {
    let path = devices.programs.files().path(&given.record.sha256);
    let (first, length) = range.map_or((0, bytes.get()), |range| (range.first, range.length()));
    let paced = devices.paces.paced(offer.paced.as_ref());
    let body = part((head, path.as_path()), (first, length), Arc::clone(given), (transfer, paced)).await;
    let mut answer = Response::new(body.map_err(|error| internal(&error))?);
    set(&mut answer, CONTENT_TYPE, MEDIA_TYPE)?;
    set(&mut answer, CACHE_CONTROL, "no-store")?;
    set(&mut answer, ACCEPT_RANGES, "bytes")?;
    set(&mut answer, ETAG, etag)?;
    set(&mut answer, CONTENT_LENGTH, &length.to_string())?;
    if let Some(range) = range {
        set(&mut answer, CONTENT_RANGE, &range.to_string())?;
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(answer)
}

/// Sets a field of an answer.
pub(super) fn set(answer: &mut Answer, name: HeaderName, value: &str) -> Result<(), Problem> {
    let value = HeaderValue::from_str(value).map_err(|error| internal(&error))?;
    answer.headers_mut().insert(name, value);
    Ok(())
}

fn busy(devices: &Devices, device: &DeviceId, full: NoTransfer) -> Problem {
    devices.counters.count(Turned::Transfer);
    match full {
        NoTransfer::All => Problem::new(
            ProblemKind::Unavailable,
            "as many programs are on their way as there may be at once; come again later",
        ),
        NoTransfer::Device => Problem::new(
            ProblemKind::TooMany,
            format!(
                "as many programs are on their way to {device} as there may be at once; end one, or come again later"
            ),
        ),
    }
}

pub(super) fn no_file(devices: &Devices, error: &FetchError) -> Problem {
    match error {
        FetchError::Store(error) => return later(devices, error),
        FetchError::Slow => tracing::info!("a program is still being fetched from the database"),
        FetchError::Lost { .. } | FetchError::File(_) => tracing::error!(%error, "a program cannot be sent"),
    }
    Problem::new(ProblemKind::Unavailable, "the manager has not got the program at hand; come again later")
}
