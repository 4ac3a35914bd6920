//! An order as a sheet: for whoever packs it, or files it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use platen_protocol::facts::words::{label, title};

use super::super::problem::Refusal;
use super::super::view::OrderView;
use super::super::words;
use super::super::{Operators, gather};
use super::When;
use crate::output::{Document, Section};
use crate::store::{OrderFilter, Scope};

/// The sheet.
pub(super) async fn sheet(
    operators: &Operators,
    scope: &Scope,
    key: i64,
    now: Timestamp,
) -> Result<Document, Refusal> {
    // The list goes back in time: the first below the next number is this one, if it is there and may be seen.
    let listed = operators.store.orders(scope, OrderFilter::default(), key.checked_add(1), 1).await?;
    let record = listed.into_iter().find(|record| record.key == key);
    let order: OrderView = record.ok_or_else(|| Refusal::not_found("order"))?.into();
    let details = gather::details(operators, scope, order.device.clone()).await?;
    let zone = details.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok());
    let zone = zone.unwrap_or(TimeZone::UTC);
    let when = When(&zone);
    let supply = &order.supply.reading;
    let mut what = Section::new("What");
    what.fact("Order", order.id.to_string());
    what.fact("State", order.state.word());
    what.fact("Supply", format!("{} ({})", label(&supply.name), title(&words::type_of(supply))));
    what.fact("Part number", supply.part_number.clone().unwrap_or_else(|| "not known".to_owned()));
    what.fact("Pieces", order.quantity.to_string());
    what.fact("Level when ordered", order.supply.level_words.clone());
    let mut to = Section::new("For");
    let told = [
        ("Customer", details.customer.as_ref().map(|customer| customer.name.clone())),
        ("Site", details.site.as_ref().map(|site| site.name.clone())),
        ("Address", details.address.clone()),
        ("Place", details.place.clone()),
    ];
    let simulated = if order.simulated { " (simulated)" } else { "" };
    to.fact("Device", format!("{}{simulated}", order.device));
    for (name, value) in told {
        if let Some(value) = value {
            to.fact(name, value);
        }
    }
    let mut how = Section::new("How it came");
    how.fact("Ordered", format!("{}, {}", words::wanted_by(order.entered_by), when.at(order.dated.at)));
    if let Some(note) = &order.note {
        how.fact("Note", note.clone());
    }
    if let Some(tracking) = &order.tracking {
        let carrier = order.carrier.as_deref().map(|carrier| format!("{carrier} ")).unwrap_or_default();
        how.fact("Shipped with", format!("{carrier}{tracking}"));
    }
    if let Some(first) = order.duplicate_of {
        how.fact("Ordered twice", format!("order {first} of the same supply is open"));
    }
    if let (Some(by), Some(at)) = (&order.changed_by, order.changed) {
        how.fact("Seen to", format!("{} by {by}, {}", order.state.words(), when.at(at)));
    }
    Ok(Document {
        about: vec![format!("As of {} ({})", when.at(now), zone.iana_name().unwrap_or("UTC"))],
        sections: vec![what, to, how],
        ..Document::new(format!("Order {key}"), format!("order-{key}"), now)
    })
}
