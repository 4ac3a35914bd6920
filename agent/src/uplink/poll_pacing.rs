//! How long to wait before the next request (poll): everything that decides it, pure.
//!
//! A manager that answers parked requests at once, again and again, and says nothing new, is not asked in
//! a busy loop. One that fails is asked less and less ([`Backoff`]), and never sooner than it would have
//! been asked had it answered: errors speed nothing up. One that is being restarted says for how long to
//! spread the return; one that died says nothing, and all whose requests it held would be back in one second, so idle
//! devices spread their return by themselves.

use std::time::Duration;

use super::backoff::{Backoff, share};

/// A request that was held so long was parked.
const HELD: Duration = Duration::from_secs(1);
/// A connection on which a request was parked for so long was contact, however it ended.
const CONTACT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// An idle device whose parked request broke comes back within this part of the wait that it had asked for ...
const RETURN_PART: u32 = 5;
/// ... and within this.
const LONGEST_RETURN: Duration = Duration::from_secs(10);
/// A manager cannot spread the return of its devices over more.
pub const MAX_DRAIN: Duration = Duration::from_secs(10 * 60);

/// How the manager has answered of late.
#[derive(Debug, Clone)]
pub struct PollPacing {
    backoff: Backoff,
    /// Parked requests in a row that were answered at once, with nothing new.
    idle_answers: u32,
    /// Over how long to spread the return after contact that broke.
    spread: Duration,
    /// Before this, on the monotonic clock, an idle device does not come back.
    quiet_until: Duration,
}

/// How long to wait after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// In any case.
    pub least: Duration,
    /// If there is nothing to report; not less than `least`.
    pub idle: Duration,
}

fn idle_pause(answers: u32) -> Duration {
    match answers.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => {
            let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
            FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
        }
    }
}

impl PollPacing {
    /// Begins with what a failure costs at first, and at most.
    pub fn new(backoff: Backoff) -> Self {
        Self { backoff, idle_answers: 0, spread: Duration::ZERO, quiet_until: Duration::ZERO }
    }

    /// The manager has taken reports.
    pub fn taken(&mut self) {
        self.backoff.reset();
    }

    /// A parked request was answered after `held`; `news` says whether the answer told anything new.
    pub fn answered(&mut self, held: Duration, news: bool) {
        self.backoff.reset();
        self.idle_answers = if news || held >= HELD { 0 } else { self.idle_answers.saturating_add(1) };
    }

    /// A parked request that was to be held for `asked` failed after `held`.
    pub fn broke(&mut self, held: Duration, asked: Duration) {
        if held >= CONTACT {
            self.backoff.reset();
            self.spread = (asked / RETURN_PART).min(LONGEST_RETURN);
        }
    }

    /// The manager asks its idle devices to come back within `pause`, each at another time.
    pub fn drain(&mut self, pause: Duration, random: u64, now: Duration) {
        self.quiet_until = self.quiet_until.max(now + share(pause.min(MAX_DRAIN), random));
    }

    /// How long an idle device waits before it parks again. `now` is the monotonic clock.
    pub fn park_in(&self, now: Duration) -> Duration {
        idle_pause(self.idle_answers).max(self.quiet_until.saturating_sub(now))
    }

    /// A connection, or the making of one, failed: how long to wait before the next. `random` is any
    /// evenly drawn number.
    pub fn failed(&mut self, random: u64, retry_after: Option<Duration>, now: Duration) -> Pause {
        let drawn = self.backoff.next(random, retry_after);
        // As long as if this had been one more idle answer.
        let least = drawn.max(idle_pause(self.idle_answers.saturating_add(1)));
        let spread = share(std::mem::take(&mut self.spread), random);
        Pause { least, idle: least.max(spread).max(self.quiet_until.saturating_sub(now)) }
    }

    /// Whether nothing has failed since the last success.
    pub fn is_fresh(&self) -> bool {
        self.backoff.is_fresh()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pacing() -> PollPacing {
        PollPacing::new(Backoff::new(Duration::from_secs(1), Duration::from_secs(300)))
    }

    #[test]
    fn a_manager_that_never_holds_a_request_is_asked_less_and_less_often() {
        let mut pacing = pacing();
        let mut ask = |held, news| {
            pacing.answered(held, news);
            pacing.park_in(Duration::ZERO)
        };
        let pauses: Vec<_> = (0..40).map(|_| ask(Duration::ZERO, false)).collect();
        assert!(pauses.is_sorted());
        assert_eq!(pauses.last(), Some(&LONGEST_PAUSE));
        assert_eq!(ask(HELD, false), Duration::ZERO);
        assert_eq!(ask(Duration::ZERO, false), FIRST_PAUSE);
        assert_eq!(ask(Duration::ZERO, true), Duration::ZERO);
    }

    #[test]
    fn a_manager_that_greets_and_then_fails_is_asked_less_and_less_often() {
        let mut pacing = pacing();
        let pauses: Vec<_> = (0..12)
            .map(|_| {
                // The hello was answered; the parked request failed at once.
                pacing.broke(Duration::from_millis(3), Duration::from_secs(50));
                pacing.failed(u64::MAX, None, Duration::ZERO).least
            })
            .collect();
        assert!(pauses.is_sorted() && pauses.last() == Some(&Duration::from_secs(300)), "{pauses:?}");
    }

    #[test]
    fn a_restart_of_the_manager_spreads_idle_devices_and_holds_up_no_report() {
        let second = Duration::from_secs(1);
        let mut tenths = [0_u32; 10];
        for device in 0..1_000_u64 {
            let mut pacing = pacing();
            pacing.drain(second * 60, u64::MAX / 1_000 * device, second);
            let back = pacing.park_in(second);
            tenths[usize::try_from(back.as_secs() / 6).unwrap()] += 1;
            let pause = pacing.failed(0, None, second);
            assert!(pause.least <= second && pause.idle >= back);
        }
        assert!(tenths.iter().all(|devices| (90..=110).contains(devices)), "{tenths:?}");
    }

    #[test]
    fn a_manager_that_dies_has_its_idle_devices_back_spread_over_ten_seconds_and_reports_at_once() {
        let (second, wait) = (Duration::from_secs(1), Duration::from_secs(50));
        let mut seconds = [0_u32; 10];
        for device in 0..1_000_u64 {
            let mut pacing = pacing();
            pacing.broke(wait / 2, wait);
            let pause = pacing.failed(u64::MAX / 1_000 * device, None, second);
            assert!(pause.least <= second);
            seconds[usize::try_from(pause.idle.as_secs()).unwrap()] += 1;
            // Only that one: what follows is paced by what it costs.
            assert!(pacing.failed(u64::MAX / 2, None, second).idle <= second * 2);
        }
        assert!(seconds.iter().all(|devices| (90..=110).contains(devices)), "{seconds:?}");
        let mut short = pacing();
        short.broke(second * 6, second * 8);
        assert!(
            short.failed(u64::MAX, None, second).idle <= second * 2,
            "a site that cuts soon is asked soon"
        );
    }

    #[derive(Debug, Clone)]
    enum Event {
        Taken,
        Answered(u64, bool),
        Broke(u64),
        Drain(u64, u64),
        Failed(u64, Option<u64>),
        Time(u64),
    }

    fn any_event() -> impl Strategy<Value = Event> {
        prop_oneof![
            Just(Event::Taken),
            (0_u64..2_000, any::<bool>()).prop_map(|(held, news)| Event::Answered(held, news)),
            (0_u64..9_000).prop_map(Event::Broke),
            (0_u64..2_000_000, any::<u64>()).prop_map(|(pause, random)| Event::Drain(pause, random)),
            (any::<u64>(), prop::option::of(0_u64..9_000)).prop_map(|(r, after)| Event::Failed(r, after)),
            (0_u64..100_000).prop_map(Event::Time),
        ]
    }

    proptest! {
        #[test]
        fn after_any_history_an_error_never_brings_the_next_request_sooner_than_a_success(
            events in prop::collection::vec(any_event(), 0..80),
            held in 0_u64..2_000, random in any::<u64>(), wish in prop::option::of(0_u64..7_200),
        ) {
            let mut pacing = pacing();
            let mut now = Duration::ZERO;
            let wish = wish.map(Duration::from_secs);
            let asked = Duration::from_secs(50);
            for event in events {
                match event {
                    Event::Taken => pacing.taken(),
                    Event::Answered(held, news) => pacing.answered(Duration::from_millis(held), news),
                    Event::Broke(held) => pacing.broke(Duration::from_millis(held), asked),
                    Event::Drain(pause, random) => pacing.drain(Duration::from_millis(pause), random, now),
                    Event::Failed(random, after) => {
                        pacing.failed(random, after.map(Duration::from_secs), now);
                    }
                    Event::Time(passed) => now += Duration::from_millis(passed),
                }
                prop_assert!(pacing.park_in(now) <= MAX_DRAIN.max(LONGEST_PAUSE));
            }
            let held = Duration::from_millis(held);
            let mut good = pacing.clone();
            good.answered(held, false);
            let mut bad = pacing;
            bad.broke(held, asked);
            let pause = bad.failed(random, wish, now);
            prop_assert!(pause.idle >= good.park_in(now));
            prop_assert!(pause.least >= wish.unwrap_or_default().min(super::super::backoff::MAX_RETRY_AFTER));
            // A second failure can draw as much as the first, and more.
            let ceiling = bad.failed(u64::MAX, None, now).least;
            prop_assert!(ceiling >= bad.clone().failed(0, None, now).least.min(ceiling));
        }
    }
}
