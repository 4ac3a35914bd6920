//! Alerts as they are raised and cleared, and brought up to what stands on the device.

use std::collections::HashSet;

use platen_protocol::alert::{Alert, Severity};
use platen_protocol::device_to_manager::Report;
use platen_protocol::identity::AlertId;

use super::engine::values;
use super::ingest::BatchWrite;
use super::records::id;
use super::{StoreError, statements, to_json};

/// Why an alert ended that no report ended.
const STANDS_NO_MORE: &str = "stands no more on the device; the report of its end was lost";

/// How bad it is, as its column says: what may happen stops no printer yet, however bad it would be.
fn class(alert: &Alert) -> i64 {
    match (alert.forecast, alert.severity) {
        (true, _) => 2,
        (false, Severity::Critical) => 0,
        (false, _) => 1,
    }
}

impl BatchWrite<'_, '_> {
    pub(super) fn raise(&mut self, report: &Report, alert: &Alert) -> Result<(), StoreError> {
        let body = to_json("alert", alert)?;
        let raised = self.context.connection.execute(
            statements::RAISE_ALERT,
            values![
                self.device,
                alert.id.as_str(),
                self.received(),
                report.simulated,
                body,
                self.dated.at.as_millisecond(),
                self.dated_by(),
                class(alert)
            ],
        )?;
        if raised == 1 {
            self.touched = true;
            self.notice_about("alert_raised", report.sequence, &alert.id, &body)?;
            self.propose(report, alert)
        } else {
            Ok(())
        }
    }

    pub(super) fn clear(
        &mut self,
        report: &Report,
        alert: &AlertId,
        because: &str,
    ) -> Result<(), StoreError> {
        let cleared: Option<String> = self.context.connection.one(
            statements::CLEAR_ALERT,
            values![
                self.device,
                alert.as_str(),
                self.received(),
                because,
                self.dated.at.as_millisecond(),
                self.dated_by()
            ],
            |row| row.get(0),
        )?;
        match cleared {
            Some(body) => {
                self.touched = true;
                self.notice_about("alert_cleared", report.sequence, alert, &body)?;
                self.withdraw(alert)
            }
            None => Ok(()),
        }
    }

    /// Ends what the device does not name, for the report of its end was lost; and opens again what it
    /// names, for the report that ended it was of an outbox that the device lost.
    pub(super) fn standing(&mut self, report: &Report, standing: &[AlertId]) -> Result<(), StoreError> {
        let connection = self.context.connection;
        let open: Vec<String> =
            connection.all(statements::ALERTS_STANDING, values![self.device], |row| row.get(0))?;
        let named: HashSet<&str> = standing.iter().map(AlertId::as_str).collect();
        for ended in open.into_iter().filter(|open| !named.contains(open.as_str())) {
            self.clear(report, &id("alert", ended)?, STANDS_NO_MORE)?;
        }
        for alert in standing {
            let reopened: Option<String> = self.context.connection.one(
                statements::REOPEN_ALERT,
                values![self.device, alert.as_str()],
                |row| row.get(0),
            )?;
            if let Some(body) = reopened {
                self.touched = true;
                self.notice_about("alert_raised", report.sequence, alert, &body)?;
            }
        }
        Ok(())
    }

    /// The same, where one report may tell of several alerts.
    fn notice_about(&self, kind: &str, sequence: u64, alert: &AlertId, body: &str) -> Result<(), StoreError> {
        self.write_notice(
            &format!("{}/{alert}", self.origin(&self.ingest.batch.epoch, sequence, kind)),
            kind,
            body,
        )
    }
}
