//! Puts reports in, in one transaction with what they change.
//!
//! Before them goes what the outbox itself has to report, its notices: that it was replaced, and which alerts stand,
//! after reports of alerts were lost. Otherwise an alert whose end was lost would stay open at the manager for ever.

use std::collections::BTreeMap;

use platen_protocol::alert::Alert;
use platen_protocol::composed;
use platen_protocol::device_to_manager::{LostReason, Report, ReportBody, ServiceCall};
use platen_protocol::limits::MAX_STANDING_ALERTS;
use platen_protocol::stamp::Stamp;
use rusqlite::Transaction;

use super::limits::{
    Held, MAX_REPORT_BYTES, MAX_WAITING_ASKED, RESERVED_FROM_BUTTONS, Rank, kind, to_discard,
};
use super::remembered::{self, Blob, Changed};
use super::state::State;
use super::{Entry, Finished, NewReport, Outbox, OutboxError, copy, journal, to_db};
use crate::request::Asked;

/// What was learnt is written at the latest after so long, in milliseconds of the monotonic clock, with the next
/// report; with a change of the alerts at once; and at a clean stop. After a power cut it is learnt again.
const PAST_EVERY_MS: u64 = 6 * 60 * 60 * 1000;
/// The most bytes of alerts in one report that tells which stand; their names come on top.
const MAX_STANDING_BYTES: u64 = 24 * 1024;

impl Outbox {
    /// Keeps what changed, in one transaction; returns the place of the last report, if there are any, to
    /// be compared with [`Self::mark`]. What was acknowledged leaves the file on the way, and what is too
    /// much is discarded.
    ///
    /// # Errors
    /// When too much that people asked for waits, a report is too large, or neither the file nor memory takes it.
    pub fn keep(&mut self, entry: &Entry<'_>) -> Result<Option<u64>, OutboxError> {
        self.refuse_too_much_asked(&entry.reports)?;
        let changed = self.changed(entry)?;
        let kept = self.durably(|outbox| outbox.put(entry, &changed))?;
        if changed.past.is_some() {
            self.past_written = first_stamp(entry).cloned();
        }
        self.remembered.take(changed);
        Ok(kept)
    }

    /// What changes of that which is kept for others.
    fn changed(&self, entry: &Entry<'_>) -> Result<Changed, OutboxError> {
        let past = entry.past.filter(|_| self.past_is_due(entry));
        let text = |blob: Option<&dyn Blob>| blob.map(Blob::text).transpose();
        Ok(Changed { alerts: text(entry.alerts)?, past: text(past)?, settings: entry.settings.clone() })
    }

    fn put(&mut self, entry: &Entry<'_>, changed: &Changed) -> Result<Option<u64>, OutboxError> {
        let mut state = self.state.clone();
        let (limits, takes_room) = (self.limits(), self.takes_room(&state));
        let notices = self.notices(&mut state, entry)?;
        let change = self.db.transaction()?;
        // First, so that what comes takes the place of what goes, in the same page.
        state.forget(&change)?;
        for report in notices.iter().chain(&entry.reports) {
            state.insert(&change, report)?;
        }
        if let Some(Finished { outcome, taken, simulated }) = entry.finished {
            let body = ReportBody::Outcome(outcome.clone());
            let place = state.insert(&change, &NewReport { taken: taken.clone(), simulated, body })?;
            journal::finish(&change, outcome, place)?;
        }
        let room: BTreeMap<u64, Held> = state
            .held
            .iter()
            .filter(|(_, held)| takes_room(held))
            .map(|(place, held)| (*place, *held))
            .collect();
        let gone = to_discard(&room, &limits);
        for place in &gone {
            state.lose(&change, *place, LostReason::OutboxFull)?;
        }
        remembered::write(&change, changed)?;
        state.requests.write(&change)?;
        state.write(&change)?;
        change.commit()?;
        let kept = (state.next_place > self.state.next_place).then_some(state.next_place - 1);
        self.settled(state);
        if let (Some(first), Some(last)) = (gone.first(), gone.last()) {
            self.discarded += gone.len() as u64;
            tracing::warn!(reports = gone.len(), first, last, "the outbox is full: reports were discarded");
        }
        Ok(kept)
    }

    /// Whether what was learnt is written with this: it changes with almost every sample, and is large.
    fn past_is_due(&self, entry: &Entry<'_>) -> bool {
        let (Some(written), Some(now)) = (&self.past_written, first_stamp(entry)) else { return true };
        let since = now.monotonic_ms.saturating_sub(written.monotonic_ms);
        entry.alerts.is_some() || now.boot_id != written.boot_id || since >= PAST_EVERY_MS
    }

    fn refuse_too_much_asked(&self, reports: &[NewReport]) -> Result<(), OutboxError> {
        let new = reports.iter().filter(|report| Rank::of(&report.body).is_asked()).count();
        let waiting = self.state.held.values().filter(|held| held.rank.is_asked()).count();
        let by_button = reports.iter().any(|report| Rank::is_by_button(&report.body));
        let most = MAX_WAITING_ASKED - if by_button { RESERVED_FROM_BUTTONS } else { 0 };
        if new > 0 && waiting + new > most {
            return Err(OutboxError::TooManyAsked { most });
        }
        Ok(())
    }

    /// A change is in the file: it counts.
    pub(super) fn settled(&mut self, mut state: State) {
        state.requests.written();
        self.state = state;
    }

    /// Brings the file up to date with what was acknowledged, and with what the judge has learnt: at a
    /// clean stop.
    ///
    /// # Errors
    /// When neither the file nor memory takes it.
    pub fn settle(&mut self, past: Option<&dyn Blob>) -> Result<(), OutboxError> {
        let past = past.map(Blob::text).transpose()?;
        let changed = Changed { past, ..Changed::default() };
        self.durably(|outbox| outbox.bring_up_to_date(&changed))?;
        self.remembered.take(changed);
        Ok(())
    }

    fn bring_up_to_date(&mut self, changed: &Changed) -> Result<(), OutboxError> {
        let mut state = self.state.clone();
        let change = self.db.transaction()?;
        remembered::write(&change, changed)?;
        state.purge(&change)?;
        change.commit()?;
        self.settled(state);
        Ok(())
    }

    /// Gives up one report.
    pub(super) fn lose(&mut self, place: u64, reason: LostReason) -> Result<(), OutboxError> {
        let mut state = self.state.clone();
        let change = self.db.transaction()?;
        state.lose(&change, place, reason)?;
        state.requests.write(&change)?;
        change.commit()?;
        self.settled(state);
        self.discarded += 1;
        Ok(())
    }
}

fn first_stamp<'e>(entry: &'e Entry<'_>) -> Option<&'e Stamp> {
    entry.moment().map(|(taken, _)| taken)
}

impl State {
    /// Puts a report at the end; its place.
    fn insert(&mut self, change: &Transaction<'_>, report: &NewReport) -> Result<u64, OutboxError> {
        let (place, sequence) = (self.next_place, self.open.next);
        let rank = Rank::of(&report.body);
        let mut body = report.body.clone();
        composed::fit(&mut body);
        let taken = report.taken.clone();
        let body = serde_json::to_string(&Report { sequence, taken, simulated: report.simulated, body })?;
        if body.len() > MAX_REPORT_BYTES {
            return Err(OutboxError::TooLarge { bytes: body.len() });
        }
        let (chapter, kind, bytes) = (self.open.number, kind(&report.body), body.len() as u64);
        self.held.insert(place, Held { chapter, sequence, rank, kind, bytes });
        copy::put_report(change, self, place, &body)?;
        if let Some(asked) = Asked::of(&report.taken, &report.body) {
            self.requests.insert(change, place, asked)?;
        }
        if let ReportBody::ServiceCall(ServiceCall { call_id: Some(id), presses: Some(presses), .. }) =
            &report.body
        {
            self.requests.told(id, *presses);
        }
        self.next_place += 1;
        self.open.next += 1;
        Ok(place)
    }

    /// Takes what is acknowledged out of the file, and brings its one row up to this.
    fn purge(&mut self, change: &Transaction<'_>) -> Result<(), OutboxError> {
        self.requests.write(change)?;
        self.forget(change)?;
        self.write(change)
    }

    /// Takes what is acknowledged out of the file.
    fn forget(&self, change: &Transaction<'_>) -> Result<(), OutboxError> {
        change.prepare_cached("DELETE FROM report WHERE place <= ?1")?.execute([to_db(self.acknowledged)])?;
        let mut delete =
            change.prepare_cached("DELETE FROM lost WHERE chapter < ?1 OR (chapter = ?1 AND last <= ?2)")?;
        let front = self.front();
        delete.execute([to_db(front.number), to_db(front.acknowledged)])?;
        Ok(())
    }
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
            "more alerts are open than one report can list ({MAX_STANDING_ALERTS}): old ones may stay open at the manager"
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
