//! What is done at intervals, and what is written behind the answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use platen_protocol::identity::{CommandId, DeviceId};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::ca::Ca;
use crate::clock;
use crate::config::Config;
use crate::device::mailbox::Mailbox;
use crate::device::roster::Roster;
use crate::device::standing;
use crate::inform::{Event, Informer};
use crate::store::{CommandState, Store, StoreError};
use crate::tls::ServerCertificate;
use crate::watch::{Step, Watches};

/// Contacts go to the store this often, and at the end.
const FLUSH_EVERY: Duration = Duration::from_secs(60);
/// How often silence and the ends of commands are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// How often the log of identities is looked at: so long `device revoke` takes to be heard. One look-up by
/// the newest key.
const IDENTITIES_EVERY: Duration = Duration::from_secs(2);
/// How often the server's certificate is looked at.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Findings of the watches, and devices whose memories, are written at once: so that a report that waits for
/// the store does not wait long for them.
const CHANGES_AT_ONCE: usize = 500;
const MEMORIES_AT_ONCE: usize = 500;
/// First deliveries that are noted at once.
const DELIVERIES_AT_ONCE: usize = 256;

/// What upkeep works with.
pub(crate) struct Upkeep {
    pub(crate) store: Store,
    pub(crate) roster: Arc<Roster>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) watches: Arc<Watches>,
    pub(crate) informer: Arc<Informer>,
    pub(crate) ca: Arc<Ca>,
    pub(crate) certificate: Arc<ServerCertificate>,
    pub(crate) config: Config,
    /// The place in the log of identities up to which the roster knows them.
    pub(crate) identities: AtomicI64,
}

impl Upkeep {
    /// Writes the contacts, and what the watches remember, that are only in memory.
    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        let contacts = self.roster.take_unflushed();
        if !contacts.is_empty()
            && let Err(error) = self.store.keep_contacts(contacts.clone()).await
        {
            self.roster.give_back(&contacts);
            return Err(error);
        }
        loop {
            let memories = self.watches.take_unflushed(MEMORIES_AT_ONCE);
            if memories.is_empty() {
                return Ok(());
            }
            if let Err(error) = self.store.keep_watch_memories(memories.clone()).await {
                self.watches.give_back(&memories);
                return Err(error);
            }
        }
    }

    /// Writes what the watches found since the last sweep, and tells of it.
    async fn watch(&self, now: Timestamp) {
        loop {
            let changes = self.watches.changes(|visit| self.roster.each(now, visit), now, CHANGES_AT_ONCE);
            if changes.is_empty() {
                return;
            }
            if let Err(error) = self.store.keep_watches(changes.clone()).await {
                // They are found again at the next sweep.
                tracing::debug!(%error, "what the watches found could not be stored");
                return;
            }
            self.watches.kept(&changes);
            for change in changes {
                let kind = match change.step {
                    Step::Begin | Step::Overdue(_) => "watch",
                    Step::End(_) => "watch_over",
                };
                let device = &change.device;
                tracing::info!(%device, finding = ?change.finding, step = ?change.step, "a watch changed");
                let finding = Some(change.finding);
                self.informer.publish(Event { finding, ..Event::new(kind, change.device, now) });
            }
        }
    }

    /// While nothing can be stored, tries whether it can; and tells when that changes.
    async fn look_after_store(&self, stored: &mut bool, now: Timestamp) {
        if self.store.health().trouble().is_some() {
            // How it goes is noted by the store itself.
            let _ = self.store.probe(now).await;
        }
        if let Err(error) = self.store.look_after_log(now).await {
            tracing::debug!(%error, "the write-ahead log could not be looked after");
        }
        let storing = self.store.health().trouble().is_none();
        if std::mem::replace(stored, storing) != storing {
            self.informer.publish(Event::of_store(storing, now));
        }
    }

    /// Tells of devices that fell silent, and ends commands whose time is over.
    async fn sweep(&self) {
        let now = clock::now();
        for device in self.roster.sweep(now) {
            tracing::info!(%device, "a device is silent");
            let contact = Some(self.roster.contact(&device, now).state);
            self.informer.publish(Event { contact, ..Event::new("contact", device, now) });
        }
        self.watch(now).await;
        if !self.mailbox.any_expired(now) {
            return;
        }
        match self.store.expire_commands(now).await {
            Ok(expired) => {
                for (id, device) in expired {
                    self.mailbox.remove(&device, &id);
                    self.informer.publish(Event::of_command(device, id, CommandState::Expired, now));
                }
            }
            Err(error) => tracing::error!(%error, "expired commands could not be closed"),
        }
    }

    /// Learns what another process (`platen-manager device revoke`) did to identities, and tells of
    /// certificates that near their end.
    async fn follow_identities(&self) {
        let since = self.identities.load(Ordering::Relaxed);
        match self.store.identities_changed(Some(since)).await {
            Ok(changed) => {
                for (device, standing) in changed.devices {
                    standing::apply(&self.roster, &self.mailbox, &self.informer, &device, standing);
                }
                self.identities.store(changed.upto, Ordering::Relaxed);
            }
            Err(error) => tracing::error!(%error, "changes of identities could not be read"),
        }
        let now = clock::now();
        for (device, certificate) in self.roster.take_ending(now) {
            match self.store.certificate_ends(device.clone(), certificate.clone(), now).await {
                Ok(true) => {
                    tracing::warn!(%device, ends = %certificate.expires, "a certificate expires soon and has not been renewed");
                    let event = Event::new("certificate_ends", device, now);
                    self.informer.publish(Event { certificate_ends: Some(certificate.expires), ..event });
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, "operators could not be notified that a certificate expires");
                }
            }
        }
    }

    fn renew_certificate(&self) {
        let made = self.ca.server(&self.config.state_directory, &self.config.names, clock::now());
        match made.map(|files| self.certificate.replace(files)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the server's certificate cannot be used"),
            Err(error) => tracing::error!(%error, "the server's certificate could not be renewed"),
        }
    }
}

/// Until the manager stops.
pub(crate) async fn at_intervals(upkeep: Arc<Upkeep>, stop: CancellationToken) {
    let every = |period| {
        let mut interval = tokio::time::interval_at(Instant::now() + period, period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval
    };
    let (mut flush, mut sweep, mut certificate) =
        (every(FLUSH_EVERY), every(SWEEP_EVERY), every(CERTIFICATE_EVERY));
    let mut stored = true;
    let mut identities = every(IDENTITIES_EVERY);
    loop {
        tokio::select! {
            // In order, so that a simulation runs the same each time.
            biased;
            () = stop.cancelled() => return,
            _ = flush.tick() => {
                if let Err(error) = upkeep.flush().await {
                    tracing::debug!(%error, "contacts could not be stored; retrying");
                }
            }
            _ = sweep.tick() => {
                upkeep.look_after_store(&mut stored, clock::now()).await;
                upkeep.sweep().await;
            }
            _ = identities.tick() => upkeep.follow_identities().await,
            _ = certificate.tick() => upkeep.renew_certificate(),
        }
    }
}

/// Notes first deliveries behind the replies that made them, so that no reply waits for the disk twice.
pub(crate) async fn note_deliveries(
    upkeep: Arc<Upkeep>,
    mut delivered: mpsc::Receiver<(DeviceId, CommandId)>,
    stop: CancellationToken,
) {
    let mut some = Vec::new();
    loop {
        tokio::select! {
            biased;
            count = delivered.recv_many(&mut some, DELIVERIES_AT_ONCE) => {
                if count == 0 {
                    return;
                }
            }
            () = stop.cancelled() => return,
        }
        let now = clock::now();
        let ids = some.iter().map(|(_, id)| id.clone()).collect();
        match upkeep.store.note_delivered(ids, now).await {
            Ok(noted) => {
                for (device, id) in some.drain(..).filter(|(_, id)| noted.contains(id)) {
                    upkeep.informer.publish(Event::of_command(device, id, CommandState::Delivered, now));
                }
            }
            Err(error) => tracing::error!(%error, "deliveries could not be recorded"),
        }
        some.clear();
    }
}
