//! How long a request may be parked at this site: learnt from what its proxies do, and pure.
//!
//! While parked requests are held to their end, the wait grows by half, up to `most`. A request that is
//! cut before its end is a suspicion; only when a new connection works at once was it the site that cut
//! and not an outage ([`LongPollTimeout::confirm`], [`LongPollTimeout::dismiss`]). The wait then falls below the cut, and the cut
//! is remembered: the wait grows no further than below it, and probes above it again only after a long
//! time, which becomes longer each time the same cut is found. So a manager that was restarted, which looks
//! like a cut, costs an hour of shorter waits, and a proxy that really cuts is tried less and less.

use std::time::Duration;

/// No proxy takes a request for idle sooner: what breaks sooner is something else.
const SHORTEST_CUT: Duration = Duration::from_secs(5);
/// The round trip is given at least this; it matters below a wait of 10 s, which no site needs.
const LEAST_MARGIN: Duration = Duration::from_secs(5);
/// A cut is remembered for this at first; then for four times as long each time that it is found again.
const FIRST_MEMORY: Duration = Duration::from_secs(60 * 60);
/// A site may have another proxy after a week.
const LONGEST_MEMORY: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Two cuts that differ by less than a quarter are the same one.
const SAME: u32 = 4;
/// The manager answers when the wait is over; the rest of it is the round trip. A request that
/// was held for so much of its wait was held in full.
const FULL_PERCENT: u32 = 95;

/// Between which limits the wait is learnt, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The first wait.
    pub start: Duration,
    /// Never less.
    pub least: Duration,
    /// Never more.
    pub most: Duration,
}

/// How a parked request ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It was broken off after so long.
    After(Duration),
    /// Nothing more was heard: something between forgot the connection, nobody knows when.
    Silent,
}

/// How long the site lets a request be parked.
#[derive(Debug, Clone)]
pub struct LongPollTimeout {
    bounds: Bounds,
    now: Duration,
    ceiling: Option<Ceiling>,
    suspicion: Option<(Duration, Cut)>,
}

#[derive(Debug, Clone, Copy)]
struct Ceiling {
    at: Duration,
    /// On the monotonic clock.
    since: Duration,
    /// How often it was found again.
    again: u32,
}

impl Ceiling {
    fn holds(&self, now: Duration) -> bool {
        let factor = 4_u32.checked_pow(self.again).unwrap_or(u32::MAX);
        let memory = FIRST_MEMORY.saturating_mul(factor).min(LONGEST_MEMORY);
        now.saturating_sub(self.since) < memory
    }

    /// A wait that ends well before the cut.
    fn below(&self) -> Duration {
        self.at * 4 / 5
    }
}

fn whole_seconds(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs().max(1))
}

impl LongPollTimeout {
    /// Begins with the first wait; bounds that contradict it give way.
    pub fn new(bounds: Bounds) -> Self {
        let start = whole_seconds(bounds.start);
        let bounds = Bounds {
            start,
            least: whole_seconds(bounds.least).min(start),
            most: whole_seconds(bounds.most).max(start),
        };
        Self { bounds, now: start, ceiling: None, suspicion: None }
    }

    /// How long the next parked request may be held; whole seconds.
    pub fn current(&self) -> Duration {
        self.now
    }

    /// After how long the site cuts a request that is idle, as far as is known.
    pub fn cut_at(&self) -> Option<Duration> {
        self.ceiling.map(|ceiling| ceiling.at)
    }

    /// A request that was to be held for `asked` was answered after `took`. `now` is the monotonic clock.
    pub fn answered(&mut self, asked: Duration, took: Duration, now: Duration) {
        self.suspicion = None;
        if self.ceiling.is_some_and(|ceiling| took > ceiling.at) {
            self.ceiling = None;
        }
        if took < asked * FULL_PERCENT / 100 || asked < self.now {
            return;
        }
        let mut target = (self.now * 3 / 2).min(self.bounds.most);
        if let Some(ceiling) = self.ceiling.filter(|ceiling| ceiling.holds(now)) {
            target = target.min(ceiling.below());
        }
        self.now = whole_seconds(target).max(self.now);
    }

    /// A request that was to be held for `asked` was cut. Whether the site cuts, or is without contact,
    /// says the next connection. Says whether there is anything to suspect.
    pub fn suspect(&mut self, asked: Duration, cut: Cut) -> bool {
        let told = match cut {
            Cut::After(held) => held >= SHORTEST_CUT,
            Cut::Silent => asked >= SHORTEST_CUT,
        };
        self.suspicion = told.then_some((asked, cut));
        told
    }

    /// Whether a cut is suspected, and the next connection will tell.
    pub fn is_suspicious(&self) -> bool {
        self.suspicion.is_some()
    }

    /// How long after its wait a parked request is given up: silence is found within one and a half waits.
    pub fn margin(asked: Duration, reply_timeout: Duration) -> Duration {
        reply_timeout.min((asked / 2).max(LEAST_MARGIN))
    }

    /// The next connection did not work at once: it was an outage.
    pub fn dismiss(&mut self) {
        self.suspicion = None;
    }

    /// The next connection works at once: what was suspected is the site's doing. Says whether there was
    /// a suspicion.
    pub fn confirm(&mut self, now: Duration) -> bool {
        let Some((asked, cut)) = self.suspicion.take() else { return false };
        let (at, next) = match cut {
            Cut::After(held) => (held, held * 4 / 5),
            Cut::Silent => (asked, asked / 2),
        };
        let same = self.ceiling.filter(|known| known.at.abs_diff(at) < known.at / SAME);
        let again = same.map_or(0, |known| known.again.saturating_add(1));
        self.ceiling = Some(Ceiling { at, since: now, again });
        self.now = whole_seconds(next).max(self.bounds.least).min(self.now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn usual() -> LongPollTimeout {
        LongPollTimeout::new(Bounds { start: seconds(50), least: seconds(25), most: seconds(240) })
    }

    /// A site that cuts after `limit`; returns how often it cut, and the time that has passed.
    fn live(wait: &mut LongPollTimeout, limit: Duration, from: Duration, time: Duration) -> u32 {
        let (mut now, mut cuts) = (from, 0);
        while now < from + time {
            let asked = wait.current();
            if asked < limit {
                now += asked;
                wait.answered(asked, asked, now);
            } else {
                now += limit;
                wait.suspect(asked, Cut::After(limit));
                wait.confirm(now);
                cuts += 1;
            }
        }
        cuts
    }

    #[test]
    fn a_site_that_lets_everything_pass_is_asked_seldom_after_minutes() {
        let mut wait = usual();
        assert_eq!(live(&mut wait, HOUR, Duration::ZERO, seconds(600)), 0);
        assert_eq!((wait.current(), wait.cut_at()), (seconds(240), None));
    }

    #[test]
    fn a_site_that_cuts_is_found_out_by_one_cut_and_hardly_tried_again() {
        for limit in [30, 60, 100, 180] {
            let mut wait = usual();
            assert_eq!(live(&mut wait, seconds(limit), Duration::ZERO, HOUR / 2), 1, "{limit}");
            assert_eq!(wait.cut_at(), Some(seconds(limit)));
            assert!(wait.current() < seconds(limit) && wait.current() >= seconds(limit / 2));
            let month = live(&mut wait, seconds(limit), HOUR / 2, HOUR * 24 * 30);
            assert!((4..=9).contains(&month), "{limit}: {month} cuts in a month");
        }
    }

    #[test]
    fn an_outage_teaches_nothing() {
        let mut wait = usual();
        assert!(wait.suspect(seconds(50), Cut::After(seconds(20))));
        wait.dismiss();
        assert!(!wait.confirm(HOUR));
        assert_eq!((wait.current(), wait.cut_at()), (seconds(50), None));
    }

    #[test]
    fn a_cut_that_was_a_restart_of_the_manager_is_forgotten_after_an_hour() {
        let mut wait = usual();
        live(&mut wait, HOUR, Duration::ZERO, seconds(900));
        wait.suspect(seconds(240), Cut::After(seconds(40)));
        assert!(wait.confirm(seconds(900)));
        assert_eq!(wait.current(), seconds(32));
        live(&mut wait, HOUR, seconds(900), HOUR / 2);
        assert_eq!(wait.current(), seconds(32));
        live(&mut wait, HOUR, seconds(900) + HOUR, HOUR / 2);
        assert_eq!((wait.current(), wait.cut_at()), (seconds(240), None));
    }

    #[test]
    fn a_connection_that_is_forgotten_in_silence_halves_the_wait() {
        let mut wait = usual();
        live(&mut wait, HOUR, Duration::ZERO, seconds(900));
        wait.suspect(seconds(240), Cut::Silent);
        wait.confirm(HOUR);
        assert_eq!(wait.current(), seconds(120));
    }

    #[test]
    fn a_site_that_cuts_below_the_least_wait_is_told_and_the_wait_stays_at_the_least() {
        let mut wait = usual();
        live(&mut wait, seconds(10), Duration::ZERO, HOUR);
        assert_eq!((wait.current(), wait.cut_at()), (seconds(25), Some(seconds(10))));
    }

    #[test]
    fn three_times_the_same_value_holds_the_wait_fixed() {
        let mut wait =
            LongPollTimeout::new(Bounds { start: seconds(60), least: seconds(60), most: seconds(60) });
        live(&mut wait, seconds(30), Duration::ZERO, HOUR);
        live(&mut wait, HOUR, HOUR, HOUR);
        assert_eq!(wait.current(), seconds(60));
    }

    #[derive(Debug, Clone)]
    enum Event {
        Answered(u64),
        Cut(u64),
        Silent,
        Confirm,
        Dismiss,
        Time(u64),
    }

    fn any_event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0_u64..300).prop_map(Event::Answered),
            (0_u64..300).prop_map(Event::Cut),
            Just(Event::Silent),
            Just(Event::Confirm),
            Just(Event::Dismiss),
            (0_u64..1_000_000).prop_map(Event::Time),
        ]
    }

    proptest! {
        #[test]
        fn no_history_leads_out_of_the_bounds_and_no_cut_raises_and_no_answer_lowers_the_wait(
            events in prop::collection::vec(any_event(), 0..200),
            start in 1_u64..300, least in 1_u64..300, most in 1_u64..300,
        ) {
            let mut wait = LongPollTimeout::new(Bounds { start: seconds(start), least: seconds(least), most: seconds(most) });
            let (least, most) = (seconds(least.min(start)), seconds(most.max(start)));
            let mut now = Duration::ZERO;
            for event in events {
                let before = wait.current();
                match event {
                    Event::Answered(took) => {
                        wait.answered(before, seconds(took), now);
                        prop_assert!(wait.current() >= before);
                    }
                    Event::Cut(held) => {
                        wait.suspect(before, Cut::After(seconds(held)));
                        prop_assert_eq!(wait.current(), before);
                    }
                    Event::Silent => { wait.suspect(before, Cut::Silent); }
                    Event::Confirm => {
                        wait.confirm(now);
                        prop_assert!(wait.current() <= before);
                    }
                    Event::Dismiss => wait.dismiss(),
                    Event::Time(passed) => now += seconds(passed),
                }
                prop_assert!(wait.current() >= least && wait.current() <= most);
                prop_assert_eq!(wait.current().subsec_nanos(), 0);
            }
        }

        #[test]
        fn at_any_site_the_wait_settles_below_its_cut_and_not_far_below(limit in 32_u64..400) {
            let mut wait = usual();
            let first = live(&mut wait, seconds(limit), Duration::ZERO, HOUR);
            prop_assert!(first <= 2, "{} cuts in the first hour", first);
            let day = live(&mut wait, seconds(limit), HOUR, HOUR * 24);
            prop_assert!(day <= 4, "{} cuts in a day", day);
            let aim = limit.min(240);
            prop_assert!(wait.current() <= seconds(limit) && wait.current() >= seconds(aim / 2), "{:?}", wait);
        }
    }
}
