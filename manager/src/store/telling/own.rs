//! The manager's own troubles: what stands is compared with what stood, and the difference is notices like any others.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::engine::{Connection, values};
use super::super::statements::telling as statements;
use super::super::{Store, StoreError, to_json};
use crate::telling::event::OwnTrouble;

fn notice(
    connection: &Connection,
    kind: &str,
    (subject, words): (&str, &str),
    (since, now): (i64, Timestamp),
) -> Result<(), StoreError> {
    let trouble = OwnTrouble { subject: subject.to_owned(), words: words.to_owned() };
    let origin = format!("manager/{subject}/{since}/{kind}");
    let body = to_json("trouble", &trouble)?;
    connection.execute(statements::ADD_OWN_NOTICE, values![origin, kind, now.as_millisecond(), body])?;
    Ok(())
}

impl Store {
    /// These troubles of the manager stand now, by their subjects; says whether that is news.
    pub async fn own_troubles(
        &self,
        standing: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let look = |connection: &Connection| {
            connection.all(statements::OWN_TROUBLES, &[], |row| {
                Ok((row.get::<String>(0)?, row.get::<i64>(1)?, row.get::<String>(2)?))
            })
        };
        let known = self.readers.clone().read(look).await?;
        if known.len() == standing.len() && known.iter().all(|(subject, ..)| standing.contains_key(subject)) {
            return Ok(false);
        }
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let known = look(connection)?;
                for (subject, since, words) in &known {
                    if !standing.contains_key(subject) {
                        connection.execute(statements::END_OWN_TROUBLE, values![*subject])?;
                        notice(connection, "manager_trouble_over", (subject, words), (*since, now))?;
                    }
                }
                for (subject, words) in &standing {
                    if !known.iter().any(|(known, ..)| known == subject) {
                        let since = now.as_millisecond();
                        connection.execute(statements::ADD_OWN_TROUBLE, values![*subject, since, *words])?;
                        notice(connection, "manager_trouble", (subject, words), (since, now))?;
                    }
                }
                Ok(true)
            })
            .await
    }
}
