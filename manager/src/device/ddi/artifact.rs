//! `GET …/softwaremodules/{program}/artifacts/{file}`: the file, as much of it as is asked for.

use std::num::NonZeroU64;

use hyper::body::Bytes;
use platen_protocol::problem::{Problem, ProblemKind};
use platen_protocol::programs::range::ContentRange;

use super::super::answer::Answer;
use super::super::context::Devices;
use super::super::sending::{Sent, Wanted, reserve, send};
use super::deployment::{Standing, file_name, standing};
use super::who::Asking;

/// Sends a file, or the part of it that is asked for.
pub(super) async fn get(
    devices: &Devices,
    asking: &Asking,
    (program, file): (i64, &str),
    asked: Wanted,
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
    let transfer = reserve(devices, &asking.device, record).await?;
    let sent = Sent { head: &Bytes::new(), bytes: whole, range, etag: &etag };
    send(devices, (&offer, &given), sent, transfer).await
}

/// Which part is answered; none is all of it, and so where a part of another file is asked for.
fn range_of(asked: &Wanted, etag: &str, whole: NonZeroU64) -> Result<Option<ContentRange>, Problem> {
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
