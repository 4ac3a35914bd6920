//! When the last backup is too old. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// When operators are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// After so many hours without a backup; 0 for never, where backups are made by other means.
    pub warn_after_hours: u16,
}

impl Default for Settings {
    fn default() -> Self {
        // A timer that makes one each day may miss a day.
        Self { warn_after_hours: 48 }
    }
}

impl Settings {
    /// After which time operators are told, if they are to be.
    pub fn warn_after(self) -> Option<SignedDuration> {
        (self.warn_after_hours > 0).then(|| SignedDuration::from_hours(i64::from(self.warn_after_hours)))
    }
}

/// The last backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastBackup {
    /// The moment that it holds.
    pub made: Timestamp,
    /// The file.
    pub path: String,
}

/// How old the last backup is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Age {
    /// The last one, if there is any.
    pub last: Option<LastBackup>,
    /// Since when there has been something to back up that no backup holds.
    pub since: Timestamp,
    /// When operators are told.
    pub due: Timestamp,
}

impl Age {
    /// Of the last backup, or of a store that there has been since a moment; `None` where nobody wants to be told.
    pub fn of(last: Option<LastBackup>, store_since: Timestamp, settings: Settings) -> Option<Self> {
        let since = last.as_ref().map_or(store_since, |last| last.made);
        let due = since.checked_add(settings.warn_after()?).unwrap_or(Timestamp::MAX);
        Some(Self { last, since, due })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_without_a_backup_counts_from_its_beginning_and_0_hours_are_never() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let begun = at("2026-11-01T00:00:00Z");
        let settings = Settings::default();
        let none = Age::of(None, begun, settings).unwrap();
        assert_eq!((none.since, none.due), (begun, at("2026-11-03T00:00:00Z")));
        let made = at("2026-11-20T03:00:00Z");
        let last = LastBackup { made, path: "/b.tar".to_owned() };
        let age = Age::of(Some(last), begun, settings).unwrap();
        assert_eq!((age.since, age.due), (made, at("2026-11-22T03:00:00Z")));
        assert_eq!(Age::of(None, begun, Settings { warn_after_hours: 0 }), None);
    }
}
