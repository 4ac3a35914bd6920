//! What a program asks for under a key of its own is done once, however often it asks: the answer is kept for a day, and
//! whoever did not hear it asks again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::engine::{Connection, values};
use super::statements::answers as statements;
use super::{Store, StoreError, from_json, to_json};

/// How long an answer is kept.
pub(super) const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Answers that are kept for one operator; of more, the oldest is forgotten.
const MAX_KEPT: i64 = 1_000;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Its status.
    pub status: u16,
    /// Headers that say something of it.
    pub headers: BTreeMap<String, String>,
    /// What was answered; nothing, if that was shown once.
    pub body: Option<String>,
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyState {
    /// Nothing: it is under way from now on.
    First,
    /// It was done.
    Before(KeptAnswer),
    /// It was begun, and nobody knows how it went.
    UnderWay,
    /// Something else was asked for under it.
    Otherwise,
}

fn known(connection: &Connection, operator: &str, key: &str, asked: &str) -> Result<KeyState, StoreError> {
    let found = connection.one(statements::ONE, values![operator, key], |row| {
        let (before, status): (String, Option<i64>) = (row.get(0)?, row.get(1)?);
        let (headers, body): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
        if before != asked {
            return Ok(KeyState::Otherwise);
        }
        let (Some(status), Some(headers)) = (status, headers) else { return Ok(KeyState::UnderWay) };
        let headers = from_json("answer", &headers)?;
        let status = u16::try_from(status).unwrap_or(u16::MAX);
        Ok(KeyState::Before(KeptAnswer { status, headers, body }))
    })?;
    // Another manager has forgotten it this moment: whoever asks comes again.
    Ok(found.unwrap_or(KeyState::UnderWay))
}

impl Store {
    /// A program asks for something (`asked` is its hash) under a key of its own.
    pub async fn begin_answer(
        &self,
        operator: String,
        key: String,
        asked: String,
        now: Timestamp,
    ) -> Result<KeyState, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let old = (now - KEPT_FOR).as_millisecond();
                connection.execute(statements::FORGET_IF_OLD, values![operator, key, old])?;
                let now = now.as_millisecond();
                let begun = values![operator, key, asked, now];
                if connection.execute(statements::BEGIN, begun)? == 0 {
                    return known(connection, &operator, &key, &asked);
                }
                let count: i64 = connection.row(statements::COUNT, values![operator], |row| row.get(0))?;
                if count > MAX_KEPT {
                    connection.execute(statements::FORGET_FIRST, values![operator])?;
                }
                Ok(KeyState::First)
            })
            .await
    }

    /// It was done, and answered so.
    pub async fn keep_answer(
        &self,
        operator: String,
        key: String,
        answer: KeptAnswer,
    ) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                let headers = to_json("answer", &answer.headers)?;
                let kept = values![operator, key, answer.status, headers, answer.body];
                context.connection.execute(statements::KEEP, kept).map(drop)
            })
            .await
    }

    /// It was not done: the key may be used again.
    pub async fn forget_answer(&self, operator: String, key: String) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                context.connection.execute(statements::FORGET, values![operator, key]).map(drop)
            })
            .await
    }

    /// Forgets answers that are old.
    pub async fn forget_old_answers(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.writer
            .write(move |context| {
                let old = (now - KEPT_FOR).as_millisecond();
                context.connection.execute(statements::FORGET_OLD, values![old])
            })
            .await
    }
}

/// An operator has gone.
pub(super) fn forget_operator(connection: &Connection, name: &str) -> Result<(), StoreError> {
    connection.execute(statements::FORGET_OF, values![name]).map(drop)
}
