//! What people asked: those at devices by service calls and orders, operators by commands.

use jiff::Timestamp;
use platen_protocol::device_to_manager::EnteredBy;
use platen_protocol::identity::{CommandId, DeviceId, OrderId};
use platen_protocol::manager_to_device::Action;
use serde::Serialize;
use utoipa::ToSchema;

use super::readings::SupplyView;
use crate::ingest::date::Dated;
use crate::store::{
    CommandRecord, CommandState, OrderRecord, OrderState, ServiceCallRecord, ServiceCallState,
};

/// One service call.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ServiceCallView {
    /// Its name.
    pub(in super::super) id: i64,
    /// Whose it is.
    pub(in super::super) device: DeviceId,
    /// When it came in.
    pub(in super::super) received: Timestamp,
    /// When the person entered it.
    pub(in super::super) dated: Dated,
    /// Whether it came from a simulated board.
    pub(in super::super) simulated: bool,
    /// Where the person entered it.
    pub(in super::super) entered_by: EnteredBy,
    /// What the person wrote.
    pub(in super::super) message: Option<String>,
    /// What has become of it.
    pub(in super::super) state: ServiceCallState,
    /// When that changed.
    pub(in super::super) changed: Option<Timestamp>,
    /// Which operator changed it.
    pub(in super::super) changed_by: Option<String>,
}

/// One order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct OrderView {
    /// Its name here.
    pub(in super::super) id: i64,
    /// The name that the device gave it.
    pub(in super::super) order: OrderId,
    /// Whose it is.
    pub(in super::super) device: DeviceId,
    /// When it came in.
    pub(in super::super) received: Timestamp,
    /// When the person entered it.
    pub(in super::super) dated: Dated,
    /// Whether it came from a simulated board.
    pub(in super::super) simulated: bool,
    /// The supply, as it was read when it was ordered.
    pub(in super::super) supply: SupplyView,
    /// How many.
    pub(in super::super) quantity: u16,
    /// What the person wrote.
    pub(in super::super) note: Option<String>,
    /// Where the person entered it.
    pub(in super::super) entered_by: EnteredBy,
    /// What has become of it.
    pub(in super::super) state: OrderState,
    /// Whether somebody still has to do something.
    pub(in super::super) open: bool,
    /// When its state changed.
    pub(in super::super) changed: Option<Timestamp>,
    /// Which operator changed it.
    pub(in super::super) changed_by: Option<String>,
}

/// One command.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct CommandView {
    /// Its name.
    pub(in super::super) id: CommandId,
    /// For which device.
    pub(in super::super) device: DeviceId,
    /// What was asked.
    pub(in super::super) action: Action,
    /// Where it is.
    pub(in super::super) state: CommandState,
    /// When it was asked.
    pub(in super::super) issued: Timestamp,
    /// By which operator.
    pub(in super::super) issued_by: String,
    /// When it is not to be tried any more.
    pub(in super::super) expires: Timestamp,
    /// When it was first handed to the device.
    pub(in super::super) delivered: Option<Timestamp>,
    /// When its end came in.
    pub(in super::super) finished: Option<Timestamp>,
    /// Why it failed or was refused.
    pub(in super::super) reason: Option<String>,
}

impl ServiceCallView {
    /// Whether nobody has looked at it.
    pub(in super::super) fn is_new(&self) -> bool {
        self.state == ServiceCallState::New
    }

    /// Whether it is not handled.
    pub(in super::super) fn is_open(&self) -> bool {
        self.state != ServiceCallState::Handled
    }
}

impl OrderView {
    /// Whether nobody has seen to it.
    pub(in super::super) fn is_new(&self) -> bool {
        self.state == OrderState::New
    }
}

impl From<ServiceCallRecord> for ServiceCallView {
    fn from(record: ServiceCallRecord) -> Self {
        Self {
            id: record.key,
            device: record.device,
            received: record.received,
            dated: record.dated,
            simulated: record.simulated,
            entered_by: record.entered_by,
            message: record.message,
            state: record.state,
            changed: record.changed,
            changed_by: record.changed_by,
        }
    }
}

impl From<OrderRecord> for OrderView {
    fn from(record: OrderRecord) -> Self {
        Self {
            id: record.key,
            order: record.id,
            device: record.device,
            received: record.received,
            dated: record.dated,
            simulated: record.simulated,
            supply: SupplyView::of(record.supply),
            quantity: record.quantity,
            note: record.note,
            entered_by: record.entered_by,
            state: record.state,
            open: record.state.is_open(),
            changed: record.changed,
            changed_by: record.changed_by,
        }
    }
}

impl From<CommandRecord> for CommandView {
    fn from(record: CommandRecord) -> Self {
        Self {
            id: record.command.id,
            device: record.device,
            action: record.command.action,
            state: record.state,
            issued: record.command.issued,
            issued_by: record.issued_by,
            expires: record.command.expires,
            delivered: record.delivered,
            finished: record.finished,
            reason: record.reason,
        }
    }
}
