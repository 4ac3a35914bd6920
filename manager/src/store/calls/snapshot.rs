//! How a machine was when a call was opened, taken in the transaction that opens it: what is seen at the desk an hour later is
//! another machine.

use jiff::Timestamp;
use platen_protocol::alert::Alert;
use platen_protocol::readings::Readings;
use serde::{Deserialize, Serialize};

use super::super::engine::{Connection, values};
use super::super::records::{time, time_if_any};
use super::super::statements::calls as statements;
use super::super::{StoreError, to_json};

/// Open alerts that are kept: the worst.
const MAX_ALERTS: u32 = 50;

/// How a machine was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Snapshot {
    /// When.
    pub taken: Timestamp,
    /// What was open, the worst first; at most 50.
    pub alerts: Vec<Alert>,
    /// What it read last: levels, lives, counters, temperatures; `null` before it has read anything.
    pub readings: Option<Readings>,
    /// What was wrong last, whether it still was or not.
    pub last_error: Option<LastError>,
}

/// The newest alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LastError {
    /// What.
    pub alert: Alert,
    /// When it arose.
    pub raised: Timestamp,
    /// When it ended; `null` where it had not.
    pub cleared: Option<Timestamp>,
}

/// What stands in the store now, as JSON; `readings` are those that were told last. What cannot be read is left out.
pub(super) fn take(
    connection: &Connection,
    device: i64,
    readings: Option<Readings>,
    now: Timestamp,
) -> Result<String, StoreError> {
    let bodies: Vec<String> =
        connection.all(statements::ALERTS_OPEN, values![device, MAX_ALERTS], |row| row.get(0))?;
    let alerts = bodies.iter().filter_map(|body| serde_json::from_str(body).ok()).collect();
    let last = connection.one(statements::LAST_ALERT, values![device], |row| {
        let body: String = row.get(0)?;
        Ok((body, time(row, 1)?, time_if_any(row, 2)?))
    })?;
    let last_error = last.and_then(|(body, raised, cleared)| {
        let alert = serde_json::from_str(&body).ok()?;
        Some(LastError { alert, raised, cleared })
    });
    to_json("snapshot", &Snapshot { taken: now, alerts, readings, last_error })
}
