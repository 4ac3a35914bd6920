//! What a device's levels, lives, counters and temperatures were: which values a report has ([`values`]), how they are
//! thinned as they age ([`rows`]), how they are written down ([`block`]), and how they are told with their gaps
//! ([`points`]). Pure.
//!
//! What was not known is never a number here: a value that could not be read, one that stood still because the printer
//! slept, and a time in which nothing was heard of the device are each told as what they are. Thinning keeps the last,
//! the lowest and the highest value of an hour or a day: a level's last is what was left, a counter's last is what
//! meters go by, and a temperature wants its range.

pub mod block;
pub mod depletion;
pub mod points;
pub mod rows;
mod settings;
pub mod values;

use std::fmt;
use std::str::FromStr;

use platen_protocol::limits::MAX_TEXT_CHARS;
use serde::{Deserialize, Serialize};

pub use settings::Settings;

/// Milliseconds of an hour and of a day.
pub const HOUR_MS: i64 = 3_600_000;
/// Milliseconds of a day.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// How finely something is kept.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// As it was reported.
    Raw,
    /// The last, the lowest and the highest of each hour, in UTC.
    Hour,
    /// The same of each day, in UTC.
    Day,
}

impl Resolution {
    /// From the finest.
    pub const ALL: [Self; 3] = [Self::Raw, Self::Hour, Self::Day];

    /// The beginning of the hour or day in which a moment lies; of what is not thinned, the moment.
    pub fn bucket(self, at: i64) -> i64 {
        match self {
            Self::Raw => at,
            Self::Hour => floor(at, HOUR_MS),
            Self::Day => floor(at, DAY_MS),
        }
    }

    /// How much time one stored block has. A block is written anew whenever something is added to it.
    pub const fn block_ms(self) -> i64 {
        match self {
            Self::Raw | Self::Hour => DAY_MS,
            Self::Day => 32 * DAY_MS,
        }
    }

    /// The beginning of the block in which a moment lies.
    pub fn block_of(self, at: i64) -> i64 {
        floor(at, self.block_ms())
    }
}

fn floor(at: i64, unit: i64) -> i64 {
    at.saturating_sub(at.rem_euclid(unit))
}

/// In which list of a device's readings something is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// A supply: its level.
    Supply,
    /// A part: how much of its life is used.
    Part,
    /// A temperature.
    Temperature,
    /// A counter of pages.
    Counter,
}

impl SubjectKind {
    /// Each of them, in the order in which people see them.
    pub const ALL: [Self; 4] = [Self::Supply, Self::Part, Self::Temperature, Self::Counter];

    /// The word in addresses and answers.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Supply => "supply",
            Self::Part => "part",
            Self::Temperature => "temperature",
            Self::Counter => "counter",
        }
    }
}

/// Something that has a value over time, written as `supply.black` or `counter.impressions`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// In which list.
    pub kind: SubjectKind,
    /// Its name there.
    pub name: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind.word(), self.name)
    }
}

/// A text that names nothing that could have a history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the name of something that has a history: write its list and its name, such as supply.black, part.drum, temperature.fuser or counter.impressions"
)]
pub struct UnknownSubject(pub String);

impl FromStr for Subject {
    type Err = UnknownSubject;

    fn from_str(text: &str) -> Result<Self, UnknownSubject> {
        let (kind, name) = text.split_once('.').ok_or_else(|| UnknownSubject(text.to_owned()))?;
        let kind = SubjectKind::ALL.into_iter().find(|known| known.word() == kind);
        let is_name = !name.is_empty() && name.chars().count() <= MAX_TEXT_CHARS;
        kind.filter(|_| is_name)
            .map(|kind| Self { kind, name: name.to_owned() })
            .ok_or_else(|| UnknownSubject(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_hour_and_a_day_begin_where_those_of_utc_do() {
        let at = 1_764_487_137_000; // 2025-11-30T07:18:57Z
        assert_eq!(Resolution::Hour.bucket(at), 1_764_486_000_000);
        assert_eq!(Resolution::Day.bucket(at), 1_764_460_800_000);
        assert_eq!(Resolution::Hour.bucket(-1), -HOUR_MS, "before 1970 as well");
        assert_eq!(Resolution::Raw.bucket(at), at);
    }

    #[test]
    fn what_names_no_subject_is_refused_with_what_to_write() {
        for text in ["", "black", "supply.", "toner.black", ".", "Supply.black"] {
            let error = text.parse::<Subject>().unwrap_err().to_string();
            assert!(error.contains("supply.black"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_subject_comes_back(kind in 0_usize..4, name in ".{1,60}") {
            let subject = Subject { kind: SubjectKind::ALL[kind], name };
            prop_assert_eq!(subject.to_string().parse(), Ok(subject));
        }

        #[test]
        fn a_bucket_lies_within_its_block(at in -10_000_000_000_000_i64..10_000_000_000_000) {
            for resolution in Resolution::ALL {
                let bucket = resolution.bucket(at);
                prop_assert_eq!(resolution.bucket(bucket), bucket);
                prop_assert_eq!(resolution.block_of(bucket), resolution.block_of(at));
            }
        }
    }
}
