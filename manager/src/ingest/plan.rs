//! Contiguity: the manager acknowledges the highest sequence below which nothing is missing but what
//! the device says is lost.

use std::ops::Range;

use platen_protocol::device_to_manager::Lost;

/// What to do with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What is lost for good, in rising order.
    pub gaps: Vec<Gap>,
    /// Reports (by position) that were acknowledged before: they must equal what is stored.
    pub repeats: Range<usize>,
    /// Reports (by position) to store.
    pub new: Range<usize>,
    /// What is acknowledged afterwards.
    pub acknowledged: u64,
}

/// A run of sequences that are lost for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// What the device says of it (by position in `lost`); an older device says nothing.
    pub told: Option<usize>,
}

/// Decides, from what is acknowledged, the lowest sequence that the device still holds, what it says is
/// lost, and the sequences of its reports. Both rise, neither holds a sequence of the other, and the
/// reports begin at `oldest` or above ([`super::validate()`]).
///
/// What follows a hole is left: the device holds what is missing and sends it again, or, when it has
/// lost it, says so the next time.
pub fn plan(acknowledged: u64, oldest: u64, lost: &[Lost], sequences: &[u64]) -> Plan {
    let repeats = sequences.partition_point(|sequence| *sequence <= acknowledged);
    let mut walk = Walk { oldest, at: acknowledged, gaps: Vec::new() };
    let mut runs = lost.iter().enumerate().skip_while(|(_, run)| run.last <= acknowledged).peekable();
    let mut new = 0;
    for sequence in sequences.iter().skip(repeats) {
        while let Some((position, run)) = runs.next_if(|(_, run)| run.first < *sequence) {
            walk.lose(position, run);
        }
        if !walk.reaches(*sequence) {
            break;
        }
        walk.at = *sequence;
        new += 1;
    }
    if repeats + new == sequences.len() {
        runs.for_each(|(position, run)| walk.lose(position, run));
    }
    walk.reaches(oldest);
    Plan { gaps: walk.gaps, repeats: 0..repeats, new: repeats..repeats + new, acknowledged: walk.at }
}

struct Walk {
    oldest: u64,
    /// Everything up to and with this is stored or in a gap.
    at: u64,
    gaps: Vec<Gap>,
}

impl Walk {
    /// Whether a sequence is the next one; what lies before it and below the oldest is lost.
    fn reaches(&mut self, sequence: u64) -> bool {
        let last = sequence.min(self.oldest).saturating_sub(1);
        if last > self.at {
            self.gaps.push(Gap { first: self.at + 1, last, told: None });
            self.at = last;
        }
        self.at.checked_add(1) == Some(sequence)
    }

    fn lose(&mut self, position: usize, run: &Lost) {
        let first = run.first.max(self.at.saturating_add(1));
        if first <= run.last && self.reaches(first) {
            self.gaps.push(Gap { first, last: run.last, told: Some(position) });
            self.at = run.last;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use platen_protocol::device_to_manager::LostReason;

    use super::*;
    use proptest::prelude::*;

    fn lost(first: u64, last: u64) -> Lost {
        let kinds = [("utilisation".to_owned(), last - first + 1)].into();
        Lost { first, last, kinds, reason: LostReason::OutboxFull }
    }

    fn untold(first: u64, last: u64) -> Gap {
        Gap { first, last, told: None }
    }

    #[test]
    fn the_first_batch_of_an_epoch_is_stored_whole() {
        let expected = Plan { gaps: vec![], repeats: 0..0, new: 0..3, acknowledged: 3 };
        assert_eq!(plan(0, 1, &[], &[1, 2, 3]), expected);
    }

    #[test]
    fn a_batch_above_what_is_acknowledged_is_left_while_the_device_holds_the_rest() {
        let expected = Plan { gaps: vec![], repeats: 0..0, new: 0..0, acknowledged: 3 };
        assert_eq!(plan(3, 4, &[], &[6, 7]), expected);
    }

    #[test]
    fn what_an_older_device_lost_is_a_gap_and_the_rest_goes_on() {
        let expected = Plan { gaps: vec![untold(4, 5)], repeats: 0..0, new: 0..2, acknowledged: 7 };
        assert_eq!(plan(3, 6, &[], &[6, 7]), expected);
    }

    #[test]
    fn an_empty_outbox_that_lost_its_end_leaves_a_gap_too() {
        let expected = Plan { gaps: vec![untold(4, 8)], repeats: 0..0, new: 0..0, acknowledged: 8 };
        assert_eq!(plan(3, 9, &[], &[]), expected);
    }

    #[test]
    fn repeats_and_news_in_one_batch_are_told_apart() {
        let expected = Plan { gaps: vec![], repeats: 0..2, new: 2..3, acknowledged: 4 };
        assert_eq!(plan(3, 2, &[], &[2, 3, 4, 6]), expected);
    }

    #[test]
    fn a_batch_that_tells_what_is_missing_is_stored_across_its_holes() {
        let told = |first, last, told| Gap { first, last, told: Some(told) };
        let expected = Plan {
            gaps: vec![told(4, 4, 1), told(6, 8, 2), told(10, 11, 3)],
            repeats: 0..1,
            new: 1..3,
            acknowledged: 11,
        };
        let lost = [lost(1, 1), lost(4, 4), lost(6, 8), lost(10, 11)];
        assert_eq!(plan(3, 2, &lost, &[2, 5, 9]), expected);
    }

    #[test]
    fn a_hole_that_is_not_told_of_ends_what_is_taken_though_a_loss_follows_it() {
        let expected = Plan { gaps: vec![], repeats: 0..0, new: 0..1, acknowledged: 4 };
        assert_eq!(plan(3, 4, &[lost(6, 7)], &[4, 8]), expected);
    }

    #[test]
    fn of_a_run_that_is_known_in_part_the_rest_is_a_gap() {
        let expected = Plan {
            gaps: vec![Gap { first: 5, last: 7, told: Some(0) }],
            repeats: 0..0,
            new: 0..0,
            acknowledged: 7,
        };
        assert_eq!(plan(4, 8, &[lost(3, 7)], &[]), expected);
    }

    #[test]
    fn the_highest_sequence_does_not_overflow() {
        assert_eq!(plan(u64::MAX, 1, &[], &[u64::MAX]).acknowledged, u64::MAX);
        assert_eq!(plan(0, u64::MAX, &[], &[u64::MAX]).acknowledged, u64::MAX);
    }

    /// One thing that happens between a device and its manager.
    #[derive(Debug, Clone)]
    enum Step {
        /// The device writes a report.
        Write,
        /// The device must throw one away, chosen by the number.
        Evict(usize),
        /// The device sends from its outbox: skipping some, at most some, telling what is lost or not.
        Send { skip: usize, most: usize, tell: bool },
        /// The device hears what is acknowledged, and forgets it.
        Hear,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => Just(Step::Write),
            1 => any::<usize>().prop_map(Step::Evict),
            4 => (0_usize..4, 0_usize..6, any::<bool>())
                .prop_map(|(skip, most, tell)| Step::Send { skip, most, tell }),
            2 => Just(Step::Hear),
        ];
        prop::collection::vec(step, 0..80)
    }

    /// As runs, with no care for where the manager stands.
    fn runs(evicted: &BTreeSet<u64>) -> Vec<Lost> {
        let mut runs: Vec<Lost> = Vec::new();
        for sequence in evicted {
            match runs.last_mut() {
                Some(run) if run.last + 1 == *sequence => *run = lost(run.first, *sequence),
                _ => runs.push(lost(*sequence, *sequence)),
            }
        }
        runs
    }

    proptest! {
        #[test]
        fn every_sequence_up_to_the_acknowledged_one_is_stored_once_or_in_a_gap(steps in steps()) {
            let (mut outbox, mut evicted, mut next) = (BTreeSet::new(), BTreeSet::new(), 1_u64);
            let (mut stored, mut lost, mut acknowledged) = (BTreeSet::new(), BTreeSet::new(), 0);
            for step in steps {
                match step {
                    Step::Write => {
                        outbox.insert(next);
                        next += 1;
                    }
                    Step::Evict(which) => {
                        if let Some(victim) = outbox.iter().nth(which % outbox.len().max(1)).copied() {
                            outbox.remove(&victim);
                            evicted.insert(victim);
                        }
                    }
                    Step::Hear => outbox.retain(|sequence| *sequence > acknowledged),
                    Step::Send { skip, most, tell } => {
                        let oldest = outbox.first().copied().unwrap_or(next);
                        let batch: Vec<u64> = outbox.iter().copied().skip(skip).take(most).collect();
                        let runs: Vec<Lost> = if tell { runs(&evicted) } else { Vec::new() };
                        let plan = plan(acknowledged, oldest, &runs, &batch);
                        prop_assert!(plan.acknowledged >= acknowledged);
                        for sequence in &batch[plan.repeats.clone()] {
                            prop_assert!(stored.contains(sequence));
                        }
                        for sequence in &batch[plan.new.clone()] {
                            prop_assert!(stored.insert(*sequence), "stored twice");
                        }
                        for Gap { first, last, told } in plan.gaps {
                            prop_assert!(first <= last);
                            prop_assert!(!told.is_some_and(|at| first < runs[at].first || last > runs[at].last));
                            for sequence in first..=last {
                                prop_assert!(lost.insert(sequence) && !outbox.contains(&sequence));
                            }
                        }
                        if tell && skip == 0 {
                            let end = batch.last().copied().unwrap_or(acknowledged);
                            prop_assert!(plan.acknowledged >= end, "what tells all is taken whole");
                        }
                        acknowledged = plan.acknowledged;
                    }
                }
                let covered: BTreeSet<u64> = stored.union(&lost).copied().collect();
                prop_assert!(stored.is_disjoint(&lost));
                prop_assert_eq!(covered, (1..=acknowledged).collect::<BTreeSet<u64>>());
            }
        }
    }
}
