//! What a manager can set on a device: thresholds and intervals, by name.
//!
//! A value is a whole number in the unit that the name ends with. A device says in `platen status` what
//! applies and who set it.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::limits::{MAX_ID_CHARS, MAX_PROGRAMS_SECONDS, MAX_SET_DAYS, MAX_SET_PAGES, MIN_PROGRAMS_SECONDS};

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SettingKey {
    /// `sample.interval-seconds`: how often everything is read.
    SampleInterval,
    /// `utilisation.interval-seconds`: how often the utilisation state is reported.
    UtilisationInterval,
    /// `programs.interval-seconds`: how often the device asks for programs.
    ProgramsInterval,
    /// `judge.hysteresis-percent`: percent above the set value at which a level alert ends.
    Hysteresis,
    /// `judge.debounce-samples`: samples in a row that must agree.
    DebounceSamples,
    /// `judge.part-percent`: percent of its life at or below which a part is reported.
    PartPercent,
    /// `supply.NAME.set-percent`: percent of its capacity at or below which that supply is reported.
    SupplyPercent(String),
    /// `supply.NAME.set-pages`: pages at or below which that supply is reported; 0 is never.
    SupplyPages(String),
    /// `supply.NAME.set-days`: days at or below which that supply is reported; 0 is never.
    SupplyDays(String),
    /// `part.NAME.set-percent`: percent of its life at or below which that part is reported.
    PartSetPercent(String),
}

impl SettingKey {
    /// The values that it can have.
    pub fn bounds(&self) -> RangeInclusive<u32> {
        match self {
            Self::SampleInterval => 1..=60,
            Self::UtilisationInterval => 10..=86_400,
            Self::ProgramsInterval => MIN_PROGRAMS_SECONDS..=MAX_PROGRAMS_SECONDS,
            Self::Hysteresis => 0..=50,
            Self::DebounceSamples => 1..=20,
            Self::PartPercent | Self::SupplyPercent(_) | Self::PartSetPercent(_) => 0..=100,
            Self::SupplyPages(_) => 0..=MAX_SET_PAGES,
            Self::SupplyDays(_) => 0..=MAX_SET_DAYS,
        }
    }

    /// The names of all settings as regular expressions (ECMA-262), each with the values that it can have.
    pub fn patterns() -> Vec<(String, RangeInclusive<u32>)> {
        let any = || "NAME".to_owned();
        let all = [
            Self::SampleInterval,
            Self::UtilisationInterval,
            Self::ProgramsInterval,
            Self::Hysteresis,
            Self::DebounceSamples,
            Self::PartPercent,
            Self::SupplyPercent(any()),
            Self::SupplyPages(any()),
            Self::SupplyDays(any()),
            Self::PartSetPercent(any()),
        ];
        let named = format!("[a-z0-9-]{{1,{MAX_ID_CHARS}}}");
        let pattern = |key: &Self| key.to_string().replace('.', "\\.").replace("NAME", &named);
        all.iter().map(|key| (format!("^{}$", pattern(key)), key.bounds())).collect()
    }

    /// Whether it can have a value.
    ///
    /// # Errors
    /// When the value is outside of [`Self::bounds`].
    pub fn check(&self, value: u32) -> Result<(), OutOfBounds> {
        if self.bounds().contains(&value) {
            return Ok(());
        }
        Err(OutOfBounds { key: self.clone(), value })
    }

    /// The supply or part that it is about, if it is about one.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::SupplyPercent(name)
            | Self::SupplyPages(name)
            | Self::SupplyDays(name)
            | Self::PartSetPercent(name) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for SettingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SampleInterval => f.write_str("sample.interval-seconds"),
            Self::UtilisationInterval => f.write_str("utilisation.interval-seconds"),
            Self::ProgramsInterval => f.write_str("programs.interval-seconds"),
            Self::Hysteresis => f.write_str("judge.hysteresis-percent"),
            Self::DebounceSamples => f.write_str("judge.debounce-samples"),
            Self::PartPercent => f.write_str("judge.part-percent"),
            Self::SupplyPercent(name) => write!(f, "supply.{name}.set-percent"),
            Self::SupplyPages(name) => write!(f, "supply.{name}.set-pages"),
            Self::SupplyDays(name) => write!(f, "supply.{name}.set-days"),
            Self::PartSetPercent(name) => write!(f, "part.{name}.set-percent"),
        }
    }
}

/// A value that a setting cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfBounds {
    /// Which setting.
    pub key: SettingKey,
    /// What it was to be.
    pub value: u32,
}

impl fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = self.key.bounds().into_inner();
        write!(f, "{} must be between {least} and {most}, not {}", self.key, self.value)
    }
}

impl std::error::Error for OutOfBounds {}

/// A text that names no setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSetting(pub String);

impl fmt::Display for UnknownSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a setting; the settings are sample.interval-seconds, utilisation.interval-seconds, \
             programs.interval-seconds, judge.hysteresis-percent, judge.debounce-samples, judge.part-percent, supply.NAME.set-percent, \
             supply.NAME.set-pages, supply.NAME.set-days and part.NAME.set-percent",
            self.0
        )
    }
}

impl std::error::Error for UnknownSetting {}

impl FromStr for SettingKey {
    type Err = UnknownSetting;

    fn from_str(text: &str) -> Result<Self, UnknownSetting> {
        let named = |name: &str| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            let good = !name.is_empty() && name.len() <= MAX_ID_CHARS && name.chars().all(plain);
            good.then(|| name.to_owned())
        };
        let words: Vec<&str> = text.split('.').collect();
        let key = match *words.as_slice() {
            ["sample", "interval-seconds"] => Some(Self::SampleInterval),
            ["utilisation", "interval-seconds"] => Some(Self::UtilisationInterval),
            ["programs", "interval-seconds"] => Some(Self::ProgramsInterval),
            ["judge", "hysteresis-percent"] => Some(Self::Hysteresis),
            ["judge", "debounce-samples"] => Some(Self::DebounceSamples),
            ["judge", "part-percent"] => Some(Self::PartPercent),
            ["supply", name, "set-percent"] => named(name).map(Self::SupplyPercent),
            ["supply", name, "set-pages"] => named(name).map(Self::SupplyPages),
            ["supply", name, "set-days"] => named(name).map(Self::SupplyDays),
            ["part", name, "set-percent"] => named(name).map(Self::PartSetPercent),
            _ => None,
        };
        key.ok_or_else(|| UnknownSetting(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_unknown_setting_is_answered_with_those_that_there_are() {
        for text in
            ["", "sample", "sample.interval", "supply..set-percent", "supply.Black.set-percent", "a.b.c.d"]
        {
            let refused = text.parse::<SettingKey>().unwrap_err().to_string();
            assert!(refused.contains("supply.NAME.set-percent"), "{refused}");
        }
    }

    #[test]
    fn the_patterns_are_of_the_names_that_parse() {
        let patterns = SettingKey::patterns();
        assert!(patterns.contains(&("^judge\\.part-percent$".to_owned(), 0..=100)), "{patterns:?}");
        assert!(
            patterns.contains(&("^supply\\.[a-z0-9-]{1,64}\\.set-days$".to_owned(), 0..=MAX_SET_DAYS)),
            "{patterns:?}"
        );
        for (pattern, bounds) in patterns {
            let name = pattern.trim_matches(['^', '$']).replace("[a-z0-9-]{1,64}", "x-1").replace('\\', "");
            assert_eq!(name.parse::<SettingKey>().unwrap().bounds(), bounds, "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_prints_the_same(text in "(sample|judge|supply|part)(\\.[a-z-]{1,20}){1,2}") {
            if let Ok(key) = text.parse::<SettingKey>() {
                prop_assert_eq!(key.to_string(), text);
            }
        }

        #[test]
        fn what_prints_parses_the_same(name in "[a-z0-9-]{1,32}") {
            for key in [SettingKey::SupplyPages(name.clone()), SettingKey::PartSetPercent(name)] {
                prop_assert_eq!(key.to_string().parse::<SettingKey>().unwrap(), key);
            }
        }
    }
}
