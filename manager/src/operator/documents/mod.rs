//! What can be had on paper and as a file: a device's report, the day's list, a statement of meters, an order. Each is gathered
//! of what the pages show, as far as whoever asks may see it, and then is a [`Document`] like any other.

mod day;
mod device;
mod meters;
mod order;
mod paper;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Operators;
use super::problem::Refusal;
use crate::output::{Document, Paper, Unprintable, pdf};
use crate::store::Scope;

pub(super) use paper::Press;

/// Which document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Wanted {
    /// The report of a device.
    Device {
        /// Which.
        device: DeviceId,
    },
    /// What needs a person, and what happened today.
    Day {
        /// Only this customer's; leave it out for all that you see.
        #[serde(default)]
        customer: Option<i64>,
        /// The time zone by which it is today, such as `Europe/Berlin`; UTC without it.
        #[serde(default)]
        zone: String,
    },
    /// What the devices of a customer counted in a month.
    Meters {
        /// The customer.
        customer: i64,
        /// The month, such as `2026-11`.
        period: String,
    },
    /// An order.
    Order {
        /// Its number.
        order: i64,
    },
}

/// A moment at a place.
struct When<'a>(&'a TimeZone);

impl When<'_> {
    fn at(&self, moment: Timestamp) -> String {
        self.0.to_datetime(moment).strftime("%d %b %Y, %H:%M").to_string()
    }
}

/// Gathers it, as far as this scope sees.
pub(crate) async fn gather(
    operators: &Operators,
    scope: &Scope,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<Document, Refusal> {
    match wanted {
        Wanted::Device { device } => device::report(operators, scope, device.clone(), now).await,
        Wanted::Day { customer, zone } => day::list(operators, scope, (*customer, zone), now).await,
        Wanted::Meters { customer, period } => {
            meters::statement(operators, scope, (*customer, period), now).await
        }
        Wanted::Order { order } => order::sheet(operators, scope, *order, now).await,
    }
}

/// Makes a PDF of it: a few at once, so that nobody's long lists take the memory of all.
pub(crate) async fn as_pdf(
    operators: &Operators,
    document: Document,
    paper: Paper,
) -> Result<Vec<u8>, Refusal> {
    let _turn = operators.press.turn().await;
    let made = tokio::task::spawn_blocking(move || pdf::make(&document, paper)).await;
    match made {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error @ Unprintable::TooLong(_))) => {
            Err(Refusal::new(ProblemKind::InvalidRequest, error.to_string()))
        }
        Ok(Err(error)) => Err(Refusal::internal(&error)),
        Err(error) => Err(Refusal::internal(&error)),
    }
}

/// A time zone by its name.
pub(super) fn zone_of(name: &str) -> Result<TimeZone, Refusal> {
    let name = if name.is_empty() { "UTC" } else { name };
    TimeZone::get(name).map_err(|error| {
        tracing::debug!(%error, "a time zone was asked for that is none");
        let shown: String = name.chars().take(40).collect();
        Refusal::new(
            ProblemKind::InvalidRequest,
            format!("zone: {shown:?} is no time zone: write its name, such as Europe/Berlin"),
        )
    })
}
