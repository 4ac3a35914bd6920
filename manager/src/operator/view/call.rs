//! A service call, as operators see it.

use jiff::Timestamp;
use platen_protocol::device_to_manager::EnteredBy;
use platen_protocol::identity::{CommandId, DeviceId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::agreement::Kept;
use crate::ingest::date::Dated;
use crate::store::{CommandState, PartUsed, ServiceCallRecord, ServiceCallState};

/// A time of the service agreement.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(in super::super) struct TimeView {
    /// Until when it was agreed.
    pub(in super::super) due: Timestamp,
    /// When it was done; `null` until then.
    pub(in super::super) done: Option<Timestamp>,
    /// Whether that is in time.
    pub(in super::super) kept: Kept,
}

/// How the device was told that a technician is on the way: it lights its lamp.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct SignalView {
    /// Random identifier of the command.
    pub(in super::super) command: CommandId,
    /// How far it has got; `null` where it is kept no more.
    pub(in super::super) state: Option<CommandState>,
    /// Why it failed or was refused, in the device's words; otherwise `null`.
    pub(in super::super) reason: Option<String>,
    /// When its outcome arrived, or it expired; `null` until then.
    pub(in super::super) finished: Option<Timestamp>,
}

/// A service call: a person at the printer, or somebody at the desk, asks for service.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ServiceCallView {
    /// Number of the service call at this manager, used in its address.
    pub(in super::super) id: i64,
    /// The device's name, as it enrolled.
    pub(in super::super) device: DeviceId,
    /// When the manager received it, by the manager's clock.
    pub(in super::super) received: Timestamp,
    /// When the person entered it, as well as the manager can tell.
    pub(in super::super) dated: Dated,
    /// `true` when it is about a simulated board, not about a real printer.
    pub(in super::super) simulated: bool,
    /// Where the person entered it: the button on the printer, or the command on its controller; `null` when it was opened at the
    /// desk.
    pub(in super::super) entered_by: Option<EnteredBy>,
    /// The operator who opened it at the desk; otherwise `null`.
    pub(in super::super) opened_by: Option<String>,
    /// `id` of the alert that it was opened from; otherwise `null`.
    pub(in super::super) alert: Option<i64>,
    /// What the person wrote; `null` without a message, as by the button.
    pub(in super::super) message: Option<String>,
    /// How often it was made while it was open, the first time included.
    pub(in super::super) presses: u32,
    /// When it was last made, if more than once; otherwise `null`.
    pub(in super::super) last_press: Option<Timestamp>,
    /// How far it has got.
    pub(in super::super) state: ServiceCallState,
    /// When an operator last changed `state`; `null` while nobody has.
    pub(in super::super) changed: Option<Timestamp>,
    /// The operator who last changed `state`; `null` while nobody has.
    pub(in super::super) changed_by: Option<String>,
    /// The operator who goes there; `null` while nobody is to.
    pub(in super::super) technician: Option<String>,
    /// What was done; `null` until it is done, and where nobody wrote it down.
    pub(in super::super) work: Option<String>,
    /// Which parts were used.
    pub(in super::super) parts: Vec<PartUsed>,
    /// Its number in another system; `null` without one.
    pub(in super::super) ticket: Option<String>,
    /// How soon somebody had to answer; `null` where nothing was agreed about that.
    pub(in super::super) answer: Option<TimeView>,
    /// How soon the machine had to be repaired; `null` where nothing was agreed about that.
    pub(in super::super) repair: Option<TimeView>,
    /// Whether it is open and something that was agreed is late.
    pub(in super::super) overdue: bool,
    /// When it was done or cancelled; `null` while it is open.
    pub(in super::super) closed: Option<Timestamp>,
    /// How the device was told that the technician is on the way; `null` where it was not.
    pub(in super::super) signal: Option<SignalView>,
    /// Rises with everything that is done to it; its `ETag`.
    pub(in super::super) version: i64,
}

impl ServiceCallView {
    /// At a moment: whether something is late follows from it.
    pub(in super::super) fn new(record: ServiceCallRecord, now: Timestamp) -> Self {
        let (state, closed) = (record.state, record.closed);
        let cancelled = state == ServiceCallState::Cancelled;
        let time = |due: Option<Timestamp>, done: Option<Timestamp>| {
            let due = due?;
            Some(TimeView { due, done, kept: Kept::of(due, done, cancelled, now) })
        };
        let answer = time(record.answer_due, record.answered);
        let repair = time(record.repair_due, closed.filter(|_| state == ServiceCallState::Done));
        let late = |time: Option<TimeView>| time.is_some_and(|time| time.done.is_none() && now > time.due);
        let signal = record.signal.map(|signal| SignalView {
            command: signal.command,
            state: signal.state,
            reason: signal.reason,
            finished: signal.finished,
        });
        Self {
            id: record.key,
            device: record.device,
            received: record.received,
            dated: record.dated,
            simulated: record.simulated,
            entered_by: record.entered_by,
            opened_by: record.opened_by,
            alert: record.alert,
            message: record.message,
            presses: record.presses,
            last_press: record.last_press,
            state,
            changed: record.changed,
            changed_by: record.changed_by,
            technician: record.technician,
            work: record.work,
            parts: record.parts,
            ticket: record.ticket,
            answer,
            repair,
            overdue: state.is_open() && (late(answer) || late(repair)),
            closed,
            signal,
            version: record.version,
        }
    }

    /// Whether nobody has looked at it.
    pub(in super::super) fn is_new(&self) -> bool {
        self.state == ServiceCallState::Open
    }

    /// Whether somebody still has to do something.
    pub(in super::super) fn is_open(&self) -> bool {
        self.state.is_open()
    }

    /// What stands in its `ETag`.
    pub(in super::super) fn etag(&self) -> String {
        format!("\"{}\"", self.version)
    }
}
