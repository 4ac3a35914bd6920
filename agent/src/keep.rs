//! The one place where an event becomes durable, and where what follows from that is done: the uplink
//! is woken, lamp and buzzer tell ([`crate::request::Lamp`]), the status is brought up to date.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use platen_protocol::device_to_manager::{Outcome, ReportBody};
use platen_protocol::identity::Epoch;
use platen_protocol::stamp::Stamp;
use tokio::sync::{Notify, watch};

use crate::clock::Clock;
use crate::judge::{Alerts, DiskFault, Past};
use crate::outbox::{Acknowledgement, Batch, Blob, Entry, Finished, NewReport, Outbox, OutboxError, Rank};
use crate::request::Lamp;
use crate::sample::BoardHandle;
use crate::settings::{Files, Settings, apply, report};
use crate::tool::status::Status;

/// Shared by everything on the runtime.
#[derive(Debug)]
pub struct Keep {
    /// All on one thread: the lock only makes the borrow checker's point, and is never held across an
    /// await.
    outbox: Mutex<Outbox>,
    /// The clocks.
    pub clock: Arc<Clock>,
    /// The board.
    pub board: BoardHandle,
    /// What the agent knows of itself.
    pub status: watch::Sender<Status>,
    /// What the device's own files say of what can be set.
    pub files: Files,
    /// What the manager set.
    pub settings: watch::Sender<Settings>,
    /// Rung when something new waits to be sent.
    pub news: Notify,
    /// Rung when a command may wait in the journal.
    pub commands: Notify,
    /// The manager's clock when it last answered, and when that was on the monotonic clock.
    manager_time: Mutex<Option<(Timestamp, Duration)>>,
    /// Lamp and buzzer.
    pub lamp: Lamp,
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

impl Keep {
    /// Around an open outbox.
    pub fn new(
        outbox: Outbox,
        clock: Arc<Clock>,
        board: BoardHandle,
        status: Status,
        files: Files,
        settings: Settings,
    ) -> Self {
        let simulated = status.simulated;
        if let Some(known) = outbox.known_time() {
            clock.learn(known);
        }
        let keep = Self {
            outbox: Mutex::new(outbox),
            clock,
            lamp: Lamp::new(board.clone()),
            board,
            status: watch::Sender::new(status),
            files,
            settings: watch::Sender::new(settings),
            news: Notify::new(),
            commands: Notify::new(),
            manager_time: Mutex::new(None),
            simulated,
        };
        keep.show();
        keep
    }

    /// The outbox. Not to be held across an await.
    pub fn outbox(&self) -> MutexGuard<'_, Outbox> {
        // A panic ends the process, so a poisoned lock is never seen.
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps reports, with what the judge remembers; returns the last one's place, which the mark reaches
    /// when the manager has it.
    pub fn keep(
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
            let rows = report(&self.files, &settings);
            self.status.send_modify(|status| status.settings = rows);
            self.settings.send_replace(settings);
        }
        Ok(())
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

    /// Takes the manager's word on what it holds.
    pub fn acknowledge(&self, epoch: &Epoch, sequence: u64, time: Timestamp) -> Result<(), OutboxError> {
        self.clock.learn(time);
        let told = Some((time, self.clock.monotonic()));
        *self.manager_time.lock().unwrap_or_else(PoisonError::into_inner) = told;
        let waited = self.asked_waiting();
        let meant = self.outbox().acknowledge(epoch, sequence, time)?;
        if self.asked_waiting() < waited {
            self.lamp.acknowledged();
        }
        if meant == Acknowledgement::Ahead {
            tracing::warn!(
                sequence,
                "the manager has more reports of this epoch than this outbox ever gave (an old copy of the disk?)"
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
    pub fn begin_epoch(&self) -> Result<(), OutboxError> {
        self.outbox().begin_epoch()?;
        tracing::warn!(epoch = %self.outbox().epoch(), "a new epoch begins");
        self.news.notify_one();
        self.show();
        Ok(())
    }

    /// Gives up a report that the manager will never take.
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
                if *self.settings.borrow() != found {
                    self.status.send_modify(|status| status.settings = report(&self.files, &found));
                    self.settings.send_replace(found);
                }
                // The manager hears that the epoch is safe.
                self.news.notify_one();
                // The file may hold commands that nobody has seen yet.
                self.commands.notify_one();
            }
            Err(cause) => tracing::error!("what is kept in memory cannot be brought to the disk: {cause}"),
        }
        self.show();
    }

    /// Completes a batch that goes out now.
    pub fn seal(&self, batch: &mut Batch) {
        batch.body.sent = Some(self.clock.stamp());
        let seconds = apply(&self.files, &self.settings.borrow()).utilisation_interval.as_secs();
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
                status.outbox.given_up = outbox.given_up();
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

    /// How much of what persons asked for waits.
    fn asked_waiting(&self) -> usize {
        let outbox = self.outbox();
        outbox.waiting(Rank::ServiceCall) + outbox.waiting(Rank::Order)
    }
}
