//! What is to be done next of a rollout that runs. Pure: it is told how many devices stand how, and says one thing.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::plan::Plan;

/// Devices of one wave, by how they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Counts {
    /// They have not been offered the program yet.
    pub waiting: u64,
    /// They are offered it and have not fetched it.
    pub offered: u64,
    /// They were given it and have not told how that ended.
    pub under_way: u64,
    /// They have kept it, and must be heard of once more.
    pub proving: u64,
    /// They have kept it.
    pub kept: u64,
    /// They refused it, went back to the one before, or failed.
    pub failed: u64,
    /// They told no end, or were not heard of behind it.
    pub silent: u64,
    /// They are not to have it.
    pub skipped: u64,
    /// Somebody decided that they stay as they are.
    pub held: u64,
}

impl Counts {
    /// All of them.
    pub const fn all(&self) -> u64 {
        self.open() + self.ended()
    }

    /// Those of which something is still to come.
    pub const fn open(&self) -> u64 {
        self.waiting + self.offered + self.under_way + self.proving
    }

    /// Those of which nothing is to come.
    pub const fn ended(&self) -> u64 {
        self.kept + self.failed + self.silent + self.skipped + self.held
    }

    /// Those that take one of the places of which there are so many at once.
    pub const fn at_once(&self) -> u64 {
        self.offered + self.under_way
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        let Self { waiting, offered, under_way, proving, kept, failed, silent, skipped, held } = other;
        self.waiting += waiting;
        self.offered += offered;
        self.under_way += under_way;
        self.proving += proving;
        self.kept += kept;
        self.failed += failed;
        self.silent += silent;
        self.skipped += skipped;
        self.held += held;
    }
}

/// How the program did at the devices that have ended since the beginning, or since a halt was lifted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// Devices that kept it.
    pub kept: u64,
    /// Devices that failed or fell silent.
    pub failures: u64,
}

/// How a rollout stands that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its waves, in their order.
    pub waves: Vec<Counts>,
    /// The one that has begun last.
    pub wave: usize,
    /// When that had succeeded, if it has.
    pub wave_ended: Option<Timestamp>,
    /// What came of it so far.
    pub verdicts: Verdicts,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing, until something happens or time has passed.
    Nothing,
    /// It halts, for this reason, until a person lifts that.
    Halt(String),
    /// The wave has succeeded.
    EndWave,
    /// The next wave begins.
    BeginWave,
    /// So many devices that wait in the waves that have begun may be offered it.
    Offer(u64),
    /// All is done.
    Finish,
}

/// What is to be done next.
pub fn decide(plan: &Plan, standing: &Standing, now: Timestamp) -> Decision {
    if let Some(why) = too_bad(plan, standing.verdicts, plan.halt_at.of_at_least.into()) {
        return Decision::Halt(why);
    }
    let mut all = Counts::default();
    standing.waves.iter().for_each(|wave| all += *wave);
    if all.open() == 0 {
        return at_the_end_of_a_wave(plan, standing.verdicts, Decision::Finish);
    }
    let Some(wave) = standing.waves.get(standing.wave) else { return Decision::Nothing };
    let is_last = standing.wave + 1 >= standing.waves.len();
    if !is_last {
        match standing.wave_ended {
            None if has_ended(plan, wave) => {
                return at_the_end_of_a_wave(plan, standing.verdicts, Decision::EndWave);
            }
            None => {}
            Some(ended) => {
                let next = ended + SignedDuration::from_secs(plan.pause_seconds.into());
                if next <= now {
                    return at_the_end_of_a_wave(plan, standing.verdicts, Decision::BeginWave);
                }
            }
        }
    }
    let waiting: u64 = standing.waves.iter().take(standing.wave + 1).map(|wave| wave.waiting).sum();
    let free = u64::from(plan.at_once).saturating_sub(all.at_once());
    if waiting > 0 && free > 0 { Decision::Offer(waiting.min(free)) } else { Decision::Nothing }
}

fn has_ended(plan: &Plan, wave: &Counts) -> bool {
    let enough = u128::from(wave.all()) * u128::from(plan.enough_percent);
    u128::from(wave.ended()) * 100 >= enough
}

/// Of few devices, too, the percentage counts before others follow.
fn at_the_end_of_a_wave(plan: &Plan, verdicts: Verdicts, otherwise: Decision) -> Decision {
    too_bad(plan, verdicts, 1).map_or(otherwise, Decision::Halt)
}

/// Why a rollout halts, if so; the percentage counts from so many devices on.
fn too_bad(plan: &Plan, verdicts: Verdicts, of_at_least: u64) -> Option<String> {
    let Verdicts { kept, failures } = verdicts;
    let ended = kept + failures;
    if let Some(limit) = plan.halt_at.failures
        && failures >= u64::from(limit)
    {
        return Some(format!("{failures} of {ended} devices failed; it halts at {limit}"));
    }
    if let Some(percent) = plan.halt_at.percent
        && failures > 0
        && ended >= of_at_least
        && u128::from(failures) * 100 >= u128::from(ended) * u128::from(percent)
    {
        return Some(format!("{failures} of {ended} devices failed; it halts at {percent} %"));
    }
    None
}

#[cfg(test)]
mod tests;
