//! Who is told of what.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::super::engine::{Connection, Row, values};
use super::super::seen::{ChangedMeanwhile, mark};
use super::super::statements::telling as statements;
use super::super::{Store, StoreError, from_json, to_json};
use super::{MAX_RULES, TellingRefusal};
use crate::telling::rule::Rule;

/// A rule with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RuleRecord {
    /// Number.
    #[serde(rename = "id")]
    pub key: i64,
    /// What it says.
    pub rule: Rule,
}

impl RuleRecord {
    /// As the audit log has it.
    fn state(&self) -> Json {
        json!({"rule": self.key, "says": self.rule})
    }

    /// The mark of this state.
    pub fn mark(&self) -> String {
        mark(&self.state())
    }
}

fn state_now(connection: &Connection, key: i64) -> Result<Option<Json>, StoreError> {
    Ok(connection.one(statements::RULE, values![key], record)?.map(|rule| rule.state()))
}

fn record(row: &Row<'_>) -> Result<RuleRecord, StoreError> {
    let body: String = row.get(1)?;
    Ok(RuleRecord { key: row.get(0)?, rule: from_json("rule", &body)? })
}

pub(super) fn all(connection: &Connection) -> Result<Vec<RuleRecord>, StoreError> {
    connection.all(statements::RULES, &[], record)
}

/// Why a rule cannot be written under a number, if it cannot.
fn refused(connection: &Connection, rule: &Rule, key: i64) -> Result<Option<TellingRefusal>, StoreError> {
    if connection.exists(statements::RULE_NAME_TAKEN, values![rule.name, key])? {
        return Ok(Some(TellingRefusal::NameTaken { what: "rule", name: rule.name.clone() }));
    }
    for channel in [Some(rule.channel), rule.escalate_to].into_iter().flatten() {
        if !connection.exists(statements::CHANNEL_EXISTS, values![channel])? {
            return Ok(Some(TellingRefusal::missing("channel", &channel)));
        }
    }
    Ok(None)
}

impl Store {
    /// All rules, by name.
    pub async fn telling_rules(&self) -> Result<Vec<RuleRecord>, StoreError> {
        self.readers.clone().read(all).await
    }

    /// One of them.
    pub async fn telling_rule(&self, key: i64) -> Result<Option<RuleRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| connection.one(statements::RULE, values![key], record))
            .await
    }

    /// Adds one.
    pub async fn add_telling_rule(
        &self,
        rule: Rule,
        by: String,
        now: Timestamp,
    ) -> Result<Result<i64, TellingRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if let Some(refusal) = refused(connection, &rule, 0)? {
                    return Ok(Err(refusal));
                }
                if connection.row(statements::COUNT_RULES, &[], |row| row.get::<i64>(0))? >= MAX_RULES {
                    return Ok(Err(TellingRefusal::TooMany(MAX_RULES)));
                }
                let (body, now) = (to_json("rule", &rule)?, now.as_millisecond());
                let key = connection.row(
                    statements::ADD_RULE,
                    values![rule.name, rule.channel, rule.escalate_to, body, now, by],
                    |row| row.get(0),
                )?;
                context.changed(None, state_now(connection, key)?.as_ref());
                Ok(Ok(key))
            })
            .await
    }

    /// Says something else in one.
    pub async fn set_telling_rule(
        &self,
        key: i64,
        rule: Rule,
        by: String,
        now: Timestamp,
    ) -> Result<Result<(), TellingRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if let Some(refusal) = refused(connection, &rule, key)? {
                    return Ok(Err(refusal));
                }
                let before = state_now(connection, key)?;
                if context.is_stale(before.as_ref()) {
                    return Ok(Err(ChangedMeanwhile.into()));
                }
                let (body, now) = (to_json("rule", &rule)?, now.as_millisecond());
                let changed = connection.execute(
                    statements::SET_RULE,
                    values![key, rule.name, rule.channel, rule.escalate_to, body, now, by],
                )?;
                context.changed(before.as_ref(), state_now(connection, key)?.as_ref());
                Ok(TellingRefusal::unless_one(changed, "rule", &key))
            })
            .await
    }

    /// Removes one. What it gathered is told all the same.
    pub async fn remove_telling_rule(&self, key: i64) -> Result<Result<(), TellingRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let before = state_now(context.connection, key)?;
                if context.is_stale(before.as_ref()) {
                    return Ok(Err(ChangedMeanwhile.into()));
                }
                let removed = context.connection.execute(statements::REMOVE_RULE, values![key])?;
                context.changed(before.as_ref(), None);
                Ok(TellingRefusal::unless_one(removed, "rule", &key))
            })
            .await
    }
}
