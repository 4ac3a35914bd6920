//! How profiles stand at devices: what each accepted, and what an operator set on it by hand. That wins: such a name is
//! left out of what the device is sent, until it is reset by hand.

use std::collections::BTreeMap;

use jiff::Timestamp;
use platen_protocol::identity::{CommandId, DeviceId};
use platen_protocol::manager_to_device::{Action, Command};
use serde::Serialize;

use super::conditions::Conditions;
use super::engine::{Connection, values};
use super::records::{id, time};
use super::scope::Scope;
use super::{Store, StoreError, from_integer, from_json, statements::devices as statements};

/// How far a profile has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Progress {
    /// Devices in service that have the profile.
    pub devices: u64,
    /// Those that have accepted it.
    pub accepted: u64,
    /// Those to which it has been sent, or is about to be.
    pub waiting: u64,
    /// Those that refused it, or could not set it.
    pub refused: u64,
}

/// A device that did not accept its profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ProfileRefused {
    /// Which device.
    pub device: DeviceId,
    /// `refused` or `failed`.
    pub state: String,
    /// Why, in the device's words.
    pub reason: Option<String>,
    /// When it was sent.
    pub at: Timestamp,
}

/// A setting that an operator gave to one device by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OwnSetting {
    /// Name of the setting.
    pub name: String,
    /// Its value, in the unit that the name ends with.
    pub value: u32,
    /// Who set it.
    pub set_by: String,
    /// When.
    pub at: Timestamp,
}

/// How the settings of a profile stand at one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationRecord {
    /// `due`, `waiting`, `done`, `failed`, `refused`, `expired`.
    pub state: String,
    /// Why, if the device did not accept them.
    pub reason: Option<String>,
    /// Settings of the profile from which this device differs, because an operator set them by hand.
    pub differing: Vec<String>,
}

/// What was set by hand on a device.
pub(super) fn by_hand(connection: &Connection, device: i64) -> Result<Vec<OwnSetting>, StoreError> {
    connection.all(statements::BY_HAND, values![device], |row| {
        Ok(OwnSetting { name: row.get(0)?, value: row.get(1)?, set_by: row.get(2)?, at: time(row, 3)? })
    })
}

/// How the settings of the profile of a device stand; device, profile and its version.
pub(super) fn application(
    connection: &Connection,
    (device, profile, version): (i64, i64, i64),
    settings: &str,
    by_hand: &[OwnSetting],
) -> Result<ApplicationRecord, StoreError> {
    let known = connection.one(statements::APPLICATION_STATE, values![device, profile, version], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let (state, reason) = known.unwrap_or_else(|| ("due".to_owned(), None));
    let settings: BTreeMap<String, u32> = from_json("settings of a profile", settings)?;
    let differs = |own: &&OwnSetting| settings.get(&own.name).is_some_and(|wanted| *wanted != own.value);
    let differing = by_hand.iter().filter(differs).map(|own| own.name.clone()).collect();
    Ok(ApplicationRecord { state, reason, differing })
}

/// A command that an operator gave to one device by hand is remembered, so that profiles leave it alone.
pub(super) fn note_by_hand(
    connection: &Connection,
    device: i64,
    command: &Command,
    by: &str,
) -> Result<(), StoreError> {
    let at = command.issued.as_millisecond();
    match &command.action {
        Action::Set { settings } => {
            let id = command.id.as_str();
            for (name, value) in settings {
                let parameters = values![device, name, *value, id, by, at];
                connection.execute(statements::SET_BY_HAND, parameters)?;
            }
            return Ok(());
        }
        Action::Reset { settings } if settings.is_empty() => {
            connection.execute(statements::RESET_ALL_BY_HAND, values![device])?;
        }
        Action::Reset { settings } => {
            for name in settings {
                connection.execute(statements::RESET_BY_HAND, values![device, name])?;
            }
        }
        Action::ReadNow
        | Action::Retire
        | Action::CheckPrograms
        | Action::TechnicianOnTheWay { .. }
        | Action::Unknown => return Ok(()),
    }
    // What was reset is the profile's again.
    connection.execute(statements::NOTE_DUE, values![device, at])?;
    Ok(())
}

/// A device enrolled again: what it was sent before may be gone with its disk.
pub(super) fn send_anew(
    connection: &Connection,
    device: &DeviceId,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection.execute(statements::FORGET_APPLICATION, values![device.as_str()])?;
    connection.execute(statements::DUE_BY_NAME, values![device.as_str(), now.as_millisecond()])?;
    Ok(())
}

/// A command has ended: what follows for settings that were set by hand, or because of a profile.
pub(super) fn command_ended(
    connection: &Connection,
    command: &CommandId,
    (state, reason): (&str, Option<&str>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = command.as_str();
    connection.execute(statements::APPLICATION_ENDED, values![id, state, reason])?;
    let at = now.as_millisecond();
    if state != "done" {
        let devices: Vec<i64> =
            connection.all(statements::NOT_SET_AFTER_ALL, values![id], |row| row.get(0))?;
        for device in devices {
            connection.execute(statements::NOTE_DUE, values![device, at])?;
        }
    }
    if state == "expired" {
        connection.execute(statements::DUE_AGAIN, values![id, at])?;
    }
    Ok(())
}

impl Store {
    /// How far profiles have come, by their keys: this one, or all. One that no device has is not among them.
    pub async fn profile_progress(
        &self,
        scope: &Scope,
        profile: Option<i64>,
    ) -> Result<BTreeMap<i64, Progress>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(&[]);
                conditions.and_within(&scope, "d");
                if let Some(profile) = &profile {
                    conditions.and_with("d.profile = {}", profile);
                }
                let (those, text) = (conditions.text(), statements::PROGRESS);
                let text = format!("{text}{those} GROUP BY d.profile, coalesce(a.state, 'due')");
                let mut found: BTreeMap<i64, Progress> = BTreeMap::new();
                connection.each(&text, conditions.values(), |row| {
                    let (state, count): (String, u64) = (row.get(1)?, from_integer(row.get(2)?));
                    let progress = found.entry(row.get(0)?).or_default();
                    progress.devices += count;
                    match state.as_str() {
                        "done" => progress.accepted += count,
                        "failed" | "refused" => progress.refused += count,
                        _ => progress.waiting += count,
                    }
                    Ok(())
                })?;
                Ok(found)
            })
            .await
    }

    /// Devices that did not accept their profile, by name.
    pub async fn profile_refusals(
        &self,
        scope: &Scope,
        key: i64,
        limit: u32,
    ) -> Result<Vec<ProfileRefused>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(values![limit]);
                conditions.and_with("p.key = {}", &key);
                conditions.and_within(&scope, "d");
                let (those, text) = (conditions.text(), statements::REFUSALS);
                let text = format!("{text}{those} ORDER BY d.id LIMIT ?1");
                connection.all(&text, conditions.values(), |row| {
                    Ok(ProfileRefused {
                        device: id("device", row.get(0)?)?,
                        state: row.get(1)?,
                        reason: row.get(2)?,
                        at: time(row, 3)?,
                    })
                })
            })
            .await
    }
}
