//! Reports, in: what is decided by [`crate::ingest`] is done here, as part of one group.

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::device_to_manager::{
    EnteredBy, Outcome, OutcomeResult, Replacement, Report, ReportBatch, ReportBody, ServiceCall, Utilisation,
};
use platen_protocol::identity::{DeviceId, Epoch, ServiceCallId};
use platen_protocol::stamp::Stamp;

use super::calls::{CallNotice, ServiceCallState, opened};
use super::damage::Damage;
use super::dates::{dates, learn};
use super::engine::{Connection, values};
use super::open::asks;
use super::places::{EpochPlace, InMemoryEpoch, LastReport, Place};
use super::programs::{program_told, settles};
use super::quota::over_open;
use super::records::CommandState;
use super::restored::{Restored, was_lost_here};
use super::statements::{self, fleet};
use super::states::{Levels, refresh};
use super::writer::WriteContext;
use super::{Store, StoreError, from_integer, from_json, profile_applications, to_integer, to_json};
use crate::ingest::date::{Dated, DatedBy};
use crate::ingest::loss::in_words;
use crate::ingest::{Gap, Loss, plan};
use crate::quota::{OverQuota, Settings};

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
    pub losses: Vec<Loss>,
    /// What may be lost of another epoch, which the device kept in memory only.
    pub in_memory_epoch: Option<(Epoch, Loss)>,
    /// How many bytes of reports were stored.
    pub bytes: u64,
}

/// Why nothing of a batch was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IngestRefusal {
    /// The device is not in the store.
    #[error("this manager does not know the device: enrol it again")]
    UnknownDevice,
    /// A sequence that is stored came again with another content.
    #[error("sequence {sequence} of this epoch is stored with different content: begin a new epoch")]
    Conflict {
        /// Which sequence.
        sequence: u64,
    },
    /// The device would have too much open.
    #[error("{0}")]
    OverQuota(OverQuota),
}

impl Store {
    /// Commits a batch. What it returns is durable.
    pub async fn ingest(&self, ingest: Ingest) -> Result<Result<Ingested, IngestRefusal>, StoreError> {
        let (damage, open) = (Arc::clone(&self.damage), Arc::clone(&self.open));
        let (restored, on_offer) = (Arc::clone(&self.restored), Arc::clone(&self.on_offer));
        let asker = asks(&ingest.batch).then(|| ingest.device.clone());
        let settler = settles(&ingest.batch).then(|| ingest.device.clone());
        let batch_of = Some((ingest.device.clone(), ingest.batch.epoch.clone()));
        let quota = self.quota.get().copied().unwrap_or_default();
        let act = move |context: &mut WriteContext<'_>| take_in(context, &ingest, &damage, &restored, &quota);
        let then = move |_: &_| {
            if let Some(device) = &asker {
                open.changed(device);
            }
            if let Some(device) = &settler {
                on_offer.changed(device);
            }
        };
        self.writer.write_batch(batch_of, act, then).await
    }
}

fn take_in(
    context: &mut WriteContext<'_>,
    ingest: &Ingest,
    damage: &Damage,
    restored: &Restored,
    quota: &Settings,
) -> Result<Result<Ingested, IngestRefusal>, StoreError> {
    let batch = &*ingest.batch;
    let found = context.places.find(context.connection, &ingest.device, &batch.epoch)?;
    let Some(Place { device, epoch, in_memory_epoch, levels, was_there }) = found else {
        return Ok(Err(IngestRefusal::UnknownDevice));
    };
    let epoch = epoch.map(|(_, place)| place);
    let before = epoch.map_or(0, |epoch| epoch.acknowledged);
    let sequences: Vec<u64> = batch.reports.iter().map(|report| report.sequence).collect();
    let plan = plan(before, batch.oldest_sequence, &batch.lost, &sequences);
    let repeats = batch.reports.get(plan.repeats.clone()).unwrap_or_default();
    let new = batch.reports.get(plan.new.clone()).unwrap_or_default();
    if let Some(epoch) = epoch
        && let Some(sequence) = find_conflict(context, damage, (&ingest.device, epoch), repeats)?
    {
        return Ok(Err(IngestRefusal::Conflict { sequence }));
    }
    if let Some(over) = over_open(context.connection, quota, device, new)? {
        return Ok(Err(IngestRefusal::OverQuota(over)));
    }
    let losses: Vec<Loss> = plan
        .gaps
        .iter()
        .map(|gap| match gap.told.and_then(|position| batch.lost.get(position)) {
            Some(run) => Ok(Loss::told(run, gap.first, gap.last)),
            None => untold(context.connection, gap, before, epoch, restored),
        })
        .collect::<Result<_, _>>()?;
    let is_news = !losses.is_empty() || !new.is_empty();
    let came_to_safety = epoch.is_some_and(|epoch| epoch.in_memory != batch.in_memory);
    let (mut ended, mut bytes) = (None, 0);
    if is_news || came_to_safety {
        let last = epoch.and_then(|epoch| epoch.last);
        let epoch = match epoch {
            Some(epoch) => epoch.key,
            None => context.connection.row(
                statements::BEGIN_EPOCH,
                values![device, batch.epoch.as_str()],
                |row| row.get(0),
            )?,
        };
        let taken = dates(context.connection, device, (batch.sent.as_ref(), ingest.received), new, last)?;
        if let Some(sent) = &batch.sent {
            learn(context, device, sent, ingest.received)?;
        }
        let dated = Dated { at: ingest.received, by: None };
        let mut write = BatchWrite {
            context,
            ingest,
            damage,
            device,
            epoch,
            last,
            dated,
            bytes,
            touched: !was_there,
            called: Vec::new(),
        };
        if is_news && let Some(in_memory_epoch) = &in_memory_epoch {
            ended = Some(write.end_of(in_memory_epoch)?);
        }
        write.gaps(&losses)?;
        let mut latest = None;
        let mut activity = None;
        for ((position, report), dated) in new.iter().enumerate().zip(taken) {
            write.dated = dated;
            let key = write.report(report)?;
            if report.body.readings().is_some() {
                latest = Some((position, key));
            }
            if let ReportBody::Utilisation(Utilisation { activity: Some(_), .. }) = &report.body {
                activity = Some(key);
            }
        }
        let levels_now = write.latest(new, latest, activity, &levels)?;
        bytes = write.bytes;
        let (last, touched, called) = (write.last, write.touched, write.called);
        for (call, message) in called {
            // The newest readings may not be in their table yet.
            let told = latest.and_then(|(position, _)| new.get(position)?.body.readings().cloned());
            let words = (None, message.as_deref());
            opened(context.connection, (device, call), told, words, ingest.received)?;
        }
        if !was_there {
            context
                .connection
                .execute(fleet::FIRST_CONTACT, values![device, ingest.received.as_millisecond()])?;
        }
        stands(context, device, touched, &levels, &levels_now)?;
        let (acknowledged, last_key) = (to_integer(plan.acknowledged), last.map(|last| last.key));
        context.later(&statements::ACKNOWLEDGE, values![epoch, acknowledged, last_key, batch.in_memory])?;
        let in_memory = batch.in_memory;
        let place = EpochPlace { key: epoch, acknowledged: plan.acknowledged, last, in_memory };
        let in_memory_epoch = in_memory_epoch.filter(|_| ended.is_none());
        let epoch = Some((batch.epoch.clone(), place));
        let place = Place { device, epoch, in_memory_epoch, levels: levels_now, was_there: true };
        context.places.set(&ingest.device, place);
    }
    let (acknowledged, new) = (plan.acknowledged, plan.new);
    Ok(Ok(Ingested { acknowledged, new, losses, in_memory_epoch: ended, bytes }))
}

/// A device that says nothing of what is missing has handed it in before this manager was taken back, or has lost it.
fn untold(
    connection: &Connection,
    gap: &Gap,
    acknowledged: u64,
    epoch: Option<EpochPlace>,
    restored: &Restored,
) -> Result<Loss, StoreError> {
    let follows = gap.first == acknowledged.saturating_add(1);
    let here = match epoch {
        Some(epoch) => follows && was_lost_here(connection, epoch.key, acknowledged)?,
        // One that was begun since.
        None => follows && restored.is_open(),
    };
    let loss = if here { Loss::restored } else { Loss::untold };
    Ok(loss(gap.first, gap.last))
}

/// How the device stands after a batch. Readings alone change levels, if anything; an ordinary report nothing.
fn stands(
    context: &mut WriteContext<'_>,
    device: i64,
    touched: bool,
    before: &Levels,
    now: &Levels,
) -> Result<(), StoreError> {
    if touched || before.serials != now.serials {
        // What needs a person is dated by its report.
        context.catch_up()?;
        return refresh(context.connection, device, Some(now));
    }
    if before == now {
        return Ok(());
    }
    context.later(&fleet::SET_LEVELS, values![device, now.lowest_in_store(), now.low, now.simulated])
}

/// The first repeat that is not what is stored: sought back along the epoch, for what comes again was
/// handed in last. One that fell into a gap is stored nowhere and says nothing new: it was discarded when
/// the gap was recorded. One from further back than [`MAX_LOOK_BACK`] is taken for what it repeats.
fn find_conflict(
    context: &WriteContext<'_>,
    damage: &Damage,
    (device, epoch): (&DeviceId, EpochPlace),
    repeats: &[Report],
) -> Result<Option<u64>, StoreError> {
    let mut at = epoch.last.map(|last| last.key);
    let mut looked = 0;
    let mut conflict = None;
    for report in repeats.iter().rev() {
        while let Some(key) = at
            && looked < MAX_LOOK_BACK
        {
            let stored = context
                .connection
                .one(statements::REPORT, values![key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            // What is so old that it was let go of is taken for what it repeats.
            let Some((sequence, previous, body)): Option<(i64, Option<i64>, String)> = stored else {
                return Ok(conflict);
            };
            if from_integer(sequence) < report.sequence {
                break;
            }
            if from_integer(sequence) == report.sequence {
                match from_json::<Report>("report", &body) {
                    Ok(stored) if stored != *report => conflict = Some(report.sequence),
                    Ok(_) => {}
                    // What cannot be compared is taken for what it repeats.
                    Err(error) => damage.note(device.as_str(), &error.to_string()),
                }
            }
            at = previous;
            looked += 1;
        }
    }
    Ok(conflict)
}

fn place_of_entry(by: EnteredBy) -> &'static str {
    match by {
        EnteredBy::Button => "button",
        EnteredBy::Command => "command",
    }
}

/// What a person wrote: blanks are nothing.
pub(super) fn written(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}

/// One batch on its way into the tables.
pub(super) struct BatchWrite<'a, 'b> {
    pub(super) context: &'a mut WriteContext<'b>,
    pub(super) ingest: &'a Ingest,
    pub(super) damage: &'a Damage,
    pub(super) device: i64,
    epoch: i64,
    /// The epoch's newest report.
    last: Option<LastReport>,
    /// When the report at hand was taken.
    pub(super) dated: Dated,
    /// How much was stored.
    bytes: u64,
    /// Whether something changed by which it is said how the device stands.
    pub(super) touched: bool,
    /// Calls that are open since this batch, with what the person wrote.
    called: Vec<(i64, Option<String>)>,
}

impl BatchWrite<'_, '_> {
    /// JSON that was stored; `None` when it cannot be read, which must not keep the device from reporting.
    pub(super) fn stored<T: serde::de::DeserializeOwned>(&self, what: &'static str, text: &str) -> Option<T> {
        from_json(what, text)
            .inspect_err(|error| self.damage.note(self.ingest.device.as_str(), &error.to_string()))
            .ok()
    }

    pub(super) fn received(&self) -> i64 {
        self.ingest.received.as_millisecond()
    }

    pub(super) fn dated_by(&self) -> Option<&'static str> {
        self.dated.by.map(DatedBy::word)
    }

    /// Records what is lost; operators hear of all of a batch at once.
    fn gaps(&mut self, losses: &[Loss]) -> Result<(), StoreError> {
        let Some(first) = losses.first() else { return Ok(()) };
        for loss in losses {
            self.gap(self.epoch, loss)?;
        }
        let last = losses.last().and_then(|loss| loss.last);
        let told = serde_json::json!({"first": first.first, "last": last, "words": in_words(losses)});
        self.notice("gap", first.first, &told.to_string())
    }

    /// Another epoch of the device comes, and this one was in memory only: what was not handed in of it is
    /// gone, if there was something.
    fn end_of(&mut self, in_memory_epoch: &InMemoryEpoch) -> Result<(Epoch, Loss), StoreError> {
        let loss = Loss::in_memory(in_memory_epoch.acknowledged);
        self.gap(in_memory_epoch.key, &loss)?;
        self.context.connection.execute(statements::EPOCH_ENDED, values![in_memory_epoch.key])?;
        let told = serde_json::json!({"first": loss.first, "last": null, "words": loss.words()}).to_string();
        self.notice_of(&in_memory_epoch.epoch, "gap", loss.first, &told)?;
        Ok((in_memory_epoch.epoch.clone(), loss))
    }

    fn gap(&mut self, epoch: i64, loss: &Loss) -> Result<(), StoreError> {
        let reason = serde_json::to_value(loss.reason).unwrap_or_default();
        self.context.connection.execute(
            statements::ADD_GAP,
            values![
                self.device,
                epoch,
                to_integer(loss.first),
                loss.last.map(to_integer),
                self.received(),
                reason.as_str().unwrap_or("other"),
                to_json("count of lost reports", &loss.kinds)?
            ],
        )?;
        Ok(())
    }

    /// Stores one report with its effects; the key of its row.
    fn report(&mut self, report: &Report) -> Result<i64, StoreError> {
        let key = self.context.places.next_key(self.context.connection)?;
        let (dated, previous) = (self.dated.at.as_millisecond(), self.last.map(|last| last.key));
        let body = to_json("report", report)?;
        self.bytes += u64::try_from(body.len()).unwrap_or(u64::MAX);
        self.context.later(
            &statements::ADD_REPORT,
            values![
                key,
                self.device,
                self.epoch,
                to_integer(report.sequence),
                report.body.kind(),
                self.received(),
                previous,
                body,
                dated,
                self.dated_by(),
                self.ingest.batch.next_within_seconds
            ],
        )?;
        self.last = Some(LastReport { key, dated });
        match &report.body {
            ReportBody::Started(started) => {
                self.context.connection.execute(
                    statements::SET_STARTED,
                    values![self.device, started.model, started.agent_version, started.volatile_state],
                )?;
                self.touched = true;
                if let Some(standing) = &started.standing_alerts {
                    self.standing(report, standing)?;
                }
            }
            ReportBody::AlertRaised { alert } => self.raise(report, alert)?,
            ReportBody::AlertCleared { alert_id, description } => {
                self.clear(report, alert_id, description)?;
            }
            ReportBody::AlertsStanding { standing_alerts, alerts } => {
                self.standing(report, standing_alerts)?;
                for alert in alerts {
                    self.raise(report, alert)?;
                }
            }
            ReportBody::ServiceCall(call) => self.service_call(report, key, call)?,
            ReportBody::Order(order) => self.order(report, key, order)?,
            ReportBody::Replacement(replacement) => self.replacement(report, key, replacement)?,
            ReportBody::Outcome(outcome) => self.outcome(outcome)?,
            ReportBody::OutboxReplaced(replaced) => {
                self.notice("outbox_replaced", report.sequence, &to_json("outbox", replaced)?)?;
            }
            ReportBody::Program { program } => {
                program_told(self.context.connection, self.device, program, self.ingest.received)?;
            }
            ReportBody::Utilisation(_) | ReportBody::Readings(_) => {}
        }
        Ok(key)
    }

    fn service_call(&mut self, report: &Report, key: i64, call: &ServiceCall) -> Result<(), StoreError> {
        let id = call.call_id.as_ref().map(ServiceCallId::as_str);
        let presses = call.presses.unwrap_or(1);
        let ago = i64::from(call.last_press_seconds_ago.unwrap_or_default()) * 1000;
        let last_press = call.presses.map(|_| self.dated.at.as_millisecond().saturating_sub(ago));
        let added: Option<i64> = self.context.connection.one(
            statements::ADD_SERVICE_CALL,
            values![
                self.device,
                id,
                key,
                self.received(),
                report.simulated,
                place_of_entry(call.entered_by),
                written(call.message.as_deref()),
                presses,
                last_press
            ],
            |row| row.get(0),
        )?;
        self.touched = true;
        if let Some(key) = added {
            return self.opened_call(report, key, call);
        }
        let again = values![self.device, id, presses, last_press];
        let reopened: Option<i64> =
            self.context.connection.one(statements::REOPEN_CALL, again, |row| row.get(0))?;
        self.context.connection.execute(statements::COUNT_PRESSES, again)?;
        reopened.map_or(Ok(()), |key| self.opened_call(report, key, call))
    }

    /// A call is open from now on: people are told, and the rest is found out behind the last report of the batch.
    fn opened_call(&mut self, report: &Report, key: i64, call: &ServiceCall) -> Result<(), StoreError> {
        self.called.push((key, written(call.message.as_deref()).map(str::to_owned)));
        let told = CallNotice {
            service_call: key,
            state: ServiceCallState::Open,
            message: written(call.message.as_deref()),
            by: None,
            technician: None,
            words: None,
        };
        self.notice("service_call", report.sequence, &to_json("service call", &told)?)
    }

    fn replacement(
        &mut self,
        report: &Report,
        key: i64,
        replacement: &Replacement,
    ) -> Result<(), StoreError> {
        let body = to_json("replacement", replacement)?;
        let Stamp { boot_id, monotonic_ms, .. } = &report.taken;
        let origin = format!("{boot_id}/{monotonic_ms}/{}", replacement.subject);
        let added = self.context.connection.execute(
            statements::ADD_REPLACEMENT,
            values![self.device, origin, key, self.received(), report.simulated, body],
        )?;
        if added == 0 {
            return Ok(());
        }
        self.notice("replacement", report.sequence, &body)?;
        self.fitted(report.sequence, replacement, &origin)
    }

    fn outcome(&mut self, outcome: &Outcome) -> Result<(), StoreError> {
        let reason = match &outcome.result {
            OutcomeResult::Failed { reason } | OutcomeResult::Refused { reason } => Some(reason),
            OutcomeResult::Done | OutcomeResult::Expired => None,
        };
        let ended = self.context.connection.execute(
            statements::FINISH_COMMAND,
            values![
                self.device,
                outcome.command_id.as_str(),
                CommandState::of(&outcome.result).word(),
                self.received(),
                reason
            ],
        )?;
        if ended == 0 {
            return Ok(());
        }
        let state = CommandState::of(&outcome.result).word();
        let ended = (state, reason.map(String::as_str));
        profile_applications::command_ended(
            self.context.connection,
            &outcome.command_id,
            ended,
            self.ingest.received,
        )
    }

    /// What an operator must hear, in the same transaction; its origin makes it unique.
    pub(super) fn notice(&mut self, kind: &str, sequence: u64, body: &str) -> Result<(), StoreError> {
        self.notice_of(&self.ingest.batch.epoch, kind, sequence, body)
    }

    fn notice_of(&self, epoch: &Epoch, kind: &str, sequence: u64, body: &str) -> Result<(), StoreError> {
        self.write_notice(&self.origin(epoch, sequence, kind), kind, body)
    }

    pub(super) fn origin(&self, epoch: &Epoch, sequence: u64, kind: &str) -> String {
        format!("{}/{}/{sequence}/{kind}", self.ingest.device, epoch.as_str())
    }

    pub(super) fn write_notice(&self, origin: &str, kind: &str, body: &str) -> Result<(), StoreError> {
        self.context
            .connection
            .execute(statements::ADD_NOTICE, values![origin, self.device, kind, self.received(), body])?;
        Ok(())
    }
}
