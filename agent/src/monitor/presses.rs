//! When it is reported how often an open call was repeated: not at every press, but soon after the first one, and ever
//! more rarely while somebody goes on pressing.

use std::time::Duration;

use tokio::time::Instant;

/// From a press to the first report of it.
const FIRST: Duration = Duration::from_secs(5);
/// Each pause is twice as long as the one before it, up to this.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// When the next such report is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PressReports {
    due: Option<Instant>,
    pause: Duration,
    /// When the last one was made.
    last: Option<Instant>,
}

impl Default for PressReports {
    fn default() -> Self {
        Self { due: None, pause: FIRST, last: None }
    }
}

impl PressReports {
    /// A call was repeated.
    pub(super) fn note(&mut self, now: Instant) {
        if self.due.is_some() {
            return;
        }
        // It has been quiet for long: somebody else waits now.
        if self.last.is_some_and(|last| now.saturating_duration_since(last) >= LONGEST) {
            self.pause = FIRST;
        }
        self.due = Some(now + self.pause);
    }

    /// The report that was due is made.
    pub(super) fn reported(&mut self) {
        self.last = self.due.take();
        self.pause = (self.pause * 2).min(LONGEST);
    }
}

/// Ends when a report is due; never while none is.
pub(super) async fn due(presses: &PressReports) {
    match presses.due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_day_of_presses_is_a_few_reports() {
        let (begin, mut presses, mut reports) = (Instant::now(), PressReports::default(), 0);
        for second in 0..24 * 60 * 60 {
            let now = begin + Duration::from_secs(second);
            if presses.due.is_some_and(|due| due <= now) {
                presses.reported();
                reports += 1;
            }
            presses.note(now);
        }
        assert!((24..=36).contains(&reports), "{reports}");
    }

    #[test]
    fn after_a_long_quiet_a_press_is_told_of_as_soon_as_the_first() {
        let (now, mut presses) = (Instant::now(), PressReports::default());
        for _ in 0..5 {
            presses.note(now);
            presses.reported();
        }
        let later = now + LONGEST * 3;
        presses.note(later);
        assert_eq!(presses.due, Some(later + FIRST));
    }
}
