//! Settings as the outbox keeps them.

use platen_protocol::settings::SettingKey;

use super::{Chosen, Settings};
use crate::outbox::StoredSetting;

impl Settings {
    /// As they were stored. One that this version does not know stays stored and is not applied.
    pub fn from_rows(rows: &[StoredSetting]) -> Self {
        let mut settings = Vec::new();
        for StoredSetting { name, value, origin } in rows {
            match (name.parse(), serde_json::from_str(origin)) {
                (Ok(key), Ok(origin)) => settings.push((key, Chosen { value: *value, origin })),
                (Err(cause), _) => tracing::warn!("a stored setting is not applied: {cause}"),
                (_, Err(cause)) => tracing::warn!("the stored setting {name} is not applied: {cause}"),
            }
        }
        Self::from_stored(settings)
    }

    /// To be stored.
    ///
    /// # Errors
    /// When who set one has no text in JSON.
    pub fn rows(&self) -> serde_json::Result<Vec<StoredSetting>> {
        let row = |(key, chosen): (&SettingKey, &Chosen)| -> serde_json::Result<StoredSetting> {
            let origin = serde_json::to_string(&chosen.origin)?;
            Ok(StoredSetting { name: key.to_string(), value: chosen.value, origin })
        };
        self.iter().map(row).collect()
    }
}
