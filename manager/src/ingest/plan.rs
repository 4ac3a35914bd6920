//! Contiguity: the manager acknowledges the highest sequence below which nothing is missing but what
//! the device says is lost.

use std::ops::Range;

/// What to do with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// First and last sequence that are lost for good.
    pub gap: Option<(u64, u64)>,
    /// Reports (by position) that were acknowledged before: they must equal what is stored.
    pub repeats: Range<usize>,
    /// Reports (by position) to store.
    pub new: Range<usize>,
    /// What is acknowledged afterwards.
    pub acknowledged: u64,
}

/// Decides, from what is acknowledged, the lowest sequence that the device still holds, and the
/// sequences of the batch, which rise and begin at `oldest` or above ([`super::validate()`]).
///
/// What follows a hole is left: the device holds what is missing and sends it again, or, when it has
/// lost it, says so with its next `oldest`.
pub fn plan(acknowledged: u64, oldest: u64, sequences: &[u64]) -> Plan {
    let lost_to = oldest.saturating_sub(1);
    let gap = (lost_to > acknowledged).then(|| (acknowledged.saturating_add(1), lost_to));
    let base = acknowledged.max(lost_to);
    let repeats = sequences.partition_point(|sequence| *sequence <= acknowledged);
    let new = sequences
        .iter()
        .skip(repeats)
        .zip(1..)
        .take_while(|(sequence, step)| base.checked_add(*step) == Some(**sequence))
        .count();
    Plan {
        gap,
        repeats: 0..repeats,
        new: repeats..repeats + new,
        acknowledged: base.saturating_add(new as u64),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_batch_of_an_epoch_is_stored_whole() {
        assert_eq!(plan(0, 1, &[1, 2, 3]), Plan { gap: None, repeats: 0..0, new: 0..3, acknowledged: 3 });
    }

    #[test]
    fn a_batch_above_what_is_acknowledged_is_left_while_the_device_holds_the_rest() {
        assert_eq!(plan(3, 4, &[6, 7]), Plan { gap: None, repeats: 0..0, new: 0..0, acknowledged: 3 });
    }

    #[test]
    fn what_the_device_lost_is_a_gap_and_the_rest_goes_on() {
        assert_eq!(
            plan(3, 6, &[6, 7]),
            Plan { gap: Some((4, 5)), repeats: 0..0, new: 0..2, acknowledged: 7 }
        );
    }

    #[test]
    fn an_empty_outbox_that_lost_its_end_leaves_a_gap_too() {
        assert_eq!(plan(3, 9, &[]), Plan { gap: Some((4, 8)), repeats: 0..0, new: 0..0, acknowledged: 8 });
    }

    #[test]
    fn repeats_and_news_in_one_batch_are_told_apart() {
        assert_eq!(plan(3, 2, &[2, 3, 4, 6]), Plan { gap: None, repeats: 0..2, new: 2..3, acknowledged: 4 });
    }

    #[test]
    fn the_highest_sequence_does_not_overflow() {
        assert_eq!(plan(u64::MAX, 1, &[u64::MAX]).acknowledged, u64::MAX);
        assert_eq!(plan(0, u64::MAX, &[u64::MAX]).acknowledged, u64::MAX);
    }

    /// One thing that happens between a device and its manager.
    #[derive(Debug, Clone)]
    enum Step {
        /// The device writes a report.
        Write,
        /// The device must throw one away, chosen by the number.
        Evict(usize),
        /// The device sends from its outbox: skipping some, at most some.
        Send { skip: usize, most: usize },
        /// The device hears what is acknowledged, and forgets it.
        Hear,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => Just(Step::Write),
            1 => any::<usize>().prop_map(Step::Evict),
            4 => (0_usize..4, 0_usize..6).prop_map(|(skip, most)| Step::Send { skip, most }),
            2 => Just(Step::Hear),
        ];
        prop::collection::vec(step, 0..80)
    }

    proptest! {
        #[test]
        fn every_sequence_up_to_the_acknowledged_one_is_stored_once_or_in_a_gap(steps in steps()) {
            let (mut outbox, mut next) = (BTreeSet::new(), 1_u64);
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
                        }
                    }
                    Step::Hear => outbox.retain(|sequence| *sequence > acknowledged),
                    Step::Send { skip, most } => {
                        let oldest = outbox.first().copied().unwrap_or(next);
                        let batch: Vec<u64> = outbox.iter().copied().skip(skip).take(most).collect();
                        let plan = plan(acknowledged, oldest, &batch);
                        prop_assert!(plan.acknowledged >= acknowledged);
                        for sequence in &batch[plan.repeats.clone()] {
                            prop_assert!(stored.contains(sequence));
                        }
                        for sequence in &batch[plan.new.clone()] {
                            prop_assert!(stored.insert(*sequence), "stored twice");
                        }
                        if let Some((first, last)) = plan.gap {
                            prop_assert!(first <= last);
                            for sequence in first..=last {
                                prop_assert!(lost.insert(sequence) && !outbox.contains(&sequence));
                            }
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
