//! Rows about programs, with their texts read.

use jiff::Timestamp;
use platen_protocol::identity::{AttemptId, DeviceId, ProgramKind, ProgramName};
use platen_protocol::programs::{ProgramStep, ProgramVersion};
use serde::Serialize;

use super::super::engine::Row;
use super::super::records::{id, time, time_if_any, word};
use super::super::rollouts::RolloutId;
use super::super::{StoreError, from_integer, from_json};

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramRecord {
    /// Its place in the list.
    pub key: i64,
    /// What it is.
    pub name: ProgramName,
    /// Which of it.
    pub version: ProgramVersion,
    /// Who installs it.
    pub kind: ProgramKind,
    /// Models and boards that it is for; none: any.
    pub hardware: Vec<String>,
    /// In bytes.
    pub size: u64,
    /// What a device must have free beside the file, in bytes.
    pub room: u64,
    /// Of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// When it was published last.
    pub published: Timestamp,
    /// By whom.
    pub published_by: String,
    /// When it was revoked, if it is.
    pub revoked: Option<Timestamp>,
    /// And by whom.
    pub revoked_by: Option<String>,
}

impl ProgramRecord {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            name: id("program", row.get(1)?)?,
            version: id("version of a program", row.get(2)?)?,
            kind: id("kind of program", row.get(3)?)?,
            hardware: from_json("hardware of a program", &row.get::<String>(4)?)?,
            size: from_integer(row.get(5)?),
            room: from_integer(row.get(6)?),
            sha256: row.get(7)?,
            published: time(row, 8)?,
            published_by: row.get(9)?,
            revoked: time_if_any(row, 10)?,
            revoked_by: row.get(11)?,
        })
    }

    /// Whether it is for a printer of this model on this controller.
    pub fn fits(&self, model: &str, board: Option<&str>) -> bool {
        self.hardware.is_empty()
            || self.hardware.iter().any(|one| one == model || board.is_some_and(|board| one == board))
    }
}

/// How a program stands at the devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ProgramCounts {
    /// Devices that run it, as they say.
    pub running: u64,
    /// Devices that are to have it and have not been given it yet.
    pub offered: u64,
    /// Devices that were given it and have not said how that ended.
    pub trying: u64,
    /// Attempts after which it stayed.
    pub kept: u64,
    /// Attempts after which the one before came back.
    pub rolled_back: u64,
    /// Attempts after which neither it nor the one before ran.
    pub failed: u64,
    /// Attempts that were never begun.
    pub refused: u64,
}

/// That a device is to have a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferRecord {
    /// Its place in the list.
    pub key: i64,
    /// Which device.
    pub device: DeviceId,
    /// The attempt that comes of it.
    pub attempt: AttemptId,
    /// The program, by its key.
    pub program: i64,
    /// What it is.
    pub name: ProgramName,
    /// Which of it.
    pub version: ProgramVersion,
    /// Who installs it.
    pub kind: ProgramKind,
    /// When it was offered.
    pub offered: Timestamp,
    /// By whom.
    pub offered_by: String,
    /// When the device was first given it.
    pub given: Option<Timestamp>,
    /// Why it is not given, where that is so.
    pub waits: Option<String>,
    /// How far the attempt is, if it has begun.
    pub step: Option<ProgramStep>,
    /// The rollout that made it, if one did.
    pub rollout: Option<RolloutId>,
    /// How fast that one may be sent to all its devices together.
    pub bytes_per_second: Option<u64>,
}

impl OfferRecord {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            device: id("device", row.get(1)?)?,
            attempt: id("attempt", row.get(2)?)?,
            program: row.get(3)?,
            name: id("program", row.get(4)?)?,
            version: id("version of a program", row.get(5)?)?,
            kind: id("kind of program", row.get(6)?)?,
            offered: time(row, 7)?,
            offered_by: row.get(8)?,
            given: time_if_any(row, 9)?,
            waits: row.get(10)?,
            step: row.get::<Option<String>>(11)?.map(|step| word("step of an attempt", step)).transpose()?,
            rollout: row.get::<Option<String>>(12)?.map(|rollout| id("rollout", rollout)).transpose()?,
            bytes_per_second: row.get::<Option<i64>>(13)?.map(from_integer),
        })
    }
}

/// One try to install a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// Its place in the list.
    pub key: i64,
    /// On which device.
    pub device: DeviceId,
    /// Its name.
    pub attempt: AttemptId,
    /// What was tried, as text: a device may tell of what this manager has forgotten.
    pub kind: String,
    /// What it is.
    pub name: String,
    /// Which of it.
    pub version: String,
    /// When the device was given it, or first told of it.
    pub given: Timestamp,
    /// How far it has come.
    pub step: ProgramStep,
    /// When that was told.
    pub told: Timestamp,
    /// When its end was told.
    pub ended: Option<Timestamp>,
    /// Why it did not go well, in the device's words.
    pub reason: Option<String>,
}

impl AttemptRecord {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            device: id("device", row.get(1)?)?,
            attempt: id("attempt", row.get(2)?)?,
            kind: row.get(3)?,
            name: row.get(4)?,
            version: row.get(5)?,
            given: time(row, 6)?,
            step: word("step of an attempt", row.get(7)?)?,
            told: time(row, 8)?,
            ended: time_if_any(row, 9)?,
            reason: row.get(10)?,
        })
    }
}

/// A program that runs on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RunningRecord {
    /// Who installed it.
    pub kind: String,
    /// What it is.
    pub name: String,
    /// Which of it.
    pub version: String,
    /// When the device first told so.
    pub since: Timestamp,
}

impl RunningRecord {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self { kind: row.get(0)?, name: row.get(1)?, version: row.get(2)?, since: time(row, 3)? })
    }
}
