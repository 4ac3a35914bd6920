//! When something is printed by itself: at a time of day, by the clocks of a place. Pure.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Days that are looked at for the next one: those of two months.
const DAYS_AHEAD: i32 = 62;

/// Which days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Days {
    /// Every day.
    Daily,
    /// Monday to Friday.
    Weekdays,
    /// The first of each month.
    FirstOfMonth,
}

impl Days {
    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Daily => "every day",
            Self::Weekdays => "Monday to Friday",
            Self::FirstOfMonth => "on the first of the month",
        }
    }
}

/// The next moment behind another at which it is that time of such a day there. A time that the clocks leave out is the moment
/// at which they go on, and one that comes twice is the first.
pub fn next(days: Days, at: Time, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let today = zone.to_datetime(after).date();
    (0..=DAYS_AHEAD).find_map(|ahead| {
        let day = today.checked_add(ahead.days()).ok()?;
        let is_one = match days {
            Days::Daily => true,
            Days::Weekdays => !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday),
            Days::FirstOfMonth => day.day() == 1,
        };
        let moment = day.to_datetime(at).to_zoned(zone.clone()).ok()?.timestamp();
        (is_one && moment > after).then_some(moment)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_time_is_by_the_clocks_of_the_place_also_when_they_change() {
        let (berlin, seven) = (TimeZone::get("Europe/Berlin").unwrap(), "07:00".parse().unwrap());
        let next = |days, after| next(days, seven, &berlin, at(after)).unwrap().to_string();
        assert_eq!(next(Days::Weekdays, "2026-12-01T05:59:59Z"), "2026-12-01T06:00:00Z");
        assert_eq!(next(Days::Weekdays, "2026-12-01T06:00:00Z"), "2026-12-02T06:00:00Z");
        assert_eq!(next(Days::Weekdays, "2026-12-04T12:00:00Z"), "2026-12-07T06:00:00Z", "over the weekend");
        assert_eq!(next(Days::Daily, "2026-10-24T12:00:00Z"), "2026-10-25T06:00:00Z", "winter begins");
        assert_eq!(next(Days::FirstOfMonth, "2026-12-01T06:00:00Z"), "2027-01-01T06:00:00Z");
    }

    #[test]
    fn a_time_that_the_clocks_leave_out_is_not_left_out() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let found = next(Days::Daily, "02:30".parse().unwrap(), &berlin, at("2026-03-28T12:00:00Z"));
        assert_eq!(found, Some(at("2026-03-29T01:30:00Z")));
    }
}
