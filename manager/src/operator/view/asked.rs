//! What people asked: those at devices by orders, operators by commands.

use jiff::Timestamp;
use platen_protocol::identity::{CommandId, DeviceId, OrderId};
use platen_protocol::manager_to_device::Action;
use serde::Serialize;
use utoipa::ToSchema;

use super::readings::SupplyView;
use crate::ingest::date::Dated;
use crate::money::MoneyView;
use crate::store::{CommandRecord, CommandState, OrderOrigin, OrderRecord, OrderState};

/// An order of a supply: proposed, asked for, or under way.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct OrderView {
    /// Number of the order at this manager, used in its address.
    pub(in super::super) id: i64,
    /// Random identifier that the device gave the order; unique for that device. `null` as long as nobody has asked for it there.
    pub(in super::super) order: Option<OrderId>,
    /// The device's name, as it enrolled.
    pub(in super::super) device: DeviceId,
    /// When the manager received it, by the manager's clock.
    pub(in super::super) received: Timestamp,
    /// When the person entered it, as well as the manager can tell; else when it was made here.
    pub(in super::super) dated: Dated,
    /// `true` when it came from a simulated board, not from a real printer.
    pub(in super::super) simulated: bool,
    /// The supply, as it was read when it was ordered.
    pub(in super::super) supply: SupplyView,
    /// Number of pieces ordered, 1 or more.
    pub(in super::super) quantity: u16,
    /// What the person wrote; `null` without a note, as by the button.
    pub(in super::super) note: Option<String>,
    /// Who or what wants it: the button on the printer, the command on its controller, the rule by set value or forecast, or an
    /// operator.
    pub(in super::super) entered_by: OrderOrigin,
    /// How far it has come.
    pub(in super::super) state: OrderState,
    /// `true` until it is delivered or cancelled.
    pub(in super::super) open: bool,
    /// `true` when the person was told that the supply was ordered already, and ordered it all the same.
    pub(in super::super) again: bool,
    /// `id` of the first order of the same supply of this device that is open, while this one is open too and nobody has
    /// said that both are wanted; otherwise `null`.
    pub(in super::super) duplicate_of: Option<i64>,
    /// The operator who said that it is wanted beside the earlier one; otherwise `null`.
    pub(in super::super) kept_by: Option<String>,
    /// `id` of the order that it was merged into, being the same want; otherwise `null`.
    pub(in super::super) merged_into: Option<i64>,
    /// When `state` last changed; `null` while it is as it came.
    pub(in super::super) changed: Option<Timestamp>,
    /// The operator who last changed `state`; `null` while it is as it came, and where the machine or the rule did.
    pub(in super::super) changed_by: Option<String>,
    /// Rises with everything that is done to the order; its `ETag` is this in quotes.
    pub(in super::super) version: i64,
    /// What is to be sent; `null` where the device does not say.
    pub(in super::super) part_number: Option<String>,
    /// Why it was cancelled; otherwise `null`.
    pub(in super::super) reason: Option<String>,
    /// Who carries it; `null` where nobody said.
    pub(in super::super) carrier: Option<String>,
    /// The carrier's number of it; `null` where nobody said.
    pub(in super::super) tracking: Option<String>,
    /// Pieces of it that were found in the machine.
    pub(in super::super) fitted: u32,
    /// When the first was; `null` before.
    pub(in super::super) fitted_at: Option<Timestamp>,
    /// Its serial number; `null` before.
    pub(in super::super) fitted_serial: Option<String>,
    /// What a piece cost when it was approved; `null` where the catalogue had no price, and for who sees only some customers.
    pub(in super::super) price: Option<MoneyView>,
    /// Pieces that a shelf gave for it.
    pub(in super::super) taken: u32,
    /// Where the device stands; `null` where nobody said.
    pub(in super::super) place: Option<String>,
    /// Whose it is; `null` for nobody's.
    pub(in super::super) customer: Option<String>,
    /// At which site; `null` for none.
    pub(in super::super) site: Option<String>,
}

/// A command from an operator to a device, and what became of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct CommandView {
    /// Random identifier of the command, which the device's outcome repeats.
    pub(in super::super) id: CommandId,
    /// Name of the device that is to carry it out.
    pub(in super::super) device: DeviceId,
    /// What the device is to do.
    pub(in super::super) action: Action,
    /// How far it has got.
    pub(in super::super) state: CommandState,
    /// When the operator gave it, by the manager's clock.
    pub(in super::super) issued: Timestamp,
    /// The operator who gave it.
    pub(in super::super) issued_by: String,
    /// After this the device does not carry it out any more.
    pub(in super::super) expires: Timestamp,
    /// When it was first handed to the device; `null` while it waits.
    pub(in super::super) delivered: Option<Timestamp>,
    /// When its outcome arrived, or it expired; `null` until then.
    pub(in super::super) finished: Option<Timestamp>,
    /// Why it failed or was refused, in the device's words; otherwise `null`.
    pub(in super::super) reason: Option<String>,
}

impl OrderView {
    /// Whether nobody has decided about it.
    pub(in super::super) fn is_new(&self) -> bool {
        matches!(self.state, OrderState::Proposed | OrderState::Asked)
    }

    /// Whether it may be said that it is on its way.
    pub(in super::super) fn may_ship(&self) -> bool {
        self.state == OrderState::Approved
    }

    /// Whether it is on its way.
    pub(in super::super) fn is_shipped(&self) -> bool {
        self.state == OrderState::Shipped
    }

    /// Its version as a header.
    pub(in super::super) fn etag(&self) -> String {
        format!("\"{}\"", self.version)
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
            again: record.again,
            duplicate_of: record.duplicate_of,
            kept_by: record.kept_by,
            merged_into: record.merged_into,
            changed: record.changed,
            changed_by: record.changed_by,
            version: record.version,
            part_number: record.part_number,
            reason: record.reason,
            carrier: record.carrier,
            tracking: record.tracking,
            fitted: record.fitted,
            fitted_at: record.fitted_at,
            fitted_serial: record.fitted_serial,
            price: record.price.map(MoneyView::from),
            taken: record.taken,
            place: record.place,
            customer: record.customer,
            site: record.site,
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
