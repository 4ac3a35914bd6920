//! What is remembered of each device, so that a device that waits or asks costs the database nothing; what changed of a
//! device is looked up once, when it is wanted next.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use platen_protocol::identity::DeviceId;

/// What is known of one device.
enum Entry<T> {
    Known(T),
    /// Something was committed since, as the change of this number.
    Changed(u64),
}

struct Inner<T> {
    /// Of a device that is not here there is nothing.
    devices: BTreeMap<DeviceId, Entry<T>>,
    changes: u64,
}

/// What is known of each device; nothing is what a default value says.
pub(super) struct Known<T> {
    /// Held for a look-up, never across an await.
    inner: Mutex<Inner<T>>,
}

impl<T: Clone + Default + PartialEq> Known<T> {
    /// As the store holds it.
    pub(super) fn new(devices: BTreeMap<DeviceId, T>) -> Self {
        let devices = devices.into_iter().map(|(device, known)| (device, Entry::Known(known))).collect();
        Self { inner: Mutex::new(Inner { devices, changes: 0 }) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the last change: before everything is looked up anew.
    pub(super) fn changes(&self) -> u64 {
        self.inner().changes
    }

    /// Everything was looked up anew after this change. What changed meanwhile is looked up again.
    pub(super) fn learn_all(&self, changes: u64, devices: BTreeMap<DeviceId, T>) {
        let mut inner = self.inner();
        let later = std::mem::take(&mut inner.devices).into_iter();
        let later = later.filter(|(_, entry)| matches!(entry, Entry::Changed(change) if *change > changes));
        let later: Vec<_> = later.collect();
        inner.devices = devices.into_iter().map(|(device, known)| (device, Entry::Known(known))).collect();
        inner.devices.extend(later);
    }

    /// Something of this device was committed.
    pub(super) fn changed(&self, device: &DeviceId) {
        let mut inner = self.inner();
        inner.changes += 1;
        let change = inner.changes;
        inner.devices.insert(device.clone(), Entry::Changed(change));
    }

    /// What is known, or the change since which it is not.
    pub(super) fn get(&self, device: &DeviceId) -> Result<T, u64> {
        match self.inner().devices.get(device) {
            None => Ok(T::default()),
            Some(Entry::Known(known)) => Ok(known.clone()),
            Some(Entry::Changed(change)) => Err(*change),
        }
    }

    /// What was looked up after a change; it is remembered unless there was another one meanwhile.
    pub(super) fn learn(&self, device: &DeviceId, change: u64, found: &T) {
        let mut inner = self.inner();
        if matches!(inner.devices.get(device), Some(Entry::Changed(last)) if *last == change) {
            if *found == T::default() {
                inner.devices.remove(device);
            } else {
                inner.devices.insert(device.clone(), Entry::Known(found.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_while_it_was_looked_up_is_looked_up_again() {
        let lobby: DeviceId = "lobby".parse().unwrap();
        let known = Known::new([(lobby.clone(), 1)].into());
        assert_eq!(known.get(&lobby), Ok(1));
        assert_eq!(
            known.get(&"cellar".parse().unwrap()),
            Ok(0),
            "of which nothing is known there is nothing"
        );
        known.changed(&lobby);
        let first = known.get(&lobby).unwrap_err();
        known.changed(&lobby);
        known.learn(&lobby, first, &2);
        let second = known.get(&lobby).unwrap_err();
        let before = known.changes();
        known.learn(&lobby, second, &3);
        assert_eq!(known.get(&lobby), Ok(3));
        known.changed(&lobby);
        known.learn_all(before, [(lobby.clone(), 4)].into());
        assert!(known.get(&lobby).is_err(), "it changed after the look-up began");
        known.learn_all(known.changes(), BTreeMap::new());
        assert_eq!(known.get(&lobby), Ok(0));
    }
}
