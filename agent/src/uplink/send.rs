//! One request and its answer, within a deadline.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, Uri};
use platen_protocol::limits::MAX_REPLY_BYTES;
use platen_protocol::manager_to_device::Reply;
use platen_protocol::problem::Problem;
use platen_protocol::{VERSION, path, prefer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::UplinkError;
use super::lane::{Lane, Sender};
use super::retry_after::retry_after;
use crate::address::Address;
use crate::outbox::Batch;

const JSON: &str = "application/json";

/// Sends a batch and returns the reply. The manager may hold it for `wait`; `margin` is the time for
/// the way there and back.
pub async fn send(
    lane: &mut Lane,
    address: &Address,
    batch: &Batch,
    wait: Duration,
    margin: Duration,
) -> Result<Reply, UplinkError> {
    let reply: Reply = post(lane, address, path::REPORTS, &batch.body, wait, margin).await?;
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
    lane: &mut Lane,
    address: &Address,
    path: &str,
    body: &impl Serialize,
    wait: Duration,
    margin: Duration,
) -> Result<T, UplinkError> {
    let limit = wait + margin;
    let bytes = serde_json::to_vec(body).map_err(|cause| UplinkError::Answer(cause.to_string()))?;
    let request = build(lane, address, path, bytes, wait)?;
    let exchange = async {
        let response = match &mut lane.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        read(response).await
    };
    tokio::time::timeout(limit, exchange).await.unwrap_or_else(|_| Err(UplinkError::Deadline(limit)))
}

fn build(
    lane: &Lane,
    address: &Address,
    path: &str,
    body: Vec<u8>,
    wait: Duration,
) -> Result<Request<Full<Bytes>>, UplinkError> {
    let mut request = Request::builder().method(Method::POST).header(CONTENT_TYPE, JSON);
    request = match lane.sender {
        Sender::Http1(_) => request.uri(path).header(HOST, address.authority()),
        Sender::Http2(_) => {
            let uri =
                Uri::builder().scheme("https").authority(address.authority()).path_and_query(path).build();
            request.uri(uri.map_err(|cause| UplinkError::Answer(cause.to_string()))?)
        }
    };
    if !wait.is_zero() {
        request = request.header(prefer::HEADER, prefer::wait(wait));
    }
    request.body(Full::new(body.into())).map_err(|cause| UplinkError::Answer(cause.to_string()))
}

async fn read<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T, UplinkError> {
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let body = Limited::new(response.into_body(), MAX_REPLY_BYTES).collect().await;
    let body = body
        .map_err(|cause| match cause.downcast::<hyper::Error>() {
            Ok(broken) => UplinkError::Broken(*broken),
            Err(_too_large) => UplinkError::Answer(format!("it is larger than {MAX_REPLY_BYTES} bytes")),
        })?
        .to_bytes();
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|cause| UplinkError::Answer(cause.to_string()));
    }
    let problem: Option<Problem> = serde_json::from_slice(&body).ok();
    Err(UplinkError::Problem { status: status.as_u16(), problem, retry_after })
}
