//! What lamp and buzzer say to the person at the device: pure, by moments that it is given.

use std::time::{Duration, Instant};

/// The lamp is dark, then lit, for so long each in a blink.
const BLINK: Duration = Duration::from_millis(200);
/// The same in the wink that says "already".
const WINK: Duration = Duration::from_millis(600);
/// The buzzer sounds for so long.
const BEEP: Duration = Duration::from_millis(80);
/// Between two beeps.
const BEEP_PAUSE: Duration = Duration::from_millis(120);

/// Three blinks of a lamp that was lit; it is dark afterwards unless something else still waits.
const ACKNOWLEDGED_LAMP: &[Step] =
    &[(false, BLINK), (true, BLINK), (false, BLINK), (true, BLINK), (false, BLINK), (true, BLINK)];
const ACKNOWLEDGED_BUZZER: &[Step] = &[(true, BEEP), (false, BEEP_PAUSE), (true, BEEP)];
const TAKEN_BUZZER: &[Step] = &[(true, BEEP)];
/// While a program is being installed the lamp flashes so briefly.
const FLASH: Duration = Duration::from_millis(100);
/// So often.
const FLASH_EVERY: Duration = Duration::from_secs(2);
/// One long wink of the lamp and three beeps: nothing new is sent.
const ALREADY_LAMP: &[Step] = &[(false, WINK), (true, WINK), (false, WINK)];
const ALREADY_BUZZER: &[Step] =
    &[(true, BEEP), (false, BEEP_PAUSE), (true, BEEP), (false, BEEP_PAUSE), (true, BEEP)];

/// Somebody is on the way: for 40 s the lamp is lit in blinks so long that it is seen from across a room and is taken for no other
/// signal, and the buzzer sounds twice, longer than for anything else.
const LONG_BLINK: Duration = Duration::from_secs(3);
const LONG_PAUSE: Duration = Duration::from_secs(1);
const LONG_BEEP: Duration = Duration::from_millis(400);
const ON_THE_WAY_LAMP: &[Step] = &[
    (false, LONG_PAUSE),
    (true, LONG_BLINK),
    (false, LONG_PAUSE),
    (true, LONG_BLINK),
    (false, LONG_PAUSE),
    (true, LONG_BLINK),
    (false, LONG_PAUSE),
    (true, LONG_BLINK),
    (false, LONG_PAUSE),
    (true, LONG_BLINK),
    (false, LONG_PAUSE),
    (true, LONG_BLINK),
    (false, LONG_PAUSE),
    (true, LONG_BLINK),
    (false, LONG_PAUSE),
    (true, LONG_BLINK),
    (false, LONG_PAUSE),
    (true, LONG_BLINK),
    (false, LONG_PAUSE),
    (true, LONG_BLINK),
];
const ON_THE_WAY_BUZZER: &[Step] = &[(true, LONG_BEEP), (false, BEEP_PAUSE), (true, LONG_BEEP)];

/// On or off, and for how long.
type Step = (bool, Duration);

/// Something to tell the person at the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Whether a service call or an order waits for the manager: the lamp is lit as long.
    Waiting(bool),
    /// Whether a program is being installed, which nobody should cut the power of: the lamp flashes as long, lit where it is
    /// dark and dark where it is lit.
    Installing(bool),
    /// A press was taken: one short beep.
    Taken,
    /// A press wanted what is asked for already: one long wink and three beeps.
    Already,
    /// The manager has it: three blinks and two beeps.
    Acknowledged,
    /// Somebody is on the way: ten long blinks and two long beeps.
    OnTheWay,
}

/// How the outputs are to be at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outputs {
    pub(super) lamp: bool,
    pub(super) buzzer: bool,
    /// When that changes next, if nothing else happens.
    pub(super) until: Option<Instant>,
}

/// The signals that are being given.
#[derive(Debug, Default)]
pub(super) struct Signals {
    waiting: bool,
    /// Since when a program is being installed.
    installing: Option<Instant>,
    lamp: Option<Pattern>,
    buzzer: Option<Pattern>,
}

#[derive(Debug, Clone, Copy)]
struct Pattern {
    steps: &'static [Step],
    began: Instant,
}

impl Pattern {
    /// The state at a moment and until when; `None` when the pattern is over.
    fn at(&self, now: Instant) -> Option<(bool, Instant)> {
        let mut end = self.began;
        self.steps.iter().find_map(|(on, length)| {
            end += *length;
            (now < end).then_some((*on, end))
        })
    }
}

impl Signals {
    /// Begins a signal.
    pub(super) fn give(&mut self, signal: Signal, now: Instant) {
        let pattern = |steps| Some(Pattern { steps, began: now });
        match signal {
            Signal::Waiting(waiting) => self.waiting = waiting,
            Signal::Installing(false) => self.installing = None,
            Signal::Installing(true) => self.installing = self.installing.or(Some(now)),
            Signal::Taken => self.buzzer = pattern(TAKEN_BUZZER),
            Signal::Already => (self.lamp, self.buzzer) = (pattern(ALREADY_LAMP), pattern(ALREADY_BUZZER)),
            Signal::Acknowledged => {
                (self.lamp, self.buzzer) = (pattern(ACKNOWLEDGED_LAMP), pattern(ACKNOWLEDGED_BUZZER));
            }
            Signal::OnTheWay => {
                (self.lamp, self.buzzer) = (pattern(ON_THE_WAY_LAMP), pattern(ON_THE_WAY_BUZZER));
            }
        }
    }

    /// The lamp while a program is being installed, and until when it is so.
    fn flash(&self, now: Instant) -> Option<(bool, Instant)> {
        let begun = self.installing?;
        let passed = now.saturating_duration_since(begun);
        let within = Duration::from_nanos(u64::try_from(passed.as_nanos() % FLASH_EVERY.as_nanos()).ok()?);
        let (flashes, until) = if within < FLASH { (true, FLASH) } else { (false, FLASH_EVERY) };
        Some((self.waiting != flashes, now + until.saturating_sub(within)))
    }

    /// How the outputs are to be now.
    pub(super) fn outputs(&self, now: Instant) -> Outputs {
        let lamp = self.lamp.and_then(|pattern| pattern.at(now)).or_else(|| self.flash(now));
        let buzzer = self.buzzer.and_then(|pattern| pattern.at(now));
        Outputs {
            lamp: lamp.map_or(self.waiting, |(on, _)| on),
            buzzer: buzzer.is_some_and(|(on, _)| on),
            until: lamp.into_iter().chain(buzzer).map(|(_, until)| until).min(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The changes of both outputs from a moment until nothing more changes, as (lamp, buzzer).
    fn course(signals: &Signals, mut now: Instant) -> Vec<(bool, bool)> {
        let mut seen = Vec::new();
        loop {
            let outputs = signals.outputs(now);
            seen.push((outputs.lamp, outputs.buzzer));
            let Some(until) = outputs.until else { return seen };
            assert!(until > now);
            now = until;
        }
    }

    fn rises(course: &[(bool, bool)], of: fn(&(bool, bool)) -> bool) -> usize {
        let before = std::iter::once(false).chain(course.iter().map(of));
        before.zip(course.iter().map(of)).filter(|(before, now)| !before && *now).count()
    }

    #[test]
    fn a_press_that_was_taken_beeps_once_and_lights_the_lamp_for_as_long_as_it_waits() {
        let now = Instant::now();
        let mut signals = Signals::default();
        signals.give(Signal::Taken, now);
        signals.give(Signal::Waiting(true), now);
        let course = course(&signals, now);
        assert_eq!(rises(&course, |outputs| outputs.1), 1);
        assert!(course.iter().all(|outputs| outputs.0), "the lamp does not flicker: {course:?}");
        assert_eq!(course.last(), Some(&(true, false)));
    }

    #[test]
    fn what_is_acknowledged_blinks_three_times_beeps_twice_and_goes_dark() {
        let now = Instant::now();
        let mut signals = Signals::default();
        signals.give(Signal::Waiting(false), now);
        signals.give(Signal::Acknowledged, now);
        let course = course(&signals, now);
        assert_eq!(rises(&course, |outputs| outputs.0), 3);
        assert_eq!(rises(&course, |outputs| outputs.1), 2);
        assert_eq!(course.last(), Some(&(false, false)));
    }

    #[test]
    fn what_is_asked_for_already_winks_once_beeps_three_times_and_leaves_the_lamp_as_it_was() {
        for waits in [false, true] {
            let now = Instant::now();
            let mut signals = Signals::default();
            signals.give(Signal::Waiting(waits), now);
            signals.give(Signal::Already, now);
            let course = course(&signals, now);
            assert_eq!(rises(&course, |outputs| outputs.1), 3);
            assert_eq!(rises(&course, |outputs| outputs.0), 1 + usize::from(waits), "{course:?}");
            assert_eq!(course.last(), Some(&(waits, false)));
        }
    }

    #[test]
    fn that_somebody_is_on_the_way_is_ten_long_blinks_and_two_long_beeps_and_leaves_the_lamp_as_it_was() {
        for waits in [false, true] {
            let now = Instant::now();
            let mut signals = Signals::default();
            signals.give(Signal::Waiting(waits), now);
            signals.give(Signal::OnTheWay, now);
            let course = course(&signals, now);
            assert_eq!((rises(&course, |outputs| outputs.0), rises(&course, |outputs| outputs.1)), (10, 2));
            assert_eq!(course.last(), Some(&(waits, false)));
            let lit = |seconds| signals.outputs(now + Duration::from_secs(seconds)).lamp;
            assert_eq!([lit(2), lit(4), lit(39), lit(40)], [true, false, true, waits]);
        }
    }

    #[test]
    fn the_lamp_stays_lit_after_the_blinks_when_something_else_waits() {
        let now = Instant::now();
        let mut signals = Signals::default();
        signals.give(Signal::Acknowledged, now);
        signals.give(Signal::Waiting(true), now);
        assert_eq!(course(&signals, now).last(), Some(&(true, false)));
    }

    #[test]
    fn while_a_program_is_installed_the_lamp_flashes_every_two_seconds_whatever_waits() {
        for waits in [false, true] {
            let now = Instant::now();
            let at = |milliseconds| now + Duration::from_millis(milliseconds);
            let mut signals = Signals::default();
            signals.give(Signal::Waiting(waits), now);
            signals.give(Signal::Installing(true), now);
            // Said again and again, as it is looked at.
            signals.give(Signal::Installing(true), at(1_050));
            for (milliseconds, flashes, until) in [
                (0, true, 100),
                (100, false, 2_000),
                (1_999, false, 2_000),
                (2_000, true, 2_100),
                (6_050, true, 6_100),
            ] {
                let outputs = signals.outputs(at(milliseconds));
                assert_eq!(
                    (outputs.lamp, outputs.until),
                    (waits != flashes, Some(at(until))),
                    "{milliseconds} ms"
                );
            }
            signals.give(Signal::Installing(false), at(7_000));
            assert_eq!(course(&signals, at(7_000)), [(waits, false)]);
        }
    }

    fn any_signal() -> impl Strategy<Value = Signal> {
        prop_oneof![
            any::<bool>().prop_map(Signal::Waiting),
            any::<bool>().prop_map(Signal::Installing),
            Just(Signal::Taken),
            Just(Signal::Already),
            Just(Signal::Acknowledged),
            Just(Signal::OnTheWay)
        ]
    }

    proptest! {
        #[test]
        fn whatever_is_signalled_the_outputs_come_to_rest_as_what_waits_says(
            given in prop::collection::vec((any_signal(), 0_u64..500), 0..20)
        ) {
            let (mut signals, mut now, mut waits) = (Signals::default(), Instant::now(), false);
            for (signal, later) in given {
                now += Duration::from_millis(later);
                signals.give(signal, now);
                if let Signal::Waiting(waiting) = signal {
                    waits = waiting;
                }
            }
            signals.give(Signal::Installing(false), now);
            let course = course(&signals, now);
            prop_assert_eq!(course.last(), Some(&(waits, false)));
        }
    }
}
