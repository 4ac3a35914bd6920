//! Puts reports in, in one transaction with what they change; takes acknowledgements.

use jiff::Timestamp;
use platen_protocol::device_to_manager::{Outcome, Report, ReportBody};
use platen_protocol::identity::Epoch;
use platen_protocol::stamp::Stamp;
use rusqlite::Transaction;

use super::evict::{Held, Rank, give_up};
use super::late::LateList;
use super::{Outbox, OutboxError, journal, memory, to_db};
use crate::asked::Asked;
use crate::judge::{Alerts, Past};
use crate::settings::Settings;

/// The largest report that is kept, as JSON: a batch must have room for it.
pub const MAX_REPORT_BYTES: usize = 64 * 1024;
/// So many service calls and orders may wait. They are never given up, so they need a limit of their own.
pub const MAX_WAITING_ASKED: usize = 100;
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
    /// Keeps what changed, in one transaction; returns the sequence of the last report, if there are
    /// any. What was acknowledged leaves the file on the way, and what is too much is given up.
    pub fn keep(&mut self, entry: &Entry<'_>) -> Result<Option<u64>, OutboxError> {
        self.refuse_too_much_asked(&entry.reports)?;
        let mut held = self.held.clone();
        let mut late = self.late.clone();
        let mut next = self.next;
        let change = self.db.transaction()?;
        for report in &entry.reports {
            let (bytes, rank) = insert(&change, next, report)?;
            held.insert(next, Held { rank, bytes });
            if let Some(asked) = Asked::of(&report.taken, &report.body) {
                late.insert(&change, next, asked)?;
            }
            next += 1;
        }
        if let Some(Finished { outcome, taken, simulated }) = entry.finished {
            let body = ReportBody::Outcome(outcome.clone());
            let (bytes, rank) = insert(&change, next, &NewReport { taken: taken.clone(), simulated, body })?;
            held.insert(next, Held { rank, bytes });
            journal::finish(&change, outcome, next)?;
            next += 1;
        }
        let gone = give_up(&held, &self.limits);
        for sequence in &gone {
            held.remove(sequence);
            change.execute("DELETE FROM report WHERE sequence = ?1", [to_db(*sequence)])?;
        }
        memory::write(&change, entry)?;
        purge(&change, next, self.acknowledged, self.known_time, &late)?;
        change.commit()?;
        late.written();
        self.note_given_up(&gone);
        (self.held, self.late) = (held, late);
        let last = next - 1;
        let kept = (next > self.next).then_some(last);
        self.next = next;
        Ok(kept)
    }

    fn refuse_too_much_asked(&self, reports: &[NewReport]) -> Result<(), OutboxError> {
        let new = reports.iter().filter(|report| Rank::of(&report.body).is_asked()).count();
        let waiting = self.held.values().filter(|held| held.rank.is_asked()).count();
        if new > 0 && waiting + new > MAX_WAITING_ASKED {
            return Err(OutboxError::TooManyAsked);
        }
        Ok(())
    }

    fn note_given_up(&mut self, gone: &[u64]) {
        if let (Some(first), Some(last)) = (gone.first(), gone.last()) {
            self.given_up += gone.len() as u64;
            tracing::warn!(reports = gone.len(), first, last, "the outbox is full: reports were given up");
        }
    }

    /// Takes the manager's word on what it holds. The watermark never goes back.
    pub fn acknowledge(
        &mut self,
        epoch: &Epoch,
        sequence: u64,
        manager_time: Timestamp,
    ) -> Result<Acknowledgement, OutboxError> {
        if *epoch != self.epoch {
            return Ok(Acknowledgement::OtherEpoch);
        }
        if sequence >= self.next {
            return Ok(Acknowledgement::Ahead);
        }
        self.known_time = self.known_time.max(Some(manager_time));
        if sequence > self.acknowledged {
            let purge_now = sequence / PURGE_AT > self.acknowledged / PURGE_AT;
            self.acknowledged = sequence;
            self.held = self.held.split_off(&(sequence + 1));
            self.late.acknowledge(sequence, manager_time);
            if purge_now {
                self.settle(None)?;
            }
        }
        Ok(Acknowledgement::Taken)
    }

    /// Brings the file up to date with what was acknowledged, and with what the judge has learnt: at a
    /// clean stop.
    pub fn settle(&mut self, past: Option<&Past>) -> Result<(), OutboxError> {
        let change = self.db.transaction()?;
        memory::write(&change, &Entry { past, ..Entry::default() })?;
        purge(&change, self.next, self.acknowledged, self.known_time, &self.late)?;
        change.commit()?;
        self.late.written();
        Ok(())
    }

    /// Drops one report that the manager will never take.
    pub fn discard(&mut self, sequence: u64) -> Result<(), OutboxError> {
        let mut late = self.late.clone();
        late.not_taken(sequence);
        let change = self.db.transaction()?;
        change.execute("DELETE FROM report WHERE sequence = ?1", [to_db(sequence)])?;
        late.write(&change)?;
        change.commit()?;
        late.written();
        self.late = late;
        self.held.remove(&sequence);
        self.given_up += 1;
        Ok(())
    }
}

fn insert(change: &Transaction<'_>, sequence: u64, report: &NewReport) -> Result<(u64, Rank), OutboxError> {
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
    change.prepare_cached("INSERT INTO report (sequence, rank, body) VALUES (?1, ?2, ?3)")?.execute((
        to_db(sequence),
        rank as i64,
        &body,
    ))?;
    Ok((body.len() as u64, rank))
}

fn purge(
    change: &Transaction<'_>,
    next: u64,
    acknowledged: u64,
    known_time: Option<Timestamp>,
    late: &LateList,
) -> Result<(), OutboxError> {
    late.write(change)?;
    change.prepare_cached("DELETE FROM report WHERE sequence <= ?1")?.execute([to_db(acknowledged)])?;
    change
        .prepare_cached("UPDATE meta SET next_sequence = ?1, acknowledged = ?2, known_time = ?3")?
        .execute((to_db(next), to_db(acknowledged), known_time.map(Timestamp::as_second)))?;
    Ok(())
}
