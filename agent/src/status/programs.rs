//! How it stands with programs, for `platen programs`.

use std::time::Duration;

use platen_protocol::identity::AttemptId;
use platen_protocol::programs::{ProgramStep, RunningProgram, TriedProgram, TrustedVersions};
use serde::{Deserialize, Serialize};

/// What the agent knows of programs at this moment.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// What runs: this agent first.
    pub running: Vec<RunningProgram>,
    /// Which trust metadata the device holds; none where nothing is installed, for nobody has planted trust.
    pub trusted: Option<TrustedVersions>,
    /// The transfer under way.
    pub fetching: Option<Fetching>,
    /// What lies ready for `platen-install`.
    pub ready: Option<String>,
    /// What `platen-install` does.
    pub attempt: Option<UnderWay>,
    /// How the last attempts ended, oldest first.
    pub tried: Vec<TriedProgram>,
    /// When the manager last answered, on the monotonic clock.
    pub asked: Option<Duration>,
    /// When it is asked next, on the same clock.
    pub next: Option<Duration>,
    /// Why it could not be asked, or the transfer does not go on.
    pub trouble: Option<String>,
}

/// A transfer under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetching {
    /// Names the attempt.
    pub attempt_id: AttemptId,
    /// What it is, by the manager's word.
    pub program: RunningProgram,
    /// Bytes that are here.
    pub bytes: u64,
    /// Bytes in all, with the metadata.
    pub whole: u64,
}

/// What `platen-install` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// Names the attempt.
    pub attempt_id: AttemptId,
    /// What is tried, where that is known.
    pub program: Option<RunningProgram>,
    /// How far it is.
    pub step: ProgramStep,
    /// Why it is taken back, if it is.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `platen programs --json`. Fields are added over time, and none changes its meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramsReport {
    /// What runs: the agent first.
    pub running: Vec<RunningProgram>,
    /// Which trust metadata the device holds; none where nobody has planted trust, so that nothing is installed.
    pub trusted: Option<TrustedVersions>,
    /// The transfer under way.
    pub fetching: Option<Fetching>,
    /// What is whole, and waits to be installed: `KIND/NAME/VERSION`.
    pub ready: Option<String>,
    /// What is being installed.
    pub attempt: Option<UnderWay>,
    /// How the last attempts ended, oldest first.
    pub tried: Vec<TriedProgram>,
    /// When the manager last answered, in seconds before now.
    pub asked_seconds_ago: Option<u64>,
    /// When it is asked next, in seconds from now.
    pub next_seconds: Option<u64>,
    /// Why it could not be asked, or the transfer does not go on.
    pub trouble: Option<String>,
}

impl Standing {
    /// For people, at a moment on the monotonic clock.
    pub fn report(&self, now: Duration) -> ProgramsReport {
        ProgramsReport {
            running: self.running.clone(),
            trusted: self.trusted,
            fetching: self.fetching.clone(),
            ready: self.ready.clone(),
            attempt: self.attempt.clone(),
            tried: self.tried.clone(),
            asked_seconds_ago: self.asked.map(|then| now.saturating_sub(then).as_secs()),
            next_seconds: self.next.map(|then| then.saturating_sub(now).as_secs()),
            trouble: self.trouble.clone(),
        }
    }
}
