//! From a request to its file. There are few addresses, so no router stands between: a parked device
//! is one boxed future.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use jiff::SignedDuration;
use platen_protocol::identity::DeviceId;
use platen_protocol::path;
use platen_protocol::problem::{MEDIA_TYPE, Problem, ProblemKind};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::identity::Shown;
use super::mailbox::Mailbox;
use super::roster::Roster;
use super::signed::{self, Signatures};
use super::traffic::{Connected, Traffic};
use super::{enroll, renew, reports};
use crate::ca::Ca;
use crate::inform::Informer;
use crate::listen::Peer;
use crate::spread;
use crate::store::{Store, StoreError};
use crate::tally::{Tally, Turned};
use crate::throttle::Throttle;
use crate::watch::Watches;

pub(super) type Answer = Response<Full<Bytes>>;

/// What the device listener works with.
pub struct Devices {
    /// What is known for good.
    pub store: Store,
    /// Issues certificates.
    pub ca: Arc<Ca>,
    /// How long they live.
    pub certificate_life: SignedDuration,
    /// Who is let in.
    pub roster: Arc<Roster>,
    /// What waits for devices.
    pub mailbox: Arc<Mailbox>,
    /// Tells operators.
    pub informer: Arc<Informer>,
    /// Watches over them.
    pub watches: Arc<Watches>,
    /// Checks signed requests, and signs answers to them.
    pub signatures: Signatures,
    /// Slows down who guesses tokens.
    pub enrol_failures: Throttle,
    /// How much each device may ask for.
    pub traffic: Arc<Traffic>,
    /// Counts who was turned away.
    pub tally: Arc<Tally>,
    /// The least of `Retry-After`.
    pub retry_after_seconds: u32,
}

/// The other end of a connection.
pub(super) struct Caller {
    /// Tells this connection from all others.
    pub(super) connection: u64,
    /// From where.
    pub(super) address: IpAddr,
    /// With which certificate.
    pub(super) shown: Shown,
    /// Ends this connection; `None` if other devices may use it as well.
    leave: Option<CancellationToken>,
    /// Its place among the connections of its device, once it has one. Held for a look-up.
    place: Mutex<Option<Connected>>,
}

impl Caller {
    /// Lets a device ask, unless it asks too often or has too many connections that cannot be ended.
    pub(super) fn admit(&self, devices: &Devices, device: &DeviceId, now: Instant) -> Result<(), Problem> {
        if !devices.traffic.may_ask(device, now) {
            devices.tally.count(Turned::Rate);
            return Err(Problem::new(
                ProblemKind::TooMany,
                format!(
                    "{device} asks more often than a device needs to; keep the reports and come again later"
                ),
            ));
        }
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if place.is_some() {
            return Ok(());
        }
        let connected = devices.traffic.connect(device, self.leave.clone(), now);
        if connected.as_ref().is_none_or(|(_, made_room)| *made_room) {
            devices.tally.count(Turned::Device);
        }
        let Some((connected, _)) = connected else {
            return Err(Problem::new(
                ProblemKind::Unavailable,
                format!(
                    "{device} has as many connections as a device may have; close some, or come again later"
                ),
            ));
        };
        *place = Some(connected);
        Ok(())
    }

    /// The same end of the same connection, for a request that somebody has signed. It has a place of its
    /// own among the connections of its device, for a proxy may carry several devices on one connection.
    pub(super) fn having_shown(&self, shown: Shown) -> Self {
        let place = Mutex::default();
        Self { connection: self.connection, address: self.address, shown, leave: None, place }
    }
}

/// Serves one connection.
pub struct DeviceService {
    devices: Arc<Devices>,
    caller: Arc<Caller>,
}

impl DeviceService {
    /// For a connection.
    pub fn new(devices: Arc<Devices>, peer: &Peer) -> Self {
        let caller = Caller {
            connection: peer.connection,
            address: peer.remote.ip(),
            shown: Shown::by(peer),
            leave: Some(peer.leave.clone()),
            place: Mutex::default(),
        };
        Self { devices, caller: Arc::new(caller) }
    }
}

impl hyper::service::Service<Request<Incoming>> for DeviceService {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (devices, caller) = (Arc::clone(&self.devices), Arc::clone(&self.caller));
        if signed::is_signed(&request) {
            return Box::pin(async move { Ok(signed::serve(devices, caller, request).await) });
        }
        let retry_after_seconds = devices.retry_after_seconds;
        let answer = route(devices, caller, request);
        Box::pin(
            async move { Ok(answer.await.unwrap_or_else(|problem| refuse(&problem, retry_after_seconds))) },
        )
    }
}

/// An answer in the making.
type Answering = Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send>>;

/// Gives a request to its file.
pub(super) fn route(devices: Arc<Devices>, caller: Arc<Caller>, request: Request<Incoming>) -> Answering {
    match (request.uri().path(), request.method()) {
        (path::REPORTS, &Method::POST) => Box::pin(reports::reports(devices, caller, request)),
        (path::ENROLL, &Method::POST) => Box::pin(enroll::enroll(devices, caller, request)),
        (path::RENEW, &Method::POST) => Box::pin(renew::renew(devices, caller, request)),
        (known @ (path::REPORTS | path::ENROLL | path::RENEW), method) => {
            let detail = format!("{known} takes POST, not {method}");
            let problem = Problem::new(ProblemKind::MethodNotAllowed, detail);
            Box::pin(std::future::ready(Err(problem)))
        }
        (other, _) => {
            let detail = format!("{other} is no address of this listener");
            Box::pin(std::future::ready(Err(Problem::new(ProblemKind::NotFound, detail))))
        }
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

/// The store failed or is closing: the device keeps what it has and comes again. That it failed is in the
/// log once, by the store itself, and not for each device that asks.
pub(super) fn later(devices: &Devices, error: &StoreError) -> Problem {
    devices.tally.count(Turned::Store);
    tracing::debug!(%error, "the store could not serve a device");
    let detail = "the manager cannot store anything now; keep the reports and come again later";
    Problem::new(ProblemKind::Unavailable, detail)
}

fn answer(status: StatusCode, media_type: HeaderValue, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, media_type);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

pub(super) fn refuse(problem: &Problem, retry_after_seconds: u32) -> Answer {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let mut answer = answer(status, HeaderValue::from_static(MEDIA_TYPE), body);
    match problem.kind {
        ProblemKind::TooMany | ProblemKind::Unavailable => {
            let seconds = spread::retry_after(retry_after_seconds);
            answer.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        ProblemKind::MethodNotAllowed => {
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
        _ => {}
    }
    answer
}
