//! The rules of an attempt, pure: where it stands, what happened, where it stands then.
//!
//! Each row is what is written down; while it stands there, its action is under way. The next row is durable before its
//! own action begins, so after a power cut the action that was under way is begun again ([`Event::Restarted`]), and one
//! that was not written down was not begun.
//!
//! | step | its action | passed | refused | later | failed | restarted | runs |
//! |---|---|---|---|---|---|---|---|
//! | staged | verify signatures, versions and hash | verified | refused | refused | refused | again | 3 |
//! | verified | installer's `check` | installing | refused | again, after a minute | refused | again | 30 |
//! | installing | installer's `install` | installed | going-back | again, after a minute | going-back | again | 3 |
//! | installed | installer's `verify` | confirming | going-back | again, after 5 s | going-back | again | 24 |
//! | confirming | wait for the agent | committing | going-back | going-back | going-back | again | 3 |
//! | committing | installer's `commit` | kept | again | again, after 10 s | again | again | 3 |
//! | going-back | installer's `rollback` | rolled-back | again | again, after 10 s | again | again | 3 |
//! | kept, rolled-back, refused, failed | write it into the history | | | | | the same | |
//!
//! "Again" is the same step with one run more. When it has none left, or `platen-install` was started [`STARTS`] times with
//! this attempt, `staged` and `verified` become `refused`, `going-back` becomes `failed`, all others `going-back`.

use std::time::Duration;

pub use crate::records::{Position, Step};

/// How often `platen-install` may be started with one attempt before it gives up on it. Going back has its own limit.
pub const STARTS: u32 = 12;
/// How often verification is begun; it does not fail by chance, so only power cuts repeat it.
pub const VERIFY_RUNS: u32 = 3;
/// How often the installer may put the beginning off: half an hour, as a long print job takes.
pub const CHECK_RUNS: u32 = 30;
/// How often installing is begun.
pub const INSTALL_RUNS: u32 = 3;
/// How often the installer may say that it does not run yet: two minutes.
pub const PROBE_RUNS: u32 = 24;
/// How often the waiting for a confirmation is begun: the boots that it may last.
pub const CONFIRM_RUNS: u32 = 3;
/// How often making it permanent is begun.
pub const COMMIT_RUNS: u32 = 3;
/// How often going back is begun.
pub const ROLLBACK_RUNS: u32 = 3;

/// What an installer is told to do: the word on its command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstallerStep {
    /// Look whether it can be installed, and keep what going back needs.
    Check,
    /// Install it.
    Install,
    /// Look whether it is installed and runs.
    Verify,
    /// Make it permanent.
    Commit,
    /// Bring back what ran before.
    Rollback,
}

impl InstallerStep {
    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Install => "install",
            Self::Verify => "verify",
            Self::Commit => "commit",
            Self::Rollback => "rollback",
        }
    }
}

/// What is done at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Verify what is staged.
    Verify,
    /// Have the installer do this.
    Run(InstallerStep),
    /// Wait for the agent.
    AwaitConfirmation,
    /// Write into the history how it ended.
    File,
}

/// What happened at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It was done; the agent has confirmed.
    Passed,
    /// Whoever did it will not do it here, and changed nothing.
    Refused,
    /// It cannot be done now.
    Later,
    /// It went wrong, or lasted too long; the agent has not confirmed.
    Failed,
    /// `platen-install` was started while this step was under way. The action may have happened, in part or not at all.
    Restarted,
}

/// Where an attempt stands that begins.
pub fn beginning() -> Position {
    Position { step: Step::Staged, runs: 1, starts: 1 }
}

/// What is done at a step.
pub fn action(step: Step) -> Action {
    match step {
        Step::Staged => Action::Verify,
        Step::Verified => Action::Run(InstallerStep::Check),
        Step::Installing => Action::Run(InstallerStep::Install),
        Step::Installed => Action::Run(InstallerStep::Verify),
        Step::Confirming => Action::AwaitConfirmation,
        Step::Committing => Action::Run(InstallerStep::Commit),
        Step::GoingBack => Action::Run(InstallerStep::Rollback),
        Step::Kept | Step::RolledBack | Step::Refused | Step::Failed => Action::File,
    }
}

/// How long is waited before a step is begun again.
pub fn pause(step: Step) -> Duration {
    match step {
        Step::Verified | Step::Installing => Duration::from_secs(60),
        Step::Installed => Duration::from_secs(5),
        _ => Duration::from_secs(10),
    }
}

/// Where an attempt stands after something happened.
pub fn next(at: Position, event: Event) -> Position {
    if event == Event::Restarted {
        let started = Position { starts: at.starts.saturating_add(1), ..at };
        return if at.step.outcome().is_some() { started } else { again(started) };
    }
    match (at.step, event) {
        (Step::Staged, Event::Passed) => to(at, Step::Verified),
        (Step::Verified, Event::Passed) => to(at, Step::Installing),
        (Step::Installing, Event::Passed) => to(at, Step::Installed),
        (Step::Installed, Event::Passed) => to(at, Step::Confirming),
        (Step::Confirming, Event::Passed) => to(at, Step::Committing),
        (Step::Committing, Event::Passed) => to(at, Step::Kept),
        (Step::GoingBack, Event::Passed) => to(at, Step::RolledBack),
        (Step::Committing | Step::GoingBack, _)
        | (Step::Verified | Step::Installing | Step::Installed, Event::Later) => again(at),
        _ => to(at, otherwise(at.step)),
    }
}

fn to(at: Position, step: Step) -> Position {
    Position { step, runs: 1, ..at }
}

fn again(at: Position) -> Position {
    let worn_out = at.starts > STARTS && at.step != Step::GoingBack;
    if at.runs >= runs_allowed(at.step) || worn_out {
        return to(at, otherwise(at.step));
    }
    Position { runs: at.runs.saturating_add(1), ..at }
}

/// Where a step leads that cannot be done.
fn otherwise(step: Step) -> Step {
    match step {
        Step::Staged | Step::Verified => Step::Refused,
        Step::Installing | Step::Installed | Step::Confirming | Step::Committing => Step::GoingBack,
        Step::GoingBack => Step::Failed,
        ended @ (Step::Kept | Step::RolledBack | Step::Refused | Step::Failed) => ended,
    }
}

fn runs_allowed(step: Step) -> u32 {
    match step {
        Step::Staged => VERIFY_RUNS,
        Step::Verified => CHECK_RUNS,
        Step::Installing => INSTALL_RUNS,
        Step::Installed => PROBE_RUNS,
        Step::Confirming => CONFIRM_RUNS,
        Step::Committing => COMMIT_RUNS,
        Step::GoingBack => ROLLBACK_RUNS,
        Step::Kept | Step::RolledBack | Step::Refused | Step::Failed => 1,
    }
}

#[cfg(test)]
mod tests;
