//! The day on which a supply ends, with its band: as the device has learnt it; else worked out here from the history of its
//! level; else, where the level is only "some remains" or not known, from pages, and then it is called an estimate.

use jiff::{SignedDuration, Timestamp};
use platen_protocol::device_to_manager::ReplacementKind;
use platen_protocol::facts::words::grouped;
use platen_protocol::identity::DeviceId;
use platen_protocol::readings::{CounterKind, SupplyReading};
use platen_protocol::supply::{Capacity, SupplyUnit};

use super::super::Operators;
use super::super::history::{Asked, tell};
use super::super::problem::Refusal;
use super::super::view::DeviceView;
use super::chart::share;
use crate::history::depletion::{Band, by_pages, by_use, daily_count, daily_use};
use crate::history::points::Point;
use crate::history::{DAY_MS, Resolution, Subject, SubjectKind};
use crate::store::{ReplacementRecord, Scope};

/// Days of use that an end is worked out from: what was longer ago was another use.
const USE_DAYS: i64 = 60;
/// Days in which earlier cartridges are looked for.
const YIELD_DAYS: i64 = 730;
/// Changes that are looked at.
const MAX_REPLACEMENTS: u32 = 200;
/// Points that are looked at: a day has few.
const MAX_POINTS: usize = 5_000;
const SECONDS_OF_A_DAY: f64 = 86_400.0;

/// When a supply ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending {
    /// Hardly earlier.
    pub(super) early: Timestamp,
    /// The best guess.
    pub(super) likely: Timestamp,
    /// Hardly later; none where that is not in sight.
    pub(super) late: Option<Timestamp>,
    /// How that was worked out, where it is no more than an estimate.
    pub(super) estimate: Option<String>,
    /// By what it was found, for the page: `device`, `level` or `pages`.
    pub(super) by: &'static str,
}

impl Ending {
    fn new(band: Band, from: Timestamp, by: &'static str, estimate: Option<String>) -> Option<Self> {
        let at = |days: f64| from.checked_add(SignedDuration::from_secs_f64(days * SECONDS_OF_A_DAY)).ok();
        let (early, likely) = (at(band.early)?, at(band.likely)?);
        Some(Self { early, likely, late: band.late.and_then(at), estimate, by })
    }

    /// What the device itself has learnt.
    fn of_device(supply: &SupplyReading, read: Timestamp) -> Option<Self> {
        let days = supply.outlook.as_ref()?.days?;
        let band = Band {
            early: f64::from(days.at_least),
            likely: f64::from(days.likely),
            late: Some(f64::from(days.at_most)),
        };
        Self::new(band, read, "device", None)
    }
}

/// When a supply ends, of each of a device's.
pub(super) async fn endings(
    operators: &Operators,
    scope: &Scope,
    device: &DeviceView,
    now: Timestamp,
) -> Result<Vec<Option<Ending>>, Refusal> {
    let mut found = Vec::with_capacity(device.supplies.len());
    for supply in &device.supplies {
        found.push(ending(operators, scope, device, &supply.reading, now).await?);
    }
    Ok(found)
}

/// When one ends.
pub(super) async fn ending(
    operators: &Operators,
    scope: &Scope,
    device: &DeviceView,
    supply: &SupplyReading,
    now: Timestamp,
) -> Result<Option<Ending>, Refusal> {
    let age = device.freshness.as_ref().map_or(0, |fresh| fresh.age_seconds);
    let age = SignedDuration::from_secs(i64::try_from(age).unwrap_or(0));
    let read = now.checked_sub(age).unwrap_or(now);
    if let Some(told) = Ending::of_device(supply, read) {
        return Ok(Some(told));
    }
    let look = Look { operators, scope, device: &device.id, now };
    match supply.percent() {
        Some(percent) => look.by_level(supply, f64::from(percent)).await,
        None if supply.is_receptacle() => Ok(None),
        None => look.by_pages(supply).await,
    }
}

struct Look<'a> {
    operators: &'a Operators,
    scope: &'a Scope,
    device: &'a DeviceId,
    now: Timestamp,
}

impl Look<'_> {
    async fn days(&self, subject: Subject, days: i64) -> Result<Vec<Point>, Refusal> {
        let to = self.now.as_millisecond();
        let from = to.saturating_sub(days * DAY_MS);
        let from = from.max(self.operators.history_settings().horizon(Resolution::Day, to));
        let asked = Asked {
            subject: Some(subject),
            resolution: Resolution::Day,
            from,
            to,
            place: None,
            limit: MAX_POINTS,
        };
        Ok(tell(self.operators, self.scope, self.device, asked, self.now).await?.points)
    }

    /// Whether a day is over: what was used on the one that is not says too little.
    fn is_over(&self, day: i64) -> bool {
        day.saturating_add(DAY_MS) <= self.now.as_millisecond()
    }

    async fn by_level(&self, supply: &SupplyReading, left: f64) -> Result<Option<Ending>, Refusal> {
        let subject = Subject { kind: SubjectKind::Supply, name: supply.name.clone() };
        let points = self.days(subject, USE_DAYS).await?;
        let daily = daily_use(
            points
                .iter()
                .filter(|point| self.is_over(point.begin))
                .filter_map(|point| Some((point.begin, share(point)?))),
        );
        let band = by_use(left, &daily);
        Ok(band.and_then(|band| Ending::new(band, self.now, "level", None)))
    }

    async fn by_pages(&self, supply: &SupplyReading) -> Result<Option<Ending>, Refusal> {
        let name = CounterKind::Impressions.name().to_owned();
        let points = self.days(Subject { kind: SubjectKind::Counter, name }, YIELD_DAYS).await?;
        let counts = counts(&points);
        let changes =
            self.operators.store.replacements(self.scope, Some(self.device.clone()), None, MAX_REPLACEMENTS);
        let changes = changes.await?;
        let Some((given, mut yields)) = given_and_yields(&counts, &put_in(&changes, &supply.name)) else {
            return Ok(None);
        };
        let how = if yields.is_empty() { "its capacity" } else { "what such ones gave before" };
        if yields.is_empty() {
            yields.extend(rated(supply));
        }
        let since = self.now.as_millisecond().saturating_sub(USE_DAYS * DAY_MS);
        let daily = daily_count(counts.iter().copied().filter(|(at, _)| *at >= since && self.is_over(*at)));
        let band = by_pages(given, &yields, &daily);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "pages, which are counted in 64 bits"
        )]
        let pages = grouped(given.max(0.0) as u64);
        let words =
            format!("An estimate: its level is not known; by {pages} pages since it was put in, and {how}");
        Ok(band.and_then(|band| Ending::new(band, self.now, "pages", Some(words))))
    }
}

/// What was counted at the end of each day, one count over all epochs.
#[expect(clippy::cast_precision_loss, reason = "pages")]
fn counts(points: &[Point]) -> Vec<(i64, f64)> {
    let mut before: Option<(u32, i64)> = None;
    let mut sum = 0.0;
    let mut counts = Vec::new();
    for point in points {
        let (Some(value), Some(column)) = (point.value, point.column.as_ref()) else { continue };
        if let Some((epoch, earlier)) = before
            && epoch == column.epoch
        {
            sum += value.saturating_sub(earlier).max(0) as f64;
        }
        before = Some((column.epoch, value));
        counts.push((point.begin, sum));
    }
    counts
}

/// When something was put in there, the earliest first.
fn put_in(changes: &[ReplacementRecord], name: &str) -> Vec<i64> {
    let is_new = |change: &&ReplacementRecord| {
        change.replacement.subject == name && change.replacement.change == ReplacementKind::Replaced
    };
    let mut times: Vec<i64> =
        changes.iter().filter(is_new).map(|change| change.dated.at.as_millisecond()).collect();
    times.sort_unstable();
    times
}

/// The pages since the last change, and those between earlier ones.
fn given_and_yields(counts: &[(i64, f64)], put_in: &[i64]) -> Option<(f64, Vec<f64>)> {
    let first = counts.first()?.0;
    let at =
        |time: i64| counts.iter().rev().find(|(begin, _)| *begin <= time).map_or(0.0, |(_, count)| *count);
    let known: Vec<f64> = put_in.iter().filter(|time| **time >= first).map(|time| at(*time)).collect();
    let given = counts.last()?.1 - known.last()?;
    let yields = known
        .iter()
        .zip(known.iter().skip(1))
        .map(|(before, after)| after - before)
        .filter(|pages| *pages > 0.0)
        .collect();
    Some((given, yields))
}

/// The pages that it is made for, where it says.
fn rated(supply: &SupplyReading) -> Option<f64> {
    let in_pages = matches!(supply.unit, SupplyUnit::Impressions | SupplyUnit::Sheets);
    match supply.capacity {
        Capacity::Known { amount } if in_pages => Some(f64::from(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn what_the_device_has_learnt_is_taken_as_it_says_it() {
        let read: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let ending = Ending::of_device(&sample::full_supply(50), read).unwrap();
        let days = [ending.early, ending.likely, ending.late.unwrap()]
            .map(|at| at.duration_since(read).as_hours() / 24);
        assert_eq!(days, [12, 15, 19]);
        assert_eq!((ending.by, ending.estimate), ("device", None));
        assert_eq!(Ending::of_device(&sample::supply(50), read), None);
    }

    #[test]
    fn pages_are_counted_between_changes_and_a_change_before_all_counts_says_nothing() {
        let day = |day: i64, count: f64| (day * DAY_MS, count);
        let counts = [day(10, 0.0), day(11, 100.0), day(12, 250.0), day(13, 400.0)];
        let changes = [5, 11, 12].map(|day| day * DAY_MS + 5);
        assert_eq!(given_and_yields(&counts, &changes), Some((150.0, vec![150.0])));
        assert_eq!(given_and_yields(&counts, &changes[..1]), None);
        assert_eq!(given_and_yields(&[], &changes), None);
    }
}
