//! Messages as people see them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::engine::{Row, values};
use super::super::records::{time, time_if_any, word};
use super::super::statements::telling as statements;
use super::super::{Store, StoreError, from_integer, from_json};
use crate::telling::message::{Message, Purpose};

/// How a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// It waits for more, or for its time.
    Gathering,
    /// It is being sent, or is tried again.
    Waiting,
    /// It was taken by who was to have it.
    Sent,
    /// It was given up; it can be sent again.
    Dead,
    /// Nothing was left to tell.
    Dropped,
}

impl MessageState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Gathering, Self::Waiting, Self::Sent, Self::Dead, Self::Dropped];

    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gathering => "gathering",
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Dead => "dead",
            Self::Dropped => "dropped",
        }
    }

    /// By its word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// A message and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct MessageRecord {
    #[serde(skip)]
    pub(crate) key: i64,
    /// By which it is known everywhere.
    pub id: String,
    /// The rule that it comes of.
    pub rule: String,
    /// The channel; `null` if that was removed.
    pub channel: Option<String>,
    /// What it is for.
    pub purpose: Purpose,
    /// The id of the message that it follows.
    pub follows: Option<String>,
    /// How it stands.
    pub state: MessageState,
    /// When it began.
    pub made: Timestamp,
    /// When it is tried next.
    pub due: Timestamp,
    /// How often it was tried.
    pub tries: u32,
    /// Why the last try failed.
    pub error: Option<String>,
    /// When it was taken by who was to have it.
    pub sent: Option<Timestamp>,
    /// What it says; `null` while it gathers.
    pub message: Option<Message>,
    /// The number of a ticket in another system, as that answered.
    pub ticket: Option<String>,
    /// When somebody took it.
    pub taken: Option<Timestamp>,
    /// Who took it.
    pub taken_by: Option<String>,
    /// How many things it tells.
    pub items: u64,
    /// How many of them are not over.
    pub open: u64,
}

fn record(row: &Row<'_>) -> Result<MessageRecord, StoreError> {
    let body: Option<String> = row.get(12)?;
    Ok(MessageRecord {
        key: row.get(0)?,
        id: row.get(1)?,
        rule: row.get(2)?,
        channel: row.get(3)?,
        purpose: word("purpose of a message", row.get(4)?)?,
        follows: row.get(5)?,
        state: word("state of a message", row.get(6)?)?,
        made: time(row, 7)?,
        due: time(row, 8)?,
        tries: row.get(9)?,
        error: row.get(10)?,
        sent: time_if_any(row, 11)?,
        message: body.map(|body| from_json("message", &body)).transpose()?,
        ticket: row.get(13)?,
        taken: time_if_any(row, 14)?,
        taken_by: row.get(15)?,
        items: from_integer(row.get(16)?),
        open: from_integer(row.get(17)?),
    })
}

impl Store {
    /// Messages, the newest first, those below `before`; of one state, if that is asked for.
    pub async fn messages(
        &self,
        state: Option<MessageState>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<MessageRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let state = state.map_or("", MessageState::word);
                connection.all(
                    statements::MESSAGES,
                    values![before.unwrap_or(i64::MAX), state, limit],
                    record,
                )
            })
            .await
    }

    /// One of them.
    pub async fn message(&self, id: String) -> Result<Option<MessageRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| connection.one(statements::MESSAGE, values![id], record))
            .await
    }
}
