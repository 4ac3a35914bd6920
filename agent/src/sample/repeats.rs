//! Which samples the runtime needs to see.

use std::time::{Duration, Instant};

use platen_protocol::readings::Readings;

/// Readings that do not change are handed on so often anyway: it shows that the thread lives.
pub const QUIET: Duration = Duration::from_secs(30);

/// What was handed on, and how often the same was seen since.
#[derive(Debug)]
pub(super) struct Repeats {
    enough: u32,
    last: Option<(Readings, Instant)>,
    equal: u32,
}

impl Repeats {
    /// Nothing was handed on yet; `enough` equal samples will do.
    pub(super) fn new(enough: u32) -> Self {
        Self { enough, last: None, equal: 0 }
    }

    /// From now on, so many equal samples will do.
    pub(super) fn set_enough(&mut self, enough: u32) {
        self.enough = enough;
        self.disturb();
    }

    /// Something happened: the next sample counts whatever it says.
    pub(super) fn disturb(&mut self) {
        self.last = None;
    }

    /// Whether these readings are to be handed on; if so, they are what the next are compared with.
    pub(super) fn is_worth_handing_on(&mut self, readings: &Readings, now: Instant, asked: bool) -> bool {
        let same = self.last.as_ref().is_some_and(|(last, _)| last == readings);
        let quiet_since = self.last.as_ref().map(|(_, since)| *since);
        self.equal = if same { self.equal.saturating_add(1) } else { 0 };
        let due = quiet_since.is_none_or(|since| now.saturating_duration_since(since) >= QUIET);
        let hand_on = asked || due || self.equal <= self.enough;
        if hand_on {
            self.last = Some((readings.clone(), now));
        }
        hand_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_samples_are_handed_on_a_few_times_and_then_only_now_and_then() {
        let (readings, begin) = (Readings::default(), Instant::now());
        let mut repeats = Repeats::new(2);
        let mut ask =
            |seconds| repeats.is_worth_handing_on(&readings, begin + Duration::from_secs(seconds), false);
        assert_eq!([ask(0), ask(1), ask(2), ask(3), ask(4)], [true, true, true, false, false]);
        assert!(ask(2 + QUIET.as_secs()));
        repeats.disturb();
        assert!(repeats.is_worth_handing_on(&readings, begin, false));
    }
}
