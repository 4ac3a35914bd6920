//! What a person at the device asked the service centre for, and how it stands: kept for `platen status`.

use jiff::Timestamp;
use platen_protocol::device_to_manager::{EnteredBy, ReportBody};
use platen_protocol::identity::OrderId;
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
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wish {
    /// Somebody to come or to call.
    ServiceCall {
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
            ReportBody::ServiceCall(call) => {
                (call.entered_by, Wish::ServiceCall { message: call.message.clone() })
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
        Some(Self { at: taken.wall, clock: taken.clock, entered_by, what, fate: Fate::Waiting })
    }
}
