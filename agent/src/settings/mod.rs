//! Thresholds and intervals: what the device's own files say ([`Files`]), what the manager set by command
//! ([`Settings`]), and what applies of the two. The manager's value wins until it is reset.

mod applied;
mod current;
mod files;
mod stored;

use std::collections::BTreeMap;

use jiff::Timestamp;
use platen_protocol::identity::CommandId;
use platen_protocol::limits::MAX_SETTINGS_PER_COMMAND;
use platen_protocol::settings::{OutOfBounds, SettingKey, UnknownSetting};
use serde::{Deserialize, Serialize};

pub use applied::{Applied, SetBy, SettingReport, apply, report};
pub use current::Current;
pub use files::Files;

/// The most settings that are kept: more than the largest board has.
pub const MAX_SETTINGS: usize = 512;

/// Who set something, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The operator, if the manager named one.
    pub operator: Option<String>,
    /// The command that did it.
    pub command: CommandId,
    /// When it was carried out, by this device's clock.
    pub at: Timestamp,
}

/// One value that the manager set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// In the unit that the name ends with.
    pub value: u32,
    /// Who set it, and when.
    pub origin: Origin,
}

/// Everything that the manager set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<SettingKey, Chosen>);

/// Why settings are not changed: none of those that the command named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotSet {
    /// The command names none.
    #[error("the command names no setting, so nothing was changed")]
    Nothing,
    /// It names too many.
    #[error(
        "the command names {0} settings; one command may change {MAX_SETTINGS_PER_COMMAND}: send several"
    )]
    TooMany(usize),
    /// There is no such setting.
    #[error(transparent)]
    Unknown(#[from] UnknownSetting),
    /// A value that it cannot have.
    #[error(transparent)]
    OutOfBounds(#[from] OutOfBounds),
    /// The board has nothing of that name.
    #[error("{key}: this printer's board has no {what} of that name; it has: {known}")]
    NotOnTheBoard {
        /// Which setting.
        key: SettingKey,
        /// `supply` or `part`.
        what: &'static str,
        /// The names that there are.
        known: String,
    },
    /// No room.
    #[error("{MAX_SETTINGS} settings are kept already: reset those that are no longer needed")]
    Full,
}

impl Settings {
    /// As they were stored.
    pub fn from_stored(stored: impl IntoIterator<Item = (SettingKey, Chosen)>) -> Self {
        Self(stored.into_iter().collect())
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&SettingKey, &Chosen)> {
        self.0.iter()
    }

    /// What the manager set, if it set this.
    pub fn get(&self, key: &SettingKey) -> Option<&Chosen> {
        self.0.get(key)
    }

    /// With new values: all of them, or none.
    ///
    /// # Errors
    /// When one of them cannot be.
    pub fn set(
        &self,
        files: &Files,
        wanted: &BTreeMap<String, u32>,
        origin: &Origin,
    ) -> Result<Self, CannotSet> {
        if wanted.is_empty() {
            return Err(CannotSet::Nothing);
        }
        within_one_command(wanted.len())?;
        let mut next = self.clone();
        for (name, value) in wanted {
            let key = check(files, name.parse()?, *value)?;
            next.0.insert(key, Chosen { value: *value, origin: origin.clone() });
        }
        if next.0.len() > MAX_SETTINGS {
            return Err(CannotSet::Full);
        }
        Ok(next)
    }

    /// Without some, or without any if none is named. One that is not set stays so.
    ///
    /// # Errors
    /// When there is no setting of such a name, or too many are named.
    pub fn reset(&self, names: &[String]) -> Result<Self, CannotSet> {
        if names.is_empty() {
            return Ok(Self::default());
        }
        within_one_command(names.len())?;
        let mut next = self.clone();
        for name in names {
            next.0.remove(&name.parse()?);
        }
        Ok(next)
    }
}

fn within_one_command(count: usize) -> Result<(), CannotSet> {
    if count > MAX_SETTINGS_PER_COMMAND { Err(CannotSet::TooMany(count)) } else { Ok(()) }
}

/// The key, if it may have the value and what it is about is on the board.
fn check(files: &Files, key: SettingKey, value: u32) -> Result<SettingKey, CannotSet> {
    key.check(value)?;
    let Some(subject) = key.subject() else { return Ok(key) };
    let (what, known) = match key {
        SettingKey::PartSetPercent(_) => ("part", files.part_names()),
        _ => ("supply", files.supply_names()),
    };
    if known.contains(&subject) {
        return Ok(key);
    }
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(CannotSet::NotOnTheBoard { key, what, known })
}

#[cfg(test)]
mod tests;
