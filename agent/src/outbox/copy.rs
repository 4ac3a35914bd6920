//! Copies all that is known into a database: into memory when the disk fails, and from there to the disk; and
//! merges what is in memory with what a file of an earlier run holds.

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use platen_protocol::device_to_manager::ReportBody;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::losses::Grown;
use super::remembered::{self, Blobs};
use super::state::{State, write_lost};
use super::{MAX_REPORT_BYTES, Outbox, OutboxError, to_db};

/// How hard is tried to make it small: beyond this nothing is won.
const DEFLATE_LEVEL: u8 = 6;

/// The text of a report, if it is there and can be read.
pub(super) fn body(db: &Connection, place: u64) -> Result<Option<String>, OutboxError> {
    let mut query = db.prepare_cached("SELECT body FROM report WHERE place = ?1")?;
    let packed = query.query_row([to_db(place)], |row| {
        Ok(match row.get_ref(0)? {
            ValueRef::Blob(packed) => unpack(packed),
            other => other.as_str().ok().map(ToOwned::to_owned),
        })
    });
    Ok(packed.optional()?.flatten())
}

/// A report as it is kept: its names are most of it, and a card wears by what is written.
pub(super) fn pack(body: &str) -> Vec<u8> {
    compress_to_vec(body.as_bytes(), DEFLATE_LEVEL)
}

fn unpack(packed: &[u8]) -> Option<String> {
    let body = decompress_to_vec_with_limit(packed, MAX_REPORT_BYTES).ok()?;
    String::from_utf8(body).ok()
}

/// Writes a report that has a place.
pub(super) fn put_report(
    change: &Transaction<'_>,
    state: &State,
    place: u64,
    body: &str,
) -> Result<(), OutboxError> {
    let Some(held) = state.held.get(&place) else { return Ok(()) };
    change
        .prepare_cached(
            "INSERT OR REPLACE INTO report (place, chapter, sequence, rank, kind, bytes, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            to_db(place),
            to_db(held.chapter),
            to_db(held.sequence),
            held.rank as i64,
            held.kind,
            to_db(held.bytes),
            pack(body),
        ))?;
    Ok(())
}

/// Writes all but reports and journal: what is there of it counts no more.
pub(super) fn rest(change: &Transaction<'_>, state: &State, kept: &Blobs) -> Result<(), OutboxError> {
    change.execute("DELETE FROM lost", [])?;
    for chapter in state.chapters() {
        for run in chapter.losses.iter() {
            write_lost(change, chapter.number, &Grown { run: run.clone(), swallowed: None })?;
        }
    }
    state.requests.write_all(change)?;
    change.execute("DELETE FROM alerts", [])?;
    change.execute("DELETE FROM past WHERE name = 'present'", [])?;
    remembered::write(change, &kept.all())?;
    state.write(change)
}

impl Outbox {
    /// The disk was out of reach from the beginning and is there now, with a file of an earlier run on it: puts
    /// what the file holds before what memory holds. Alerts that stood then have been told anew under
    /// other names if they still stand, so their old names end. What the manager had set applies again,
    /// unless it has been set otherwise since.
    pub(super) fn merge(&mut self, disk: &Connection) -> Result<State, OutboxError> {
        let earlier = State::load(disk)?;
        let found = remembered::load(disk, self.readers)?;
        self.make_room(&earlier)?;
        let mut state = self.state.clone();
        let open = (!earlier.open.is_done()).then_some(earlier.open);
        state.sealed.splice(0..0, earlier.sealed.into_iter().chain(open));
        state.held.extend(earlier.held);
        state.requests.put_before(earlier.requests);
        state.acknowledged = earlier.acknowledged;
        state.known_time = state.known_time.max(earlier.known_time);
        let ended = found.standing(self.readers)?.into_iter().map(|alert| ReportBody::AlertCleared {
            alert_id: alert.id,
            description: format!("{} is told of anew since the disk was out of reach", alert.subject),
        });
        state.notices.pending.splice(0..0, earlier.notices.pending.into_iter().chain(ended));
        state.notices.alerts_in_doubt |= earlier.notices.alerts_in_doubt;
        if self.remembered.settings.is_empty() {
            self.remembered.settings = found.settings;
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
        rest(&change, &state, &self.remembered)?;
        change.commit()?;
        self.settled(state);
        Ok(())
    }
}
