//! The pace of parking: a manager that answers parked requests at once, again and again, and says
//! nothing new, is not asked in a busy loop.

use std::time::Duration;

/// A request that was held so long was parked.
const HELD: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How the manager has answered parked requests of late.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    idle_answers: u32,
}

impl Pace {
    /// A parked request was answered after `held`; `news` says whether the answer told anything new.
    /// Returns how long to wait before parking again.
    pub fn after(&mut self, held: Duration, news: bool) -> Duration {
        if news || held >= HELD {
            self.idle_answers = 0;
            return Duration::ZERO;
        }
        let pause = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(self.idle_answers).unwrap_or(u32::MAX));
        self.idle_answers = self.idle_answers.saturating_add(1);
        pause.min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_that_never_holds_a_request_is_asked_less_and_less_often() {
        let mut pace = Pace::default();
        let pauses: Vec<_> = (0..40).map(|_| pace.after(Duration::ZERO, false)).collect();
        assert!(pauses.is_sorted());
        assert_eq!(pauses.last(), Some(&LONGEST_PAUSE));
        assert_eq!(pace.after(HELD, false), Duration::ZERO);
        assert_eq!(pace.after(Duration::ZERO, false), FIRST_PAUSE);
        assert_eq!(pace.after(Duration::ZERO, true), Duration::ZERO);
    }
}
