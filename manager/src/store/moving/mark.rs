//! The mark of a move, on both sides.

use jiff::Timestamp;

use super::{Connection, MoveError, StoreError, statements, values};
use crate::secret;

/// Bytes of a move's name, by which both sides know each other.
const ID_BYTES: usize = 16;
/// Tables that hold something as soon as anything was ever stored.
const FIRST_FILLED: [&str; 2] = ["devices", "operators"];

/// How far a move has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Rows go over.
    Begun,
    /// Nothing is stored in the source any more.
    Closing,
    /// The target is the database.
    Finished,
}

impl State {
    const ALL: [Self; 3] = [Self::Begun, Self::Closing, Self::Finished];

    const fn word(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Closing => "closing",
            Self::Finished => "finished",
        }
    }
}

struct Mark {
    id: String,
    place: String,
    state: State,
}

fn find(connection: &Connection) -> Result<Option<Mark>, StoreError> {
    let has = connection.text(statements::HAS_MOVING, statements::HAS_MOVING_POSTGRES);
    if !connection.exists(has, &[])? {
        return Ok(None);
    }
    connection.one(statements::MOVING, &[], |row| {
        let word: String = row.get(2)?;
        let state = State::ALL.into_iter().find(|state| state.word() == word);
        let state = state.ok_or(StoreError::Word { what: "state of a move", word })?;
        Ok(Mark { id: row.get(0)?, place: row.get(1)?, state })
    })
}

pub(super) fn state(connection: &Connection) -> Result<Option<State>, StoreError> {
    Ok(find(connection)?.map(|mark| mark.state))
}

/// Marks both sides, or finds their marks; the name of the move.
pub(super) fn begin(
    source: &Connection,
    target: &Connection,
    place: &str,
    now: Timestamp,
) -> Result<String, MoveError> {
    let of_source = find(source)?;
    let id = match (&of_source, find(target)?) {
        (Some(here), Some(there)) if here.id == there.id => return Ok(there.id),
        (_, Some(_)) => return Err(MoveError::OfAnother(place.to_owned())),
        (Some(here), None) if here.place != place || here.state != State::Begun => {
            return Err(MoveError::Elsewhere(here.place.clone()));
        }
        (Some(here), None) => here.id.clone(),
        (None, None) => secret::random_hex::<ID_BYTES>()?,
    };
    for table in FIRST_FILLED {
        if target.exists(&format!("SELECT 1 FROM {table} LIMIT 1"), &[])? {
            return Err(MoveError::NotEmpty(place.to_owned()));
        }
    }
    // The source first: a target that is marked has a source that knows it.
    for side in [source, target] {
        side.write(|side| {
            side.batch(statements::CREATE_MOVING)?;
            let marked = find(side)?.is_some();
            if !marked {
                let state = State::Begun.word();
                side.execute(statements::MARK_MOVING, values![id, place, state, now.as_millisecond()])?;
            }
            Ok(())
        })?;
    }
    Ok(id)
}

pub(super) fn set(connection: &Connection, state: State, now: Timestamp) -> Result<(), StoreError> {
    connection.write(|connection| {
        connection.execute(statements::SET_MOVING, values![state.word(), now.as_millisecond()])?;
        Ok(())
    })
}

/// Forgets a move of the source; where it went.
pub(super) fn remove(source: &Connection) -> Result<Option<String>, StoreError> {
    let place = find(source)?.map(|mark| mark.place);
    if place.is_some() {
        source.batch(statements::DROP_MOVING)?;
    }
    Ok(place)
}

/// Refuses a database of SQLite that was moved, or is about to be.
pub(in crate::store) fn refuse_moved(connection: &Connection) -> Result<(), StoreError> {
    match find(connection)? {
        Some(mark) if mark.state == State::Finished => Err(StoreError::Moved { place: mark.place }),
        Some(mark) if mark.state == State::Closing => Err(StoreError::Moving { place: mark.place }),
        _ => Ok(()),
    }
}

/// Refuses a database of PostgreSQL into which another one is being moved.
pub(in crate::store) fn refuse_half(connection: &Connection) -> Result<(), StoreError> {
    match find(connection)? {
        Some(mark) if mark.state != State::Finished => Err(StoreError::HalfMoved),
        _ => Ok(()),
    }
}
