//! One device: a row of the fleet's page, and all that its own page shows. Pure.

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use platen_protocol::readings::{BusReading, CounterReading};
use serde::Serialize;
use utoipa::ToSchema;

use super::activity::ActivityView;
use super::asked::{OrderView, ServiceCallView};
use super::contact::ContactView;
use super::freshness::Freshness;
use super::happened::AlertView;
use super::identity::IdentityView;
use super::open::{Open, Worst};
use super::readings::{PartView, SupplyView, SwitchView, TemperatureView};
use super::watched::WatchView;
use crate::contact::Contact;
use crate::store::DeviceRecord;
use crate::watch::WatchKind;

/// One device.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct DeviceView {
    /// Its name.
    pub(in super::super) id: DeviceId,
    /// What printer it is in.
    pub(in super::super) model: Option<String>,
    /// What agent it runs.
    pub(in super::super) agent_version: Option<String>,
    /// Whether its readings come from a simulated board.
    pub(in super::super) simulated: bool,
    /// The worst that is the matter.
    pub(in super::super) worst: Worst,
    /// When it was last there.
    pub(in super::super) contact: ContactView,
    /// How old the readings are; `null` before the first.
    pub(in super::super) freshness: Option<Freshness>,
    /// The supplies.
    pub(in super::super) supplies: Vec<SupplyView>,
    /// The parts.
    pub(in super::super) parts: Vec<PartView>,
    /// The temperatures.
    pub(in super::super) temperatures: Vec<TemperatureView>,
    /// The switches.
    pub(in super::super) switches: Vec<SwitchView>,
    /// The counters that it has.
    pub(in super::super) counters: Vec<CounterReading>,
    /// The buses.
    pub(in super::super) buses: Vec<BusReading>,
    /// What it did lately; `null` until it says so.
    pub(in super::super) activity: Option<ActivityView>,
    /// Reports that it had to discard within the last seven days, before they reached the manager.
    pub(in super::super) lost_lately: u64,
    /// What the watches found, the oldest first.
    pub(in super::super) watches: Vec<WatchView>,
    /// The open alerts.
    pub(in super::super) alerts: Vec<AlertView>,
    /// The service calls that are not handled.
    pub(in super::super) service_calls: Vec<ServiceCallView>,
    /// The orders that are neither delivered nor cancelled.
    pub(in super::super) orders: Vec<OrderView>,
    /// When it was let in.
    pub(in super::super) enrolled: Timestamp,
    /// When its certificate ends.
    pub(in super::super) certificate_expires: Timestamp,
    /// How it stands.
    pub(in super::super) identity: Option<IdentityView>,
    /// What of it the manager cannot read any more, and therefore leaves out; `null` where all can be read.
    pub(in super::super) damaged: Option<String>,
}

impl DeviceView {
    /// A device with what is open there.
    pub(in super::super) fn new(
        record: DeviceRecord,
        contact: Contact,
        due: Option<Timestamp>,
        open: Open,
        now: Timestamp,
    ) -> Self {
        let late = open.watches.iter().any(|view| view.kind == WatchKind::Freshness);
        let freshness = record
            .readings_taken
            .zip(record.readings_received)
            .map(|(taken, received)| Freshness::of(taken, received, due, late, now));
        let readings = record.readings.unwrap_or_default();
        Self {
            id: record.id,
            model: record.model,
            agent_version: record.agent_version,
            simulated: record.simulated,
            worst: open.worst(contact.state).min(if record.damaged.is_some() {
                Worst::Warning
            } else {
                Worst::Fine
            }),
            contact: ContactView {
                state: contact.state,
                last_contact: contact.last,
                remote: contact.remote,
                overdue: open.is_overdue(),
                inspected_by: None,
            },
            freshness,
            supplies: readings.supplies.into_iter().map(SupplyView::of).collect(),
            parts: readings.parts.into_iter().map(PartView::from).collect(),
            temperatures: readings.temperatures.into_iter().map(TemperatureView::from).collect(),
            switches: readings.switches.into_iter().map(SwitchView::from).collect(),
            counters: readings.counters,
            buses: readings.buses,
            activity: record
                .activity
                .map(|told| ActivityView { received: told.received, activity: told.activity }),
            lost_lately: open.lost_lately,
            watches: open.watches,
            alerts: open.alerts,
            service_calls: open.service_calls,
            orders: open.orders,
            enrolled: record.enrolled,
            certificate_expires: record.certificate_expires,
            identity: None,
            damaged: record.damaged,
        }
    }
}
