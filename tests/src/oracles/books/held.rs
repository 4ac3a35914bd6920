//! What the manager holds, from its store: the SQLite file, read only.

use std::path::Path;

use platen_protocol::device_to_manager::Report;
use platen_protocol::manager_to_device::Action;
use rusqlite::{Connection, OpenFlags};

/// One life of a device's outbox.
#[derive(Debug, Clone)]
pub struct EpochHeld {
    /// Its name.
    pub name: String,
    /// What the device was told is held for good.
    pub acknowledged: u64,
    /// In the order in which they were stored.
    pub reports: Vec<Report>,
    /// What is recorded as lost: first and last sequence; without a last one, nobody knows how many.
    pub gaps: Vec<(u64, Option<u64>)>,
    /// The places of its reports in the order of all that the manager stored.
    pub stored: Vec<i64>,
}

/// A row that shows an order or a service call to operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WishHeld {
    /// Supply and quantity, of an order.
    pub order: Option<(String, u16)>,
    /// What the person wrote.
    pub text: Option<String>,
    /// `button` or `command`.
    pub entered_by: String,
    /// The sequence of the report that brought it.
    pub sequence: u64,
    /// The key of that report's epoch.
    pub epoch: String,
}

/// An alert as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertHeld {
    /// Made by the device.
    pub id: String,
    /// Whether it has ended.
    pub cleared: bool,
}

/// A command.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandHeld {
    /// Its name.
    pub id: String,
    /// What.
    pub action: Action,
    /// The state that operators see.
    pub state: String,
}

/// All of one device.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// In the order in which they began.
    pub epochs: Vec<EpochHeld>,
    /// Orders and service calls.
    pub wishes: Vec<WishHeld>,
    /// By when they were raised.
    pub alerts: Vec<AlertHeld>,
    /// By when they were given.
    pub commands: Vec<CommandHeld>,
    /// Notices for operators that have the same origin, which cannot be.
    pub doubled_notices: u64,
}

impl Held {
    /// Reads what a store has of a device.
    pub fn read(store: &Path, device: &str) -> Self {
        Self::try_read(store, device).unwrap_or_else(|e| panic!("{}: {e}", store.display()))
    }

    fn try_read(store: &Path, device: &str) -> rusqlite::Result<Self> {
        let db = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let key: i64 = db.query_row("SELECT key FROM devices WHERE id = ?1", [device], |row| row.get(0))?;
        let mut held = Self::default();
        let mut epochs =
            db.prepare("SELECT key, epoch, acknowledged FROM epochs WHERE device = ?1 ORDER BY key")?;
        let epochs: Vec<(i64, String, i64)> = epochs
            .query_map([key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        for (epoch, name, acknowledged) in epochs {
            let sql = "SELECT key, body FROM reports WHERE epoch = ?1 ORDER BY key";
            let reports: Vec<(i64, Report)> =
                rows(&db, sql, epoch, |row| Ok((row.get(0)?, json(&row.get::<_, String>(1)?))))?;
            let (stored, reports) = reports.into_iter().unzip();
            let sql = "SELECT first, last FROM gaps WHERE epoch = ?1 ORDER BY key";
            let gaps = rows(&db, sql, epoch, |row| {
                Ok((number(row.get(0)?), row.get::<_, Option<i64>>(1)?.map(number)))
            })?;
            let acknowledged = number(acknowledged);
            held.epochs.push(EpochHeld { name, acknowledged, reports, gaps, stored });
        }
        held.wishes = rows(&db, ORDERS, key, |row| {
            Ok(WishHeld {
                order: Some((row.get(0)?, row.get(1)?)),
                text: row.get(2)?,
                entered_by: row.get(3)?,
                sequence: number(row.get(4)?),
                epoch: row.get(5)?,
            })
        })?;
        held.wishes.extend(rows(&db, CALLS, key, |row| {
            Ok(WishHeld {
                order: None,
                text: row.get(0)?,
                entered_by: row.get(1)?,
                sequence: number(row.get(2)?),
                epoch: row.get(3)?,
            })
        })?);
        held.alerts =
            rows(&db, "SELECT id, cleared FROM alerts WHERE device = ?1 ORDER BY key", key, |row| {
                Ok(AlertHeld { id: row.get(0)?, cleared: row.get::<_, Option<i64>>(1)?.is_some() })
            })?;
        held.commands =
            rows(&db, "SELECT id, action, state FROM commands WHERE device = ?1 ORDER BY key", key, |row| {
                let action = json(&row.get::<_, String>(1)?);
                Ok(CommandHeld { id: row.get(0)?, action, state: row.get(2)? })
            })?;
        let doubled = "SELECT count(*) - count(DISTINCT origin) FROM notices WHERE device = ?1";
        held.doubled_notices = number(db.query_row(doubled, [key], |row| row.get(0))?);
        Ok(held)
    }

    /// All reports, in the order in which they were stored.
    pub fn reports(&self) -> impl Iterator<Item = &Report> {
        let mut all: Vec<_> =
            self.epochs.iter().flat_map(|epoch| epoch.stored.iter().zip(&epoch.reports)).collect();
        all.sort_by_key(|(stored, _)| *stored);
        all.into_iter().map(|(_, report)| report)
    }
}

const ORDERS: &str =
    "SELECT o.body ->> 'name', o.quantity, o.note, o.entered_by, r.sequence, e.epoch FROM orders o
    JOIN reports r ON r.key = o.report JOIN epochs e ON e.key = r.epoch WHERE o.device = ?1 ORDER BY o.key";
const CALLS: &str = "SELECT c.message, c.entered_by, r.sequence, e.epoch FROM service_calls c
    JOIN reports r ON r.key = c.report JOIN epochs e ON e.key = r.epoch WHERE c.device = ?1 ORDER BY c.key";

fn rows<T>(
    db: &Connection,
    sql: &str,
    key: i64,
    row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    db.prepare(sql)?.query_map([key], row)?.collect()
}

fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap()
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}
