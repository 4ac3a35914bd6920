//! Who asks. Only this yields a device: its certificate is our CA's, names a device that is let in, is one
//! that the device was given last, and has not ended.
//!
//! TLS lets a certificate in that has ended ([`crate::tls`]), so that its device can be told; here it is
//! refused everything but a renewal that an operator has consented to. So is one that the device itself has
//! replaced, and one that is newer than a store that was taken back to an older state ([`super::restored`]).

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::{Problem, ProblemKind};

use super::admit::Admission;
use super::context::{Devices, later};
use super::judge::judge;
use super::restored;
use super::roster::Roster;
use super::shown::Shown;
use super::standing;
use crate::store::Certificate;

/// The device at the other end of the connection. Asked for each request, for a device may have been
/// given another certificate meanwhile, or have been shut out.
pub(super) fn identify<'a>(
    roster: &Roster,
    shown: &'a Shown,
    now: Timestamp,
) -> Result<&'a DeviceId, Problem> {
    judge(roster, shown, now).and_then(|(device, admission)| refuse(device, admission).map(|()| device))
}

/// As [`identify`]; and the first use of a renewed certificate is written down, so that the old one is
/// good no more. What is answered after this may make the device forget the old one.
pub(super) async fn let_in(devices: &Devices, shown: &Shown, now: Timestamp) -> Result<DeviceId, Problem> {
    admit(devices, shown, now, refuse).await
}

/// Who may renew: who is let in, and who is readmitted.
pub(super) async fn may_renew(devices: &Devices, shown: &Shown, now: Timestamp) -> Result<DeviceId, Problem> {
    admit(devices, shown, now, |device, admission| {
        let readmitted = matches!(
            admission,
            Admission::Expired { readmitted: true, .. } | Admission::Superseded { readmitted: true }
        );
        if !readmitted {
            refuse(device, admission)?;
        }
        if devices.roster.is_retired(device) {
            let detail =
                format!("{device} was retired at the service centre: its certificate is not renewed");
            return Err(Problem::new(ProblemKind::DeviceRevoked, detail));
        }
        Ok(())
    })
    .await
}

/// The device, unless it is refused by what is known here, or by what another manager knows.
async fn admit(
    devices: &Devices,
    shown: &Shown,
    now: Timestamp,
    refuse: impl Fn(&DeviceId, Admission) -> Result<(), Problem>,
) -> Result<DeviceId, Problem> {
    let judged = async || {
        let (device, admission) = restored::judge(devices, shown, now).await?;
        refuse(device, admission).map(|()| (device, admission))
    };
    let (device, admission) = match judged().await {
        Err(_) if look_again(devices, shown).await? => judged().await?,
        judged => judged?,
    };
    first_use(devices, shown, admission, now).await?;
    Ok(device.clone())
}

/// Who is refused may have been let in by another manager a moment ago: whether it stands otherwise than was known here.
async fn look_again(devices: &Devices, shown: &Shown) -> Result<bool, Problem> {
    let Shown::Device(device, _) = shown else { return Ok(false) };
    if !devices.store.is_shared() {
        return Ok(false);
    }
    let standing = devices.store.standing_of(device.clone()).await.map_err(|error| later(devices, &error))?;
    let Some(standing) = standing.filter(|now| devices.roster.standing(device).as_ref() != Some(now)) else {
        return Ok(false);
    };
    standing::apply(&devices.roster, &devices.mailbox, &devices.informer, device, standing);
    Ok(true)
}

async fn first_use(
    devices: &Devices,
    shown: &Shown,
    admission: Admission,
    now: Timestamp,
) -> Result<(), Problem> {
    if let (Admission::Renewed, Shown::Device(device, Certificate { serial, .. })) = (admission, shown) {
        let known = devices.store.renewed(device.clone(), serial.clone(), now).await;
        if known.map_err(|error| later(devices, &error))? {
            tracing::info!(%device, "a device has started using its renewed certificate");
        }
        devices.roster.renewed(device, serial);
    }
    Ok(())
}

/// Whether an operator can let in who was refused so: then it may wait for that.
pub(super) const fn may_be_readmitted(kind: ProblemKind) -> bool {
    matches!(
        kind,
        ProblemKind::CertificateExpired | ProblemKind::CertificateSuperseded | ProblemKind::CertificateNewer
    )
}

fn refuse(device: &DeviceId, admission: Admission) -> Result<(), Problem> {
    match admission {
        Admission::Expired { ended, readmitted } => Err(expired(device, ended, readmitted)),
        Admission::Superseded { readmitted } => Err(superseded(device, readmitted)),
        _ => Ok(()),
    }
}

fn superseded(device: &DeviceId, readmitted: bool) -> Problem {
    let then = if readmitted {
        "it is readmitted and may renew it now"
    } else {
        "if it is the device, ask the service centre to readmit it (`platen-manager device readmit`, or the device's page); it then renews automatically"
    };
    Problem::new(
        ProblemKind::CertificateSuperseded,
        format!(
            "{device} has used a newer certificate since: its state was restored from an older copy or does not outlive a restart, or this is a copy; {then}"
        ),
    )
}

fn expired(device: &DeviceId, ended: Timestamp, readmitted: bool) -> Problem {
    let then = if readmitted {
        "it is readmitted and may renew it now"
    } else {
        "ask the service centre to readmit it (`platen-manager device readmit`, or the device's page); it then renews automatically"
    };
    let ended = ended.strftime("%Y-%m-%d %H:%M UTC");
    Problem::new(
        ProblemKind::CertificateExpired,
        format!("the certificate of {device} expired on {ended}; {then}"),
    )
}
