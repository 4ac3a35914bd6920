//! Which steps an attempt to connect has taken, and what each one found: for the text of a failure, and for
//! `platen doctor`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::overheard::Heard;

/// A step of connecting to the manager, in the order in which they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The name is resolved to addresses.
    Name,
    /// A TCP connection is made, to the manager or to the proxy.
    Tcp,
    /// The proxy is asked for a tunnel.
    Proxy,
    /// TLS, with the certificates of both sides.
    Tls,
    /// HTTP is started: for HTTP/2, its connection preface and settings.
    Http,
}

impl Step {
    /// What it is called in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Tcp => "TCP",
            Self::Proxy => "proxy",
            Self::Tls => "TLS",
            Self::Http => "HTTP",
        }
    }

    /// Whether it is a proxy that is waited for, if there is one.
    pub(super) fn is_before_tunnel(self) -> bool {
        matches!(self, Self::Name | Self::Tcp | Self::Proxy)
    }

    /// What has not come when this step takes too long.
    pub fn waited_for(self) -> &'static str {
        match self {
            Self::Name => "the name server does not answer",
            Self::Tcp => "nothing answers on that port",
            Self::Proxy => "the proxy does not answer",
            Self::Tls => "the port is open, but nothing answers TLS",
            Self::Http => "TLS is up, but HTTP did not start",
        }
    }
}

/// One step that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Which.
    pub step: Step,
    /// What was tried: a name, an address.
    pub tried: String,
    /// What it found; `None` while it has not ended, and if it failed.
    pub found: Option<String>,
    /// How long it took, or has taken so far.
    pub took: Duration,
    began: Instant,
}

/// The steps of one attempt.
#[derive(Debug, Default)]
pub struct ConnectTrace(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    steps: Vec<Taken>,
    /// What came while TLS was made.
    heard: Arc<Heard>,
}

impl ConnectTrace {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The attempt is made once more, in another way: what it took before is forgotten.
    pub(super) fn begin_again(&self) {
        *self.state() = State::default();
    }

    /// Where to note what comes while TLS is made.
    pub(super) fn listen(&self) -> Arc<Heard> {
        Arc::clone(&self.state().heard)
    }

    /// Whether anything has come while TLS was made.
    pub(super) fn has_heard(&self) -> bool {
        !self.state().heard.first().is_empty()
    }

    /// A step begins.
    pub fn enter(&self, step: Step, tried: impl Into<String>) {
        let (tried, began) = (tried.into(), Instant::now());
        self.state().steps.push(Taken { step, tried, found: None, took: Duration::ZERO, began });
    }

    /// The step that was begun last has succeeded.
    pub fn found(&self, what: impl Into<String>) {
        if let Some(last) = self.state().steps.last_mut() {
            last.found = Some(what.into());
            last.took = last.began.elapsed();
        }
    }

    /// The step that was begun last.
    pub fn last(&self) -> Option<Step> {
        self.state().steps.last().map(|taken| taken.step)
    }

    /// All that were begun; one that has not ended with its time so far.
    pub fn steps(&self) -> Vec<Taken> {
        let mut steps = self.state().steps.clone();
        for step in steps.iter_mut().filter(|step| step.found.is_none()) {
            step.took = step.began.elapsed();
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_failed_is_the_last_one_and_found_nothing() {
        let trace = ConnectTrace::default();
        assert_eq!(trace.last(), None);
        trace.enter(Step::Name, "manager");
        trace.found("192.0.2.1");
        trace.enter(Step::Tcp, "192.0.2.1:8443");
        assert_eq!(trace.last(), Some(Step::Tcp));
        let found: Vec<_> = trace.steps().into_iter().map(|taken| taken.found).collect();
        assert_eq!(found, [Some("192.0.2.1".to_owned()), None]);
    }
}
