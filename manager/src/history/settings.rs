//! How long what is kept how finely: the `[history]` of `manager.toml`.

use serde::Deserialize;

use super::{DAY_MS, Resolution};
use crate::limits::within;

/// Days of a year, of which a few are longer.
const YEAR_DAYS: i64 = 366;

/// How long levels, lives, counters and temperatures are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Days for which every value is kept: 1 to 3,660.
    #[serde(deserialize_with = "within::<_, 1, 3_660>")]
    pub raw_days: u32,
    /// Days for which the values of each hour are kept: 1 to 3,660.
    #[serde(deserialize_with = "within::<_, 1, 3_660>")]
    pub hourly_days: u32,
    /// Years for which the values of each day are kept: 1 to 50.
    #[serde(deserialize_with = "within::<_, 1, 50>")]
    pub daily_years: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { raw_days: 30, hourly_days: 365, daily_years: 10 }
    }
}

impl Settings {
    /// For how long, in milliseconds.
    pub fn kept_ms(&self, resolution: Resolution) -> i64 {
        let days = match resolution {
            Resolution::Raw => i64::from(self.raw_days),
            Resolution::Hour => i64::from(self.hourly_days),
            Resolution::Day => i64::from(self.daily_years) * YEAR_DAYS,
        };
        days * DAY_MS
    }

    /// What begins before this moment is not kept any more. Whole blocks are let go of.
    pub fn horizon(&self, resolution: Resolution, now: i64) -> i64 {
        resolution.block_of(now.saturating_sub(self.kept_ms(resolution)))
    }

    /// The finest resolution that still has all of a time.
    pub fn finest(&self, from: i64, now: i64) -> Resolution {
        let reaches = |resolution: &Resolution| from >= now.saturating_sub(self.kept_ms(*resolution));
        Resolution::ALL.into_iter().find(reaches).unwrap_or(Resolution::Day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_longer_ago_is_told_less_finely() {
        let settings = Settings::default();
        let now = 2_000 * DAY_MS;
        assert_eq!(settings.finest(now - DAY_MS, now), Resolution::Raw);
        assert_eq!(settings.finest(now - 31 * DAY_MS, now), Resolution::Hour);
        assert_eq!(settings.finest(now - 366 * DAY_MS, now), Resolution::Day);
        assert_eq!(settings.finest(i64::MIN, now), Resolution::Day);
    }
}
