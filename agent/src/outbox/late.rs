//! The list of what was asked for of late, beside the reports that carry it: those leave the file when
//! the manager has them, and the person still wants to see that it does.
//!
//! How an entry stands reaches the file with the next report or at a clean stop, like acknowledgements
//! do; until then it follows from the watermark.

use std::collections::VecDeque;

use jiff::Timestamp;
use rusqlite::Transaction;

use super::{OutboxError, from_db, to_db};
use crate::asked::{Asked, Fate};

/// So many are remembered; the oldest goes first. Whether it is remembered has no effect on its report.
pub const MAX_ASKED: usize = 20;

#[derive(Debug, Clone)]
struct Late {
    /// The report's, in the present epoch; 0 when it has left it.
    sequence: u64,
    asked: Asked,
    /// Whether the file says otherwise.
    changed: bool,
}

/// What was asked for of late, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct LateList(VecDeque<Late>);

impl LateList {
    /// From the file; what the watermark covers has been acknowledged, at the last time that is known.
    pub(super) fn load(
        db: &rusqlite::Connection,
        acknowledged: u64,
        known_time: Option<Timestamp>,
    ) -> Result<Self, OutboxError> {
        let mut list = Self::default();
        let mut query = db.prepare("SELECT sequence, asked FROM asked ORDER BY number")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let asked = serde_json::from_str(&row.get::<_, String>(1)?)?;
            list.0.push_back(Late { sequence: from_db(row.get(0)?), asked, changed: false });
        }
        if let Some(at) = known_time {
            list.acknowledge(acknowledged, at);
        }
        Ok(list)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Asked> {
        self.0.iter().map(|late| &late.asked)
    }

    pub(super) fn insert(
        &mut self,
        change: &Transaction<'_>,
        sequence: u64,
        asked: Asked,
    ) -> Result<(), OutboxError> {
        change
            .prepare_cached("INSERT INTO asked (sequence, asked) VALUES (?1, ?2)")?
            .execute((to_db(sequence), serde_json::to_string(&asked)?))?;
        change.execute(
            "DELETE FROM asked WHERE number NOT IN (SELECT number FROM asked ORDER BY number DESC LIMIT ?1)",
            [to_db(MAX_ASKED as u64)],
        )?;
        self.0.push_back(Late { sequence, asked, changed: false });
        if self.0.len() > MAX_ASKED {
            self.0.pop_front();
        }
        Ok(())
    }

    /// The manager has everything up to and with a sequence.
    pub(super) fn acknowledge(&mut self, sequence: u64, at: Timestamp) {
        self.settle(|late| late <= sequence, &Fate::Acknowledged { at });
    }

    /// The manager will not take a report.
    pub(super) fn not_taken(&mut self, sequence: u64) {
        self.settle(|late| late == sequence, &Fate::NotTaken);
    }

    fn settle(&mut self, which: impl Fn(u64) -> bool, fate: &Fate) {
        for late in self.0.iter_mut().filter(|late| late.asked.fate == Fate::Waiting && which(late.sequence))
        {
            late.asked.fate = fate.clone();
            late.changed = true;
        }
    }

    /// Brings the file up to what is known; [`Self::written`] is due once that is committed.
    pub(super) fn write(&self, change: &Transaction<'_>) -> Result<(), OutboxError> {
        for late in self.0.iter().filter(|late| late.changed) {
            change
                .prepare_cached("UPDATE asked SET asked = ?1 WHERE sequence = ?2")?
                .execute((serde_json::to_string(&late.asked)?, to_db(late.sequence)))?;
        }
        Ok(())
    }

    pub(super) fn written(&mut self) {
        self.0.iter_mut().for_each(|late| late.changed = false);
    }

    /// Gives the entries the sequences of a new epoch; what has none there has left it.
    pub(super) fn renumber(
        &mut self,
        change: &Transaction<'_>,
        new: impl Fn(u64) -> Option<u64>,
    ) -> Result<(), OutboxError> {
        change.execute("DELETE FROM asked", [])?;
        for late in &mut self.0 {
            late.sequence = new(late.sequence).unwrap_or(0);
            change
                .prepare_cached("INSERT INTO asked (sequence, asked) VALUES (?1, ?2)")?
                .execute((to_db(late.sequence), serde_json::to_string(&late.asked)?))?;
        }
        Ok(())
    }
}
