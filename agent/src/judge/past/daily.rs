//! Pages a day: by calendar days (UTC) while the clock is right, else by days of powered time.

use serde::{Deserialize, Serialize};

use super::counters::Printed;

/// Seconds of a day.
pub(super) const DAY_SECONDS: i64 = 86_400;
const DAY_MS: u64 = 86_400_000;
/// Nothing is said before so many whole days.
const LEAST_DAYS: u32 = 3;
/// A new day weighs as one of so many: about a week is remembered.
const WINDOW_DAYS: u64 = 8;
/// After a longer gap its days are not counted as days without a page: the printer was stored away.
const LONGEST_GAP_DAYS: i64 = 30;

/// What was learnt about days.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::judge) struct Daily {
    /// Days since 1970 of the day that is being counted, if the clock said so.
    day: Option<i64>,
    /// Powered time of the day that is being counted.
    powered_ms: u64,
    pages: u64,
    colour: u64,
    /// The first day is a part of one, and is not learnt.
    begun: bool,
    days: u32,
    all: Mean,
    in_colour: Mean,
}

/// An exponentially weighted mean and its deviation, in thousandths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::judge) struct Mean {
    /// Thousandths of a page a day.
    pub(in crate::judge) mean: u64,
    /// The mean distance from it.
    pub(in crate::judge) spread: u64,
}

impl Mean {
    fn learn(&mut self, pages: u64, before: u32) {
        let seen = u64::from(before).min(WINDOW_DAYS - 1);
        let value = pages.saturating_mul(1_000);
        let off = if before == 0 { 0 } else { value.abs_diff(self.mean) };
        let blend = |old: u64, new: u64| old.saturating_mul(seen).saturating_add(new) / (seen + 1);
        self.spread = blend(self.spread, off);
        self.mean = blend(self.mean, value);
    }
}

impl Daily {
    /// Lets time pass; `today` is in days since 1970, if the clock is right.
    pub(super) fn pass(&mut self, span_ms: u64, today: Option<i64>) {
        self.powered_ms = self.powered_ms.saturating_add(span_ms);
        match (self.day, today) {
            (Some(day), Some(today)) if today > day => {
                self.close();
                let gap = today.saturating_sub(day).saturating_sub(1);
                for _ in 0..if gap > LONGEST_GAP_DAYS { 0 } else { gap } {
                    self.close();
                }
                self.day = Some(today);
            }
            (_, Some(today)) => self.day = Some(today),
            (_, None) if self.powered_ms >= DAY_MS => {
                self.close();
                self.day = None;
            }
            (_, None) => {}
        }
    }

    /// Counts pages of the present day.
    pub(in crate::judge) fn count(&mut self, printed: Printed) {
        self.pages = self.pages.saturating_add(printed.pages);
        self.colour = self.colour.saturating_add(printed.colour);
    }

    fn close(&mut self) {
        let (pages, colour) = (std::mem::take(&mut self.pages), std::mem::take(&mut self.colour));
        self.powered_ms = 0;
        if std::mem::replace(&mut self.begun, true) {
            self.all.learn(pages, self.days);
            self.in_colour.learn(colour, self.days);
            self.days = self.days.saturating_add(1);
        }
    }

    /// Impressions a day.
    pub(super) fn pages_per_day(&self) -> Option<u32> {
        self.mean(false).map(|mean| u32::try_from(mean.mean.saturating_add(500) / 1_000).unwrap_or(u32::MAX))
    }

    /// What is known of a day's pages, or of those in colour.
    pub(in crate::judge) fn mean(&self, colour: bool) -> Option<Mean> {
        (self.days >= LEAST_DAYS).then_some(if colour { self.in_colour } else { self.all })
    }
}
