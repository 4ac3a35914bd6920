//! Moves a service centre from SQLite to PostgreSQL.
//!
//! What is moved is what the schemas say: each table and column that both have, in an order in which what is referred to
//! comes first ([`tables`]). A table goes over in pieces by its key: the rows of a piece are read on both sides, those that
//! are not the same are written, and the piece is read and compared once more before it is committed ([`pieces`]). So a move
//! that was interrupted is begun again and finds what is there already, and one that was made while the manager served
//! is repeated once it has stopped, and only finds what has changed.
//!
//! Each side has a mark of the move ([`mark`]): half a database is served by nobody, and neither is the old one any more.

mod mark;
mod pieces;
mod statements;
mod tables;

use std::path::Path;

use jiff::Timestamp;

pub(super) use mark::{refuse_half, refuse_moved};

use self::mark::State;
use self::pieces::Pieces;
use super::engine::{Connection, Location, PostgresConfig, Purpose, Value, values};
use super::{LogLimits, StoreError, migrate};
use crate::secret::NoRandom;

/// How far a move has come; each is told before it is done, and whoever hears it can end the move there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// So many rows are to be moved.
    Begin {
        /// Of all tables.
        rows: u64,
    },
    /// What the source has no more is removed from a table.
    Clean(String),
    /// The rows of a table.
    Table(String),
    /// So many rows more are there, and compared.
    Rows(u64),
    /// All is there; new rows are to have keys above those.
    Keys,
    /// The source is not to be served any more.
    Finish,
    /// Both know that the move has ended.
    End,
}

/// Why a move did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// Either side failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing to move.
    #[error("{0}: there is no database of this manager to move")]
    NoSource(String),
    /// The target holds something else.
    #[error(
        "the database ({0}) is not empty: create an empty one for the move, or name the one into which this manager's was begun to be moved"
    )]
    NotEmpty(String),
    /// The target was begun from another source.
    #[error("the database ({0}) holds the half of another manager's move: create an empty one")]
    OfAnother(String),
    /// The source was begun to be moved elsewhere.
    #[error(
        "this manager's database was begun to be moved elsewhere ({0}): go on there, or give that up with `platen-manager store reclaim`"
    )]
    Elsewhere(String),
    /// Both sides have a table that is not the same.
    #[error("the table {table} has {what} on one side only: this is a mistake of the program")]
    Differ {
        /// Which table.
        table: String,
        /// What.
        what: String,
    },
    /// A row of the source cannot be read.
    #[error(
        "{table}, rows from {from} on: one of them cannot be read ({source}): restore a backup of the database and move that"
    )]
    Damaged {
        /// Of which table.
        table: String,
        /// Above which key.
        from: i64,
        /// Why not.
        source: StoreError,
    },
    /// What was written is not what is read.
    #[error("{table}: the row {key} came back from the database other than it was given")]
    NotTheSame {
        /// Of which table.
        table: String,
        /// Its key.
        key: String,
    },
    /// No randomness for its name.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// Whoever listens ended it.
    #[error("the move was interrupted: the same command goes on with it")]
    Interrupted,
}

/// What was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The tables, in the order in which they were moved, with their rows.
    pub tables: Vec<(String, u64)>,
    /// Whether that was the end of it: not if it was done beside a manager that serves.
    pub finished: bool,
}

/// How a move is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// As far as can be done while the manager serves: it has to be run once more when that has stopped.
    Nearly,
    /// To the end. The caller makes sure that no manager serves from the source.
    TheEnd,
}

/// Moves the database at `from`. `told` hears each step, and ends the move by `false`. Blocks, and must not be called
/// on a thread of a runtime.
pub fn migrate_to(
    from: &Path,
    to: &PostgresConfig,
    until: Until,
    now: Timestamp,
    told: &mut dyn FnMut(Step) -> bool,
) -> Result<Moved, MoveError> {
    let place = to.place();
    if !from.exists() {
        return Err(MoveError::NoSource(from.display().to_string()));
    }
    let limits = LogLimits::default();
    let source = Connection::open(&Location::Sqlite(from.to_owned()), limits, Purpose::Write)?;
    let target = Connection::open(&Location::Postgres(Box::new(to.clone())), limits, Purpose::Write)?;
    // The tables of both are this version's, and nobody else uses those of the target.
    migrate::migrate(&source)?;
    migrate::alone(&target)?;
    let id = mark::begin(&source, &target, &place, now)?;
    if mark::state(&target)? == Some(State::Finished) {
        // Interrupted between the two marks; others may have stored in the target since.
        mark::set(&source, State::Finished, now)?;
        return Ok(Moved { tables: Vec::new(), finished: true });
    }
    if until == Until::TheEnd {
        // From here on nothing is stored there any more, or it would stay behind.
        mark::set(&source, State::Closing, now)?;
    }
    let mut tell = |step: Step| if told(step) { Ok(()) } else { Err(MoveError::Interrupted) };
    let tables = tables::in_order(&source, &target)?;
    let mut moved = Vec::new();
    for table in &tables {
        let rows: i64 = source.row(&format!("SELECT count(*) FROM {}", table.name), &[], |row| row.get(0))?;
        moved.push((table.name.clone(), u64::try_from(rows).unwrap_or(0)));
    }
    tell(Step::Begin { rows: moved.iter().map(|(_, rows)| rows).sum() })?;
    // Children before what they refer to.
    for table in tables.iter().rev() {
        tell(Step::Clean(table.name.clone()))?;
        Pieces::new(&source, &target, table).remove_surplus(&mut tell)?;
    }
    for table in &tables {
        tell(Step::Table(table.name.clone()))?;
        Pieces::new(&source, &target, table).carry_over(&mut tell)?;
    }
    tell(Step::Keys)?;
    for table in &tables {
        table.continue_keys(&target)?;
    }
    if until == Until::Nearly {
        return Ok(Moved { tables: moved, finished: false });
    }
    target.batch("ANALYZE")?;
    tell(Step::Finish)?;
    mark::set(&target, State::Finished, now)?;
    tell(Step::End)?;
    mark::set(&source, State::Finished, now)?;
    tracing::info!(%id, place, "the database was moved");
    Ok(Moved { tables: moved, finished: true })
}

/// Takes the database at `from` into use again although it was moved, or begun to be: what was stored elsewhere since stays
/// there. Says where that is.
pub fn reclaim(from: &Path) -> Result<Option<String>, StoreError> {
    let source = Connection::open(&Location::Sqlite(from.to_owned()), LogLimits::default(), Purpose::Write)?;
    mark::remove(&source)
}
