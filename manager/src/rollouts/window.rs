//! When devices may be given a program: by the time at the device, on days of the week.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

/// Days that are looked through for the next opening: a week, and the day before, whose night may go on.
const DAYS: std::ops::RangeInclusive<i64> = -1..=8;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they are the days of the week")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    /// All of them, in their order.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// Its word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Tuesday => "tuesday",
            Self::Wednesday => "wednesday",
            Self::Thursday => "thursday",
            Self::Friday => "friday",
            Self::Saturday => "saturday",
            Self::Sunday => "sunday",
        }
    }

    /// By the calendar's.
    pub const fn of(weekday: Weekday) -> Self {
        match weekday {
            Weekday::Monday => Self::Monday,
            Weekday::Tuesday => Self::Tuesday,
            Weekday::Wednesday => Self::Wednesday,
            Weekday::Thursday => Self::Thursday,
            Weekday::Friday => Self::Friday,
            Weekday::Saturday => Self::Saturday,
            Weekday::Sunday => Self::Sunday,
        }
    }
}

/// When devices may be given a program, by the time at each. It ends on the next day where `to` is not behind `from`, and
/// then belongs to the day on which it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Window {
    /// On which days it begins; none: on each.
    #[serde(default)]
    #[schema(max_items = 7)]
    pub days: Vec<Day>,
    /// When it begins, as `22:00`.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub from: String,
    /// When it ends, as `05:00`.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub to: String,
    /// The time zone of devices of which nobody has said one, by its name in the IANA database; UTC without it.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub time_zone: Option<String>,
}

/// What of a window makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// No time of a day.
    #[error("{name} must be a time of the day such as 22:00, not {value:?}")]
    Time {
        /// Which of the two.
        name: &'static str,
        /// What stood there.
        value: String,
    },
    /// A day twice.
    #[error("days names a day twice")]
    Days,
}

/// How a window stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It is open until then.
    Until(Timestamp),
    /// It opens then.
    From(Timestamp),
}

/// A time of the day by its text.
fn time(name: &'static str, text: &str) -> Result<Time, WindowError> {
    let wrong = || WindowError::Time { name, value: text.chars().take(20).collect() };
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let number = |digits: &str| {
        let two = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
        two.then(|| digits.parse::<i8>().ok()).flatten()
    };
    let (hour, minute) = number(hour).zip(number(minute)).ok_or_else(wrong)?;
    Time::new(hour, minute, 0, 0).ok().ok_or_else(wrong)
}

impl Window {
    /// Whether there are such days and times.
    pub fn check(&self) -> Result<(), WindowError> {
        time("from", &self.from)?;
        time("to", &self.to)?;
        let mut days = self.days.clone();
        days.sort_unstable();
        days.dedup();
        if days.len() == self.days.len() { Ok(()) } else { Err(WindowError::Days) }
    }

    /// When it opens and ends if it begins on this day where the clocks are in this zone; none on other days, and where a
    /// change of the clocks swallows all of it.
    pub fn on(&self, zone: &TimeZone, day: Date) -> Option<(Timestamp, Timestamp)> {
        let (from, to) = (time("from", &self.from).ok()?, time("to", &self.to).ok()?);
        if !self.days.is_empty() && !self.days.contains(&Day::of(day.weekday())) {
            return None;
        }
        let last_day = if to > from { day } else { day.tomorrow().ok()? };
        let at = |date: Date, time: Time| {
            let zoned = date.to_datetime(time).to_zoned(zone.clone()).ok()?;
            Some(zoned.timestamp())
        };
        let (begin, end) = (at(day, from)?, at(last_day, to)?);
        (begin < end).then_some((begin, end))
    }

    /// How it stands where the clocks are in this zone. A time that a change of the clocks skips is the one behind the
    /// change, and of one that comes twice the first is meant.
    pub fn opening(&self, zone: &TimeZone, now: Timestamp) -> Opening {
        // What was stored without having been checked is open: it holds up nobody for ever.
        let (Ok(from), Ok(to)) = (time("from", &self.from), time("to", &self.to)) else {
            return Opening::Until(Timestamp::MAX);
        };
        let today = now.to_zoned(zone.clone()).date();
        let at =
            |date: Date, time: Time| date.to_datetime(time).to_zoned(zone.clone()).map(|it| it.timestamp());
        let mut next: Option<Timestamp> = None;
        for offset in DAYS {
            let Ok(day) = today.checked_add(offset.days()) else { continue };
            if !self.days.is_empty() && !self.days.contains(&Day::of(day.weekday())) {
                continue;
            }
            let last_day = if to > from { Ok(day) } else { day.tomorrow() };
            let Ok((begin, end)) = last_day.and_then(|last_day| Ok((at(day, from)?, at(last_day, to)?)))
            else {
                continue;
            };
            if begin <= now && now < end {
                return Opening::Until(end);
            }
            // A change of the clocks may have swallowed all of it.
            if begin > now && begin < end {
                next = Some(next.map_or(begin, |next| next.min(begin)));
            }
        }
        next.map_or(Opening::Until(Timestamp::MAX), Opening::From)
    }
}

/// A time zone by its name; UTC where there is none of that name here.
pub fn zone(of_device: Option<&str>, of_plan: Option<&str>) -> TimeZone {
    let named = of_device.or(of_plan);
    named.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(days: &[Day], from: &str, to: &str) -> Window {
        Window { days: days.to_vec(), from: from.into(), to: to.into(), time_zone: None }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn berlin() -> TimeZone {
        zone(Some("Europe/Berlin"), None)
    }

    #[test]
    fn words_of_days_are_those_on_the_wire() {
        for day in Day::ALL {
            assert_eq!(serde_json::to_value(day).unwrap(), day.word());
        }
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_began() {
        let fridays = window(&[Day::Friday], "22:00", "05:00");
        // 2026-11-27 is a Friday; Berlin is an hour ahead.
        assert_eq!(
            fridays.opening(&berlin(), at("2026-11-27T20:59:59Z")),
            Opening::From(at("2026-11-27T21:00:00Z"))
        );
        assert_eq!(
            fridays.opening(&berlin(), at("2026-11-27T21:00:00Z")),
            Opening::Until(at("2026-11-28T04:00:00Z"))
        );
        assert_eq!(
            fridays.opening(&berlin(), at("2026-11-28T03:59:59Z")),
            Opening::Until(at("2026-11-28T04:00:00Z"))
        );
        assert_eq!(
            fridays.opening(&berlin(), at("2026-11-28T04:00:00Z")),
            Opening::From(at("2026-12-04T21:00:00Z"))
        );
    }

    #[test]
    fn the_same_window_is_open_at_other_times_elsewhere() {
        let noon = window(&[], "12:00", "13:00");
        let now = at("2026-11-30T11:30:00Z");
        assert_eq!(noon.opening(&berlin(), now), Opening::Until(at("2026-11-30T12:00:00Z")));
        let new_york = zone(None, Some("America/New_York"));
        assert_eq!(noon.opening(&new_york, now), Opening::From(at("2026-11-30T17:00:00Z")));
        assert_eq!(
            noon.opening(&zone(Some("No/Where"), None), now),
            Opening::From(at("2026-11-30T12:00:00Z"))
        );
    }

    #[test]
    fn a_change_of_the_clocks_moves_the_window_with_them() {
        let early = window(&[], "02:15", "02:45");
        // On 2026-03-29 02:00 is 03:00 in Berlin: 02:15 there is none, and what it is moved to ends as late.
        assert_eq!(
            early.opening(&berlin(), at("2026-03-29T00:30:00Z")),
            Opening::From(at("2026-03-29T01:15:00Z"))
        );
        // On 2026-10-25 02:15 comes twice: it is open from the first until the first 02:45.
        assert_eq!(
            early.opening(&berlin(), at("2026-10-25T00:20:00Z")),
            Opening::Until(at("2026-10-25T00:45:00Z"))
        );
        assert_eq!(
            early.opening(&berlin(), at("2026-10-25T01:20:00Z")),
            Opening::From(at("2026-10-26T01:15:00Z"))
        );
    }

    #[test]
    fn nonsense_is_named() {
        for wrong in ["24:00", "7:00", "12", "12:60", "ab:cd", "-1:00", "+1:00"] {
            assert!(window(&[], wrong, "05:00").check().unwrap_err().to_string().contains("from"), "{wrong}");
        }
        assert_eq!(window(&[Day::Monday, Day::Monday], "01:00", "02:00").check(), Err(WindowError::Days));
        window(&[Day::Sunday], "00:00", "00:00").check().unwrap();
    }

    proptest! {
        #[test]
        fn what_is_open_closes_and_what_is_shut_opens(
            seconds in 0_i64..4_000_000_000, from in 0_i32..1440, to in 0_i32..1440, day in 0_usize..8, zone_at in 0_usize..4,
        ) {
            let days = [Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday, Day::Saturday, Day::Sunday];
            let days: Vec<Day> = days.get(day).copied().into_iter().collect();
            let text = |minutes: i32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
            let window = window(&days, &text(from), &text(to));
            let zone = zone(Some(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"][zone_at]), None);
            let now = Timestamp::from_second(seconds).unwrap();
            match window.opening(&zone, now) {
                Opening::Until(end) => prop_assert!(end > now),
                Opening::From(begin) => {
                    prop_assert!(begin > now);
                    prop_assert!(matches!(window.opening(&zone, begin), Opening::Until(_)));
                    let just_before = begin - jiff::SignedDuration::from_millis(1);
                    prop_assert_eq!(window.opening(&zone, just_before), Opening::From(begin));
                }
            }
        }
    }
}
