//! What many devices have of one cause is one item. A site whose router died is one line and not three hundred: three devices or
//! more of one site that were heard from one address last, and fell silent within ten minutes of each other.
//!
//! Only what nobody has touched becomes a part of that: what somebody took or wrote about stays theirs.

use jiff::{SignedDuration, Timestamp};
use platen_protocol::alert::Training;

use super::super::engine::{Connection, values};
use super::super::needs::Urgency;
use super::super::statements::now as statements;
use super::super::{Store, StoreError};
use super::acts::note;
use super::records::NowWhat;

/// Devices that fall silent within this have a cause in common. How many there must be says the statement.
const WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// Causes that are found in one transaction, and devices of one.
const CAUSES_AT_ONCE: usize = 20;
const DEVICES_AT_ONCE: u32 = 500;

/// Where the first of many devices fell silent.
struct First {
    key: i64,
    site: i64,
    remote: String,
    since: i64,
    customer: Option<i64>,
}

fn within() -> i64 {
    i64::try_from(WITHIN.as_millis()).unwrap_or(i64::MAX)
}

fn first_of_many(connection: &Connection) -> Result<Option<First>, StoreError> {
    connection.one(statements::TOGETHER, values![within(), 1], |row| {
        Ok(First {
            key: row.get(0)?,
            site: row.get(1)?,
            remote: row.get(2)?,
            since: row.get(3)?,
            customer: row.get(4)?,
        })
    })
}

fn put_below(
    connection: &Connection,
    (item, device): (i64, Option<i64>),
    cause: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    if connection.execute(statements::PUT_BELOW, values![item, cause])? == 1 {
        note(connection, (item, device), (None, NowWhat::PutBelow), (None, None), now)?;
    }
    Ok(())
}

/// Finds what has a cause in common; whether something was found.
fn gather(connection: &Connection, now: Timestamp) -> Result<bool, StoreError> {
    let mut found = false;
    for _ in 0..CAUSES_AT_ONCE {
        let Some(First { key, site, remote, since, customer }) = first_of_many(connection)? else { break };
        let (urgency, training) = (Urgency::SiteSilent.rank(), Training::Trained.name());
        let (at, until) = (now.as_millisecond(), since.saturating_add(within()));
        let new = values![key, urgency, since, training, customer, site, remote, at];
        let Some(cause) = connection.one(statements::ADD_MANY, new, |row| row.get::<i64>(0))? else { break };
        let these = values![site, remote, since, until, DEVICES_AT_ONCE];
        let items: Vec<(i64, Option<i64>)> =
            connection.all(statements::ALL_TOGETHER, these, |row| Ok((row.get(0)?, row.get(1)?)))?;
        items.into_iter().try_for_each(|item| put_below(connection, item, cause, now))?;
        found = true;
    }
    let late: Vec<((i64, Option<i64>), i64)> =
        connection.all(statements::LATECOMERS, values![within(), DEVICES_AT_ONCE], |row| {
            Ok(((row.get(0)?, row.get(1)?), row.get(2)?))
        })?;
    found |= !late.is_empty();
    late.into_iter().try_for_each(|(item, cause)| put_below(connection, item, cause, now))?;
    let over: Vec<i64> = connection.all(statements::OVER, values![DEVICES_AT_ONCE], |row| row.get(0))?;
    found |= !over.is_empty();
    for cause in over {
        connection.execute(statements::END, values![cause, now.as_millisecond()])?;
    }
    Ok(found)
}

impl Store {
    /// Makes one item of what many devices have of one cause, and ends those of which nothing is left; whether anything
    /// changed.
    pub async fn gather_causes(&self, now: Timestamp) -> Result<bool, StoreError> {
        let look = |connection: &Connection| -> Result<bool, StoreError> {
            Ok(first_of_many(connection)?.is_some()
                || connection.exists(statements::LATECOMERS, values![within(), 1])?
                || connection.exists(statements::OVER, values![1])?)
        };
        let mut changed = false;
        while self.readers.clone().read(look).await? {
            if !self.writer.write(move |context| gather(context.connection, now)).await? {
                break;
            }
            changed = true;
        }
        Ok(changed)
    }
}
