//! What the agent remembers over a restart beside its reports: the alerts that stand, what the judge has learnt,
//! and what the manager set. The outbox keeps it as text, in one transaction with the reports that told of it.

use std::path::Path;

use platen_protocol::alert::Alert;

use crate::judge::{Alerts, Past};
use crate::outbox::{self, Outbox, OutboxConfig, OutboxError, Readers};
use crate::settings::Settings;

/// What was remembered.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// The alerts that stand.
    pub alerts: Alerts,
    /// What the judge has learnt.
    pub past: Past,
    /// What the manager set.
    pub settings: Settings,
}

const READERS: Readers = Readers { alerts: standing, past: readable };

fn standing(text: &str) -> serde_json::Result<Vec<Alert>> {
    Ok(serde_json::from_str::<Alerts>(text)?.standing().cloned().collect())
}

fn readable(text: &str) -> serde_json::Result<()> {
    serde_json::from_str::<Past>(text).map(drop)
}

/// Opens the outbox in a state directory, with what the agent is to remember.
///
/// # Errors
/// As [`outbox::open`].
pub fn open(directory: &Path, limits: OutboxConfig) -> Result<(Outbox, Remembered), OutboxError> {
    let outbox = outbox::open(directory, limits, READERS)?;
    let kept = outbox.remembered();
    let alerts = match &kept.alerts {
        Some(text) => serde_json::from_str(text)?,
        None => Alerts::new(outbox.epoch().as_str()),
    };
    let past = kept.past.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default();
    let settings = Settings::from_rows(&kept.settings);
    Ok((outbox, Remembered { alerts, past, settings }))
}
