//! What the agent is to remember beside its reports: the alerts that stand, what the judge has learnt, and
//! what the manager set.

use platen_protocol::identity::Epoch;
use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::{Entry, OutboxError};
use crate::judge::{Alerts, Past};
use crate::settings::{Chosen, Settings};

/// What was remembered over a restart.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// The alerts that stand.
    pub alerts: Alerts,
    /// What the judge has learnt.
    pub past: Past,
    /// What the manager set.
    pub settings: Settings,
}

impl Remembered {
    /// Takes over what of it changed.
    pub(super) fn take(&mut self, entry: &Entry<'_>) {
        if let Some(alerts) = entry.alerts {
            self.alerts.clone_from(alerts);
        }
        if let Some(past) = entry.past {
            self.past.clone_from(past);
        }
        if let Some(settings) = entry.settings {
            self.settings.clone_from(settings);
        }
    }
}

pub(super) fn load(db: &Connection, epoch: &Epoch) -> Result<Remembered, OutboxError> {
    let alerts: Option<String> = db.query_row("SELECT state FROM alerts", [], |row| row.get(0)).optional()?;
    let alerts = match alerts {
        Some(text) => serde_json::from_str(&text)?,
        None => Alerts::new(epoch.as_str()),
    };
    Ok(Remembered { alerts, past: past(db)?, settings: settings(db)? })
}

/// What the judge learnt only makes it judge better: if it cannot be read, it is set aside, and the judge
/// learns anew.
fn past(db: &Connection) -> Result<Past, OutboxError> {
    let text: Option<String> =
        db.query_row("SELECT state FROM past WHERE name = 'present'", [], |row| row.get(0)).optional()?;
    let Some(text) = text else { return Ok(Past::default()) };
    serde_json::from_str(&text).or_else(|cause| {
        tracing::warn!(
            "what was learnt about this printer cannot be read ({cause}): it is set aside, and learnt anew"
        );
        db.execute("INSERT OR REPLACE INTO past (name, state) VALUES ('unreadable', ?1)", [text])?;
        db.execute("DELETE FROM past WHERE name = 'present'", [])?;
        Ok(Past::default())
    })
}

/// A setting that this version does not know is left in the file and not applied.
fn settings(db: &Connection) -> Result<Settings, OutboxError> {
    let mut query = db.prepare("SELECT name, value, origin FROM setting")?;
    let mut rows = query.query([])?;
    let mut stored = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, value, origin): (String, u32, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        match (name.parse(), serde_json::from_str(&origin)) {
            (Ok(key), Ok(origin)) => stored.push((key, Chosen { value, origin })),
            (Err(cause), _) => tracing::warn!("a stored setting is not applied: {cause}"),
            (_, Err(cause)) => tracing::warn!("the stored setting {name} is not applied: {cause}"),
        }
    }
    Ok(Settings::from_stored(stored))
}

/// Writes what of it changed.
pub(super) fn write(change: &Transaction<'_>, entry: &Entry<'_>) -> Result<(), OutboxError> {
    if let Some(alerts) = entry.alerts {
        change.execute(
            "INSERT INTO alerts (only_one, state) VALUES (1, ?1)
             ON CONFLICT (only_one) DO UPDATE SET state = excluded.state",
            [serde_json::to_string(alerts)?],
        )?;
    }
    if let Some(past) = entry.past {
        change.execute(
            "INSERT OR REPLACE INTO past (name, state) VALUES ('present', ?1)",
            [serde_json::to_string(past)?],
        )?;
    }
    if let Some(settings) = entry.settings {
        change.execute("DELETE FROM setting", [])?;
        let mut insert =
            change.prepare_cached("INSERT INTO setting (name, value, origin) VALUES (?1, ?2, ?3)")?;
        for (key, Chosen { value, origin }) in settings.iter() {
            insert.execute((key.to_string(), value, serde_json::to_string(origin)?))?;
        }
    }
    Ok(())
}
