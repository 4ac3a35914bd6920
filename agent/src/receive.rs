//! A reply: what is acknowledged leaves the outbox, commands enter the journal and are carried out.

use platen_protocol::manager_to_device::Reply;

use crate::execute;
use crate::keep::Keep;
use crate::outbox::{Batch, OutboxError};

/// Takes a reply to a batch; says whether it told anything new.
pub async fn receive(keep: &Keep, batch: &Batch, reply: Reply) -> Result<bool, OutboxError> {
    let acknowledged = acknowledge(keep, &reply)?;
    if reply.commands.is_empty() {
        return Ok(acknowledged);
    }
    let received = keep.outbox().receive(&reply.commands, batch.mark)?;
    let news = acknowledged || !received.fresh.is_empty();
    for outcome in received.lost {
        tracing::info!(command = %outcome.command_id, "the manager asks again: its outcome is told once more");
        keep.finish(&keep.clock.stamp(), &outcome, Vec::new(), None)?;
    }
    for command in received.fresh {
        execute::execute(keep, &command, Some(reply.manager_time)).await?;
    }
    Ok(news)
}

/// Takes only the acknowledgement; says whether it told anything new.
pub fn acknowledge(keep: &Keep, reply: &Reply) -> Result<bool, OutboxError> {
    let before = keep.mark();
    keep.acknowledge(&reply.acknowledged.epoch, reply.acknowledged.sequence, reply.manager_time)?;
    Ok(keep.mark() != before)
}
