//! What devices tell of programs: with a request for one what runs and what was tried, and in reports how an attempt goes.

use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::device_to_manager::{ReportBatch, ReportBody};
use platen_protocol::identity::{AttemptId, DeviceId};
use platen_protocol::programs::{
    AttemptOutcome, Hardware, ProgramReport, ProgramStep, RunningProgram, TriedProgram,
};

use super::super::engine::{Connection, values};
use super::super::rollouts::rollout_told;
use super::super::statements::{self as others, programs as statements};
use super::super::writer::WriteContext;
use super::super::{Store, StoreError, from_json, to_json};
use super::records::RunningRecord;

/// Attempts of a device that are kept: the newest.
const ATTEMPTS_KEPT: u32 = 50;

/// The reason of an attempt that had nothing to do.
const RAN_ALREADY: &str = "the device ran it already";

/// What a device says of itself when it asks for a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What it is.
    pub hardware: Hardware,
    /// What is installed.
    pub running: Vec<RunningProgram>,
    /// The last attempts.
    pub tried: Vec<TriedProgram>,
}

/// What of that was news.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NewlyTold {
    /// What it is, or what runs on it.
    pub runs: bool,
    /// How an attempt ended.
    pub ended: bool,
}

/// What an attempt is about, by kind, name and version.
type About<'a> = (&'a str, &'a str, &'a str);

impl Store {
    /// Whether what a device says of itself is known already. Only looks.
    pub async fn is_told(&self, device: DeviceId, asked: Asked) -> Result<bool, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let Some(key) = key_of(connection, &device)? else { return Ok(true) };
                if !runs_as_known(connection, key, &asked)? {
                    return Ok(false);
                }
                for tried in &asked.tried {
                    let id = tried.attempt_id.as_str();
                    if !connection.exists(statements::ATTEMPT_ENDED, values![key, id])? {
                        return Ok(false);
                    }
                }
                Ok(true)
            })
            .await
    }

    /// Keeps what a device says of itself, as far as it is news.
    pub async fn keep_told(
        &self,
        device: DeviceId,
        asked: Asked,
        now: Timestamp,
    ) -> Result<NewlyTold, StoreError> {
        let (on_offer, whose) = (Arc::clone(&self.on_offer), device.clone());
        let act = move |context: &mut WriteContext<'_>| {
            let connection = context.connection;
            let Some(key) = key_of(connection, &device)? else { return Ok(NewlyTold::default()) };
            let mut told = NewlyTold::default();
            if !runs_as_known(connection, key, &asked)? {
                keep_running(connection, key, &asked, now.as_millisecond())?;
                told.runs = true;
            }
            for tried in &asked.tried {
                let TriedProgram { attempt_id, program, outcome, reason } = tried;
                let Some(step) = step_of(*outcome) else { continue };
                if connection.exists(statements::ATTEMPT_ENDED, values![key, attempt_id.as_str()])? {
                    continue;
                }
                attempt_told(
                    connection,
                    key,
                    attempt_id.as_str(),
                    program.as_ref(),
                    (step, reason.as_deref()),
                    now,
                )?;
                told.ended = true;
            }
            Ok(told)
        };
        let then = move |told: &NewlyTold| {
            if told.ended {
                on_offer.changed(&whose);
            }
        };
        self.writer.write_then(act, then).await
    }

    /// A device runs already what is offered to it: the offer is over, and nothing was to be done.
    pub async fn offer_runs_already(
        &self,
        device: DeviceId,
        attempt: AttemptId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (on_offer, whose) = (Arc::clone(&self.on_offer), device.clone());
        let act = move |context: &mut WriteContext<'_>| {
            let connection = context.connection;
            let Some(key) = key_of(connection, &device)? else { return Ok(()) };
            let step = (ProgramStep::Kept, Some(RAN_ALREADY));
            attempt_told(connection, key, attempt.as_str(), None, step, now)
        };
        self.writer.write_then(act, move |()| on_offer.changed(&whose)).await
    }

    /// What runs on a device, as it told last.
    pub async fn running_of(&self, device: DeviceId) -> Result<Vec<RunningRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                connection.all(statements::RUNNING_OF, values![device.as_str()], RunningRecord::from_row)
            })
            .await
    }

    /// What a device is, as it told last when it asked for a program.
    pub async fn hardware_of(&self, device: DeviceId) -> Result<Option<Hardware>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let text: Option<String> =
                    connection.one(statements::HOST_OF, values![device.as_str()], |row| row.get(0))?;
                text.map(|text| from_json("hardware of a device", &text)).transpose()
            })
            .await
    }
}

pub(in super::super) fn key_of(
    connection: &Connection,
    device: &DeviceId,
) -> Result<Option<i64>, StoreError> {
    connection.one(others::DEVICE_KEY, values![device.as_str()], |row| row.get(0))
}

fn running(connection: &Connection, device: i64) -> Result<Vec<(String, String, String)>, StoreError> {
    connection
        .all(statements::RUNNING_KEYS, values![device], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

fn runs_as_known(connection: &Connection, device: i64, asked: &Asked) -> Result<bool, StoreError> {
    let host: Option<String> = connection.one(statements::HOST, values![device], |row| row.get(0))?;
    if host != Some(to_json("hardware of a device", &asked.hardware)?) {
        return Ok(false);
    }
    let known = running(connection, device)?;
    let is_known = |one: &RunningProgram| {
        known.iter().any(|(kind, name, version)| {
            (kind.as_str(), name.as_str(), version.as_str())
                == (one.kind.as_str(), one.name.as_str(), one.version.as_str())
        })
    };
    Ok(known.len() == asked.running.len() && asked.running.iter().all(is_known))
}

fn keep_running(connection: &Connection, device: i64, asked: &Asked, at: i64) -> Result<(), StoreError> {
    let hardware = to_json("hardware of a device", &asked.hardware)?;
    connection.execute(statements::SET_HOST, values![device, hardware, at])?;
    for (kind, name, _) in running(connection, device)? {
        let still = |one: &RunningProgram| one.kind.as_str() == kind && one.name.as_str() == name;
        if !asked.running.iter().any(still) {
            connection.execute(statements::RUNS_NO_MORE, values![device, kind, name])?;
        }
    }
    for RunningProgram { kind, name, version } in &asked.running {
        let (kind, name, version) = (kind.as_str(), name.as_str(), version.as_str());
        connection.execute(statements::RUNS, values![device, kind, name, version, at])?;
    }
    Ok(())
}

/// The last step of an attempt that ended so; none where this version does not know it.
fn step_of(outcome: AttemptOutcome) -> Option<ProgramStep> {
    match outcome {
        AttemptOutcome::Kept => Some(ProgramStep::Kept),
        AttemptOutcome::RolledBack => Some(ProgramStep::RolledBack),
        AttemptOutcome::Refused => Some(ProgramStep::Refused),
        AttemptOutcome::Failed => Some(ProgramStep::Failed),
        AttemptOutcome::Other => None,
    }
}

/// The word of a step, as on the wire.
pub(super) fn step_word(step: ProgramStep) -> Result<String, StoreError> {
    to_json("step of an attempt", &step).map(|word| word.trim_matches('"').to_owned())
}

/// A new attempt of a device.
pub(super) fn begin_attempt(
    connection: &Connection,
    device: i64,
    attempt: &str,
    (kind, name, version): About<'_>,
    ((step, reason), has_ended): ((String, Option<&str>), bool),
    at: i64,
) -> Result<(), StoreError> {
    let ended = has_ended.then_some(at);
    connection.execute(
        statements::ADD_ATTEMPT,
        values![device, attempt, kind, name, version, at, step, ended, reason],
    )?;
    connection.execute(statements::FORGET_ATTEMPTS, values![device, ATTEMPTS_KEPT])?;
    Ok(())
}

/// Keeps how far an attempt is. What it is about is what was offered, where that is known; else what the device says.
pub(in super::super) fn attempt_told(
    connection: &Connection,
    device: i64,
    attempt: &str,
    program: Option<&RunningProgram>,
    (step, reason): (ProgramStep, Option<&str>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let (word, at) = (step_word(step)?, now.as_millisecond());
    if connection.exists(statements::HAS_ATTEMPT, values![device, attempt])? {
        let ended = step.is_end().then_some(at);
        connection.execute(statements::ATTEMPT_TOLD, values![device, attempt, word, at, ended, reason])?;
    } else {
        let offered: Option<(String, String, String)> =
            connection.one(statements::OFFER_OF_ATTEMPT, values![device, attempt], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let about = match (&offered, program) {
            (Some((kind, name, version)), _) => (kind.as_str(), name.as_str(), version.as_str()),
            (None, Some(told)) => (told.kind.as_str(), told.name.as_str(), told.version.as_str()),
            // Of an attempt that this manager has forgotten, and the device knows nothing more about.
            (None, None) => return Ok(()),
        };
        begin_attempt(connection, device, attempt, about, ((word, reason), step.is_end()), at)?;
    }
    rollout_told(connection, device, attempt, (step, reason), now)?;
    if step.is_end() {
        connection.execute(statements::END_OFFER, values![device, attempt])?;
    }
    Ok(())
}

/// What an attempt is about runs on a device from now on, which does not say itself what does.
pub(in super::super) fn ran(
    connection: &Connection,
    device: i64,
    attempt: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let about: Option<(String, String, String)> =
        connection.one(statements::ABOUT_ATTEMPT, values![device, attempt], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let Some((kind, name, version)) = about else { return Ok(()) };
    let at = now.as_millisecond();
    connection.execute(statements::RUNS, values![device, kind, name, version, at]).map(drop)
}

/// A report about an attempt came in.
pub(in super::super) fn program_told(
    connection: &Connection,
    device: i64,
    report: &ProgramReport,
    received: Timestamp,
) -> Result<(), StoreError> {
    let ProgramReport { attempt_id, program, step, reason, .. } = report;
    let step = (*step, reason.as_deref());
    attempt_told(connection, device, attempt_id.as_str(), program.as_ref(), step, received)
}

/// Whether something in a batch can change what is offered to its device.
pub(in super::super) fn settles(batch: &ReportBatch) -> bool {
    batch.reports.iter().any(|report| matches!(&report.body, ReportBody::Program { .. }))
}
