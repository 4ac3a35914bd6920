//! What happened in one run, line by line, in the order of the simulation. Two runs of one seed must have the
//! same history, to the byte.

use std::fmt::{self, Display, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Default)]
struct Inner {
    text: String,
    step: u64,
    now: Duration,
}

/// The history of one run.
#[derive(Default)]
pub(super) struct History(Mutex<Inner>);

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("History")
    }
}

impl History {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next step begins.
    pub(super) fn step(&self, step: u64, now: Duration) {
        let mut inner = self.inner();
        (inner.step, inner.now) = (step, now);
    }

    /// Since the simulation began, as far as whole steps go.
    pub(super) fn now(&self) -> Duration {
        self.inner().now
    }

    /// Somebody did something.
    pub(super) fn note(&self, who: &str, what: impl Display) {
        let mut inner = self.inner();
        let (step, now) = (inner.step, inner.now);
        let _ =
            writeln!(inner.text, "{step:>6} {:>8}.{:03} {who:<8} {what}", now.as_secs(), now.subsec_millis());
    }

    /// All of it.
    pub(super) fn text(&self) -> String {
        self.inner().text.clone()
    }
}
