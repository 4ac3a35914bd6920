//! The outbox against a model: a list with a watermark.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::request::Fate;

#[derive(Debug, Clone)]
enum Act {
    Keep(Vec<u8>),
    Send(usize),
    Acknowledge(u64),
    Restart { clean: bool },
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => prop::collection::vec(0_u8..6, 1..4).prop_map(Act::Keep),
        2 => (1_usize..9).prop_map(Act::Send),
        2 => (0_u64..60).prop_map(Act::Acknowledge),
        1 => any::<bool>().prop_map(|clean| Act::Restart { clean }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_outbox_behaves_as_a_list_with_a_watermark(acts in prop::collection::vec(any_act(), 1..40)) {
        let directory = tempdir().unwrap();
        let mut outbox = open_in(directory.path());
        let most = 12;
        outbox.limits.max_reports = most;
        let (mut next, mut watermark, mut ranks) = (1_u64, 0_u64, BTreeMap::new());
        let (mut asked, mut lost) = (Vec::new(), BTreeSet::new());
        for act in acts {
            match act {
                Act::Keep(kinds) => {
                    let bodies: Vec<_> = kinds.iter().map(|kind| match kind {
                        0 => utilisation(),
                        1 => readings(),
                        2 => alert(),
                        3 => replacement(),
                        4 => order("order-1"),
                        _ => call(),
                    }).collect();
                    // What the outbox itself has to tell goes before: no alert stands here.
                    let own = outbox.owes().then(|| ReportBody::AlertsStanding { standing_alerts: Vec::new(), alerts: Vec::new() });
                    for body in own.iter().chain(&bodies) {
                        ranks.insert(next, Rank::of(body));
                        asked.extend(Rank::of(body).is_asked().then_some(next));
                        next += 1;
                    }
                    let reports = bodies.into_iter().map(new).collect();
                    let last = outbox.keep(&Entry { reports, ..Entry::default() }).unwrap();
                    prop_assert_eq!(last, Some(next - 1), "sequences rise by one");
                    let before = ranks.clone();
                    ranks.retain(|sequence, _| outbox.state.held.contains_key(sequence));
                    let gone = before.iter().filter(|(sequence, _)| !ranks.contains_key(sequence));
                    lost.extend(gone.clone().map(|(sequence, _)| *sequence));
                    let dearest_lost = gone.map(|(_, rank)| *rank).max();
                    if let Some(dearest) = dearest_lost {
                        prop_assert!(dearest < Rank::ServiceCall);
                        prop_assert!(ranks.values().all(|rank| *rank >= dearest), "something cheaper was kept");
                    }
                    let asked = ranks.values().filter(|rank| rank.is_asked()).count();
                    prop_assert!(ranks.len() <= most.max(asked));
                }
                Act::Send(most) => {
                    let batch = outbox.next_batch(most).unwrap();
                    prop_assert_eq!(batch.is_none(), ranks.is_empty() && lost.is_empty());
                    if let Some(batch) = batch {
                        let oldest = ranks.keys().next().copied().unwrap_or(next);
                        prop_assert_eq!(batch.body.oldest_sequence, oldest);
                        prop_assert!(batch.body.reports.len() <= most);
                        let reports = batch.body.reports.iter().map(|report| report.sequence);
                        let gone = batch.body.lost.iter().flat_map(|run| run.first..=run.last);
                        let gone = gone.filter(|sequence| *sequence > watermark);
                        for run in &batch.body.lost {
                            let length = run.last - run.first + 1;
                            prop_assert_eq!(run.kinds.values().sum::<u64>(), length);
                        }
                        prop_assert!(reports.clone().all(|sequence| ranks.contains_key(&sequence)));
                        prop_assert!(gone.clone().all(|sequence| lost.contains(&sequence)));
                        let told: BTreeSet<u64> = reports.chain(gone).collect();
                        let end = watermark + told.len() as u64;
                        prop_assert_eq!(told, (watermark + 1..=end).collect(), "nothing is missing");
                        prop_assert!(batch.body.reports.len() == most || end + 1 == next);
                    }
                }
                Act::Acknowledge(sequence) => {
                    let meant = acknowledge(&mut outbox, sequence);
                    if sequence >= next {
                        prop_assert_eq!(meant, Acknowledgement::Ahead);
                    } else {
                        watermark = watermark.max(sequence);
                        ranks.retain(|held, _| *held > watermark);
                        lost.retain(|gone| *gone > watermark);
                    }
                    prop_assert_eq!(outbox.acknowledged(), watermark, "the watermark never goes back");
                }
                Act::Restart { clean } => {
                    let epoch = outbox.epoch().clone();
                    if clean {
                        outbox.settle(None).unwrap();
                    }
                    drop(outbox);
                    outbox = open_in(directory.path());
                    outbox.limits.max_reports = most;
                    prop_assert_eq!(outbox.epoch(), &epoch);
                    prop_assert!(outbox.asked().count() <= MAX_ASKED_OPEN);
                    prop_assert_eq!(outbox.state.open.next, next);
                    prop_assert!(outbox.acknowledged() <= watermark);
                    prop_assert!(!clean || outbox.acknowledged() == watermark);
                    // What was acknowledged and not yet settled is sent once more: harmless.
                    acknowledge(&mut outbox, watermark);
                }
            }
            let held: Vec<_> = outbox.state.held.keys().copied().collect();
            let model: Vec<_> = ranks.keys().copied().collect();
            prop_assert_eq!(held, model);
            let gone = outbox.state.open.losses.iter().flat_map(|run| run.first..=run.last);
            prop_assert_eq!(gone.filter(|gone| *gone > watermark).collect::<BTreeSet<_>>(), lost.clone());
            let waits: Vec<_> = outbox.asked().map(|asked| asked.fate == Fate::Waiting).collect();
            let late = asked.iter().skip(asked.len().saturating_sub(MAX_ASKED_OPEN));
            prop_assert_eq!(waits, late.map(|sequence| *sequence > watermark).collect::<Vec<_>>());
        }
    }
}
