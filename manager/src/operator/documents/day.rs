//! The day's list: what needs a person now, and what happened since midnight.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use platen_protocol::facts::words::label;

use super::super::Operators;
use super::super::now::view::{CustomerOrSite, NowState, NowView};
use super::super::problem::Refusal;
use super::super::words;
use super::{When, zone_of};
use crate::output::{Document, Section, Table};
use crate::store::{
    AlertFilter, AlertRecord, NowFilter, OrderFilter, OrderRecord, ReplacementRecord, Scope,
    ServiceCallFilter, ServiceCallRecord,
};

/// Items that are listed, and things of each kind that happened.
const MAX_ITEMS: usize = 5_000;
const MAX_HAPPENED: usize = 2_000;
/// Looked up at once.
const AT_ONCE: u32 = 500;

/// The list.
pub(super) async fn list(
    operators: &Operators,
    scope: &Scope,
    (customer, zone): (Option<i64>, &str),
    now: Timestamp,
) -> Result<Document, Refusal> {
    let zone = zone_of(zone)?;
    let mut about = Vec::new();
    let mut scope = scope.clone();
    if let Some(key) = customer {
        let found = operators.store.customer(&scope, key).await?;
        about.push(found.ok_or_else(|| Refusal::not_found("customer"))?.name);
        scope = narrowed(&scope, key);
    }
    let (when, midnight) = (When(&zone), midnight(&zone, now));
    about.push(format!("As of {} ({})", when.at(now), zone.iana_name().unwrap_or("UTC")));
    let needs = needs(operators, &scope, customer, &when).await?;
    let happened = happened(operators, &scope, midnight, &when).await?;
    let day = zone.to_datetime(now);
    let title = format!("The day’s list, {}", day.strftime("%A %d %B %Y"));
    let of = customer.map(|key| format!("-{key}")).unwrap_or_default();
    Ok(Document {
        about,
        sections: vec![needs, happened],
        is_wide: true,
        ..Document::new(title, format!("day{of}-{}", day.strftime("%Y-%m-%d")), now)
    })
}

/// Of one customer, as far as the scope reaches: who sees some sites of it sees no others.
fn narrowed(scope: &Scope, customer: i64) -> Scope {
    match scope {
        Scope::Of { customers, sites } if !customers.contains(&customer) => {
            Scope::Of { customers: [].into(), sites: sites.clone() }
        }
        _ => Scope::Of { customers: [customer].into(), sites: [].into() },
    }
}

/// When the day began there.
fn midnight(zone: &TimeZone, now: Timestamp) -> Timestamp {
    let begun = zone.to_datetime(now).date().to_zoned(zone.clone());
    begun.map_or(now, |begun| begun.timestamp())
}

fn place(view: &NowView) -> String {
    let name = |named: &Option<CustomerOrSite>| named.as_ref().and_then(|named| named.name.clone());
    let all = [view.place.clone(), name(&view.site), name(&view.customer)];
    all.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn state(view: &NowView) -> String {
    match (view.state, &view.taken_by) {
        (NowState::Taken, Some(by)) => format!("taken by {by}"),
        (NowState::Taken, None) => "taken".to_owned(),
        _ => "waits".to_owned(),
    }
}

async fn needs(
    operators: &Operators,
    scope: &Scope,
    customer: Option<i64>,
    when: &When<'_>,
) -> Result<Section, Refusal> {
    let mut table =
        Table::new(["How urgent", "What", "Device", "Where", "Since", "Who can fix it", "Bring", "State"]);
    let (mut after, mut more) = (None, false);
    loop {
        let filter = NowFilter { customer, ..NowFilter::default() };
        let items = operators.store.now_items(scope, filter, after, AT_ONCE).await?;
        let full = items.len() >= usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
        after = items.last().map(crate::store::NowItem::place_in_list);
        for item in items {
            add(&mut table, &NowView::of(item), when);
        }
        if !full {
            break;
        }
        if table.rows.len() >= MAX_ITEMS {
            more = true;
            break;
        }
    }
    let note = more.then(|| "These are the most urgent; the page Now has all of them.".to_owned());
    Ok(Section { table: Some(table), note, ..Section::new("Needs a person") }
        .or_none("Nothing needs a person."))
}

fn add(table: &mut Table, view: &NowView, when: &When<'_>) {
    let bring = view.bring.iter().map(|one| {
        let number = one.part_number.as_deref().map(|number| format!(" ({number})")).unwrap_or_default();
        let count = if one.quantity > 1 { format!("{} × ", one.quantity) } else { String::new() };
        format!("{count}{}{number}", one.name)
    });
    let bring: Vec<String> = bring.collect();
    let evidence: Vec<&str> = view.evidence.iter().map(String::as_str).collect();
    let what = if evidence.is_empty() {
        view.what.clone()
    } else {
        format!("{}\n{}", view.what, evidence.join("; "))
    };
    let simulated = if view.simulated { " (simulated)" } else { "" };
    let device = view
        .device
        .as_ref()
        .map_or_else(|| format!("{} devices", view.devices), |device| format!("{device}{simulated}"));
    table.row([
        words::urgency(view.urgency).to_owned(),
        what,
        device,
        place(view),
        when.at(view.since),
        words::training(view.training).to_owned(),
        bring.join(", "),
        state(view),
    ]);
}

/// Something that happened, with when.
struct Happening {
    at: Timestamp,
    kind: &'static str,
    what: String,
    device: String,
    stands: String,
}

impl Happening {
    fn alert(record: &AlertRecord, when: &When<'_>) -> Self {
        let may = if record.alert.forecast { "May happen: " } else { "" };
        Self {
            at: record.raised,
            kind: "Alert",
            what: format!("{may}{}", words::alert_title(&record.alert)),
            device: record.device.to_string(),
            stands: record
                .cleared
                .map_or_else(|| "open".to_owned(), |at| format!("over since {}", when.at(at))),
        }
    }

    fn call(record: &ServiceCallRecord) -> Self {
        Self {
            at: record.received,
            kind: "Service call",
            what: record.message.clone().unwrap_or_else(|| "Service requested".to_owned()),
            device: record.device.to_string(),
            stands: record.state.word().to_owned(),
        }
    }

    fn order(record: &OrderRecord) -> Self {
        Self {
            at: record.received,
            kind: "Order",
            what: format!("{} × {}", record.quantity, label(&record.supply.name)),
            device: record.device.to_string(),
            stands: record.state.word().to_owned(),
        }
    }

    fn replacement(record: &ReplacementRecord) -> Self {
        Self {
            at: record.received,
            kind: "Replacement",
            what: label(&record.replacement.subject),
            device: record.device.to_string(),
            stands: words::residue(&record.replacement).unwrap_or_default(),
        }
    }
}

/// The rows of a list, which goes back in time, that are not older than a moment.
macro_rules! since {
    ($begin:expr, $time:ident, |$before:ident| $page:expr) => {{
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let $before = before;
            let page = $page.await?;
            let full = page.len() >= usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
            before = page.last().map(|record| record.key);
            let oldest = page.last().map(|record| record.$time);
            all.extend(page.into_iter().filter(|record| record.$time >= $begin));
            if !full || oldest.is_none_or(|oldest| oldest < $begin) || all.len() >= MAX_HAPPENED {
                break all;
            }
        }
    }};
}

async fn happened(
    operators: &Operators,
    scope: &Scope,
    midnight: Timestamp,
    when: &When<'_>,
) -> Result<Section, Refusal> {
    let store = &operators.store;
    let alerts =
        since!(midnight, raised, |before| store.alerts(scope, AlertFilter::default(), before, AT_ONCE));
    let calls = since!(midnight, received, |before| {
        store.service_calls(scope, ServiceCallFilter::default(), before, AT_ONCE)
    });
    let orders =
        since!(midnight, received, |before| store.orders(scope, OrderFilter::default(), before, AT_ONCE));
    let replaced = since!(midnight, received, |before| store.replacements(scope, None, before, AT_ONCE));
    let mut all: Vec<Happening> = alerts.iter().map(|record| Happening::alert(record, when)).collect();
    all.extend(calls.iter().map(Happening::call));
    all.extend(orders.iter().map(Happening::order));
    all.extend(replaced.iter().map(Happening::replacement));
    all.sort_by_key(|one| one.at);
    let mut table = Table::new(["Since", "Kind", "What", "Device", "State"]);
    for one in all {
        table.row([when.at(one.at), one.kind.to_owned(), one.what, one.device, one.stands]);
    }
    Ok(Section { table: Some(table), ..Section::new("What happened today") }
        .or_none("Nothing was told today."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_there_also_when_the_clocks_change() {
        let now: Timestamp = "2026-10-25T09:00:00Z".parse().unwrap();
        let berlin = zone_of("Europe/Berlin").unwrap();
        assert_eq!(midnight(&berlin, now).to_string(), "2026-10-24T22:00:00Z");
        assert_eq!(midnight(&TimeZone::UTC, now).to_string(), "2026-10-25T00:00:00Z");
        assert!(zone_of("Kiel").unwrap_err().0.detail.contains("Europe/Berlin"));
    }

    #[test]
    fn whoever_sees_some_sites_of_a_customer_sees_no_others_on_paper() {
        let of = |customers: &[i64], sites: &[i64]| Scope::Of {
            customers: customers.iter().copied().collect(),
            sites: sites.iter().copied().collect(),
        };
        assert_eq!(narrowed(&Scope::All, 1), of(&[1], &[]));
        assert_eq!(narrowed(&of(&[1, 2], &[]), 1), of(&[1], &[]));
        assert_eq!(narrowed(&of(&[2], &[7]), 1), of(&[], &[7]));
    }
}
