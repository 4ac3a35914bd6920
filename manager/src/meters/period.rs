//! A month, such as 2026-11.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::Window;

/// Years that a statement can be of: those of four digits in which there can be readings.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=9998;

/// A month of the calendar. When it begins and ends is up to the time zone of who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    first: Date,
}

/// A text that is no month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a month: write its year and its number, such as 2026-11")]
pub struct BadPeriod(pub String);

impl Period {
    /// The month of a moment.
    pub fn of(now: Timestamp, zone: &TimeZone) -> Self {
        Self { first: zone.to_datetime(now).date().first_of_month() }
    }

    /// From its first moment up to that of the next month, in a time zone.
    pub fn window(self, zone: &TimeZone) -> Window {
        let begin = |date: Date| {
            // A date of YEARS has a moment in every time zone.
            date.to_zoned(zone.clone()).map_or(0, |zoned| zoned.timestamp().as_millisecond())
        };
        Window { from: begin(self.first), until: begin(self.next().first) }
    }

    /// The month before.
    #[must_use]
    pub fn previous(self) -> Self {
        Self { first: self.first.checked_sub(1.month()).unwrap_or(self.first) }
    }

    /// The month after.
    #[must_use]
    pub fn next(self) -> Self {
        Self { first: self.first.checked_add(1.month()).unwrap_or(self.first) }
    }

    /// For people: `November 2026`.
    pub fn words(self) -> String {
        self.first.strftime("%B %Y").to_string()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.first.year(), self.first.month())
    }
}

impl FromStr for Period {
    type Err = BadPeriod;

    fn from_str(text: &str) -> Result<Self, BadPeriod> {
        let bad = || BadPeriod(text.chars().take(20).collect());
        let is_form = text.len() == 7 && text.as_bytes().get(4) == Some(&b'-');
        let digits = |part: Option<&str>| {
            part.filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|part| part.parse().ok())
        };
        let year: i16 =
            digits(text.get(..4)).filter(|year| is_form && YEARS.contains(year)).ok_or_else(bad)?;
        let month: i16 = digits(text.get(5..)).ok_or_else(bad)?;
        let month = i8::try_from(month).map_err(|_is_no_month| bad())?;
        Date::new(year, month, 1).map(|first| Self { first }).map_err(|_is_no_date| bad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn a_month_begins_and_ends_where_it_does_at_the_device() {
        let november: Period = "2026-11".parse().unwrap();
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let window = november.window(&berlin);
        assert_eq!((window.from, window.until), (at("2026-10-31T23:00:00Z"), at("2026-11-30T23:00:00Z")));
        let october = november.previous().window(&berlin);
        assert_eq!(
            (october.from, october.until),
            (at("2026-09-30T22:00:00Z"), window.from),
            "summer ends in it"
        );
        let utc = november.window(&TimeZone::UTC);
        assert_eq!((utc.from, utc.until), (at("2026-11-01T00:00:00Z"), at("2026-12-01T00:00:00Z")));
    }

    #[test]
    fn months_follow_each_other_and_have_words() {
        let december: Period = "2026-12".parse().unwrap();
        assert_eq!(december.next().to_string(), "2027-01");
        assert_eq!(december.next().previous(), december);
        assert_eq!(december.words(), "December 2026");
        let late: Timestamp = "2026-11-30T23:30:00Z".parse().unwrap();
        assert_eq!(Period::of(late, &TimeZone::get("Europe/Berlin").unwrap()), december);
    }

    #[test]
    fn what_is_no_month_is_refused_with_what_to_write() {
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-1",
            "26-11",
            "2026/11",
            "+026-11",
            "1969-12",
            "２０２６-11",
        ] {
            let error = text.parse::<Period>().unwrap_err().to_string();
            assert!(error.contains("2026-11"), "{text}: {error}");
        }
    }
}
