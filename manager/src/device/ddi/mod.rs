//! hawkBit's DDI, the polling API of update clients that we did not write (`swupdate`, `rauc-hawkbit-updater`, Zephyr):
//! they are given what is offered to their device, and tell how it goes. Devices, attempts and rollouts see no difference.
//!
//! [`address`] reads what is asked for, [`who`] says by whom: its device has a token, or shows its certificate. [`poll`]
//! answers what there is to do, as [`choose`] decides; [`deployment`] describes it, [`artifact`] sends the file,
//! [`feedback`] takes what the client tells of it, and [`attributes`] what it says of itself.
//!
//! What our own agents check is missing here: there is no trust metadata. Whoever holds this manager, or its CA's key, can
//! have such a client install what it likes, unless the client checks a maker's signature itself.

mod address;
mod artifact;
mod attributes;
mod choose;
mod deployment;
mod feedback;
mod poll;
mod who;

use std::sync::Arc;

use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, Request};
use platen_protocol::problem::{Problem, ProblemKind};

use super::answer::{Answer, Handled, refuse};
use super::context::{Caller, Devices};
use super::sending::Wanted;
use crate::clock;
use crate::listen::RequestBody;

use address::{Address, What};
use who::Shows;

/// Whether a request is one of these.
pub(super) fn is_asked<B>(devices: &Devices, request: &Request<B>) -> bool {
    devices.ddi.enabled && address::is_ddi(request.uri().path())
}

/// Answers one.
pub(super) async fn serve(
    devices: Arc<Devices>,
    caller: Arc<Caller>,
    request: Request<RequestBody>,
) -> Result<Handled, Problem> {
    answer(&devices, &caller, request).await.map(Handled::Answer)
}

async fn answer(
    devices: &Devices,
    caller: &Caller,
    request: Request<RequestBody>,
) -> Result<Answer, Problem> {
    let now = clock::now();
    let (address, shows) = (Address::read(request.uri().path()), Shows::read(&request));
    let asking = who::identify(devices, caller, (&shows, address.as_ref()), now).await?;
    // Only who is known hears what there is and what there is not.
    let what = address.and_then(|address| address.what).ok_or_else(|| not_found(request.uri().path()))?;
    match (what, request.method().clone()) {
        (What::Base, Method::GET) => poll::poll(devices, &asking, now).await,
        (What::ConfigData, Method::PUT) => attributes::put(devices, &asking, request, now).await,
        (What::Deployment(action), Method::GET) => deployment::get(devices, &asking, action, now).await,
        (What::Cancel(action), Method::GET) => deployment::cancel(devices, &asking, action).await,
        (What::DeploymentFeedback(action), Method::POST) => {
            feedback::of_deployment(devices, &asking, action, request, now).await
        }
        (What::CancelFeedback(action), Method::POST) => {
            feedback::of_cancel(devices, &asking, action, request, now).await
        }
        (What::Artifact { program, file }, Method::GET) => {
            artifact::get(devices, &asking, (program, &file), Wanted::read(&request)).await
        }
        (what, method) => {
            let detail = format!("this address takes {}, not {method}", what.method());
            let problem = Problem::new(ProblemKind::MethodNotAllowed, detail);
            let mut answer = refuse(&problem, devices.retry_after_seconds);
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static(what.method()));
            Ok(answer)
        }
    }
}

fn not_found(path: &str) -> Problem {
    Problem::new(ProblemKind::NotFound, format!("{path} does not exist in the DDI API of this manager"))
}
