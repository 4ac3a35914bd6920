//! `GET …/softwaremodules/{program}/artifacts/{file}`: the file, as much of it as is asked for.

use std::num::NonZeroU64;
use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    IF_RANGE, RANGE,
};
use hyper::{Request, Response, StatusCode};
use platen_protocol::problem::{Problem, ProblemKind};
use platen_protocol::programs::range::{ByteRange, ContentRange};
use tokio::time::Instant;

use super::super::answer::{Answer, internal};
use super::super::context::Devices;
use super::super::programs::{busy, no_file};
use super::super::signed::only;
use super::super::transfer::part;
use super::deployment::{Standing, file_name, standing};
use super::who::Asking;

/// Which part of the file is asked for.
pub(super) struct Part {
    range: Option<ByteRange>,
    /// Only of this very file, by its `ETag`.
    of: Option<String>,
}

impl Part {
    pub(super) fn read<B>(request: &Request<B>) -> Self {
        let field = |name: &HeaderName| only(request.headers(), name.as_str());
        // A range that is not understood is as none (RFC 9110, section 14.2).
        let range = field(&RANGE).and_then(|range| range.parse().ok());
        Self { range, of: field(&IF_RANGE).map(str::to_owned) }
    }
}

/// Sends a file, or the part of it that is asked for.
pub(super) async fn get(
    devices: &Devices,
    asking: &Asking,
    (program, file): (i64, &str),
    asked: Part,
) -> Result<Answer, Problem> {
    // Only a client that was told what it is: the attempt has begun then.
    let is_meant =
        |action: &crate::store::ActionRecord| action.program == program && action.fetched.is_some();
    let Standing { given, offer, .. } = standing(devices, asking, is_meant).await?;
    let record = &given.record;
    let whole = NonZeroU64::new(record.size).filter(|_| file_name(record) == file);
    let whole = whole.ok_or_else(|| Problem::new(ProblemKind::NotFound, "there is no such file"))?;
    let etag = format!("\"{}\"", record.sha256);
    let range = range_of(&asked, &etag, whole)?;
    devices.programs.have_file(record).await.map_err(|error| no_file(devices, &error))?;
    let transfer = devices
        .traffic
        .transfer(&asking.device, Instant::now())
        .map_err(|full| busy(devices, &asking.device, full))?;
    let path = devices.programs.files().path(&record.sha256);
    let (first, length) = range.map_or((0, whole.get()), |range| (range.first, range.length()));
    let pace = offer.paced.as_ref().map(|(rollout, rate)| devices.paces.of(rollout, *rate));
    let body = part((&Bytes::new(), &path), (first, length), Arc::clone(&given), (transfer, pace)).await;
    let mut answer = Response::new(body.map_err(|error| internal(&error))?);
    let mut set = |name: HeaderName, value: &str| {
        HeaderValue::from_str(value).map(|value| drop(answer.headers_mut().insert(name, value)))
    };
    let fields = set(CONTENT_TYPE, "application/octet-stream")
        .and_then(|()| set(CACHE_CONTROL, "no-store"))
        .and_then(|()| set(ACCEPT_RANGES, "bytes"))
        .and_then(|()| set(ETAG, &etag))
        .and_then(|()| set(CONTENT_LENGTH, &length.to_string()))
        .and_then(|()| range.map_or(Ok(()), |range| set(CONTENT_RANGE, &range.to_string())));
    fields.map_err(|error| internal(&error))?;
    if range.is_some() {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(answer)
}

/// Which part is answered; none is all of it, and so where a part of another file is asked for.
fn range_of(asked: &Part, etag: &str, whole: NonZeroU64) -> Result<Option<ContentRange>, Problem> {
    let range = asked.range.filter(|_| asked.of.as_ref().is_none_or(|of| of == etag));
    let Some(range) = range else { return Ok(None) };
    let part = range.of(whole).ok_or_else(|| {
        Problem::new(
            ProblemKind::RangeNotSatisfiable,
            format!("the file has {whole} bytes, and none of them is asked for: ask for its beginning"),
        )
    });
    part.map(Some)
}
