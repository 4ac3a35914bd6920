//! Rollouts: what operators plan ([`create`]), what they do with it ([`acts`]), how it goes on by itself ([`step`]), what
//! devices tell of it ([`told`]), what is shown of it ([`lists`]), and what rollouts leave alone ([`holds`]). What is
//! decided, is decided by [`crate::rollouts`]; here it is done, a transaction a step.

mod acts;
mod create;
mod holds;
mod lists;
mod records;
mod step;
mod take_back;
mod told;

pub use acts::{Act, ActRefusal};
pub use create::{CreateRefusal, NewRollout, Preview, To, Unfit};
pub use holds::{HoldRecord, NewHold};
pub use lists::RolloutPart;
pub use records::{
    DeviceStanding, RolloutDeviceRecord, RolloutEntry, RolloutId, RolloutRecord, RolloutState, RolloutWhat,
};
pub use step::{Candidate, Overdue, Stepped, Wants};
pub(super) use told::{halt_revoked, offer_gone, rollout_given, rollout_told};
