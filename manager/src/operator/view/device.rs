//! One device: a row of the fleet's page, and all that its own page shows. Pure.

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use platen_protocol::readings::BusReading;
use serde::Serialize;
use utoipa::ToSchema;

use super::activity::ActivityView;
use super::asked::OrderView;
use super::call::ServiceCallView;
use super::contact::ContactView;
use super::freshness::Freshness;
use super::happened::AlertView;
use super::identity::IdentityView;
use super::open::{Open, OpenCounts};
use super::readings::{
    BillingView, CounterView, HeldView, PartView, SupplyView, SwitchView, TemperatureView,
};
use super::watched::WatchView;
use crate::contact::Contact;
use crate::quota::Noisy;
use crate::store::{DeviceRecord, NEVER};
use crate::watch::WatchKind;
use crate::worst::Worst;

/// A device: a printer with its agent, and all that the manager knows of it now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct DeviceView {
    /// The device's name, as it enrolled; used in its address.
    pub(in super::super) id: DeviceId,
    /// Model of the printer, from its board file; `null` until the device has reported.
    pub(in super::super) model: Option<String>,
    /// Version of the agent that it runs; `null` until the device has reported.
    pub(in super::super) agent_version: Option<String>,
    /// `true` when its readings come from a simulated board.
    pub(in super::super) simulated: bool,
    /// The worst that is the matter; lists for people are ordered by it.
    pub(in super::super) worst: Worst,
    /// Where it stands, as operators say; `null` until somebody has said so.
    pub(in super::super) place: Option<String>,
    /// Percent that is left of its lowest supply, waste boxes apart, 0 to 100, rounded down; `null` where no level is
    /// known.
    pub(in super::super) lowest_percent: Option<u8>,
    /// How many things are open there.
    pub(in super::super) open: OpenCounts,
    /// When and how it was last in contact.
    pub(in super::super) contact: ContactView,
    /// How old the readings below are; `null` before the first.
    pub(in super::super) freshness: Option<Freshness>,
    /// Its supplies; empty before the first readings.
    pub(in super::super) supplies: Vec<SupplyView>,
    /// Its parts that wear; empty before the first readings, and where none are read.
    pub(in super::super) parts: Vec<PartView>,
    /// Its temperatures; empty before the first readings, and where none are read.
    pub(in super::super) temperatures: Vec<TemperatureView>,
    /// Its switches and contacts; empty before the first readings, and where none are read.
    pub(in super::super) switches: Vec<SwitchView>,
    /// Its page counters, by which customers are billed; empty where none are read.
    pub(in super::super) counters: Vec<CounterView>,
    /// Its counters by size of paper and colour; empty where its engine or its program has none.
    pub(in super::super) billing: Vec<BillingView>,
    /// Its I2C buses, and whether they work.
    pub(in super::super) buses: Vec<BusReading>,
    /// What has no power because the printer sleeps: what is shown of it above was read before.
    pub(in super::super) held: Vec<HeldView>,
    /// What it did in the last stretch that it reported; `null` until it has.
    pub(in super::super) activity: Option<ActivityView>,
    /// Number of reports that it had to discard within the last seven days before they reached the manager.
    pub(in super::super) lost_lately: u64,
    /// What the manager's watches found and is not over, the oldest first; in lists of devices at most 10.
    pub(in super::super) watches: Vec<WatchView>,
    /// Its open alerts: what has happened before what may, the worse first, then the newer. In lists of devices at
    /// most 10, here at most 200; `open` counts all, and the list of alerts has them.
    pub(in super::super) alerts: Vec<AlertView>,
    /// Its service calls that are not handled, as many as of alerts.
    pub(in super::super) service_calls: Vec<ServiceCallView>,
    /// Its orders that are neither delivered nor cancelled, as many as of alerts.
    pub(in super::super) orders: Vec<OrderView>,
    /// When it enrolled last.
    pub(in super::super) enrolled: Timestamp,
    /// When the certificate in use expires.
    pub(in super::super) certificate_expires: Timestamp,
    /// Whether it is let in, and by which certificate; `null` where the manager knows of none.
    pub(in super::super) identity: Option<IdentityView>,
    /// What its state directory is on, where what its agent writes there does not outlive a restart of the controller;
    /// `null` where it does, or where the agent does not say.
    pub(in super::super) volatile_state: Option<String>,
    /// Which of its quotas it was over of late, so that its reports were refused; `null` where it was not.
    pub(in super::super) noisy: Option<Noisy>,
    /// What of it the manager cannot read any more, and therefore leaves out; `null` where all can be read.
    pub(in super::super) damaged: Option<String>,
}

impl DeviceView {
    /// Whether it was ever given a certificate; one with an update client that is not ours need not have any.
    pub(in super::super) fn has_certificate(&self) -> bool {
        self.certificate_expires < NEVER
    }

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
        let state = record.state;
        let readings = record.readings.unwrap_or_default();
        let held = HeldView::all(&readings, freshness.as_ref().map_or(0, |fresh| fresh.age_seconds), now);
        Self {
            id: record.id,
            model: record.model,
            agent_version: record.agent_version,
            simulated: record.simulated,
            // What was found to be damaged this very moment is not written down yet.
            worst: state.worst.min(if record.damaged.is_some() { Worst::Warning } else { Worst::Fine }),
            place: state.place,
            lowest_percent: state.lowest_percent,
            open: OpenCounts {
                critical: state.critical,
                warnings: state.warnings,
                forecasts: state.forecasts,
                service_calls: state.service_calls,
                orders: state.orders,
                watches: state.watches,
            },
            contact: ContactView {
                state: contact.state,
                last_contact: contact.last,
                remote: contact.remote,
                overdue: state.overdue,
                inspected_by: None,
            },
            freshness,
            supplies: readings.supplies.into_iter().map(SupplyView::of).collect(),
            parts: readings.parts.into_iter().map(PartView::from).collect(),
            temperatures: readings.temperatures.into_iter().map(TemperatureView::from).collect(),
            switches: readings.switches.into_iter().map(SwitchView::from).collect(),
            counters: readings.counters.into_iter().map(CounterView::from).collect(),
            billing: readings.billing.into_iter().map(BillingView::from).collect(),
            buses: readings.buses,
            held,
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
            volatile_state: record.volatile_state,
            noisy: None,
            damaged: record.damaged,
        }
    }
}
