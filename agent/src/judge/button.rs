//! Buttons: how long was one pressed, was it a wish at all, and which supplies does an order want?
//!
//! A press is judged at its release. One that is found pressed when the agent begins, or that is held
//! longer than anybody holds a button, is stuck or leant on, and nobody's wish.

use std::time::Duration;

use platen_protocol::readings::SupplyReading;
use platen_protocol::supply::SupplyClass;

/// A button that is held for so long is stuck.
pub const STUCK: Duration = Duration::from_secs(30);

/// A press of the order button that was refused, for all that it wanted is ordered already, can be repeated on
/// purpose within this: by holding the button.
pub const AGAIN_WITHIN: Duration = Duration::from_secs(30);

/// What a press of the order button was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// The names of the supplies.
    pub(super) supplies: Vec<String>,
    /// When.
    pub(super) at: Duration,
}

impl Refused {
    /// Whether it can still be repeated.
    pub(super) fn is_fresh(&self, at: Duration) -> bool {
        at.saturating_sub(self.at) <= AGAIN_WITHIN
    }
}

/// How a button was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Press {
    /// Shorter than the long press.
    Short,
    /// As long as the long press or longer.
    Long,
}

/// A button: since when it is pressed, and when the press before ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Button {
    pressed: Option<Duration>,
    /// When the last press ended.
    last: Option<Duration>,
}

impl Button {
    /// Takes a change of its debounced state; `found` says that it is no change, and how the button was
    /// found when the agent began. Returns a press that has ended, with the time since the one before it.
    pub(super) fn change(
        &mut self,
        active: bool,
        found: bool,
        at: Duration,
        long: Duration,
    ) -> Option<(Press, Option<Duration>)> {
        if active {
            self.pressed = (!found).then_some(at);
            return None;
        }
        let began = self.pressed.take()?;
        let held = at.saturating_sub(began);
        if held >= STUCK {
            return None;
        }
        let press = if held >= long { Press::Long } else { Press::Short };
        let since = self.last.replace(at).map(|last| began.saturating_sub(last));
        Some((press, since))
    }
}

/// The supplies that a press of the order button wants: a short one that which is lowest, a long one all
/// that have reached a set value. What is not known to be low is never among them.
pub(super) fn wanted(press: Press, supplies: &[SupplyReading]) -> Vec<SupplyReading> {
    match press {
        Press::Short => lowest(supplies).into_iter().cloned().collect(),
        Press::Long => supplies.iter().filter(|supply| supply.is_low()).cloned().collect(),
    }
}

/// The supplies of these names, as they are read now.
pub(super) fn named(names: &[String], supplies: &[SupplyReading]) -> Vec<SupplyReading> {
    supplies.iter().filter(|supply| names.contains(&supply.name)).cloned().collect()
}

/// The consumed supply of which the least is left, to the last unit; of equals the first on the board.
fn lowest(supplies: &[SupplyReading]) -> Option<&SupplyReading> {
    supplies
        .iter()
        .filter(|supply| supply.class == SupplyClass::SupplyThatIsConsumed)
        .filter_map(|supply| supply.share().map(|share| (share, supply)))
        .min_by_key(|(share, _)| *share)
        .map(|(_, supply)| supply)
}
