//! The ways to people and to other systems.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::super::engine::{Connection, Row, values};
use super::super::records::{time, word};
use super::super::seen::{ChangedMeanwhile, mark};
use super::super::statements::telling as statements;
use super::super::{Store, StoreError};
use super::{MAX_CHANNELS, TellingRefusal};

/// How a message goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// As a mail.
    Email,
    /// As a signed request to another system.
    Webhook,
}

impl ChannelKind {
    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Webhook => "webhook",
        }
    }

    /// By its word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Email, Self::Webhook].into_iter().find(|kind| kind.word() == word)
    }
}

/// A channel, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ChannelRecord {
    /// Number.
    #[serde(rename = "id")]
    pub key: i64,
    /// Name; each has another one.
    pub name: String,
    /// How messages go out.
    pub kind: ChannelKind,
    /// Addresses of e-mail with commas between, or a URL.
    pub address: String,
    /// When it was changed last.
    pub changed: Timestamp,
    /// And by whom.
    pub changed_by: String,
}

/// A channel, as an operator writes it down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChannel {
    /// Name.
    pub name: String,
    /// How messages go out.
    pub kind: ChannelKind,
    /// Where to.
    pub address: String,
}

impl ChannelRecord {
    /// As the audit log has it; without its secret.
    fn state(&self) -> Json {
        let Self { key, name, kind, address, .. } = self;
        json!({"channel": key, "name": name, "kind": kind, "address": address})
    }

    /// The mark of this state.
    pub fn mark(&self) -> String {
        mark(&self.state())
    }
}

fn state_now(connection: &Connection, key: i64) -> Result<Option<Json>, StoreError> {
    Ok(connection.one(statements::CHANNEL, values![key], record)?.map(|channel| channel.state()))
}

fn record(row: &Row<'_>) -> Result<ChannelRecord, StoreError> {
    Ok(ChannelRecord {
        key: row.get(0)?,
        name: row.get(1)?,
        kind: word("kind of channel", row.get(2)?)?,
        address: row.get(3)?,
        changed: time(row, 4)?,
        changed_by: row.get(5)?,
    })
}

impl Store {
    /// All channels, by name.
    pub async fn channels(&self) -> Result<Vec<ChannelRecord>, StoreError> {
        self.readers.clone().read(|connection| connection.all(statements::CHANNELS, &[], record)).await
    }

    /// One of them.
    pub async fn channel(&self, key: i64) -> Result<Option<ChannelRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| connection.one(statements::CHANNEL, values![key], record))
            .await
    }

    /// Adds one; a webhook with the secret that signs it.
    pub async fn add_channel(
        &self,
        new: NewChannel,
        secret: Option<String>,
        by: String,
        now: Timestamp,
    ) -> Result<Result<i64, TellingRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if connection.exists(statements::CHANNEL_NAME_TAKEN, values![new.name, 0_i64])? {
                    return Ok(Err(TellingRefusal::NameTaken { what: "channel", name: new.name.clone() }));
                }
                if connection.row(statements::COUNT_CHANNELS, &[], |row| row.get::<i64>(0))? >= MAX_CHANNELS {
                    return Ok(Err(TellingRefusal::TooMany(MAX_CHANNELS)));
                }
                let now = now.as_millisecond();
                let key = connection.row(
                    statements::ADD_CHANNEL,
                    values![new.name, new.kind.word(), new.address, secret, now, by],
                    |row| row.get(0),
                )?;
                context.changed(None, state_now(connection, key)?.as_ref());
                Ok(Ok(key))
            })
            .await
    }

    /// Says something else about one; its kind stays.
    pub async fn set_channel(
        &self,
        key: i64,
        new: NewChannel,
        by: String,
        now: Timestamp,
    ) -> Result<Result<(), TellingRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if connection.exists(statements::CHANNEL_NAME_TAKEN, values![new.name, key])? {
                    return Ok(Err(TellingRefusal::NameTaken { what: "channel", name: new.name.clone() }));
                }
                let before = state_now(connection, key)?;
                if context.is_stale(before.as_ref()) {
                    return Ok(Err(ChangedMeanwhile.into()));
                }
                let now = now.as_millisecond();
                let changed = connection.execute(
                    statements::SET_CHANNEL,
                    values![key, new.name, new.address, now, by, new.kind.word()],
                )?;
                if changed == 1 {
                    context.changed(before.as_ref(), state_now(connection, key)?.as_ref());
                    return Ok(Ok(()));
                }
                let there = connection.exists(statements::CHANNEL_EXISTS, values![key])?;
                Ok(Err(if there {
                    TellingRefusal::NotNow("the kind of a channel stays as it is: add another one")
                } else {
                    TellingRefusal::missing("channel", &key)
                }))
            })
            .await
    }

    /// Gives a webhook another secret.
    pub async fn set_channel_secret(
        &self,
        key: i64,
        secret: String,
        by: String,
        now: Timestamp,
    ) -> Result<Result<(), TellingRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let changed = context
                    .connection
                    .execute(statements::SET_SECRET, values![key, secret, now.as_millisecond(), by])?;
                if changed == 1 {
                    context.changed(None, Some(&json!({"channel": key, "secret": "another one"})));
                }
                Ok(TellingRefusal::unless_one(changed, "webhook", &key))
            })
            .await
    }

    /// Removes one by which no rule tells; what still waited for it is dropped.
    pub async fn remove_channel(&self, key: i64) -> Result<Result<(), TellingRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let used = connection.one(statements::CHANNEL_USED, values![key], |row| row.get(0))?;
                if let Some(rule) = used {
                    return Ok(Err(TellingRefusal::Used(rule)));
                }
                let before = state_now(connection, key)?;
                if context.is_stale(before.as_ref()) {
                    return Ok(Err(ChangedMeanwhile.into()));
                }
                connection.execute(statements::DROP_MESSAGES_OF, values![key])?;
                let removed = connection.execute(statements::REMOVE_CHANNEL, values![key])?;
                context.changed(before.as_ref(), None);
                Ok(TellingRefusal::unless_one(removed, "channel", &key))
            })
            .await
    }
}
