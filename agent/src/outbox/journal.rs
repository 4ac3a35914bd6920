//! The journal of commands: written before a command is acted on and after it ended, so that one that
//! is delivered twice acts once.

use std::collections::HashSet;

use platen_protocol::device_to_manager::Outcome;
use platen_protocol::identity::CommandId;
use platen_protocol::manager_to_device::Command;
use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::{Outbox, OutboxError, from_db, to_db};

/// So many commands are remembered; the oldest that ended go first.
pub const MAX_JOURNAL: usize = 500;
/// So many may wait to be carried out. What finds no room is not written down: the manager repeats it
/// until it has an outcome.
pub const MAX_UNFINISHED: usize = 200;

/// What came with a reply, after a look in the journal.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// So many were never seen before: they are written down now, to be acted on.
    pub fresh: usize,
    /// Ended long ago, and yet the manager asks: the outcome was lost on the way, and is told again.
    pub lost: Vec<Outcome>,
}

/// A command whose entry in the journal cannot be read: by a fault of the card, or because a newer version of the
/// agent wrote it.
#[derive(Debug, PartialEq, Eq)]
pub struct DamagedCommand {
    /// The id under which the manager waits for its outcome.
    pub id: CommandId,
    /// What is wrong with its text.
    pub cause: String,
}

impl Outbox {
    /// Writes commands down and says which are to be acted on. `asked_at` is [`Outbox::mark`] when the
    /// request went out that brought them: an outcome that was delivered only after that is not lost,
    /// the manager just had not seen it yet.
    pub fn receive(&mut self, commands: &[Command], asked_at: u64) -> Result<Received, OutboxError> {
        self.durably(|outbox| outbox.write_down(commands, asked_at))
    }

    fn write_down(&mut self, commands: &[Command], asked_at: u64) -> Result<Received, OutboxError> {
        let mut received = Received::default();
        let change = self.db.transaction()?;
        let waiting: i64 =
            change.query_row("SELECT count(*) FROM journal WHERE outcome IS NULL", [], |row| row.get(0))?;
        let room = MAX_UNFINISHED.saturating_sub(usize::try_from(waiting).unwrap_or(MAX_UNFINISHED));
        for command in commands {
            match look_up(&change, &command.id)? {
                None if received.fresh >= room => {
                    tracing::warn!(command = %command.id, "{MAX_UNFINISHED} commands are waiting already: this one will be accepted later");
                }
                None => {
                    change.execute(
                        "INSERT INTO journal (command_id, command) VALUES (?1, ?2)",
                        (command.id.as_str(), serde_json::to_string(command)?),
                    )?;
                    received.fresh += 1;
                }
                Some(Some((outcome, place)))
                    if place <= asked_at && !self.state.held.contains_key(&place) =>
                {
                    received.lost.push(outcome);
                }
                Some(_) => {}
            }
        }
        if received.fresh == 0 {
            return Ok(received);
        }
        prune(&change, commands)?;
        change.commit()?;
        Ok(received)
    }

    /// The command that is to be carried out next: the oldest that was written down and has not ended. One that
    /// cannot be read holds up none behind it: it is named, so that an outcome ends it.
    pub fn next_unfinished(&mut self) -> Result<Option<Result<Command, DamagedCommand>>, OutboxError> {
        self.durably(|outbox| {
            loop {
                let found: Option<(i64, String, String)> = outbox
                    .db
                    .prepare_cached(
                        "SELECT number, command_id, command FROM journal WHERE outcome IS NULL ORDER BY number LIMIT 1",
                    )?
                    .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                    .optional()?;
                let Some((number, id, text)) = found else { return Ok(None) };
                match (serde_json::from_str(&text), CommandId::try_from(id)) {
                    (Ok(command), _) => return Ok(Some(Ok(command))),
                    (Err(cause), Ok(id)) => return Ok(Some(Err(DamagedCommand { id, cause: cause.to_string() }))),
                    (Err(cause), Err(_)) => {
                        tracing::error!(
                            "entry {number} of the journal of commands is damaged ({cause}) and is removed; the manager sends its command again"
                        );
                        outbox.db.execute("DELETE FROM journal WHERE number = ?1", [number])?;
                    }
                }
            }
        })
    }

    /// Commands that were written down and have not ended, oldest first.
    pub fn unfinished(&self) -> Result<Vec<Command>, OutboxError> {
        let mut query =
            self.db.prepare("SELECT command FROM journal WHERE outcome IS NULL ORDER BY number")?;
        let texts = query.query_map([], |row| row.get::<_, String>(0))?;
        texts.map(|text| Ok(serde_json::from_str(&text?)?)).collect()
    }
}

type Ended = Option<(Outcome, u64)>;

fn look_up(db: &Connection, id: &CommandId) -> Result<Option<Ended>, OutboxError> {
    let found: Option<(Option<String>, Option<i64>)> = db
        .prepare_cached("SELECT outcome, outcome_place FROM journal WHERE command_id = ?1")?
        .query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((outcome, place)) = found else { return Ok(None) };
    let outcome = outcome.and_then(|text| {
        // It ended, and is not carried out again; how it ended nobody can tell, and other commands go on.
        let damaged =
            |cause| tracing::error!(command = %id, "its outcome cannot be read in the journal: {cause}");
        serde_json::from_str(&text).map_err(damaged).ok()
    });
    Ok(Some(outcome.map(|outcome| (outcome, place.map_or(0, from_db)))))
}

pub(super) fn finish(db: &Connection, outcome: &Outcome, place: u64) -> Result<(), OutboxError> {
    db.prepare_cached("UPDATE journal SET outcome = ?1, outcome_place = ?2 WHERE command_id = ?3")?
        .execute((serde_json::to_string(outcome)?, to_db(place), outcome.command_id.as_str()))?;
    Ok(())
}

/// Forgets the oldest that ended, but none that the manager has just repeated.
fn prune(db: &Connection, repeated: &[Command]) -> Result<(), OutboxError> {
    let count: i64 = db.query_row("SELECT count(*) FROM journal", [], |row| row.get(0))?;
    let too_many = usize::try_from(count).unwrap_or(0).saturating_sub(MAX_JOURNAL);
    if too_many == 0 {
        return Ok(());
    }
    let keep: HashSet<&str> = repeated.iter().map(|command| command.id.as_str()).collect();
    let mut query =
        db.prepare("SELECT number, command_id FROM journal WHERE outcome IS NOT NULL ORDER BY number")?;
    let ended: Vec<(i64, String)> =
        query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (number, _) in ended.iter().filter(|(_, id)| !keep.contains(id.as_str())).take(too_many) {
        db.execute("DELETE FROM journal WHERE number = ?1", [number])?;
    }
    Ok(())
}

/// A line of the journal, as it is kept.
pub(super) type Line = (i64, String, String, Option<String>, Option<i64>);

/// As much of the journal as can be read.
pub(super) fn read_all(db: &Connection) -> Vec<Line> {
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
pub(super) fn write_all(change: &Transaction<'_>, journal: &[Line]) -> Result<(), OutboxError> {
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
pub(super) fn add_all(change: &Transaction<'_>, journal: &[Line]) -> Result<(), OutboxError> {
    let mut insert = change.prepare_cached(
        "INSERT OR REPLACE INTO journal (command_id, command, outcome, outcome_place) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (_, id, command, outcome, place) in journal {
        insert.execute((id, command, outcome, place))?;
    }
    Ok(())
}
