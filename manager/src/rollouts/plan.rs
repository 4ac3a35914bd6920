//! What an operator plans: how many devices at a time, when, how fast, and when to stop.

use serde::{Deserialize, Serialize};

use super::window::{Window, WindowError};

/// Waves that are planned, apart from the one with the rest.
pub const MAX_WAVES: usize = 20;
/// Devices that may be under way at once.
pub const MAX_AT_ONCE: u32 = 10_000;
/// The longest that anything may be waited for: thirty days.
pub const MAX_SECONDS: u32 = 30 * 24 * 3600;
/// The shortest time after which nothing having happened means something.
pub const MIN_SECONDS: u32 = 1;
/// The slowest that programs may be sent: so that one of 20 MiB takes less than a day.
pub const MIN_BYTES_PER_SECOND: u64 = 1_024;
/// The fastest that it makes sense to limit them to.
pub const MAX_BYTES_PER_SECOND: u64 = 2_000_000_000;

/// How a program is rolled out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Plan {
    /// The waves, in their order; what they leave is one more wave.
    pub waves: Vec<Wave>,
    /// How long it is waited after a wave has succeeded, in seconds.
    pub pause_seconds: u32,
    /// A wave has succeeded when so many percent of its devices have ended; those that are left follow when they can.
    pub enough_percent: u8,
    /// When it halts.
    pub halt_at: HaltAt,
    /// When devices may be given the program; `null` for at any time.
    pub window: Option<Window>,
    /// Devices that are under way at once, at most: from the offer until the device has told how it ended.
    pub at_once: u32,
    /// Bytes that a manager sends in a second, to all devices of the rollout together; `null` for as many as it can.
    pub bytes_per_second: Option<u64>,
    /// Whether devices that run a later version are to have this one all the same.
    pub downgrade: bool,
    /// A device that has not fetched the program by then makes room for another one, and is offered it again later.
    pub fetch_within_seconds: u32,
    /// A device that was given the program and has not told how that ended by then is silent: it failed.
    pub end_within_seconds: u32,
    /// A device that has kept the program and is not heard of in the second half of this time is silent: it failed.
    pub silent_after_seconds: u32,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            waves: Vec::new(),
            pause_seconds: 3_600,
            enough_percent: 90,
            halt_at: HaltAt::default(),
            window: None,
            at_once: 100,
            bytes_per_second: None,
            downgrade: false,
            fetch_within_seconds: 3_600,
            end_within_seconds: 6 * 3_600,
            silent_after_seconds: 3_600,
        }
    }
}

/// How many devices a wave has: one of the two is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Wave {
    /// So many percent of all devices, rounded up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub percent: Option<u8>,
    /// So many devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub devices: Option<u32>,
}

/// When a rollout halts. Refused, rolled back, failed and silent devices are failures; both conditions count since the
/// beginning, or since a person lifted the last halt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct HaltAt {
    /// At so many failures; `null` for no such limit.
    pub failures: Option<u32>,
    /// When so many percent of the devices that have ended are failures; `null` for no such limit.
    pub percent: Option<u8>,
    /// The percentage counts from so many ended devices on; at the end of a wave it counts in any case.
    pub of_at_least: u32,
}

impl Default for HaltAt {
    fn default() -> Self {
        Self { failures: None, percent: Some(5), of_at_least: 20 }
    }
}

/// What of a plan makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// More waves than can be shown.
    #[error("waves has {0} waves: plan at most {MAX_WAVES}; what they leave is one more")]
    TooManyWaves(usize),
    /// A wave that is neither a share nor a count, or both.
    #[error("waves[{0}] must say either percent (1 to 100) or devices (1 or more)")]
    Wave(usize),
    /// A number that cannot be.
    #[error("{name} must be from {least} to {most}, not {value}")]
    Range {
        /// Of what.
        name: &'static str,
        /// The least that it can be.
        least: u64,
        /// The most.
        most: u64,
        /// What it was to be.
        value: u64,
    },
    /// A limit that stops nothing.
    #[error("halt_at must say failures, percent or both: without either nothing would stop a bad program")]
    NoLimit,
    /// The window.
    #[error("window: {0}")]
    Window(#[from] WindowError),
}

fn within(name: &'static str, value: u64, (least, most): (u64, u64)) -> Result<(), PlanError> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(PlanError::Range { name, least, most, value }) }
}

impl Plan {
    /// Whether it can be carried out.
    pub fn check(&self) -> Result<(), PlanError> {
        if self.waves.len() > MAX_WAVES {
            return Err(PlanError::TooManyWaves(self.waves.len()));
        }
        for (at, wave) in self.waves.iter().enumerate() {
            match (wave.percent, wave.devices) {
                (Some(1..=100), None) | (None, Some(1..)) => {}
                _ => return Err(PlanError::Wave(at)),
            }
        }
        let seconds = (u64::from(MIN_SECONDS), u64::from(MAX_SECONDS));
        within("pause_seconds", self.pause_seconds.into(), (0, seconds.1))?;
        within("enough_percent", self.enough_percent.into(), (1, 100))?;
        within("at_once", self.at_once.into(), (1, MAX_AT_ONCE.into()))?;
        within("fetch_within_seconds", self.fetch_within_seconds.into(), seconds)?;
        within("end_within_seconds", self.end_within_seconds.into(), seconds)?;
        within("silent_after_seconds", self.silent_after_seconds.into(), seconds)?;
        if let Some(rate) = self.bytes_per_second {
            within("bytes_per_second", rate, (MIN_BYTES_PER_SECOND, MAX_BYTES_PER_SECOND))?;
        }
        if let Some(failures) = self.halt_at.failures {
            within("halt_at.failures", failures.into(), (1, u32::MAX.into()))?;
        }
        if let Some(percent) = self.halt_at.percent {
            within("halt_at.percent", percent.into(), (1, 100))?;
        }
        within("halt_at.of_at_least", self.halt_at.of_at_least.into(), (1, u32::MAX.into()))?;
        if self.halt_at.failures.is_none() && self.halt_at.percent.is_none() {
            return Err(PlanError::NoLimit);
        }
        if let Some(window) = &self.window {
            window.check()?;
        }
        Ok(())
    }

    /// How many devices each wave has, of so many in all: none of them is empty, and together they have all.
    pub fn sizes(&self, devices: u64) -> Vec<u64> {
        let (mut left, mut sizes) = (devices, Vec::new());
        for wave in &self.waves {
            let share = wave.percent.map(|percent| devices.saturating_mul(percent.into()).div_ceil(100));
            let size = share.unwrap_or_else(|| wave.devices.unwrap_or(0).into()).min(left);
            if size > 0 {
                sizes.push(size);
            }
            left -= size;
        }
        if left > 0 {
            sizes.push(left);
        }
        sizes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn percent(percent: u8) -> Wave {
        Wave { percent: Some(percent), devices: None }
    }

    fn count(devices: u32) -> Wave {
        Wave { percent: None, devices: Some(devices) }
    }

    #[test]
    fn what_the_waves_leave_is_one_more() {
        let of = |waves: &[Wave], devices| Plan { waves: waves.to_vec(), ..Plan::default() }.sizes(devices);
        assert_eq!(of(&[], 7), [7]);
        assert_eq!(of(&[percent(5), percent(20)], 1000), [50, 200, 750]);
        assert_eq!(of(&[count(1), percent(100)], 10), [1, 9]);
        assert_eq!(of(&[percent(1)], 3), [1, 2], "rounded up");
        assert_eq!(of(&[count(10), count(10)], 5), [5], "no wave is empty");
        assert_eq!(of(&[count(10)], 0), [0_u64; 0]);
    }

    #[test]
    fn nonsense_is_refused_with_what_would_be_right() {
        let refused = |change: fn(&mut Plan)| {
            let mut plan = Plan::default();
            change(&mut plan);
            plan.check().unwrap_err().to_string()
        };
        Plan::default().check().unwrap();
        assert!(refused(|plan| plan.waves = vec![Wave::default()]).contains("waves[0]"));
        assert!(refused(|plan| plan.waves = vec![percent(0)]).contains("percent (1 to 100)"));
        assert!(refused(|plan| plan.waves = vec![count(1); 21]).contains("at most 20"));
        assert!(refused(|plan| plan.at_once = 0).contains("at_once must be from 1 to 10000, not 0"));
        assert!(refused(|plan| plan.halt_at.percent = None).contains("halt_at"));
        assert!(refused(|plan| plan.halt_at.percent = Some(101)).contains("halt_at.percent"));
        assert!(refused(|plan| plan.bytes_per_second = Some(1)).contains("1024"));
        assert!(refused(|plan| plan.silent_after_seconds = u32::MAX).contains("silent_after_seconds"));
    }

    #[test]
    fn what_an_older_manager_has_stored_is_read_with_what_is_usual() {
        assert_eq!(serde_json::from_str::<Plan>("{}").unwrap(), Plan::default());
        let one = r#"{"waves": [{"percent": 5}], "halt_at": {"failures": 3}}"#;
        let plan: Plan = serde_json::from_str(one).unwrap();
        assert_eq!((plan.waves, plan.halt_at.failures), (vec![percent(5)], Some(3)));
    }

    proptest! {
        #[test]
        fn waves_have_all_devices_and_none_is_empty(
            waves in prop::collection::vec(prop_oneof![(1_u8..=100).prop_map(percent), (1_u32..).prop_map(count)], 0..20),
            devices: u64,
        ) {
            let sizes = Plan { waves, ..Plan::default() }.sizes(devices);
            prop_assert_eq!(sizes.iter().sum::<u64>(), devices);
            prop_assert!(sizes.iter().all(|size| *size > 0));
        }
    }
}
