//! Who asks. Only this yields a device: its certificate is our CA's, names a device that is let in,
//! and is the one that the device was given last.

use platen_protocol::identity::DeviceId;
use platen_protocol::problem::{Problem, ProblemKind};

use super::roster::Roster;
use crate::ca::named_by;
use crate::listen::Peer;

/// What the other end of a connection has shown: read once, for all its requests.
#[derive(Debug)]
pub(super) enum Shown {
    /// No certificate.
    Nothing,
    /// A certificate of our CA that names no device.
    NoDevice,
    /// A certificate of a device, with its serial number.
    Device(DeviceId, String),
}

impl Shown {
    pub(super) fn by(peer: &Peer) -> Self {
        match peer.certificate.as_ref().map(named_by) {
            None => Self::Nothing,
            Some(None) => Self::NoDevice,
            Some(Some((device, serial))) => Self::Device(device, serial),
        }
    }
}

/// The device at the other end of the connection. Asked for each request, for a device may have been
/// given another certificate meanwhile.
pub(super) fn identify<'a>(roster: &Roster, shown: &'a Shown) -> Result<&'a DeviceId, Problem> {
    let (device, serial) = match shown {
        Shown::Device(device, serial) => (device, serial),
        Shown::Nothing => {
            return Err(Problem::new(
                ProblemKind::NoCertificate,
                "connect with the certificate that enrolment gave, or enrol",
            ));
        }
        Shown::NoDevice => {
            return Err(Problem::new(
                ProblemKind::UnknownDevice,
                "the certificate names no device; enrol again",
            ));
        }
    };
    match roster.is_current(device, serial) {
        None => Err(Problem::new(
            ProblemKind::UnknownDevice,
            format!("{device} is not known here; enrol it again"),
        )),
        Some(false) => Err(Problem::new(
            ProblemKind::UnknownDevice,
            format!("{device} has been given another certificate since; enrol it again"),
        )),
        Some(true) => Ok(device),
    }
}
