//! What is kept beside the reports: for others the alerts that stand, what the judge has learnt and what the manager
//! set, and the list of recent requests ([`RequestList`]).
//!
//! What is kept for others is text here; only its owners know what it means ([`Readers`]).
//!
//! Requests are listed beside the reports that carry them: those leave the file when the manager has them, and the
//! person still wants to see that it does. How a request stands reaches the file with the next report or at a clean
//! stop, like acknowledgements do; until then it follows from the watermark.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use platen_protocol::alert::Alert;
use platen_protocol::identity::ServiceCallId;
use platen_protocol::manager_to_device::OpenRequests;
use platen_protocol::stamp::Stamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction};
use serde::Serialize;

use super::{OutboxError, from_db, to_db};
use crate::request::{Asked, Fate, Wish};

/// What is kept as text. It is turned into that only when it is written.
pub trait Blob: fmt::Debug {
    /// In JSON.
    ///
    /// # Errors
    /// When it has no text in JSON.
    fn text(&self) -> serde_json::Result<String>;
}

impl<T: Serialize + fmt::Debug> Blob for T {
    fn text(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// How the owners read what is kept for them.
#[derive(Debug, Clone, Copy)]
pub struct Readers {
    /// The alerts that stand by such a text, oldest first.
    pub alerts: fn(&str) -> serde_json::Result<Vec<Alert>>,
    /// Refuses a text of what was learnt that cannot be read.
    pub past: fn(&str) -> serde_json::Result<()>,
}

/// One value that the manager set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSetting {
    /// Its name on the wire.
    pub name: String,
    /// In the unit that the name ends with.
    pub value: u32,
    /// Who set it, as text.
    pub origin: String,
}

/// All of it, as it was written last.
#[derive(Debug, Clone, Default)]
pub struct Blobs {
    /// The alerts that stand; `None` before any were kept.
    pub alerts: Option<String>,
    /// What the judge has learnt; `None` before that was kept.
    pub past: Option<String>,
    /// What the manager set.
    pub settings: Vec<StoredSetting>,
}

impl Blobs {
    /// The alerts that stand, oldest first.
    pub(super) fn standing(&self, readers: Readers) -> Result<Vec<Alert>, OutboxError> {
        self.alerts.as_deref().map_or(Ok(Vec::new()), |text| Ok((readers.alerts)(text)?))
    }

    /// Takes over what of it changed.
    pub(super) fn take(&mut self, changed: Changed) {
        let Changed { alerts, past, settings } = changed;
        self.alerts = alerts.or(self.alerts.take());
        self.past = past.or(self.past.take());
        if let Some(settings) = settings {
            self.settings = settings;
        }
    }

    /// As if all of it had changed.
    pub(super) fn all(&self) -> Changed {
        let Self { alerts, past, settings } = self.clone();
        Changed { alerts, past, settings: Some(settings) }
    }
}

/// What of it changes.
#[derive(Debug, Default)]
pub(super) struct Changed {
    pub(super) alerts: Option<String>,
    pub(super) past: Option<String>,
    pub(super) settings: Option<Vec<StoredSetting>>,
}

/// What the file holds. Alerts that cannot be read are damage; what the judge learnt only makes it judge better:
/// if that cannot be read, it is set aside, and the judge learns anew.
pub(super) fn load(db: &Connection, readers: Readers) -> Result<Blobs, OutboxError> {
    let alerts: Option<String> = db.query_row("SELECT state FROM alerts", [], |row| row.get(0)).optional()?;
    if let Some(text) = &alerts {
        (readers.alerts)(text)?;
    }
    Ok(Blobs { alerts, past: past(db, readers)?, settings: settings(db)? })
}

fn past(db: &Connection, readers: Readers) -> Result<Option<String>, OutboxError> {
    let text: Option<String> =
        db.query_row("SELECT state FROM past WHERE name = 'present'", [], |row| row.get(0)).optional()?;
    let Some(text) = text else { return Ok(None) };
    let Err(cause) = (readers.past)(&text) else { return Ok(Some(text)) };
    tracing::warn!(
        "what was learnt about this printer cannot be read ({cause}): it is set aside, and learning starts again"
    );
    db.execute("INSERT OR REPLACE INTO past (name, state) VALUES ('unreadable', ?1)", [text])?;
    db.execute("DELETE FROM past WHERE name = 'present'", [])?;
    Ok(None)
}

fn settings(db: &Connection) -> Result<Vec<StoredSetting>, OutboxError> {
    let mut query = db.prepare("SELECT name, value, origin FROM setting")?;
    let rows = query.query_map([], |row| {
        Ok(StoredSetting { name: row.get(0)?, value: row.get(1)?, origin: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes what of it changed.
pub(super) fn write(change: &Transaction<'_>, changed: &Changed) -> Result<(), OutboxError> {
    if let Some(alerts) = &changed.alerts {
        change.execute(
            "INSERT INTO alerts (only_one, state) VALUES (1, ?1)
             ON CONFLICT (only_one) DO UPDATE SET state = excluded.state",
            [alerts],
        )?;
    }
    if let Some(past) = &changed.past {
        change.execute("INSERT OR REPLACE INTO past (name, state) VALUES ('present', ?1)", [past])?;
    }
    if let Some(settings) = &changed.settings {
        change.execute("DELETE FROM setting", [])?;
        let mut insert =
            change.prepare_cached("INSERT INTO setting (name, value, origin) VALUES (?1, ?2, ?3)")?;
        for StoredSetting { name, value, origin } in settings {
            insert.execute((name, value, origin))?;
        }
    }
    Ok(())
}

/// So many are remembered, and beyond that only what is open. Whether it is remembered has no effect on its report.
pub const MAX_ASKED: usize = 20;
/// So many are remembered in all; the oldest goes first.
pub const MAX_ASKED_OPEN: usize = 100;

#[derive(Debug, Clone)]
struct Listed {
    /// The report's.
    place: u64,
    asked: Asked,
    /// Whether the file says otherwise.
    changed: bool,
    /// How often it was asked for, as far as a report says so.
    told: u32,
    /// When it was repeated last, since this boot.
    pressed: Option<Duration>,
}

impl Listed {
    fn new(place: u64, asked: Asked) -> Self {
        Self { place, changed: false, told: asked.presses, pressed: None, asked }
    }
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
            list.0.push_back(Listed::new(from_db(row.get(0)?), asked));
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
        self.0.push_back(Listed::new(place, asked));
        for gone in self.shorten() {
            change.prepare_cached("DELETE FROM asked WHERE place = ?1")?.execute([to_db(gone)])?;
        }
        Ok(())
    }

    /// Forgets what is too much: the oldest that nobody has to see to any more, and beyond the limit of all the
    /// oldest. Returns the places.
    fn shorten(&mut self) -> Vec<u64> {
        let mut gone = Vec::new();
        while self.0.len() > MAX_ASKED {
            let closed = self.0.iter().position(|listed| !listed.asked.is_open());
            let Some(at) = closed.or((self.0.len() > MAX_ASKED_OPEN).then_some(0)) else { break };
            gone.extend(self.0.remove(at).map(|listed| listed.place));
        }
        gone
    }

    /// What the manager says is open, as of the place up to which it had everything when it was asked; nothing where
    /// a first version of the manager does not say. Whether that is news.
    pub(super) fn told_open(&mut self, place: u64, open: Option<&OpenRequests>) -> bool {
        let mut news = false;
        for listed in &mut self.0 {
            if !matches!(listed.asked.fate, Fate::Acknowledged { .. }) {
                continue;
            }
            let named = open.is_some_and(|open| listed.asked.is_among(open));
            if let Some(open) = open.filter(|_| named) {
                let standing = listed.asked.standing_in(open);
                if listed.asked.standing != standing {
                    listed.asked.standing = standing;
                    listed.changed = true;
                    news = true;
                }
            }
            // What came after the manager was asked it may not have had when it answered.
            if (named || listed.place <= place) && listed.asked.closed == named {
                listed.asked.closed = !named;
                listed.changed = true;
                news = true;
            }
        }
        news
    }

    /// The open call of this name was repeated.
    pub(super) fn press_again(&mut self, repeated: &Asked, at: &Stamp) {
        if let Some(listed) = self.0.iter_mut().rev().find(|listed| listed.asked == *repeated) {
            listed.asked.presses = listed.asked.presses.saturating_add(1);
            listed.asked.last_press = Some(at.wall);
            listed.pressed = Some(Duration::from_millis(at.monotonic_ms));
            listed.changed = true;
        }
    }

    /// Calls that were repeated more often than a report says, and when the last time was.
    pub(super) fn untold(&self) -> impl Iterator<Item = (&Asked, Duration)> {
        let untold = self.0.iter().filter(|listed| listed.asked.presses > listed.told);
        untold.filter_map(|listed| Some((&listed.asked, listed.pressed?)))
    }

    /// A report says how often a call has been made.
    pub(super) fn told(&mut self, call: &ServiceCallId, presses: u32) {
        let named =
            |asked: &Asked| matches!(&asked.what, Wish::ServiceCall { id: Some(id), .. } if id == call);
        for listed in self.0.iter_mut().filter(|listed| named(&listed.asked)) {
            listed.told = presses;
        }
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
        self.0 = all;
        self.shorten();
    }
}
