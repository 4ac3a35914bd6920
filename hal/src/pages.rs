//! Counts pages at the exit by the edges of its sensor. Pure.

use std::time::Duration;

use crate::board::{PRINTING_GAP, PageCounts};

/// The count, and what is needed to go on.
#[derive(Debug, Clone, Default)]
pub(crate) struct PageCounter {
    counts: PageCounts,
    sequence: u64,
    last_page: Option<Duration>,
}

impl PageCounter {
    /// Takes one edge: the state after it, its number from 1 (the kernel numbers the edges of a line, those
    /// that it had to drop included), and its time.
    ///
    /// Edges of a line alternate, so of `n` edges up to one that is active half are pages, rounded up; up
    /// to one that is not, rounded down.
    pub(crate) fn take(&mut self, active: bool, sequence: u64, at: Duration) {
        let edges = sequence.saturating_sub(self.sequence);
        let pages = if active { edges.div_ceil(2) } else { edges / 2 };
        self.sequence = self.sequence.max(sequence);
        if pages == 0 {
            return;
        }
        self.counts.pages += pages;
        let since = self.last_page.map(|last| at.saturating_sub(last));
        if let Some(gap) = since.filter(|gap| *gap <= PRINTING_GAP) {
            self.counts.printing += gap;
        }
        self.last_page = Some(at);
    }

    pub(crate) fn counts(&self) -> PageCounts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The edges of so many pages, twenty a second: each page is an active edge and one that is not.
    fn edges(pages: u64) -> Vec<(bool, u64, Duration)> {
        (0..pages * 2).map(|n| (n % 2 == 0, n + 1, Duration::from_millis(n * 25))).collect()
    }

    #[test]
    fn twenty_pages_a_second_for_a_minute_are_1200() {
        let mut counter = PageCounter::default();
        for (active, sequence, at) in edges(1_200) {
            counter.take(active, sequence, at);
        }
        assert_eq!(counter.counts(), PageCounts { pages: 1_200, printing: Duration::from_millis(59_950) });
    }

    #[test]
    fn a_pause_is_no_printing() {
        let mut counter = PageCounter::default();
        counter.take(true, 1, Duration::from_secs(10));
        counter.take(false, 2, Duration::from_secs(11));
        counter.take(true, 3, Duration::from_secs(12));
        counter.take(false, 4, Duration::from_secs(13));
        counter.take(true, 5, Duration::from_secs(60));
        assert_eq!(counter.counts(), PageCounts { pages: 3, printing: Duration::from_secs(2) });
    }

    #[test]
    fn an_edge_that_is_told_twice_counts_once() {
        let mut counter = PageCounter::default();
        counter.take(true, 1, Duration::ZERO);
        counter.take(true, 1, Duration::ZERO);
        assert_eq!(counter.counts().pages, 1);
    }

    proptest! {
        #[test]
        fn pages_are_counted_whichever_edges_the_kernel_drops(
            pages in 1..200_u64, kept in proptest::collection::vec(any::<bool>(), 400)
        ) {
            let mut counter = PageCounter::default();
            let all = edges(pages);
            let last = all.len() - 1;
            // The newest edge is always kept: the kernel drops the oldest.
            for (place, (active, sequence, at)) in all.into_iter().enumerate() {
                if kept[place] || place == last {
                    counter.take(active, sequence, at);
                }
            }
            prop_assert_eq!(counter.counts().pages, pages);
        }
    }
}
