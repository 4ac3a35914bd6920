//! What a device lost, for its page.

use jiff::Timestamp;
use platen_protocol::facts::words::title;

use crate::ingest::Loss;
use crate::ingest::loss::in_words;
use crate::store::GapRecord;

/// So many are shown.
const MAX_SHOWN: usize = 10;

/// Losses of one reason that follow each other: after a long time out of contact a device tells of many
/// short ones.
pub(super) struct LostRuns {
    /// Where they are, such as `3-17`.
    pub(super) span: String,
    /// What is lost, and why.
    pub(super) words: String,
    /// Where, in words.
    pub(super) place: String,
    /// When the last of them was noticed.
    pub(super) recorded: Timestamp,
}

impl LostRuns {
    /// Of records, the newest first.
    pub(super) fn all(gaps: Vec<GapRecord>) -> Vec<Self> {
        let mut groups: Vec<Vec<GapRecord>> = Vec::new();
        for gap in gaps {
            match groups.last_mut() {
                Some(group) if group.first().is_some_and(|newest| belong_together(newest, &gap)) => {
                    group.push(gap);
                }
                _ => groups.push(vec![gap]),
            }
        }
        groups.into_iter().take(MAX_SHOWN).filter_map(|group| Self::of(&group)).collect()
    }

    fn of(newest_first: &[GapRecord]) -> Option<Self> {
        let (newest, oldest) = (newest_first.first()?, newest_first.last()?);
        let losses: Vec<Loss> = newest_first.iter().rev().map(|gap| gap.loss.clone()).collect();
        let first = oldest.loss.first;
        let (span, place) = match newest.loss.last {
            None => (format!("{first}-"), format!("from report {first} on")),
            Some(last) if last == first => (format!("{first}-{last}"), format!("report {first}")),
            Some(last) if losses.len() == 1 => {
                (format!("{first}-{last}"), format!("reports {first} to {last}"))
            }
            Some(last) => (
                format!("{first}-{last}"),
                format!("in {} runs between report {first} and {last}", losses.len()),
            ),
        };
        Some(Self { span, words: title(&in_words(&losses)), place, recorded: newest.recorded })
    }
}

fn belong_together(one: &GapRecord, other: &GapRecord) -> bool {
    one.epoch == other.epoch && one.loss.reason == other.loss.reason && one.loss.last.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::LossReason;

    #[test]
    fn many_short_losses_are_one_line_and_what_may_be_lost_is_another() {
        let at: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        let gap = |epoch: &str, first, last, count| GapRecord {
            epoch: epoch.parse().unwrap(),
            loss: Loss {
                first,
                last: Some(last),
                reason: LossReason::OutboxFull,
                kinds: [("utilisation".to_owned(), count)].into(),
            },
            recorded: at,
        };
        let in_memory = GapRecord { epoch: "m".parse().unwrap(), loss: Loss::in_memory(6), recorded: at };
        let rows = LostRuns::all(vec![gap("e", 20, 20, 1), gap("e", 9, 10, 2), gap("e", 3, 5, 3), in_memory]);
        let [many, perhaps] = rows.as_slice() else { panic!("{}", rows.len()) };
        assert_eq!(many.words, "6 utilisation reports were discarded because the outbox was full");
        assert_eq!((many.span.as_str(), many.place.as_str()), ("3-20", "in 3 runs between report 3 and 20"));
        assert_eq!((perhaps.span.as_str(), perhaps.place.as_str()), ("7-", "from report 7 on"));
        assert!(perhaps.words.starts_with("Reports may be lost"), "{}", perhaps.words);
    }
}
