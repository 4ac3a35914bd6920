//! What the agent keeps: its outbox, read only, while the agent does not run.

use std::collections::BTreeMap;
use std::path::Path;

use platen_protocol::device_to_manager::OutcomeResult;
use rusqlite::{Connection, OpenFlags};

/// One device's own book.
#[derive(Debug, Clone, Default)]
pub struct Device {
    /// The life of its outbox.
    pub epoch: String,
    /// What it takes the manager to hold.
    pub acknowledged: u64,
    /// Reports that it still holds.
    pub waiting: u64,
    /// Commands in the journal, by name, with their outcomes.
    pub journal: BTreeMap<String, Option<OutcomeResult>>,
    /// Settings of the manager: the value, and the command that set it.
    pub settings: BTreeMap<String, (u32, String)>,
}

impl Device {
    /// Reads an outbox.
    pub fn read(outbox: &Path) -> Self {
        Self::try_read(outbox).unwrap_or_else(|e| panic!("{}: {e}", outbox.display()))
    }

    fn try_read(outbox: &Path) -> rusqlite::Result<Self> {
        let db = Connection::open_with_flags(outbox, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let (epoch, acknowledged, waiting) = Self::waiting(&db)?;
        let mut query = db.prepare("SELECT command_id, outcome FROM journal")?;
        let journal = query.query_map([], |row| {
            let outcome: Option<String> = row.get(1)?;
            let result = outcome.map(|text| {
                let outcome: platen_protocol::device_to_manager::Outcome =
                    serde_json::from_str(&text).unwrap();
                outcome.result
            });
            Ok((row.get(0)?, result))
        })?;
        let journal = journal.collect::<Result<_, _>>()?;
        let mut query = db.prepare("SELECT name, value, origin FROM setting")?;
        let settings = query.query_map([], |row| {
            let origin: serde_json::Value = serde_json::from_str(&row.get::<_, String>(2)?).unwrap();
            let command = origin["command"].as_str().unwrap().to_owned();
            Ok((row.get(0)?, (row.get(1)?, command)))
        })?;
        let settings = settings.collect::<Result<_, _>>()?;
        Ok(Self { epoch, acknowledged, waiting, journal, settings })
    }

    /// The epoch that is open, what is acknowledged in it, and how many reports wait in all.
    fn waiting(db: &Connection) -> rusqlite::Result<(String, u64, u64)> {
        let state: String = db.query_row("SELECT state FROM meta", [], |row| row.get(0))?;
        let state: serde_json::Value = serde_json::from_str(&state).unwrap();
        let number = |value: &serde_json::Value| value.as_u64().unwrap();
        let open = state["chapters"].as_array().unwrap().last().unwrap();
        let acknowledged = i64::try_from(number(&state["acknowledged_place"])).unwrap();
        let sql = "SELECT count(*) FROM report WHERE place > ?1";
        let waiting: i64 = db.query_row(sql, [acknowledged], |row| row.get(0))?;
        let epoch = open["epoch"].as_str().unwrap().to_owned();
        Ok((epoch, number(&open["acknowledged"]), u64::try_from(waiting).unwrap()))
    }
}
