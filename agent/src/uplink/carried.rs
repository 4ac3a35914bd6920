//! An answer that carries more than a reply: part of a program's body, as it comes, or as it was signed.
//!
//! Where a proxy inspects the connection, nothing counts before the signature over the whole part has been checked, so the
//! part is read to its end first. Otherwise each frame counts as it comes, and a connection that breaks loses nothing.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderValue, IF_RANGE, RANGE};
use platen_protocol::limits::MAX_REPLY_BYTES;
use platen_protocol::programs::range::ByteRange;
use serde::Serialize;

use super::UplinkError;
use super::connection::Connection;
use super::send::{is_to_be_signed_again, request, understand};
use crate::identity::address::Address;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Where.
    pub path: &'a str,
    /// Which part of the body.
    pub range: ByteRange,
    /// Only of the body with this `ETag`; of another one, all.
    pub if_range: Option<&'a str>,
    /// The most bytes of it that are read before they can be trusted.
    pub most: u64,
    /// The connection is given up when nothing has come for so long.
    pub silence: Duration,
}

/// The answer, and what it carries.
#[derive(Debug)]
pub struct Carried {
    /// 200, 204 or 206.
    pub status: u16,
    headers: HeaderMap,
    body: Body,
    silence: Duration,
}

#[derive(Debug)]
enum Body {
    Coming(Incoming),
    Signed(Option<Bytes>),
}

/// Posts JSON, and returns the answer once its head is there.
///
/// # Errors
/// When there is no such answer, or it says that there is a problem.
pub async fn ask(
    connection: &mut Connection,
    address: &Address,
    body: &impl Serialize,
    wanted: Wanted<'_>,
) -> Result<Carried, UplinkError> {
    let bytes = serde_json::to_vec(body).map_err(|cause| UplinkError::Answer(cause.to_string()))?;
    let bytes = Bytes::from(bytes);
    match exchange(connection, address, bytes.clone(), wanted).await {
        Err(failed) if is_to_be_signed_again(connection, &failed) => {
            exchange(connection, address, bytes, wanted).await
        }
        first => first,
    }
}

async fn exchange(
    connection: &mut Connection,
    address: &Address,
    bytes: Bytes,
    wanted: Wanted<'_>,
) -> Result<Carried, UplinkError> {
    let (mut request, seal) = request(connection, address, wanted.path, bytes, None)?;
    let unusable = |_| UplinkError::Answer("its ETag is not one".to_owned());
    let range = HeaderValue::from_str(&wanted.range.to_string()).map_err(unusable)?;
    request.headers_mut().insert(RANGE, range);
    if let Some(etag) = wanted.if_range {
        request.headers_mut().insert(IF_RANGE, HeaderValue::from_str(etag).map_err(unusable)?);
    }
    let head = async {
        connection.sender.ready().await?;
        Ok::<_, UplinkError>(connection.sender.send_request(request).await?)
    };
    let (head, mut body) = within(wanted.silence, head).await?.into_parts();
    let is_success = head.status.is_success();
    let body = match seal {
        Some(seal) => {
            let whole = collect(&mut body, wanted.most.max(MAX_REPLY_BYTES as u64), wanted.silence).await?;
            seal.check(&head, &whole)?;
            Body::Signed(Some(whole))
        }
        None => Body::Coming(body),
    };
    let mut carried = Carried {
        status: head.status.as_u16(),
        headers: head.headers.clone(),
        body,
        silence: wanted.silence,
    };
    if is_success {
        return Ok(carried);
    }
    let said = match &mut carried.body {
        Body::Coming(body) => collect(body, MAX_REPLY_BYTES as u64, wanted.silence).await?,
        Body::Signed(whole) => whole.take().unwrap_or_default(),
    };
    let problem: Result<serde::de::IgnoredAny, _> = understand(&head, &said);
    problem.map(|_| carried)
}

/// Reads a body to its end, if that comes in time and in bounds.
async fn collect(body: &mut Incoming, most: u64, silence: Duration) -> Result<Bytes, UplinkError> {
    let mut whole = Vec::new();
    while let Some(part) = frame(body, silence).await? {
        if (whole.len() + part.len()) as u64 > most {
            return Err(UplinkError::Answer(format!("it is larger than {most} bytes")));
        }
        whole.extend_from_slice(&part);
    }
    Ok(whole.into())
}

async fn frame(body: &mut Incoming, silence: Duration) -> Result<Option<Bytes>, UplinkError> {
    loop {
        let Some(frame) = within(silence, async { Ok(body.frame().await.transpose()?) }).await? else {
            return Ok(None);
        };
        // What comes after a body in its trailers says nothing here.
        if let Ok(part) = frame.into_data() {
            return Ok(Some(part));
        }
    }
}

async fn within<T>(
    limit: Duration,
    what: impl Future<Output = Result<T, UplinkError>>,
) -> Result<T, UplinkError> {
    tokio::time::timeout(limit, what).await.unwrap_or_else(|_| Err(UplinkError::Deadline(limit)))
}

impl Carried {
    /// A field of the head, if it is there once.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.get_all(name).iter();
        let only = all.next().filter(|_| all.next().is_none())?;
        only.to_str().ok()
    }

    /// What comes next of the body; none at its end.
    ///
    /// # Errors
    /// When the connection breaks or falls silent.
    pub async fn next(&mut self) -> Result<Option<Bytes>, UplinkError> {
        match &mut self.body {
            Body::Signed(whole) => Ok(whole.take()),
            Body::Coming(body) => frame(body, self.silence).await,
        }
    }
}
