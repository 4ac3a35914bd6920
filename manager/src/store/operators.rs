//! Operators, their sessions and their tokens; of each secret only a hash.

use jiff::Timestamp;

use super::engine::values;
use super::journal::Entry;
use super::records::time;
use super::{Store, StoreError, statements};

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

impl Store {
    /// Adds an operator, or gives a known one another password; that ends the sessions of the old one.
    pub async fn set_operator(
        &self,
        name: String,
        password_hash: String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                context
                    .connection
                    .execute(statements::ADD_OPERATOR, values![name, password_hash, now.as_millisecond()])?;
                context.connection.execute(statements::END_SESSIONS_OF, values![name])?;
                context.journal.push(Entry::PasswordSet { operator: name.clone() });
                Ok(())
            })
            .await
    }

    /// The hash of an operator's password.
    pub async fn password_hash(&self, name: String) -> Result<Option<String>, StoreError> {
        self.look_up_text(statements::PASSWORD, name, None).await
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

    /// Whose bearer token it is.
    pub async fn operator_of_token(&self, hash: String) -> Result<Option<String>, StoreError> {
        self.look_up_text(statements::OPERATOR_OF_TOKEN, hash, None).await
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
    ) -> Result<Option<String>, StoreError> {
        self.look_up_text(statements::OPERATOR_OF_SESSION, hash, Some(now)).await
    }

    /// Ends a session.
    pub async fn end_session(&self, hash: String) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                context.connection.execute(statements::END_SESSION, values![hash])?;
                Ok(())
            })
            .await
    }

    async fn look_up_text(
        &self,
        statement: &'static str,
        key: String,
        now: Option<Timestamp>,
    ) -> Result<Option<String>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| match now {
                Some(now) => connection.one(statement, values![key, now.as_millisecond()], |row| row.get(0)),
                None => connection.one(statement, values![key], |row| row.get(0)),
            })
            .await
    }
}
