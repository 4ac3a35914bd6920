//! What a device lost, as it is recorded and told to people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use platen_protocol::device_to_manager::{Lost, LostReason};
use serde::{Deserialize, Serialize};

/// Why reports are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LossReason {
    /// More reports waited than the device's outbox holds, so it discarded some.
    OutboxFull,
    /// This manager refused them, so the device discarded them.
    Refused,
    /// The device could not read them from its disk any more.
    Unreadable,
    /// They were kept in memory only, for the device's disk failed, and the device stopped.
    InMemory,
    /// The manager had them and lost them, when its database was taken back to an older state.
    Restored,
    /// The device did not say.
    Other,
}

impl From<LostReason> for LossReason {
    fn from(reason: LostReason) -> Self {
        match reason {
            LostReason::OutboxFull => Self::OutboxFull,
            LostReason::Refused => Self::Refused,
            LostReason::Unreadable => Self::Unreadable,
            LostReason::Other => Self::Other,
        }
    }
}

/// A run of reports of one epoch that are lost for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Loss {
    /// The first sequence of the run.
    pub first: u64,
    /// The last sequence of the run; `null` where it is not known whether and how many were lost.
    pub last: Option<u64>,
    /// Why they are lost.
    pub reason: LossReason,
    /// Number of each kind of report, as far as the device counted them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<String, u64>,
}

impl Loss {
    /// A run that the device says nothing of.
    pub fn untold(first: u64, last: u64) -> Self {
        Self { first, last: Some(last), reason: LossReason::Other, kinds: BTreeMap::new() }
    }

    /// A run that the manager had acknowledged before its database was taken back.
    pub fn restored(first: u64, last: u64) -> Self {
        Self { reason: LossReason::Restored, ..Self::untold(first, last) }
    }

    /// What was not handed in when a device stopped that kept its outbox in memory.
    pub fn in_memory(acknowledged: u64) -> Self {
        let first = acknowledged.saturating_add(1);
        Self { first, last: None, reason: LossReason::InMemory, kinds: BTreeMap::new() }
    }

    /// What of a run that the device tells of is lost anew. Of a part nobody knows the kinds.
    pub fn told(run: &Lost, first: u64, last: u64) -> Self {
        let whole = (run.first, run.last) == (first, last);
        let kinds = if whole { run.kinds.clone() } else { BTreeMap::new() };
        Self { first, last: Some(last), reason: run.reason.into(), kinds }
    }

    /// How many reports are lost, if that is known.
    pub fn count(&self) -> Option<u64> {
        self.last.map(|last| last.saturating_sub(self.first).saturating_add(1))
    }

    /// For people.
    pub fn words(&self) -> String {
        in_words(std::slice::from_ref(self))
    }
}

/// Losses with the numbers of each reason added up.
pub fn in_words(losses: &[Loss]) -> String {
    let mut reasons: Vec<LossReason> = Vec::new();
    for loss in losses {
        if !reasons.contains(&loss.reason) {
            reasons.push(loss.reason);
        }
    }
    let of = |reason: &LossReason| losses.iter().filter(|loss| loss.reason == *reason).collect::<Vec<_>>();
    reasons.iter().map(|reason| sentence(*reason, &of(reason))).collect::<Vec<_>>().join("; ")
}

fn sentence(reason: LossReason, losses: &[&Loss]) -> String {
    if reason == LossReason::InMemory {
        return "reports may be lost: the device's disk failed, it kept them in memory, and it stopped before they were handed in".to_owned();
    }
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for loss in losses {
        for (kind, count) in &loss.kinds {
            add(&mut kinds, kind, *count);
        }
        let rest = loss.count().unwrap_or_default().saturating_sub(sum(loss.kinds.values()));
        if rest > 0 {
            add(&mut kinds, "", rest);
        }
    }
    let total = sum(kinds.values());
    let what: Vec<String> = kinds.into_iter().map(|(kind, count)| counted(kind, count)).collect();
    let (were, it) = if total == 1 { ("was", "it") } else { ("were", "them") };
    let mut words = listed(&what);
    // Writing to a string cannot fail.
    let _ = match reason {
        LossReason::OutboxFull => write!(words, " {were} discarded because the outbox was full"),
        LossReason::Refused => write!(words, " {were} discarded because this manager refused {it}"),
        LossReason::Unreadable => write!(words, " {were} lost: the device could not read {it} any more"),
        LossReason::Restored => {
            write!(
                words,
                " {were} lost when this manager was restored from a backup; the device had sent {it}"
            )
        }
        LossReason::InMemory | LossReason::Other => write!(words, " {were} lost on the device"),
    };
    words
}

/// Sums that a device names do not overflow: what was stored before counts had their bound may be as large
/// as a number goes.
fn sum<'a>(counts: impl Iterator<Item = &'a u64>) -> u64 {
    counts.fold(0, |sum, count| sum.saturating_add(*count))
}

fn add<'a>(kinds: &mut BTreeMap<&'a str, u64>, kind: &'a str, count: u64) {
    let kind = kinds.entry(kind).or_default();
    *kind = kind.saturating_add(count);
}

fn listed(what: &[String]) -> String {
    match what {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

fn counted(kind: &str, count: u64) -> String {
    let (one, many) = match kind {
        "started" => ("start of the agent", "starts of the agent"),
        "alert_raised" => ("alert", "alerts"),
        "alert_cleared" => ("end of an alert", "ends of alerts"),
        "alerts_standing" => ("list of open alerts", "lists of open alerts"),
        "service_call" => ("service call", "service calls"),
        "service_call_presses" => ("repeat of a service call", "repeats of service calls"),
        "order" => ("order", "orders"),
        "replacement" => ("replacement", "replacements"),
        "utilisation" => ("utilisation report", "utilisation reports"),
        "readings" => ("report of readings", "reports of readings"),
        "outcome" => ("outcome of a command", "outcomes of commands"),
        _ => ("report", "reports"),
    };
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(reason: LossReason, kinds: &[(&str, u64)]) -> Loss {
        let total = kinds.iter().map(|(_, count)| count).sum::<u64>();
        let kinds = kinds.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
        Loss { first: 3, last: Some(2 + total), reason, kinds }
    }

    #[test]
    fn a_loss_is_told_with_its_numbers_and_its_reason() {
        let full = loss(LossReason::OutboxFull, &[("utilisation", 12)]);
        assert_eq!(full.words(), "12 utilisation reports were discarded because the outbox was full");
        let mixed = loss(LossReason::OutboxFull, &[("alert_raised", 1), ("readings", 2), ("utilisation", 3)]);
        let expected = "1 alert, 2 reports of readings and 3 utilisation reports were discarded because the outbox was full";
        assert_eq!(mixed.words(), expected);
        let refused = loss(LossReason::Refused, &[("order", 1)]);
        assert_eq!(refused.words(), "1 order was discarded because this manager refused it");
        assert_eq!(Loss::untold(4, 10).words(), "7 reports were lost on the device");
        let restored =
            "1 report was lost when this manager was restored from a backup; the device had sent it";
        assert_eq!(Loss::restored(4, 4).words(), restored);
        assert!(Loss::in_memory(7).words().starts_with("reports may be lost: the device's disk failed"));
    }

    #[test]
    fn the_largest_numbers_that_may_be_stored_add_up_to_the_largest_number() {
        let most = Loss {
            first: 1,
            last: Some(u64::MAX),
            ..loss(LossReason::OutboxFull, &[("readings", u64::MAX - 2)])
        };
        let words = in_words(&[most.clone(), most]);
        assert!(words.contains(&format!("{} reports of readings", u64::MAX)), "{words}");
    }

    #[test]
    fn many_runs_of_one_reason_are_one_sentence() {
        let runs = [
            loss(LossReason::OutboxFull, &[("utilisation", 12)]),
            loss(LossReason::OutboxFull, &[("utilisation", 1), ("readings", 1)]),
            Loss { kinds: BTreeMap::new(), ..loss(LossReason::OutboxFull, &[("utilisation", 5)]) },
        ];
        assert_eq!(
            in_words(&runs),
            "5 reports, 1 report of readings and 13 utilisation reports were discarded because the outbox was full"
        );
        let two =
            [loss(LossReason::OutboxFull, &[("readings", 1)]), loss(LossReason::Refused, &[("order", 1)])];
        assert_eq!(
            in_words(&two),
            "1 report of readings was discarded because the outbox was full; 1 order was discarded because this manager refused it"
        );
    }
}
