//! Dates of reports as they come in, and when boots of devices began.

use std::collections::HashMap;

use jiff::Timestamp;
use platen_protocol::device_to_manager::Report;
use platen_protocol::stamp::Stamp;

use super::engine::{Connection, values};
use super::places::LastReport;
use super::writer::WriteContext;
use super::{StoreError, statements, to_time};
use crate::ingest::date::{Dated, Known, began, date};

/// Boots of one device that are remembered: a backlog that is older is dated by its neighbours.
const MAX_BOOTS: u32 = 16;

/// Dates new reports of a batch, which was `sent` by the device's clocks and `received` by ours. `last` is the report before them in their epoch.
pub(super) fn dates(
    connection: &Connection,
    device: i64,
    (sent, received): (Option<&Stamp>, Timestamp),
    new: &[Report],
    last: Option<LastReport>,
) -> Result<Vec<Dated>, StoreError> {
    let mut boots = HashMap::new();
    for Report { taken, .. } in new {
        let is_sent = sent.is_some_and(|sent| sent.boot_id == taken.boot_id);
        if !is_sent && !boots.contains_key(&taken.boot_id) {
            let found: Option<i64> =
                connection.one(statements::BOOT, values![device, taken.boot_id], |row| row.get(0))?;
            if let Some(found) = found {
                boots.insert(taken.boot_id.clone(), to_time(found)?);
            }
        }
    }
    let stamps: Vec<&Stamp> = new.iter().map(|report| &report.taken).collect();
    let before = last.map(|last| to_time(last.dated)).transpose()?;
    Ok(date(&stamps, Known { received, sent, began: &boots, before }))
}

/// Keeps when the present boot of a device began; the earliest is the truest, for what comes is late.
pub(super) fn learn(
    context: &mut WriteContext<'_>,
    device: i64,
    sent: &Stamp,
    received: Timestamp,
) -> Result<(), StoreError> {
    let Some(began) = began(sent, received) else { return Ok(()) };
    if !context.places.is_news_of_boot(device, &sent.boot_id, began.as_millisecond()) {
        return Ok(());
    }
    let changed = context.connection.execute(
        statements::LEARN_BOOT,
        values![device, sent.boot_id, began.as_millisecond(), received.as_millisecond()],
    )?;
    if changed > 0 {
        context.connection.execute(statements::FORGET_BOOTS, values![device, MAX_BOOTS])?;
    }
    Ok(())
}
