//! The store was taken back to an older state, and a device shows a certificate that is newer than what the store knows.
//! It is refused, shown to operators, and waits ([`super::anteroom`]) until one of them consents; where that was done
//! for all of that time, the certificate is the device's at once.

use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::{Problem, ProblemKind};

use super::admit::Admission;
use super::context::{Caller, Devices, later};
use super::judge;
use super::shown::Shown;
use super::standing;
use crate::inform::Event;
use crate::store::{Between, Certificate};

/// What happened, for who listens.
const WORDS: &str =
    "a device waits with a certificate that is newer than the backup that this manager was restored from";
/// That it still waits is written down at most this often.
const NOTE_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// As [`judge::judge`]; and a certificate of the time that the store has lost is taken, if an operator has consented
/// to all of them, or refused with the reason for it.
pub(super) async fn judge<'a>(
    devices: &Devices,
    shown: &'a Shown,
    now: Timestamp,
) -> Result<(&'a DeviceId, Admission), Problem> {
    let unknown = match judge::judge(&devices.roster, shown, now) {
        Err(problem) if problem.kind == ProblemKind::UnknownDevice => problem,
        judged => return judged,
    };
    let Shown::Device(device, certificate) = shown else { return Err(unknown) };
    let present = devices.roster.standing(device).map(|standing| standing.certificate.issued);
    match devices.store.restored().between(certificate.issued, present) {
        None => Err(unknown),
        Some(_) if is_deleted(devices, certificate).await? => Err(unknown),
        Some(Between::Waits) => Err(waits(device)),
        Some(Between::Consented) => {
            let taken = devices.store.take_consented(device.clone(), certificate.clone(), now).await;
            let Some(standing) = taken.map_err(|error| later(devices, &error))? else { return Err(unknown) };
            tracing::warn!(%device, issued = %certificate.issued, "a certificate that is newer than the restored store was taken");
            standing::apply(&devices.roster, &devices.mailbox, &devices.informer, device, standing);
            judge::judge(&devices.roster, shown, now)
        }
    }
}

/// Whether it was the certificate of a device that was deleted for good.
async fn is_deleted(devices: &Devices, certificate: &Certificate) -> Result<bool, Problem> {
    let found = devices.store.certificate_deleted(certificate.serial.clone()).await;
    found.map_err(|error| later(devices, &error))
}

fn waits(device: &DeviceId) -> Problem {
    Problem::new(
        ProblemKind::CertificateNewer,
        format!(
            "the manager was restored from a backup that is older than the certificate of {device}; ask the service centre to let it in (on the fleet's page, or `platen-manager restored let-in`); it then goes on automatically"
        ),
    )
}

/// A request was refused: if that is for a certificate that waits for consent, operators see it. That this cannot be kept
/// now changes nothing for who asks.
pub(super) async fn note(devices: &Devices, caller: &Caller, problem: &Problem, now: Timestamp) {
    let Shown::Device(device, certificate) = &caller.shown else { return };
    if problem.kind != ProblemKind::CertificateNewer
        || !devices.arrivals.is_due(device, &certificate.serial, now, NOTE_EVERY)
    {
        return;
    }
    let remote = caller.address.to_string();
    match devices.store.arrived(device.clone(), certificate.clone(), remote, now).await {
        Ok(true) => {
            tracing::warn!(%device, issued = %certificate.issued, remote = %caller.address, "{WORDS}");
            let words = Some(WORDS.to_owned());
            devices.informer.publish(Event { words, ..Event::new("arrival", device.clone(), now) });
        }
        Ok(false) => {}
        Err(error) => {
            devices.arrivals.forget(device);
            tracing::error!(%device, %error, "a device that waits after the restore could not be recorded");
        }
    }
}
