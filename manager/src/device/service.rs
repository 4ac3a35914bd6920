//! From a request to its file. There are few addresses, so no router stands between: a parked device
//! is one boxed future.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use platen_protocol::path;
use platen_protocol::problem::{MEDIA_TYPE, Problem, ProblemKind};

use super::identity::Shown;
use super::mailbox::Mailbox;
use super::roster::Roster;
use super::{enroll, reports};
use crate::ca::Ca;
use crate::inform::Informer;
use crate::listen::Peer;
use crate::store::Store;
use crate::throttle::Throttle;

pub(super) type Answer = Response<Full<Bytes>>;

/// Seconds after which a client that was told "not now" may come again.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("30");

/// What the device listener works with.
pub struct Devices {
    /// What is known for good.
    pub store: Store,
    /// Issues certificates.
    pub ca: Arc<Ca>,
    /// Who is let in.
    pub roster: Arc<Roster>,
    /// What waits for devices.
    pub mailbox: Arc<Mailbox>,
    /// Tells operators.
    pub informer: Arc<Informer>,
    /// Slows down who guesses tokens.
    pub enrol_failures: Throttle,
}

/// The other end of a connection.
pub(super) struct Caller {
    /// Tells this connection from all others.
    pub(super) connection: u64,
    /// From where.
    pub(super) address: IpAddr,
    /// With which certificate.
    pub(super) shown: Shown,
}

/// Serves one connection.
pub struct DeviceService {
    devices: Arc<Devices>,
    caller: Arc<Caller>,
}

impl DeviceService {
    /// For a connection.
    pub fn new(devices: Arc<Devices>, peer: &Peer) -> Self {
        let caller =
            Caller { connection: peer.connection, address: peer.remote.ip(), shown: Shown::by(peer) };
        Self { devices, caller: Arc::new(caller) }
    }
}

impl hyper::service::Service<Request<Incoming>> for DeviceService {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (devices, caller) = (Arc::clone(&self.devices), Arc::clone(&self.caller));
        let answer: Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send>> =
            match (request.uri().path(), request.method()) {
                (path::REPORTS, &Method::POST) => Box::pin(reports::reports(devices, caller, request)),
                (path::ENROLL, &Method::POST) => Box::pin(enroll::enroll(devices, caller, request)),
                (known @ (path::REPORTS | path::ENROLL), method) => {
                    let detail = format!("{known} takes POST, not {method}");
                    let problem = Problem::new(ProblemKind::MethodNotAllowed, detail);
                    Box::pin(std::future::ready(Err(problem)))
                }
                (other, _) => {
                    let detail = format!("{other} is no address of this listener");
                    Box::pin(std::future::ready(Err(Problem::new(ProblemKind::NotFound, detail))))
                }
            };
        Box::pin(async move { Ok(answer.await.unwrap_or_else(|problem| refuse(&problem))) })
    }
}

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

/// The store failed or is closing: the device keeps what it has and comes again.
pub(super) fn later(error: &crate::store::StoreError) -> Problem {
    tracing::error!(%error, "the store could not serve a device");
    Problem::new(ProblemKind::Unavailable, "the manager cannot store anything now; try again later")
}

fn answer(status: StatusCode, media_type: HeaderValue, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, media_type);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn refuse(problem: &Problem) -> Answer {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let mut answer = answer(status, HeaderValue::from_static(MEDIA_TYPE), body);
    match problem.kind {
        ProblemKind::TooMany | ProblemKind::Unavailable => {
            answer.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS);
        }
        ProblemKind::MethodNotAllowed => {
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
        _ => {}
    }
    answer
}
