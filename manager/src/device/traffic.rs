//! How much one device may ask for: connections at once, and requests over time. One device that is out
//! of order must not take what the others need.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use platen_protocol::identity::DeviceId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::limits::Limits;

/// The unit in which memory for bodies is given out.
const SHARE_BYTES: usize = 1024;
const SHARES_PER_MIB: u32 = 1024;

/// How often: so many at once after a rest, and one more after each interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Between two requests, in the long run.
    interval: Duration,
    /// What may come at once, as time.
    burst: Duration,
}

impl Rate {
    /// So many a minute, and so many at once.
    pub fn new(per_minute: u32, at_once: u32) -> Self {
        let interval = Duration::from_secs(60) / per_minute.max(1);
        Self { interval, burst: interval * at_once.max(1) }
    }
}

/// How much of its rate a device has used: the moment at which its bucket is full again (the "virtual
/// scheduling" of ITU-T I.371, which needs no timer and no counting up).
#[derive(Debug, Clone, Copy)]
struct Pace {
    full_at: Instant,
}

impl Pace {
    /// Takes one request out of the bucket, unless it is empty.
    fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + rate.interval;
        let allowed = full_at.duration_since(now) <= rate.burst;
        if allowed {
            self.full_at = full_at;
        }
        allowed
    }
}

struct Entry {
    /// The oldest first.
    connections: Vec<Held>,
    pace: Pace,
    /// For programs.
    programs: Pace,
    /// Programs that are on their way to it.
    transfers: usize,
}

impl Entry {
    fn new(now: Instant) -> Self {
        let pace = Pace { full_at: now };
        Self { connections: Vec::new(), pace, programs: pace, transfers: 0 }
    }

    /// Whether there is nothing to remember of it.
    fn is_idle(&self, now: Instant) -> bool {
        self.connections.is_empty()
            && self.transfers == 0
            && self.pace.full_at <= now
            && self.programs.full_at <= now
    }
}

struct Held {
    place: u64,
    /// Ends the connection; `None` for one that other devices use as well.
    leave: Option<CancellationToken>,
}

/// One for each device that is connected or asked lately.
#[derive(Default)]
struct Entries {
    of: BTreeMap<DeviceId, Entry>,
    /// Places that were ever given.
    places: u64,
}

/// What all devices ask for.
pub struct Traffic {
    rate: Rate,
    connections: usize,
    /// Held for a look-up, never across an await.
    entries: Mutex<Entries>,
    memory: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    /// How many there are of them.
    queue_places: usize,
    programs_rate: Rate,
    transfers: Arc<Semaphore>,
    transfers_per_device: usize,
}

/// A program on its way to a device, as long as that lasts.
pub struct Transfer {
    traffic: Arc<Traffic>,
    device: DeviceId,
    _place: OwnedSemaphorePermit,
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if let Some(entry) = self.traffic.entries().of.get_mut(&self.device) {
            entry.transfers = entry.transfers.saturating_sub(1);
        }
    }
}

/// Why no transfer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoTransfer {
    /// As many as there may be are under way.
    All,
    /// As many as there may be are under way to this device.
    Device,
}

/// A device's connection, as long as it lives.
pub struct Connected {
    traffic: Arc<Traffic>,
    device: DeviceId,
    place: u64,
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut entries = self.traffic.entries();
        let Some(entry) = entries.of.get_mut(&self.device) else { return };
        entry.connections.retain(|held| held.place != self.place);
        if entry.is_idle(Instant::now()) {
            entries.of.remove(&self.device);
        }
    }
}

/// Memory for a body, as long as it lives.
#[derive(Debug, Default)]
pub struct BodyMemory(Option<OwnedSemaphorePermit>);

/// All memory for bodies is given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMemory;

impl BodyMemory {
    /// Grows to at least so many bytes.
    pub fn grow(&mut self, traffic: &Traffic, bytes: usize) -> Result<(), NoMemory> {
        let held = self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = bytes.div_ceil(SHARE_BYTES).saturating_sub(held);
        let Ok(more) = u32::try_from(more) else { return Err(NoMemory) };
        if more == 0 {
            return Ok(());
        }
        // Nobody waits here: those who hold a part of a body and wait for more would block each other.
        let Ok(more) = Arc::clone(&traffic.memory).try_acquire_many_owned(more) else { return Err(NoMemory) };
        match &mut self.0 {
            Some(permit) => permit.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

impl Traffic {
    /// Within these limits.
    pub fn new(limits: &Limits) -> Arc<Self> {
        let places = |number: u32| {
            let number = usize::try_from(number).unwrap_or(Semaphore::MAX_PERMITS);
            Arc::new(Semaphore::new(number.min(Semaphore::MAX_PERMITS)))
        };
        let queue = places(limits.waiting_for_store);
        Arc::new(Self {
            rate: Rate::new(limits.requests_per_minute, limits.requests_burst),
            connections: usize::try_from(limits.connections_per_device).unwrap_or(usize::MAX),
            entries: Mutex::default(),
            memory: places(limits.body_memory_mib.saturating_mul(SHARES_PER_MIB)),
            queue_places: queue.available_permits(),
            queue,
            programs_rate: Rate::new(
                limits.program_requests_per_minute,
                limits.program_requests_per_minute.div_ceil(2),
            ),
            transfers: places(limits.transfers),
            transfers_per_device: usize::try_from(limits.transfers_per_device).unwrap_or(usize::MAX),
        })
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A device connects, on a connection that `leave` ends. When it has as many as it may, its oldest is
    /// ended: most likely that one was swallowed by a network, and the device is here. Says whether that was
    /// so; `None` when there is none to end.
    pub fn connect(
        self: &Arc<Self>,
        device: &DeviceId,
        leave: Option<CancellationToken>,
        now: Instant,
    ) -> Option<(Connected, bool)> {
        let mut entries = self.entries();
        let place = entries.places;
        entries.places += 1;
        let entry = entries.of.entry(device.clone()).or_insert_with(|| Entry::new(now));
        let full = entry.connections.len() >= self.connections;
        if full {
            let oldest = entry.connections.iter().position(|held| held.leave.is_some())?;
            entry.connections.remove(oldest).leave?.cancel();
        }
        // Most devices have one.
        entry.connections.reserve_exact(1);
        entry.connections.push(Held { place, leave });
        Some((Connected { traffic: Arc::clone(self), device: device.clone(), place }, full))
    }

    /// Whether a device may ask now; if so, that counts.
    pub fn may_ask(&self, device: &DeviceId, now: Instant) -> bool {
        let mut entries = self.entries();
        let entry = entries.of.entry(device.clone()).or_insert_with(|| Entry::new(now));
        entry.pace.take(self.rate, now)
    }

    /// Whether a device may ask for a program now; if so, that counts.
    pub fn may_ask_for_program(&self, device: &DeviceId, now: Instant) -> bool {
        let mut entries = self.entries();
        let entry = entries.of.entry(device.clone()).or_insert_with(|| Entry::new(now));
        entry.programs.take(self.programs_rate, now)
    }

    /// Begins to transfer a program to a device.
    ///
    /// # Errors
    /// When too many are under way.
    pub fn transfer(self: &Arc<Self>, device: &DeviceId, now: Instant) -> Result<Transfer, NoTransfer> {
        let mut entries = self.entries();
        let entry = entries.of.entry(device.clone()).or_insert_with(|| Entry::new(now));
        if entry.transfers >= self.transfers_per_device {
            return Err(NoTransfer::Device);
        }
        let Ok(place) = Arc::clone(&self.transfers).try_acquire_owned() else { return Err(NoTransfer::All) };
        entry.transfers += 1;
        Ok(Transfer { traffic: Arc::clone(self), device: device.clone(), _place: place })
    }

    /// A place among those who wait for the store; `None` when there are too many.
    pub fn queue(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.queue).try_acquire_owned().ok()
    }

    /// How many wait for the store.
    pub fn waiting(&self) -> usize {
        self.queue_places.saturating_sub(self.queue.available_permits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn traffic(limits: Limits) -> (Arc<Traffic>, DeviceId) {
        (Traffic::new(&limits), "lobby".parse().unwrap())
    }

    #[test]
    fn a_device_that_rested_may_ask_in_a_burst_and_then_at_its_rate() {
        let limits = Limits { requests_per_minute: 60, requests_burst: 5, ..Limits::default() };
        let (traffic, device) = traffic(limits);
        let now = Instant::now();
        assert_eq!((0..10).filter(|_| traffic.may_ask(&device, now)).count(), 5);
        let later = now + Duration::from_secs(2);
        assert_eq!((0..10).filter(|_| traffic.may_ask(&device, later)).count(), 2);
        let other = "cellar".parse().unwrap();
        assert!(traffic.may_ask(&other, now), "another device has its own rate");
    }

    #[test]
    fn a_connection_gives_its_place_back_and_a_device_that_is_gone_leaves_nothing() {
        let limits = Limits { connections_per_device: 2, ..Limits::default() };
        let (traffic, device) = traffic(limits);
        let now = Instant::now();
        let one = traffic.connect(&device, None, now).unwrap();
        let two = traffic.connect(&device, None, now).unwrap();
        assert!(traffic.connect(&device, None, now).is_none(), "others use these connections as well");
        drop(one);
        let three = traffic.connect(&device, None, now).unwrap();
        drop((two, three));
        assert!(traffic.entries().of.is_empty());
    }

    #[tokio::test]
    async fn the_oldest_connection_makes_room_for_the_newest() {
        let limits = Limits { connections_per_device: 2, ..Limits::default() };
        let (traffic, device) = traffic(limits);
        let now = Instant::now();
        let _shared = traffic.connect(&device, None, now).unwrap();
        let mut ends = Vec::new();
        let mut held = Vec::new();
        for number in 0..3 {
            let leave = CancellationToken::new();
            let (connected, made_room) = traffic.connect(&device, Some(leave.clone()), now).unwrap();
            assert_eq!(made_room, number > 0);
            held.push(connected);
            ends.push(leave);
        }
        let has_left = |left: &CancellationToken| {
            let left = left.clone();
            async move { tokio::time::timeout(Duration::ZERO, left.cancelled()).await.is_ok() }
        };
        assert!(has_left(&ends[0]).await && has_left(&ends[1]).await && !has_left(&ends[2]).await);
        assert_eq!(traffic.entries().of[&device].connections.len(), 2);
        held.drain(..2);
        assert_eq!(traffic.entries().of[&device].connections.len(), 2, "they had left already");
    }

    #[test]
    fn a_device_has_some_transfers_and_all_together_have_some_and_each_gives_its_place_back() {
        let limits = Limits { transfers: 3, transfers_per_device: 2, ..Limits::default() };
        let (traffic, device) = traffic(limits);
        let (now, other) = (Instant::now(), "cellar".parse().unwrap());
        let one = traffic.transfer(&device, now).unwrap();
        let two = traffic.transfer(&device, now).unwrap();
        assert_eq!(traffic.transfer(&device, now).err(), Some(NoTransfer::Device));
        let three = traffic.transfer(&other, now).unwrap();
        assert_eq!(traffic.transfer(&other, now).err(), Some(NoTransfer::All));
        drop((one, three));
        assert!(traffic.transfer(&device, now).is_ok() && traffic.transfer(&other, now).is_ok());
        drop(two);
    }

    #[test]
    fn asking_for_programs_has_a_rate_of_its_own() {
        let limits = Limits { program_requests_per_minute: 4, requests_burst: 1, ..Limits::default() };
        let (traffic, device) = traffic(limits);
        let now = Instant::now();
        assert_eq!((0..10).filter(|_| traffic.may_ask_for_program(&device, now)).count(), 2);
        assert!(traffic.may_ask(&device, now));
    }

    #[test]
    fn bodies_share_their_memory_and_give_it_back() {
        let (traffic, _) = traffic(Limits { body_memory_mib: 1, ..Limits::default() });
        let (mut one, mut two) = (BodyMemory::default(), BodyMemory::default());
        one.grow(&traffic, 1).unwrap();
        one.grow(&traffic, 1000 * 1024).unwrap();
        two.grow(&traffic, 24 * 1024).unwrap();
        assert_eq!(two.grow(&traffic, 24 * 1024 + 1), Err(NoMemory));
        drop(one);
        two.grow(&traffic, 1024 * 1024).unwrap();
    }

    proptest! {
        #[test]
        fn over_any_stretch_no_more_than_the_burst_and_the_rate_get_through(
            per_minute in 1_u32..1_000, at_once in 1_u32..50, steps in prop::collection::vec(0_u64..5_000, 1..300),
        ) {
            let rate = Rate::new(per_minute, at_once);
            let start = Instant::now();
            let mut pace = Pace { full_at: start };
            let (mut now, mut allowed) = (start, 0_u128);
            for milliseconds in steps {
                now += Duration::from_millis(milliseconds);
                allowed += u128::from(pace.take(rate, now));
                let passed = now.duration_since(start).as_nanos();
                prop_assert!(allowed <= u128::from(at_once) + passed / rate.interval.as_nanos() + 1);
            }
            // And whoever rests long enough has the whole burst again.
            now += rate.burst;
            prop_assert!((0..at_once).all(|_| pace.take(rate, now)));
        }
    }
}
