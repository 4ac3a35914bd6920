//! Where devices wait that are refused and that an operator can let in: their certificate has ended, or is superseded.
//! Each holds one request, as a device does that is let in; so an operator's consent reaches it at once, and
//! waiting costs no more than any parked device. Whoever finds no place is refused at once and asks at a slow pace.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platen_protocol::identity::DeviceId;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::throttle::counted;

/// Devices that wait at once. Each has a connection, whose number is limited as well.
const MAX_WAITING: usize = 4_096;
/// Of one address (of IPv6, one network of 64 bits): all of a large site, whose power failed, and not all places.
const MAX_OF_ADDRESS: usize = 512;

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called {
    /// The device stands otherwise: it is to be judged anew.
    Changed,
    /// The device waits elsewhere now: it has one place.
    Elsewhere,
    /// The manager stops.
    Stopping,
}

struct Waiting {
    number: u64,
    address: IpAddr,
    call: oneshot::Sender<Called>,
}

#[derive(Default)]
struct Inner {
    waiting: BTreeMap<DeviceId, Waiting>,
    /// Those that wait, by address.
    of_address: BTreeMap<IpAddr, usize>,
    numbers: u64,
    stopping: bool,
}

impl Inner {
    fn remove(&mut self, device: &DeviceId) -> Option<Waiting> {
        let gone = self.waiting.remove(device)?;
        if let Some(count) = self.of_address.get_mut(&gone.address) {
            *count -= 1;
            if *count == 0 {
                self.of_address.remove(&gone.address);
            }
        }
        Some(gone)
    }
}

/// The room.
#[derive(Default)]
pub struct Anteroom {
    /// Held for a look-up, never across an await.
    inner: Mutex<Inner>,
}

/// A place in the room. Dropping it gives it up.
pub struct Place {
    room: Arc<Anteroom>,
    device: DeviceId,
    number: u64,
    called: oneshot::Receiver<Called>,
}

impl Place {
    /// Waits to be called, at most until `until`; `None` when nobody called.
    pub async fn wait(&mut self, until: Instant) -> Option<Called> {
        match tokio::time::timeout_at(until, &mut self.called).await {
            Ok(called) => Some(called.unwrap_or(Called::Stopping)),
            Err(_elapsed) => None,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.room.inner();
        if inner.waiting.get(&self.device).is_some_and(|waiting| waiting.number == self.number) {
            inner.remove(&self.device);
        }
    }
}

impl Anteroom {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for a device, if there is one. An older place of it is given up: a network that swallows
    /// connections leaves those standing.
    pub fn enter(self: &Arc<Self>, device: &DeviceId, address: IpAddr) -> Option<Place> {
        let address = counted(address);
        let mut inner = self.inner();
        if inner.stopping {
            return None;
        }
        if let Some(older) = inner.remove(device) {
            // Its request may be gone, which is the usual reason for this one.
            let _ = older.call.send(Called::Elsewhere);
        }
        let from_there = inner.of_address.get(&address).copied().unwrap_or_default();
        if inner.waiting.len() >= MAX_WAITING || from_there >= MAX_OF_ADDRESS {
            return None;
        }
        inner.numbers += 1;
        let number = inner.numbers;
        let (call, called) = oneshot::channel();
        inner.waiting.insert(device.clone(), Waiting { number, address, call });
        inner.of_address.insert(address, from_there + 1);
        Some(Place { room: Arc::clone(self), device: device.clone(), number, called })
    }

    /// A device stands otherwise: if it waits, it is called.
    pub fn call(&self, device: &DeviceId) {
        if let Some(waiting) = self.inner().remove(device) {
            // A request that is gone need not be called.
            let _ = waiting.call.send(Called::Changed);
        }
    }

    /// Ends every wait, and lets none begin.
    pub fn stop(&self) {
        let mut inner = self.inner();
        inner.stopping = true;
        inner.of_address.clear();
        for waiting in std::mem::take(&mut inner.waiting).into_values() {
            // A request that is gone waits for nothing.
            let _ = waiting.call.send(Called::Stopping);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use proptest::prelude::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn device(number: usize) -> DeviceId {
        format!("d{number}").parse().unwrap()
    }

    fn far() -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }

    #[tokio::test]
    async fn who_waits_is_called_when_its_device_stands_otherwise_and_nobody_else_is() {
        let room = Arc::new(Anteroom::default());
        let mut one = room.enter(&device(1), address(1)).unwrap();
        let other = room.enter(&device(2), address(1)).unwrap();
        room.call(&device(1));
        assert_eq!(one.wait(far()).await, Some(Called::Changed));
        assert!(room.inner().waiting.keys().eq([&device(2)]));
        drop(other);
        assert!(room.inner().waiting.is_empty() && room.inner().of_address.is_empty());
    }

    #[tokio::test]
    async fn a_device_has_one_place_and_the_end_of_the_older_wait_leaves_the_newer_alone() {
        let room = Arc::new(Anteroom::default());
        let mut older = room.enter(&device(1), address(1)).unwrap();
        let mut newer = room.enter(&device(1), address(2)).unwrap();
        assert_eq!(older.wait(far()).await, Some(Called::Elsewhere));
        drop(older);
        room.call(&device(1));
        assert_eq!(newer.wait(far()).await, Some(Called::Changed));
    }

    #[tokio::test]
    async fn stopping_ends_every_wait_and_lets_none_begin() {
        let room = Arc::new(Anteroom::default());
        let mut place = room.enter(&device(1), address(1)).unwrap();
        room.stop();
        assert_eq!(place.wait(far()).await, Some(Called::Stopping));
        assert!(room.enter(&device(1), address(1)).is_none());
    }

    #[test]
    fn one_address_does_not_take_all_places_and_all_places_have_an_end() {
        let room = Arc::new(Anteroom::default());
        let mut places: Vec<Place> =
            (0..MAX_OF_ADDRESS).map(|number| room.enter(&device(number), address(1)).unwrap()).collect();
        assert!(room.enter(&device(MAX_OF_ADDRESS), address(1)).is_none());
        places.push(room.enter(&device(0), address(1)).expect("it has a place there already"));
        let more = (MAX_OF_ADDRESS..MAX_WAITING).map(|number| {
            let from = u8::try_from(number / MAX_OF_ADDRESS).unwrap();
            room.enter(&device(number), address(from + 1)).unwrap()
        });
        places.extend(more);
        assert!(room.enter(&device(MAX_WAITING + 1), address(200)).is_none());
    }

    proptest! {
        #[test]
        fn however_devices_come_and_go_the_counts_agree(
            steps in prop::collection::vec((0_usize..6, 1_u8..4, 0_u8..3), 0..80),
        ) {
            let room = Arc::new(Anteroom::default());
            let mut places = Vec::new();
            for (number, from, what) in steps {
                match what {
                    0 => places.extend(room.enter(&device(number), address(from))),
                    1 => room.call(&device(number)),
                    _ => drop((!places.is_empty()).then(|| places.remove(number % places.len()))),
                }
                let inner = room.inner();
                prop_assert_eq!(inner.of_address.values().sum::<usize>(), inner.waiting.len());
                prop_assert!(inner.of_address.values().all(|count| *count > 0));
            }
        }
    }
}
