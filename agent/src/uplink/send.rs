//! One request and its answer, within a deadline.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::response::Parts;
use hyper::{Request, Response};
use platen_protocol::device_to_manager::ReportBatch;
use platen_protocol::limits::MAX_REPLY_BYTES;
use platen_protocol::manager_to_device::Reply;
use platen_protocol::problem::{Problem, ProblemKind};
use platen_protocol::signature::{Bond, Signed};
use platen_protocol::{VERSION, path, prefer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::UplinkError;
use super::connection::Connection;
use super::retry_after::retry_after;
use super::trust::sign::Inspected;
use crate::identity::address::Address;
use crate::outbox::Batch;

/// The media type of requests.
const JSON: &str = "application/json";

/// Sends a batch and returns the reply. The manager may hold it for `wait`; `margin` is the time for
/// the round trip.
pub async fn send(
    connection: &mut Connection,
    address: &Address,
    batch: &Batch,
    wait: Duration,
    margin: Duration,
) -> Result<Reply, UplinkError> {
    let reply: Reply = match &connection.inspected {
        None => post(connection, address, path::REPORTS, &batch.body, wait, margin).await?,
        Some(inspected) => {
            let body = ReportBatch { inspected_by: Some(inspected.by.clone()), ..batch.body.clone() };
            post(connection, address, path::REPORTS, &body, wait, margin).await?
        }
    };
    if reply.version == VERSION {
        Ok(reply)
    } else {
        Err(UplinkError::Answer(format!(
            "it is of version {} and this agent speaks version {VERSION}: update the older one",
            reply.version
        )))
    }
}

/// Posts JSON and reads JSON.
pub async fn post<T: DeserializeOwned>(
    connection: &mut Connection,
    address: &Address,
    path: &str,
    body: &impl Serialize,
    wait: Duration,
    margin: Duration,
) -> Result<T, UplinkError> {
    let limit = wait + margin;
    let bytes = serde_json::to_vec(body).map_err(|cause| UplinkError::Answer(cause.to_string()))?;
    let bytes = Bytes::from(bytes);
    let first = exchange(connection, address, path, bytes.clone(), wait, limit).await;
    match first {
        Err(failed) if is_to_be_signed_again(connection, &failed) => {
            exchange(connection, address, path, bytes, wait, limit).await
        }
        first => first,
    }
}

async fn exchange<T: DeserializeOwned>(
    connection: &mut Connection,
    address: &Address,
    path: &str,
    body: Bytes,
    wait: Duration,
    limit: Duration,
) -> Result<T, UplinkError> {
    let prefer = (!wait.is_zero()).then(|| prefer::wait(wait));
    let (request, seal) = request(connection, address, path, body, prefer)?;
    let exchange = async {
        connection.sender.ready().await?;
        let response = connection.sender.send_request(request).await?;
        let (head, body) = read(response).await?;
        if let Some(seal) = seal {
            seal.check(&head, &body)?;
        }
        understand(&head, &body)
    };
    tokio::time::timeout(limit, exchange).await.unwrap_or_else(|_| Err(UplinkError::Deadline(limit)))
}

/// Whether the manager has told its time to a signed request: by that it is signed again, once.
pub(super) fn is_to_be_signed_again(connection: &Connection, failed: &UplinkError) -> bool {
    connection.inspected.is_some() && failed.problem_kind() == Some(ProblemKind::SignatureStale)
}

/// By what the answer to a signed request is checked.
pub(super) struct Seal {
    inspected: Arc<Inspected>,
    bond: Bond,
}

impl Seal {
    /// Whether the manager has made this answer, and to this request.
    pub(super) fn check(&self, head: &Parts, body: &[u8]) -> Result<(), UplinkError> {
        Ok(self.inspected.check(head.status.as_u16(), &head.headers, body, &self.bond)?)
    }
}

/// A request to post JSON, signed where the connection is inspected.
pub(super) fn request(
    connection: &Connection,
    address: &Address,
    path: &str,
    body: Bytes,
    prefer: Option<String>,
) -> Result<(Request<Full<Bytes>>, Option<Seal>), UplinkError> {
    let signed = match &connection.inspected {
        Some(inspected) => {
            Some((Arc::clone(inspected), inspected.sign(path, JSON, prefer.as_deref(), &body)?))
        }
        None => None,
    };
    let unusable = |cause: String| UplinkError::Answer(cause);
    let mut request = Request::post(path).header(CONTENT_TYPE, JSON).header(HOST, address.authority());
    if let Some(prefer) = prefer {
        request = request.header(prefer::HEADER, prefer);
    }
    let mut request = request.body(Full::new(body)).map_err(|cause| unusable(cause.to_string()))?;
    let Some((inspected, Signed { fields, bond })) = signed else { return Ok((request, None)) };
    for (name, value) in fields {
        let value = HeaderValue::from_str(&value).map_err(|cause| unusable(cause.to_string()))?;
        request.headers_mut().insert(name, value);
    }
    Ok((request, Some(Seal { inspected, bond })))
}

async fn read(response: Response<Incoming>) -> Result<(Parts, Bytes), UplinkError> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_REPLY_BYTES).collect().await;
    let body = body
        .map_err(|cause| match cause.downcast::<hyper::Error>() {
            Ok(broken) => UplinkError::Broken(*broken),
            Err(_too_large) => UplinkError::Answer(format!("it is larger than {MAX_REPLY_BYTES} bytes")),
        })?
        .to_bytes();
    Ok((head, body))
}

/// What an answer says: what was asked for, or why not.
pub(super) fn understand<T: DeserializeOwned>(head: &Parts, body: &[u8]) -> Result<T, UplinkError> {
    if head.status.is_success() {
        return serde_json::from_slice(body).map_err(|cause| UplinkError::Answer(cause.to_string()));
    }
    let retry_after = retry_after(&head.headers);
    let problem: Option<Problem> = serde_json::from_slice(body).ok();
    Err(UplinkError::Problem { status: head.status.as_u16(), problem, retry_after })
}
