//! Programs, as people and programs see them: what there is, who is to have it, and what was tried.

use jiff::Timestamp;
use platen_protocol::identity::{AttemptId, DeviceId, ProgramKind, ProgramName};
use platen_protocol::programs::{Hardware, ProgramStep, ProgramVersion};
use serde::Serialize;
use utoipa::ToSchema;

use super::rollout::RolloutDeviceView;
use super::step::step_words;
use crate::store::{
    AttemptRecord, HoldRecord, OfferRecord, ProgramCounts, ProgramRecord, RolloutId, RunningRecord,
};

/// A program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct ProgramView {
    /// What it is; used in its address.
    pub(in super::super) name: ProgramName,
    /// Which of it; used in its address.
    pub(in super::super) version: ProgramVersion,
    /// Which installer on the device takes it.
    pub(in super::super) kind: ProgramKind,
    /// Models of printers and controllers that it is for; none means any.
    pub(in super::super) hardware: Vec<String>,
    /// In bytes.
    pub(in super::super) size: u64,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub(in super::super) sha256: String,
    /// When it was published last.
    pub(in super::super) published: Timestamp,
    /// Who published it.
    pub(in super::super) published_by: String,
    /// When it was revoked; `null` while it may be given.
    pub(in super::super) revoked: Option<Timestamp>,
    /// Who revoked it.
    pub(in super::super) revoked_by: Option<String>,
    /// How it stands at the devices.
    pub(in super::super) devices: ProgramCounts,
}

impl ProgramView {
    pub(in super::super) fn new((record, devices): (ProgramRecord, ProgramCounts)) -> Self {
        Self {
            name: record.name,
            version: record.version,
            kind: record.kind,
            hardware: record.hardware,
            size: record.size,
            sha256: record.sha256,
            published: record.published,
            published_by: record.published_by,
            revoked: record.revoked,
            revoked_by: record.revoked_by,
            devices,
        }
    }

    /// What it is for, for people.
    pub(in super::super) fn hardware_words(&self) -> String {
        if self.hardware.is_empty() { "any".to_owned() } else { self.hardware.join(", ") }
    }
}

/// That a device is to have a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct OfferView {
    /// Which device.
    pub(in super::super) device: DeviceId,
    /// The attempt that comes of it.
    pub(in super::super) attempt_id: AttemptId,
    /// Which installer takes it.
    pub(in super::super) kind: ProgramKind,
    /// The program.
    pub(in super::super) name: ProgramName,
    /// Its version.
    pub(in super::super) version: ProgramVersion,
    /// When it was offered.
    pub(in super::super) offered: Timestamp,
    /// Who offered it.
    pub(in super::super) offered_by: String,
    /// When the device was first given it; `null` until then.
    pub(in super::super) given: Option<Timestamp>,
    /// How far it has come; `null` until the device was given it.
    pub(in super::super) step: Option<ProgramStep>,
    /// Why the device is not given it, where that is so.
    pub(in super::super) waits: Option<String>,
    /// The rollout that made the offer; `null` where an operator did.
    pub(in super::super) rollout: Option<RolloutId>,
}

impl From<OfferRecord> for OfferView {
    fn from(record: OfferRecord) -> Self {
        Self {
            device: record.device,
            attempt_id: record.attempt,
            kind: record.kind,
            name: record.name,
            version: record.version,
            offered: record.offered,
            offered_by: record.offered_by,
            given: record.given,
            step: record.step,
            waits: record.waits,
            rollout: record.rollout,
        }
    }
}

impl OfferView {
    /// How it stands, for people.
    pub(in super::super) fn state_words(&self) -> String {
        match (&self.waits, self.step) {
            (Some(why), _) => format!("waits: {why}"),
            (None, Some(step)) => step_words(step).to_owned(),
            (None, None) => "until the device asks".to_owned(),
        }
    }
}

/// One try to install a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct AttemptView {
    /// On which device.
    pub(in super::super) device: DeviceId,
    /// Its name.
    pub(in super::super) attempt_id: AttemptId,
    /// Which installer.
    pub(in super::super) kind: String,
    /// The program.
    pub(in super::super) name: String,
    /// Its version.
    pub(in super::super) version: String,
    /// When the device was given it, or first told of it.
    pub(in super::super) given: Timestamp,
    /// How far it has come.
    pub(in super::super) step: ProgramStep,
    /// When that was told.
    pub(in super::super) told: Timestamp,
    /// When its end was told; `null` while it goes on.
    pub(in super::super) ended: Option<Timestamp>,
    /// Why it did not go well, in the device's words.
    pub(in super::super) reason: Option<String>,
}

impl From<AttemptRecord> for AttemptView {
    fn from(record: AttemptRecord) -> Self {
        Self {
            device: record.device,
            attempt_id: record.attempt,
            kind: record.kind,
            name: record.name,
            version: record.version,
            given: record.given,
            step: record.step,
            told: record.told,
            ended: record.ended,
            reason: record.reason,
        }
    }
}

impl AttemptView {
    /// How far it has come, for people.
    pub(in super::super) fn step_words(&self) -> &'static str {
        step_words(self.step)
    }

    /// The colour of that.
    pub(in super::super) fn class(&self) -> &'static str {
        match self.step {
            ProgramStep::Kept => "done",
            ProgramStep::RolledBack | ProgramStep::Failed => "failed",
            ProgramStep::Refused => "refused",
            _ => "delivered",
        }
    }
}

/// What a device has to do with programs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct DevicePrograms {
    /// What it is, as it told last when it asked for a program; `null` until then.
    pub(in super::super) hardware: Option<Hardware>,
    /// What runs on it, as it told last when it asked.
    pub(in super::super) running: Vec<RunningRecord>,
    /// What it is to have, in the order in which it is given that.
    pub(in super::super) offers: Vec<OfferView>,
    /// What was tried, the newest first: the last 50 at most.
    pub(in super::super) attempts: Vec<AttemptView>,
    /// Rollouts that have to do with it and are not over there, in the order in which it is their turn.
    pub(in super::super) rollouts: Vec<RolloutDeviceView>,
    /// What rollouts leave alone.
    pub(in super::super) holds: Vec<HoldRecord>,
}
