//! The disk was out of reach from the beginning and is there now, with a file of an earlier run on it: what
//! waits there comes first.

use platen_protocol::device_to_manager::ReportBody;
use rusqlite::Connection;

use super::memory::{self, Remembered};
use super::state::State;
use super::{Outbox, OutboxError, pour, to_db};
use crate::settings::Settings;

impl Outbox {
    /// Puts what the file holds before what memory holds. Alerts that stood then have been told anew under
    /// other names if they still stand, so their old names end. What the manager had set applies again,
    /// unless it has been set otherwise since.
    pub(super) fn join(&mut self, disk: &Connection) -> Result<State, OutboxError> {
        let earlier = State::load(disk)?;
        let Remembered { alerts, settings, .. } = memory::load(disk, &earlier.open.epoch)?;
        self.make_room(&earlier)?;
        let mut state = self.state.clone();
        let open = (!earlier.open.is_done()).then_some(earlier.open);
        state.sealed.splice(0..0, earlier.sealed.into_iter().chain(open));
        state.held.extend(earlier.held);
        state.late.put_before(earlier.late);
        state.acknowledged = earlier.acknowledged;
        state.known_time = state.known_time.max(earlier.known_time);
        let ended = alerts.standing().map(|alert| ReportBody::AlertCleared {
            alert_id: alert.id.clone(),
            description: format!("{} is told of anew since the disk was out of reach", alert.subject),
        });
        state.own.pending.splice(0..0, earlier.own.pending.into_iter().chain(ended));
        state.own.alerts_in_doubt |= earlier.own.alerts_in_doubt;
        if self.remembered.settings == Settings::default() {
            self.remembered.settings = settings;
        }
        Ok(state)
    }

    /// Places and chapters of what is in memory rise above those of the file. Done twice it changes nothing.
    fn make_room(&mut self, earlier: &State) -> Result<(), OutboxError> {
        let mut state = self.state.clone();
        let places = earlier.next_place.saturating_sub(state.first_place());
        let first = state.chapters().next().map_or(1, |chapter| chapter.number);
        let chapters = (earlier.open.number + 1).saturating_sub(first);
        state.shift(places, chapters);
        let change = self.db.transaction()?;
        let shift = [to_db(places), to_db(chapters)];
        change.execute("UPDATE report SET place = -(place + ?1), chapter = chapter + ?2", shift)?;
        change.execute("UPDATE report SET place = -place", [])?;
        change.execute(
            "UPDATE journal SET outcome_place = outcome_place + ?1 WHERE outcome_place > 0",
            [to_db(places)],
        )?;
        pour::rest(&change, &state, &self.remembered)?;
        change.commit()?;
        self.settled(state);
        Ok(())
    }
}
