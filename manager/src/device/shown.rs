//! What a connection, or a signed request, says of who it is. Whether that is let in is another question
//! ([`super::identity`]).

use platen_protocol::identity::DeviceId;

use crate::ca::named_by;
use crate::listen::Peer;
use crate::store::Certificate;

/// What the other end of a connection has shown: read once, for all its requests.
#[derive(Debug)]
pub(super) enum Shown {
    /// No certificate.
    Nothing,
    /// A certificate of our CA that names no device.
    NoDevice,
    /// A certificate of a device.
    Device(DeviceId, Certificate),
}

impl Shown {
    pub(super) fn by(peer: &Peer) -> Self {
        match peer.certificate.as_ref().map(named_by) {
            None => Self::Nothing,
            Some(None) => Self::NoDevice,
            Some(Some((device, certificate))) => Self::Device(device, certificate),
        }
    }
}
