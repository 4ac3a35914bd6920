//! Whether a database is what this manager writes: the engine's own check, and what must hold of the rows.

use std::path::Path;

use jiff::Timestamp;
use platen_protocol::device_to_manager::Report;

use super::engine::{Connection, Location, Purpose, values};
use super::journal::Journal;
use super::statements::restored as statements;
use super::{LogLimits, Replayed, StoreError, copy, from_integer, from_json, migrate, replayed};

/// Reports that are read at once: in between nobody is held up.
const AT_ONCE: i64 = 10_000;
/// Findings of one kind that are told one by one.
const MAX_TOLD: usize = 10;

/// What was found in a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreCheck {
    /// How many devices it knows.
    pub devices: u64,
    /// How many reports it holds.
    pub reports: u64,
    /// How many gaps.
    pub gaps: u64,
    /// What is wrong, for people.
    pub wrong: Vec<String>,
}

/// What was found in a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalCheck {
    /// Things that are written there.
    pub entries: usize,
    /// Lines that cannot be read.
    pub damaged: usize,
}

/// The newest version of the tables that this manager knows.
pub fn newest_version() -> u32 {
    migrate::known()
}

/// Looks at a database, whether or not a manager writes to it. `told` hears how many of how many reports were read.
pub fn check_store(location: &Location, told: &mut dyn FnMut(u64, u64)) -> Result<StoreCheck, StoreError> {
    let connection = Connection::open(location, LogLimits::default(), Purpose::Read)?;
    let mut check = StoreCheck::default();
    if let Some(sqlite) = connection.sqlite() {
        let findings = copy::integrity(sqlite)?;
        if !findings.is_empty() {
            check.wrong = findings;
            // What else is asked of such a file has no meaning.
            return Ok(check);
        }
        let mut dangling = 0_u64;
        connection.each(statements::FOREIGN_KEYS, values![], |_| {
            dangling += 1;
            Ok(())
        })?;
        if dangling > 0 {
            check.wrong.push(format!("{dangling} rows refer to rows that are not there"));
        }
    }
    (check.devices, check.reports, check.gaps) = connection.row(statements::COUNTS, values![], |row| {
        Ok((from_integer(row.get(0)?), from_integer(row.get(1)?), from_integer(row.get(2)?)))
    })?;
    for (statement, words) in [
        (statements::BROKEN_CHAINS, "reports follow a report of another outbox, or a later one"),
        (statements::AHEAD, "outboxes have reports beyond what is acknowledged"),
        (statements::OVERLAPS, "gaps end before they begin"),
    ] {
        let count: i64 = connection.row(statement, values![], |row| row.get(0))?;
        if count > 0 {
            check.wrong.push(format!("{count} {words}"));
        }
    }
    bodies(&connection, &mut check, told)?;
    Ok(check)
}

fn bodies(
    connection: &Connection,
    check: &mut StoreCheck,
    told: &mut dyn FnMut(u64, u64),
) -> Result<(), StoreError> {
    let (mut after, mut read, mut bad) = (0_i64, 0_u64, 0_usize);
    loop {
        let (before, from) = (read, after);
        connection.each(statements::BODIES, values![from, AT_ONCE], |row| {
            let (key, sequence, body): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            (after, read) = (key, read + 1);
            let wrong = match from_json::<Report>("report", &body) {
                Ok(report) if report.sequence == from_integer(sequence) => return Ok(()),
                Ok(report) => {
                    format!("it says that its sequence is {}, and is stored as {sequence}", report.sequence)
                }
                Err(error) => error.to_string(),
            };
            bad += 1;
            if bad <= MAX_TOLD {
                check.wrong.push(format!("report {key}: {wrong}"));
            }
            Ok(())
        })?;
        told(read, check.reports.max(read));
        if read == before {
            break;
        }
    }
    if bad > MAX_TOLD {
        check.wrong.push(format!("{} more reports cannot be read", bad - MAX_TOLD));
    }
    Ok(())
}

/// Looks at the journal in a state directory.
pub fn check_journal(directory: &Path) -> Result<JournalCheck, StoreError> {
    let rest = Journal::open(directory)?.from(0)?;
    let entries = rest.transactions.iter().map(Vec::len).sum();
    Ok(JournalCheck { entries, damaged: rest.damaged })
}

/// A database that was brought back, holding the moment `made`: it is brought to this version, does again what the
/// journal in a directory knows more, and knows what it is.
pub fn bring_back_store(
    location: &Location,
    journal: &Path,
    made: Timestamp,
    now: Timestamp,
) -> Result<Replayed, StoreError> {
    let connection = Connection::open(location, LogLimits::default(), Purpose::Write)?;
    migrate::migrate(&connection)?;
    replayed::bring_back(&connection, &Journal::open(journal)?, made, now)
}

/// Whether a database holds no tables of a manager yet.
pub fn is_empty_store(location: &Location) -> Result<bool, StoreError> {
    let connection = Connection::open(location, LogLimits::default(), Purpose::Read)?;
    let there = connection.text(
        "SELECT 1 FROM sqlite_schema WHERE name = 'migrations'",
        "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'migrations'",
    );
    Ok(!connection.exists(there, values![])?)
}
