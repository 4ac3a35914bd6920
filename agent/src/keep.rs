//! The one place where an event becomes durable, and where what follows from that is done: the uplink
//! is woken, lamp and buzzer tell ([`crate::lamp`]), the status is brought up to date.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use platen_protocol::device_to_manager::{Outcome, ReportBody};
use platen_protocol::identity::Epoch;
use platen_protocol::stamp::Stamp;
use tokio::sync::{Notify, watch};

use crate::clock::Clock;
use crate::judge::{Alerts, Past};
use crate::lamp::Lamp;
use crate::outbox::{Acknowledgement, Entry, Finished, NewReport, Outbox, OutboxError, Rank};
use crate::sample::BoardHandle;
use crate::settings::{Files, Settings, report};
use crate::status::Status;

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
    /// Lamp and buzzer.
    pub lamp: Lamp,
    simulated: bool,
    /// Counts epochs of this process, so that an old sequence is not taken for a new one.
    epochs: Mutex<u64>,
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
            simulated,
            epochs: Mutex::new(0),
        };
        keep.show();
        keep
    }

    /// The outbox. Not to be held across an await.
    pub fn outbox(&self) -> MutexGuard<'_, Outbox> {
        // A panic ends the process, so a poisoned lock is never seen.
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps reports, with what the judge remembers; returns the last one's sequence.
    pub fn keep(
        &self,
        taken: &Stamp,
        bodies: Vec<ReportBody>,
        learnt: Learnt<'_>,
    ) -> Result<Option<u64>, OutboxError> {
        let Learnt { alerts, past } = learnt;
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
        self.put(&Entry { reports, finished, settings: settings.as_ref(), ..Entry::default() })?;
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
        self.show();
        Ok(())
    }

    /// Gives all that waits new sequences in a new epoch.
    pub fn begin_epoch(&self) -> Result<(), OutboxError> {
        self.outbox().begin_epoch()?;
        *self.epochs.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        tracing::warn!(epoch = %self.outbox().epoch(), "a new epoch begins");
        self.news.notify_one();
        self.show();
        Ok(())
    }

    /// Drops a report that the manager will never take.
    pub fn discard(&self, sequence: u64) -> Result<(), OutboxError> {
        self.outbox().discard(sequence)?;
        self.show();
        Ok(())
    }

    /// Which epoch of this process, and what is acknowledged in it: to be compared later.
    pub fn mark(&self) -> (u64, u64) {
        let epochs = *self.epochs.lock().unwrap_or_else(PoisonError::into_inner);
        (epochs, self.outbox().acknowledged())
    }

    /// Brings status and lamp up to what the outbox holds.
    fn show(&self) {
        let mark = self.mark();
        let waits = {
            let outbox = self.outbox();
            let (calls, orders) = (outbox.waiting(Rank::ServiceCall), outbox.waiting(Rank::Order));
            self.status.send_modify(|status| {
                status.backlog = outbox.backlog() as u64;
                status.outbox.bytes = outbox.backlog_bytes();
                status.outbox.service_call_waits = calls > 0;
                status.outbox.order_waits = orders > 0;
                status.outbox.given_up = outbox.given_up();
                status.outbox.trouble = None;
                status.acknowledged = mark;
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
