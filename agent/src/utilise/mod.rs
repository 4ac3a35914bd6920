//! The utilisation state: when it is due, and what the printer did since the last one ([`activity`]).

pub mod activity;

use std::time::Duration;

use serde::Deserialize;

use crate::units;

pub use activity::ActivityMeter;

/// `[utilisation]` of agent.toml.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UtilisationConfig {
    /// How often it is reported: 10 s to one day.
    #[serde(deserialize_with = "units::period::<_, 10_000, 86_400_000>")]
    pub interval: Duration,
}

impl Default for UtilisationConfig {
    fn default() -> Self {
        Self { interval: Duration::from_secs(15 * 60) }
    }
}

/// How long after the start the first one is due: a point in the interval that belongs to the device,
/// so that a fleet that was switched on together does not report together.
pub fn first_after(device: &str, interval: Duration) -> Duration {
    let digest = ring::digest::digest(&ring::digest::SHA256, device.as_bytes());
    let share = digest.as_ref().iter().take(4).fold(0_u32, |share, byte| (share << 8) | u32::from(*byte));
    interval.mul_f64(f64::from(share) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_one_fleet_spread_over_the_interval() {
        let interval = Duration::from_secs(900);
        let mut quarters = [0_u32; 4];
        for device in 0..400 {
            let first = first_after(&format!("printer-{device}"), interval);
            assert!(first <= interval);
            quarters[usize::try_from((first.as_secs() / 225).min(3)).unwrap()] += 1;
        }
        assert!(quarters.iter().all(|devices| *devices > 60), "{quarters:?}");
    }
}
