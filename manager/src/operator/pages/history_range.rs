//! From when to when a history is looked at, and how one goes from there to what is before, behind, nearer and wider. Pure.

use jiff::Timestamp;

use crate::history::DAY_MS;

/// No longer than this is looked at, in days.
pub(super) const MAX_DAYS: i64 = 3_660;
/// No nearer than this.
const NEAREST_MS: i64 = 10 * 60_000;

fn words(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: i64,
    pub(super) to: i64,
    /// Whether it ends now, and goes on with the time.
    pub(super) is_up_to_now: bool,
    pub(super) now: i64,
}

impl Range {
    /// So many days, up to now.
    pub(super) fn days(days: i64, now: i64) -> Self {
        Self { from: now.saturating_sub(days * DAY_MS), to: now, is_up_to_now: true, now }
    }

    /// What somebody asked for; why it cannot be.
    pub(super) fn of(
        days: Option<i64>,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, String> {
        let now = now.as_millisecond();
        match (days, from, to) {
            (Some(days), None, None) if (1..=MAX_DAYS).contains(&days) => Ok(Self::days(days, now)),
            (Some(days), None, None) => Err(format!("days must be between 1 and {MAX_DAYS}, not {days}")),
            (None, Some(from), to) => {
                let from = from.as_millisecond();
                let to = to.map_or(now, |to| to.as_millisecond().min(now));
                if from >= to {
                    return Err("from must be before to, and before now".to_owned());
                }
                if to - from > MAX_DAYS * DAY_MS {
                    return Err(format!("from and to must be within {MAX_DAYS} days of each other"));
                }
                Ok(Self { from, to, is_up_to_now: to == now, now })
            }
            _ => Err("give either days, or from and to".to_owned()),
        }
    }

    /// When it begins.
    pub(super) fn begin(&self) -> Timestamp {
        Timestamp::from_millisecond(self.from).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// When it ends.
    pub(super) fn end(&self) -> Timestamp {
        Timestamp::from_millisecond(self.to).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    pub(super) const fn span(&self) -> i64 {
        self.to - self.from
    }

    fn moved(&self, from: i64, to: i64) -> Self {
        let to = to.min(self.now);
        Self { from: from.min(to - NEAREST_MS), to, is_up_to_now: to == self.now, now: self.now }
    }

    /// Where one can go from here, in words.
    pub(super) fn moves(&self) -> Vec<(&'static str, Self)> {
        let span = self.span();
        let mut moves = vec![("Earlier", self.moved(self.from - span / 2, self.to - span / 2))];
        if !self.is_up_to_now {
            let by = (span / 2).min(self.now - self.to);
            moves.push(("Later", self.moved(self.from + by, self.to + by)));
        }
        if span / 2 >= NEAREST_MS {
            // What is newest stays in sight.
            let (from, to) = if self.is_up_to_now {
                (self.from + span / 2, self.to)
            } else {
                (self.from + span / 4, self.to - span / 4)
            };
            moves.push(("Nearer", self.moved(from, to)));
        }
        if span * 2 <= MAX_DAYS * DAY_MS {
            let to = if self.is_up_to_now { self.to } else { self.to + span / 2 };
            let to = to.min(self.now);
            moves.push(("Wider", self.moved(to - span * 2, to)));
        }
        moves
    }

    /// The same in an address.
    pub(super) fn query(&self) -> String {
        let days = self.span() / DAY_MS;
        if self.is_up_to_now && days >= 1 && days * DAY_MS == self.span() {
            return format!("days={days}");
        }
        if self.is_up_to_now { format!("from={}", words(self.begin())) } else { self.query_of_both() }
    }

    /// The same with both ends, which stay where they are.
    pub(super) fn query_of_both(&self) -> String {
        format!("from={}&to={}", words(self.begin()), words(self.end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-22T10:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn one_asks_for_days_or_for_moments_and_not_for_nonsense() {
        let of =
            |days, from: Option<&str>, to: Option<&str>| Range::of(days, from.map(at), to.map(at), at(NOW));
        assert_eq!(of(Some(30), None, None).unwrap().query(), "days=30");
        let range = of(None, Some("2026-11-01T00:00:00Z"), Some("2026-11-05T00:00:00Z")).unwrap();
        assert_eq!(range.query(), "from=2026-11-01T00:00:00Z&to=2026-11-05T00:00:00Z");
        let up_to_now = of(None, Some("2026-11-01T00:00:00Z"), Some("2027-01-01T00:00:00Z")).unwrap();
        assert!(up_to_now.is_up_to_now && up_to_now.query() == "from=2026-11-01T00:00:00Z");
        for (days, from, to) in [
            (Some(0), None, None),
            (Some(3_661), None, None),
            (Some(3), Some(NOW), None),
            (None, None, Some(NOW)),
            (None, Some("2026-11-23T00:00:00Z"), None),
            (None, Some("2026-11-05T00:00:00Z"), Some("2026-11-01T00:00:00Z")),
            (None, Some("2000-11-05T00:00:00Z"), None),
        ] {
            assert!(of(days, from, to).is_err(), "{days:?} {from:?} {to:?}");
        }
    }

    #[test]
    fn one_goes_back_and_forth_nearer_and_wider_and_never_into_the_future() {
        let range = Range::days(8, at(NOW).as_millisecond());
        let go = |range: &Range, words: &str| {
            range.moves().into_iter().find(|(one, _)| *one == words).map(|(_, range)| range)
        };
        assert_eq!(go(&range, "Later"), None);
        let earlier = go(&range, "Earlier").unwrap();
        assert_eq!((range.to - earlier.to, earlier.span()), (4 * DAY_MS, 8 * DAY_MS));
        assert_eq!(go(&earlier, "Later").unwrap(), range);
        assert_eq!(go(&range, "Nearer").unwrap().query(), "days=4");
        assert_eq!(go(&range, "Wider").unwrap().query(), "days=16");
        assert_eq!(go(&Range::days(3_000, range.now), "Wider"), None);
        let near = Range { from: range.now - NEAREST_MS, ..range };
        assert_eq!(go(&near, "Nearer"), None);
    }
}
