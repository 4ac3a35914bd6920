//! Up: what a device says to its manager.
//!
//! A device is known by its certificate, never by what stands in a body. The pair of
//! [`Epoch`] and sequence names a report for ever: handing one in twice has no further effect.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::identity::{AlertId, CommandId, Epoch};
use crate::readings::Readings;
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
    /// In rising sequence.
    pub reports: Vec<Report>,
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

/// What a report tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", try_from = "crate::flat_body::FlatBody")]
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
    /// A person at the device asks for service (an instruction report).
    ServiceCall(ServiceCall),
    /// The utilisation state, at its interval.
    Utilisation(Utilisation),
    /// The readings, because they changed or because a person asked.
    Readings(ReadingsReport),
    /// How a command ended.
    Outcome(Outcome),
}

impl ReportBody {
    /// The kind, as on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Started(_) => "started",
            Self::AlertRaised { .. } => "alert_raised",
            Self::AlertCleared { .. } => "alert_cleared",
            Self::ServiceCall(_) => "service_call",
            Self::Utilisation(_) => "utilisation",
            Self::Readings(_) => "readings",
            Self::Outcome(_) => "outcome",
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
}

/// How a service call was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EnteredBy {
    /// With the button on the printer.
    Button,
    /// With the command on the controller.
    Command,
}

/// A person at the device asks for service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServiceCall {
    /// Where it was entered.
    pub entered_by: EnteredBy,
    /// What the person wrote, if anything; at most [`crate::limits::MAX_MESSAGE_CHARS`].
    pub message: Option<String>,
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
