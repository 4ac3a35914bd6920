//! Up: what a device says to its manager.
//!
//! A device is known by its certificate, never by what stands in a body. The pair of
//! [`Epoch`] and sequence names a report for ever: handing one in twice has no further effect.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::identity::{AlertId, CommandId, Epoch, OrderId, ServiceCallId};
use crate::programs::ProgramReport;
use crate::readings::{PartReading, Readings, SupplyReading};
use crate::stamp::Stamp;

/// The body of `POST /v1/reports`: reports of one epoch, by rising sequence, or none (to wait for
/// commands).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReportBatch {
    /// [`crate::VERSION`].
    pub version: u16,
    /// The life of the outbox that these come from.
    pub epoch: Epoch,
    /// The lowest sequence that the outbox still holds, or would give next. What is below it and not
    /// acknowledged is lost for good, and the manager records the gap.
    pub oldest_sequence: u64,
    /// The device's clocks when it sent this: by them the manager dates what a wrong clock stamped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Stamp>,
    /// Whether the outbox of this epoch is in memory only, because the device's disk fails: what is not
    /// acknowledged when the device stops is then lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_memory: bool,
    /// The utilisation state comes again within so many seconds; what is later than that is overdue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_within_seconds: Option<u32>,
    /// Who opens the connection on the way, where a proxy of the site inspects TLS: the issuer of the
    /// certificate that it shows, at most [`crate::limits::MAX_INSPECTOR_CHARS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inspected_by: Option<String>,
    /// Sequences above what is acknowledged that were discarded, in rising order; at most
    /// [`crate::limits::MAX_LOST_PER_BATCH`]. Reports and these together may leave no hole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Lost>,
    /// In rising sequence.
    pub reports: Vec<Report>,
}

/// A run of reports that the device discarded before they could be handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Lost {
    /// The first sequence.
    pub first: u64,
    /// The last sequence.
    pub last: u64,
    /// How many of each kind (as in [`ReportBody::kind`]); the sum is the length of the run.
    pub kinds: BTreeMap<String, u64>,
    /// Why.
    pub reason: LostReason,
}

/// Why a report was discarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LostReason {
    /// More waited than the outbox may hold.
    OutboxFull,
    /// The manager refused it, again and again.
    Refused,
    /// What was kept could not be read any more.
    Unreadable,
    /// A reason of a later version.
    #[serde(other)]
    Other,
}

/// One report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Report {
    /// From 1, one more for each report of the epoch.
    pub sequence: u64,
    /// When what it tells was read or happened.
    pub taken: Stamp,
    /// Whether the board behind it is a simulated one.
    pub simulated: bool,
    /// What it tells.
    pub body: ReportBody,
}

/// What a report tells. It is read by `flat_body`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ReportBody {
    /// The agent began to work.
    Started(Started),
    /// A condition arose.
    AlertRaised {
        /// The condition.
        alert: Alert,
    },
    /// A condition ended.
    AlertCleared {
        /// The one that had been raised.
        alert_id: AlertId,
        /// Why it is held to have ended, in words.
        description: String,
    },
    /// Which alerts stand, after reports that told of alerts were lost: the manager ends all others.
    AlertsStanding {
        /// All of them, at most [`crate::limits::MAX_STANDING_ALERTS`].
        standing_alerts: Vec<AlertId>,
        /// These as they were raised, as far as there is room: the report that raised one may be lost.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        alerts: Vec<Alert>,
    },
    /// A person at the device asks for service (an instruction report).
    ServiceCall(ServiceCall),
    /// A person at the device orders a supply.
    Order(Order),
    /// A supply or a part was taken out and is in again, or another one is.
    Replacement(Box<Replacement>),
    /// The utilisation state, at its interval.
    Utilisation(Utilisation),
    /// The readings, because they changed or because a person asked.
    Readings(ReadingsReport),
    /// How a command ended.
    Outcome(Outcome),
    /// The outbox was lost, and this epoch begins in a new one.
    OutboxReplaced(OutboxReplaced),
    /// How far an attempt to install a program is.
    Program {
        /// The attempt.
        program: ProgramReport,
    },
}

impl ReportBody {
    /// The kind, as on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Started(_) => "started",
            Self::AlertRaised { .. } => "alert_raised",
            Self::AlertCleared { .. } => "alert_cleared",
            Self::AlertsStanding { .. } => "alerts_standing",
            Self::ServiceCall(_) => "service_call",
            Self::Order(_) => "order",
            Self::Replacement(_) => "replacement",
            Self::Utilisation(_) => "utilisation",
            Self::Readings(_) => "readings",
            Self::Outcome(_) => "outcome",
            Self::OutboxReplaced(_) => "outbox_replaced",
            Self::Program { .. } => "program",
        }
    }

    /// The readings in it, if it has them.
    pub fn readings(&self) -> Option<&Readings> {
        match self {
            Self::Started(Started { readings, .. })
            | Self::Utilisation(Utilisation { readings, .. })
            | Self::Readings(ReadingsReport { readings, .. }) => Some(readings),
            _ => None,
        }
    }
}

/// The agent began to work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Started {
    /// The agent's version.
    pub agent_version: String,
    /// The printer's model, from the board file.
    pub model: String,
    /// What the board reads at the start.
    pub readings: Readings,
    /// Which alerts stand by what the agent remembers, at most [`crate::limits::MAX_STANDING_ALERTS`]: the
    /// manager ends all others. A first version of the agent does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing_alerts: Option<Vec<AlertId>>,
    /// What the agent's state directory is on, in words, when what is written there does not outlive a
    /// restart of the controller, such as `tmpfs`; none where it does, or where the agent cannot tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volatile_state: Option<String>,
}

/// How a service call or an order was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EnteredBy {
    /// By the button on the printer.
    Button,
    /// By the command on the controller.
    Command,
}

/// A person at the device asks for service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServiceCall {
    /// Made by the device. A first version of the agent made none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<ServiceCallId>,
    /// Where it was entered.
    pub entered_by: EnteredBy,
    /// What the person wrote, if anything; at most [`crate::limits::MAX_MESSAGE_CHARS`].
    pub message: Option<String>,
    /// The call was repeated while it was open, and was made so many times by now. Without it the call is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presses: Option<u32>,
    /// With [`Self::presses`]: how long before this was taken it was repeated last, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_press_seconds_ago: Option<u32>,
}

/// A person at the device orders a supply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Order {
    /// Made by the device.
    pub id: OrderId,
    /// The supply, as it was read then.
    pub supply: SupplyReading,
    /// How many: 1 to [`crate::limits::MAX_ORDER_QUANTITY`].
    pub quantity: u16,
    /// What the person wrote, if anything; at most [`crate::limits::MAX_MESSAGE_CHARS`].
    pub note: Option<String>,
    /// Where it was entered.
    pub entered_by: EnteredBy,
    /// The person was told that the supply is ordered already, and orders it again all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// What happened to a supply or part that was out of its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReplacementKind {
    /// Another one is in its place: the serial number differs.
    Replaced,
    /// The same one was put back.
    Reseated,
}

/// A supply or a part was taken out and is in again, or another one is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Replacement {
    /// Its name on the board.
    pub subject: String,
    /// Which of the two.
    pub change: ReplacementKind,
    /// The supply that was taken out, as it was last read: what is left in it is the residue.
    pub removed_supply: Option<SupplyReading>,
    /// The supply that is in now.
    pub fitted_supply: Option<SupplyReading>,
    /// The part that was taken out, as it was last read.
    pub removed_part: Option<PartReading>,
    /// The part that is in now.
    pub fitted_part: Option<PartReading>,
}

/// The utilisation state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Utilisation {
    /// Seconds that the agent has been running.
    pub running_seconds: u64,
    /// Reads that failed since the agent began.
    pub failed_reads: u64,
    /// What the board reads.
    pub readings: Readings,
    /// What the printer did since the last such report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Activity>,
}

/// What the printer did in a stretch of time. The four states make up `seconds`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Activity {
    /// How long the stretch is.
    pub seconds: u64,
    /// Of these, ready and not printing.
    pub idle_seconds: u64,
    /// Of these, printing.
    pub printing_seconds: u64,
    /// Of these, with the engine asleep.
    pub sleeping_seconds: u64,
    /// Of these, stopped by a condition that a person must mend.
    pub error_seconds: u64,
    /// Impressions in the stretch, where the printer counts them.
    pub pages: Option<u64>,
    /// Impressions a day, over the last days.
    pub pages_per_day: Option<u32>,
    /// The range of each temperature.
    pub temperatures: Vec<TemperatureRange>,
    /// What went wrong on each bus.
    pub buses: Vec<BusErrors>,
}

/// The range of a temperature in a stretch of time, in thousandths of a degree Celsius.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TemperatureRange {
    /// The sensor's name on the board.
    pub name: String,
    /// The lowest that was read.
    pub lowest: i32,
    /// The highest that was read.
    pub highest: i32,
}

/// What went wrong on a bus in a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BusErrors {
    /// Its name on the board.
    pub name: String,
    /// Transfers that failed.
    pub failed_transfers: u64,
    /// Chips that could not be read, each time.
    pub failed_reads: u64,
    /// How often the bus was found stuck and freeing it was tried.
    pub recoveries: u64,
}

/// Why readings are sent outside the interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReadingsCause {
    /// Something changed enough to tell.
    Change,
    /// A person at the device asked.
    Person,
    /// The manager asked.
    Command,
}

/// The readings, outside the interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReadingsReport {
    /// Why now.
    pub cause: ReadingsCause,
    /// What the board reads.
    pub readings: Readings,
}

/// The outbox could not be used any more: it was set aside, and what waited in it is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutboxReplaced {
    /// What was wrong with it, in words.
    pub reason: String,
    /// The file on the device where it is kept as evidence, if it could be kept.
    pub evidence: Option<String>,
    /// The epoch that ended with it, if that could still be read.
    pub previous_epoch: Option<Epoch>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outcome {
    /// Which command.
    pub command_id: CommandId,
    /// When it ended, by the device's clock.
    pub finished: Timestamp,
    /// How.
    pub result: OutcomeResult,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum OutcomeResult {
    /// It was carried out.
    Done,
    /// It was tried and failed.
    Failed {
        /// Why, in words.
        reason: String,
    },
    /// The device does not do such a thing.
    Refused {
        /// Why, in words.
        reason: String,
    },
    /// It arrived after its time limit and was not tried.
    Expired,
}
