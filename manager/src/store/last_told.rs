//! The readings that a device told last, as they are stored.

use platen_protocol::device_to_manager::Report;
use platen_protocol::readings::Readings;

use super::engine::{Connection, values};
use super::{StoreError, statements};

/// What a device told last.
#[derive(Default)]
pub(super) struct LastTold {
    /// With what alerts and replacements told since.
    pub(super) readings: Option<Readings>,
    /// Whether they came from a simulated board.
    pub(super) simulated: bool,
}

impl LastTold {
    /// What cannot be read says nothing, as where the device is shown, which also tells that it is damaged: without what
    /// was told since, the readings are those of the report.
    pub(super) fn of(connection: &Connection, device: i64) -> Result<Self, StoreError> {
        let stored: Option<(Option<String>, String)> =
            connection.one(statements::LATEST, values![device], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let Some((merged, report)) = stored else { return Ok(Self::default()) };
        let report: Option<Report> = serde_json::from_str(&report).ok();
        let simulated = report.as_ref().is_some_and(|report| report.simulated);
        let merged: Option<Readings> = merged.and_then(|merged| serde_json::from_str(&merged).ok());
        let readings = merged.or_else(|| report?.body.readings().cloned());
        Ok(Self { readings, simulated })
    }
}
