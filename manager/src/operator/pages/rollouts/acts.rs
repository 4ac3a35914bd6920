//! What may be done with a rollout now, and with a device of it, in words for buttons. Pure.

use crate::store::{DeviceStanding, RolloutState};

/// A button, or a question with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Act {
    /// The last word of the address to which it goes.
    pub(super) word: &'static str,
    /// On the button.
    pub(super) words: &'static str,
    /// How it looks.
    pub(super) class: &'static str,
    /// What is asked before it is done; of none, it is done at once, for it can be undone.
    pub(super) asks: Option<Question>,
}

/// What a person should know before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Question {
    /// What it means.
    pub(super) means: &'static str,
    /// Above the field for the reason; without, no reason is asked for.
    pub(super) note: Option<&'static str>,
    /// Whether there must be a reason.
    pub(super) needed: bool,
    /// On the button that does it.
    pub(super) yes: &'static str,
}

const START: Act = Act { word: "start", words: "Start", class: "", asks: None };
const PAUSE: Act = Act { word: "pause", words: "Pause", class: "quiet", asks: None };
const RESUME: Act = Act { word: "resume", words: "Go on", class: "", asks: None };
const HALT: Act = Act {
    word: "halt",
    words: "Halt",
    class: "danger",
    asks: Some(Question {
        means: "No further device is offered the program, and what has not been fetched is taken back. Devices that are at it finish. It goes on only when a person lifts the halt.",
        note: Some("What is wrong"),
        needed: false,
        yes: "Halt it",
    }),
};
const LIFT: Act = Act {
    word: "lift",
    words: "Lift the halt",
    class: "primary",
    asks: Some(Question {
        means: "It goes on where it was. Failures until now do not count any more: it halts again when as many more fail.",
        note: Some("Why it may go on"),
        needed: true,
        yes: "Lift it, and go on",
    }),
};
const RETRY: Act = Act {
    word: "retry",
    words: "Try the failed ones again",
    class: "quiet",
    asks: Some(Question {
        means: "All devices that failed or fell silent are offered the program once more, each in its wave.",
        note: None,
        needed: false,
        yes: "Try them again",
    }),
};
const CANCEL: Act = Act {
    word: "cancel",
    words: "Give up",
    class: "danger",
    asks: Some(Question {
        means: "No further device is offered the program, for good. Devices that have it keep it; devices that are at it finish.",
        note: Some("Why"),
        needed: false,
        yes: "Give it up",
    }),
};

const ALL: [Act; 7] = [START, PAUSE, RESUME, HALT, LIFT, CANCEL, RETRY];

/// The buttons for what may be done, by its words.
pub(super) fn acts(words: &[&str]) -> Vec<Act> {
    words.iter().filter_map(|word| ALL.into_iter().find(|act| act.word == *word)).collect()
}

/// Whether a device may be offered it once more.
pub(super) const fn may_retry(rollout: RolloutState, device: DeviceStanding) -> bool {
    let has_ended = matches!(
        device,
        DeviceStanding::Failed | DeviceStanding::Silent | DeviceStanding::Skipped | DeviceStanding::Held
    );
    let goes_on = !matches!(rollout, RolloutState::Cancelled | RolloutState::Making | RolloutState::Planned);
    has_ended && goes_on
}

/// Whether a device may be left out.
pub(super) const fn may_skip(rollout: RolloutState, device: DeviceStanding) -> bool {
    let may_be_taken_back = matches!(device, DeviceStanding::Waiting | DeviceStanding::Offered);
    let goes_on = !matches!(rollout, RolloutState::Finished | RolloutState::Cancelled | RolloutState::Making);
    may_be_taken_back && goes_on
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_undone_is_asked_about_and_a_halt_is_lifted_with_a_reason() {
        let words = ["start", "pause", "resume", "halt", "lift", "cancel", "retry"];
        let buttons = acts(&words);
        assert_eq!(buttons.iter().map(|act| act.word).collect::<Vec<_>>(), words, "each has a button");
        let lift = buttons[4].asks.unwrap();
        assert!(lift.needed && lift.note.is_some());
        // What cannot be undone is asked about.
        assert!(
            buttons.iter().all(|act| act.asks.is_some() || ["start", "pause", "resume"].contains(&act.word))
        );
        assert!(may_retry(RolloutState::Running, DeviceStanding::Silent));
        assert!(!may_retry(RolloutState::Cancelled, DeviceStanding::Failed));
        assert!(may_skip(RolloutState::Running, DeviceStanding::Waiting));
        assert!(!may_skip(RolloutState::Running, DeviceStanding::UnderWay), "it has it already");
    }
}
