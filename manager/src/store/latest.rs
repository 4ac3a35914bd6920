//! The state of a device: its latest readings, with what alerts and replacements told since.

use platen_protocol::alert::Alert;
use platen_protocol::device_to_manager::{Report, ReportBody};
use platen_protocol::readings::Readings;

use super::engine::values;
use super::ingest::BatchWrite;
use super::states::Levels;
use super::{StoreError, statements, to_json};
use crate::ingest::{merge_alert, merge_end, merge_replacement};

/// Whether a report changes readings that it does not have itself.
fn adds_to_readings(body: &ReportBody) -> bool {
    matches!(
        body,
        ReportBody::AlertRaised { .. } | ReportBody::AlertCleared { .. } | ReportBody::Replacement(_)
    )
}

impl BatchWrite<'_, '_> {
    /// The state of the device after these reports: the latest readings (by the position and the key of
    /// their report), what later alerts and replacements add, and where the latest activity is. The levels by that;
    /// `before` are those that the store has.
    pub(super) fn latest(
        &mut self,
        new: &[Report],
        latest: Option<(usize, i64)>,
        activity: Option<i64>,
        before: &Levels,
    ) -> Result<Levels, StoreError> {
        let later = latest.map_or(0, |(position, _)| position + 1);
        let later: Vec<&Report> =
            new.iter().skip(later).filter(|report| adds_to_readings(&report.body)).collect();
        let mut merged = None;
        let told = latest.and_then(|(position, _)| new.get(position));
        let simulated = told.map_or(before.simulated, |report| report.simulated);
        let mut levels = told
            .and_then(|report| report.body.readings())
            .map_or_else(|| before.clone(), |readings| Levels::of(readings, simulated));
        if !later.is_empty() {
            let source = told.and_then(|report| report.body.readings().cloned());
            let readings = match source {
                Some(readings) => Some(readings),
                None => self.stored_readings()?,
            };
            if let Some(mut readings) = readings {
                let mut changed = false;
                for report in later {
                    changed |= self.merge(&mut readings, &report.body)?;
                }
                if changed {
                    levels = Levels::of(&readings, simulated);
                    merged = Some(to_json("readings", &readings)?);
                }
            }
        }
        if let Some((_, key)) = latest {
            self.context.later(&statements::SET_LATEST, values![self.device, key, merged, activity])?;
        } else if merged.is_some() {
            self.context.connection.execute(statements::MERGE_LATEST, values![self.device, merged])?;
        }
        Ok(levels)
    }

    fn stored_readings(&self) -> Result<Option<Readings>, StoreError> {
        let stored: Option<(Option<String>, String)> =
            self.context
                .connection
                .one(statements::LATEST, values![self.device], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(stored.and_then(|stored| match stored {
            (Some(merged), _) => self.stored("readings", &merged),
            (None, body) => self.stored::<Report>("report", &body)?.body.readings().cloned(),
        }))
    }

    fn merge(&self, readings: &mut Readings, body: &ReportBody) -> Result<bool, StoreError> {
        match body {
            ReportBody::AlertRaised { alert } => Ok(merge_alert(readings, alert)),
            ReportBody::Replacement(replacement) => Ok(merge_replacement(readings, replacement)),
            ReportBody::AlertCleared { alert_id, .. } => {
                let stored: Option<String> = self.context.connection.one(
                    statements::ALERT_BODY,
                    values![self.device, alert_id.as_str()],
                    |row| row.get(0),
                )?;
                let alert: Option<Alert> = stored.and_then(|text| self.stored("alert", &text));
                Ok(alert.is_some_and(|alert| merge_end(readings, &alert)))
            }
            _ => Ok(false),
        }
    }
}
