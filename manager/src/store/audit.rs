//! The audit log: entries are added in the transaction of what they tell of, at its end, so that nobody waits for the end of the
//! chain while holding anything else.

use std::sync::Arc;

use jiff::Timestamp;

use super::engine::{Connection, Row, values};
use super::records::time;
use super::statements::audit as statements;
use super::{Store, StoreError};
use crate::audit::{Act, Chain, Entry};
use crate::clock;

/// An entry that is added when the transaction ends.
pub(super) struct Pending {
    pub(super) act: Arc<Act>,
    pub(super) outcome: String,
    /// The record before, as [`crate::audit::state`] writes it.
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

/// Which entries are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only what this operator did.
    pub operator: Option<String>,
    /// Only from this moment on.
    pub from: Option<Timestamp>,
    /// Only until this moment.
    pub until: Option<Timestamp>,
    /// Only what was not done.
    pub refused: bool,
}

/// Adds entries at the end of the chain.
pub(super) fn append(connection: &Connection, pending: Vec<Pending>) -> Result<(), StoreError> {
    if pending.is_empty() {
        return Ok(());
    }
    let at = clock::now();
    let at = Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
    connection.execute(statements::BEGIN_CHAIN, values![])?;
    let held =
        connection.one(connection.text(statements::CHAIN, statements::HOLD_CHAIN), values![], chain_from)?;
    let (mut number, mut previous) = held.ok_or(StoreError::NoRow)?.last;
    for Pending { act, outcome, before, after } in pending {
        number += 1;
        let mut entry = Entry {
            number,
            at,
            operator: act.operator.clone(),
            credential: act.credential.clone(),
            address: act.address.clone(),
            act: act.act.clone(),
            about: act.about.clone(),
            outcome,
            before,
            after,
            hash: String::new(),
        };
        entry.hash = entry.hash(&previous);
        connection.execute(
            statements::ADD,
            values![
                entry.number,
                entry.at.as_millisecond(),
                entry.operator,
                entry.credential,
                entry.address,
                entry.act,
                entry.about,
                entry.outcome,
                entry.before,
                entry.after,
                entry.hash
            ],
        )?;
        previous = entry.hash;
    }
    connection.execute(statements::SET_END, values![number, previous]).map(drop)
}

fn chain_from(row: &Row<'_>) -> Result<Chain, StoreError> {
    Ok(Chain { last: (row.get(0)?, row.get(1)?), cut: (row.get(2)?, row.get(3)?) })
}

fn entry_from(row: &Row<'_>) -> Result<Entry, StoreError> {
    Ok(Entry {
        number: row.get(0)?,
        at: time(row, 1)?,
        operator: row.get(2)?,
        credential: row.get(3)?,
        address: row.get(4)?,
        act: row.get(5)?,
        about: row.get(6)?,
        outcome: row.get(7)?,
        before: row.get(8)?,
        after: row.get(9)?,
        hash: row.get(10)?,
    })
}

impl Store {
    /// Adds an entry of an act of which nothing else stands in a transaction.
    pub async fn note_act(&self, act: Arc<Act>, outcome: String) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                let (act, outcome) = (Arc::clone(&act), outcome.clone());
                context.audit.push(Pending { act, outcome, before: None, after: None });
                Ok(())
            })
            .await
    }

    /// Entries, back in time from before a number.
    pub async fn audit(
        &self,
        filter: AuditFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let AuditFilter { operator, from, until, refused } = filter;
        let refused = i64::from(refused);
        let from = from.map_or(i64::MIN, Timestamp::as_millisecond);
        let until = until.map_or(i64::MAX, Timestamp::as_millisecond);
        let before = before.unwrap_or(i64::MAX);
        self.readers
            .clone()
            .read(move |connection| {
                let wanted = values![before, operator, from, until, refused, limit];
                connection.all(statements::LIST, wanted, entry_from)
            })
            .await
    }

    /// Entries in the order of the chain, behind a number.
    pub async fn audit_after(&self, number: i64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| connection.all(statements::AFTER, values![number, limit], entry_from))
            .await
    }

    /// Where the chain begins and ends.
    pub async fn audit_chain(&self) -> Result<Chain, StoreError> {
        let found = self
            .readers
            .clone()
            .read(move |connection| connection.one(statements::CHAIN, values![], chain_from));
        Ok(found.await?.unwrap_or_default())
    }

    /// Lets go of at most so many entries from before a moment, and remembers where the chain was cut; the last one stays. How
    /// many that were.
    pub async fn cut_audit(&self, before: i64, rows: u32) -> Result<u64, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let old = connection.one(statements::OLD, values![before, rows], |row| {
                    Ok((row.get::<i64>(0)?, row.get::<String>(1)?))
                })?;
                let Some((number, hash)) = old else { return Ok(0) };
                connection.execute(statements::SET_CUT, values![number, hash])?;
                connection.execute(statements::CUT, values![number])
            })
            .await
    }
}
