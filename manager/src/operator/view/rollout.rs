//! Rollouts, as people and programs see them: how far each is, how its devices stand and why, and who did what.

use jiff::Timestamp;
use platen_protocol::identity::{AttemptId, DeviceId};
use platen_protocol::programs::{ProgramStep, RunningProgram};
use serde::Serialize;
use utoipa::ToSchema;

use super::step::step_words;
use crate::rollouts::decide::Counts;
use crate::rollouts::plan::Plan;
use crate::store::{DeviceStanding, RolloutDeviceRecord, RolloutId, RolloutRecord, RolloutState};

/// A wave of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct WaveView {
    /// Its number, from 1.
    pub(in super::super) number: usize,
    /// How many devices it has.
    pub(in super::super) devices: u64,
    /// Those by how they stand.
    pub(in super::super) counts: Counts,
    /// Whether it has begun.
    pub(in super::super) begun: bool,
    /// Whether it has succeeded: enough of its devices have ended, and few enough of them failed.
    pub(in super::super) succeeded: bool,
}

/// A rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct RolloutView {
    /// Its name; used in its address.
    pub(in super::super) id: RolloutId,
    /// What it rolls out.
    pub(in super::super) program: RunningProgram,
    /// When that was revoked; `null` while it may be given.
    pub(in super::super) revoked: Option<Timestamp>,
    /// What is to be remembered of it.
    pub(in super::super) note: Option<String>,
    /// How it stands.
    pub(in super::super) state: RolloutState,
    /// Why it is halted; `null` where it is not.
    pub(in super::super) why: Option<String>,
    /// How it goes.
    pub(in super::super) plan: Plan,
    /// The number of the wave that has begun last, from 1; `null` before the start.
    pub(in super::super) wave: Option<usize>,
    /// When that was.
    pub(in super::super) wave_began: Option<Timestamp>,
    /// When the next wave begins; `null` where that does not follow from the time alone.
    pub(in super::super) next_wave: Option<Timestamp>,
    /// All waves, in their order.
    pub(in super::super) waves: Vec<WaveView>,
    /// All devices by how they stand.
    pub(in super::super) devices: Counts,
    /// How many devices failed or fell silent since the start, or since a halt was lifted.
    pub(in super::super) failures: u64,
    /// How many had ended, kept or failed, since then: by these it halts.
    pub(in super::super) verdicts: u64,
    /// What may be done with it now, as the last part of the address of each.
    pub(in super::super) acts: Vec<&'static str>,
    /// When it was planned.
    pub(in super::super) created: Timestamp,
    /// Who planned it.
    pub(in super::super) created_by: String,
    /// When it was started; `null` until then.
    pub(in super::super) started: Option<Timestamp>,
    /// When it was finished or given up; `null` until then.
    pub(in super::super) ended: Option<Timestamp>,
}

impl From<RolloutRecord> for RolloutView {
    fn from(record: RolloutRecord) -> Self {
        let devices = record.counts();
        let has_begun = record.started.is_some();
        let is_over = record.state == RolloutState::Finished;
        let waves = record.waves.iter().enumerate().map(|(at, counts)| WaveView {
            number: at + 1,
            devices: counts.all(),
            counts: *counts,
            begun: has_begun && at <= record.wave,
            succeeded: is_over
                || (has_begun && (at < record.wave || (at == record.wave && record.wave_ended.is_some()))),
        });
        let pause = jiff::SignedDuration::from_secs(record.plan.pause_seconds.into());
        let is_running = record.state == RolloutState::Running;
        Self {
            waves: waves.collect(),
            devices,
            program: RunningProgram { kind: record.kind, name: record.name, version: record.version },
            wave: has_begun.then_some(record.wave + 1),
            next_wave: record.wave_ended.filter(|_| is_running).map(|ended| ended + pause),
            id: record.id,
            revoked: record.revoked,
            note: record.note,
            state: record.state,
            why: record.why,
            plan: record.plan,
            wave_began: record.wave_began,
            failures: record.verdicts.failures,
            verdicts: record.verdicts.failures + record.verdicts.kept,
            acts: acts(record.state, record.waves.iter().any(|wave| wave.failed + wave.silent > 0)),
            created: record.created,
            created_by: record.created_by,
            started: record.started,
            ended: record.ended,
        }
    }
}

/// What may be done with a rollout that stands so.
fn acts(state: RolloutState, any_failed: bool) -> Vec<&'static str> {
    let retry = any_failed.then_some("retry");
    let acts: &[&str] = match state {
        RolloutState::Making => return vec!["cancel"],
        RolloutState::Planned => return vec!["start", "cancel"],
        RolloutState::Cancelled => return Vec::new(),
        RolloutState::Running => &["pause", "halt", "cancel"],
        RolloutState::Paused => &["resume", "halt", "cancel"],
        RolloutState::Halted => &["lift", "cancel"],
        RolloutState::Finished => &[],
    };
    acts.iter().copied().chain(retry).collect()
}

impl RolloutView {
    /// How it stands, for people.
    pub(in super::super) const fn state_words(&self) -> &'static str {
        match self.state {
            RolloutState::Making => "its devices are being written down",
            RolloutState::Planned => "planned",
            RolloutState::Running => "running",
            RolloutState::Paused => "paused",
            RolloutState::Halted => "halted",
            RolloutState::Finished => "finished",
            RolloutState::Cancelled => "given up",
        }
    }
}

/// A device of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct RolloutDeviceView {
    /// Which device.
    pub(in super::super) device: DeviceId,
    /// The rollout.
    pub(in super::super) rollout: RolloutId,
    /// The program's name and version, with a space between.
    pub(in super::super) program: String,
    /// The number of its wave, from 1.
    pub(in super::super) wave: usize,
    /// How it stands.
    pub(in super::super) state: DeviceStanding,
    /// How far the attempt is; `null` where there was none.
    pub(in super::super) step: Option<ProgramStep>,
    /// Why it stands so, for people; `null` where there is nothing to say.
    pub(in super::super) reason: Option<String>,
    /// The last attempt that came of it.
    pub(in super::super) attempt_id: Option<AttemptId>,
    /// Since when it stands so, or when the step was told.
    pub(in super::super) since: Timestamp,
    /// Of one that waits: not before then, where that is known.
    pub(in super::super) not_before: Option<Timestamp>,
    /// When something follows from nothing having happened, such as silence.
    pub(in super::super) deadline: Option<Timestamp>,
    /// The rollout that goes first at this device, where that is what it waits for.
    pub(in super::super) behind: Option<RolloutId>,
}

impl From<RolloutDeviceRecord> for RolloutDeviceView {
    fn from(record: RolloutDeviceRecord) -> Self {
        let reason = reason(&record);
        let waits = record.state == DeviceStanding::Waiting;
        let has_attempt = !matches!(record.state, DeviceStanding::Waiting | DeviceStanding::Held);
        let since = record.told.filter(|_| record.state == DeviceStanding::UnderWay);
        Self {
            reason,
            since: since.unwrap_or(record.changed),
            behind: record.behind.filter(|_| waits),
            not_before: record.not_before.filter(|_| waits),
            program: format!("{} {}", record.name, record.version),
            device: record.device,
            rollout: record.rollout,
            wave: record.wave + 1,
            state: record.state,
            step: record.step.filter(|_| has_attempt),
            attempt_id: record.attempt,
            deadline: record.deadline,
        }
    }
}

/// Why a device stands as it does.
fn reason(record: &RolloutDeviceRecord) -> Option<String> {
    if record.state == DeviceStanding::Offered {
        return record.waits.as_ref().map(|why| format!("waits: {why}")).or_else(|| record.reason.clone());
    }
    if record.state != DeviceStanding::Waiting {
        return record.reason.clone();
    }
    Some(match record.rollout_state {
        RolloutState::Making | RolloutState::Planned => "the rollout has not been started".to_owned(),
        RolloutState::Paused => "the rollout is paused".to_owned(),
        RolloutState::Halted => "the rollout is halted".to_owned(),
        RolloutState::Cancelled => "the rollout was given up".to_owned(),
        RolloutState::Finished => return record.reason.clone(),
        RolloutState::Running if record.wave > record.rollout_wave => {
            format!("wave {} has not begun", record.wave + 1)
        }
        RolloutState::Running => match (&record.behind, &record.reason) {
            (Some(behind), _) => format!("after the rollout {behind}"),
            (None, Some(reason)) => reason.clone(),
            (None, None) => "for its turn, and for the device to be in contact".to_owned(),
        },
    })
}

impl RolloutDeviceView {
    /// How it stands, for people.
    pub(in super::super) fn state_words(&self) -> &'static str {
        match (self.state, self.step) {
            (DeviceStanding::Waiting, _) => "waits",
            (DeviceStanding::Offered, _) => "is offered it",
            (DeviceStanding::UnderWay | DeviceStanding::Failed, Some(step)) => step_words(step),
            (DeviceStanding::UnderWay, None) => "is under way",
            (DeviceStanding::Proving, _) => "kept it, and must be heard of once more",
            (DeviceStanding::Kept, _) => "kept it",
            (DeviceStanding::Failed, None) => "failed",
            (DeviceStanding::Silent, _) => "fell silent",
            (DeviceStanding::Skipped, _) => "is left out",
            (DeviceStanding::Held, _) => "is held",
        }
    }
}
