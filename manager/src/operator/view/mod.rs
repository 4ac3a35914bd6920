//! What an operator sees of the store's records: one form for pages and API. Pure; `now` comes from
//! outside.

mod asked;
mod facts;
mod happened;
mod identity;
mod watched;

use jiff::Timestamp;
use platen_protocol::alert::Severity;
use platen_protocol::device_to_manager::Activity;
use platen_protocol::facts::TemperatureLimit;
use platen_protocol::identity::DeviceId;
use platen_protocol::readings::{
    BusReading, CounterReading, PartReading, SupplyReading, SwitchReading, TemperatureReading,
};
use platen_protocol::stamp::{ClockQuality, Stamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::contact::{Contact, ContactState};
use crate::store::DeviceRecord;
use crate::watch::WatchKind;

pub(super) use asked::{CommandView, OrderView, ServiceCallView};
pub(super) use happened::{AlertView, ReplacementView, ReportView};
pub(crate) use identity::words as identity_words;
pub(super) use identity::{CloneView, IdentityView};
pub(super) use watched::WatchView;

/// The worst that is the matter with a device; the order is that of the fleet's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Worst {
    /// A critical alert is open: it does not print.
    Critical,
    /// A person at the device waits for an answer.
    ServiceCall,
    /// A person at the device waits for a supply.
    Order,
    /// It is away for so long that somebody should look after it: what else is known of it is old.
    Overdue,
    /// A warning is open, or a watch found something.
    Warning,
    /// Something will possibly happen.
    Forecast,
    /// It has not been heard for long, or never.
    Silent,
    /// Nothing.
    Fine,
}

impl Worst {
    /// A word for the style sheet.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::ServiceCall => "service",
            Self::Order => "order",
            Self::Overdue => "overdue",
            Self::Warning => "warning",
            Self::Forecast => "forecast",
            Self::Silent => "silent",
            Self::Fine => "fine",
        }
    }

    /// A word for people.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Critical => "Stopped",
            Self::ServiceCall => "Service call",
            Self::Order => "Order",
            Self::Overdue => "Overdue",
            Self::Warning => "Warning",
            Self::Forecast => "May happen",
            Self::Silent => "Silent",
            Self::Fine => "Fine",
        }
    }
}

/// When and how a device was last there.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ContactView {
    /// How it can be reached now.
    pub(super) state: ContactState,
    /// When it was last there.
    pub(super) last_contact: Option<Timestamp>,
    /// From which address.
    #[schema(value_type = Option<String>)]
    pub(super) remote: Option<std::net::IpAddr>,
    /// Whether it is away for so long that somebody should look after it.
    pub(super) overdue: bool,
    /// Who inspects TLS at its site: its messages are then signed. `null` where nobody does, and after a
    /// restart of the manager until the device was there.
    pub(super) inspected_by: Option<String>,
}

impl ContactView {
    /// How it can be reached, for people.
    pub(super) const fn words(&self) -> &'static str {
        match self.state {
            ContactState::Parked => "Connected",
            ContactState::Recent => "Seen",
            ContactState::Silent => "Silent, last seen",
            ContactState::Never => "Never seen",
        }
    }

    /// When it was last there, unless it is there now.
    pub(super) fn away_since(&self) -> Option<Timestamp> {
        self.last_contact.filter(|_| self.state != ContactState::Parked)
    }
}

/// How old the readings are.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Freshness {
    /// Seconds since they were taken, as well as is known.
    pub(super) age_seconds: u64,
    /// The device's stamp.
    pub(super) taken: Stamp,
    /// When they came in.
    pub(super) received: Timestamp,
    /// When the next must have come, by what the device said; `null` when it said nothing.
    pub(super) due: Option<Timestamp>,
    /// Whether they are late, though the device is there.
    pub(super) late: bool,
}

/// One supply.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct SupplyView {
    /// As it was read.
    #[serde(flatten)]
    pub(super) reading: SupplyReading,
    /// Percent that is left; `null` when that is not known.
    pub(super) percent: Option<u8>,
    /// Whether that is at or below the set value, or the outlook is at or below that in pages or days.
    pub(super) low: bool,
    /// Whether something else is in its place than what belongs there.
    pub(super) wrong: bool,
}

/// One part.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct PartView {
    /// As it was read.
    #[serde(flatten)]
    pub(super) reading: PartReading,
    /// Percent of its life that is left; `null` when that is not known.
    pub(super) percent_left: Option<u8>,
    /// Whether that is at or below the set value.
    pub(super) low: bool,
}

/// One temperature.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct TemperatureView {
    /// As it was read.
    #[serde(flatten)]
    pub(super) reading: TemperatureReading,
    /// The limit that it is beyond; `null` within them. A fuser is not too cold while nobody prints.
    pub(super) beyond: Option<TemperatureLimit>,
}

/// One switch.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct SwitchView {
    /// As it was read.
    #[serde(flatten)]
    pub(super) reading: SwitchReading,
    /// Its state in a word, such as `open` or `closed`; `unknown` when it could not be read.
    pub(super) state: &'static str,
    /// Whether a person at the printer should look at it.
    pub(super) needs_attention: bool,
}

/// What a printer did in a stretch of time.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ActivityView {
    /// When that came in: about the end of the stretch.
    pub(super) received: Timestamp,
    /// What it did.
    #[serde(flatten)]
    pub(super) activity: Activity,
}

/// One device.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct DeviceView {
    /// Its name.
    pub(super) id: DeviceId,
    /// What printer it is in.
    pub(super) model: Option<String>,
    /// What agent it runs.
    pub(super) agent_version: Option<String>,
    /// Whether its readings come from a simulated board.
    pub(super) simulated: bool,
    /// The worst that is the matter.
    pub(super) worst: Worst,
    /// When it was last there.
    pub(super) contact: ContactView,
    /// How old the readings are; `null` before the first.
    pub(super) freshness: Option<Freshness>,
    /// The supplies.
    pub(super) supplies: Vec<SupplyView>,
    /// The parts.
    pub(super) parts: Vec<PartView>,
    /// The temperatures.
    pub(super) temperatures: Vec<TemperatureView>,
    /// The switches.
    pub(super) switches: Vec<SwitchView>,
    /// The counters that it has.
    pub(super) counters: Vec<CounterReading>,
    /// The buses.
    pub(super) buses: Vec<BusReading>,
    /// What it did lately; `null` until it says so.
    pub(super) activity: Option<ActivityView>,
    /// Reports that it gave up within the last seven days, before they reached the manager.
    pub(super) lost_lately: u64,
    /// What the watches found, the oldest first.
    pub(super) watches: Vec<WatchView>,
    /// The open alerts.
    pub(super) alerts: Vec<AlertView>,
    /// The service calls that are not handled.
    pub(super) service_calls: Vec<ServiceCallView>,
    /// The orders that are neither delivered nor cancelled.
    pub(super) orders: Vec<OrderView>,
    /// When it was let in.
    pub(super) enrolled: Timestamp,
    /// When its certificate ends.
    pub(super) certificate_expires: Timestamp,
    /// How it stands.
    pub(super) identity: Option<IdentityView>,
    /// What of it the manager cannot read any more, and therefore leaves out; `null` where all can be read.
    pub(super) damaged: Option<String>,
}

fn whole_seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
}

/// Seconds since readings were taken. A clock that nobody vouches for, or that is ahead of ours, is not
/// believed: then they are as old as their arrival.
fn age(taken: &Stamp, received: Timestamp, now: Timestamp) -> u64 {
    let believed = taken.clock == ClockQuality::Synchronised && taken.wall <= received;
    whole_seconds(if believed { taken.wall } else { received }, now)
}

/// What is open at one device.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) lost_lately: u64,
    pub(super) watches: Vec<WatchView>,
    pub(super) alerts: Vec<AlertView>,
    pub(super) service_calls: Vec<ServiceCallView>,
    pub(super) orders: Vec<OrderView>,
}

/// The place of an alert on a page: what has happened before what may, the worse first, then the newer.
fn rank(view: &AlertView) -> (bool, bool, std::cmp::Reverse<Timestamp>) {
    let critical = view.alert.severity == Severity::Critical;
    (view.alert.forecast, !critical, std::cmp::Reverse(view.raised))
}

impl Open {
    /// Brings the alerts into the order in which people are to see them.
    pub(super) fn in_order(mut self) -> Self {
        self.alerts.sort_by_key(rank);
        self
    }

    fn is_overdue(&self) -> bool {
        self.watches.iter().any(|view| view.kind == WatchKind::Contact && view.overdue.is_some())
    }

    /// Ranks it. What may happen stops no printer yet, however bad it would be.
    fn worst(&self, contact: ContactState) -> Worst {
        let silent = matches!(contact, ContactState::Silent | ContactState::Never);
        let mut occurred =
            self.alerts.iter().map(|view| &view.alert).filter(|alert| !alert.forecast).peekable();
        let warned = occurred.peek().is_some();
        if occurred.any(|alert| alert.severity == Severity::Critical) {
            Worst::Critical
        } else if !self.service_calls.is_empty() {
            Worst::ServiceCall
        } else if !self.orders.is_empty() {
            Worst::Order
        } else if self.is_overdue() {
            Worst::Overdue
        } else if warned || self.watches.iter().any(|view| view.kind != WatchKind::Contact) {
            Worst::Warning
        } else if !self.alerts.is_empty() {
            Worst::Forecast
        } else if silent {
            Worst::Silent
        } else {
            Worst::Fine
        }
    }
}

impl SupplyView {
    pub(super) fn of(reading: SupplyReading) -> Self {
        let (percent, low, wrong) = (reading.percent(), reading.is_low(), reading.is_wrong());
        Self { reading, percent, low, wrong }
    }

    /// Whether somebody must bring more of it; a full waste box is another errand.
    pub(super) fn needs_refill(&self) -> bool {
        self.low && !self.reading.is_receptacle()
    }
}

impl DeviceView {
    /// A device with what is open there.
    pub(super) fn new(
        record: DeviceRecord,
        contact: Contact,
        due: Option<Timestamp>,
        open: Open,
        now: Timestamp,
    ) -> Self {
        let late = open.watches.iter().any(|view| view.kind == WatchKind::Freshness);
        let freshness = record.readings_taken.zip(record.readings_received).map(|(taken, received)| {
            let age_seconds = age(&taken, received, now);
            Freshness { age_seconds, taken, received, due, late }
        });
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
            parts: readings
                .parts
                .into_iter()
                .map(|reading| PartView {
                    percent_left: reading.percent_left(),
                    low: reading.is_low(),
                    reading,
                })
                .collect(),
            temperatures: readings
                .temperatures
                .into_iter()
                .map(|reading| TemperatureView { beyond: reading.beyond(), reading })
                .collect(),
            switches: readings
                .switches
                .into_iter()
                .map(|reading| SwitchView {
                    state: reading.state(),
                    needs_attention: reading.needs_attention(),
                    reading,
                })
                .collect(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::date::Dated;
    use crate::sample;
    use crate::store::OrderState;
    use crate::watch::{Finding, Standing};
    use platen_protocol::alert::Alert;
    use platen_protocol::device_to_manager::EnteredBy;
    use platen_protocol::readings::ExpectedSupply;
    use platen_protocol::supply::SupplyType;

    const NOW: &str = "2026-11-22T10:00:30Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn alert(severity: Severity) -> AlertView {
        AlertView {
            device: "d".parse().unwrap(),
            open: true,
            raised: now(),
            raised_dated: Dated { at: now(), by: None },
            cleared: None,
            cleared_dated: None,
            cleared_because: None,
            simulated: true,
            alert: Alert { severity, ..sample::toner_low("a", 4) },
        }
    }

    fn order() -> OrderView {
        OrderView {
            id: 1,
            order: "o1".parse().unwrap(),
            device: "d".parse().unwrap(),
            received: now(),
            dated: Dated { at: now(), by: None },
            simulated: true,
            supply: SupplyView::of(sample::full_supply(4)),
            quantity: 2,
            note: None,
            entered_by: EnteredBy::Button,
            state: OrderState::New,
            open: true,
            changed: None,
            changed_by: None,
        }
    }

    fn worst(contact: ContactState, alerts: Vec<AlertView>, orders: Vec<OrderView>) -> Worst {
        Open { alerts, orders, ..Open::default() }.worst(contact)
    }

    #[test]
    fn what_stops_printing_comes_before_a_warning_and_silence_before_nothing() {
        let warned = || alert(Severity::Warning);
        assert_eq!(
            worst(ContactState::Parked, vec![warned(), alert(Severity::Critical)], vec![order()]),
            Worst::Critical
        );
        assert_eq!(worst(ContactState::Parked, vec![warned()], vec![order()]), Worst::Order);
        assert_eq!(worst(ContactState::Silent, vec![warned()], vec![]), Worst::Warning);
        assert_eq!(worst(ContactState::Silent, vec![], vec![]), Worst::Silent);
        assert_eq!(worst(ContactState::Never, vec![], vec![]), Worst::Silent);
        assert_eq!(worst(ContactState::Recent, vec![], vec![]), Worst::Fine);
        let order = [Worst::Critical, Worst::ServiceCall, Worst::Order, Worst::Overdue, Worst::Warning];
        assert!(order.is_sorted() && Worst::Warning < Worst::Forecast && Worst::Forecast < Worst::Silent);
    }

    #[test]
    fn a_device_that_is_overdue_comes_before_its_old_warnings_and_a_frozen_sensor_is_a_warning() {
        let watched = |finding: Finding, overdue| {
            let watches =
                vec![WatchView::new("d".parse().unwrap(), Standing { finding, begun: now(), overdue })];
            Open { watches, alerts: vec![], ..Open::default() }
        };
        let away = |overdue| watched(Finding::Contact { last_contact: now() }, overdue);
        assert_eq!(away(None).worst(ContactState::Silent), Worst::Silent);
        let mut overdue = away(Some(now()));
        overdue.alerts.push(alert(Severity::Warning));
        assert_eq!(overdue.worst(ContactState::Silent), Worst::Overdue);
        let late = watched(Finding::Freshness { received: now(), within_seconds: 900 }, Some(now()));
        assert_eq!(late.worst(ContactState::Parked), Worst::Warning);
    }

    #[test]
    fn what_may_happen_stops_nothing_however_bad_it_would_be() {
        let mut coming = alert(Severity::Critical);
        coming.alert.forecast = true;
        assert_eq!(worst(ContactState::Parked, vec![coming.clone()], vec![]), Worst::Forecast);
        assert_eq!(
            worst(ContactState::Parked, vec![coming, alert(Severity::Warning)], vec![]),
            Worst::Warning
        );
    }

    #[test]
    fn what_stands_comes_before_what_may_happen_and_the_worse_before_the_newer() {
        let mut coming = alert(Severity::Critical);
        coming.alert.forecast = true;
        coming.raised = now() + jiff::SignedDuration::from_secs(60);
        let mut newer = alert(Severity::Warning);
        newer.raised = now() + jiff::SignedDuration::from_secs(1);
        let alerts = vec![coming, alert(Severity::Warning), newer, alert(Severity::Critical)];
        let open = Open { alerts, ..Open::default() }.in_order();
        let seen: Vec<_> =
            open.alerts.iter().map(|view| (view.alert.forecast, view.alert.severity, view.raised)).collect();
        let warning = |seconds| (false, Severity::Warning, now() + jiff::SignedDuration::from_secs(seconds));
        assert_eq!(&seen[..3], [(false, Severity::Critical, now()), warning(1), warning(0)]);
        assert!(seen[3].0, "the forecast is last");
    }

    #[test]
    fn a_supply_is_low_by_whichever_set_value_it_reaches_first() {
        let low = |pages, days| {
            let reading = SupplyReading { set_pages: pages, set_days: days, ..sample::full_supply(50) };
            SupplyView::of(reading).low
        };
        assert!(!low(Some(1199), Some(14)), "about 1200 pages and 15 days are left");
        assert!(low(Some(1200), None) && low(None, Some(15)));
        assert!(!low(Some(0), Some(0)), "0 is never");
        assert!(SupplyView::of(sample::supply(5)).low, "by percent");
    }

    #[test]
    fn a_cartridge_is_wrong_only_when_it_says_so_itself() {
        let wrong = |change: fn(&mut SupplyReading)| {
            let mut supply = sample::full_supply(50);
            change(&mut supply);
            SupplyView::of(supply).wrong
        };
        assert!(!wrong(|_| ()) && !wrong(|supply| supply.expected = None));
        assert!(!wrong(|supply| supply.colorant = Some("BLACK".into())));
        assert!(!wrong(|supply| (supply.supply_type, supply.colorant) = (SupplyType::Unknown, None)));
        assert!(!wrong(|supply| supply.supply_type = SupplyType::Toner), "a toner cartridge is toner");
        assert!(wrong(|supply| supply.colorant = Some("cyan".into())));
        assert!(wrong(|supply| supply.supply_type = SupplyType::Developer));
        assert!(!wrong(|supply| {
            supply.expected = Some(ExpectedSupply { supply_type: None, colorant: None });
        }));
    }

    #[test]
    fn a_clock_that_nobody_vouches_for_does_not_age_readings() {
        let received = "2026-11-22T10:00:20Z".parse().unwrap();
        let mut taken = sample::utilisation(1, 50).taken;
        assert_eq!(age(&taken, received, now()), 30);
        taken.clock = ClockQuality::Unsynchronised;
        assert_eq!(age(&taken, received, now()), 10);
        taken.clock = ClockQuality::Synchronised;
        taken.wall = "2099-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(age(&taken, received, now()), 10);
    }
}
