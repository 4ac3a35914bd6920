//! Messages that are due: claimed, sent by whoever claimed them, and noted.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::super::calls::ticket_came;
use super::super::engine::{Connection, Row, values};
use super::super::records::{time, word};
use super::super::statements::telling as statements;
use super::super::{Store, StoreError, from_json, to_json};
use super::TellingRefusal;
use super::channels::ChannelKind;
use crate::telling::message::{Item, Message, Purpose};
use crate::telling::retry;
use crate::telling::rule::Rule;

/// A claim lasts so long: far longer than a message can take. Who crashed meanwhile has it sent once more.
const CLAIMED_FOR: SignedDuration = SignedDuration::from_mins(5);
/// Messages that are looked at in one transaction.
const LOOKED_AT: u32 = 100;
/// The longest reason that is kept, in characters.
const LONGEST_REASON: usize = 300;
/// Messages that are forgotten in one transaction.
const FORGOTTEN_AT_ONCE: u32 = 200;

/// Where a message goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Way {
    /// The channel's number.
    pub channel: i64,
    /// Its name.
    pub name: String,
    /// How.
    pub kind: ChannelKind,
    /// Addresses of e-mail, or a URL.
    pub address: String,
    /// With which a webhook is signed.
    pub secret: Option<String>,
}

impl std::fmt::Debug for Way {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Way")
            .field("channel", &self.channel)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A message that is to be sent now, by whoever claimed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// What is said.
    pub message: Message,
    /// Where to.
    pub to: Way,
    /// Which try this is, from 1.
    pub tries: u32,
    /// When it was to be told first.
    pub since: Timestamp,
}

/// How a try went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken; with the number of a ticket, if the other system said one.
    Sent(Option<String>),
    /// It was not, for this reason; it is tried again.
    Failed(String),
    /// It never will be, for this reason.
    Refused(String),
}

/// A message that is due.
struct Due {
    key: i64,
    id: String,
    rule: String,
    purpose: Purpose,
    follows: Option<String>,
    body: Option<String>,
    tries: u32,
    to: Way,
    since: Timestamp,
}

impl Due {
    fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            id: row.get(1)?,
            rule: row.get(2)?,
            purpose: word("purpose of a message", row.get(3)?)?,
            follows: row.get(4)?,
            body: row.get(5)?,
            tries: row.get(6)?,
            to: Way {
                channel: row.get(7)?,
                kind: word("kind of channel", row.get(8)?)?,
                address: row.get(9)?,
                secret: row.get(10)?,
                name: row.get(12)?,
            },
            since: time(row, 11)?,
        })
    }

    /// The message as it was put together first; put together now, if it never was. `None` where nothing is left to
    /// tell.
    fn message(&self, connection: &Connection, now: Timestamp) -> Result<Option<Message>, StoreError> {
        if let Some(body) = &self.body {
            return from_json("message", body).map(Some);
        }
        let items = connection.all(statements::OPEN_ITEMS, values![self.key], |row| {
            let body: String = row.get(0)?;
            from_json::<Item>("item of a message", &body)
        })?;
        if items.is_empty() {
            return Ok(None);
        }
        let head = (self.id.clone(), self.purpose, self.follows.clone());
        Ok(Some(Message::new(head, self.rule.clone(), items, now)))
    }
}

fn way(row: &Row<'_>) -> Result<Way, StoreError> {
    Ok(Way {
        channel: row.get(0)?,
        kind: word("kind of channel", row.get(1)?)?,
        address: row.get(2)?,
        secret: row.get(3)?,
        name: row.get(4)?,
    })
}

/// Whether a message was changed; one that is there was not because of what is said.
fn changed_or(
    connection: &Connection,
    changed: u64,
    id: &str,
    why: &'static str,
) -> Result<Result<(), TellingRefusal>, StoreError> {
    if changed == 0 && connection.exists(statements::MESSAGE_BY_ID, values![id])? {
        return Ok(Err(TellingRefusal::NotNow(why)));
    }
    Ok(TellingRefusal::unless_one(changed, "message", &id))
}

impl Store {
    /// The way to a channel, to try it.
    pub(crate) async fn way_to(&self, key: i64) -> Result<Option<Way>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| connection.one(statements::WAY_TO, values![key], way))
            .await
    }

    /// Claims messages that are due, at most `most` and of each channel one: a channel that is slow holds up no other.
    pub async fn claim_messages(&self, most: usize, now: Timestamp) -> Result<Vec<Claimed>, StoreError> {
        let look = move |connection: &Connection| {
            connection.all(statements::DUE, values![now.as_millisecond(), LOOKED_AT], Due::read)
        };
        if self.readers.clone().read(look).await?.is_empty() {
            return Ok(Vec::new());
        }
        self.writer
            .write(move |context| {
                let (connection, mut channels, mut claimed) =
                    (context.connection, BTreeSet::new(), Vec::new());
                for due in look(connection)? {
                    if claimed.len() >= most || channels.contains(&due.to.channel) {
                        continue;
                    }
                    let Some(message) = due.message(connection, now)? else {
                        connection.execute(statements::DROP_MESSAGE, values![due.key])?;
                        continue;
                    };
                    let until = now.checked_add(CLAIMED_FOR).unwrap_or(Timestamp::MAX);
                    let body = to_json("message", &message)?;
                    if connection.execute(
                        statements::CLAIM,
                        values![due.key, until.as_millisecond(), body, now.as_millisecond()],
                    )? == 1
                    {
                        channels.insert(due.to.channel);
                        let (to, since) = (due.to, due.since);
                        claimed.push(Claimed { message, to, tries: due.tries.saturating_add(1), since });
                    }
                }
                Ok(claimed)
            })
            .await
    }

    /// A try ended; says whether the message is given up.
    pub async fn message_tried(
        &self,
        claimed: &Claimed,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (id, tries, since) = (claimed.message.id.clone(), claimed.tries, claimed.since);
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let (reason, next) = match &outcome {
                    Outcome::Sent(ticket) => {
                        let rule = connection.one(statements::RULE_OF_MESSAGE, values![id], |row| {
                            let body: String = row.get(1)?;
                            from_json::<Rule>("rule", &body)
                        })?;
                        let after = rule.and_then(|rule| rule.escalate_after_seconds);
                        let escalate_at = after.and_then(|after| {
                            now.checked_add(SignedDuration::from_secs(i64::from(after))).ok()
                        });
                        let escalate_at = escalate_at.map(Timestamp::as_millisecond);
                        connection.execute(
                            statements::SENT,
                            values![id, now.as_millisecond(), *ticket, escalate_at],
                        )?;
                        if let Some(ticket) = ticket {
                            ticket_came(connection, &id, ticket, now)?;
                        }
                        return Ok(false);
                    }
                    Outcome::Failed(reason) => (reason, retry::next(tries, since, now)),
                    Outcome::Refused(reason) => (reason, None),
                };
                let reason: String = reason.chars().take(LONGEST_REASON).collect();
                let next = next.map(Timestamp::as_millisecond);
                connection.execute(statements::FAILED, values![id, reason, next])?;
                Ok(next.is_none())
            })
            .await
    }

    /// Sends a message again that was given up, from its first try on.
    pub async fn send_again(
        &self,
        id: String,
        now: Timestamp,
    ) -> Result<Result<(), TellingRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let changed =
                    context.connection.execute(statements::AGAIN, values![id, now.as_millisecond()])?;
                changed_or(
                    context.connection,
                    changed,
                    &id,
                    "only a message that was given up can be sent again",
                )
            })
            .await
    }

    /// Somebody looks after what a message tells: nobody else is told any more.
    pub async fn take_message(
        &self,
        id: String,
        by: String,
        now: Timestamp,
    ) -> Result<Result<(), TellingRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let changed =
                    context.connection.execute(statements::TAKE, values![id, now.as_millisecond(), by])?;
                changed_or(context.connection, changed, &id, "somebody has taken it already")
            })
            .await
    }

    /// Channels whose messages wait since before a moment, or were given up, with how many.
    pub async fn stuck_channels(
        &self,
        before: Timestamp,
        after: Timestamp,
    ) -> Result<Vec<(String, i64)>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                connection.all(
                    statements::STUCK,
                    values![before.as_millisecond(), after.as_millisecond()],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
            })
            .await
    }

    /// Forgets messages from before a moment that are over; says whether there may be more.
    pub async fn forget_messages(&self, before: Timestamp) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let old: Vec<i64> = connection.all(
                    statements::OLD_MESSAGES,
                    values![before.as_millisecond(), FORGOTTEN_AT_ONCE],
                    |row| row.get(0),
                )?;
                for key in &old {
                    connection.execute(statements::REMOVE_ITEMS_OF, values![*key])?;
                    connection.execute(statements::REMOVE_MESSAGE, values![*key])?;
                }
                Ok(old.len() >= FORGOTTEN_AT_ONCE as usize)
            })
            .await
    }
}
