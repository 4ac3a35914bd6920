//! What happened in one run, line by line, in the order of the simulation. Two runs of one seed must have the
//! same history, to the byte.

use std::fmt::{self, Display};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Default)]
struct Inner {
    text: String,
    /// Ends of connections within this step. In which order tokio drops the tasks of a host that crashes depends
    /// on what else the process has run, so these are put in order.
    ends: Vec<String>,
    step: u64,
    now: Duration,
}

impl Inner {
    fn line(&self, who: &str, what: impl Display) -> String {
        let Self { step, now, .. } = self;
        format!("{step:>6} {:>8}.{:03} {who:<8} {what}\n", now.as_secs(), now.subsec_millis())
    }
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
        let mut ends = std::mem::take(&mut inner.ends);
        ends.sort();
        inner.text.extend(ends);
        (inner.step, inner.now) = (step, now);
    }

    /// Since the simulation began, as far as whole steps go.
    pub(super) fn now(&self) -> Duration {
        self.inner().now
    }

    /// Somebody did something.
    pub(super) fn note(&self, who: &str, what: impl Display) {
        let mut inner = self.inner();
        let line = inner.line(who, what);
        inner.text.push_str(&line);
    }

    /// A connection of somebody has ended.
    pub(super) fn note_end(&self, who: &str, what: impl Display) {
        let mut inner = self.inner();
        let line = inner.line(who, what);
        inner.ends.push(line);
    }

    /// All of it.
    pub(super) fn text(&self) -> String {
        self.inner().text.clone()
    }
}
