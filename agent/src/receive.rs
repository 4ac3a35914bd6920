//! A reply: what is acknowledged leaves the outbox, and commands enter the journal, from where they are
//! carried out ([`crate::execute`]) beside the uplink.

use platen_protocol::manager_to_device::Reply;

use crate::keep::Keep;
use crate::outbox::{Batch, OutboxError};

/// Takes a reply to a batch; says whether it told anything new.
pub fn receive(keep: &Keep, batch: &Batch, reply: &Reply) -> Result<bool, OutboxError> {
    let acknowledged = acknowledge(keep, reply)?;
    if reply.commands.is_empty() {
        return Ok(acknowledged);
    }
    let received = keep.outbox().receive(&reply.commands, batch.mark)?;
    for outcome in received.lost {
        tracing::info!(command = %outcome.command_id, "the manager asks again: its outcome is told once more");
        keep.finish(&keep.clock.stamp(), &outcome, Vec::new(), None)?;
    }
    keep.commands.notify_one();
    Ok(acknowledged || received.fresh > 0)
}

/// Takes only the acknowledgement; says whether it told anything new.
pub fn acknowledge(keep: &Keep, reply: &Reply) -> Result<bool, OutboxError> {
    let before = keep.mark();
    keep.acknowledge(&reply.acknowledged.epoch, reply.acknowledged.sequence, reply.manager_time)?;
    Ok(keep.mark() != before)
}
