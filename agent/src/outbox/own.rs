//! What the outbox itself has to tell: that it was replaced, and which alerts stand, after reports of alerts
//! were lost. Otherwise an alert whose end was lost would stand with the manager for ever.

use platen_protocol::device_to_manager::{Lost, LostReason, ReportBody};
use platen_protocol::limits::MAX_STANDING_ALERTS;
use serde::{Deserialize, Serialize};

use super::evict::UNKNOWN_KIND;
use super::state::State;
use super::{Entry, NewReport, Outbox};
use crate::judge::Alerts;

/// Kept with the reports until it is one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Own {
    /// Goes before the next report, with its stamp.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) pending: Vec<ReportBody>,
    /// The manager may take other alerts for standing than those that do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) alerts_in_doubt: bool,
}

impl Own {
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether reports that told which alerts stand are among these. Those that the manager refused are told
/// once, for it would refuse them again.
pub(super) fn tells_of_alerts(lost: &Lost) -> bool {
    let kinds = ["alert_raised", "alert_cleared", "alerts_standing", UNKNOWN_KIND];
    lost.reason != LostReason::Refused && kinds.iter().any(|kind| lost.kinds.contains_key(*kind))
}

impl State {
    /// Whether there is something to tell now. Which alerts stand is told once for all losses that the
    /// manager has not heard of yet.
    fn owes(&self) -> bool {
        !self.own.pending.is_empty() || self.tells_alerts()
    }

    fn tells_alerts(&self) -> bool {
        self.own.alerts_in_doubt && self.chapters().all(|chapter| chapter.losses.iter().next().is_none())
    }

    /// Takes out what is to be told before anything else; `alerts` are those that stand by the reports so far.
    pub(super) fn take_own(&mut self, alerts: &Alerts) -> Vec<ReportBody> {
        let tells_alerts = self.tells_alerts();
        let mut bodies = std::mem::take(&mut self.own.pending);
        if tells_alerts {
            self.own.alerts_in_doubt = false;
            bodies.extend(standing(alerts));
        }
        bodies
    }
}

/// Which alerts stand, and each of them once more: the manager takes what it knows for a repeat.
fn standing(alerts: &Alerts) -> Vec<ReportBody> {
    let Some(standing_alerts) = alerts.ids(MAX_STANDING_ALERTS) else {
        tracing::error!(
            "more alerts stand than can be told at once ({MAX_STANDING_ALERTS}): old ones may stay open at the manager"
        );
        return Vec::new();
    };
    let raised = alerts.standing().map(|alert| ReportBody::AlertRaised { alert: alert.clone() });
    std::iter::once(ReportBody::AlertsStanding { standing_alerts }).chain(raised).collect()
}

impl Outbox {
    /// Whether the outbox itself has something to tell.
    pub fn owes(&self) -> bool {
        self.state.owes()
    }

    /// What the outbox itself has to tell, with the stamp of what is told after it.
    pub(super) fn own_reports(&self, state: &mut State, entry: &Entry<'_>) -> Vec<NewReport> {
        let Some((taken, simulated)) = entry.moment() else { return Vec::new() };
        let report = |body| NewReport { taken: taken.clone(), simulated, body };
        state.take_own(&self.remembered.alerts).into_iter().map(report).collect()
    }
}
