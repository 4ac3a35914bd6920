//! What operators ask of many devices at once: each command is written down with its devices before anything is done, so
//! that a restart forgets nothing, and how it went is kept for each device.

use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::{CommandId, DeviceId};
use serde::{Deserialize, Serialize};

use super::conditions::Conditions;
use super::engine::{AsValue as _, Connection, Row, values};
use super::fleet::keys_of;
use super::records::{id, time, time_if_any, word};
use super::statements::views as statements;
use super::{CommandState, FleetFilter, Scope, Store, StoreError, from_integer, from_json, to_json};

/// Devices of one bulk command.
pub const MAX_BULK_DEVICES: u32 = 5_000;
/// Bulk commands that are not done yet.
const MAX_OPEN_BULKS: u64 = 20;
/// So long it is kept how a bulk command went.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Devices that are written or looked up in one statement.
const AT_ONCE: usize = 200;

/// What is done at each device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BulkAct {
    /// It is asked to read and report at once.
    ReadNow,
    /// It is given a profile of its own, or none.
    SetProfile {
        /// The number of the profile.
        profile: Option<i64>,
    },
    /// Rollouts leave it alone.
    Hold {
        /// Until when; until somebody lets it go, if nothing.
        until: Option<Timestamp>,
        /// Why.
        why: Option<String>,
    },
    /// Rollouts leave it alone no more.
    LetGo,
    /// It is taken out of service.
    Retire,
}

/// Which devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BulkChoice {
    /// These.
    Named(Vec<DeviceId>),
    /// All that are found so.
    Found(Box<FleetFilter>),
}

/// A bulk command that somebody gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBulk {
    /// What is done.
    pub act: BulkAct,
    /// At which devices.
    pub choice: BulkChoice,
    /// The same for people.
    pub chosen: String,
    /// How many there are, as whoever asks was told.
    pub expected: Option<u64>,
    /// Who asks.
    pub operator: String,
}

/// Why a bulk command is not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BulkRefusal {
    /// There are none.
    #[error("no device is like this")]
    Nothing,
    /// There are too many.
    #[error("more than {MAX_BULK_DEVICES} devices are like this: choose fewer, by a filter that finds less")]
    TooMany,
    /// There are not as many as whoever asks was told.
    #[error("{now} devices are like this now, not {expected}: look again, and ask once more")]
    Changed {
        /// How many there are.
        now: u64,
        /// How many there were.
        expected: u64,
    },
    /// Others are not done yet.
    #[error("{MAX_OPEN_BULKS} bulk commands are not done yet: wait until one has ended")]
    Busy,
}

/// How it went at one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkOutcome {
    /// It is not its turn yet.
    Waiting,
    /// It was done; what the device makes of a command, its state says.
    Done,
    /// It was not done.
    Refused,
}

impl BulkOutcome {
    /// The word in an address.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }

    const fn number(self) -> i64 {
        match self {
            Self::Waiting => 0,
            Self::Done => 1,
            Self::Refused => 2,
        }
    }

    const fn of(number: i64) -> Self {
        match number {
            0 => Self::Waiting,
            1 => Self::Done,
            _ => Self::Refused,
        }
    }
}

/// A bulk command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkRecord {
    /// By which it is asked for.
    pub key: i64,
    /// What is done.
    pub act: BulkAct,
    /// Who asked.
    pub operator: String,
    /// How the devices were chosen, for people.
    pub chosen: String,
    /// How many there were.
    pub total: u64,
    /// When it was asked.
    pub made: Timestamp,
    /// When it was done with the last device.
    pub ended: Option<Timestamp>,
    /// At how many it was done.
    pub done: u64,
    /// At how many it was not.
    pub refused: u64,
}

/// How a bulk command went at one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkDeviceRecord {
    /// Its key, for where a list goes on.
    pub key: i64,
    /// The device.
    pub device: DeviceId,
    /// How it went.
    pub outcome: BulkOutcome,
    /// Why it was not done.
    pub words: Option<String>,
    /// How the command stands that came of it.
    pub command: Option<CommandState>,
    /// Why the device did not do it.
    pub reason: Option<String>,
}

/// What came of it at one device, to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkDone {
    /// The device's key.
    pub key: i64,
    /// How it went.
    pub outcome: BulkOutcome,
    /// Why it was not done.
    pub words: Option<String>,
    /// The command that came of it.
    pub command: Option<CommandId>,
}

impl BulkRecord {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            act: from_json("act of a bulk command", &row.get::<String>(1)?)?,
            operator: row.get(2)?,
            chosen: row.get(3)?,
            total: from_integer(row.get(4)?),
            made: time(row, 5)?,
            ended: time_if_any(row, 6)?,
            done: 0,
            refused: 0,
        })
    }

    fn count(mut self, connection: &Connection) -> Result<Self, StoreError> {
        connection.each(statements::BULK_COUNTS, values![self.key], |row| {
            let count = from_integer(row.get(1)?);
            match BulkOutcome::of(row.get(0)?) {
                BulkOutcome::Waiting => {}
                BulkOutcome::Done => self.done = count,
                BulkOutcome::Refused => self.refused = count,
            }
            Ok(())
        })?;
        Ok(self)
    }
}

/// The keys of the devices of a choice, at most one more than a bulk command takes.
fn keys(connection: &Connection, scope: &Scope, choice: &BulkChoice) -> Result<Vec<i64>, StoreError> {
    let names = match choice {
        BulkChoice::Found(filter) => return keys_of(connection, scope, filter, MAX_BULK_DEVICES + 1),
        BulkChoice::Named(names) => names,
    };
    let mut keys = Vec::new();
    for some in names.chunks(AT_ONCE) {
        let mut conditions = Conditions::new(&[]);
        conditions.and_in("d.id", some.iter().map(|name| name.as_str().as_value()));
        conditions.and("d.deleting IS NULL");
        conditions.and_within(scope, "d");
        let text = format!("SELECT d.key FROM devices d WHERE {}", conditions.text());
        keys.extend(connection.all(&text, conditions.values(), |row| row.get::<i64>(0))?);
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

fn count(keys: &[i64]) -> u64 {
    u64::try_from(keys.len()).unwrap_or(u64::MAX)
}

fn refused(keys: &[i64], expected: Option<u64>) -> Option<BulkRefusal> {
    let now = count(keys);
    match expected {
        _ if now > u64::from(MAX_BULK_DEVICES) => Some(BulkRefusal::TooMany),
        _ if now == 0 => Some(BulkRefusal::Nothing),
        Some(expected) if expected != now => Some(BulkRefusal::Changed { now, expected }),
        _ => None,
    }
}

fn forget_old(connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
    let before = (now - KEPT_FOR).as_millisecond();
    let old: Option<i64> = connection.one(statements::OLD_BULK, values![before], |row| row.get(0))?;
    if let Some(old) = old {
        connection.execute(statements::FORGET_BULK_DEVICES, values![old])?;
        connection.execute(statements::FORGET_BULK, values![old])?;
    }
    Ok(())
}

impl Store {
    /// How many devices a choice has.
    pub async fn count_bulk(
        &self,
        scope: &Scope,
        choice: BulkChoice,
    ) -> Result<Result<u64, BulkRefusal>, StoreError> {
        let scope = scope.clone();
        let found = self.readers.clone().read(move |connection| {
            let keys = keys(connection, &scope, &choice)?;
            Ok(refused(&keys, None).map_or(Ok(count(&keys)), Err))
        });
        found.await
    }

    /// Writes down what is to be done, with the devices as they are found at this moment. Each that is begun lets go of one
    /// that ended long ago.
    pub async fn add_bulk(
        &self,
        scope: &Scope,
        bulk: NewBulk,
        now: Timestamp,
    ) -> Result<Result<i64, BulkRefusal>, StoreError> {
        let scope = scope.clone();
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let open =
                    connection.row(statements::OPEN_BULKS, values![], |row| row.get(0)).map(from_integer)?;
                if open >= MAX_OPEN_BULKS {
                    return Ok(Err(BulkRefusal::Busy));
                }
                let keys = keys(connection, &scope, &bulk.choice)?;
                if let Some(refusal) = refused(&keys, bulk.expected) {
                    return Ok(Err(refusal));
                }
                forget_old(connection, now)?;
                let total = i64::try_from(keys.len()).unwrap_or(i64::MAX);
                let act = to_json("act of a bulk command", &bulk.act)?;
                let at = now.as_millisecond();
                let row = values![act, bulk.operator, bulk.chosen, total, at];
                let key: i64 = connection.row(statements::ADD_BULK, row, |row| row.get(0))?;
                for some in keys.chunks(AT_ONCE) {
                    let mut conditions = Conditions::new(&[key.as_value()]);
                    conditions.and_of("d.key", some);
                    let text = statements::add_bulk_devices(conditions.text());
                    connection.execute(&text, conditions.values())?;
                }
                Ok(Ok(key))
            })
            .await
    }

    /// One bulk command; of this operator, if one is named.
    pub async fn bulk(&self, key: i64, of: Option<String>) -> Result<Option<BulkRecord>, StoreError> {
        let found = self.readers.clone().read(move |connection| {
            let found = connection.one(statements::BULK, values![key], BulkRecord::from_row)?;
            let found = found.filter(|bulk| of.as_ref().is_none_or(|of| *of == bulk.operator));
            found.map(|bulk| bulk.count(connection)).transpose()
        });
        found.await
    }

    /// Bulk commands, the newest first, those before a key; of this operator, if one is named.
    pub async fn bulks(
        &self,
        before: Option<i64>,
        limit: u32,
        of: Option<String>,
    ) -> Result<Vec<BulkRecord>, StoreError> {
        let found = self.readers.clone().read(move |connection| {
            let before = before.unwrap_or(i64::MAX);
            let found = match &of {
                None => connection.all(statements::BULKS, values![before, limit], BulkRecord::from_row)?,
                Some(of) => {
                    connection.all(statements::BULKS_OF, values![before, limit, of], BulkRecord::from_row)?
                }
            };
            found.into_iter().map(|bulk| bulk.count(connection)).collect()
        });
        found.await
    }

    /// How a bulk command went at each device, by their keys; only those of one outcome, if one is named.
    pub async fn bulk_devices(
        &self,
        scope: &Scope,
        key: i64,
        outcome: Option<BulkOutcome>,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<BulkDeviceRecord>, StoreError> {
        let scope = scope.clone();
        let found = self.readers.clone().read(move |connection| {
            let outcome = outcome.map(BulkOutcome::number);
            let mut conditions = Conditions::new(values![key]);
            conditions.and("x.bulk = ?1");
            if let Some(after) = &after {
                conditions.and_with("x.device > {}", after);
            }
            if let Some(outcome) = &outcome {
                conditions.and_with("x.outcome = {}", outcome);
            }
            conditions.and_within(&scope, "d");
            let limit = conditions.parameter(limit.as_value());
            let text = statements::bulk_devices(conditions.text(), &limit);
            connection.all(&text, conditions.values(), |row| {
                let state: Option<String> = row.get(4)?;
                Ok(BulkDeviceRecord {
                    key: row.get(0)?,
                    device: id("device", row.get(1)?)?,
                    outcome: BulkOutcome::of(row.get(2)?),
                    words: row.get(3)?,
                    command: state.map(|state| word("state of a command", state)).transpose()?,
                    reason: row.get(5)?,
                })
            })
        });
        found.await
    }

    /// The bulk command that is to go on, with some of its devices that wait.
    pub async fn next_bulk(
        &self,
        limit: u32,
    ) -> Result<Option<(BulkRecord, Vec<(i64, DeviceId)>)>, StoreError> {
        let found = self.readers.clone().read(move |connection| {
            let Some(bulk) = connection.one(statements::NEXT_BULK, values![], BulkRecord::from_row)? else {
                return Ok(None);
            };
            let waiting = connection.all(statements::BULK_WAITING, values![bulk.key, limit], |row| {
                Ok((row.get(0)?, id("device", row.get(1)?)?))
            })?;
            Ok(Some((bulk, waiting)))
        });
        found.await
    }

    /// Writes down how it went at some devices. When none waits any more, it has ended.
    pub async fn note_bulk(&self, key: i64, done: Vec<BulkDone>, now: Timestamp) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                for one in &done {
                    let command = one.command.as_ref().map(CommandId::as_str);
                    let outcome = one.outcome.number();
                    let row = values![key, one.key, outcome, one.words, command];
                    connection.execute(statements::NOTE_BULK, row)?;
                }
                connection.execute(statements::END_BULK, values![key, now.as_millisecond()])?;
                Ok(())
            })
            .await
    }
}
