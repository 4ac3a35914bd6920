//! What was agreed with a customer about service calls: how soon somebody answers, and how soon the machine is repaired, counted
//! in the hours of a calendar. Pure.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::rollouts::window::{Window, zone};

/// The longest time that can be agreed, in minutes of service: eight weeks around the clock.
pub const MAX_MINUTES: u32 = 80_640;
/// Times of the week in a calendar.
pub const MAX_HOURS: usize = 14;
/// Holidays in a calendar.
pub const MAX_HOLIDAYS: usize = 200;
/// Days that are looked through for a time that is due: where a calendar has so little service that it is not reached, nothing
/// is due.
const MAX_DAYS: usize = 800;

/// What was agreed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Agreement {
    /// Somebody answers a call within so many minutes of service; `null` if nothing was agreed about that.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 80_640)]
    pub answer_minutes: Option<u32>,
    /// The machine is repaired within so many minutes of service; `null` if nothing was agreed about that.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 80_640)]
    pub repair_minutes: Option<u32>,
    /// Time zone of the calendar, by its name in the IANA database; without one, that of the device's site.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub time_zone: Option<String>,
    /// When there is service; none: around the clock. Each ends on the next day where `to` is not behind `from`.
    #[serde(default)]
    #[schema(max_items = 14)]
    pub hours: Vec<Window>,
    /// Days without service.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 200)]
    pub holidays: BTreeSet<Date>,
}

/// What of an agreement makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AgreementError(String);

/// What is due when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Due {
    /// An answer.
    pub answer: Option<Timestamp>,
    /// The repair.
    pub repair: Option<Timestamp>,
}

/// Whether something that was agreed was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// It is not over yet, and there is time.
    Running,
    /// It was done in time.
    Met,
    /// It was not, or is not and its time is over.
    Missed,
    /// The call was cancelled before.
    Dropped,
}

impl Kept {
    /// By when it was due, when it was done, and whether it will never be.
    pub fn of(due: Timestamp, done: Option<Timestamp>, dropped: bool, now: Timestamp) -> Self {
        match done {
            Some(done) if done <= due => Self::Met,
            Some(_) => Self::Missed,
            None if dropped => Self::Dropped,
            None if now > due => Self::Missed,
            None => Self::Running,
        }
    }

    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Dropped => "dropped",
        }
    }
}

impl Agreement {
    /// Whether it makes sense, apart from its time zone.
    pub fn check(&self) -> Result<(), AgreementError> {
        let wrong = |words: String| Err(AgreementError(words));
        for (name, minutes) in
            [("answer_minutes", self.answer_minutes), ("repair_minutes", self.repair_minutes)]
        {
            if minutes.is_some_and(|minutes| !(1..=MAX_MINUTES).contains(&minutes)) {
                return wrong(format!("{name} must be between 1 and {MAX_MINUTES}"));
            }
        }
        if self.hours.len() > MAX_HOURS || self.holidays.len() > MAX_HOLIDAYS {
            return wrong(format!("a calendar has at most {MAX_HOURS} hours and {MAX_HOLIDAYS} holidays"));
        }
        for window in &self.hours {
            window.check().map_err(|error| AgreementError(format!("hours: {error}")))?;
            if window.time_zone.is_some() {
                return wrong(
                    "hours: a calendar has one time zone: give it as time_zone of the agreement".to_owned(),
                );
            }
        }
        Ok(())
    }

    /// What is due when for a call that came in at a moment from a site in a time zone.
    pub fn due(&self, from: Timestamp, site: Option<&str>) -> Due {
        let zone = zone(self.time_zone.as_deref(), site);
        let after = |minutes: Option<u32>| self.after(from, minutes?, &zone);
        Due { answer: after(self.answer_minutes), repair: after(self.repair_minutes) }
    }

    /// The moment behind so many minutes of service.
    fn after(&self, from: Timestamp, minutes: u32, zone: &TimeZone) -> Option<Timestamp> {
        let mut left = SignedDuration::from_mins(i64::from(minutes));
        // What began the day before may go on.
        let mut day = from.to_zoned(zone.clone()).date().yesterday().ok()?;
        let mut reached = from;
        for _ in 0..MAX_DAYS {
            for (begin, end) in self.service_on(day, zone) {
                // Hours that lie over each other count once.
                let begin = begin.max(reached);
                let there = end.duration_since(begin);
                if there <= SignedDuration::ZERO {
                    continue;
                }
                if there >= left {
                    return begin.checked_add(left).ok();
                }
                left -= there;
                reached = end;
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// The times of service that begin on a day, the earliest first.
    fn service_on(&self, day: Date, zone: &TimeZone) -> Vec<(Timestamp, Timestamp)> {
        if self.holidays.contains(&day) {
            return Vec::new();
        }
        let whole_day = || {
            let begin = day.to_zoned(zone.clone()).ok()?.timestamp();
            Some((begin, day.tomorrow().ok()?.to_zoned(zone.clone()).ok()?.timestamp()))
        };
        let mut times: Vec<_> = if self.hours.is_empty() {
            whole_day().into_iter().collect()
        } else {
            self.hours.iter().filter_map(|window| window.on(zone, day)).collect()
        };
        times.sort_unstable();
        times
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollouts::window::Day;
    use proptest::prelude::*;

    const WORKDAYS: [Day; 5] = [Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday];

    fn window(from: &str, to: &str) -> Window {
        Window { days: WORKDAYS.to_vec(), from: from.into(), to: to.into(), time_zone: None }
    }

    fn office(minutes: u32) -> Agreement {
        Agreement {
            answer_minutes: Some(minutes),
            repair_minutes: None,
            time_zone: Some("Europe/Berlin".into()),
            hours: vec![window("08:00", "17:00")],
            holidays: ["2026-12-25".parse().unwrap()].into(),
        }
    }

    fn due(agreement: &Agreement, from: &str) -> String {
        let due = agreement.due(from.parse().unwrap(), None);
        due.answer.map_or_else(|| "never".to_owned(), |due| due.to_string())
    }

    #[test]
    fn only_hours_of_service_count_and_neither_weekends_nor_holidays() {
        // Tuesday, 2026-12-01; Berlin is an hour ahead.
        assert_eq!(due(&office(60), "2026-12-01T09:00:00Z"), "2026-12-01T10:00:00Z");
        assert_eq!(due(&office(60), "2026-12-01T04:00:00Z"), "2026-12-01T08:00:00Z", "before it opens");
        assert_eq!(due(&office(60), "2026-12-01T15:30:00Z"), "2026-12-02T07:30:00Z", "over the night");
        assert_eq!(due(&office(60), "2026-12-04T15:30:00Z"), "2026-12-07T07:30:00Z", "over the weekend");
        assert_eq!(due(&office(60), "2026-12-24T15:30:00Z"), "2026-12-28T07:30:00Z", "over Christmas");
        assert_eq!(
            due(&office(540), "2026-12-01T07:00:00Z"),
            "2026-12-01T16:00:00Z",
            "a whole day to its end"
        );
    }

    #[test]
    fn around_the_clock_every_minute_counts_and_a_holiday_does_not() {
        let mut always = Agreement { hours: Vec::new(), ..office(120) };
        assert_eq!(due(&always, "2026-12-05T23:30:00Z"), "2026-12-06T01:30:00Z");
        assert_eq!(due(&always, "2026-12-24T22:30:00Z"), "2026-12-26T00:30:00Z");
        always.answer_minutes = None;
        assert_eq!(due(&always, "2026-12-24T22:30:00Z"), "never");
    }

    #[test]
    fn hours_that_lie_over_each_other_count_once_and_a_night_goes_on() {
        let two =
            Agreement { hours: vec![window("08:00", "12:00"), window("10:00", "14:00")], ..office(360) };
        assert_eq!(due(&two, "2026-12-01T06:00:00Z"), "2026-12-01T13:00:00Z");
        let night = Agreement { hours: vec![window("22:00", "06:00")], ..office(60) };
        assert_eq!(due(&night, "2026-12-02T00:00:00Z"), "2026-12-02T01:00:00Z");
    }

    #[test]
    fn a_change_of_the_clocks_changes_no_hour_of_service() {
        // The clocks go forward in the night to 2026-03-29, a Sunday.
        let always = Agreement { hours: Vec::new(), ..office(24 * 60) };
        assert_eq!(due(&always, "2026-03-28T12:00:00Z"), "2026-03-29T12:00:00Z");
        assert_eq!(due(&office(60), "2026-03-27T15:30:00Z"), "2026-03-30T06:30:00Z");
    }

    #[test]
    fn the_site_says_the_zone_where_the_agreement_does_not() {
        let anywhere = Agreement { time_zone: None, ..office(60) };
        let from = "2026-12-01T15:00:00Z".parse().unwrap();
        assert_eq!(
            anywhere.due(from, Some("America/New_York")).answer,
            Some("2026-12-01T16:00:00Z".parse().unwrap())
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |agreement: Agreement| agreement.check().unwrap_err().to_string();
        assert!(refused(office(0)).contains("between 1 and 80640"));
        assert!(
            refused(Agreement { hours: vec![window("8", "17:00")], ..office(1) }).contains("such as 22:00")
        );
        let mut zoned = window("08:00", "17:00");
        zoned.time_zone = Some("UTC".into());
        assert!(refused(Agreement { hours: vec![zoned], ..office(1) }).contains("one time zone"));
        assert!(
            refused(Agreement { hours: vec![window("08:00", "17:00"); 15], ..office(1) })
                .contains("at most 14")
        );
        assert_eq!(office(60).check(), Ok(()));
    }

    #[test]
    fn what_is_kept_follows_from_the_times() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (due, now) = (at("2026-12-01T10:00:00Z"), at("2026-12-01T11:00:00Z"));
        assert_eq!(Kept::of(due, Some(due), false, now), Kept::Met);
        assert_eq!(Kept::of(due, Some(now), false, now), Kept::Missed);
        assert_eq!(Kept::of(due, None, false, now), Kept::Missed);
        assert_eq!(Kept::of(now, None, false, due), Kept::Running);
        assert_eq!(Kept::of(now, None, true, due), Kept::Dropped);
    }

    proptest! {
        #[test]
        fn more_time_is_never_due_earlier_and_nothing_is_due_before_it_came(
            minutes in 1_u32..2_000, more in 1_u32..500, second in 1_790_000_000_i64..1_800_000_000
        ) {
            let from = Timestamp::from_second(second).unwrap();
            let due = |minutes| office(minutes).due(from, None).answer.unwrap();
            prop_assert!(due(minutes) > from);
            prop_assert!(due(minutes + more) > due(minutes));
        }
    }
}
