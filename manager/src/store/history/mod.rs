//! What a device's levels, lives, counters and temperatures were.
//!
//! A report is its own record of its values, in the transaction that stores it, until they are gathered in blocks by
//! device ([`seal`]): so a report costs nothing here, and a device's past is read in few rows. What is not gathered yet
//! is read from the reports ([`walk`]), and what is in both is there once.

mod seal;
mod statements;
mod walk;

use std::sync::Arc;

use platen_protocol::identity::DeviceId;

use super::conditions::Conditions;
use super::damage::Damage;
use super::engine::{Connection, values};
use super::{Scope, Store, StoreError};
use crate::history::rows::{Row, Rows};
use crate::history::{Resolution, block};

pub use seal::{Sealed, Unsealed};
pub(super) use statements::ALL;

/// Blocks that are read at once.
const BLOCKS_AT_ONCE: u32 = 16;
/// Reports of one device that are read at once.
const REPORTS_AT_ONCE: u32 = 1_000;
/// Reports of one device that are read because they are not gathered in blocks yet. A device at its quota hands in
/// fewer between two times that they are.
const MAX_FRESH: u32 = 50_000;

/// Which part of a history.
#[derive(Debug, Clone)]
pub struct HistoryQuery {
    /// Whose.
    pub device: DeviceId,
    /// How finely.
    pub resolution: Resolution,
    /// Moments, hours or days that begin at this or later.
    pub from: i64,
    /// And before this.
    pub to: i64,
    /// When so many rows are found, it is enough.
    pub rows: usize,
}

/// A part of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPart {
    /// Rows from before it, as far as they lie at hand, the earliest first.
    pub before: Vec<Row>,
    /// The rows, the earliest first.
    pub rows: Vec<(i64, Row)>,
    /// There are more from this moment on; without it these are all.
    pub upto: Option<i64>,
    /// Whether the device has reported so much lately that the earliest of that is not in it yet.
    pub cut: bool,
}

fn unreadable(damaged: block::Damaged) -> StoreError {
    let source = match damaged {
        block::Damaged::Json(source) => source,
        other => serde::de::Error::custom(other),
    };
    StoreError::Unreadable { what: "block of history", source: Arc::new(source) }
}

/// A block as it was stored; of one that is damaged nothing.
fn stored(damage: &Damage, device: &DeviceId, body: &str, resolution: Resolution, start: i64) -> Rows {
    block::read(body, resolution, start).unwrap_or_else(|damaged| {
        damage.note(device.as_str(), &unreadable(damaged).to_string());
        Rows::new(resolution)
    })
}

/// What a device reported that is not in the blocks yet.
fn fresh(
    connection: &Connection,
    damage: &Damage,
    (key, device): (i64, &DeviceId),
    resolution: Resolution,
) -> Result<(Rows, bool), StoreError> {
    let epochs: Vec<(i64, i64)> =
        connection.all(statements::UNSEALED_OF, values![key], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut rows = Rows::new(resolution);
    let mut looked = 0_u32;
    for (last, sealed) in epochs.into_iter().rev() {
        let mut at = Some(last);
        while let Some(from) = at {
            if looked >= MAX_FRESH {
                return Ok((rows, true));
            }
            let walked = walk::back(connection, damage, device, (from, sealed), REPORTS_AT_ONCE)?;
            looked = looked.saturating_add(walked.looked);
            walked.rows.into_iter().for_each(|row| rows.add(row));
            at = walked.next;
        }
    }
    Ok((rows, false))
}

fn part(
    connection: &Connection,
    damage: &Damage,
    key: i64,
    query: &HistoryQuery,
) -> Result<HistoryPart, StoreError> {
    let HistoryQuery { device, resolution, from, to, rows: wanted } = query;
    let table = statements::table(*resolution);
    let (mut rows, cut) = fresh(connection, damage, (key, device), *resolution)?;
    let first = resolution.block_of(*from);
    let before: Option<(i64, String)> =
        connection.one(table.before, values![key, first], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if let Some((start, body)) = before {
        rows.join(stored(damage, device, &body, *resolution, start));
    }
    let (mut next, mut upto) = (first, None);
    loop {
        let parameters = values![key, next, to, BLOCKS_AT_ONCE];
        let blocks: Vec<(i64, String)> =
            connection.all(table.blocks, parameters, |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (start, body) in &blocks {
            rows.join(stored(damage, device, body, *resolution, *start));
        }
        let Some((last, _)) = blocks.last().filter(|_| blocks.len() >= BLOCKS_AT_ONCE as usize) else {
            break;
        };
        next = last.saturating_add(resolution.block_ms());
        if rows.rows.range(from..&next.min(*to)).count() >= *wanted {
            upto = Some(next).filter(|upto| upto < to);
            break;
        }
    }
    let end = upto.unwrap_or(*to);
    let mut later = rows.rows.split_off(from);
    later.split_off(&end.max(*from));
    Ok(HistoryPart {
        before: rows.rows.into_values().collect(),
        rows: later.into_iter().collect(),
        upto,
        cut,
    })
}

impl Store {
    /// A part of the history of a device; `None` when there is no such device within the scope.
    pub async fn history(
        &self,
        scope: &Scope,
        query: HistoryQuery,
    ) -> Result<Option<HistoryPart>, StoreError> {
        let (damage, scope) = (Arc::clone(&self.damage), scope.clone());
        let find = move |connection: &Connection| {
            let mut conditions = Conditions::new(&[]);
            conditions.and_with("d.id = {}", query.device.as_str());
            conditions.and_within(&scope, "d");
            let statement = format!("SELECT d.key FROM devices d WHERE {}", conditions.text());
            let key: Option<i64> = connection.one(&statement, conditions.values(), |row| row.get(0))?;
            key.map(|key| part(connection, &damage, key, &query)).transpose()
        };
        self.readers.clone().read(find).await
    }
}
