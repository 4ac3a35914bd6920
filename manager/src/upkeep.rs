//! What is done at intervals, and what is written behind the answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::{CommandId, DeviceId};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::bell::Bell;
use crate::certificates::Certificates;
use crate::clock;
use crate::config::Config;
use crate::device::mailbox::Mailbox;
use crate::device::roster::Roster;
use crate::device::{Said, standing};
use crate::inform::{Event, Informer};
use crate::people_changes::PeopleChanges;
use crate::programs::Programs;
use crate::quota::Quotas;
use crate::replicas::Replicas;
use crate::store::{CommandState, Standing, Store, StoreError, UnusedToken};
use crate::watch::backup_age::{Age, LastBackup};
use crate::watch::endings::rule::EndState;
use crate::watch::endings::{Ending, News, NewsKind};
use crate::watch::{Step, Watches};

/// Contacts go to the store this often, and at the end.
const FLUSH_EVERY: Duration = Duration::from_secs(60);
/// How often silence and the ends of commands are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// How often the log of identities is looked at: so long `device revoke` takes to be heard. One look-up by
/// the newest key.
const IDENTITIES_EVERY: Duration = Duration::from_secs(2);
/// How often it is looked which tokens, and which devices' certificates, near their ends. The certificates of
/// the listeners, in memory, are looked at with each sweep.
const ENDINGS_EVERY: Duration = Duration::from_secs(60);
/// How often it is written to the journal that time has passed, by which a database is known that was taken back.
const HOUR: Duration = Duration::from_secs(3600);
/// So long an enrolment token that has ended unused is shown.
const TOKENS_SHOWN_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The most tokens that are watched and shown, of those the first to end.
pub(crate) const MAX_TOKENS: u32 = 1_000;
/// Devices that are named in one line of the log.
const DEVICES_NAMED: usize = 10;
/// Findings of the watches, and devices whose memories, are written at once: so that a report that waits for
/// the store does not wait long for them.
const CHANGES_AT_ONCE: usize = 500;
const MEMORIES_AT_ONCE: usize = 500;
/// How long it is kept which signed requests were taken: far longer than they could be taken again, whatever the clocks
/// of several managers say.
const NONCES_KEPT_SECONDS: i64 = 3_600;
/// Devices whose use of their quotas is written at once.
const USAGES_AT_ONCE: usize = 500;
/// First deliveries that are noted at once.
const DELIVERIES_AT_ONCE: usize = 256;

/// What upkeep works with.
pub(crate) struct Upkeep {
    pub(crate) store: Store,
    pub(crate) roster: Arc<Roster>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) watches: Arc<Watches>,
    pub(crate) informer: Arc<Informer>,
    pub(crate) certificates: Certificates,
    pub(crate) config: Config,
    /// The place in the log of identities up to which the roster knows them.
    pub(crate) identities: AtomicI64,
    /// The other managers, where there can be some.
    pub(crate) replicas: Option<Arc<Replicas>>,
    /// How much each device has handed in.
    pub(crate) quotas: Arc<Quotas>,
    /// Programs for devices.
    pub(crate) programs: Arc<Programs>,
    /// What devices said of themselves when they asked for one.
    pub(crate) said: Arc<Said>,
    /// Rung when something was told or decided that concerns a rollout.
    pub(crate) rollout_bell: Arc<Bell>,
    /// Tells open streams to look who is still let in.
    pub(crate) people: Arc<PeopleChanges>,
}

impl Upkeep {
    /// Whether this manager does what only one of several should.
    pub(crate) fn leads(&self) -> bool {
        self.replicas.as_ref().is_none_or(|replicas| replicas.leads())
    }

    /// Forgets signed requests that are too old to be taken again.
    async fn forget_nonces(&self) {
        if self.store.is_shared() && self.leads() {
            let before = clock::now().as_second() - NONCES_KEPT_SECONDS;
            if let Err(error) = self.store.forget_nonces(before).await {
                tracing::debug!(%error, "signed requests of before could not be forgotten; retrying");
            }
        }
    }

    /// Writes what devices have used of their quotas.
    async fn flush_usages(&self) -> Result<(), StoreError> {
        loop {
            let changes = self.quotas.take_changes(USAGES_AT_ONCE);
            if changes.is_empty() {
                return Ok(());
            }
            if let Err(error) = self.store.keep_usages(changes.clone()).await {
                self.quotas.give_back_changes(changes);
                return Err(error);
            }
        }
    }

    /// Writes the contacts, what the watches remember, and what devices have used, that are only in memory.
    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        self.flush_usages().await?;
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
                let finding = Some(Box::new(change.finding));
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

    /// Makes one item of what many devices have of one cause, wakes what slept until now, and tells of it.
    async fn look_after_now(&self, now: Timestamp) {
        if !self.leads() {
            return;
        }
        let looked_after = async {
            let woken = self.store.wake_now(now).await?;
            Ok::<_, StoreError>(self.store.gather_causes(now).await? || !woken.is_empty())
        };
        match looked_after.await {
            Ok(true) => self.informer.publish(Event::of_now(None, now)),
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "what needs a person could not be looked after; retrying"),
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
        let quiet = now - SignedDuration::from_millis(crate::quota::NOISY_FOR_MS);
        for settled in [
            self.store.settle_identities(now).await,
            self.store.settle_damage().await,
            self.store.settle_noise(quiet).await,
        ] {
            if let Err(error) = settled {
                // It is found again at the next sweep.
                tracing::debug!(%error, "how devices stand could not be written");
            }
        }
        self.look_after_now(now).await;
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
    pub(crate) async fn follow_identities(&self) {
        if let Err(error) = self.store.look_at_restorations().await {
            tracing::debug!(%error, "whether the store was restored could not be read; retrying");
        }
        let since = self.identities.load(Ordering::Relaxed);
        match self.store.identities_changed(Some(since)).await {
            Ok(changed) => {
                for (device, standing) in changed.devices {
                    self.follow_retirement(&device, &standing).await;
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

    /// Operators may have been changed by another process.
    pub(crate) async fn follow_people(&self) {
        if let Err(error) = self.people.look(&self.store).await {
            tracing::debug!(%error, "what was changed of operators could not be read; retrying");
        }
    }

    /// A device may have been retired by another process: the command that tells it waits in the store.
    async fn follow_retirement(&self, device: &DeviceId, standing: &Standing) {
        if standing.retired.is_none() || self.roster.is_retired(device) {
            return;
        }
        self.watches.rest(device);
        if let Err(error) = self.follow_commands(Some(std::slice::from_ref(device))).await {
            tracing::error!(%device, %error, "a device could not be told that it is retired");
        }
    }

    /// Learns what was published, revoked or renewed, here or by another process.
    pub(crate) async fn follow_programs(&self) {
        let followed = async {
            if !self.programs.follow().await? {
                return Ok(());
            }
            // With what is revoked, its offers are gone.
            self.store.read_offers().await?;
            self.informer.publish(Event::of_programs(clock::now()));
            self.rollout_bell.ring();
            self.programs.share().await
        };
        if let Err(error) = followed.await {
            tracing::error!(%error, "changes of programs could not be taken up; retrying");
        }
    }

    /// Renews the timestamp of programs before it ends.
    async fn renew_programs(&self) {
        match self.programs.renew(&self.config.state_directory, clock::now()).await {
            Ok(true) => tracing::info!("renewed the timestamp of programs"),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the timestamp of programs was not renewed; retrying"),
        }
    }

    /// Another process may have changed what waits for these devices; without names, for all: reads it.
    pub(crate) async fn follow_commands(&self, devices: Option<&[DeviceId]>) -> Result<(), StoreError> {
        let mut devices = devices.map(<[_]>::to_vec);
        loop {
            let look = self.mailbox.look();
            let open = match &devices {
                Some(devices) => self.store.open_commands_of(devices.clone()).await?,
                None => self.store.open_commands().await?,
            };
            let open = open.into_iter().map(|one| (one.device, one.command)).collect();
            // What changed here meanwhile may be newer than what was read.
            let again = self.mailbox.refresh(look, devices.as_deref(), open);
            if again.is_empty() {
                return Ok(());
            }
            devices = Some(again);
        }
    }

    /// Renews the certificates of the listeners, or reads them anew, and tells of those that near their ends;
    /// `asked` when a person wants it now.
    async fn look_at_certificates(&self, asked: bool) {
        let now = clock::now();
        let own = self.certificates.renew_own(&self.config, now);
        let operators = self.certificates.read_operators(now, asked).await;
        let endings = self.certificates.endings(own, operators);
        self.tell_of_endings(self.watches.endings.certificates(endings, now), now);
    }

    /// Tells of tokens and devices' certificates that near their ends, and of a backup that is too old.
    async fn look_at_endings(&self) {
        let now = clock::now();
        match last_backup(&self.store, &self.config).await {
            Ok(backup) => self.tell_of_endings(self.watches.endings.backup(backup, now), now),
            Err(error) => tracing::debug!(%error, "the last backup could not be looked up; retrying"),
        }
        match unused_tokens(&self.store, now).await {
            Ok(endings) => self.tell_of_endings(self.watches.endings.tokens(endings, now), now),
            Err(error) => tracing::debug!(%error, "the tokens could not be read; retrying"),
        }
        let each =
            |visit: &mut dyn FnMut(&DeviceId, Timestamp, Timestamp)| self.roster.each_certificate(visit);
        for news in self.watches.endings.devices(each, now) {
            let count = news.devices.len();
            let some: Vec<&str> = news.devices.iter().take(DEVICES_NAMED).map(DeviceId::as_str).collect();
            let state = news.state.words();
            tracing::warn!(
                count,
                devices = some.join(" "),
                state,
                "certificates of devices were not renewed"
            );
        }
    }

    fn tell_of_endings(&self, news: Vec<News>, now: Timestamp) {
        for News { kind, what, state, words } in news {
            let what_word = what.word();
            match kind {
                NewsKind::Nears if state == EndState::Ended && what.is_certificate() => {
                    tracing::error!(what = what_word, "{words}");
                }
                NewsKind::Nears if state == EndState::Ended && what.is_token() => {
                    tracing::info!(what = what_word, "{words}");
                }
                NewsKind::Nears | NewsKind::Trouble => tracing::warn!(what = what_word, "{words}"),
                NewsKind::Renewed | NewsKind::TroubleOver => tracing::info!(what = what_word, "{words}"),
            }
            self.informer.publish(Event::of_ending(words, now));
        }
    }
}

/// The last backup, where somebody wants to hear that it is too old.
pub(crate) async fn last_backup(store: &Store, config: &Config) -> Result<Option<Ending>, StoreError> {
    let (last, store_since) = store.last_backup().await?;
    let last = last.map(|last| LastBackup { made: last.made, path: last.path });
    Ok(Age::of(last, store_since, config.backup).as_ref().map(Ending::of_backup))
}

/// The enrolment tokens that can still be used, or ended a short while ago.
pub(crate) async fn unused_tokens(store: &Store, now: Timestamp) -> Result<Vec<Ending>, StoreError> {
    let tokens = store.unused_tokens(now - TOKENS_SHOWN_FOR, MAX_TOKENS).await?.into_iter();
    let endings = tokens.map(|UnusedToken { hash, device, created, expires, .. }| {
        Ending::of_token(hash, device.as_ref().map(DeviceId::as_str), created, expires)
    });
    Ok(endings.collect())
}

/// Until the manager stops.
pub(crate) async fn at_intervals(upkeep: Arc<Upkeep>, stop: CancellationToken) {
    let every = |period| {
        let mut interval = tokio::time::interval_at(Instant::now() + period, period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval
    };
    let (mut flush, mut sweep, mut endings) = (every(FLUSH_EVERY), every(SWEEP_EVERY), every(ENDINGS_EVERY));
    let mut stored = true;
    let (mut identities, mut hour) = (every(IDENTITIES_EVERY), every(HOUR));
    upkeep.look_at_certificates(false).await;
    upkeep.look_at_endings().await;
    upkeep.renew_programs().await;
    if let Err(error) = upkeep.programs.share().await {
        tracing::error!(%error, "programs could not be handed to other managers");
    }
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
                upkeep.look_at_certificates(false).await;
            }
            _ = identities.tick() => {
                upkeep.follow_identities().await;
                upkeep.follow_people().await;
                upkeep.follow_programs().await;
            }
            _ = endings.tick() => {
                upkeep.look_at_endings().await;
                upkeep.forget_nonces().await;
                upkeep.renew_programs().await;
            }
            _ = hour.tick() => {
                if let Err(error) = upkeep.store.note_hour().await {
                    tracing::debug!(%error, "the journal could not be written");
                }
                if let Err(error) = upkeep.programs.clean(clock::now()).await {
                    tracing::debug!(%error, "programs that nobody needs could not be removed; retrying");
                }
            }
        }
    }
}

/// Looks at what ends whenever a person asks for it, until the manager stops.
pub(crate) async fn when_asked(upkeep: Arc<Upkeep>, asked: Arc<Notify>, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = asked.notified() => {
                upkeep.look_at_certificates(true).await;
                upkeep.look_at_endings().await;
            }
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
