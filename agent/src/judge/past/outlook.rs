//! How long a supply lasts: from its rate and the pages of a day, each with its band of error.

use platen_protocol::readings::{Estimate, Outlook, SupplyReading};

use super::daily::Mean;
use super::usage::Usage;

/// What no band is narrower than, in thousandths.
const LEAST_ERROR: u64 = 50;
/// What no band is wider than: beyond it there is no upper end.
const MOST_ERROR: u64 = 800;
/// The furthest that anything is foretold, in days: ten years.
const MOST_DAYS: u64 = 3_650;
/// The most pages that are foretold.
const MOST_PAGES: u64 = 10_000_000;

impl Usage {
    /// How long the supply will last at its learnt rate; `day` is what is known of a day's pages.
    pub(in crate::judge) fn outlook(&self, supply: &SupplyReading, day: Option<Mean>) -> Option<Outlook> {
        // The printer stops at its empty amount; what is below that prints no page.
        let left = supply.share()?.above(supply.empty_amount()).millionths();
        let (rate, spread) = self.learnt()?;
        let likely = (left.saturating_mul(1_000) / rate).min(MOST_PAGES);
        // One percent is a step: what is to come scatters by as many steps, what was learnt by about ten.
        let pages = band(likely, error(spread, left / 10_000, 20));
        let days = day.filter(|day| day.mean > 0).map(|day| days(pages, day));
        Some(Outlook { pages: Some(pages), days })
    }
}

fn days(pages: Estimate, day: Mean) -> Estimate {
    let count = |pages: u32| (u64::from(pages).saturating_mul(1_000) / day.mean).min(MOST_DAYS);
    let likely = count(pages.likely);
    let error = error(day.spread.saturating_mul(1_000) / day.mean, likely, 8);
    Estimate {
        likely: whole(likely),
        at_least: band(count(pages.at_least), error).at_least,
        at_most: whole(u64::from(band(count(pages.at_most), error).at_most).min(MOST_DAYS)),
    }
}

/// Twice the scatter of a mean over what is to come, together with that of what was learnt from `learnt`
/// values, in thousandths.
fn error(spread: u64, to_come: u64, learnt: u64) -> u64 {
    let share = 1_000_000 / to_come.max(1) + 1_000_000 / learnt.max(1);
    let scatter = spread.saturating_mul(2).saturating_mul(share.isqrt()) / 1_000;
    scatter.saturating_add(LEAST_ERROR).min(MOST_ERROR)
}

fn band(likely: u64, error: u64) -> Estimate {
    Estimate {
        likely: whole(likely),
        at_least: whole(likely * 1_000 / (1_000 + error)),
        at_most: whole(likely * 1_000 / (1_000 - error.min(MOST_ERROR))),
    }
}

fn whole(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
