//! A device's report: what its page shows, without its past and without what can be done there.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use platen_protocol::facts::words::{grouped, label, title};
use platen_protocol::identity::DeviceId;

use super::super::problem::Refusal;
use super::super::view::{AlertView, DetailsView, DeviceView, OrderView, ReplacementView, ServiceCallView};
use super::super::words::{self, units};
use super::super::{Operators, gather};
use super::When;
use crate::output::{Document, Section, Table};
use crate::store::{OrderFilter, Scope, ServiceCallFilter};

/// The last of each list.
const MAX_LISTED: u32 = 10;

/// The report.
pub(super) async fn report(
    operators: &Operators,
    scope: &Scope,
    id: DeviceId,
    now: Timestamp,
) -> Result<Document, Refusal> {
    let store = &operators.store;
    let device = gather::view(operators, scope, id.clone(), now).await?;
    let details = gather::details(operators, scope, id.clone()).await?;
    let calls = ServiceCallFilter { device: Some(id.clone()), open: None };
    let calls = store.service_calls(scope, calls, None, MAX_LISTED).await?;
    let orders = OrderFilter { device: Some(id.clone()), ..OrderFilter::default() };
    let orders = store.orders(scope, orders, None, MAX_LISTED).await?;
    let replaced = store.replacements(scope, Some(id.clone()), None, MAX_LISTED).await?;
    let zone = details.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok());
    let zone = zone.unwrap_or(TimeZone::UTC);
    let when = When(&zone);
    let about = details.where_words().into_iter().chain(std::iter::once(format!(
        "As of {} ({})",
        when.at(now),
        zone.iana_name().unwrap_or("UTC")
    )));
    Ok(Document {
        about: about.collect(),
        sections: vec![
            facts(&device, &details, &when),
            matters(&device, &when),
            supplies(&device),
            parts(&device),
            counters(&device),
            state(&device),
            service_calls(
                &calls.into_iter().map(|call| ServiceCallView::new(call, now)).collect::<Vec<_>>(),
                &when,
            ),
            ordered(&orders.into_iter().map(OrderView::from).collect::<Vec<_>>(), &when),
            replacements(&replaced.into_iter().map(ReplacementView::from).collect::<Vec<_>>(), &when),
        ],
        is_wide: false,
        ..Document::new(format!("Device {id}"), format!("device-{id}"), now)
    })
}

fn facts(device: &DeviceView, details: &DetailsView, when: &When<'_>) -> Section {
    let mut facts = Section::new("Device");
    facts.fact("Name", device.id.to_string());
    let simulated = if device.simulated { " (simulated)" } else { "" };
    facts.fact("Model", format!("{}{simulated}", device.model_words()));
    facts.fact("State", device.worst.words());
    let last = device.contact.last_contact.map(|last| when.at(last));
    let contact = device.contact.words();
    facts.fact(
        "Contact",
        match last {
            Some(last) if device.contact.away_since().is_some() => format!("{contact} {last}"),
            _ => contact.to_owned(),
        },
    );
    let read = device.freshness.as_ref().map(|fresh| when.at(fresh.received));
    facts.fact("Readings of", read.unwrap_or_else(|| "none yet".to_owned()));
    let named = [
        ("Customer", details.customer.as_ref().map(|customer| customer.name.clone())),
        ("Site", details.site.as_ref().map(|site| site.name.clone())),
        ("Address", details.address.clone()),
        ("Place", details.place.clone()),
        ("Tags", Some(details.tags_words()).filter(|tags| !tags.is_empty())),
        ("Note", details.note.clone()),
        ("Retired", details.retired.as_ref().map(|retired| when.at(retired.at))),
        ("Agent", device.agent_version.clone()),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            facts.fact(name, value);
        }
    }
    facts
}

/// What speaks for an alert.
fn evidence(view: &AlertView) -> String {
    let told = view.alert.evidence.iter().map(words::evidence);
    std::iter::once(title(&view.alert.description)).chain(told).collect::<Vec<_>>().join("; ")
}

fn matters(device: &DeviceView, when: &When<'_>) -> Section {
    let mut table = Table::new(["What", "How bad", "Since", "Who can fix it", "Evidence"]);
    for view in &device.alerts {
        let bad = if view.alert.forecast { "may happen" } else { view.class() };
        table.row([
            words::alert_title(&view.alert),
            bad.to_owned(),
            when.at(view.raised_dated.at),
            words::training(view.alert.training).to_owned(),
            evidence(view),
        ]);
    }
    for watch in &device.watches {
        table.row([
            words::watch_title(watch),
            watch.class().to_owned(),
            when.at(watch.since),
            String::new(),
            words::watch_text(watch, device),
        ]);
    }
    Section { table: Some(table), ..Section::new("What is the matter") }.or_none("Nothing is open.")
}

fn supplies(device: &DeviceView) -> Section {
    let mut table = Table::new(["Supply", "Type", "#Left", "Set value", "Lasts", "Part number", "Serial"]);
    for view in &device.supplies {
        let supply = &view.reading;
        let remark = if view.wrong {
            " (wrong cartridge)"
        } else if view.low {
            " (low)"
        } else {
            ""
        };
        table.row([
            label(&supply.name),
            title(&words::type_of(supply)),
            format!("{}{remark}", view.level_words),
            words::set_values(supply),
            words::outlook(supply).unwrap_or_default(),
            supply.part_number.clone().unwrap_or_default(),
            supply.serial.clone().unwrap_or_default(),
        ]);
    }
    Section { table: Some(table), ..Section::new("Supplies") }.or_none("None reported.")
}

fn parts(device: &DeviceView) -> Section {
    let mut table = Table::new(["Part", "#Life left", "Used", "Set value", "Part number", "Serial"]);
    for view in &device.parts {
        let part = &view.reading;
        let left = part.share_left().map_or_else(|| "unknown".to_owned(), |left| left.to_string());
        let low = if view.low { " (low)" } else { "" };
        table.row([
            label(&part.name),
            format!("{left}{low}"),
            words::used(part),
            part.set_percent.map(|set| format!("{set} %")).unwrap_or_default(),
            part.part_number.clone().unwrap_or_default(),
            part.serial.clone().unwrap_or_default(),
        ]);
    }
    Section { table: Some(table), ..Section::new("Parts") }.or_none("None reported.")
}

fn counters(device: &DeviceView) -> Section {
    let mut table = Table::new(["Counter", "#Value", "Unit", "Remark"]);
    for view in &device.counters {
        let reading = &view.reading;
        let value = view.total.or(reading.value.known().copied());
        let value = value.map_or_else(|| "unknown".to_owned(), grouped);
        let remark = reading.value.cause().map(ToString::to_string).unwrap_or_default();
        table.row([reading.kind.words().to_owned(), value, words::unit(reading.unit), remark]);
    }
    for view in &device.billing {
        let value = view.total.map_or_else(|| "unknown".to_owned(), grouped);
        let remark = view.reading.value.cause().map(ToString::to_string).unwrap_or_default();
        table.row([view.words.clone(), value, words::unit(view.reading.unit), remark]);
    }
    Section { table: Some(table), ..Section::new("Counters") }.or_none("None read.")
}

fn state(device: &DeviceView) -> Section {
    let mut section = Section::new("State");
    for view in &device.temperatures {
        let reading = &view.reading;
        let value = reading.millidegrees_celsius.known().map(|value| units::celsius(*value));
        let allowed = words::range(reading.under, reading.over).map(|range| format!(", allowed: {range}"));
        let value = value.unwrap_or_else(|| "unknown".to_owned());
        section.fact(&label(&reading.name), format!("{value}{}", allowed.unwrap_or_default()));
    }
    for view in &device.switches {
        section.fact(&label(&view.reading.name), view.state);
    }
    section.or_none("No temperature and no contact is read.")
}

fn service_calls(calls: &[ServiceCallView], when: &When<'_>) -> Section {
    let mut table = Table::new(["When", "What was said", "State", "By"]);
    for call in calls {
        table.row([
            when.at(call.dated.at),
            call.message
                .clone()
                .unwrap_or_else(|| words::called_from(call.entered_by, call.opened_by.as_deref())),
            words::call_state(call.state).to_owned(),
            call.changed_by.clone().unwrap_or_default(),
        ]);
    }
    Section { table: Some(table), ..Section::new("Service calls") }.or_none("None.")
}

fn ordered(orders: &[OrderView], when: &When<'_>) -> Section {
    let mut table = Table::new(["#Number", "When", "What", "Part number", "State", "Note"]);
    for order in orders {
        let supply = &order.supply.reading;
        table.row([
            order.id.to_string(),
            when.at(order.dated.at),
            format!("{} × {}", order.quantity, label(&supply.name)),
            supply.part_number.clone().unwrap_or_default(),
            order.state.word().to_owned(),
            order.note.clone().unwrap_or_default(),
        ]);
    }
    Section { table: Some(table), ..Section::new("Orders") }.or_none("None.")
}

fn replacements(all: &[ReplacementView], when: &When<'_>) -> Section {
    let mut table = Table::new(["When", "What", "What was left in the old one", "In place now"]);
    for view in all {
        let how = if view.is_new_one() { "replaced" } else { "put back" };
        table.row([
            when.at(view.dated.at),
            format!("{} {how}", label(&view.replacement.subject)),
            words::residue(&view.replacement).unwrap_or_default(),
            words::fitted(&view.replacement).unwrap_or_default(),
        ]);
    }
    Section { table: Some(table), ..Section::new("Replacements") }.or_none("None.")
}
