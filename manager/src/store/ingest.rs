//! Reports, in: what is decided by [`crate::ingest`] is done here, as part of one group.

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::alert::Alert;
use platen_protocol::device_to_manager::{
    EnteredBy, Outcome, OutcomeResult, Report, ReportBatch, ReportBody, ServiceCall,
};
use platen_protocol::identity::{AlertId, DeviceId, Epoch};
use platen_protocol::readings::Readings;
use rusqlite::{OptionalExtension as _, params};

use super::records::CommandState;
use super::writer::{Desk, EpochPlace, Place};
use super::{Store, StoreError, from_integer, from_json, statements, to_integer, to_json};
use crate::ingest::{cover_closed, merge_alert, plan};

/// Reports of an epoch that are looked at to tell a repeat from another report under its sequence. A device
/// repeats at most what it has not heard to be acknowledged: a batch or two.
const MAX_LOOK_BACK: u32 = 1_000;

/// A batch that has been found valid.
#[derive(Debug, Clone)]
pub struct Ingest {
    /// Who sent it, by its certificate.
    pub device: DeviceId,
    /// What it sent.
    pub batch: Arc<ReportBatch>,
    /// When it came in.
    pub received: Timestamp,
}

/// What became of a batch, once that is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingested {
    /// The highest sequence of the epoch below which nothing is missing but gaps.
    pub acknowledged: u64,
    /// Which of the batch (by position) were new.
    pub new: Range<usize>,
    /// What was found to be lost.
    pub gap: Option<(u64, u64)>,
}

/// Why nothing of a batch was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IngestRefusal {
    /// The device is not in the store.
    #[error("the device is not known here: enrol it again")]
    UnknownDevice,
    /// A sequence that is stored came again with another content.
    #[error("sequence {sequence} of this epoch is stored with another content: begin a new epoch")]
    Conflict {
        /// Which sequence.
        sequence: u64,
    },
}

impl Store {
    /// Commits a batch. What it returns is durable.
    pub async fn ingest(&self, ingest: Ingest) -> Result<Result<Ingested, IngestRefusal>, StoreError> {
        self.writer.write(move |desk| take_in(desk, &ingest)).await
    }
}

fn take_in(desk: &mut Desk<'_>, ingest: &Ingest) -> Result<Result<Ingested, IngestRefusal>, StoreError> {
    let batch = &*ingest.batch;
    let Some((device, epoch)) = find_place(desk, &ingest.device, &batch.epoch)? else {
        return Ok(Err(IngestRefusal::UnknownDevice));
    };
    let before = epoch.map_or(0, |epoch| epoch.acknowledged);
    let sequences: Vec<u64> = batch.reports.iter().map(|report| report.sequence).collect();
    let plan = plan(before, batch.oldest_sequence, &sequences);
    let repeats = batch.reports.get(plan.repeats.clone()).unwrap_or_default();
    let new = batch.reports.get(plan.new.clone()).unwrap_or_default();
    if let Some(epoch) = epoch
        && let Some(sequence) = find_conflict(desk, epoch, repeats)?
    {
        return Ok(Err(IngestRefusal::Conflict { sequence }));
    }
    if plan.gap.is_some() || !new.is_empty() {
        let last = epoch.and_then(|epoch| epoch.last);
        let epoch = match epoch {
            Some(epoch) => epoch.key,
            None => desk.connection.prepare_cached(statements::BEGIN_EPOCH)?.query_row(
                params![device, batch.epoch.as_str(), ingest.received.as_millisecond()],
                |row| row.get(0),
            )?,
        };
        let mut taking = Taking { desk, ingest, device, epoch, last };
        if let Some((first, last)) = plan.gap {
            taking.gap(first, last)?;
        }
        let mut latest = None;
        for (position, report) in new.iter().enumerate() {
            let key = taking.report(report)?;
            if report.body.readings().is_some() {
                latest = Some((position, key));
            }
        }
        taking.latest(new, latest)?;
        let last = taking.last;
        desk.connection.prepare_cached(statements::ACKNOWLEDGE)?.execute(params![
            epoch,
            to_integer(plan.acknowledged),
            last
        ])?;
        let place = EpochPlace { key: epoch, acknowledged: plan.acknowledged, last };
        let place = Place { device, epoch: Some((batch.epoch.clone(), place)) };
        desk.places.insert(ingest.device.clone(), place);
    }
    Ok(Ok(Ingested { acknowledged: plan.acknowledged, new: plan.new, gap: plan.gap }))
}

/// The device's key, and the epoch as far as it exists.
type Found = Option<(i64, Option<EpochPlace>)>;

fn find_place(desk: &mut Desk<'_>, device: &DeviceId, epoch: &Epoch) -> Result<Found, StoreError> {
    if let Some(Place { device, epoch: Some((known, place)) }) = desk.places.get(device)
        && known == epoch
    {
        return Ok(Some((*device, Some(*place))));
    }
    let key: Option<i64> = desk
        .connection
        .prepare_cached(statements::DEVICE_KEY)?
        .query_row(params![device.as_str()], |row| row.get(0))
        .optional()?;
    let Some(key) = key else { return Ok(None) };
    let found = desk
        .connection
        .prepare_cached(statements::EPOCH)?
        .query_row(params![key, epoch.as_str()], |row| {
            Ok(EpochPlace { key: row.get(0)?, acknowledged: from_integer(row.get(1)?), last: row.get(2)? })
        })
        .optional()?;
    let remembered = found.map(|place| (epoch.clone(), place));
    desk.places.insert(device.clone(), Place { device: key, epoch: remembered });
    Ok(Some((key, found)))
}

/// The first repeat that is not what is stored: sought back along the epoch, for what comes again was
/// handed in last. One that fell into a gap is stored nowhere and says nothing new: it was given up when
/// the gap was recorded. One from further back than [`MAX_LOOK_BACK`] is taken for what it repeats.
fn find_conflict(desk: &Desk<'_>, epoch: EpochPlace, repeats: &[Report]) -> Result<Option<u64>, StoreError> {
    let mut at = epoch.last;
    let mut looked = 0;
    let mut conflict = None;
    for report in repeats.iter().rev() {
        while let Some(key) = at
            && looked < MAX_LOOK_BACK
        {
            let (sequence, previous, body): (i64, Option<i64>, String) = desk
                .connection
                .prepare_cached(statements::REPORT)?
                .query_row(params![key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            if from_integer(sequence) < report.sequence {
                break;
            }
            if from_integer(sequence) == report.sequence && from_json::<Report>("report", &body)? != *report {
                conflict = Some(report.sequence);
            }
            at = previous;
            looked += 1;
        }
    }
    Ok(conflict)
}

/// One batch on its way into the tables.
struct Taking<'a, 'b> {
    desk: &'a Desk<'b>,
    ingest: &'a Ingest,
    device: i64,
    epoch: i64,
    /// The key of the epoch's newest report.
    last: Option<i64>,
}

impl Taking<'_, '_> {
    fn received(&self) -> i64 {
        self.ingest.received.as_millisecond()
    }

    fn gap(&mut self, first: u64, last: u64) -> Result<(), StoreError> {
        self.desk.connection.prepare_cached(statements::ADD_GAP)?.execute(params![
            self.device,
            self.epoch,
            to_integer(first),
            to_integer(last),
            self.received()
        ])?;
        self.notice("gap", first, &format!("{{\"first\":{first},\"last\":{last}}}"))
    }

    /// Stores one report with its effects; the key of its row.
    fn report(&mut self, report: &Report) -> Result<i64, StoreError> {
        self.desk.connection.prepare_cached(statements::ADD_REPORT)?.execute(params![
            self.device,
            self.epoch,
            to_integer(report.sequence),
            report.body.kind(),
            self.received(),
            self.last,
            to_json("report", report)?
        ])?;
        let key = self.desk.connection.last_insert_rowid();
        self.last = Some(key);
        match &report.body {
            ReportBody::Started(started) => {
                self.desk.connection.prepare_cached(statements::SET_STARTED)?.execute(params![
                    self.device,
                    started.model,
                    started.agent_version
                ])?;
            }
            ReportBody::AlertRaised { alert } => self.raise(report, alert)?,
            ReportBody::AlertCleared { alert_id, description } => {
                self.clear(report, alert_id, description)?;
            }
            ReportBody::ServiceCall(call) => self.service_call(report, key, call)?,
            ReportBody::Outcome(outcome) => self.outcome(outcome)?,
            ReportBody::Utilisation(_) | ReportBody::Readings(_) => {}
        }
        Ok(key)
    }

    fn raise(&mut self, report: &Report, alert: &Alert) -> Result<(), StoreError> {
        let body = to_json("alert", alert)?;
        let raised = self.desk.connection.prepare_cached(statements::RAISE_ALERT)?.execute(params![
            self.device,
            alert.id.as_str(),
            self.received(),
            report.simulated,
            body
        ])?;
        if raised == 1 { self.notice("alert_raised", report.sequence, &body) } else { Ok(()) }
    }

    fn clear(&mut self, report: &Report, id: &AlertId, because: &str) -> Result<(), StoreError> {
        let cleared: Option<String> = self
            .desk
            .connection
            .prepare_cached(statements::CLEAR_ALERT)?
            .query_row(params![self.device, id.as_str(), self.received(), because], |row| row.get(0))
            .optional()?;
        match cleared {
            Some(body) => self.notice("alert_cleared", report.sequence, &body),
            None => Ok(()),
        }
    }

    fn service_call(&mut self, report: &Report, key: i64, call: &ServiceCall) -> Result<(), StoreError> {
        self.desk.connection.prepare_cached(statements::ADD_SERVICE_CALL)?.execute(params![
            self.device,
            key,
            self.received(),
            report.simulated,
            match call.entered_by {
                EnteredBy::Button => "button",
                EnteredBy::Command => "command",
            },
            call.message
        ])?;
        self.notice("service_call", report.sequence, &to_json("service call", call)?)
    }

    fn outcome(&mut self, outcome: &Outcome) -> Result<(), StoreError> {
        let reason = match &outcome.result {
            OutcomeResult::Failed { reason } | OutcomeResult::Refused { reason } => Some(reason),
            OutcomeResult::Done | OutcomeResult::Expired => None,
        };
        self.desk.connection.prepare_cached(statements::FINISH_COMMAND)?.execute(params![
            self.device,
            outcome.command_id.as_str(),
            CommandState::of(&outcome.result).word(),
            self.received(),
            reason
        ])?;
        Ok(())
    }

    /// What an operator must hear, in the same transaction; its origin makes it unique.
    fn notice(&mut self, kind: &str, sequence: u64, body: &str) -> Result<(), StoreError> {
        let origin = format!("{}/{}/{sequence}/{kind}", self.ingest.device, self.ingest.batch.epoch.as_str());
        self.desk.connection.prepare_cached(statements::ADD_NOTICE)?.execute(params![
            origin,
            self.device,
            kind,
            self.received(),
            body
        ])?;
        Ok(())
    }

    /// The state of the device after these reports: the latest readings (by the position and the key of
    /// their report), and what later alerts add.
    fn latest(&mut self, new: &[Report], latest: Option<(usize, i64)>) -> Result<(), StoreError> {
        let later = latest.map_or(0, |(position, _)| position + 1);
        let later: Vec<&Report> = new
            .iter()
            .skip(later)
            .filter(|report| {
                matches!(report.body, ReportBody::AlertRaised { .. } | ReportBody::AlertCleared { .. })
            })
            .collect();
        let mut merged = None;
        if !later.is_empty() {
            let source = latest.and_then(|(position, _)| new.get(position)?.body.readings().cloned());
            let readings = match source {
                Some(readings) => Some(readings),
                None => self.stored_readings()?,
            };
            if let Some(mut readings) = readings {
                let mut changed = false;
                for report in later {
                    changed |= self.merge(&mut readings, &report.body)?;
                }
                merged = if changed { Some(to_json("readings", &readings)?) } else { None };
            }
        }
        if let Some((_, key)) = latest {
            let mut statement = self.desk.connection.prepare_cached(statements::SET_LATEST)?;
            statement.execute(params![self.device, key, merged])?;
        } else if merged.is_some() {
            let mut statement = self.desk.connection.prepare_cached(statements::MERGE_LATEST)?;
            statement.execute(params![self.device, merged])?;
        }
        Ok(())
    }

    fn stored_readings(&self) -> Result<Option<Readings>, StoreError> {
        let stored: Option<(Option<String>, String)> = self
            .desk
            .connection
            .prepare_cached(statements::LATEST)?
            .query_row(params![self.device], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match stored {
            None => Ok(None),
            Some((Some(merged), _)) => from_json("readings", &merged).map(Some),
            Some((None, body)) => Ok(from_json::<Report>("report", &body)?.body.readings().cloned()),
        }
    }

    fn merge(&self, readings: &mut Readings, body: &ReportBody) -> Result<bool, StoreError> {
        match body {
            ReportBody::AlertRaised { alert } => Ok(merge_alert(readings, alert)),
            ReportBody::AlertCleared { alert_id, .. } => {
                let stored: Option<String> = self
                    .desk
                    .connection
                    .prepare_cached(statements::ALERT_BODY)?
                    .query_row(params![self.device, alert_id.as_str()], |row| row.get(0))
                    .optional()?;
                let alert: Option<Alert> = stored.map(|text| from_json("alert", &text)).transpose()?;
                Ok(alert.is_some_and(|alert| cover_closed(readings, &alert)))
            }
            _ => Ok(false),
        }
    }
}
