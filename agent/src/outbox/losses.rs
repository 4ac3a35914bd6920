//! What was discarded and not acknowledged, as runs of sequences of one epoch: pure.

use std::collections::BTreeMap;

use platen_protocol::device_to_manager::{Lost, LostReason};

use super::limits::UNKNOWN_KIND;

/// Runs of sequences, none overlapping another. Between two runs lies a report that is held, or they
/// differ in their reason, or one of them has been told already: so their number is bounded by that of the
/// reports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Losses {
    /// By their first sequence.
    runs: BTreeMap<u64, Lost>,
    /// The highest sequence that a batch may have carried or told of. A run does not grow across it: the
    /// manager may hold it already with the counts that it had.
    told: u64,
}

/// What the file has to be brought up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grown {
    /// The run that holds the sequence now.
    pub(super) run: Lost,
    /// The first sequence of a run that it has swallowed.
    pub(super) swallowed: Option<u64>,
}

impl Losses {
    /// From the file: all of it may have been told.
    pub(super) fn load(runs: impl IntoIterator<Item = Lost>, next: u64) -> Self {
        Self { runs: runs.into_iter().map(|run| (run.first, run)).collect(), told: next.saturating_sub(1) }
    }

    /// A sequence is discarded: joined to its neighbours of the same reason.
    pub(super) fn add(&mut self, sequence: u64, kind: &str, reason: LostReason) -> Grown {
        let mut run = Lost { first: sequence, last: sequence, kinds: [(kind.to_owned(), 1)].into(), reason };
        let before = self.runs.range(..sequence).next_back().map(|(_, run)| run.clone());
        if let Some(before) = before.filter(|before| before.last + 1 == sequence && self.joins(before, &run))
        {
            run = joined(before, &run);
        }
        let after = self.runs.get(&(sequence + 1)).cloned().filter(|after| self.joins(after, &run));
        let swallowed = after.as_ref().map(|after| after.first);
        if let Some(after) = after {
            self.runs.remove(&after.first);
            run = joined(run, &after);
        }
        self.runs.insert(run.first, run.clone());
        Grown { run, swallowed }
    }

    fn joins(&self, neighbour: &Lost, run: &Lost) -> bool {
        neighbour.reason == run.reason && (neighbour.last <= self.told) == (run.last <= self.told)
    }

    /// Takes in a run as it is.
    pub(super) fn put(&mut self, run: Lost) {
        self.runs.insert(run.first, run);
    }

    /// A batch that reaches up to a sequence may reach the manager.
    pub(super) fn told(&mut self, sequence: u64) {
        self.told = self.told.max(sequence);
    }

    /// The manager knows of everything up to a sequence; the runs that went by that.
    pub(super) fn acknowledge(&mut self, sequence: u64) -> Vec<Lost> {
        let stays = self.runs.values().find(|run| run.last > sequence).map(|run| run.first);
        let rest = stays.map(|first| self.runs.split_off(&first)).unwrap_or_default();
        std::mem::replace(&mut self.runs, rest).into_values().collect()
    }

    /// The run that a sequence is in.
    pub(super) fn at(&self, sequence: u64) -> Option<&Lost> {
        self.runs.range(..=sequence).next_back().map(|(_, run)| run).filter(|run| run.last >= sequence)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Lost> {
        self.runs.values()
    }
}

/// Whether reports that told which alerts stand are among these. Those that the manager refused are told
/// once, for it would refuse them again.
pub(super) fn tells_of_alerts(lost: &Lost) -> bool {
    let kinds = ["alert_raised", "alert_cleared", "alerts_standing", UNKNOWN_KIND];
    lost.reason != LostReason::Refused && kinds.iter().any(|kind| lost.kinds.contains_key(*kind))
}

/// Two neighbours as one.
fn joined(mut before: Lost, after: &Lost) -> Lost {
    before.last = after.last;
    for (kind, count) in &after.kinds {
        *before.kinds.entry(kind.clone()).or_default() += count;
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FULL: LostReason = LostReason::OutboxFull;

    fn spans(losses: &Losses) -> Vec<(u64, u64)> {
        losses.iter().map(|run| (run.first, run.last)).collect()
    }

    #[test]
    fn neighbours_of_one_reason_are_one_run_with_their_counts() {
        let mut losses = Losses::default();
        losses.add(3, "utilisation", FULL);
        losses.add(5, "readings", FULL);
        let grown = losses.add(4, "utilisation", FULL);
        assert_eq!(grown.swallowed, Some(5));
        let kinds = [("readings".to_owned(), 1), ("utilisation".to_owned(), 2)].into();
        assert_eq!(losses.iter().collect::<Vec<_>>(), [&Lost { first: 3, last: 5, kinds, reason: FULL }]);
        losses.add(6, "alert_raised", LostReason::Refused);
        assert_eq!(spans(&losses), [(3, 5), (6, 6)]);
    }

    #[test]
    fn a_run_that_was_told_does_not_grow_for_the_manager_may_have_it_already() {
        let mut losses = Losses::default();
        losses.add(3, "utilisation", FULL);
        losses.told(3);
        losses.add(4, "utilisation", FULL);
        losses.add(5, "utilisation", FULL);
        assert_eq!(spans(&losses), [(3, 3), (4, 5)]);
        assert_eq!(losses.acknowledge(3).len(), 1);
        assert_eq!(spans(&losses), [(4, 5)]);
    }

    proptest! {
        #[test]
        fn every_loss_is_in_one_run_and_counted_once(
            order in Just((1_u64..40).collect::<Vec<_>>()).prop_shuffle(),
            lost in 0_usize..39,
            told in 0_u64..40,
        ) {
            let mut losses = Losses::default();
            losses.told(told);
            for (at, sequence) in order.iter().take(lost).enumerate() {
                let kind = if at % 2 == 0 { "utilisation" } else { "readings" };
                losses.add(*sequence, kind, FULL);
            }
            let mut expected: Vec<u64> = order.iter().take(lost).copied().collect();
            expected.sort_unstable();
            let told_of: Vec<u64> = losses.iter().flat_map(|run| run.first..=run.last).collect();
            prop_assert_eq!(told_of, expected);
            for run in losses.iter() {
                prop_assert_eq!(run.kinds.values().sum::<u64>(), run.last - run.first + 1);
                prop_assert!((run.first <= told) == (run.last <= told), "a run across what was told");
                for sequence in run.first..=run.last {
                    prop_assert_eq!(losses.at(sequence), Some(run));
                }
            }
        }
    }
}
