//! Offers of rollouts that nobody has fetched are taken back.

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

use super::super::StoreError;
use super::super::engine::{Connection, values};
use super::super::records::id;
use super::super::statements::rollouts as statements;

/// Offers that are taken back in one transaction.
pub(super) const TAKEN_BACK_AT_ONCE: u32 = 200;

/// Takes offers back that a statement finds and nobody has fetched; those devices wait again.
pub(super) fn take_back_unfetched(
    connection: &Connection,
    found_by: &str,
    of: i64,
    now: Timestamp,
) -> Result<Vec<DeviceId>, StoreError> {
    let offered: Vec<(i64, i64, String, String)> =
        connection.all(found_by, values![of, TAKEN_BACK_AT_ONCE], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    let mut gone = Vec::new();
    for (key, device, name, attempt) in offered {
        if connection.execute(statements::TAKE_BACK_UNGIVEN, values![device, attempt])? == 1 {
            let at = now.as_millisecond();
            connection.execute(statements::WAIT, values![key, None::<&str>, at, 0])?;
            gone.push(id("device", name)?);
        }
    }
    Ok(gone)
}
