//! How many reports go out in one batch: learnt, pure.
//!
//! Some networks let little pass at once: a line that breaks every few kilobytes, a path that drops large packets, a
//! proxy that refuses large bodies. A batch that is always as large as allowed would then never arrive. So one that
//! failed is followed by one of half its size, and one that was taken by one half as large again.

/// The size of the next batch.
#[derive(Debug, Clone)]
pub struct BatchSize {
    now: usize,
    most: usize,
}

impl BatchSize {
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

    /// A batch of so many did not get through.
    pub fn failed(&mut self, reports: usize) {
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
            let mut batch_size = BatchSize::new(most);
            let (mut left, mut tries) = (backlog, 0);
            while left > 0 {
                let batch = batch_size.reports().min(left);
                prop_assert!((1..=most).contains(&batch));
                if batch <= passes {
                    batch_size.taken(batch);
                    left -= batch;
                } else {
                    batch_size.failed(batch);
                }
                tries += 1;
            }
            // To find out takes a few; then at most every second is in vain, and those that pass are at least half
            // of what could.
            let at_once = passes.min(most);
            prop_assert!(tries <= 20 + 6 * backlog / at_once, "{tries} tries");
        }

        #[test]
        fn after_any_history_a_good_connection_is_soon_used_in_full(
            most in 1_usize..200, history in prop::collection::vec((any::<bool>(), 0_usize..300), 0..50),
        ) {
            let mut batch_size = BatchSize::new(most);
            for (taken, reports) in history {
                if taken { batch_size.taken(reports) } else { batch_size.failed(reports) }
                prop_assert!((1..=most).contains(&batch_size.reports()));
            }
            for _ in 0..16 {
                batch_size.taken(batch_size.reports());
            }
            prop_assert_eq!(batch_size.reports(), most);
        }
    }
}
