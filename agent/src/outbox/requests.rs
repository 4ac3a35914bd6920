//! The list of what was asked for of late, beside the reports that carry it: those leave the file when
//! the manager has them, and the person still wants to see that it does.
//!
//! How an entry stands reaches the file with the next report or at a clean stop, like acknowledgements
//! do; until then it follows from the watermark.

use std::collections::VecDeque;

use jiff::Timestamp;
use rusqlite::Transaction;

use super::{OutboxError, from_db, to_db};
use crate::request::{Asked, Fate};

/// So many are remembered; the oldest goes first. Whether it is remembered has no effect on its report.
pub const MAX_ASKED: usize = 20;

#[derive(Debug, Clone)]
struct Listed {
    /// The report's.
    place: u64,
    asked: Asked,
    /// Whether the file says otherwise.
    changed: bool,
}

/// What was asked for of late, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct RequestList(VecDeque<Listed>);

impl RequestList {
    /// From the file; what the watermark covers has been acknowledged, at the last time that is known.
    pub(super) fn load(
        db: &rusqlite::Connection,
        acknowledged: u64,
        known_time: Option<Timestamp>,
    ) -> Result<Self, OutboxError> {
        let mut list = Self::default();
        let mut query = db.prepare("SELECT place, asked FROM asked ORDER BY number")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let asked = serde_json::from_str(&row.get::<_, String>(1)?)?;
            list.0.push_back(Listed { place: from_db(row.get(0)?), asked, changed: false });
        }
        if let Some(at) = known_time {
            list.acknowledge(acknowledged, at);
        }
        Ok(list)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Asked> {
        self.0.iter().map(|listed| &listed.asked)
    }

    pub(super) fn insert(
        &mut self,
        change: &Transaction<'_>,
        place: u64,
        asked: Asked,
    ) -> Result<(), OutboxError> {
        change
            .prepare_cached("INSERT INTO asked (place, asked) VALUES (?1, ?2)")?
            .execute((to_db(place), serde_json::to_string(&asked)?))?;
        change.execute(
            "DELETE FROM asked WHERE number NOT IN (SELECT number FROM asked ORDER BY number DESC LIMIT ?1)",
            [to_db(MAX_ASKED as u64)],
        )?;
        self.0.push_back(Listed { place, asked, changed: false });
        if self.0.len() > MAX_ASKED {
            self.0.pop_front();
        }
        Ok(())
    }

    /// The manager has everything up to and with a place.
    pub(super) fn acknowledge(&mut self, place: u64, at: Timestamp) {
        self.settle(|listed| listed <= place, &Fate::Acknowledged { at });
    }

    /// The manager will not take a report.
    pub(super) fn not_taken(&mut self, place: u64) {
        self.settle(|listed| listed == place, &Fate::NotTaken);
    }

    fn settle(&mut self, which: impl Fn(u64) -> bool, fate: &Fate) {
        for listed in
            self.0.iter_mut().filter(|listed| listed.asked.fate == Fate::Waiting && which(listed.place))
        {
            listed.asked.fate = fate.clone();
            listed.changed = true;
        }
    }

    /// Brings the file up to what is known; [`Self::written`] is due once that is committed.
    pub(super) fn write(&self, change: &Transaction<'_>) -> Result<(), OutboxError> {
        for listed in self.0.iter().filter(|listed| listed.changed) {
            change
                .prepare_cached("UPDATE asked SET asked = ?1 WHERE place = ?2")?
                .execute((serde_json::to_string(&listed.asked)?, to_db(listed.place)))?;
        }
        Ok(())
    }

    pub(super) fn written(&mut self) {
        self.0.iter_mut().for_each(|listed| listed.changed = false);
    }

    /// Writes all of it in the place of what is there.
    pub(super) fn write_all(&self, change: &Transaction<'_>) -> Result<(), OutboxError> {
        change.execute("DELETE FROM asked", [])?;
        let mut insert = change.prepare_cached("INSERT INTO asked (place, asked) VALUES (?1, ?2)")?;
        for listed in &self.0 {
            insert.execute((to_db(listed.place), serde_json::to_string(&listed.asked)?))?;
        }
        Ok(())
    }

    /// All places rise by so much.
    pub(super) fn shift(&mut self, places: u64) {
        self.0.iter_mut().for_each(|listed| listed.place += places);
    }

    /// What was asked for before this.
    pub(super) fn put_before(&mut self, earlier: Self) {
        let mut all = earlier.0;
        all.append(&mut self.0);
        while all.len() > MAX_ASKED {
            all.pop_front();
        }
        self.0 = all;
    }
}
