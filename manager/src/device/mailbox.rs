//! What waits for devices, and the requests that wait for it.
//!
//! The store keeps commands; this is the working copy, so that a parked device costs the database
//! nothing. What waits for one device, and when that ends a wait of it, is its [queue](super::queue).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use platen_protocol::identity::{CommandId, DeviceId};
use platen_protocol::manager_to_device::Command;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::anteroom::Anteroom;
pub use super::queue::Woken;
use super::queue::{Asking, DeviceQueue};

#[derive(Default)]
struct Inner {
    queues: BTreeMap<DeviceId, DeviceQueue>,
    tickets: u64,
    stopping: bool,
    /// Look-ups in the store that are under way, and whose queue was changed meanwhile: what was looked up may be older.
    looks: usize,
    touched: BTreeSet<DeviceId>,
}

/// What waits for all devices.
pub struct Mailbox {
    /// Held for a look-up, never across an await.
    inner: Mutex<Inner>,
    /// First deliveries, on their way to the store.
    deliveries: mpsc::Sender<(DeviceId, CommandId)>,
    /// Requests of devices that are not let in.
    anteroom: Arc<Anteroom>,
}

/// A wait that has begun. Dropping it ends it.
pub struct Ticket {
    mailbox: Arc<Mailbox>,
    device: DeviceId,
    number: u64,
    woken: oneshot::Receiver<Woken>,
    /// When a command that was handed over becomes due again.
    redeliver: Option<Instant>,
}

impl Ticket {
    /// Whose wait it is.
    pub fn device(&self) -> &DeviceId {
        &self.device
    }

    /// Waits to be woken, at most until `until`.
    pub fn wait(&mut self, until: Instant) -> impl Future<Output = Option<Woken>> + Send {
        let until = self.redeliver.map_or(until, |redeliver| redeliver.min(until));
        async move {
            // Made here, or it would be there twice: as what the block has, and as what it waits for.
            match tokio::time::timeout_at(until, &mut self.woken).await {
                Ok(woken) => Some(woken.unwrap_or(Woken::Stopping)),
                Err(_) => None,
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.mailbox.inner().change(&self.device, |queue| queue.leave(self.number));
    }
}

/// A look-up of what the store holds, from before it is made to [`Mailbox::refresh`].
pub struct Look {
    mailbox: Arc<Mailbox>,
}

impl Drop for Look {
    fn drop(&mut self) {
        let mut inner = self.mailbox.inner();
        inner.looks -= 1;
        if inner.looks == 0 {
            inner.touched.clear();
        }
    }
}

impl Inner {
    /// What waits for a device is changed here.
    fn touch(&mut self, device: &DeviceId) {
        if self.looks > 0 {
            self.touched.insert(device.clone());
        }
    }

    /// The queue of a device, which may be a new one.
    fn queue(&mut self, device: &DeviceId) -> &mut DeviceQueue {
        self.queues.entry(device.clone()).or_default()
    }

    /// Changes the queue of a device, if it has one. One that nobody needs any more is not kept.
    fn change(&mut self, device: &DeviceId, change: impl FnOnce(&mut DeviceQueue)) {
        if let Some(queue) = self.queues.get_mut(device) {
            change(queue);
            if queue.is_idle() {
                self.queues.remove(device);
            }
        }
    }
}

impl Mailbox {
    /// With the commands that the store holds.
    pub fn new(
        open: impl IntoIterator<Item = (DeviceId, Command)>,
        deliveries: mpsc::Sender<(DeviceId, CommandId)>,
    ) -> Self {
        let mut inner = Inner::default();
        for (device, command) in open {
            inner.queue(&device).add(command);
        }
        Self { inner: Mutex::new(inner), deliveries, anteroom: Arc::default() }
    }

    /// Where those wait that are not let in.
    pub fn anteroom(&self) -> &Arc<Anteroom> {
        &self.anteroom
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a command in and wakes its device.
    pub fn put(&self, device: &DeviceId, command: Command) {
        let mut inner = self.inner();
        inner.touch(device);
        let queue = inner.queue(device);
        queue.add(command);
        queue.wake(Woken::Mail);
    }

    /// Begins to look up what the store holds.
    pub fn look(self: &Arc<Self>) -> Look {
        self.inner().looks += 1;
        Look { mailbox: Arc::clone(self) }
    }

    /// What the store holds for these devices, where another manager may have changed it: what is new wakes its device, and
    /// what is over is taken out. Without names, all devices are meant. Those for which something was put in or taken out
    /// here since `look` are left as they are, and named: of them it has to be looked up again.
    pub fn refresh(
        &self,
        look: Look,
        devices: Option<&[DeviceId]>,
        open: Vec<(DeviceId, Command)>,
    ) -> Vec<DeviceId> {
        let mut of: BTreeMap<DeviceId, Vec<Command>> = BTreeMap::new();
        for (device, command) in open {
            of.entry(device).or_default().push(command);
        }
        let mut again = Vec::new();
        {
            let mut inner = self.inner();
            let named = devices.map_or_else(|| inner.queues.keys().cloned().collect(), <[_]>::to_vec);
            for device in named {
                of.entry(device).or_default();
            }
            for (device, commands) in of {
                if inner.touched.contains(&device) {
                    again.push(device);
                    continue;
                }
                inner.queue(&device);
                inner.change(&device, |queue| queue.refresh(commands));
            }
        }
        drop(look);
        again
    }

    /// Ends the wait of a device, whatever waits for it: it is to hear at once how it stands.
    pub fn wake(&self, device: &DeviceId) {
        self.inner().change(device, |queue| queue.wake(Woken::Mail));
    }

    /// There is no such device any more: its wait ends, and nothing waits for it.
    pub fn forget(&self, device: &DeviceId) {
        let queue = {
            let mut inner = self.inner();
            inner.touch(device);
            inner.queues.remove(device)
        };
        if let Some(mut queue) = queue {
            queue.wake(Woken::Mail);
        }
        self.anteroom.call(device);
    }

    /// Takes a command out: its outcome is in, or its time is over.
    pub fn remove(&self, device: &DeviceId, command: &CommandId) {
        let mut inner = self.inner();
        inner.touch(device);
        inner.change(device, |queue| queue.keep(|one| one.id != *command));
    }

    /// Whether any command's time is over, so that the store is to be asked.
    pub fn any_expired(&self, now: Timestamp) -> bool {
        self.inner().queues.values().any(|queue| queue.any_expired(now))
    }

    /// Everything that waits for a device, as far as one reply carries it; it counts as handed over on
    /// this connection.
    pub fn take(&self, device: &DeviceId, connection: u64, now: Instant, clock: Timestamp) -> Vec<Command> {
        let mut inner = self.inner();
        let Some(queue) = inner.queues.get_mut(device) else { return Vec::new() };
        queue.hand_over(&Asking { connection, now, clock }, |first| {
            // When that queue is full the store learns of it with the outcome.
            let _ = self.deliveries.try_send((device.clone(), first.clone()));
        })
    }

    /// Begins a wait, unless something is due for the device or the manager stops. An older wait of the
    /// same device ends.
    pub fn park(
        self: &Arc<Self>,
        device: &DeviceId,
        connection: u64,
        now: Instant,
        clock: Timestamp,
    ) -> Option<Ticket> {
        let mut inner = self.inner();
        if inner.stopping {
            return None;
        }
        inner.tickets += 1;
        let number = inner.tickets;
        let queue = inner.queue(device);
        let asking = Asking { connection, now, clock };
        if queue.is_due(&asking) {
            return None;
        }
        let (redeliver, woken) = (queue.redeliver(&asking), queue.park(number));
        Some(Ticket { mailbox: Arc::clone(self), device: device.clone(), number, woken, redeliver })
    }

    /// Whether the manager stops: a device that is answered now is told to come back later.
    pub fn is_stopping(&self) -> bool {
        self.inner().stopping
    }

    /// Ends every wait, and lets none begin.
    pub fn stop(&self) {
        self.anteroom.stop();
        let mut inner = self.inner();
        inner.stopping = true;
        inner.queues.values_mut().for_each(|queue| queue.wake(Woken::Stopping));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::queue::REDELIVER_AFTER;
    use super::*;
    use platen_protocol::limits::MAX_COMMANDS_PER_REPLY;
    use platen_protocol::manager_to_device::Action;
    use proptest::prelude::*;

    const EARLY: &str = "2026-11-22T10:00:00Z";

    fn command(id: &str) -> Command {
        Command {
            id: id.parse().unwrap(),
            issued: EARLY.parse().unwrap(),
            expires: "2026-11-22T11:00:00Z".parse().unwrap(),
            action: Action::ReadNow,
            issued_by: None,
        }
    }

    fn mailbox() -> (Arc<Mailbox>, mpsc::Receiver<(DeviceId, CommandId)>, DeviceId) {
        let (deliveries, noted) = mpsc::channel(16);
        (Arc::new(Mailbox::new([], deliveries)), noted, "lobby".parse().unwrap())
    }

    #[tokio::test]
    async fn a_new_command_wakes_the_parked_device() {
        let (mailbox, mut noted, device) = mailbox();
        let now = Instant::now();
        let mut ticket = mailbox.park(&device, 1, now, EARLY.parse().unwrap()).unwrap();
        mailbox.put(&device, command("c1"));
        assert_eq!(ticket.wait(now + Duration::from_secs(3600)).await, Some(Woken::Mail));
        let taken = mailbox.take(&device, 1, now, EARLY.parse().unwrap());
        assert_eq!(taken.len(), 1);
        assert_eq!(noted.try_recv().unwrap().1, taken[0].id);
    }

    #[test]
    fn what_was_looked_up_before_something_was_put_in_or_taken_out_does_not_undo_that() {
        let (mailbox, _noted, device) = mailbox();
        let other: DeviceId = "cellar".parse().unwrap();
        let (now, clock) = (Instant::now(), EARLY.parse().unwrap());
        let waiting = |device| mailbox.take(device, 1, now, clock).len();
        mailbox.put(&device, command("c1"));
        // Both were looked up before an outcome came in, and before an operator sent something.
        let (all, some) = (mailbox.look(), mailbox.look());
        mailbox.remove(&device, &"c1".parse().unwrap());
        mailbox.put(&other, command("c2"));
        let held = vec![(device.clone(), command("c1"))];
        let again = vec![other.clone(), device.clone()];
        assert_eq!(mailbox.refresh(all, None, held.clone()), again);
        assert_eq!(mailbox.refresh(some, Some(&again), held), again);
        assert_eq!((waiting(&device), waiting(&other)), (0, 1));
        // What is looked up now is right.
        assert!(mailbox.refresh(mailbox.look(), None, vec![(device.clone(), command("c3"))]).is_empty());
        assert_eq!((waiting(&device), waiting(&other)), (1, 0));
    }

    #[tokio::test]
    async fn a_newer_wait_ends_the_older_and_its_end_leaves_the_newer_alone() {
        let (mailbox, _noted, device) = mailbox();
        let (now, clock) = (Instant::now(), EARLY.parse().unwrap());
        let far = now + Duration::from_secs(3600);
        let mut older = mailbox.park(&device, 1, now, clock).unwrap();
        let mut newer = mailbox.park(&device, 2, now, clock).unwrap();
        assert_eq!(older.wait(far).await, Some(Woken::Superseded));
        drop(older);
        mailbox.put(&device, command("c1"));
        assert_eq!(newer.wait(far).await, Some(Woken::Mail));
    }

    #[tokio::test]
    async fn stopping_ends_every_wait_and_lets_none_begin() {
        let (mailbox, _noted, device) = mailbox();
        let (now, clock) = (Instant::now(), EARLY.parse().unwrap());
        let mut ticket = mailbox.park(&device, 1, now, clock).unwrap();
        mailbox.stop();
        assert_eq!(ticket.wait(now + Duration::from_secs(3600)).await, Some(Woken::Stopping));
        assert!(mailbox.park(&device, 1, now, clock).is_none());
    }

    #[test]
    fn a_command_that_was_just_handed_over_does_not_end_the_next_wait() {
        let (mailbox, _noted, device) = mailbox();
        let (now, clock) = (Instant::now(), EARLY.parse().unwrap());
        mailbox.put(&device, command("c1"));
        assert!(mailbox.park(&device, 1, now, clock).is_none(), "it is due");
        assert_eq!(mailbox.take(&device, 1, now, clock).len(), 1);
        let ticket = mailbox.park(&device, 1, now, clock).unwrap();
        assert_eq!(ticket.redeliver, Some(now + REDELIVER_AFTER));
        drop(ticket);
        assert!(mailbox.park(&device, 2, now, clock).is_none(), "a new connection gets it at once");
        assert!(mailbox.park(&device, 1, now + REDELIVER_AFTER, clock).is_none(), "and so does a late one");
        mailbox.remove(&device, &"c1".parse().unwrap());
        assert!(mailbox.park(&device, 2, now, clock).is_some());
        assert!(mailbox.inner().queues.is_empty(), "nothing is left of a device for which nothing waits");
    }

    #[test]
    fn what_has_expired_is_neither_handed_over_nor_waited_for() {
        let (mailbox, _noted, device) = mailbox();
        let (now, late) = (Instant::now(), "2026-11-22T11:00:00Z".parse().unwrap());
        mailbox.put(&device, command("c1"));
        assert!(mailbox.take(&device, 1, now, late).is_empty());
        assert!(mailbox.park(&device, 1, now, late).is_some());
        assert!(mailbox.any_expired(late));
    }

    proptest! {
        #[test]
        fn whatever_waits_a_device_that_takes_it_can_wait_until_it_is_due_again(
            count in 0_usize..120,
            connections in prop::collection::vec(0_u64..20, 1..30),
        ) {
            let (deliveries, _noted) = mpsc::channel(1);
            let mailbox = Arc::new(Mailbox::new([], deliveries));
            let device: DeviceId = "lobby".parse().unwrap();
            let (now, clock) = (Instant::now(), EARLY.parse().unwrap());
            for number in 0..count {
                mailbox.put(&device, command(&format!("c{number}")));
            }
            for connection in connections {
                let taken = mailbox.take(&device, connection, now, clock);
                prop_assert_eq!(taken.len(), count.min(MAX_COMMANDS_PER_REPLY));
                prop_assert!(mailbox.park(&device, connection, now, clock).is_some());
            }
        }
    }
}
