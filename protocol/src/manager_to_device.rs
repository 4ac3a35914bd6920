//! Down: what a manager answers. The manager never begins a conversation; all of this rides on the
//! reply to a report.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::identity::{CommandId, Epoch, OrderId, ServiceCallId};

/// The answer to `POST /v1/reports`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reply {
    /// [`crate::VERSION`].
    pub version: u16,
    /// The manager's clock when it answered.
    pub manager_time: Timestamp,
    /// What the manager holds for good.
    pub acknowledged: Acknowledged,
    /// The manager is being restarted: an idle device comes back after a random part of so many seconds,
    /// so that a fleet does not come back as one. What is new is sent at once all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_seconds: Option<u32>,
    /// What people at the device asked for and operators have not seen to yet. A first version of the manager
    /// does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<OpenRequests>,
    /// A program may wait for the device: it asks now, and not at its interval. A hint, which is free to repeat.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub programs: bool,
    /// Everything that waits for the device, oldest first. A command is repeated until its outcome
    /// has arrived.
    pub commands: Vec<Command>,
}

/// What is open at the manager of all that the device has handed in: calls that are not handled, orders that are
/// neither delivered nor cancelled. An order that is not among them no longer stands in the way of another one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpenRequests {
    /// The newest, at most [`crate::limits::MAX_OPEN_PER_REPLY`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_calls: Vec<ServiceCallId>,
    /// The newest, at most [`crate::limits::MAX_OPEN_PER_REPLY`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<OrderId>,
    /// How it stands with those calls that somebody at the service centre has done something with. A manager of before does
    /// not tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub standings: Vec<CallStanding>,
}

/// How it stands with an open call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallStanding {
    /// The call, by the name that the device gave it.
    pub service_call: ServiceCallId,
    /// How far it has got.
    pub state: CallState,
    /// Who goes there, if somebody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technician: Option<String>,
}

/// How far an open call has got at the service centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Somebody has seen it.
    Seen,
    /// A technician is to come.
    Dispatched,
    /// The technician is on the way.
    OnTheWay,
    /// The technician is there.
    AtDevice,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What the manager holds for good: every report of the epoch up to and with the sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Acknowledged {
    /// The epoch of the batch.
    pub epoch: Epoch,
    /// 0 when there is none yet.
    pub sequence: u64,
}

/// What the service centre asks of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Command {
    /// Made by the manager; the device acts on it once.
    pub id: CommandId,
    /// When the operator asked.
    pub issued: Timestamp,
    /// After this it is not to be tried any more.
    pub expires: Timestamp,
    /// What to do.
    pub action: Action,
    /// The operator who asked, for the person at the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_by: Option<String>,
}

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Read every chip and line now, and report it.
    ReadNow,
    /// Change settings: all of them, or none when one cannot be.
    Set {
        /// The new values by the names of [`crate::settings::SettingKey`], in the unit that each name ends
        /// with; at most [`crate::limits::MAX_SETTINGS_PER_COMMAND`]. A name that the device does not know
        /// is refused with an outcome, so it is read as text.
        settings: BTreeMap<String, u32>,
    },
    /// Take settings back to what the device's own files say.
    Reset {
        /// Which; none means all.
        settings: Vec<String>,
    },
    /// The device is taken out of service for good: it removes its key and certificates once the manager has its
    /// outcome, and needs a new token to come back. A device that does not know this refuses it with an outcome, and is
    /// not let in any more.
    Retire,
    /// Ask now whether there is a program for the device ([`crate::programs`]).
    CheckPrograms,
    /// Somebody is on the way to the device: its lamp and its buzzer say so to whoever is there.
    TechnicianOnTheWay {
        /// The call by its name, if a person at this device made it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service_call: Option<ServiceCallId>,
        /// Who comes, for the person at the device.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        technician: Option<String>,
    },
    /// An action that this version does not know: it is refused with an outcome.
    #[serde(other)]
    Unknown,
}
