//! How what needs a person is shown: what, where, since when, the evidence, who can fix it and what to bring, in plain words.
//! Pure.

use jiff::Timestamp;
use platen_protocol::alert::{Alert, Training};
use platen_protocol::facts::words::{grouped, label, title};
use platen_protocol::identity::DeviceId;
use platen_protocol::readings::{PartReading, SupplyReading};
use platen_protocol::supply::SupplyType;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::view::WatchView;
use super::super::who::Operator;
use super::super::words::{alert_title, counted, evidence, set_values, stretch, watch_title};
use crate::rights::Right;
use crate::store::{NowEntry, NowItem, NowKind, NowShelf, NowSubject, Urgency, WatchRecord};
use crate::watch::Finding;

/// What to bring to fix something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct BringView {
    /// What it is, for people.
    pub(in super::super) name: String,
    /// What to order, as the board file of the device says; `null` where it does not.
    pub(in super::super) part_number: Option<String>,
    /// Number of pieces, 1 or more.
    pub(in super::super) quantity: u16,
}

/// A customer or a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct CustomerOrSite {
    /// Its number, as in its address.
    pub(in super::super) id: i64,
    /// Its name; `null` if it is there no more.
    pub(in super::super) name: Option<String>,
}

/// Where in the list an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum NowState {
    /// It waits for somebody.
    Waiting,
    /// Somebody has taken it.
    Taken,
    /// It sleeps until a moment.
    Snoozed,
    /// A person closed it, and it still stands.
    Closed,
    /// It is over.
    Over,
}

/// What can be done with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) enum NowActWord {
    /// To take it.
    Take,
    /// To put it back into the list.
    GiveBack,
    /// To write something about it.
    Comment,
    /// To put it to sleep.
    Snooze,
    /// To close it.
    Close,
}

/// One thing that needs a person. Things of many devices that have one cause are one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct NowView {
    /// Its number, used in its address.
    pub(in super::super) id: i64,
    /// Rises with everything that is done to it: its `ETag`, to be sent back as `If-Match`.
    pub(in super::super) version: i64,
    /// What it stands for.
    pub(in super::super) kind: NowKind,
    /// How urgent it is; the list is in that order.
    pub(in super::super) urgency: Urgency,
    /// Where in the list it is.
    pub(in super::super) state: NowState,
    /// The device; `null` for what many devices have of one cause.
    pub(in super::super) device: Option<DeviceId>,
    /// Devices that it is about.
    pub(in super::super) devices: u64,
    /// Those of which it still is so.
    pub(in super::super) still: u64,
    /// Where the device stands at its site; `null` if nobody has said so.
    pub(in super::super) place: Option<String>,
    /// The site; `null` if it is at none.
    pub(in super::super) site: Option<CustomerOrSite>,
    /// Whose it is; `null` if it is nobody's.
    pub(in super::super) customer: Option<CustomerOrSite>,
    /// What is the matter, for people.
    pub(in super::super) what: String,
    /// Since when, as well as the manager can tell.
    pub(in super::super) since: Timestamp,
    /// What speaks for it, for people: what was read with its unit, and the limit that it was compared with.
    pub(in super::super) evidence: Vec<String>,
    /// Who can fix it, as the Printer MIB's `PrtAlertTrainingLevelTC`.
    pub(in super::super) training: Training,
    /// What to bring; nothing where that is not known.
    pub(in super::super) bring: Vec<BringView>,
    /// `true` when it came from a simulated board, not from a real printer.
    pub(in super::super) simulated: bool,
    /// The operator who has taken it; `null` if nobody has.
    pub(in super::super) taken_by: Option<String>,
    /// When the operator took it; `null` if nobody has.
    pub(in super::super) taken: Option<Timestamp>,
    /// Until when it sleeps; `null` if it does not.
    pub(in super::super) until: Option<Timestamp>,
    /// The newest comment; `null` without one.
    pub(in super::super) comment: Option<NowEntry>,
    /// The item of which it is a part, because many devices have the same cause; `null` if it is none.
    pub(in super::super) part_of: Option<i64>,
    /// When it came into the list.
    pub(in super::super) begun: Timestamp,
    /// When it was over; `null` while it is not.
    pub(in super::super) ended: Option<Timestamp>,
    /// What can be done with it now by whoever asks.
    pub(in super::super) acts: Vec<NowActWord>,
}

/// A moment, in UTC and to the minute.
pub(in super::super) fn moment(at: Timestamp) -> String {
    at.strftime("%d %b %Y, %H:%M UTC").to_string()
}

/// What it is in words: the name on the board, and what kind of thing that is.
fn name_of(name: &str, kind: SupplyType) -> String {
    let kind = match kind {
        SupplyType::Unknown | SupplyType::Other => return label(name),
        known => known.words(),
    };
    if kind.to_lowercase().contains(&label(name).to_lowercase()) {
        title(&kind)
    } else {
        format!("{} {kind}", label(name))
    }
}

fn bring_supply(supply: &SupplyReading, quantity: u16) -> BringView {
    let name = name_of(&supply.name, supply.supply_type);
    BringView { name, part_number: supply.part_number.clone(), quantity }
}

fn bring_part(part: &PartReading) -> BringView {
    let name = name_of(&part.name, part.part_type);
    BringView { name, part_number: part.part_number.clone(), quantity: 1 }
}

/// What speaks for an alert.
fn of_alert(alert: &Alert) -> Vec<String> {
    let described = Some(title(&alert.description)).filter(|words| !words.is_empty());
    let supply = alert.supply.as_ref().map(|supply| {
        format!("{} {}, set value {}", label(&supply.name), supply.level_words(), set_values(supply))
    });
    let part = alert.part.as_ref().and_then(|part| {
        let left = part.percent_left()?;
        let set = part.set_percent.map(|set| format!(", set value {set} %")).unwrap_or_default();
        Some(format!("{}: {left} % of its life left{set}", label(&part.name)))
    });
    described.into_iter().chain(alert.evidence.iter().map(evidence)).chain(supply).chain(part).collect()
}

/// What speaks for what a watch found.
fn of_watch(watch: &WatchRecord, remote: Option<&str>) -> Vec<String> {
    match &watch.finding {
        Finding::Contact { last_contact } => {
            let from = remote.map(|remote| format!(" from {remote}")).unwrap_or_default();
            vec![format!("Last heard {}{from}", moment(*last_contact))]
        }
        Finding::Freshness { received, within_seconds } => vec![format!(
            "Last readings {}, expected every {}",
            moment(*received),
            stretch(u64::from(*within_seconds))
        )],
        Finding::Frozen(frozen) => {
            let pages = counted(frozen.pages, "page was", "pages were");
            vec![format!("The same value while {pages} printed")]
        }
    }
}

/// What many devices have: "14 devices out of contact, all behind 198.51.100.7".
fn of_many(item: &NowItem) -> String {
    let (all, still) = item.devices;
    let behind = item.remote.as_deref().map(|at| format!(", all behind {at}")).unwrap_or_default();
    if still == all {
        format!("{} out of contact{behind}", counted(all, "device", "devices"))
    } else {
        let all = counted(all, "device", "devices");
        format!("{} of {all} out of contact still{behind}", grouped(still))
    }
}

/// What is the matter.
fn what(item: &NowItem) -> String {
    match (&item.subject, item.kind) {
        (NowSubject::Alert(record), _) if record.alert.forecast => {
            format!("May happen: {}", alert_title(&record.alert))
        }
        (NowSubject::Alert(record), _) => alert_title(&record.alert),
        (NowSubject::ServiceCall(call), _) => match &call.message {
            Some(message) => format!("Service call: “{message}”"),
            None => "Service call".to_owned(),
        },
        (NowSubject::Order(order), _) => {
            format!("Order: {} × {}", order.quantity, name_of(&order.supply.name, order.supply.supply_type))
        }
        (NowSubject::Watch(watch), _) => watch_title(&WatchView::from((**watch).clone())),
        (NowSubject::Clone(_), _) => "Two machines use its identity".to_owned(),
        (NowSubject::Itself, NowKind::Identity) => {
            "Refused: a certificate is used that it has replaced".to_owned()
        }
        (NowSubject::Itself, _) => of_many(item),
        (NowSubject::Unknown, kind) => {
            format!("{} that cannot be read any more", title(&kind.word().replace('_', " ")))
        }
    }
}

fn evidence_of(item: &NowItem) -> Vec<String> {
    match &item.subject {
        NowSubject::Alert(record) => of_alert(&record.alert),
        NowSubject::ServiceCall(call) if call.presses > 1 => {
            vec![format!("Called {} times", grouped(u64::from(call.presses)))]
        }
        NowSubject::ServiceCall(_) | NowSubject::Unknown => Vec::new(),
        NowSubject::Order(order) => {
            let supply = &order.supply;
            let level = format!("{} when it was ordered", supply.level_words());
            let twice = order.duplicate_of.map(|_| "The same supply is ordered already".to_owned());
            let note = order.note.as_ref().map(|note| format!("“{note}”"));
            std::iter::once(title(&level)).chain(note).chain(twice).collect()
        }
        NowSubject::Watch(watch) => of_watch(watch, item.remote.as_deref()),
        NowSubject::Clone(clone) => {
            let sides: Vec<String> = clone
                .sign
                .sides
                .iter()
                .map(|side| format!("{} at {}", side.remote, moment(side.last)))
                .collect();
            vec![format!("Heard {}", sides.join(" and "))]
        }
        NowSubject::Itself if item.kind == NowKind::SiteSilent => {
            vec![format!("They fell silent from {} on, within ten minutes", moment(item.since))]
        }
        NowSubject::Itself => vec!["The device's page says which certificates, and from where".to_owned()],
    }
}

/// What to bring to mend what an alert reports.
pub(in super::super) fn bring_for(alert: &Alert) -> Vec<BringView> {
    let supply = alert.supply.as_ref().map(|supply| bring_supply(supply, 1));
    supply.into_iter().chain(alert.part.as_ref().map(bring_part)).collect()
}

fn bring(item: &NowItem) -> Vec<BringView> {
    match &item.subject {
        NowSubject::Alert(record) => bring_for(&record.alert),
        NowSubject::Order(order) => vec![bring_supply(&order.supply, order.quantity)],
        _ => Vec::new(),
    }
}

fn is_simulated(subject: &NowSubject) -> bool {
    match subject {
        NowSubject::Alert(record) => record.simulated,
        NowSubject::ServiceCall(call) => call.simulated,
        NowSubject::Order(order) => order.simulated,
        NowSubject::Watch(_) | NowSubject::Clone(_) | NowSubject::Itself | NowSubject::Unknown => false,
    }
}

/// What can be done with it now by this operator.
fn acts(item: &NowItem, operator: &Operator) -> Vec<NowActWord> {
    use NowActWord::{Close, Comment, GiveBack, Snooze, Take};
    if !operator.may(Right::Calls) {
        return Vec::new();
    }
    if item.ended.is_some() || item.cause.is_some() {
        return vec![Comment];
    }
    let mine = item.taken_by.as_deref() == Some(operator.name.as_str());
    let closes = match item.kind {
        NowKind::Identity | NowKind::Clone => false,
        NowKind::Order => operator.may(Right::Orders),
        _ => true,
    };
    let may = |act: NowActWord| match act {
        Take => !(item.shelf == NowShelf::Taken && mine) && item.shelf != NowShelf::Closed,
        GiveBack => item.shelf != NowShelf::Waiting,
        Comment => true,
        Snooze => item.shelf != NowShelf::Closed,
        Close => closes && item.shelf != NowShelf::Closed,
    };
    [Take, GiveBack, Comment, Snooze, Close].into_iter().filter(|act| may(*act)).collect()
}

impl NowView {
    /// As this operator sees it.
    pub(in super::super) fn new(item: NowItem, operator: &Operator) -> Self {
        let acts = acts(&item, operator);
        Self { acts, ..Self::of(item) }
    }

    /// Whoever looks, and nothing can be done with it: on paper.
    pub(in super::super) fn of(item: NowItem) -> Self {
        let named = |named: &Option<(i64, Option<String>)>| {
            named.clone().map(|(id, name)| CustomerOrSite { id, name })
        };
        let state = match (item.ended, item.shelf) {
            (Some(_), _) => NowState::Over,
            (None, NowShelf::Waiting) => NowState::Waiting,
            (None, NowShelf::Taken) => NowState::Taken,
            (None, NowShelf::Snoozed) => NowState::Snoozed,
            (None, NowShelf::Closed) => NowState::Closed,
        };
        Self {
            id: item.key,
            version: item.version,
            kind: item.kind,
            urgency: item.urgency,
            state,
            devices: item.devices.0,
            still: item.devices.1,
            site: named(&item.site),
            customer: named(&item.customer),
            what: what(&item),
            since: item.since,
            evidence: evidence_of(&item),
            training: item.training,
            bring: bring(&item),
            simulated: is_simulated(&item.subject),
            acts: Vec::new(),
            device: item.device,
            place: item.place,
            taken_by: item.taken_by,
            taken: item.taken,
            until: item.until,
            comment: item.comment,
            part_of: item.cause,
            begun: item.begun,
            ended: item.ended,
        }
    }

    /// Its `ETag`.
    pub(in super::super) fn etag(&self) -> String {
        format!("\"{}\"", self.version)
    }
}
