//! Rows about rollouts, with their texts read.

use std::fmt;

use jiff::Timestamp;
use platen_protocol::identity::{AttemptId, DeviceId, ProgramKind, ProgramName};
use platen_protocol::programs::{ProgramStep, ProgramVersion};
use serde::{Deserialize, Serialize};

use super::super::engine::Row;
use super::super::records::{id, time, time_if_any, word};
use super::super::{StoreError, from_integer, from_json};
use crate::rollouts::decide::{Counts, Verdicts};
use crate::rollouts::plan::Plan;

/// The longest name of a rollout.
const MAX_ID_BYTES: usize = 64;

/// Names a rollout, in addresses and in what other rollouts say of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
pub struct RolloutId(String);

impl RolloutId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RolloutId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let good = text.len() <= MAX_ID_BYTES
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(plain);
        if good {
            Ok(Self(text))
        } else {
            Err(format!(
                "{text:?} is not a rollout: use 1 to {MAX_ID_BYTES} of a-z, A-Z, 0-9, '.', '_' and '-', beginning with a letter or digit"
            ))
        }
    }
}

impl std::str::FromStr for RolloutId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.to_owned().try_into()
    }
}

impl From<RolloutId> for String {
    fn from(id: RolloutId) -> Self {
        id.0
    }
}

impl fmt::Display for RolloutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RolloutState {
    /// Its devices are being written down.
    Making,
    /// Nobody has started it.
    Planned,
    /// It goes on.
    Running,
    /// A person has stopped it for a while.
    Paused,
    /// It has stopped itself, or a person has: something is wrong. Only a person lifts that.
    Halted,
    /// All is done.
    Finished,
    /// A person has given it up.
    Cancelled,
}

impl RolloutState {
    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Making => "making",
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Halted => "halted",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How a device of a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceStanding {
    /// It has not been offered the program yet.
    Waiting,
    /// It is offered it and has not fetched it.
    Offered,
    /// It was given it and has not told how that ended.
    UnderWay,
    /// It has kept it, and must be heard of once more.
    Proving,
    /// It has kept it.
    Kept,
    /// It refused it, went back to the one before, or failed.
    Failed,
    /// It told no end, or was not heard of behind it.
    Silent,
    /// It is not to have it.
    Skipped,
    /// Somebody decided that it stays as it is.
    Held,
}

impl DeviceStanding {
    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Offered => "offered",
            Self::UnderWay => "under_way",
            Self::Proving => "proving",
            Self::Kept => "kept",
            Self::Failed => "failed",
            Self::Silent => "silent",
            Self::Skipped => "skipped",
            Self::Held => "held",
        }
    }

    pub(super) fn of(self, counts: &mut Counts) -> &mut u64 {
        match self {
            Self::Waiting => &mut counts.waiting,
            Self::Offered => &mut counts.offered,
            Self::UnderWay => &mut counts.under_way,
            Self::Proving => &mut counts.proving,
            Self::Kept => &mut counts.kept,
            Self::Failed => &mut counts.failed,
            Self::Silent => &mut counts.silent,
            Self::Skipped => &mut counts.skipped,
            Self::Held => &mut counts.held,
        }
    }
}

/// A rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutRecord {
    /// Its place in the list; of two for one device, the smaller goes first.
    pub key: i64,
    /// Its name.
    pub id: RolloutId,
    /// The program, by its key.
    pub program: i64,
    /// What it is.
    pub name: ProgramName,
    /// Which of it.
    pub version: ProgramVersion,
    /// Who installs it.
    pub kind: ProgramKind,
    /// Models and boards that the program is for; none: any.
    pub hardware: Vec<String>,
    /// When the program was revoked, if it was.
    pub revoked: Option<Timestamp>,
    /// What is to be remembered of it.
    pub note: Option<String>,
    /// How it goes.
    pub plan: Plan,
    /// How it stands.
    pub state: RolloutState,
    /// Why it is halted.
    pub why: Option<String>,
    /// The wave that has begun last, from 0.
    pub wave: usize,
    /// When that was.
    pub wave_began: Option<Timestamp>,
    /// When it had succeeded.
    pub wave_ended: Option<Timestamp>,
    /// How often a halt was lifted.
    pub lifts: i64,
    /// When it was planned.
    pub created: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it was started.
    pub started: Option<Timestamp>,
    /// When it was finished or given up.
    pub ended: Option<Timestamp>,
    /// When it changed last, its devices apart.
    pub changed: Timestamp,
    /// Its devices by wave and by how they stand: those of the scope that it was asked for.
    pub waves: Vec<Counts>,
    /// What came of it since the beginning, or since a halt was lifted; of the same devices.
    pub verdicts: Verdicts,
}

impl RolloutRecord {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            id: id("rollout", row.get(1)?)?,
            program: row.get(2)?,
            name: id("program", row.get(3)?)?,
            version: id("version of a program", row.get(4)?)?,
            kind: id("kind of program", row.get(5)?)?,
            note: row.get(6)?,
            plan: from_json("plan of a rollout", &row.get::<String>(7)?)?,
            state: word("state of a rollout", row.get(8)?)?,
            why: row.get(9)?,
            wave: usize::try_from(row.get::<i64>(10)?).unwrap_or(0),
            wave_began: time_if_any(row, 11)?,
            wave_ended: time_if_any(row, 12)?,
            lifts: row.get(13)?,
            created: time(row, 14)?,
            created_by: row.get(15)?,
            started: time_if_any(row, 16)?,
            ended: time_if_any(row, 17)?,
            changed: time(row, 18)?,
            revoked: time_if_any(row, 19)?,
            hardware: from_json("hardware of a program", &row.get::<String>(20)?)?,
            waves: Vec::new(),
            verdicts: Verdicts::default(),
        })
    }

    /// All its devices, by how they stand.
    pub fn counts(&self) -> Counts {
        let mut all = Counts::default();
        self.waves.iter().for_each(|wave| all += *wave);
        all
    }

    /// Counts so many devices of a wave that stand so; those that have ended did so after this many lifts.
    pub(super) fn count(&mut self, row: &Row<'_>) -> Result<(), StoreError> {
        let wave = usize::try_from(row.get::<i64>(0)?).unwrap_or(0);
        let standing: DeviceStanding = word("state of a device of a rollout", row.get(1)?)?;
        let (lift, devices): (i64, u64) = (row.get(2)?, from_integer(row.get(3)?));
        if self.waves.len() <= wave {
            self.waves.resize(wave + 1, Counts::default());
        }
        if let Some(counts) = self.waves.get_mut(wave) {
            *standing.of(counts) += devices;
        }
        if lift == self.lifts {
            match standing {
                DeviceStanding::Kept => self.verdicts.kept += devices,
                DeviceStanding::Failed | DeviceStanding::Silent => self.verdicts.failures += devices,
                _ => {}
            }
        }
        Ok(())
    }
}

/// A device of a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutDeviceRecord {
    /// Its place in the list.
    pub key: i64,
    /// Which device.
    pub device: DeviceId,
    /// Its wave, from 0.
    pub wave: usize,
    /// How it stands.
    pub state: DeviceStanding,
    /// The last attempt that came of it.
    pub attempt: Option<AttemptId>,
    /// Why it stands so, as it was written down.
    pub reason: Option<String>,
    /// Since when it stands so.
    pub changed: Timestamp,
    /// Of one that waits: when it is looked at again, where that is known.
    pub not_before: Option<Timestamp>,
    /// When something follows from nothing having happened.
    pub deadline: Option<Timestamp>,
    /// How far the attempt is.
    pub step: Option<ProgramStep>,
    /// When that was told.
    pub told: Option<Timestamp>,
    /// The rollout.
    pub rollout: RolloutId,
    /// How that stands.
    pub rollout_state: RolloutState,
    /// The wave of it that has begun last.
    pub rollout_wave: usize,
    /// The program.
    pub name: ProgramName,
    /// Which of it.
    pub version: ProgramVersion,
    /// The rollout that goes first at this device.
    pub behind: Option<RolloutId>,
    /// Why the device is not given what is offered to it.
    pub waits: Option<String>,
}

impl RolloutDeviceRecord {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let wave = |column| row.get::<i64>(column).map(|wave| usize::try_from(wave).unwrap_or(0));
        let not_before: i64 = row.get(7)?;
        Ok(Self {
            key: row.get(0)?,
            device: id("device", row.get(1)?)?,
            wave: wave(2)?,
            state: word("state of a device of a rollout", row.get(3)?)?,
            attempt: row.get::<Option<String>>(4)?.map(|attempt| id("attempt", attempt)).transpose()?,
            reason: row.get(5)?,
            changed: time(row, 6)?,
            not_before: (not_before > 0).then(|| time(row, 7)).transpose()?,
            deadline: time_if_any(row, 8)?,
            step: row.get::<Option<String>>(9)?.map(|step| word("step of an attempt", step)).transpose()?,
            told: time_if_any(row, 10)?,
            rollout: id("rollout", row.get(11)?)?,
            rollout_state: word("state of a rollout", row.get(12)?)?,
            rollout_wave: wave(13)?,
            name: id("program", row.get(14)?)?,
            version: id("version of a program", row.get(15)?)?,
            behind: row.get::<Option<String>>(16)?.map(|before| id("rollout", before)).transpose()?,
            waits: row.get(17)?,
        })
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RolloutWhat {
    /// It was planned.
    Planned,
    /// It was started.
    Started,
    /// It was stopped for a while.
    Paused,
    /// It went on.
    Resumed,
    /// It was halted.
    Halted,
    /// A halt was lifted.
    Lifted,
    /// A wave has succeeded.
    WaveEnded,
    /// A wave has begun.
    WaveBegan,
    /// It has ended.
    Finished,
    /// It was given up.
    Cancelled,
    /// Devices that had failed, or one that was skipped, are offered it again.
    Retried,
    /// A device is not to have it.
    Skipped,
}

impl RolloutWhat {
    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Started => "started",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Halted => "halted",
            Self::Lifted => "lifted",
            Self::WaveEnded => "wave_ended",
            Self::WaveBegan => "wave_began",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
            Self::Retried => "retried",
            Self::Skipped => "skipped",
        }
    }
}

/// Who did what with a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RolloutEntry {
    /// Its place in the log.
    #[serde(skip)]
    pub key: i64,
    /// When.
    pub at: Timestamp,
    /// The operator; `null` for the manager itself.
    pub who: Option<String>,
    /// What was done.
    pub what: RolloutWhat,
    /// Why, or what came of it, for people.
    pub words: Option<String>,
    /// With which device, where it was one.
    pub device: Option<DeviceId>,
}

impl RolloutEntry {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            at: time(row, 1)?,
            who: row.get(2)?,
            what: word("entry of a rollout", row.get(3)?)?,
            words: row.get(4)?,
            device: row.get::<Option<String>>(5)?.map(|device| id("device", device)).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_wire() {
        let wire = |word: serde_json::Value| word.as_str().unwrap().to_owned();
        for state in [RolloutState::Making, RolloutState::Halted, RolloutState::Cancelled] {
            assert_eq!(wire(serde_json::to_value(state).unwrap()), state.word());
        }
        for standing in [DeviceStanding::UnderWay, DeviceStanding::Proving, DeviceStanding::Silent] {
            assert_eq!(wire(serde_json::to_value(standing).unwrap()), standing.word());
        }
        for what in [RolloutWhat::WaveBegan, RolloutWhat::WaveEnded, RolloutWhat::Lifted] {
            assert_eq!(wire(serde_json::to_value(what).unwrap()), what.word());
        }
        assert!("r-1".parse::<RolloutId>().is_ok() && "a/b".parse::<RolloutId>().is_err());
    }
}
