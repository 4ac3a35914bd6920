//! What the roster says of a certificate that is shown.

use std::borrow::Cow;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::{Problem, ProblemKind};

use super::admit::Admission;
use super::roster::Roster;
use super::shown::Shown;

/// Which device it is, and what its certificate is good for; or why nothing at all.
pub(super) fn judge<'a>(
    roster: &Roster,
    shown: &'a Shown,
    now: Timestamp,
) -> Result<(&'a DeviceId, Admission), Problem> {
    let unknown = |detail: Cow<'static, str>| Problem::new(ProblemKind::UnknownDevice, detail);
    match shown {
        Shown::Nothing => Err(Problem::new(
            ProblemKind::NoCertificate,
            "connect with the certificate from enrolment, or enrol first",
        )),
        Shown::NoDevice => Err(unknown("the certificate names no device; enrol again".into())),
        Shown::Device(device, certificate) => match roster.admission(device, &certificate.serial, now) {
            None => Err(unknown(format!("{device} is not known here; enrol it again").into())),
            Some(Admission::Replaced) => Err(unknown(
                format!("{device} has been given another certificate since; enrol it again").into(),
            )),
            Some(Admission::Revoked) if roster.is_retired(device) => Err(Problem::new(
                ProblemKind::DeviceRevoked,
                format!(
                    "{device} was retired at the service centre and is not under service; to bring it back, ask for a token and enrol it again"
                ),
            )),
            Some(Admission::Revoked) => Err(Problem::new(
                ProblemKind::DeviceRevoked,
                format!(
                    "{device} was shut out at the service centre; if that was a mistake, ask for a token and enrol it again"
                ),
            )),
            Some(admission) => Ok((device, admission)),
        },
    }
}
