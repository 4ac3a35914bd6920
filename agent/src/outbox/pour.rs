//! Brings all that is known into a database: into memory when the disk fails, and from there to the disk.

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::losses::Grown;
use super::memory::{self, Remembered};
use super::state::{State, write_lost};
use super::{Entry, MAX_REPORT_BYTES, OutboxError, to_db};

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
pub(super) fn rest(
    change: &Transaction<'_>,
    state: &State,
    remembered: &Remembered,
) -> Result<(), OutboxError> {
    change.execute("DELETE FROM lost", [])?;
    for chapter in state.chapters() {
        for run in chapter.losses.iter() {
            write_lost(change, chapter.number, &Grown { run: run.clone(), swallowed: None })?;
        }
    }
    state.late.write_all(change)?;
    let Remembered { alerts, past, settings } = remembered;
    let entry =
        Entry { alerts: Some(alerts), past: Some(past), settings: Some(settings), ..Entry::default() };
    memory::write(change, &entry)?;
    state.write(change)
}

/// A line of the journal, as it is kept.
pub(super) type Line = (i64, String, String, Option<String>, Option<i64>);

/// As much of the journal as can be read.
pub(super) fn read_journal(db: &Connection) -> Vec<Line> {
    let read = || -> rusqlite::Result<Vec<Line>> {
        let mut query = db.prepare(
            "SELECT number, command_id, command, outcome, outcome_place FROM journal ORDER BY number",
        )?;
        let rows = query
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?;
        Ok(rows.map_while(Result::ok).collect())
    };
    read().unwrap_or_default()
}

/// Writes a journal in the place of what is there.
pub(super) fn write_journal(change: &Transaction<'_>, journal: &[Line]) -> Result<(), OutboxError> {
    change.execute("DELETE FROM journal", [])?;
    let mut insert = change.prepare_cached(
        "INSERT INTO journal (number, command_id, command, outcome, outcome_place) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for line in journal {
        insert.execute((line.0, &line.1, &line.2, &line.3, line.4))?;
    }
    Ok(())
}

/// Writes a journal beside what is there.
pub(super) fn add_journal(change: &Transaction<'_>, journal: &[Line]) -> Result<(), OutboxError> {
    let mut insert = change.prepare_cached(
        "INSERT OR REPLACE INTO journal (command_id, command, outcome, outcome_place) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (_, id, command, outcome, place) in journal {
        insert.execute((id, command, outcome, place))?;
    }
    Ok(())
}
