//! What the store hands out: rows with their texts read and their times dated.

use jiff::Timestamp;
use platen_protocol::alert::Alert;
use platen_protocol::device_to_manager::{Activity, OutcomeResult, Report, ReportBody};
use platen_protocol::identity::{CommandId, DeviceId, Epoch};
use platen_protocol::manager_to_device::{Action, Command};
use platen_protocol::readings::Readings;
use platen_protocol::stamp::Stamp;
use serde::{Deserialize, Serialize};

use super::columns::{RETIRED, level};
use super::engine::Row;
use super::{StoreError, from_integer, from_json, to_time};
use crate::ingest::Loss;
use crate::ingest::date::Dated;
use crate::worst::Worst;

/// Commands that may wait for one device.
pub const MAX_OPEN_COMMANDS: u32 = 200;

/// Programs that may be offered to one device at once.
pub(super) const MAX_OFFERS: u32 = 20;

/// One device, as it was last heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRecord {
    /// Its key in the store.
    pub key: i64,
    /// The name with which it enrolled.
    pub id: DeviceId,
    /// The serial number of the certificate that it was given last, in hexadecimal digits.
    pub certificate_serial: String,
    /// When the certificate in use expires.
    pub certificate_expires: Timestamp,
    /// When it enrolled last.
    pub enrolled: Timestamp,
    /// What printer it is in, once it has said so.
    pub model: Option<String>,
    /// What agent it runs, once it has said so.
    pub agent_version: Option<String>,
    /// Whether its latest readings came from a simulated board.
    pub simulated: bool,
    /// The latest readings; none before the first report that carries them.
    pub readings: Option<Readings>,
    /// When they were taken, by the device's clock.
    pub readings_taken: Option<Stamp>,
    /// When the latest readings arrived, by the manager's clock.
    pub readings_received: Option<Timestamp>,
    /// What the printer did lately, as it was last told.
    pub activity: Option<ActivityRecord>,
    /// The last contact that has been flushed: up to a flush older than the truth.
    pub last_contact: Option<Timestamp>,
    /// The IP address of that contact.
    pub remote: Option<String>,
    /// What its agent's state directory is on, where what is written there does not outlive a restart.
    pub volatile_state: Option<String>,
    /// What of it cannot be read, if that is so; it is then missing above or in a list.
    pub damaged: Option<String>,
    /// How it stands.
    pub state: DeviceState,
}

/// How a device stands now, as the columns of the fleet have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that is so or not")]
pub struct DeviceState {
    /// The worst that is the matter.
    pub worst: Worst,
    /// Whether it is out of service.
    pub retired: bool,
    /// Open alerts that stop the printer.
    pub critical: u32,
    /// Open alerts of what has happened and does not stop it.
    pub warnings: u32,
    /// Open alerts of what may happen.
    pub forecasts: u32,
    /// Service calls that are open.
    pub service_calls: u32,
    /// Orders that are neither delivered nor cancelled.
    pub orders: u32,
    /// What watches found and is not over, apart from that it is away.
    pub watches: u32,
    /// Whether it is away for so long that somebody should look after it.
    pub overdue: bool,
    /// Whether it is out of contact, or was never in contact.
    pub away: bool,
    /// Percent that is left of its lowest supply, waste boxes apart; none where no level is known.
    pub lowest_percent: Option<u8>,
    /// Whether one of those is at or below its set value.
    pub low_supply: bool,
    /// Where it stands, as operators say.
    pub place: Option<String>,
    /// Whose it is, by the customer's key.
    pub customer: Option<i64>,
    /// At which site, by its key.
    pub site: Option<i64>,
}

/// What a printer did in a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityRecord {
    /// When the report of it came in: about the end of the stretch.
    pub received: Timestamp,
    /// What it did.
    pub activity: Activity,
}

/// A contact that is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRecord {
    /// Whose contact.
    pub device: DeviceId,
    /// By the manager's clock.
    pub last_contact: Timestamp,
    /// The IP address that it came from.
    pub remote: String,
}

/// One report, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRecord {
    /// Rises with arrival: its place in the list.
    pub key: i64,
    /// Whose it is.
    pub device: DeviceId,
    /// Of which life of the outbox.
    pub epoch: Epoch,
    /// When it arrived, by the manager's clock.
    pub received: Timestamp,
    /// When it was taken at the device.
    pub dated: Dated,
    /// As the device sent it.
    pub report: Report,
}

/// One alert, open or cleared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRecord {
    /// Rises with arrival: its place in the list.
    pub key: i64,
    /// Whose it is.
    pub device: DeviceId,
    /// When the report of it came in.
    pub raised: Timestamp,
    /// When the report of its end came in.
    pub cleared: Option<Timestamp>,
    /// When it arose at the device.
    pub raised_dated: Dated,
    /// When it ended at the device; none while it is open.
    pub cleared_dated: Option<Dated>,
    /// Why it counts as cleared, for people; none while it is open.
    pub cleared_because: Option<String>,
    /// Whether it came from a simulated board.
    pub simulated: bool,
    /// The condition.
    pub alert: Alert,
}

/// How far a command has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommandState {
    /// It has not been handed to the device yet.
    Waiting,
    /// It was handed to the device, whose outcome has not arrived.
    Delivered,
    /// The device carried it out.
    Done,
    /// The device tried and failed; `reason` says why.
    Failed,
    /// The device does not do such a thing; `reason` says why.
    Refused,
    /// It expired before the device carried it out.
    Expired,
}

impl CommandState {
    /// The end that a device reports.
    pub const fn of(result: &OutcomeResult) -> Self {
        match result {
            OutcomeResult::Done => Self::Done,
            OutcomeResult::Failed { .. } => Self::Failed,
            OutcomeResult::Refused { .. } => Self::Refused,
            OutcomeResult::Expired => Self::Expired,
        }
    }

    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }
}

/// One command, with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRecord {
    /// Rises with the order in which they were given: its place in the list.
    pub key: i64,
    /// For which device.
    pub device: DeviceId,
    /// As the device is told it.
    pub command: Command,
    /// Which operator asked.
    pub issued_by: String,
    /// How far it has got.
    pub state: CommandState,
    /// When it was first handed to the device.
    pub delivered: Option<Timestamp>,
    /// When its outcome arrived, or it expired; none until then.
    pub finished: Option<Timestamp>,
    /// In the device's words; none unless it failed or was refused.
    pub reason: Option<String>,
}

/// Reports that a device lost before it could hand them in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapRecord {
    /// Of which life of the outbox.
    pub epoch: Epoch,
    /// What is lost, and why.
    pub loss: Loss,
    /// When the manager noticed the gap.
    pub recorded: Timestamp,
}

pub(super) fn word<T: serde::de::DeserializeOwned>(
    what: &'static str,
    word: String,
) -> Result<T, StoreError> {
    let value = serde_json::Value::String(word.clone());
    serde_json::from_value(value).or(Err(StoreError::Word { what, word }))
}

pub(super) fn id<T: TryFrom<String>>(what: &'static str, text: String) -> Result<T, StoreError> {
    T::try_from(text.clone()).or(Err(StoreError::Word { what, word: text }))
}

pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Timestamp, StoreError> {
    to_time(row.get(column)?)
}

pub(super) fn time_if_any(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>, StoreError> {
    row.get::<Option<i64>>(column)?.map(to_time).transpose()
}

/// A date in two columns; what has none is dated by when it came in.
pub(super) fn dated(row: &Row<'_>, column: usize, received: Timestamp) -> Result<Dated, StoreError> {
    let by: Option<String> = row.get(column + 1)?;
    match time_if_any(row, column)? {
        Some(at) => Ok(Dated { at, by: by.map(|by| word("way of dating", by)).transpose()? }),
        None => Ok(Dated { at: received, by: None }),
    }
}

/// The JSON in a column, if there is any.
fn json_in<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    column: usize,
    what: &'static str,
) -> Result<Option<T>, StoreError> {
    row.get::<Option<String>>(column)?.map(|text| from_json(what, &text)).transpose()
}

/// What is there, unless it cannot be read: then why, if nothing before it was damaged.
fn unless_damaged<T>(damaged: &mut Option<String>, read: Result<Option<T>, StoreError>) -> Option<T> {
    read.unwrap_or_else(|error| {
        damaged.get_or_insert(error.to_string());
        None
    })
}

fn activity_in(report: &Report) -> Option<&Activity> {
    match &report.body {
        ReportBody::Utilisation(utilisation) => utilisation.activity.as_ref(),
        _ => None,
    }
}

impl DeviceState {
    /// Columns: worst, critical, warnings, forecasts, service calls, orders, watches, overdue, away, lowest, low, place,
    /// customer, site.
    fn from_row(row: &Row<'_>, at: usize) -> Result<Self, StoreError> {
        let rank: i64 = row.get(at)?;
        Ok(Self {
            // A rank that is not known yet is worked out before anybody asks.
            worst: Worst::of_rank(rank).unwrap_or(Worst::Fine),
            retired: rank == RETIRED,
            critical: row.get(at + 1)?,
            warnings: row.get(at + 2)?,
            forecasts: row.get(at + 3)?,
            service_calls: row.get(at + 4)?,
            orders: row.get(at + 5)?,
            watches: row.get(at + 6)?,
            overdue: row.get(at + 7)?,
            away: row.get(at + 8)?,
            lowest_percent: level(row.get(at + 9)?),
            low_supply: row.get(at + 10)?,
            place: Some(row.get::<String>(at + 11)?).filter(|place| !place.is_empty()),
            customer: row.get(at + 12)?,
            site: row.get(at + 13)?,
        })
    }
}

impl DeviceRecord {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        // What cannot be read is unknown; the device is shown all the same, and as damaged.
        let mut damaged = None;
        let report: Option<Report> = unless_damaged(&mut damaged, json_in(row, 10, "report"));
        let readings = unless_damaged(&mut damaged, json_in(row, 8, "readings"))
            .or_else(|| report.as_ref().and_then(|report| report.body.readings()).cloned());
        let told: Option<Report> = unless_damaged(&mut damaged, json_in(row, 12, "report"));
        let activity = unless_damaged(&mut damaged, time_if_any(row, 11))
            .zip(told.as_ref().or(report.as_ref()).and_then(activity_in))
            .map(|(received, activity)| ActivityRecord { received, activity: activity.clone() });
        Ok(Self {
            key: row.get(14)?,
            id: id("device", row.get(0)?)?,
            state: DeviceState::from_row(row, 15)?,
            certificate_serial: row.get(1)?,
            certificate_expires: time(row, 2)?,
            enrolled: time(row, 3)?,
            model: row.get(4)?,
            agent_version: row.get(5)?,
            simulated: report.as_ref().is_some_and(|report| report.simulated),
            readings,
            activity,
            readings_taken: report.map(|report| report.taken),
            readings_received: unless_damaged(&mut damaged, time_if_any(row, 9)),
            last_contact: unless_damaged(&mut damaged, time_if_any(row, 6)),
            remote: row.get(7)?,
            volatile_state: row.get(13)?,
            damaged,
        })
    }
}

impl ReportRecord {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let body: String = row.get(4)?;
        Ok(Self {
            key: row.get(0)?,
            device: id("device", row.get(1)?)?,
            epoch: id("epoch", row.get(2)?)?,
            received: time(row, 3)?,
            dated: dated(row, 5, time(row, 3)?)?,
            report: from_json("report", &body)?,
        })
    }
}

impl AlertRecord {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let body: String = row.get(6)?;
        Ok(Self {
            key: row.get(0)?,
            device: id("device", row.get(1)?)?,
            raised: time(row, 2)?,
            cleared: time_if_any(row, 3)?,
            raised_dated: dated(row, 7, time(row, 2)?)?,
            cleared_dated: time_if_any(row, 3)?.map(|cleared| dated(row, 9, cleared)).transpose()?,
            cleared_because: row.get(4)?,
            simulated: row.get(5)?,
            alert: from_json("alert", &body)?,
        })
    }
}

impl CommandRecord {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let command: CommandId = id("command", row.get(2)?)?;
        let action: String = row.get(3)?;
        let action: Action = from_json("action", &action)?;
        let issued_by: String = row.get(5)?;
        Ok(Self {
            key: row.get(0)?,
            device: id("device", row.get(1)?)?,
            command: Command {
                id: command,
                issued: time(row, 4)?,
                expires: time(row, 6)?,
                action,
                issued_by: Some(issued_by.clone()),
            },
            issued_by,
            state: word("state of a command", row.get(7)?)?,
            delivered: time_if_any(row, 8)?,
            finished: time_if_any(row, 9)?,
            reason: row.get(10)?,
        })
    }
}

/// By the columns of the first and the last sequence, the reason and the kinds.
pub(super) fn from_loss(row: &Row<'_>, [first, last, reason, kinds]: [usize; 4]) -> Result<Loss, StoreError> {
    Ok(Loss {
        first: from_integer(row.get(first)?),
        last: row.get::<Option<i64>>(last)?.map(from_integer),
        reason: word("reason of a loss", row.get(reason)?)?,
        kinds: from_json("count of lost reports", &row.get::<String>(kinds)?)?,
    })
}

impl GapRecord {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            epoch: id("epoch", row.get(7)?)?,
            loss: from_loss(row, [2, 3, 5, 6])?,
            recorded: time(row, 4)?,
        })
    }
}
