//! The one place where something becomes durable, and where what follows from that is done: the uplink is woken,
//! lamp and buzzer tell ([`crate::request::Lamp`]), the status is brought up to date, settings apply. What is remembered over a restart is read here
//! too ([`Remembered`]).

mod remembered;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use platen_protocol::device_to_manager::{Outcome, ReportBody};
use platen_protocol::identity::Epoch;
use platen_protocol::manager_to_device::OpenRequests;
use platen_protocol::stamp::Stamp;
use tokio::sync::{Notify, watch};

pub use remembered::{Remembered, open};

use crate::clock::Clock;
use crate::identity::retired::Retired;
use crate::judge::{Alerts, DiskFault, Past};
use crate::outbox::{
    Acknowledged, Acknowledgement, Batch, Blob, Entry, Finished, NewReport, Outbox, OutboxError, Rank,
};
use crate::request::{Asked, Lamp};
use crate::settings::{Current, Settings};
use crate::status::Status;

/// Writes to the outbox. Shared by everything on the runtime.
#[derive(Debug)]
pub struct Recorder {
    /// All on one thread: the lock only makes the borrow checker's point, and is never held across an
    /// await.
    outbox: Mutex<Outbox>,
    clock: Arc<Clock>,
    status: watch::Sender<Status>,
    settings: Current,
    lamp: Lamp,
    /// Rung when something new waits to be sent.
    news: Notify,
    /// Rung when a command may wait in the journal.
    commands: Notify,
    /// Rung when an open call was repeated.
    presses: Notify,
    /// Rung when the manager is to be asked for programs now.
    programs: Notify,
    /// The manager's clock when it last answered, and when that was on the monotonic clock.
    manager_time: Mutex<Option<(Timestamp, Duration)>>,
    simulated: bool,
}

/// What the judge remembers and is kept with the reports.
#[derive(Debug, Clone, Copy, Default)]
pub struct Learnt<'a> {
    /// The alerts that stand, if these changed.
    pub alerts: Option<&'a Alerts>,
    /// What it has learnt, if that changed.
    pub past: Option<&'a Past>,
}

impl Recorder {
    /// Around an open outbox.
    pub fn new(
        outbox: Outbox,
        clock: Arc<Clock>,
        status: watch::Sender<Status>,
        settings: Current,
        lamp: Lamp,
    ) -> Self {
        let simulated = status.borrow().simulated;
        if let Some(known) = outbox.known_time() {
            clock.learn(known);
        }
        let recorder = Self {
            outbox: Mutex::new(outbox),
            clock,
            status,
            settings,
            lamp,
            news: Notify::new(),
            commands: Notify::new(),
            presses: Notify::new(),
            programs: Notify::new(),
            manager_time: Mutex::new(None),
            simulated,
        };
        recorder.show();
        recorder
    }

    /// The outbox. Not to be held across an await.
    pub fn outbox(&self) -> MutexGuard<'_, Outbox> {
        // A panic ends the process, so a poisoned lock is never seen.
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends when something new waits to be sent.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// Ends when a command may wait in the journal.
    pub async fn commands(&self) {
        self.commands.notified().await;
    }

    /// Tells who waits for [`Self::commands`] that one may be in the journal.
    pub fn ring_for_commands(&self) {
        self.commands.notify_one();
    }

    /// Ends when the manager is to be asked for programs now.
    pub async fn programs(&self) {
        self.programs.notified().await;
    }

    /// Has the manager asked for programs now.
    pub fn ring_for_programs(&self) {
        self.programs.notify_one();
    }

    /// What was asked for of late, oldest first.
    pub fn asked(&self) -> Vec<Asked> {
        self.outbox().asked().cloned().collect()
    }

    /// Counts a call that repeats an open one.
    pub fn press_again(&self, repeated: &Asked, at: &Stamp) {
        self.outbox().press_again(repeated, at);
        self.presses.notify_one();
        self.show();
    }

    /// Ends when an open call was repeated.
    pub async fn presses(&self) {
        self.presses.notified().await;
    }

    /// Tells the person at the device that a press wanted what is asked for already.
    pub fn already(&self) {
        self.lamp.already();
    }

    /// Takes the manager's word on what is open, in its reply to a batch that was made at this mark. Whether it is news.
    pub fn told_open(&self, mark: u64, open: Option<&OpenRequests>) -> bool {
        let news = self.outbox().told_open(mark, open);
        if news {
            self.show();
        }
        news
    }

    /// Keeps what was concluded from a sample or an edge, and tells the person at the device that a press was
    /// taken. A press too many does not hold up what else there is to tell.
    ///
    /// # Errors
    /// When nothing of it could be kept.
    pub fn conclude(
        &self,
        taken: &Stamp,
        mut bodies: Vec<ReportBody>,
        learnt: Learnt<'_>,
    ) -> Result<(), OutboxError> {
        let is_request = |body: &ReportBody| Rank::of(body).is_asked();
        let mut request = bodies.iter().any(is_request);
        match self.record(taken, bodies.clone(), learnt) {
            Err(cause @ OutboxError::TooManyAsked { .. }) => {
                tracing::warn!("a button press was not accepted: {cause}");
                request = false;
                bodies.retain(|body| !is_request(body));
                self.record(taken, bodies, learnt)?
            }
            recorded => recorded?,
        };
        if request {
            self.lamp.taken();
        }
        if let Some(alerts) = learnt.alerts {
            let standing = alerts.standing().cloned().collect();
            self.status.send_modify(|status| status.alerts = standing);
        }
        Ok(())
    }

    /// Keeps reports, with what the judge remembers; returns the last one's place, which the mark reaches
    /// when the manager has it.
    ///
    /// # Errors
    /// When they could not be kept.
    pub fn record(
        &self,
        taken: &Stamp,
        bodies: Vec<ReportBody>,
        learnt: Learnt<'_>,
    ) -> Result<Option<u64>, OutboxError> {
        let Learnt { alerts, past } = learnt;
        let (alerts, past) = (alerts.map(|alerts| alerts as &dyn Blob), past.map(|past| past as &dyn Blob));
        self.put(&Entry { reports: self.reports(taken, bodies), alerts, past, ..Entry::default() })
    }

    /// Keeps the end of a command, with the reports that it made and the settings that it left, if it
    /// changed these.
    ///
    /// # Errors
    /// When it could not be kept.
    pub fn finish(
        &self,
        taken: &Stamp,
        outcome: &Outcome,
        bodies: Vec<ReportBody>,
        settings: Option<Settings>,
    ) -> Result<(), OutboxError> {
        let finished = Some(Finished { outcome, taken, simulated: self.simulated });
        let reports = self.reports(taken, bodies);
        let rows = settings.as_ref().map(Settings::rows).transpose()?;
        self.put(&Entry { reports, finished, settings: rows, ..Entry::default() })?;
        if let Some(settings) = settings {
            self.apply(settings);
        }
        Ok(())
    }

    fn apply(&self, settings: Settings) {
        self.settings.replace(settings);
        let rows = self.settings.report();
        self.status.send_modify(|status| status.settings = rows);
    }

    fn reports(&self, taken: &Stamp, bodies: Vec<ReportBody>) -> Vec<NewReport> {
        let report = |body| NewReport { taken: taken.clone(), simulated: self.simulated, body };
        bodies.into_iter().map(report).collect()
    }

    fn put(&self, entry: &Entry<'_>) -> Result<Option<u64>, OutboxError> {
        let kept = self.outbox().keep(entry);
        match &kept {
            Ok(_) => {
                self.news.notify_one();
                self.show();
            }
            Err(cause) => {
                let cause = cause.to_string();
                self.status.send_modify(|status| status.outbox.trouble = Some(cause));
            }
        }
        kept
    }

    /// The device has retired, or has not: the uplink removes its identity once the outbox is empty.
    pub fn retired(&self, retired: Option<&Retired>) {
        self.status.send_if_modified(|status| {
            let retired = retired.cloned();
            let is_news = status.retired != retired;
            status.retired = retired;
            is_news
        });
    }

    /// Tells the person at the device whether a program is being installed.
    pub fn installing(&self, installing: bool) {
        self.lamp.installing(installing);
    }

    /// Takes the manager's word on what it holds.
    ///
    /// # Errors
    /// When what follows from it could not be kept.
    pub fn acknowledge(&self, epoch: &Epoch, sequence: u64, time: Timestamp) -> Result<(), OutboxError> {
        self.clock.learn(time);
        let told = Some((time, self.clock.monotonic()));
        *self.manager_time.lock().unwrap_or_else(PoisonError::into_inner) = told;
        let Acknowledged { meant, requests } = self.outbox().acknowledge(epoch, sequence, time)?;
        if requests > 0 {
            self.lamp.acknowledged();
        }
        if meant == Acknowledgement::Ahead {
            tracing::warn!(
                sequence,
                "the manager has more reports of this epoch than this outbox ever sent (an old copy of the disk?)"
            );
            self.begin_epoch()?;
        }
        if self.outbox().owes() {
            let now = self.clock.stamp();
            self.put(&Entry { now: Some((&now, self.simulated)), ..Entry::default() })?;
        }
        self.show();
        Ok(())
    }

    /// The manager's clock now: as it told it last, and what has passed since. `None` before it answered.
    pub fn manager_time(&self) -> Option<Timestamp> {
        let (told, then) = (*self.manager_time.lock().unwrap_or_else(PoisonError::into_inner))?;
        told.checked_add(self.clock.monotonic().saturating_sub(then)).ok()
    }

    /// Gives what is being sent new sequences in a new epoch.
    ///
    /// # Errors
    /// As [`Outbox::begin_epoch`].
    pub fn begin_epoch(&self) -> Result<(), OutboxError> {
        self.outbox().begin_epoch()?;
        tracing::warn!(epoch = %self.outbox().epoch(), "a new epoch begins");
        self.news.notify_one();
        self.show();
        Ok(())
    }

    /// Gives up a report that the manager will never take.
    ///
    /// # Errors
    /// As [`Outbox::discard`].
    pub fn discard(&self, sequence: u64) -> Result<(), OutboxError> {
        self.outbox().discard(sequence)?;
        self.show();
        Ok(())
    }

    /// What is wrong with the disk, while the outbox is in memory.
    pub fn disk_fault(&self) -> Option<DiskFault> {
        self.outbox().disk_trouble().map(|trouble| trouble.fault)
    }

    /// Tries a disk that failed again.
    pub fn try_disk(&self) {
        let tried = self.outbox().try_disk();
        match tried {
            Ok(false) => {}
            Ok(true) => {
                let found = Settings::from_rows(&self.outbox().remembered().settings);
                if self.settings.chosen() != found {
                    self.apply(found);
                }
                // The manager hears that the epoch is safe.
                self.news.notify_one();
                // The file may hold commands that nobody has seen yet.
                self.commands.notify_one();
            }
            Err(cause) => tracing::error!("what is kept in memory cannot be written to the disk: {cause}"),
        }
        self.show();
    }

    /// Completes a batch that goes out now.
    pub fn seal(&self, batch: &mut Batch) {
        batch.body.sent = Some(self.clock.stamp());
        let seconds = self.settings.applied().utilisation_interval.as_secs();
        batch.body.next_within_seconds = u32::try_from(seconds).ok();
    }

    /// Up to which place everything is acknowledged: to be compared later.
    pub fn mark(&self) -> u64 {
        self.outbox().mark()
    }

    /// Brings status and lamp up to what the outbox holds.
    fn show(&self) {
        let now = self.clock.monotonic();
        let waits = {
            let outbox = self.outbox();
            let disk = outbox.disk_trouble().cloned();
            let (calls, orders) = (outbox.waiting(Rank::ServiceCall), outbox.waiting(Rank::Order));
            self.status.send_modify(|status| {
                status.backlog = outbox.backlog() as u64;
                status.outbox.bytes = outbox.backlog_bytes();
                status.outbox.service_call_waits = calls > 0;
                status.outbox.order_waits = orders > 0;
                status.outbox.discarded = outbox.discarded();
                status.outbox.trouble = None;
                let since = status.disk.as_ref().map_or(now, |(_, since)| *since);
                status.disk = disk.map(|trouble| (trouble, since));
                status.acknowledged = outbox.mark();
                status.asked = outbox.asked().cloned().collect();
            });
            calls + orders > 0
        };
        self.lamp.waiting(waits);
    }
}
