//! Carries out commands, one after the other in the order in which they came, beside everything else: a
//! report never waits for one. The journal is their queue, so a command is there before it is acted on, and
//! its outcome is there after; what was not carried out when the agent ended is carried out at the next start.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use platen_protocol::device_to_manager::{Outcome, OutcomeResult, ReadingsCause, ReportBody};
use platen_protocol::manager_to_device::{Action, Command};
use platen_protocol::stamp::ClockQuality;

use crate::clock::Clock;
use crate::compose;
use crate::identity::retired::{self, Retired};
use crate::outbox::{DamagedCommand, OutboxError};
use crate::recorder::Recorder;
use crate::sample::{BoardHandle, Signal};
use crate::settings::{CannotSet, Current, Origin, Settings};
use crate::version::version;

/// A board that has not been read by then has failed.
const READ_LIMIT: Duration = Duration::from_secs(20);

/// Whatever a command does has ended by then, or has failed. It holds up the commands after it.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// When the journal cannot be read, or an outcome not be written, it is tried again after this.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// Carries out commands.
#[derive(Debug)]
pub struct Executor {
    /// Has the journal, and takes outcomes.
    pub recorder: Arc<Recorder>,
    /// What is read.
    pub board: BoardHandle,
    /// What is set.
    pub settings: Current,
    /// Says whether a command came too late.
    pub clock: Arc<Clock>,
    /// Where the identity is kept.
    pub state_directory: PathBuf,
}

/// Carries out what the journal holds, and what comes, until `stop`. A command that is being carried out
/// then stays in the journal.
pub async fn run(executor: Executor, stop: CancellationToken) {
    tokio::select! {
        // In order, so that a simulation runs the same each time.
        biased;
        () = stop.cancelled() => {}
        () = work_off(&executor) => {}
    }
}

async fn work_off(executor: &Executor) {
    let recorder = &executor.recorder;
    loop {
        let next = recorder.outbox().next_unfinished();
        let done = match next {
            Ok(Some(Ok(command))) => execute(executor, &command).await,
            Ok(Some(Err(damaged))) => refuse(executor, &damaged),
            Ok(None) => {
                // Every outcome is written by now, that of the command to retire as well.
                recorder.retired(retired::marked(&executor.state_directory).as_ref());
                recorder.commands().await;
                continue;
            }
            Err(cause) => Err(cause),
        };
        match done {
            // Many that need no waiting must not hold up the uplink either.
            Ok(()) => tokio::task::yield_now().await,
            Err(cause) => {
                tracing::error!("commands wait, for the journal cannot be kept: {cause}");
                tokio::time::sleep(TRY_AGAIN).await;
            }
        }
    }
}

/// Carries out a command that is in the journal.
async fn execute(executor: &Executor, command: &Command) -> Result<(), OutboxError> {
    let End { result, bodies, settings } = if has_expired(executor, command) {
        OutcomeResult::Expired.into()
    } else {
        within(COMMAND_LIMIT, act(executor, command)).await
    };
    let taken = executor.clock.stamp();
    let outcome = Outcome { command_id: command.id.clone(), finished: taken.wall, result };
    tracing::info!(command = %command.id, result = ?outcome.result, "a command has ended");
    let kept = executor.recorder.finish(&taken, &outcome, bodies, settings).or_else(|cause| {
        // What it read may be what cannot be kept. Without an outcome it would be carried out for ever.
        let result = OutcomeResult::Failed { reason: cause.to_string() };
        executor.recorder.finish(&taken, &Outcome { result, ..outcome }, Vec::new(), None)
    });
    if kept.is_ok() && command.action == Action::Retire {
        executor.recorder.retired(retired::marked(&executor.state_directory).as_ref());
    }
    kept
}

/// Ends a command that nobody can read any more.
fn refuse(executor: &Executor, damaged: &DamagedCommand) -> Result<(), OutboxError> {
    let DamagedCommand { id, cause } = damaged;
    tracing::error!(command = %id, "the command cannot be read in the journal: {cause}");
    let taken = executor.clock.stamp();
    let reason = format!("the device could not read it back from its journal ({cause}); send it again");
    let result = OutcomeResult::Failed { reason };
    let outcome = Outcome { command_id: id.clone(), finished: taken.wall, result };
    executor.recorder.finish(&taken, &outcome, Vec::new(), None)
}

/// A command ends, by itself or by its limit.
async fn within(limit: Duration, act: impl Future<Output = End>) -> End {
    tokio::time::timeout(limit, act).await.unwrap_or_else(|_| {
        let reason = format!("it did not end within {} s and was given up", limit.as_secs_f32());
        OutcomeResult::Failed { reason }.into()
    })
}

/// How a command ended, and what it leaves behind.
struct End {
    result: OutcomeResult,
    bodies: Vec<ReportBody>,
    settings: Option<Settings>,
}

impl From<OutcomeResult> for End {
    fn from(result: OutcomeResult) -> Self {
        Self { result, bodies: Vec::new(), settings: None }
    }
}

/// By the manager's clock as it told it last and what has passed since, else by the known good time, which is never ahead of it;
/// a synchronised wall clock may know better. One that nothing vouches for does not count: it would take
/// a fresh command for an old one.
fn has_expired(executor: &Executor, command: &Command) -> bool {
    let own = || {
        let stamp = executor.clock.stamp();
        let wall = (stamp.clock == ClockQuality::Synchronised).then_some(stamp.wall);
        wall.max(executor.clock.known_good())
    };
    executor.recorder.manager_time().or_else(own).is_some_and(|now| now > command.expires)
}

async fn act(executor: &Executor, command: &Command) -> End {
    match &command.action {
        Action::ReadNow => read_now(&executor.board).await,
        Action::Set { settings } => {
            let origin = Origin {
                operator: command.issued_by.clone(),
                command: command.id.clone(),
                at: executor.clock.wall(),
            };
            changed(executor.settings.with(settings, &origin))
        }
        Action::Reset { settings } => changed(executor.settings.without(settings)),
        Action::Retire => retire(executor, command),
        Action::CheckPrograms => {
            executor.recorder.ring_for_programs();
            OutcomeResult::Done.into()
        }
        Action::TechnicianOnTheWay { technician, .. } => match executor.board.signal(Signal::OnTheWay) {
            Ok(()) => {
                tracing::info!(technician, "the service centre says that somebody is on the way");
                OutcomeResult::Done.into()
            }
            Err(cause) => {
                let reason = format!("lamp and buzzer could not say so: {cause}");
                OutcomeResult::Failed { reason }.into()
            }
        },
        Action::Unknown => {
            let reason = format!("version {} of the agent knows no such command", version());
            OutcomeResult::Refused { reason }.into()
        }
    }
}

fn changed(settings: Result<Settings, CannotSet>) -> End {
    match settings {
        Ok(settings) => End { result: OutcomeResult::Done, bodies: Vec::new(), settings: Some(settings) },
        Err(cause) => OutcomeResult::Refused { reason: cause.to_string() }.into(),
    }
}

/// Only writes down that the device retires: the manager is to have the outcome before the key is gone by which it is
/// told ([`retired`]).
fn retire(executor: &Executor, command: &Command) -> End {
    let retired = Retired { at: command.issued, by: command.issued_by.clone() };
    match retired::mark(&executor.state_directory, &retired) {
        Ok(()) => {
            tracing::warn!(
                by = retired.by,
                "the service centre has retired this device: its key and certificates are removed once the manager has been told"
            );
            OutcomeResult::Done.into()
        }
        Err(cause) => OutcomeResult::Failed { reason: format!("the device cannot retire: {cause}") }.into(),
    }
}

async fn read_now(board: &BoardHandle) -> End {
    let failed = |reason: String| OutcomeResult::Failed { reason }.into();
    match tokio::time::timeout(READ_LIMIT, board.sample()).await {
        Ok(Ok(sample)) => End {
            result: OutcomeResult::Done,
            bodies: vec![compose::readings(ReadingsCause::Command, &sample.readings)],
            settings: None,
        },
        Ok(Err(cause)) => failed(cause.to_string()),
        Err(_) => failed(format!("the board was not read within {} s", READ_LIMIT.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_that_does_not_end_has_failed_when_its_time_is_over() {
        let end = within(Duration::from_millis(1), std::future::pending()).await;
        let OutcomeResult::Failed { reason } = end.result else { unreachable!() };
        assert_eq!(reason, "it did not end within 0.001 s and was given up");
        let done = within(Duration::from_secs(1), async { OutcomeResult::Done.into() }).await;
        assert_eq!(done.result, OutcomeResult::Done);
    }
}
