//! Lets go of what is old: a few rows in each transaction, between those of reports.
//!
//! Reports are let go of in the order of their keys, those that come at an interval first: so the chain of an epoch ends
//! where these end, and what is kept longer behind that is found by its own index. What is shown of a device now, and
//! what a person asked for there, keeps its report.

mod partitions;
mod statements;

use std::collections::BTreeMap;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

pub(super) use self::statements::{ALL, ALL_POSTGRES, ALL_SQLITE};
use super::engine::{Connection, Value, values};
use super::records::id;
use super::statements::{now, orders};
use super::writer::WriteContext;
use super::{Store, StoreError, from_integer, statements as others};
use crate::history::Resolution;
use crate::retention::Reports;

/// Reports are gone through from the beginning again after so many days, for what kept one of them may be gone.
const FROM_THE_BEGINNING_AFTER_MS: i64 = 7 * crate::history::DAY_MS;
/// Below so many free pages of a database file none is given back: they are used again.
const FREE_PAGES_KEPT: i64 = 1_024;
/// Nor below this part of its pages.
const FREE_PART_KEPT: i64 = 10;

/// A list of what is kept for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Alerts that have ended.
    Alerts,
    /// Service calls that are handled.
    ServiceCalls,
    /// Orders that are delivered or cancelled.
    Orders,
    /// Supplies and parts that were changed.
    Replacements,
    /// Commands that have ended.
    Commands,
    /// Findings of watches that are over.
    Watches,
    /// What devices lost.
    Losses,
    /// What operators were to be told.
    Notices,
    /// Signs of clones that were dismissed.
    Clones,
    /// What was done to identities.
    IdentityLog,
    /// Sessions of operators, by their end.
    Sessions,
    /// Enrolment tokens that were used or have ended.
    Tokens,
    /// What needed a person and is over.
    NowItems,
}

impl Kept {
    fn statement(self) -> &'static str {
        match self {
            Self::Alerts => statements::ALERTS,
            Self::ServiceCalls => statements::SERVICE_CALLS,
            Self::Orders => statements::ORDERS,
            Self::Replacements => statements::REPLACEMENTS,
            Self::Commands => statements::COMMANDS,
            Self::Watches => statements::WATCHES,
            Self::Losses => statements::LOSSES,
            Self::Notices => statements::NOTICES,
            Self::Clones => statements::CLONES,
            Self::IdentityLog => statements::IDENTITY_LOG,
            Self::Sessions => statements::SESSIONS,
            Self::Tokens => statements::TOKENS,
            Self::NowItems => now::LET_GO,
        }
    }
}

/// How far a job is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobMark {
    /// The key up to which it has come.
    pub key: i64,
    /// When it began, or was done.
    pub at: i64,
}

/// What one step of letting go of reports did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportsStep {
    /// Whether there is nothing more to look at for now.
    pub done: bool,
    /// How many were let go of.
    pub deleted: u64,
    /// How many bytes that was, by their devices.
    pub freed: BTreeMap<DeviceId, u64>,
}

/// Which reports.
#[derive(Debug, Clone, Copy)]
pub struct ReportsToLetGo {
    /// Of the kinds that are kept for so many days.
    pub days: u32,
    /// How long each kind is kept.
    pub kinds: Reports,
    /// What came in before this.
    pub before: i64,
    /// And is no newer than this one: what is in it must have been gathered first.
    pub upto: i64,
    /// Looked at at once.
    pub rows: u32,
    /// Now.
    pub now: i64,
}

/// The mark of the job for kinds that are kept for so long.
fn name_of(days: u32) -> String {
    format!("reports kept for {days} days")
}

/// Where all reports of a device are still to be found by going back from the newest.
pub(super) fn chains_begin(connection: &Connection) -> Result<i64, StoreError> {
    let found = connection.one(statements::MARK, values![CHAINS], |row| row.get(0))?;
    Ok(found.unwrap_or(0))
}

/// The name of the mark behind which reports at an interval were let go of.
const CHAINS: &str = "chains of reports";

fn mark(connection: &Connection, name: &str) -> Result<JobMark, StoreError> {
    let found = connection
        .one(statements::MARK, values![name], |row| Ok(JobMark { key: row.get(0)?, at: row.get(1)? }))?;
    Ok(found.unwrap_or_default())
}

fn set_mark(connection: &Connection, name: &str, mark: JobMark) -> Result<(), StoreError> {
    connection.execute(statements::SET_MARK, values![name, mark.key, mark.at])?;
    Ok(())
}

struct Candidate {
    key: i64,
    kind: String,
    received: i64,
    bytes: i64,
    device: String,
    is_needed: bool,
}

fn let_go_of_reports(connection: &Connection, what: &ReportsToLetGo) -> Result<ReportsStep, StoreError> {
    let name = name_of(what.days);
    let mut place = mark(connection, &name)?;
    let newest: i64 = connection.row(statements::NEWEST_REPORT, &[], |row| row.get(0))?;
    let end = newest.min(what.upto.saturating_add(1));
    let candidates = connection.all(statements::REPORTS, values![place.key, end, what.rows], |row| {
        Ok(Candidate {
            key: row.get(0)?,
            kind: row.get(1)?,
            received: row.get(2)?,
            bytes: row.get(3)?,
            device: row.get(4)?,
            is_needed: row.get(5)?,
        })
    })?;
    let looked_at_all = candidates.len() < what.rows as usize;
    let mut step = ReportsStep::default();
    let mut gone: Vec<Vec<Value<'_>>> = Vec::new();
    for candidate in candidates {
        if candidate.received >= what.before {
            step.done = true;
            break;
        }
        place.key = candidate.key;
        if what.kinds.days(&candidate.kind) != what.days || candidate.is_needed {
            continue;
        }
        gone.push(vec![Value::Integer(candidate.key)]);
        step.deleted += 1;
        if let Ok(device) = id("device", candidate.device) {
            *step.freed.entry(device).or_default() += from_integer(candidate.bytes);
        }
    }
    step.done |= looked_at_all;
    connection.execute_all(&others::DELETE_REPORT, &gone)?;
    if what.days == what.kinds.readings_days {
        let chains = mark(connection, CHAINS)?;
        if place.key > chains.key {
            set_mark(connection, CHAINS, JobMark { key: place.key, at: what.now })?;
        }
    }
    if place.at == 0 {
        place.at = what.now;
    } else if step.done && what.now.saturating_sub(place.at) >= FROM_THE_BEGINNING_AFTER_MS {
        place = JobMark { key: 0, at: what.now };
    }
    set_mark(connection, &name, place)?;
    Ok(step)
}

impl Store {
    /// How many pieces of work wait to be written.
    pub fn waiting(&self) -> usize {
        self.writer.waiting()
    }

    /// How far a job is.
    pub async fn job_mark(&self, name: &'static str) -> Result<JobMark, StoreError> {
        self.readers.clone().read(move |connection| mark(connection, name)).await
    }

    /// Remembers how far a job is.
    pub async fn set_job_mark(&self, name: &'static str, place: JobMark) -> Result<(), StoreError> {
        self.writer
            .write(move |context: &mut WriteContext<'_>| set_mark(context.connection, name, place))
            .await
    }

    /// The newest report.
    pub async fn newest_report(&self) -> Result<i64, StoreError> {
        let find = |connection: &Connection| connection.row(statements::NEWEST_REPORT, &[], |row| row.get(0));
        self.readers.clone().read(find).await
    }

    /// Lets go of some old reports.
    pub async fn let_go_of_reports(&self, what: ReportsToLetGo) -> Result<ReportsStep, StoreError> {
        let act = move |context: &mut WriteContext<'_>| let_go_of_reports(context.connection, &what);
        self.writer.write(act).await
    }

    /// Lets go of at most so many rows of a list, from before a moment; how many that were.
    pub async fn let_go(&self, what: Kept, before: i64, rows: u32) -> Result<u64, StoreError> {
        let act = move |context: &mut WriteContext<'_>| {
            if what == Kept::ServiceCalls {
                context.connection.execute(statements::SERVICE_CALL_ACTS, values![before, rows])?;
            }
            if what == Kept::Orders {
                context.connection.execute(statements::UNMERGE_ORDERS, values![before, rows])?;
                context.connection.execute(orders::LET_GO_ACTS, values![before, rows])?;
            }
            if what == Kept::Replacements {
                context.connection.execute(orders::FORGET_CARTRIDGES, values![before, rows])?;
            }
            if what == Kept::NowItems {
                context.connection.execute(now::LET_GO_ACTS, values![before, rows])?;
            }
            context.connection.execute(what.statement(), values![before, rows])
        };
        self.writer.write(act).await
    }

    /// Lets go of at most so many blocks of history that begin before a moment; how many that were.
    pub async fn let_go_of_history(
        &self,
        resolution: Resolution,
        before: i64,
        rows: u32,
    ) -> Result<u64, StoreError> {
        let act = move |context: &mut WriteContext<'_>| {
            let (sqlite, postgres) = match resolution {
                Resolution::Raw => statements::RAW,
                Resolution::Hour => statements::HOURS,
                Resolution::Day => statements::DAYS,
            };
            let statement = context.connection.text(sqlite, postgres);
            context.connection.execute(statement, values![before, rows])
        };
        self.writer.write(act).await
    }

    /// Makes partitions for what comes, and drops those of which nothing is kept any more. SQLite has none.
    pub async fn look_after_partitions(
        &self,
        settings: crate::history::Settings,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let act = move |context: &mut WriteContext<'_>| {
            partitions::look_after(context.connection, &settings, now.as_millisecond())
        };
        self.writer.write(act).await
    }

    /// Gives at most so many free pages of SQLite's file back to the file system; whether there are more to give.
    pub async fn give_space_back(&self, pages: u32) -> Result<bool, StoreError> {
        let act = move |context: &mut WriteContext<'_>| {
            let connection = context.connection;
            let Connection::Sqlite(_) = connection else { return Ok(false) };
            let number = |statement| connection.row(statement, &[], |row| row.get::<i64>(0));
            if number(statements::GIVES_BACK)? != 2 {
                return Ok(false);
            }
            let kept = FREE_PAGES_KEPT.max(number(statements::PAGES)? / FREE_PART_KEPT);
            let spare = number(statements::FREE_PAGES)?.saturating_sub(kept);
            if spare <= 0 {
                return Ok(false);
            }
            let some = spare.min(i64::from(pages));
            connection.each(&format!("PRAGMA incremental_vacuum({some})"), &[], |_| Ok(()))?;
            Ok(spare > some)
        };
        self.writer.write(act).await
    }
}
