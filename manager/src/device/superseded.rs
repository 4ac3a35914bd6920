//! Somebody uses a certificate that its device has replaced by renewal. It is refused; that it happens is one
//! state of the device, with what is known of both, until an operator or the device itself ends it.

use hyper::Request;
use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use platen_protocol::limits::MAX_ID_CHARS;
use platen_protocol::problem::{Problem, ProblemKind};
use platen_protocol::stamp::Stamp;
use serde::Deserialize;

use super::context::{Caller, Devices};
use super::shown::Shown;
use super::{body, standing};
use crate::inform::Event;
use crate::listen::RequestBody;
use crate::store::CertificateUse;

/// What happened, for who listens.
const WORDS: &str =
    "a certificate is used that this device has replaced; it is refused until an operator decides";

/// What of a batch that is refused is looked at.
#[derive(Deserialize)]
struct Refused {
    sent: Option<Stamp>,
}

/// A batch was refused: if that is for a superseded certificate, it is written down, with the boot that the batch
/// tells.
pub(super) async fn batch_refused(
    devices: &Devices,
    caller: &Caller,
    request: Request<RequestBody>,
    problem: &Problem,
    now: Timestamp,
) {
    let Shown::Device(device, certificate) = &caller.shown else { return };
    if problem.kind != ProblemKind::CertificateSuperseded {
        return;
    }
    let boot = if devices.roster.wants_boot(device, &certificate.serial, now) {
        boot_in(devices, request).await
    } else {
        None
    };
    note(devices, caller, boot, now).await;
}

/// Who sends what cannot be read is told that it is refused, as everybody is.
async fn boot_in(devices: &Devices, request: Request<RequestBody>) -> Option<String> {
    let body = body::read(devices, request).await.ok()?;
    let refused: Refused = serde_json::from_slice(&body).ok()?;
    refused.sent.map(|sent| sent.boot_id).filter(|boot| boot.chars().count() <= MAX_ID_CHARS)
}

/// It was used, or is still waited with. That this cannot be kept now changes nothing for who asks.
pub(super) async fn note(devices: &Devices, caller: &Caller, boot: Option<String>, now: Timestamp) {
    let Shown::Device(device, certificate) = &caller.shown else { return };
    let used = CertificateUse { last: now, remote: caller.address, boot };
    let Some(seen) = devices.roster.returns(device, &certificate.serial, used) else { return };
    match devices.store.superseded_used(device.clone(), seen, now).await {
        Ok(Some((standing, is_news))) => {
            if is_news {
                let words = Some(WORDS.to_owned());
                tracing::warn!(%device, remote = %caller.address, "a superseded certificate is used");
                devices.informer.publish(Event { words, ..Event::new("superseded", device.clone(), now) });
            }
            standing::apply(&devices.roster, &devices.mailbox, &devices.informer, device, standing);
        }
        Ok(None) => {}
        Err(error) => {
            tracing::error!(%device, %error, "that a superseded certificate is used could not be recorded");
        }
    }
}

/// The device reports by the certificate in use: if it is the machine that used the superseded one before, that is
/// over.
pub(super) async fn heard(devices: &Devices, device: &DeviceId, boot: &str, now: Timestamp) {
    if !devices.roster.is_back(device, boot) {
        return;
    }
    match devices.store.dismiss_superseded(device.clone(), None, now).await {
        Ok(Some(standing)) => {
            standing::apply(&devices.roster, &devices.mailbox, &devices.informer, device, standing);
        }
        Ok(None) => {}
        Err(error) => tracing::error!(%device, %error, "that a device is back could not be recorded"),
    }
}
