//! Rows about service calls, with their texts read.

use jiff::Timestamp;
use platen_protocol::device_to_manager::EnteredBy;
use platen_protocol::identity::{CommandId, DeviceId, ServiceCallId};
use serde::{Deserialize, Serialize};

use super::super::engine::Row;
use super::super::records::{CommandState, dated, id, time, time_if_any, word};
use super::super::{StoreError, from_json};
use super::snapshot::Snapshot;
use crate::ingest::date::Dated;

/// Kinds of parts that are written down as used for one call.
pub const MAX_PARTS_USED: usize = 50;

/// How far people have dealt with a service call. Every state can follow every other: people correct mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceCallState {
    /// Nobody at the desk has looked at it.
    #[serde(alias = "new")]
    Open,
    /// Somebody at the desk has seen it.
    Seen,
    /// A technician is to go there.
    Dispatched,
    /// The technician is on the way.
    OnTheWay,
    /// The technician is at the device.
    AtDevice,
    /// It is finished.
    #[serde(alias = "handled")]
    Done,
    /// Nothing is done about it.
    Cancelled,
}

impl ServiceCallState {
    /// All of them, in their usual order.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Seen,
        Self::Dispatched,
        Self::OnTheWay,
        Self::AtDevice,
        Self::Done,
        Self::Cancelled,
    ];

    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Seen => "seen",
            Self::Dispatched => "dispatched",
            Self::OnTheWay => "on_the_way",
            Self::AtDevice => "at_device",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether somebody still has to do something.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Done | Self::Cancelled)
    }

    /// Whether it is somebody's to go there.
    pub const fn is_sent(self) -> bool {
        matches!(self, Self::Dispatched | Self::OnTheWay | Self::AtDevice)
    }
}

/// Parts that were used for a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartUsed {
    /// Its number, or what it is.
    #[schema(min_length = 1, max_length = 100)]
    pub part: String,
    /// How many.
    #[schema(minimum = 1, maximum = 999)]
    pub quantity: u16,
}

/// How the device was told that somebody is on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSignal {
    /// The command.
    pub command: CommandId,
    /// How far it got; none where it is kept no more.
    pub state: Option<CommandState>,
    /// Why it failed or was refused, in the device's words.
    pub reason: Option<String>,
    /// When its outcome came.
    pub finished: Option<Timestamp>,
}

/// One service call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceCallRecord {
    /// Its place in the list, and its name.
    pub key: i64,
    /// Whose it is.
    pub device: DeviceId,
    /// When it arrived, by the manager's clock.
    pub received: Timestamp,
    /// When it was entered.
    pub dated: Dated,
    /// Whether it came from a simulated board.
    pub simulated: bool,
    /// Where the person at the device entered it; none where it was opened at the desk.
    pub entered_by: Option<EnteredBy>,
    /// What the person wrote; none by the button.
    pub message: Option<String>,
    /// What has become of it.
    pub state: ServiceCallState,
    /// When an operator last changed the state; none while nobody has.
    pub changed: Option<Timestamp>,
    /// The operator who did.
    pub changed_by: Option<String>,
    /// How often it was made while it was open, the first time included.
    pub presses: u32,
    /// When it was last, if more than once.
    pub last_press: Option<Timestamp>,
    /// Rises with everything that is done to it.
    pub version: i64,
    /// The operator who opened it at the desk.
    pub opened_by: Option<String>,
    /// The key of the alert that it was opened from.
    pub alert: Option<i64>,
    /// Who goes there.
    pub technician: Option<String>,
    /// What was done.
    pub work: Option<String>,
    /// Which parts were used.
    pub parts: Vec<PartUsed>,
    /// Its number in another system.
    pub ticket: Option<String>,
    /// Until when somebody is to answer.
    pub answer_due: Option<Timestamp>,
    /// Until when the machine is to be repaired.
    pub repair_due: Option<Timestamp>,
    /// When somebody answered.
    pub answered: Option<Timestamp>,
    /// When it was done or cancelled.
    pub closed: Option<Timestamp>,
    /// The name that the device gave it; a first version of the agent gave none.
    pub name: Option<ServiceCallId>,
    /// How the device was told that somebody is on the way.
    pub signal: Option<CallSignal>,
}

impl ServiceCallRecord {
    /// Columns: see [`super::super::statements::SERVICE_CALLS`].
    pub(in crate::store) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let parts: Option<String> = row.get(18)?;
        let command: Option<String> = row.get(24)?;
        let entered: Option<String> = row.get(4)?;
        let signal = command.map(|command| -> Result<_, StoreError> {
            let state: Option<String> = row.get(25)?;
            Ok(CallSignal {
                command: id("command", command)?,
                state: state.map(|state| word("state of a command", state)).transpose()?,
                reason: row.get(26)?,
                finished: time_if_any(row, 27)?,
            })
        });
        Ok(Self {
            key: row.get(0)?,
            device: id("device", row.get(1)?)?,
            received: time(row, 2)?,
            dated: dated(row, 9, time(row, 2)?)?,
            simulated: row.get(3)?,
            entered_by: entered.map(|entered| word("place of entry", entered)).transpose()?,
            message: row.get(5)?,
            state: word("state of a service call", row.get(6)?)?,
            changed: time_if_any(row, 7)?,
            changed_by: row.get(8)?,
            presses: row.get(11)?,
            last_press: time_if_any(row, 12)?,
            version: row.get(13)?,
            opened_by: row.get(14)?,
            alert: row.get(15)?,
            technician: row.get(16)?,
            work: row.get(17)?,
            parts: parts.map_or(Ok(Vec::new()), |text| from_json("list of parts", &text))?,
            ticket: row.get(19)?,
            answer_due: time_if_any(row, 20)?,
            repair_due: time_if_any(row, 21)?,
            answered: time_if_any(row, 22)?,
            closed: time_if_any(row, 23)?,
            name: row.get::<Option<String>>(28)?.map(|name| id("service call", name)).transpose()?,
            signal: signal.transpose()?,
        })
    }
}

/// One service call, with how the machine was when it was opened.
#[derive(Debug, Clone, PartialEq)]
pub struct CallDetail {
    /// The call.
    pub call: ServiceCallRecord,
    /// Whose the device is: the customer's key and name.
    pub customer: Option<(i64, String)>,
    /// Where it stands: the site's name, its address, and the place there.
    pub site: Option<String>,
    /// Where the site is.
    pub address: Option<String>,
    /// Where the device stands there.
    pub place: Option<String>,
    /// What of it is due next, in milliseconds.
    pub(super) due: i64,
    /// How the machine was; none of calls from before that was kept, or where it cannot be read.
    pub snapshot: Option<Snapshot>,
}

/// What was done with a service call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallWhat {
    /// It was opened, at the device or at the desk, for the first time or again.
    Opened,
    /// It got another state, or another technician.
    Moved,
    /// Somebody wrote something.
    Commented,
    /// It got a number in another system.
    Ticketed,
}

impl CallWhat {
    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Moved => "moved",
            Self::Commented => "commented",
            Self::Ticketed => "ticketed",
        }
    }
}

/// One thing that was done with a service call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct CallEntry {
    /// Its place in the history.
    #[serde(skip)]
    pub key: i64,
    /// When.
    pub at: Timestamp,
    /// The operator who did it; `null` for a person at the device.
    pub who: Option<String>,
    /// What was done.
    pub what: CallWhat,
    /// The state that the call had from then on.
    pub state: ServiceCallState,
    /// The technician, where one was named.
    pub technician: Option<String>,
    /// What the person wrote; of a ticket, its number.
    pub words: Option<String>,
}

impl CallEntry {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            at: time(row, 1)?,
            who: row.get(2)?,
            what: word("act", row.get(3)?)?,
            state: word("state of a service call", row.get(4)?)?,
            technician: row.get(5)?,
            words: row.get(6)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_and_those_of_before_are_still_understood() {
        for state in ServiceCallState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
        for what in [CallWhat::Opened, CallWhat::Moved, CallWhat::Commented, CallWhat::Ticketed] {
            assert_eq!(serde_json::to_value(what).unwrap(), what.word());
        }
        let read = |word: &str| serde_json::from_value::<ServiceCallState>(word.into()).unwrap();
        assert_eq!((read("new"), read("handled")), (ServiceCallState::Open, ServiceCallState::Done));
    }
}
