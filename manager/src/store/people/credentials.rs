//! By what operators are let in: sessions and tokens; of each secret only a hash.

use jiff::Timestamp;

use super::super::engine::{Connection, values};
use super::super::records::time;
use super::super::statements::people as statements;
use super::super::{Scope, Store, StoreError};
use super::operators::{note_change, role, scope_of};
use crate::rights::Role;

/// A bearer token of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorToken {
    /// The fingerprint of its secret.
    pub hash: String,
    /// On whose behalf it acts.
    pub operator: String,
    /// When it was created.
    pub created: Timestamp,
}

/// Who was let in, and what that operator may do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The operator's name.
    pub name: String,
    /// What the operator may do.
    pub role: Role,
    /// What the operator sees.
    pub scope: Scope,
    /// When that ends by itself.
    pub until: Option<Timestamp>,
}

fn signed(
    connection: &Connection,
    statement: &str,
    hash: &str,
    now: Timestamp,
) -> Result<Option<Signed>, StoreError> {
    let found = connection.one(statement, values![hash], |row| {
        let (limited, until): (bool, Option<i64>) = (row.get(2)?, row.get(3)?);
        Ok((row.get::<String>(0)?, role(row, 1)?, limited, until.map(super::super::to_time).transpose()?))
    })?;
    let Some((name, role, limited, until)) = found else { return Ok(None) };
    if until.is_some_and(|until| until <= now) {
        return Ok(None);
    }
    let scope = scope_of(connection, &name, limited)?;
    Ok(Some(Signed { name, role, scope, until }))
}

impl Store {
    /// The hash of an operator's password.
    pub async fn password_hash(&self, name: String) -> Result<Option<String>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| connection.one(statements::PASSWORD, values![name], |row| row.get(0)))
            .await
    }

    /// Keeps a bearer token; `false` when there is no such operator.
    pub async fn add_operator_token(
        &self,
        hash: String,
        operator: String,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let now = now.as_millisecond();
                let added = context
                    .connection
                    .execute(statements::ADD_OPERATOR_TOKEN, values![hash, operator, now])?;
                Ok(added == 1)
            })
            .await
    }

    /// Bearer tokens, at most `limit`, by operator.
    pub async fn operator_tokens(&self, limit: u32) -> Result<Vec<OperatorToken>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                connection.all(statements::OPERATOR_TOKENS, values![limit], |row| {
                    let (hash, operator) = (row.get(0)?, row.get(1)?);
                    Ok(OperatorToken { hash, operator, created: time(row, 2)? })
                })
            })
            .await
    }

    /// Who is let in by a bearer token.
    pub async fn operator_of_token(
        &self,
        hash: String,
        now: Timestamp,
    ) -> Result<Option<Signed>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| signed(connection, statements::OPERATOR_OF_TOKEN, &hash, now))
            .await
    }

    /// Begins a session, and forgets those that are over.
    pub async fn add_session(
        &self,
        hash: String,
        operator: String,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                let now = now.as_millisecond();
                context.connection.execute(statements::DROP_OLD_SESSIONS, values![now])?;
                context.connection.execute(
                    statements::ADD_SESSION,
                    values![hash, operator, now, expires.as_millisecond()],
                )?;
                Ok(())
            })
            .await
    }

    /// Whose session it is, if its time is not over.
    pub async fn operator_of_session(
        &self,
        hash: String,
        now: Timestamp,
    ) -> Result<Option<Signed>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| signed(connection, statements::OPERATOR_OF_SESSION, &hash, now))
            .await
    }

    /// Ends a session.
    pub async fn end_session(&self, hash: String) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                if context.connection.execute(statements::END_SESSION, values![hash])? > 0 {
                    note_change(context.connection)?;
                }
                Ok(())
            })
            .await
    }
}
