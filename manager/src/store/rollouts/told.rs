//! What becomes of a rollout's devices when something is told of their attempts: in the transaction that keeps that, so that
//! a rollout never stands otherwise than its attempts.

use jiff::Timestamp;
use platen_protocol::programs::ProgramStep;

use super::super::StoreError;
use super::super::engine::{Connection, values};
use super::super::statements::rollouts as statements;
use super::records::RolloutWhat;

/// Of an attempt that did not go well, and told no reason.
const NO_REASON: &str = "the device gave no reason";

/// A device was given what was offered to it.
pub(in super::super) fn rollout_given(
    connection: &Connection,
    device: i64,
    attempt: &str,
    at: i64,
) -> Result<(), StoreError> {
    connection.execute(statements::GIVEN, values![device, attempt, at]).map(drop)
}

/// A device told how far an attempt is.
pub(in super::super) fn rollout_told(
    connection: &Connection,
    device: i64,
    attempt: &str,
    (step, reason): (ProgramStep, Option<&str>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let at = now.as_millisecond();
    match step {
        ProgramStep::Kept => {
            connection.execute(statements::TOLD_KEPT, values![device, attempt, at, reason])?;
        }
        ProgramStep::Refused | ProgramStep::RolledBack | ProgramStep::Failed => {
            let how = match step {
                ProgramStep::Refused => "refused",
                ProgramStep::RolledBack => "went back",
                _ => "failed",
            };
            let reason = format!("{how}: {}", reason.unwrap_or(NO_REASON));
            connection.execute(statements::TOLD_FAILED, values![device, attempt, at, reason])?;
        }
        // It has got it without this manager having noted that.
        _ => rollout_given(connection, device, attempt, at)?,
    }
    Ok(())
}

/// An operator took an offer back that a device has not fetched.
pub(in super::super) fn offer_gone(
    connection: &Connection,
    device: i64,
    attempt: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let reason = "an operator took the offer back";
    let at = now.as_millisecond();
    connection.execute(statements::OFFER_GONE, values![device, attempt, reason, at]).map(drop)
}

/// A program was revoked, and its offers are gone: its rollouts halt.
pub(in super::super) fn halt_revoked(
    connection: &Connection,
    program: i64,
    why: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let at = now.as_millisecond();
    let halted: Vec<i64> =
        connection.all(statements::HALT_REVOKED, values![program, why, at], |row| row.get(0))?;
    for rollout in halted {
        note(connection, (rollout, None), (None, RolloutWhat::Halted), Some(why), now)?;
    }
    connection.execute(statements::UNOFFERED, values![program, at]).map(drop)
}

/// Writes down who did what: none is the manager itself.
pub(super) fn note(
    connection: &Connection,
    (rollout, device): (i64, Option<i64>),
    (who, what): (Option<&str>, RolloutWhat),
    words: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let at = now.as_millisecond();
    connection.execute(statements::NOTE, values![rollout, device, at, who, what.word(), words]).map(drop)
}
