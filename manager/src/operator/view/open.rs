//! What is open at a device, and the worst of it, by which the fleet's page is ordered. Pure.

use jiff::Timestamp;
use platen_protocol::alert::Severity;
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::{OrderView, ServiceCallView};
use super::happened::AlertView;
use super::watched::WatchView;
use crate::contact::ContactState;
use crate::watch::WatchKind;

/// The worst that is the matter with a device; the order is that of the fleet's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Worst {
    /// A critical alert is open: the printer does not print.
    Critical,
    /// A person at the device waits for an answer.
    ServiceCall,
    /// A person at the device waits for a supply.
    Order,
    /// It is away for so long that somebody should look after it: what else is known of it is old.
    Overdue,
    /// A warning is open, or a watch found something.
    Warning,
    /// Nothing has happened, but something is forecast.
    Forecast,
    /// It has not been in contact for long, or never.
    Silent,
    /// Nothing is the matter.
    Fine,
}

impl Worst {
    /// A word for the style sheet.
    pub(in super::super) const fn class(self) -> &'static str {
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
    pub(in super::super) const fn words(self) -> &'static str {
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

/// What is open at one device.
#[derive(Debug, Default)]
pub(in super::super) struct Open {
    pub(in super::super) lost_lately: u64,
    pub(in super::super) watches: Vec<WatchView>,
    pub(in super::super) alerts: Vec<AlertView>,
    pub(in super::super) service_calls: Vec<ServiceCallView>,
    pub(in super::super) orders: Vec<OrderView>,
}

/// The place of an alert on a page: what has happened before what may, the worse first, then the newer.
fn rank(view: &AlertView) -> (bool, bool, std::cmp::Reverse<Timestamp>) {
    let critical = view.alert.severity == Severity::Critical;
    (view.alert.forecast, !critical, std::cmp::Reverse(view.raised))
}

impl Open {
    /// Brings the alerts into the order in which people are to see them.
    pub(in super::super) fn in_order(mut self) -> Self {
        self.alerts.sort_by_key(rank);
        self
    }

    pub(super) fn is_overdue(&self) -> bool {
        self.watches.iter().any(|view| view.kind == WatchKind::Contact && view.overdue.is_some())
    }

    /// Ranks it. What may happen stops no printer yet, however bad it would be.
    pub(super) fn worst(&self, contact: ContactState) -> Worst {
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

#[cfg(test)]
mod tests {
    use super::super::readings::SupplyView;
    use super::*;
    use crate::ingest::date::Dated;
    use crate::sample;
    use crate::store::OrderState;
    use crate::watch::{Finding, Standing};
    use platen_protocol::alert::Alert;
    use platen_protocol::device_to_manager::EnteredBy;

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
            again: false,
            duplicate_of: None,
            kept_by: None,
            merged_into: None,
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
}
