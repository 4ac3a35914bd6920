//! What a person at the device asked the service centre for, and how it stands: kept for `platen status`.

use jiff::Timestamp;
use platen_protocol::device_to_manager::{EnteredBy, ReportBody};
use platen_protocol::identity::{OrderId, ServiceCallId};
use platen_protocol::manager_to_device::{CallState, OpenRequests};
use platen_protocol::stamp::{ClockQuality, Stamp};
use serde::{Deserialize, Serialize};

/// A service call or an order of late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// When it was entered, by this device's clock.
    pub at: Timestamp,
    /// How far that clock could be trusted.
    pub clock: ClockQuality,
    /// Where it was entered.
    pub entered_by: EnteredBy,
    /// What was asked for.
    #[serde(flatten)]
    pub what: Wish,
    /// How it stands.
    pub fate: Fate,
    /// The manager has it, and says that it has been seen to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
    /// How often it was asked for while it was open, the first time included. Orders are not counted.
    #[serde(default = "once")]
    pub presses: u32,
    /// When that was last, by this device's clock; `None` if it was once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_press: Option<Timestamp>,
    /// How far a call has got at the service centre, as the manager told last; `None` where it has not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
}

/// How far a call has got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// How far.
    pub state: CallState,
    /// Who comes, if somebody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technician: Option<String>,
}

const fn once() -> u32 {
    1
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wish {
    /// Somebody to come or to call.
    ServiceCall {
        /// The call's name; none where an earlier version made it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<ServiceCallId>,
        /// What the person wrote, if anything.
        message: Option<String>,
    },
    /// A supply.
    Order {
        /// The order's name.
        id: OrderId,
        /// The supply's name on the board.
        supply: String,
        /// What to order, from the board file.
        part_number: Option<String>,
        /// Pieces: 1 to 99.
        quantity: u16,
        /// What the person wrote, if anything.
        note: Option<String>,
    },
}

/// How something that was asked for stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Fate {
    /// It waits for the manager.
    Waiting,
    /// The manager has it.
    Acknowledged {
        /// The manager's clock then.
        at: Timestamp,
    },
    /// The manager will not take it: it has to be told otherwise, such as by telephone.
    NotTaken,
}

impl Asked {
    /// What a report asks for, if it asks for something.
    pub fn of(taken: &Stamp, body: &ReportBody) -> Option<Self> {
        let (entered_by, what) = match body {
            // It tells how often one was repeated that is listed already.
            ReportBody::ServiceCall(call) if call.presses.is_some() => return None,
            ReportBody::ServiceCall(call) => {
                let (id, message) = (call.call_id.clone(), call.message.clone());
                (call.entered_by, Wish::ServiceCall { id, message })
            }
            ReportBody::Order(order) => {
                let wish = Wish::Order {
                    id: order.id.clone(),
                    supply: order.supply.name.clone(),
                    part_number: order.supply.part_number.clone(),
                    quantity: order.quantity,
                    note: order.note.clone(),
                };
                (order.entered_by, wish)
            }
            _ => return None,
        };
        let (at, clock, fate) = (taken.wall, taken.clock, Fate::Waiting);
        Some(Self {
            at,
            clock,
            entered_by,
            what,
            fate,
            closed: false,
            presses: once(),
            last_press: None,
            standing: None,
        })
    }

    /// Whether somebody still has to see to it, as far as this device knows: it waits for the manager, or the manager
    /// has it and has not said otherwise.
    pub fn is_open(&self) -> bool {
        match self.fate {
            Fate::Waiting => true,
            Fate::Acknowledged { .. } => !self.closed,
            Fate::NotTaken => false,
        }
    }

    /// How the manager says that it stands, if it says so.
    pub fn standing_in(&self, open: &OpenRequests) -> Option<Standing> {
        let Wish::ServiceCall { id: Some(id), .. } = &self.what else { return None };
        let told = open.standings.iter().find(|told| told.service_call == *id)?;
        // A state that only a later version knows says nothing here.
        let known = told.state != CallState::Unknown;
        known.then(|| Standing { state: told.state, technician: told.technician.clone() })
    }

    /// Whether the manager names it as open.
    pub fn is_among(&self, open: &OpenRequests) -> bool {
        match &self.what {
            Wish::ServiceCall { id, .. } => id.as_ref().is_some_and(|id| open.service_calls.contains(id)),
            Wish::Order { id, .. } => open.orders.contains(id),
        }
    }
}
