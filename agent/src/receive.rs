//! A reply: what is acknowledged leaves the outbox, what is open at the manager is noted, and commands enter the
//! journal, from where they are carried out ([`crate::execute`]) beside the uplink.

use platen_protocol::manager_to_device::Reply;

use crate::clock::Clock;
use crate::outbox::{Batch, OutboxError};
use crate::recorder::Recorder;

/// Takes a reply to a batch; says whether it told anything new.
pub fn receive(
    recorder: &Recorder,
    clock: &Clock,
    batch: &Batch,
    reply: &Reply,
) -> Result<bool, OutboxError> {
    let acknowledged = acknowledge(recorder, reply)?;
    let news = recorder.told_open(batch.mark, reply.open.as_ref()) || acknowledged;
    if reply.programs {
        recorder.ring_for_programs();
    }
    if reply.commands.is_empty() {
        return Ok(news);
    }
    let received = recorder.outbox().receive(&reply.commands, batch.mark)?;
    for outcome in received.lost {
        tracing::info!(command = %outcome.command_id, "the manager asks again: its outcome is told once more");
        recorder.finish(&clock.stamp(), &outcome, Vec::new(), None)?;
    }
    recorder.ring_for_commands();
    Ok(news || received.fresh > 0)
}

/// Takes only the acknowledgement; says whether it told anything new.
pub fn acknowledge(recorder: &Recorder, reply: &Reply) -> Result<bool, OutboxError> {
    let before = recorder.mark();
    recorder.acknowledge(&reply.acknowledged.epoch, reply.acknowledged.sequence, reply.manager_time)?;
    Ok(recorder.mark() != before)
}
