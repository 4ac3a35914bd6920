//! What a printer did lately: shares of its time, as numbers and as pieces of a bar. Pure.

use jiff::Timestamp;
use platen_protocol::device_to_manager::Activity;
use serde::Serialize;
use utoipa::ToSchema;

/// What a printer did in a stretch of time.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ActivityView {
    /// When the manager received it: about the end of the stretch.
    pub(in super::super) received: Timestamp,
    /// Seconds in each state, pages, temperatures and bus errors of that stretch.
    #[serde(flatten)]
    pub(in super::super) activity: Activity,
}

/// One of the states that a printer spends its time in.
pub(in super::super) struct StateShare {
    /// Class in the style sheet.
    pub(in super::super) state: &'static str,
    /// Label for people.
    pub(in super::super) words: &'static str,
    /// Time in this state.
    pub(in super::super) seconds: u64,
    /// Where its piece of the bar begins, in hundredths of the bar.
    pub(in super::super) begin: u64,
    /// How long its piece is, in the same.
    pub(in super::super) width: u64,
}

impl ActivityView {
    /// The states with their pieces of the bar, which end where the next begin: rounding leaves no holes.
    pub(in super::super) fn shares(&self) -> Vec<StateShare> {
        let activity = &self.activity;
        let told = [
            ("printing", "Printing", activity.printing_seconds),
            ("idle", "Idle", activity.idle_seconds),
            ("sleeping", "Asleep", activity.sleeping_seconds),
            ("error", "Stopped", activity.error_seconds),
        ];
        let sum = told.iter().fold(0_u64, |sum, (_, _, seconds)| sum.saturating_add(*seconds));
        let whole = u128::from(sum.max(activity.seconds).max(1));
        let place = |seconds: u64| u64::try_from(u128::from(seconds) * 100 / whole).unwrap_or(100);
        let mut before = 0_u64;
        let mut shares = Vec::with_capacity(told.len());
        for (state, words, seconds) in told {
            let begin = place(before);
            before = before.saturating_add(seconds);
            let width = place(before).saturating_sub(begin);
            shares.push(StateShare { state, words, seconds, begin, width });
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_pieces_of_the_bar_follow_each_other_and_stay_on_it(
            seconds: u64, states in prop::array::uniform4(any::<u64>()),
        ) {
            let [idle_seconds, printing_seconds, sleeping_seconds, error_seconds] = states;
            let activity = Activity {
                seconds, idle_seconds, printing_seconds, sleeping_seconds, error_seconds, ..Activity::default()
            };
            let mut end = 0;
            for share in (ActivityView { received: jiff::Timestamp::UNIX_EPOCH, activity }).shares() {
                prop_assert_eq!(share.begin, end);
                end = share.begin + share.width;
            }
            prop_assert!(end <= 100);
        }
    }
}
