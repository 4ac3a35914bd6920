//! Puts reports in, in one transaction with what they change; takes acknowledgements.

use std::collections::BTreeMap;

use jiff::Timestamp;
use platen_protocol::device_to_manager::{LostReason, Outcome, Report, ReportBody};
use platen_protocol::identity::Epoch;
use platen_protocol::stamp::Stamp;
use rusqlite::Transaction;

use super::evict::{Held, Rank, give_up};
use super::own::tells_of_alerts;
use super::state::State;
use super::{Outbox, OutboxError, journal, memory, pour, to_db};
use crate::judge::{Alerts, Past};
use crate::request::Asked;
use crate::settings::Settings;

/// The largest report that is kept, as JSON: a batch must have room for it.
pub const MAX_REPORT_BYTES: usize = 64 * 1024;
/// So many service calls and orders may wait. They are never given up, so they need a limit of their own.
pub const MAX_WAITING_ASKED: usize = 100;
/// What was learnt is written at the latest after so long, in milliseconds of the monotonic clock, with the next
/// report; with a change of the alerts at once; and at a clean stop. After a power cut it is learnt again.
const PAST_EVERY_MS: u64 = 6 * 60 * 60 * 1000;
/// Acknowledged reports leave the file with the next report, and at once beyond so many.
const PURGE_AT: u64 = 500;

/// A report that has no sequence yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReport {
    /// When what it tells was read or happened.
    pub taken: Stamp,
    /// Whether a simulated board is behind it.
    pub simulated: bool,
    /// What it tells.
    pub body: ReportBody,
}

/// What changes together.
#[derive(Debug, Default)]
pub struct Entry<'a> {
    /// In the order in which they are to be told.
    pub reports: Vec<NewReport>,
    /// What stands now, if that changed.
    pub alerts: Option<&'a Alerts>,
    /// What the judge has learnt, when it is time to write it down.
    pub past: Option<&'a Past>,
    /// What the manager has set now, if that changed.
    pub settings: Option<&'a Settings>,
    /// The command that ended; its outcome is told after the reports.
    pub finished: Option<Finished<'a>>,
    /// When, and whether a simulated board is behind it, for what the outbox itself has to tell where nothing
    /// else is told.
    pub now: Option<(&'a Stamp, bool)>,
}

impl Entry<'_> {
    /// The stamp of the first thing that is told, and whether a simulated board is behind it.
    pub(super) fn moment(&self) -> Option<(&Stamp, bool)> {
        let first = self.reports.first().map(|report| (&report.taken, report.simulated));
        let end = self.finished.map(|finished| (finished.taken, finished.simulated));
        first.or(end).or(self.now)
    }
}

/// The end of a command.
#[derive(Debug, Clone, Copy)]
pub struct Finished<'a> {
    /// How it ended.
    pub outcome: &'a Outcome,
    /// When.
    pub taken: &'a Stamp,
    /// Whether a simulated board is behind it.
    pub simulated: bool,
}

/// What an acknowledgement meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledgement {
    /// It was taken, or told nothing new.
    Taken,
    /// It is of another epoch, and means nothing here.
    OtherEpoch,
    /// The manager has more of this epoch than this file ever gave: the file is an old copy.
    Ahead,
}

impl Outbox {
    /// Keeps what changed, in one transaction; returns the place of the last report, if there are any, to
    /// be compared with [`Self::mark`]. What was acknowledged leaves the file on the way, and what is too
    /// much is given up.
    pub fn keep(&mut self, entry: &Entry<'_>) -> Result<Option<u64>, OutboxError> {
        self.refuse_too_much_asked(&entry.reports)?;
        let kept = self.durably(|outbox| outbox.put(entry))?;
        self.remembered.take(entry);
        Ok(kept)
    }

    fn put(&mut self, entry: &Entry<'_>) -> Result<Option<u64>, OutboxError> {
        let mut state = self.state.clone();
        let (limits, takes_room) = (self.limits(), self.takes_room(&state));
        let own = self.own_reports(&mut state, entry);
        let past_is_due = self.past_is_due(entry);
        let change = self.db.transaction()?;
        // First, so that what comes takes the place of what goes, in the same page.
        state.forget(&change)?;
        for report in own.iter().chain(&entry.reports) {
            state.insert(&change, report)?;
        }
        if let Some(Finished { outcome, taken, simulated }) = entry.finished {
            let body = ReportBody::Outcome(outcome.clone());
            let place = state.insert(&change, &NewReport { taken: taken.clone(), simulated, body })?;
            journal::finish(&change, outcome, place)?;
        }
        let room: BTreeMap<u64, Held> = state
            .held
            .iter()
            .filter(|(_, held)| takes_room(held))
            .map(|(place, held)| (*place, *held))
            .collect();
        let gone = give_up(&room, &limits);
        for place in &gone {
            state.lose(&change, *place, LostReason::OutboxFull)?;
        }
        memory::write(
            &change,
            &Entry {
                alerts: entry.alerts,
                past: entry.past.filter(|_| past_is_due),
                settings: entry.settings,
                ..Entry::default()
            },
        )?;
        state.late.write(&change)?;
        state.write(&change)?;
        change.commit()?;
        if entry.past.is_some() && past_is_due {
            self.past_written = first_stamp(entry).cloned();
        }
        let kept = (state.next_place > self.state.next_place).then_some(state.next_place - 1);
        self.settled(state);
        if let (Some(first), Some(last)) = (gone.first(), gone.last()) {
            self.given_up += gone.len() as u64;
            tracing::warn!(reports = gone.len(), first, last, "the outbox is full: reports were given up");
        }
        Ok(kept)
    }

    /// Whether what was learnt is written with this: it changes with almost every sample, and is large.
    fn past_is_due(&self, entry: &Entry<'_>) -> bool {
        let (Some(written), Some(now)) = (&self.past_written, first_stamp(entry)) else { return true };
        let since = now.monotonic_ms.saturating_sub(written.monotonic_ms);
        entry.alerts.is_some() || now.boot_id != written.boot_id || since >= PAST_EVERY_MS
    }

    fn refuse_too_much_asked(&self, reports: &[NewReport]) -> Result<(), OutboxError> {
        let new = reports.iter().filter(|report| Rank::of(&report.body).is_asked()).count();
        let waiting = self.state.held.values().filter(|held| held.rank.is_asked()).count();
        if new > 0 && waiting + new > MAX_WAITING_ASKED {
            return Err(OutboxError::TooManyAsked);
        }
        Ok(())
    }

    /// A change is in the file: it counts.
    pub(super) fn settled(&mut self, mut state: State) {
        state.late.written();
        self.state = state;
    }

    /// Takes the manager's word on what it holds. The watermark never goes back.
    pub fn acknowledge(
        &mut self,
        epoch: &Epoch,
        sequence: u64,
        manager_time: Timestamp,
    ) -> Result<Acknowledgement, OutboxError> {
        let purge_now = match self.state.acknowledge(epoch, sequence, manager_time) {
            Ok(passed) => passed > 0,
            Err(meant) => return Ok(meant),
        };
        if purge_now {
            self.settle(None)?;
        }
        Ok(Acknowledgement::Taken)
    }

    /// Brings the file up to date with what was acknowledged, and with what the judge has learnt: at a
    /// clean stop.
    pub fn settle(&mut self, past: Option<&Past>) -> Result<(), OutboxError> {
        self.durably(|outbox| outbox.bring_up_to_date(past))
    }

    fn bring_up_to_date(&mut self, past: Option<&Past>) -> Result<(), OutboxError> {
        let mut state = self.state.clone();
        let change = self.db.transaction()?;
        memory::write(&change, &Entry { past, ..Entry::default() })?;
        state.purge(&change)?;
        change.commit()?;
        self.settled(state);
        Ok(())
    }

    /// Gives up one report of the epoch that is being sent, which the manager will never take. It is told
    /// of as lost.
    pub fn discard(&mut self, sequence: u64) -> Result<(), OutboxError> {
        let Some(place) = self.state.place(self.state.front().number, sequence) else { return Ok(()) };
        self.durably(|outbox| outbox.lose(place, LostReason::Refused))
    }

    /// Gives up one report.
    pub(super) fn lose(&mut self, place: u64, reason: LostReason) -> Result<(), OutboxError> {
        let mut state = self.state.clone();
        let change = self.db.transaction()?;
        state.lose(&change, place, reason)?;
        state.late.write(&change)?;
        change.commit()?;
        self.settled(state);
        self.given_up += 1;
        Ok(())
    }
}

fn first_stamp<'e>(entry: &'e Entry<'_>) -> Option<&'e Stamp> {
    entry.moment().map(|(taken, _)| taken)
}

impl State {
    /// Puts a report at the end; its place.
    fn insert(&mut self, change: &Transaction<'_>, report: &NewReport) -> Result<u64, OutboxError> {
        let (place, sequence) = (self.next_place, self.open.next);
        let rank = Rank::of(&report.body);
        let body = serde_json::to_string(&Report {
            sequence,
            taken: report.taken.clone(),
            simulated: report.simulated,
            body: report.body.clone(),
        })?;
        if body.len() > MAX_REPORT_BYTES {
            return Err(OutboxError::TooLarge { bytes: body.len() });
        }
        let (chapter, kind, bytes) = (self.open.number, report.body.kind(), body.len() as u64);
        self.held.insert(place, Held { chapter, sequence, rank, kind, bytes });
        pour::put_report(change, self, place, &body)?;
        if let Some(asked) = Asked::of(&report.taken, &report.body) {
            self.late.insert(change, place, asked)?;
        }
        self.next_place += 1;
        self.open.next += 1;
        Ok(place)
    }

    /// Takes an acknowledgement; how many times [`PURGE_AT`] the mark has passed by it, or what else it
    /// meant.
    fn acknowledge(
        &mut self,
        epoch: &Epoch,
        sequence: u64,
        manager_time: Timestamp,
    ) -> Result<u64, Acknowledgement> {
        let chapter = self.sealed.iter_mut().chain([&mut self.open]).find(|chapter| chapter.epoch == *epoch);
        let Some(chapter) = chapter else { return Err(Acknowledgement::OtherEpoch) };
        if sequence >= chapter.next {
            return Err(Acknowledgement::Ahead);
        }
        self.known_time = self.known_time.max(Some(manager_time));
        if sequence <= chapter.acknowledged {
            return Ok(0);
        }
        chapter.acknowledged = sequence;
        let lost = chapter.losses.acknowledge(sequence);
        self.own.alerts_in_doubt |= lost.iter().any(tells_of_alerts);
        let number = chapter.number;
        let before = self.acknowledged;
        let told = |held: &Held| held.chapter == number && held.sequence <= sequence;
        if let Some((last, _)) = self.held.iter().rfind(|(_, held)| told(held)) {
            self.acknowledged = before.max(*last);
        }
        self.held.retain(|_, held| !told(held));
        self.late.acknowledge(self.acknowledged, manager_time);
        self.sealed.retain(|chapter| !chapter.is_done());
        Ok(self.acknowledged / PURGE_AT - before / PURGE_AT)
    }

    /// Takes what is acknowledged out of the file, and brings its one row up to this.
    fn purge(&mut self, change: &Transaction<'_>) -> Result<(), OutboxError> {
        self.late.write(change)?;
        self.forget(change)?;
        self.write(change)
    }

    /// Takes what is acknowledged out of the file.
    fn forget(&self, change: &Transaction<'_>) -> Result<(), OutboxError> {
        change.prepare_cached("DELETE FROM report WHERE place <= ?1")?.execute([to_db(self.acknowledged)])?;
        let mut delete =
            change.prepare_cached("DELETE FROM lost WHERE chapter < ?1 OR (chapter = ?1 AND last <= ?2)")?;
        let front = self.front();
        delete.execute([to_db(front.number), to_db(front.acknowledged)])?;
        Ok(())
    }
}
