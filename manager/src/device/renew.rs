//! `POST /v1/renew`: a certificate request, on a connection with the present certificate, against a new
//! certificate. The present one stays good until the new one has been used.
//!
//! A device whose certificate has ended or is superseded may have its request held (`Prefer: wait=N`) until an
//! operator readmits it ([`super::anteroom`]): then it is answered with the new certificate at once.

use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use jiff::SignedDuration;
use platen_protocol::VERSION;
use platen_protocol::enroll::{RenewReply, RenewRequest};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::{Problem, ProblemKind};
use tokio::time::Instant;

use super::answer::{Answer, internal, json};
use super::anteroom::Called;
use super::context::{Caller, Devices, later, wait_asked};
use super::roster::SETTLES;
use super::shown::Shown;
use super::{body, identity, restored, superseded};
use crate::ca::check_csr;
use crate::clock;
use crate::ingest::validate::wrong_version;
use crate::listen::RequestBody;

/// A device is given a renewed certificate at most this often: each is a row in the store, and one that
/// did not get the answer comes again later than this.
const AT_MOST_EVERY: SignedDuration = SignedDuration::from_secs(5);

/// Issues another certificate to a device that may have one.
pub(super) async fn renew(
    devices: Arc<Devices>,
    caller: Arc<Caller>,
    request: Request<RequestBody>,
) -> Result<Answer, Problem> {
    let admitted = identity::may_renew(&devices, &caller.shown, clock::now()).await;
    match &admitted {
        Ok(device) => caller.admit(&devices, device, Instant::now())?,
        Err(problem) if identity::may_be_readmitted(problem.kind) => {}
        Err(problem) => return Err(problem.clone()),
    }
    let wait = wait_asked(request.headers());
    let body = body::read(&devices, request).await?;
    let request: RenewRequest = body::parse(&body)?;
    if request.version != VERSION {
        return Err(wrong_version(u64::from(request.version)));
    }
    let csr =
        check_csr(&request.csr).map_err(|error| Problem::new(ProblemKind::InvalidCsr, error.to_string()))?;
    let device = match admitted {
        Ok(device) => device,
        Err(refused) => {
            superseded::note(&devices, &caller, None, clock::now()).await;
            restored::note(&devices, &caller, &refused, clock::now()).await;
            wait_outside(&devices, &caller, wait, refused).await?
        }
    };
    if csr.device != device {
        let detail = format!("the certificate is {device}'s, and the request is for {}", csr.device);
        return Err(Problem::new(ProblemKind::OtherDevice, detail));
    }
    let now = clock::now();
    if !devices.roster.begin_renewal(&device, now, AT_MOST_EVERY) {
        let detail = "a renewed certificate has just been issued; try again a little later";
        return Err(Problem::new(ProblemKind::TooMany, detail));
    }
    let issued = devices.ca.issue(&csr, now, devices.certificate_life).map_err(|error| internal(&error))?;
    let certificate = issued.certificate.clone();
    let known = devices.store.renewal_issued(device.clone(), certificate.clone()).await;
    if !known.map_err(|error| later(&devices, &error))? {
        let detail = format!("{device} is not known here; enrol it again");
        return Err(Problem::new(ProblemKind::UnknownDevice, detail));
    }
    devices.roster.renewal_issued(&device, certificate);
    tracing::info!(%device, remote = %caller.address, expires = %issued.certificate.expires, "a device was given a renewed certificate");
    json(&RenewReply {
        version: VERSION,
        certificate_chain: issued.chain,
        manager_ca: devices.ca.pem().to_owned(),
        manager_time: now,
    })
}

/// Holds the request of a device that is refused until an operator lets it in, or its time is over.
async fn wait_outside(
    devices: &Devices,
    caller: &Caller,
    wait: Duration,
    refused: Problem,
) -> Result<DeviceId, Problem> {
    let Shown::Device(device, _) = &caller.shown else { return Err(refused) };
    let begun = Instant::now();
    let place = if wait.is_zero() { None } else { devices.mailbox.anteroom().enter(device, caller.address) };
    let Some(mut place) = place else { return Err(refused) };
    let settles = begun + Duration::try_from(SETTLES).unwrap_or_default().min(wait);
    let mut call = place.wait(settles).await;
    if call.is_none() {
        superseded::note(devices, caller, None, clock::now()).await;
        call = place.wait(begun + wait).await;
    }
    if call == Some(Called::Stopping) {
        let detail = "the manager is stopping; come again later";
        return Err(Problem::new(ProblemKind::Unavailable, detail));
    }
    let device = identity::may_renew(devices, &caller.shown, clock::now()).await?;
    caller.admit(devices, &device, Instant::now())?;
    Ok(device)
}
