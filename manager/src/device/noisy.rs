//! A device that hands in more than its quotas allow: its batch is refused, it hears when to come again, and operators
//! hear that it is noisy, once.

use jiff::Timestamp;
use platen_protocol::device_to_manager::{ReportBatch, ReportBody};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::{Problem, ProblemKind};

use super::answer::{Answer, refuse_for};
use super::context::Devices;
use crate::counters::Turned;
use crate::inform::Event;
use crate::quota::{OverQuota, Reservation};

/// A body of at most so many bytes is read for its meaning before anything is reserved: most of them hand nothing in,
/// and only wait.
const SMALL_BODY: usize = 1024;

/// Why a batch is not taken.
pub(super) enum NotTaken {
    /// As everybody may be refused.
    Problem(Problem),
    /// For a quota of its device.
    OverQuota(DeviceId, OverQuota),
}

impl From<Problem> for NotTaken {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Reserves what a body may take before it is read for its meaning, unless it is small.
pub(super) fn reserve_early(
    devices: &Devices,
    device: &DeviceId,
    bytes: usize,
    now: Timestamp,
) -> Result<Option<Reservation>, NotTaken> {
    if bytes <= SMALL_BODY { Ok(None) } else { reserve(devices, device, bytes, now).map(Some) }
}

/// Reserves what a batch may take, if that was not done yet. What lies behind the quota is only for what a person asked
/// for.
pub(super) fn reserve_for(
    devices: &Devices,
    device: &DeviceId,
    (early, bytes): (Option<Reservation>, usize),
    batch: &ReportBatch,
    now: Timestamp,
) -> Result<Option<Reservation>, NotTaken> {
    if batch.reports.is_empty() {
        return Ok(None);
    }
    let reserved = match early {
        Some(reserved) => reserved,
        None => reserve(devices, device, bytes, now)?,
    };
    let asks = |body: &ReportBody| matches!(body, ReportBody::ServiceCall(_) | ReportBody::Order(_));
    match reserved.only_for_people() {
        Some(over) if !batch.reports.iter().any(|report| asks(&report.body)) => {
            Err(NotTaken::OverQuota(device.clone(), over))
        }
        _ => Ok(Some(reserved)),
    }
}

fn reserve(
    devices: &Devices,
    device: &DeviceId,
    bytes: usize,
    now: Timestamp,
) -> Result<Reservation, NotTaken> {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    devices.quotas.reserve(device, bytes, now).map_err(|over| NotTaken::OverQuota(device.clone(), over))
}

/// Refuses a batch, and tells operators if that is news.
pub(super) async fn refuse(devices: &Devices, device: &DeviceId, over: OverQuota, now: Timestamp) -> Answer {
    devices.counters.count(Turned::Quota);
    if devices.quotas.refused(device, &over, now) {
        tracing::warn!(%device, quota = over.quota.key(), limit = over.limit, "a device is over its quota");
        let words = Some(over.words());
        devices.informer.publish(Event { words, ..Event::new("noisy", device.clone(), now) });
        // That it cannot be kept now is no reason to take the batch.
        if let Err(error) = devices.store.noisy(device.clone(), over, now).await {
            tracing::debug!(%device, %error, "that a device is over its quota could not be recorded");
        }
    } else {
        tracing::debug!(%device, quota = over.quota.key(), "a batch was refused");
    }
    refuse_for(&Problem::new(ProblemKind::OverQuota, over.to_string()), over.after)
}
