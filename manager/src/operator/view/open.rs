//! What is open at a device. Pure.

use jiff::Timestamp;
use platen_protocol::alert::Severity;
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::OrderView;
use super::call::ServiceCallView;
use super::happened::AlertView;
use super::watched::WatchView;
/// How many things are open at a device. Lists have the first of each kind alone; these count all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct OpenCounts {
    /// Open alerts that stop the printer.
    pub(in super::super) critical: u32,
    /// Open alerts of what has happened and does not stop the printer.
    pub(in super::super) warnings: u32,
    /// Open alerts of what may happen.
    pub(in super::super) forecasts: u32,
    /// Service calls that are not handled.
    pub(in super::super) service_calls: u32,
    /// Orders that are neither delivered nor cancelled.
    pub(in super::super) orders: u32,
    /// What the manager's watches found and is not over, apart from that the device is away.
    pub(in super::super) watches: u32,
}

impl OpenCounts {
    /// All of them.
    pub(in super::super) const fn all(&self) -> u32 {
        self.alerts() + self.service_calls + self.orders
    }

    /// Open alerts.
    pub(in super::super) const fn alerts(&self) -> u32 {
        self.critical + self.warnings + self.forecasts
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::date::Dated;
    use crate::sample;
    use platen_protocol::alert::Alert;

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
