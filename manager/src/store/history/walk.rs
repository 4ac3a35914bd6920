//! Back along the reports of an epoch, for the values in them.

use platen_protocol::device_to_manager::Report;
use platen_protocol::identity::DeviceId;

use super::super::damage::Damage;
use super::super::engine::{Connection, values};
use super::super::{StoreError, from_json};
use super::statements;
use crate::history::rows::Row;
use crate::history::values::row;

/// What a part of an epoch tells.
pub(super) struct Walked {
    /// The rows, the newest first.
    pub(super) rows: Vec<Row>,
    /// Where it goes on: the report that was looked at last, once more.
    pub(super) next: Option<i64>,
    /// How many reports were looked at.
    pub(super) looked: u32,
}

struct Seen {
    key: i64,
    previous: Option<i64>,
    sequence: i64,
    at: i64,
    within: Option<u32>,
    body: Option<String>,
}

/// From a report back along its epoch, up to the one that is sealed. At most `most` reports are looked at; less than 2
/// would go nowhere.
pub(super) fn back(
    connection: &Connection,
    damage: &Damage,
    device: &DeviceId,
    (at, sealed): (i64, i64),
    most: u32,
) -> Result<Walked, StoreError> {
    let seen = connection.all(statements::VALUES_BACK, values![at, most.max(2), sealed], |row| {
        Ok(Seen {
            key: row.get(0)?,
            previous: row.get(1)?,
            sequence: row.get(2)?,
            at: row.get(3)?,
            within: row.get(4)?,
            body: row.get(5)?,
        })
    })?;
    let looked = u32::try_from(seen.len()).unwrap_or(u32::MAX);
    let next =
        seen.last().filter(|last| looked >= most.max(2) && last.key > sealed && last.previous.is_some());
    let next = next.map(|last| last.key);
    let mut rows: Vec<Row> = Vec::new();
    for (index, report) in seen.iter().enumerate().filter(|(_, report)| report.key > sealed) {
        let broken = match seen.get(index + 1) {
            Some(before) => before.sequence.saturating_add(1) != report.sequence,
            // Nothing is before the first of an epoch that one could know of.
            None => report.previous.is_none(),
        };
        let told = report.body.as_deref().and_then(|body| told(damage, device, body, report, broken));
        if let Some(row) = told {
            rows.push(row);
        } else if broken && let Some(newer) = rows.last_mut() {
            // What is lost before a report without values is missing before the next that has some.
            newer.broken = Some((newer.first, newer.first));
        }
    }
    Ok(Walked { rows, next, looked })
}

fn told(damage: &Damage, device: &DeviceId, body: &str, seen: &Seen, broken: bool) -> Option<Row> {
    match from_json::<Report>("report", body) {
        Ok(report) => row(&report, seen.at, seen.within, broken),
        Err(error) => {
            damage.note(device.as_str(), &error.to_string());
            None
        }
    }
}
