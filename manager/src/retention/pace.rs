//! How much is deleted at once, and how long nothing is deleted after that. Pure.
//!
//! A report that comes while something is deleted waits for it: so each step is kept short, whatever the disk, and the
//! next follows only when the store has been left alone for several times as long.

use std::time::Duration;

/// A step is to take about so long, beside the commit: that takes as long for a single row. A report that comes meanwhile waits
/// for it.
const STEP: Duration = Duration::from_millis(1);
/// For one part of work there are so many parts of rest, while nobody reports.
const REST: u32 = 9;
/// While devices report: so that fewer than one report in a hundred comes upon a step. It still comes to tens of millions of rows
/// a day.
const REST_BESIDE_REPORTS: u32 = 119;
/// However fast it went.
const LEAST_REST: Duration = Duration::from_millis(5);
/// However slow it went.
const LONGEST_REST: Duration = Duration::from_secs(5);
/// Rows of a step, at first.
const FIRST_ROWS: u32 = 32;
/// The most rows of a step.
const MOST_ROWS: u32 = 512;
/// The fewest.
const FEWEST_ROWS: u32 = 4;

/// The pace of the deleting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    rows: u32,
    commit: Duration,
}

impl Pace {
    /// For a store in which a commit of next to nothing takes so long.
    pub fn new(commit: Duration) -> Self {
        Self { rows: FIRST_ROWS, commit }
    }

    /// How many rows the next step may touch.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// A step took so long, from when it was asked for; since the one before, devices have reported, or not: how long to
    /// rest.
    pub fn took(&mut self, time: Duration, reported: bool) -> Duration {
        let work = time.saturating_sub(self.commit);
        self.rows = if work > STEP * 2 {
            self.rows / 2
        } else if work < STEP {
            self.rows.saturating_add(self.rows / 4 + 1)
        } else {
            self.rows
        };
        self.rows = self.rows.clamp(FEWEST_ROWS, MOST_ROWS);
        let rest = if reported { REST_BESIDE_REPORTS } else { REST };
        (time * rest).clamp(LEAST_REST, LONGEST_REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn steps_shrink_on_a_slow_disk_and_grow_on_a_fast_one() {
        let mut pace = Pace::new(Duration::ZERO);
        for _ in 0..20 {
            pace.took(Duration::from_millis(50), false);
        }
        assert_eq!(pace.rows(), FEWEST_ROWS);
        for _ in 0..40 {
            assert_eq!(pace.took(Duration::from_micros(100), false), LEAST_REST);
        }
        assert_eq!(pace.rows(), MOST_ROWS);
        assert_eq!(pace.took(Duration::from_millis(20), false), Duration::from_millis(180));
        assert_eq!(pace.rows(), MOST_ROWS / 2);
        assert_eq!(pace.took(Duration::from_millis(20), true), Duration::from_millis(2_380));
        let mut slow_disk = Pace::new(Duration::from_millis(20));
        for _ in 0..40 {
            slow_disk.took(Duration::from_micros(20_500), false);
        }
        assert_eq!(slow_disk.rows(), MOST_ROWS, "each commit is slow, however little is in it");
    }

    proptest! {
        #[test]
        fn a_step_is_never_empty_and_most_of_the_time_is_rest(
            times in prop::collection::vec((0_u64..40, any::<bool>()), 1..100)
        ) {
            let mut pace = Pace::new(Duration::from_millis(10));
            for (milliseconds, reported) in times {
                let time = Duration::from_millis(milliseconds);
                let least = if reported { REST_BESIDE_REPORTS } else { REST };
                prop_assert!(pace.took(time, reported) >= time * least);
                prop_assert!((FEWEST_ROWS..=MOST_ROWS).contains(&pace.rows()));
            }
        }
    }
}
