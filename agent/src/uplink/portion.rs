//! How many reports go out in one batch: learnt, pure.
//!
//! Some ways let little pass at once: a line that breaks every few kilobytes, a path that swallows large packets, a
//! proxy that takes no large bodies. A batch that is always as large as may be would then never arrive. So one that
//! came to nothing is followed by half of it, and one that was taken by half as much more.

/// The size of the next batch.
#[derive(Debug, Clone)]
pub struct Portion {
    now: usize,
    most: usize,
}

impl Portion {
    /// Begins with the most that is allowed; at least 1.
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        Self { now: most, most }
    }

    /// So many reports at the most.
    pub fn reports(&self) -> usize {
        self.now
    }

    /// A batch of so many was taken.
    pub fn taken(&mut self, reports: usize) {
        // Less than was allowed says nothing of what else may pass.
        if reports >= self.now {
            self.now = self.now.saturating_add(self.now.div_ceil(2)).min(self.most);
        }
    }

    /// A batch of so many did not come through.
    pub fn came_to_nothing(&mut self, reports: usize) {
        self.now = (reports.min(self.now) / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_backlog_gets_through_whatever_passes_at_once(
            most in 1_usize..200, passes in 1_usize..300, backlog in 1_usize..2_000,
        ) {
            let mut portion = Portion::new(most);
            let (mut left, mut tries) = (backlog, 0);
            while left > 0 {
                let batch = portion.reports().min(left);
                prop_assert!((1..=most).contains(&batch));
                if batch <= passes {
                    portion.taken(batch);
                    left -= batch;
                } else {
                    portion.came_to_nothing(batch);
                }
                tries += 1;
            }
            // To find out takes a few; then at most every second is in vain, and those that pass are at least half
            // of what could.
            let at_once = passes.min(most);
            prop_assert!(tries <= 20 + 6 * backlog / at_once, "{tries} tries");
        }

        #[test]
        fn after_any_history_a_good_way_is_soon_used_in_full(
            most in 1_usize..200, history in prop::collection::vec((any::<bool>(), 0_usize..300), 0..50),
        ) {
            let mut portion = Portion::new(most);
            for (taken, reports) in history {
                if taken { portion.taken(reports) } else { portion.came_to_nothing(reports) }
                prop_assert!((1..=most).contains(&portion.reports()));
            }
            for _ in 0..16 {
                portion.taken(portion.reports());
            }
            prop_assert_eq!(portion.reports(), most);
        }
    }
}
