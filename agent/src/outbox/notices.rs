//! What the outbox itself has to tell: that it was replaced, and which alerts stand, after reports of alerts
//! were lost. Otherwise an alert whose end was lost would stand with the manager for ever.

use platen_protocol::alert::Alert;
use platen_protocol::device_to_manager::{Lost, LostReason, ReportBody};
use platen_protocol::limits::MAX_STANDING_ALERTS;

use super::evict::UNKNOWN_KIND;
use super::state::State;
use super::{Entry, NewReport, Outbox, OutboxError};

/// The most bytes of alerts in one report that tells which stand; their names come on top.
const MAX_STANDING_BYTES: u64 = 24 * 1024;

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
        !self.notices.pending.is_empty() || self.tells_alerts()
    }

    fn tells_alerts(&self) -> bool {
        self.notices.alerts_in_doubt && self.chapters().all(|chapter| chapter.losses.iter().next().is_none())
    }

    /// Takes out what is to be told before anything else; `alerts` are those that stand by the reports so far,
    /// where they are to be told.
    fn take_notices(&mut self, alerts: Option<&[Alert]>, room: u64) -> Vec<ReportBody> {
        let mut bodies = std::mem::take(&mut self.notices.pending);
        if let Some(alerts) = alerts {
            self.notices.alerts_in_doubt = false;
            bodies.extend(standing(alerts, room));
        }
        bodies
    }
}

/// Which alerts stand, and, within so many bytes, what they are, the newest first.
fn standing(alerts: &[Alert], room: u64) -> Option<ReportBody> {
    if alerts.len() > MAX_STANDING_ALERTS {
        tracing::error!(
            "more alerts stand than can be told at once ({MAX_STANDING_ALERTS}): old ones may stay open at the manager"
        );
        return None;
    }
    let standing_alerts = alerts.iter().map(|alert| alert.id.clone()).collect();
    let mut bytes = 0;
    let told = alerts.iter().rev().take_while(|alert| {
        bytes += serde_json::to_vec(alert).map_or(room, |text| text.len() as u64 + 1);
        bytes <= room
    });
    let mut alerts: Vec<Alert> = told.cloned().collect();
    alerts.reverse();
    Some(ReportBody::AlertsStanding { standing_alerts, alerts })
}

impl Outbox {
    /// Whether the outbox itself has something to tell.
    pub fn owes(&self) -> bool {
        self.state.owes()
    }

    /// Whether the manager knows everything: no report waits, none is lost untold, and nothing is owed.
    pub fn has_told_all(&self) -> bool {
        self.state.front().is_done() && self.state.notices.is_nothing()
    }

    /// What the outbox itself has to tell, with the stamp of what is told after it.
    pub(super) fn notices(
        &self,
        state: &mut State,
        entry: &Entry<'_>,
    ) -> Result<Vec<NewReport>, OutboxError> {
        let Some((taken, simulated)) = entry.moment() else { return Ok(Vec::new()) };
        let report = |body| NewReport { taken: taken.clone(), simulated, body };
        let room = MAX_STANDING_BYTES.min(self.limits().max_bytes / 2);
        let alerts = state.tells_alerts().then(|| self.remembered.standing(self.readers)).transpose()?;
        Ok(state.take_notices(alerts.as_deref(), room).into_iter().map(report).collect())
    }
}
