//! Of several managers on one database, one takes a signed request: what was sent to one of them is not sent again to
//! another.

use platen_protocol::problem::Problem;
use platen_protocol::signature::Presented;

use super::context::{Devices, later};
use super::nonces::Refused;
use super::shown::Shown;
use super::signed::not_taken;

/// Whether no other manager on the same database has taken it.
pub(super) async fn taken_by_nobody(
    devices: &Devices,
    presented: &Presented,
    shown: &Shown,
) -> Result<(), Problem> {
    let (Shown::Device(device, _), Some(nonce)) = (shown, presented.nonce()) else { return Ok(()) };
    if !devices.store.is_shared() {
        return Ok(());
    }
    let taken = devices.store.take_nonce(device.clone(), nonce.to_owned(), presented.created()).await;
    if taken.map_err(|error| later(devices, &error))? { Ok(()) } else { Err(not_taken(Refused::Again)) }
}
