//! How often paper jams, against how often it used to.

use std::time::Duration;

use platen_protocol::alert::{AlertCode, AlertGroup};
use serde::{Deserialize, Serialize};

use crate::judge::condition::{Wording, evidence};

/// Jams of the last so many pages are compared with those before.
const JAM_PAGES: u64 = 1_000;
/// The most recent jams that are remembered.
const MAX_JAMS: usize = 64;
/// About so many pages of the past are remembered.
const MEMORY_PAGES: u64 = 50_000;
/// Without a page in between, another jam so soon is the same one being cleared.
const SAME_JAM: Duration = Duration::from_secs(2 * 60);

/// What is known of jams.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::judge) struct Jams {
    /// At which pages of the odometer, within the last [`JAM_PAGES`].
    recent: Vec<u64>,
    /// How many there were before, within `pages_before`.
    before: u64,
    pages_before: u64,
    /// Up to which page of the odometer the past was added up.
    counted_to: Option<u64>,
    #[serde(skip)]
    last_at: Option<Duration>,
}

impl Jams {
    /// A jam happened.
    pub(in crate::judge) fn note(&mut self, page: u64, at: Duration) {
        let soon = self.last_at.is_some_and(|last| at.saturating_sub(last) < SAME_JAM);
        self.last_at = Some(at);
        if !(soon && self.recent.last() == Some(&page)) {
            self.recent.push(page);
            if self.recent.len() > MAX_JAMS {
                self.recent.remove(0);
            }
        }
    }

    /// Lets pages pass.
    pub(in crate::judge) fn pass(&mut self, page: u64) {
        let edge = page.saturating_sub(JAM_PAGES);
        let counted = self.counted_to.unwrap_or(page).max(edge.min(page));
        self.pages_before =
            self.pages_before.saturating_add(counted.saturating_sub(self.counted_to.unwrap_or(counted)));
        self.counted_to = Some(counted);
        let old = self.recent.iter().filter(|jam| **jam < edge).count();
        self.before = self.before.saturating_add(old as u64);
        self.recent.retain(|jam| *jam >= edge);
        if self.pages_before > MEMORY_PAGES {
            self.pages_before /= 2;
            self.before /= 2;
        }
    }

    /// Jams in thousand pages that the past lets one expect, in thousandths. With little past it is near
    /// one jam in two thousand pages.
    fn expected(&self) -> u64 {
        let jams = self.before.saturating_mul(2).saturating_add(1);
        jams.saturating_mul(500_000) / self.pages_before.saturating_add(JAM_PAGES)
    }

    /// So many jams, in thousandths, that chance hardly explains them: for counts of rare events with a
    /// mean of 0.02 to 5 it is a chance below one in a hundred thousand.
    fn threshold(&self) -> u64 {
        let expected = self.expected();
        let root = expected.saturating_mul(1_000).isqrt();
        expected.saturating_add(root.saturating_mul(4)).saturating_add(3_000)
    }

    /// Whether there are too many; what was told once ends at half as many.
    pub(in crate::judge) fn too_many(&self, told: bool) -> bool {
        let recent = self.recent.len() as u64 * 1_000;
        recent >= if told { self.threshold() / 2 } else { self.threshold() }
    }

    /// The forecast that paper jams more often.
    pub(in crate::judge) fn wording(&self) -> Wording {
        let recent = self.recent.len() as u64;
        let expected = self.expected().saturating_add(500) / 1_000;
        Wording::forecast(
            AlertGroup::MediaPath,
            AlertCode::SubunitNearLimit,
            format!("paper jammed {recent} times in the last {JAM_PAGES} pages, far more often than before"),
            vec![evidence("jams", &format!("in the last {JAM_PAGES} pages"), recent, Some(expected))],
        )
    }
}
