//! When a certificate that waits for consent after a restore was last written down. Only who holds one of our CA's
//! certificates of that time gets here, so there are no more of them than were issued.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::DeviceId;

/// Those that were written down, by device: the serial number, and when.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// Held for a look-up, never across an await.
    noted: Mutex<BTreeMap<DeviceId, (String, Timestamp)>>,
}

impl Arrivals {
    fn noted(&self) -> MutexGuard<'_, BTreeMap<DeviceId, (String, Timestamp)>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a certificate is to be written down: another one, or the same one a while ago. It counts as done.
    pub(super) fn is_due(
        &self,
        device: &DeviceId,
        serial: &str,
        now: Timestamp,
        every: SignedDuration,
    ) -> bool {
        let mut noted = self.noted();
        let lately = noted
            .get(device)
            .is_some_and(|(known, at)| known == serial && now.duration_since(*at).abs() < every);
        if !lately {
            noted.insert(device.clone(), (serial.to_owned(), now));
        }
        !lately
    }

    /// It could not be written down after all.
    pub(super) fn forget(&self, device: &DeviceId) {
        self.noted().remove(device);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_waits_is_written_down_now_and_then_and_another_one_at_once() {
        let (arrivals, device) = (Arrivals::default(), "lobby".parse().unwrap());
        let start: Timestamp = "2026-11-30T10:00:00Z".parse().unwrap();
        let minute = SignedDuration::from_secs(60);
        let due = |serial, seconds| {
            arrivals.is_due(&device, serial, start + SignedDuration::from_secs(seconds), minute)
        };
        assert!(due("01", 0) && !due("01", 59) && due("01", 60));
        assert!(due("02", 61));
        arrivals.forget(&device);
        assert!(due("02", 62));
    }
}
