//! What templates show: views turned into texts.

mod asked;
mod gap;
mod happened;
mod state;
mod supply;
mod watched;

use jiff::Timestamp;

use super::super::view::{DeviceView, Freshness, Worst};
use super::words;
use crate::contact::ContactState;
use crate::ingest::date::{Dated, DatedBy};

pub(super) use asked::{CommandRow, OrderRow, ServiceCallRow, SettingRow};
pub(super) use gap::GapRow;
pub(super) use happened::{AlertRow, ReplacementRow, ReportRow};
pub(super) use state::{ActivityRow, BusRow, CounterRow, SwitchRow, TemperatureRow};
pub(super) use supply::{PartRow, SupplyRow};
pub(super) use watched::{TroubleRow, WatchRow};

/// A moment that is shown by its age.
pub(super) struct Age {
    pub(super) seconds: u64,
    pub(super) words: String,
    pub(super) exact: String,
    pub(super) machine: String,
    /// Whether the moment is an estimate.
    pub(super) estimate: bool,
}

impl Age {
    pub(super) fn of(time: Timestamp, now: Timestamp) -> Self {
        let seconds = u64::try_from(now.duration_since(time).as_secs()).unwrap_or(0);
        Self::known(seconds, time)
    }

    /// When something happened at the device.
    pub(super) fn of_dated(dated: Dated, now: Timestamp) -> Self {
        Self { estimate: dated.by == Some(DatedBy::Estimate), ..Self::of(dated.at, now) }
    }

    fn known(seconds: u64, time: Timestamp) -> Self {
        Self {
            seconds,
            words: words::ago(seconds),
            exact: words::moment(time),
            machine: time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            estimate: false,
        }
    }

    fn of_readings(freshness: &Freshness) -> Self {
        Self::known(freshness.age_seconds, freshness.taken.wall)
    }
}

/// A device, on the fleet's page and at the head of its own.
pub(super) struct DeviceRow {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) agent_version: Option<String>,
    pub(super) simulated: bool,
    /// The worst that is the matter: a word for the style sheet, and one for people.
    pub(super) worst: &'static str,
    pub(super) worst_words: &'static str,
    pub(super) contact: &'static str,
    pub(super) contact_words: &'static str,
    pub(super) last_contact: Option<Age>,
    pub(super) remote: Option<String>,
    pub(super) inspected_by: Option<String>,
    /// How it stands: a word for the style sheet, and what is the matter for people.
    pub(super) identity: &'static str,
    pub(super) identity_words: Option<String>,
    /// That two machines use its identity.
    pub(super) clone: Option<String>,
    /// That a part of what is stored of it cannot be read.
    pub(super) damaged: Option<String>,
    pub(super) fresh: Option<Age>,
    pub(super) supplies: Vec<SupplyRow>,
    pub(super) parts: Vec<PartRow>,
    pub(super) temperatures: Vec<TemperatureRow>,
    pub(super) switches: Vec<SwitchRow>,
    pub(super) counters: Vec<CounterRow>,
    pub(super) buses: Vec<BusRow>,
    pub(super) activity: Option<ActivityRow>,
    /// Reports that it gave up lately.
    pub(super) lost: Option<String>,
    pub(super) watches: Vec<WatchRow>,
    pub(super) alerts: Vec<AlertRow>,
    pub(super) service_calls: Vec<ServiceCallRow>,
    pub(super) orders: Vec<OrderRow>,
}

impl DeviceRow {
    pub(super) fn of(view: &DeviceView, now: Timestamp) -> Self {
        let (worst, worst_words) = match view.worst {
            Worst::Critical => ("critical", "Stopped"),
            Worst::ServiceCall => ("service", "Service call"),
            Worst::Order => ("order", "Order"),
            Worst::Overdue => ("overdue", "Overdue"),
            Worst::Warning => ("warning", "Warning"),
            Worst::Forecast => ("forecast", "May happen"),
            Worst::Silent => ("silent", "Silent"),
            Worst::Fine => ("fine", "Fine"),
        };
        let activity = view.activity.as_ref().map(|told| &told.activity);
        Self {
            id: view.id.to_string(),
            model: view.model.clone().unwrap_or_else(|| "Has not reported yet".to_owned()),
            agent_version: view.agent_version.clone(),
            simulated: view.simulated,
            worst,
            worst_words,
            contact: view.contact.state.word(),
            contact_words: match view.contact.state {
                ContactState::Parked => "Connected",
                ContactState::Recent => "Seen",
                ContactState::Silent => "Silent, last seen",
                ContactState::Never => "Never seen",
            },
            last_contact: view.contact.last_contact.map(|time| Age::of(time, now)),
            remote: view.contact.remote.map(|remote| remote.to_string()),
            inspected_by: view.contact.inspected_by.clone(),
            clone: view
                .identity
                .as_ref()
                .and_then(|view| view.clone.as_ref())
                .map(|clone| clone.words.clone()),
            damaged: view.damaged.clone(),
            identity: view.identity.as_ref().map_or("good", |identity| words::identity(identity.state)),
            identity_words: view.identity.as_ref().and_then(|identity| identity.words.clone()),
            fresh: view.freshness.as_ref().map(Age::of_readings),
            supplies: view.supplies.iter().map(SupplyRow::of).collect(),
            parts: view.parts.iter().map(PartRow::of).collect(),
            temperatures: view
                .temperatures
                .iter()
                .map(|temperature| TemperatureRow::of(temperature, activity))
                .collect(),
            switches: view.switches.iter().map(SwitchRow::of).collect(),
            counters: view.counters.iter().map(CounterRow::of).collect(),
            buses: view.buses.iter().map(|bus| BusRow::of(bus, activity)).collect(),
            activity: view.activity.as_ref().map(|activity| ActivityRow::of(activity, now)),
            lost: (view.lost_lately > 0).then(|| words::thousands(view.lost_lately)),
            watches: view.watches.iter().map(|watch| WatchRow::of(watch, view, now)).collect(),
            alerts: view.alerts.iter().map(|alert| AlertRow::of(alert, now)).collect(),
            service_calls: view.service_calls.iter().map(|call| ServiceCallRow::of(call, now)).collect(),
            orders: view.orders.iter().map(|order| OrderRow::of(order, now)).collect(),
        }
    }
}

impl DeviceRow {
    /// Open alerts of one kind; each kind has its place among what else is the matter.
    pub(super) fn alerts_of<'a>(&'a self, severity: &'a str) -> impl Iterator<Item = &'a AlertRow> {
        self.alerts.iter().filter(move |alert| alert.severity == severity)
    }

    /// What the watches found, as far as somebody should act on it.
    pub(super) fn watches_to_act_on(&self) -> impl Iterator<Item = &WatchRow> {
        self.watches.iter().filter(|watch| watch.act)
    }

    /// Whether anything is the matter.
    pub(super) fn matters(&self) -> bool {
        self.lost.is_some()
            || !self.alerts.is_empty()
            || !self.service_calls.is_empty()
            || !self.orders.is_empty()
            || self.watches_to_act_on().next().is_some()
    }
}
