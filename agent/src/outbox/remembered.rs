//! What is kept beside the reports for others: the alerts that stand, what the judge has learnt, and what the
//! manager set. Here it is text; only its owners know what it means ([`Readers`]).

use std::fmt;

use platen_protocol::alert::Alert;
use rusqlite::{Connection, OptionalExtension as _, Transaction};
use serde::Serialize;

use super::error::OutboxError;

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
        "what was learnt about this printer cannot be read ({cause}): it is set aside, and learnt anew"
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
