//! `POST /v1/enroll`: a one-time token and a certificate request against a certificate.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::Request;
use platen_protocol::VERSION;
use platen_protocol::enroll::{EnrollReply, EnrollRequest};
use platen_protocol::problem::{Problem, ProblemKind};
use tokio::time::Instant;

use super::answer::{Answer, internal, json};
use super::body;
use super::context::{Caller, Devices, later};
use crate::ca::{CheckedCsr, check_csr};
use crate::clock;
use crate::ingest::validate::wrong_version;
use crate::listen::RequestBody;
use crate::secret::fingerprint;
use crate::store::{Enrolment, TokenRefusal};
use crate::throttle::counted;

/// Lets a device in, or says why not. A refusal does not use the token up.
pub(super) async fn enroll(
    devices: Arc<Devices>,
    caller: Arc<Caller>,
    request: Request<RequestBody>,
) -> Result<Answer, Problem> {
    let address = caller.address;
    let bytes = body::read(&devices, request).await?;
    let request: EnrollRequest = body::parse(&bytes)?;
    if request.version != VERSION {
        return Err(wrong_version(u64::from(request.version)));
    }
    let csr =
        check_csr(&request.csr).map_err(|error| Problem::new(ProblemKind::InvalidCsr, error.to_string()))?;
    // Counted before anything is awaited, and until it is known that the token was right.
    let Ok(attempt) = devices.enrol_failures.begin(counted(address), Instant::now()) else {
        return Err(Problem::new(
            ProblemKind::TooMany,
            "too many enrolments from this address have failed; wait a minute",
        ));
    };
    let token_hash = fingerprint(request.secret.as_bytes());
    let answer = let_in(&devices, address, csr, token_hash).await;
    if !answer.as_ref().is_err_and(|problem| is_guess(problem.kind)) {
        attempt.forgive();
    }
    answer
}

/// Whether who is refused so may be guessing tokens.
const fn is_guess(kind: ProblemKind) -> bool {
    matches!(
        kind,
        ProblemKind::TokenWrong
            | ProblemKind::TokenUsed
            | ProblemKind::TokenExpired
            | ProblemKind::OtherDevice
    )
}

async fn let_in(
    devices: &Devices,
    address: IpAddr,
    csr: CheckedCsr,
    token_hash: String,
) -> Result<Answer, Problem> {
    let now = clock::now();
    let refused = |refusal: TokenRefusal| {
        tracing::warn!(device = %csr.device, remote = %address, %refusal, "an enrolment was refused");
        Problem::new(problem_kind(refusal), refusal.to_string())
    };
    devices
        .store
        .check_token(token_hash.clone(), csr.device.clone(), now)
        .await
        .map_err(|error| later(devices, &error))?
        .map_err(refused)?;
    let issued = devices.ca.issue(&csr, now, devices.certificate_life).map_err(|error| internal(&error))?;
    let enrolment = Enrolment {
        token_hash,
        device: csr.device.clone(),
        certificate_serial: issued.certificate.serial.clone(),
        certificate_expires: issued.certificate.expires,
        now,
    };
    devices.store.enrol(enrolment).await.map_err(|error| later(devices, &error))?.map_err(refused)?;
    devices.roster.enrolled(&csr.device, issued.certificate);
    devices.mailbox.anteroom().call(&csr.device);
    tracing::info!(device = %csr.device, remote = %address, "a device was enrolled");
    json(&EnrollReply {
        version: VERSION,
        device_id: csr.device,
        certificate_chain: issued.chain,
        manager_ca: devices.ca.pem().to_owned(),
        manager_time: Some(now),
    })
}

fn problem_kind(refusal: TokenRefusal) -> ProblemKind {
    match refusal {
        TokenRefusal::Wrong => ProblemKind::TokenWrong,
        TokenRefusal::Used => ProblemKind::TokenUsed,
        TokenRefusal::Expired => ProblemKind::TokenExpired,
        TokenRefusal::BoundToOther | TokenRefusal::AlreadyEnrolled => ProblemKind::OtherDevice,
        TokenRefusal::BeingDeleted => ProblemKind::Unavailable,
    }
}
