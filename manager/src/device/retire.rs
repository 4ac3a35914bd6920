//! A retired device has answered: from now on its certificate is refused. Its answer is still acknowledged, so that it
//! can remove its key.

use jiff::Timestamp;
use platen_protocol::device_to_manager::{Report, ReportBody};
use platen_protocol::identity::DeviceId;

use super::context::Devices;
use super::standing::apply;
use crate::store::StoreError;

/// The certificates of retired devices are refused once these have answered, or have had long enough to.
pub(crate) async fn end_retirements(devices: &Devices, now: Timestamp) -> Result<(), StoreError> {
    for (device, now_stands) in devices.store.end_retirements(now).await? {
        tracing::info!(%device, "a retired device is let in no longer");
        apply(&devices.roster, &devices.mailbox, &devices.informer, &device, now_stands);
    }
    Ok(())
}

/// After a batch of a device was stored.
pub(super) async fn settle(devices: &Devices, device: &DeviceId, new: &[Report], now: Timestamp) {
    let answers = new.iter().any(|report| matches!(report.body, ReportBody::Outcome(_)));
    if !answers || !devices.roster.is_retired(device) {
        return;
    }
    if let Err(error) = end_retirements(devices, now).await {
        tracing::debug!(%device, %error, "a retirement could not be ended yet; retrying");
    }
}
