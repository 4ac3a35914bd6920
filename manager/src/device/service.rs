//! From a request to its file. There are few addresses, so no router stands between: a parked device
//! is one boxed future.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use hyper::{Method, Request};
use platen_protocol::path;
use platen_protocol::problem::{Problem, ProblemKind};
use platen_protocol::signature::Presented;

use super::answer::{Answer, Answering, Handled, refuse};
use super::answer_body::AnswerBody;
use super::context::{Caller, Devices};
use super::taken_once::taken_by_nobody;
use super::{ddi, enroll, programs, renew, reports, signed};
use crate::clock;
use crate::listen::{Outcome, Peer, RequestBody};

/// Serves one connection.
pub struct DeviceService {
    devices: Arc<Devices>,
    caller: Arc<Caller>,
}

impl DeviceService {
    /// For a connection.
    pub fn new(devices: Arc<Devices>, peer: &Peer) -> Self {
        Self { devices, caller: Arc::new(Caller::new(peer)) }
    }
}

impl hyper::service::Service<Request<RequestBody>> for DeviceService {
    type Response = Outcome<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<RequestBody>) -> Self::Future {
        let (devices, caller) = (Arc::clone(&self.devices), Arc::clone(&self.caller));
        if signed::is_signed(&request) {
            return Box::pin(async move { Ok(serve_signed(devices, caller, request).await) });
        }
        let retry_after_seconds = devices.retry_after_seconds;
        let handled = route(devices, caller, request);
        let answer = move |answer: Result<Answer, Problem>| {
            ready(answer.unwrap_or_else(|problem| refuse(&problem, retry_after_seconds)))
        };
        Box::pin(async move { Ok(put_into_words(handled.await, answer).await) })
    }
}

/// Makes an answer of what its file made of a request, now or when it is answered.
async fn put_into_words<F: Future<Output = Answer> + Send + 'static>(
    handled: Result<Handled, Problem>,
    answer: impl FnOnce(Result<Answer, Problem>) -> F + Send + 'static,
) -> Outcome<AnswerBody> {
    match handled {
        Ok(Handled::Parked(parked)) => Outcome::Parked(parked.map(answer)),
        Ok(Handled::Answer(handled)) => Outcome::Answer(answer(Ok(handled)).await),
        Err(problem) => Outcome::Answer(answer(Err(problem)).await),
    }
}

/// Gives a request to its file.
fn route(devices: Arc<Devices>, caller: Arc<Caller>, request: Request<RequestBody>) -> Answering {
    match (request.uri().path(), request.method()) {
        (path::REPORTS, &Method::POST) => Box::pin(reports::reports(devices, caller, request)),
        (path::ENROLL, &Method::POST) => {
            Box::pin(async move { enroll::enroll(devices, caller, request).await.map(Handled::Answer) })
        }
        (path::RENEW, &Method::POST) => {
            Box::pin(async move { renew::renew(devices, caller, request).await.map(Handled::Answer) })
        }
        (path::PROGRAMS, &Method::POST) => {
            Box::pin(async move { programs::request(devices, caller, request).await.map(Handled::Answer) })
        }
        (known @ (path::REPORTS | path::ENROLL | path::RENEW | path::PROGRAMS), method) => {
            let detail = format!("{known} takes POST, not {method}");
            let problem = Problem::new(ProblemKind::MethodNotAllowed, detail);
            Box::pin(ready(Err(problem)))
        }
        _ if ddi::is_asked(&devices, &request) => Box::pin(ddi::serve(devices, caller, request)),
        (other, _) => {
            let detail = format!("{other} does not exist on this listener");
            Box::pin(ready(Err(Problem::new(ProblemKind::NotFound, detail))))
        }
    }
}

/// Serves a signed request. An answer to one whose fields cannot be read is not signed, for there is
/// nothing that it could be tied to.
async fn serve_signed(
    devices: Arc<Devices>,
    caller: Arc<Caller>,
    mut request: Request<RequestBody>,
) -> Outcome<AnswerBody> {
    let presented = Presented::read(|name| signed::only(request.headers(), name))
        .map_err(|refusal| signed::invalid(&refusal));
    let bond = presented.as_ref().ok().map(Presented::bond);
    let verified = match presented {
        Ok(presented) => match devices.signatures.verify(&presented, &request, clock::now()) {
            Ok((shown, digest)) => {
                taken_by_nobody(&devices, &presented, &shown).await.map(|()| (shown, digest))
            }
            Err(problem) => Err(problem),
        },
        Err(problem) => Err(problem),
    };
    let handled = match verified {
        Ok((shown, digest)) => {
            request.extensions_mut().insert(digest);
            route(Arc::clone(&devices), Arc::new(caller.having_shown(shown)), request).await
        }
        Err(problem) => {
            tracing::info!(remote = %caller.address, problem = %problem.detail, "a signed request was refused");
            Err(problem)
        }
    };
    let sign = move |answer: Result<Answer, Problem>| async move {
        let answer = answer.unwrap_or_else(|problem| refuse(&problem, devices.retry_after_seconds));
        match bond {
            Some(bond) => devices.signatures.sign(answer, &bond, clock::now()).await,
            None => answer,
        }
    };
    put_into_words(handled, sign).await
}
