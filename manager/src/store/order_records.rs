//! What is kept of an order, and of what was done with it.

use jiff::Timestamp;
use platen_protocol::facts::SetValue;
use platen_protocol::identity::{DeviceId, OrderId};
use platen_protocol::readings::SupplyReading;
use serde::{Deserialize, Serialize};

use super::engine::Row;
use super::records::{dated, id, time, time_if_any, word};
use super::{StoreError, from_json};
use crate::ingest::date::Dated;
use crate::money::Money;

/// Which orders.
#[derive(Debug, Clone, Default)]
pub struct OrderFilter {
    /// Only this device's.
    pub device: Option<DeviceId>,
    /// Only those that are neither delivered nor cancelled, or only those that are.
    pub open: Option<bool>,
    /// Only those in this state.
    pub state: Option<OrderState>,
    /// Only those of this customer's devices.
    pub customer: Option<i64>,
    /// Only those in which all of these words are found.
    pub text: Option<String>,
}

/// How far an order has come. Operators may put it into every state but the first: they correct mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// The manager proposes it, because a supply came down to a set value; nobody wants it yet.
    Proposed,
    /// Somebody wants it, and nobody has decided.
    #[serde(alias = "new")]
    Asked,
    /// It is to be sent: it has been placed with the supplier, or the shelf gives it.
    #[serde(alias = "ordered")]
    Approved,
    /// It is on its way.
    Shipped,
    /// It has arrived at the printer's site, or is in the machine.
    Delivered,
    /// It will not be delivered.
    Cancelled,
}

impl OrderState {
    /// All of them, in the order in which they follow each other.
    pub const ALL: [Self; 6] =
        [Self::Proposed, Self::Asked, Self::Approved, Self::Shipped, Self::Delivered, Self::Cancelled];

    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Asked => "asked",
            Self::Approved => "approved",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
        }
    }

    /// The word for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Asked => "asked for",
            other => other.word(),
        }
    }

    /// Whether somebody still has to do something.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Delivered | Self::Cancelled)
    }

    /// Whether its pieces have left a shelf, or are about to.
    pub const fn is_sent(self) -> bool {
        matches!(self, Self::Approved | Self::Shipped | Self::Delivered)
    }
}

/// Who or what wants an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderOrigin {
    /// A person, by the button at the printer.
    Button,
    /// A person, by the command on its controller.
    Command,
    /// The rule: the supply came down to its set value in percent.
    SetValue,
    /// The rule: by the device's own forecast the supply ends within its set value in pages or days.
    Forecast,
    /// Somebody at the service centre, or a program in their name.
    Operator,
}

impl OrderOrigin {
    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Button => "button",
            Self::Command => "command",
            Self::SetValue => "set_value",
            Self::Forecast => "forecast",
            Self::Operator => "operator",
        }
    }

    /// What of a supply that is low speaks for an order.
    pub(super) fn of_low(supply: &SupplyReading) -> Self {
        match supply.reached() {
            Some(SetValue::Pages { .. } | SetValue::Days { .. }) => Self::Forecast,
            Some(SetValue::Percent(_)) | None => Self::SetValue,
        }
    }
}

/// When orders are proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Proposes {
    /// By set values in percent, and by forecasts.
    #[default]
    On,
    /// Only by set values in percent.
    SetValue,
    /// Never.
    Off,
}

impl Proposes {
    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::SetValue => "set_value",
            Self::Off => "off",
        }
    }

    pub(super) const fn takes(self, origin: OrderOrigin) -> bool {
        match self {
            Self::On => true,
            Self::SetValue => matches!(origin, OrderOrigin::SetValue),
            Self::Off => false,
        }
    }
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    /// Its place in the list, and its name here.
    pub key: i64,
    /// Whose it is.
    pub device: DeviceId,
    /// The name that the device gave it; none as long as nobody has asked for it there.
    pub id: Option<OrderId>,
    /// When it arrived, by the manager's clock.
    pub received: Timestamp,
    /// When the person entered it at the device, or it was made here.
    pub dated: Dated,
    /// Whether it came from a simulated board.
    pub simulated: bool,
    /// The supply, as it was read when it was ordered.
    pub supply: SupplyReading,
    /// Number of pieces, 1 or more.
    pub quantity: u16,
    /// What the person wrote; none by the button.
    pub note: Option<String>,
    /// Who or what wants it.
    pub entered_by: OrderOrigin,
    /// What has become of it.
    pub state: OrderState,
    /// When the state last changed; none while it is as it came.
    pub changed: Option<Timestamp>,
    /// The operator who did; none where the machine or the rule did.
    pub changed_by: Option<String>,
    /// The person was told that the supply was ordered already, and ordered it all the same.
    pub again: bool,
    /// The first open order of the same supply of this device, while this one is open as well and no operator has said
    /// that both are wanted.
    pub duplicate_of: Option<i64>,
    /// An operator said that it is wanted beside the earlier one.
    pub kept_by: Option<String>,
    /// An operator said that it is the same want as that order, and it was closed.
    pub merged_into: Option<i64>,
    /// Rises with everything that is done to it.
    pub version: i64,
    /// What is to be sent.
    pub part_number: Option<String>,
    /// Why it was cancelled.
    pub reason: Option<String>,
    /// Who carries it.
    pub carrier: Option<String>,
    /// The carrier's number of it.
    pub tracking: Option<String>,
    /// Pieces of it that were found in the machine.
    pub fitted: u32,
    /// When the first was.
    pub fitted_at: Option<Timestamp>,
    /// Its serial number.
    pub fitted_serial: Option<String>,
    /// What a piece cost when it was approved; none for who does not see the devices of all customers.
    pub price: Option<Money>,
    /// Pieces that a shelf gave for it.
    pub taken: u32,
    /// Which place on a shelf.
    pub(in crate::store) taken_from: Option<i64>,
    /// Where its device stands.
    pub place: Option<String>,
    /// Whose its device is.
    pub customer: Option<String>,
    /// At which site.
    pub site: Option<String>,
}

/// What was done with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderWhat {
    /// The rule proposed it.
    Proposed,
    /// It was asked for.
    Asked,
    /// It was approved.
    Approved,
    /// It was sent.
    Shipped,
    /// It was delivered.
    Delivered,
    /// It was cancelled.
    Cancelled,
    /// Something else speaks for it as well.
    Also,
    /// The machine says that another cartridge is in.
    Fitted,
    /// It was found to be the same want as an earlier one.
    Merged,
    /// It was found to be wanted beside an earlier one.
    Kept,
    /// A shelf gave its pieces.
    Taken,
    /// A shelf got them back.
    GivenBack,
}

impl OrderWhat {
    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Asked => "asked",
            Self::Approved => "approved",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
            Self::Also => "also",
            Self::Fitted => "fitted",
            Self::Merged => "merged",
            Self::Kept => "kept",
            Self::Taken => "taken",
            Self::GivenBack => "given_back",
        }
    }
}

impl From<OrderState> for OrderWhat {
    fn from(state: OrderState) -> Self {
        match state {
            OrderState::Proposed => Self::Proposed,
            OrderState::Asked => Self::Asked,
            OrderState::Approved => Self::Approved,
            OrderState::Shipped => Self::Shipped,
            OrderState::Delivered => Self::Delivered,
            OrderState::Cancelled => Self::Cancelled,
        }
    }
}

/// One thing that was done with an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OrderAct {
    /// Its place in the history.
    #[serde(skip)]
    pub key: i64,
    /// When it was done.
    pub at: Timestamp,
    /// The operator who did it; `null` for the device and the manager itself.
    pub who: Option<String>,
    /// What was done.
    pub what: OrderWhat,
    /// Why, or with what; `null` where nothing is to be said.
    pub words: Option<String>,
}

impl OrderAct {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            at: time(row, 1)?,
            who: row.get(2)?,
            what: word("what was done with an order", row.get(3)?)?,
            words: row.get(4)?,
        })
    }
}

/// What an operator says of an order of a supply that was ordered already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicate {
    /// It is the same want: it is closed, and the earlier one stays.
    Merge,
    /// Both are wanted.
    Keep,
}

/// What an operator has become of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderMove {
    /// The state from now on.
    pub state: OrderState,
    /// Why it is cancelled.
    pub reason: Option<String>,
    /// Who carries it, if that is said now.
    pub carrier: Option<String>,
    /// The carrier's number of it, if that is said now.
    pub tracking: Option<String>,
}

impl From<OrderState> for OrderMove {
    fn from(state: OrderState) -> Self {
        Self { state, reason: None, carrier: None, tracking: None }
    }
}

/// An order that somebody at the service centre makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// For which device.
    pub device: DeviceId,
    /// The supply, as it was read last.
    pub supply: SupplyReading,
    /// Whether that was of a simulated board.
    pub simulated: bool,
    /// Number of pieces, 1 or more.
    pub quantity: u16,
    /// What is to be known of it.
    pub note: Option<String>,
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderRefusal {
    /// There is no such order, or device, as far as whoever asks sees.
    Missing,
    /// Somebody did something since the person saw it: the order as it is now, and what was done last.
    Changed(Box<OrderRecord>, Option<OrderAct>),
    /// Its device is out of service.
    Retired(DeviceId),
    /// Only the rule proposes.
    NoProposal,
    /// That order of the same supply is open.
    Exists(i64, OrderState),
    /// The order is closed, or no earlier one of its supply is open.
    NotDuplicate,
}

impl OrderRecord {
    /// Prices are the service centre's: who sees only some customers does not see them.
    pub(super) fn shown(&mut self, priced: bool) {
        self.price = self.price.filter(|_| priced);
    }

    pub(in crate::store) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let supply: String = row.get(5)?;
        let read: SupplyReading = from_json("supply", &supply)?;
        let currency: Option<String> = row.get(27)?;
        Ok(Self {
            key: row.get(0)?,
            device: id("device", row.get(1)?)?,
            id: row.get::<Option<String>>(2)?.map(|name| id("order", name)).transpose()?,
            received: time(row, 3)?,
            dated: dated(row, 12, time(row, 3)?)?,
            simulated: row.get(4)?,
            part_number: row.get::<Option<String>>(19)?.or_else(|| read.part_number.clone()),
            supply: read,
            quantity: row.get(6)?,
            note: row.get(7)?,
            entered_by: word("place of entry", row.get(8)?)?,
            state: word("state of an order", row.get(9)?)?,
            changed: time_if_any(row, 10)?,
            changed_by: row.get(11)?,
            again: row.get(14)?,
            merged_into: row.get(15)?,
            kept_by: row.get(16)?,
            duplicate_of: row.get(17)?,
            version: row.get(18)?,
            reason: row.get(20)?,
            carrier: row.get(21)?,
            tracking: row.get(22)?,
            fitted: row.get(23)?,
            fitted_at: time_if_any(row, 24)?,
            fitted_serial: row.get(25)?,
            price: Money::stored(row.get(26)?, currency.as_deref()),
            taken: row.get(28)?,
            taken_from: row.get(29)?,
            place: row.get(30)?,
            customer: row.get(31)?,
            site: row.get(32)?,
        })
    }
}
