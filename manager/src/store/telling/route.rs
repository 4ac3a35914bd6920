//! Makes messages of notices, in the transaction that marks them as told.

use jiff::Timestamp;

use super::super::engine::{Connection, Row, values};
use super::super::records::time;
use super::super::statements::{devices, telling as statements};
use super::super::{Store, StoreError, to_json};
use super::rules::{self, RuleRecord};
use crate::secret::fingerprint;
use crate::telling::event::{Event, Notice};
use crate::telling::message::{Item, Place, Purpose};
use crate::telling::rule::{Timing, Whereabouts};

/// Notices that are made messages of in one transaction.
const NOTICES_AT_ONCE: u32 = 200;
/// Messages that are escalated in one transaction.
const ESCALATED_AT_ONCE: u32 = 50;
/// Digits of a message's id.
const ID_DIGITS: usize = 32;

/// What became of notices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Routed {
    /// Notices that are told from now on.
    pub notices: usize,
    /// Whether there may be more.
    pub more: bool,
}

/// A notice that nobody was told of, with where its device is.
struct Untold {
    key: i64,
    origin: String,
    device: Option<(i64, String)>,
    kind: String,
    written: Timestamp,
    body: String,
    customer: Option<i64>,
    site: Option<i64>,
    place: Place,
}

impl Untold {
    fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        let device = row.get::<Option<i64>>(2)?.zip(row.get::<Option<String>>(3)?);
        Ok(Self {
            key: row.get(0)?,
            origin: row.get(1)?,
            device,
            kind: row.get(4)?,
            written: time(row, 5)?,
            body: row.get(6)?,
            customer: row.get(7)?,
            site: row.get(9)?,
            place: Place {
                customer: row.get(8)?,
                site: row.get(10)?,
                address: row.get(11)?,
                place: row.get(12)?,
            },
        })
    }

    fn event(&self) -> Event {
        Event::of(Notice {
            origin: &self.origin,
            device: self.device.as_ref().map(|(_, name)| name.as_str()),
            kind: &self.kind,
            written: self.written,
            body: &self.body,
        })
    }

    /// What it is one message about: its site, for what befalls a site befalls all there; else the device.
    fn group(&self) -> String {
        match (self.site, &self.device) {
            (Some(site), _) => format!("site:{site}"),
            (None, Some((key, _))) => format!("device:{key}"),
            (None, None) => "manager".to_owned(),
        }
    }
}

/// An id that only what comes of the same can have: made twice, it is the same message.
fn id_of(parts: &[&str]) -> String {
    let mut id = fingerprint(parts.join("\n").as_bytes());
    id.truncate(ID_DIGITS);
    id
}

/// A message that gathers: this one, or a new one.
struct Wanted<'a> {
    rule: &'a RuleRecord,
    channel: i64,
    purpose: Purpose,
    follows: Option<&'a str>,
    group: &'a str,
    origin: &'a str,
    due: Timestamp,
    now: Timestamp,
}

fn gathering(connection: &Connection, wanted: &Wanted<'_>) -> Result<i64, StoreError> {
    let rule = wanted.rule.key;
    let found = connection.one(statements::GATHERING, values![rule, wanted.group], |row| row.get(0))?;
    if let Some(found) = found {
        return Ok(found);
    }
    let number = rule.to_string();
    let id = id_of(&[wanted.origin, &number, wanted.purpose.word(), wanted.group]);
    let (now, due) = (wanted.now.as_millisecond(), wanted.due.as_millisecond());
    let (name, purpose) = (&wanted.rule.rule.name, wanted.purpose.word());
    match connection.one(
        statements::ADD_MESSAGE,
        values![id, rule, *name, wanted.channel, purpose, wanted.follows, wanted.group, now, due],
        |row| row.get(0),
    )? {
        Some(key) => Ok(key),
        None => connection.row(statements::MESSAGE_BY_ID, values![id], |row| row.get(0)),
    }
}

fn begin(
    connection: &Connection,
    untold: &Untold,
    event: &Event,
    rules: &[RuleRecord],
    now: Timestamp,
) -> Result<(), StoreError> {
    let key = untold.device.as_ref().map(|(key, _)| *key);
    let mut whereabouts =
        Whereabouts { customer: untold.customer, site: untold.site, ..Whereabouts::default() };
    if let Some(key) = key {
        whereabouts.tags = connection.all(devices::TAGS_OF, values![key], |row| row.get(0))?;
    }
    let mute =
        connection.one(statements::MUTED_UNTIL, values![now.as_millisecond(), key, untold.site], |row| {
            Ok((row.get::<i64>(0)?, time(row, 1)?))
        })?;
    let device = untold.device.as_ref().map(|(_, name)| name.as_str());
    let item = to_json("item of a message", &Item::new(event, device, untold.place.clone()))?;
    for rule in rules.iter().filter(|rule| rule.rule.concerns(event, &whereabouts)) {
        let group = untold.group();
        let last = connection.one(statements::LAST_OF_GROUP, values![rule.key, group], |row| time(row, 0))?;
        let timing = Timing { last, muted_until: mute.map(|(_, until)| until) };
        let group = mute.map_or(group.clone(), |(mute, _)| format!("mute:{mute}:{group}"));
        let message = gathering(
            connection,
            &Wanted {
                rule,
                channel: rule.rule.channel,
                purpose: Purpose::Raised,
                follows: None,
                group: &group,
                origin: &untold.origin,
                due: rule.rule.due(event, timing, now),
                now,
            },
        )?;
        if !connection.exists(statements::HAS_OPEN_ITEM, values![message, event.subject])? {
            connection.execute(statements::ADD_ITEM, values![message, key, event.subject, item])?;
        }
    }
    Ok(())
}

/// An item about something that is over.
struct About {
    key: i64,
    device: Option<i64>,
    body: String,
    id: String,
    state: String,
    rule: Option<i64>,
    channel: i64,
}

/// Those who were told that it began are told that it is over; of what nobody was told yet, nobody is.
fn end(
    connection: &Connection,
    untold: &Untold,
    event: &Event,
    rules: &[RuleRecord],
    now: Timestamp,
) -> Result<(), StoreError> {
    let about = connection.all(statements::OPEN_ITEMS_ABOUT, values![event.subject], |row| {
        Ok(About {
            key: row.get(0)?,
            device: row.get(1)?,
            body: row.get(2)?,
            id: row.get(3)?,
            state: row.get(4)?,
            rule: row.get(5)?,
            channel: row.get(6)?,
        })
    })?;
    for about in about {
        connection.execute(statements::ITEM_OVER, values![about.key, now.as_millisecond()])?;
        let was_told = matches!(about.state.as_str(), "waiting" | "sent");
        let rule = rules.iter().find(|rule| Some(rule.key) == about.rule && rule.rule.resolved);
        let (true, Some(rule)) = (was_told, rule) else { continue };
        let message = gathering(
            connection,
            &Wanted {
                rule,
                channel: about.channel,
                purpose: Purpose::Resolved,
                follows: Some(&about.id),
                group: &format!("over:{}", about.id),
                origin: &untold.origin,
                due: rule.rule.due_over(now),
                now,
            },
        )?;
        connection
            .execute(statements::ADD_ITEM, values![message, about.device, event.subject, about.body])?;
    }
    Ok(())
}

impl Store {
    /// Makes messages of some notices that nobody was told of.
    pub async fn route_notices(&self, now: Timestamp) -> Result<Routed, StoreError> {
        let look = |connection: &Connection| {
            connection.all(statements::UNTOLD, values![NOTICES_AT_ONCE], Untold::read)
        };
        if self.readers.clone().read(look).await?.is_empty() {
            return Ok(Routed::default());
        }
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let (rules, notices) = (rules::all(connection)?, look(connection)?);
                let at = now.as_millisecond();
                for untold in &notices {
                    if connection.execute(statements::TOLD, values![untold.key, at])? == 0 {
                        continue;
                    }
                    let event = untold.event();
                    if event.over {
                        end(connection, untold, &event, &rules, now)?;
                    } else {
                        begin(connection, untold, &event, &rules, now)?;
                    }
                }
                Ok(Routed { notices: notices.len(), more: notices.len() >= NOTICES_AT_ONCE as usize })
            })
            .await
    }

    /// Tells others of what nobody has taken in time; how much that is.
    pub async fn escalate(&self, now: Timestamp) -> Result<usize, StoreError> {
        let look = move |connection: &Connection| {
            let at = now.as_millisecond();
            connection.all(statements::TO_ESCALATE, values![at, ESCALATED_AT_ONCE], |row| {
                let body: String = row.get(3)?;
                let rule = super::super::from_json("rule", &body)?;
                let rule = RuleRecord { key: row.get(2)?, rule };
                Ok((row.get::<i64>(0)?, row.get::<String>(1)?, rule))
            })
        };
        if self.readers.clone().read(look).await?.is_empty() {
            return Ok(0);
        }
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let due = look(connection)?;
                for (key, id, rule) in &due {
                    connection.execute(statements::ESCALATED, values![*key])?;
                    let Some(channel) = rule.rule.escalate_to else { continue };
                    let stands = connection.one(statements::OPEN_ITEMS, values![*key], |_| Ok(()))?;
                    if stands.is_none() {
                        continue;
                    }
                    let message = gathering(
                        connection,
                        &Wanted {
                            rule,
                            channel,
                            purpose: Purpose::Escalated,
                            follows: Some(id),
                            group: &format!("escalated:{id}"),
                            origin: id,
                            due: now,
                            now,
                        },
                    )?;
                    connection.execute(statements::COPY_OPEN_ITEMS, values![*key, message])?;
                }
                Ok(due.len())
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_same_for_the_same_and_another_for_another() {
        assert_eq!(id_of(&["a", "1"]), id_of(&["a", "1"]));
        assert_ne!(id_of(&["a", "1"]), id_of(&["a", "2"]));
        assert_eq!(id_of(&["a", "1"]).len(), ID_DIGITS);
    }
}
