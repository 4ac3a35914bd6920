//! The history of a device, as somebody asks for it: for the API and the pages.

use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

use super::Operators;
use super::problem::Refusal;
use crate::history::points::{Point, Teller};
use crate::history::{DAY_MS, Resolution, Settings, Subject};
use crate::store::{HistoryQuery, Scope};

/// Up to so long a time is told as it was reported, if nothing else is asked for.
const RAW_UP_TO_MS: i64 = 2 * DAY_MS;
/// Up to so long by the hour, and what is longer by the day.
const HOURS_UP_TO_MS: i64 = 62 * DAY_MS;

/// What somebody asks for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Only this; everything, if none.
    pub(super) subject: Option<Subject>,
    /// How finely.
    pub(super) resolution: Resolution,
    /// From this moment on.
    pub(super) from: i64,
    /// And before this.
    pub(super) to: i64,
    /// Where it goes on.
    pub(super) place: Option<Place>,
    /// At most so many points.
    pub(super) limit: usize,
}

/// Where a page of points goes on: at a moment, hour or day, behind so many of its points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) begin: i64,
    pub(super) skip: usize,
}

/// What is told.
#[derive(Debug)]
pub(super) struct Told {
    /// The points, the earliest first.
    pub(super) points: Vec<Point>,
    /// Where it goes on, if it does.
    pub(super) next: Option<Place>,
    /// Whether the device has reported so much lately that some of that is missing.
    pub(super) cut: bool,
}

/// How finely a time is told, unless somebody says: so that it is neither coarse nor thousands of points, and is kept.
pub(super) fn resolution_for(settings: &Settings, from: i64, to: i64, now: i64) -> Resolution {
    let wanted = match to.saturating_sub(from) {
        span if span <= RAW_UP_TO_MS => Resolution::Raw,
        span if span <= HOURS_UP_TO_MS => Resolution::Hour,
        _ => Resolution::Day,
    };
    wanted.max(settings.finest(from, now))
}

/// The points of a page, and where the next one goes on.
struct Page {
    place: Option<Place>,
    limit: usize,
    points: Vec<Point>,
    next: Option<Place>,
}

impl Page {
    /// Takes what belongs on it; whether there is room for more.
    fn take(&mut self, begin: i64, points: Vec<Point>) -> bool {
        let skip = self.place.filter(|place| place.begin == begin).map_or(0, |place| place.skip);
        for (index, point) in points.into_iter().enumerate().skip(skip) {
            if self.points.len() >= self.limit {
                self.next = Some(Place { begin, skip: index });
                return false;
            }
            self.points.push(point);
        }
        true
    }
}

/// What the store knows of that.
pub(super) async fn tell(
    operators: &Operators,
    scope: &Scope,
    device: &DeviceId,
    asked: Asked,
    now: Timestamp,
) -> Result<Told, Refusal> {
    let Asked { subject, resolution, from, to, place, limit } = asked;
    let mut teller = Teller::new(resolution, from, subject);
    let mut page = Page { place, limit, points: Vec::new(), next: None };
    let mut start = place.map_or(from, |place| place.begin.clamp(from, to));
    let mut is_first = true;
    let mut cut = false;
    loop {
        let query = HistoryQuery { device: device.clone(), resolution, from: start, to, rows: limit };
        let part = operators.store.history(scope, query).await?;
        let part = part.ok_or_else(|| Refusal::not_found("device"))?;
        cut |= part.cut;
        if std::mem::take(&mut is_first) {
            part.before.iter().for_each(|row| teller.passed(row));
        }
        for (begin, row) in &part.rows {
            if !page.take(*begin, teller.tell(row)) {
                return Ok(Told { points: page.points, next: page.next, cut });
            }
        }
        let Some(upto) = part.upto else { break };
        start = upto;
    }
    // Behind the last moment, what is missing up to the end.
    page.take(to, teller.finish(to.min(now.as_millisecond())));
    Ok(Told { points: page.points, next: page.next, cut })
}

impl Operators {
    /// How long values are kept.
    pub(super) fn history_settings(&self) -> &Settings {
        &self.history
    }

    /// What devices have used of their quotas.
    pub(super) fn quotas(&self) -> &Arc<crate::quota::Quotas> {
        &self.quotas
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_as_finely_as_it_is_kept_and_can_be_looked_at() {
        let (settings, now) = (Settings::default(), 20_000 * DAY_MS);
        let of = |from: i64, days: i64| {
            let from = now - from * DAY_MS;
            resolution_for(&settings, from, from + days * DAY_MS, now)
        };
        assert_eq!(of(1, 1), Resolution::Raw);
        assert_eq!(of(30, 30), Resolution::Hour);
        assert_eq!(of(40, 1), Resolution::Hour, "not kept as it was reported any more");
        assert_eq!(of(365, 365), Resolution::Day);
        assert_eq!(of(3_000, 1), Resolution::Day);
    }
}
