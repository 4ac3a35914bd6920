//! Carries out commands. Each is in the journal before, and its outcome is there after.

use std::time::Duration;

use jiff::Timestamp;
use platen_protocol::device_to_manager::{Outcome, OutcomeResult, ReadingsCause, ReportBody};
use platen_protocol::manager_to_device::{Action, Command};
use platen_protocol::stamp::ClockQuality;

use crate::compose;
use crate::keep::Keep;
use crate::outbox::OutboxError;

/// A board that has not been read by then has failed.
const READ_LIMIT: Duration = Duration::from_secs(20);

/// Carries out a command that is in the journal. `manager_time` is the manager's clock, if it was just
/// told: a device's own may be wrong, and would take a fresh command for an old one.
pub async fn execute(
    keep: &Keep,
    command: &Command,
    manager_time: Option<Timestamp>,
) -> Result<(), OutboxError> {
    let expired = has_expired(keep, command, manager_time);
    let (result, bodies) =
        if expired { (OutcomeResult::Expired, Vec::new()) } else { act(keep, &command.action).await };
    let taken = keep.clock.stamp();
    let outcome = Outcome { command_id: command.id.clone(), finished: taken.wall, result };
    tracing::info!(command = %command.id, result = ?outcome.result, "a command has ended");
    keep.finish(&taken, &outcome, bodies)
}

/// Ends what was written down and not ended, because the agent was stopped in between.
pub async fn resume(keep: &Keep) -> Result<(), OutboxError> {
    let unfinished = keep.outbox().unfinished()?;
    for command in unfinished {
        tracing::info!(command = %command.id, "a command from before the start is carried out");
        execute(keep, &command, None).await?;
    }
    Ok(())
}

fn has_expired(keep: &Keep, command: &Command, manager_time: Option<Timestamp>) -> bool {
    let own = || {
        let stamp = keep.clock.stamp();
        (stamp.clock == ClockQuality::Synchronised).then_some(stamp.wall)
    };
    manager_time.or_else(own).is_some_and(|now| now > command.expires)
}

async fn act(keep: &Keep, action: &Action) -> (OutcomeResult, Vec<ReportBody>) {
    match action {
        Action::ReadNow => read_now(keep).await,
        Action::Unknown => {
            let reason = format!("version {} of the agent knows no such command", env!("CARGO_PKG_VERSION"));
            (OutcomeResult::Refused { reason }, Vec::new())
        }
    }
}

async fn read_now(keep: &Keep) -> (OutcomeResult, Vec<ReportBody>) {
    let failed = |reason: String| (OutcomeResult::Failed { reason }, Vec::new());
    match tokio::time::timeout(READ_LIMIT, keep.board.sample()).await {
        Ok(Ok(sample)) => {
            (OutcomeResult::Done, vec![compose::readings(ReadingsCause::Command, &sample.readings)])
        }
        Ok(Err(cause)) => failed(cause.to_string()),
        Err(_) => failed(format!("the board was not read within {} s", READ_LIMIT.as_secs())),
    }
}
