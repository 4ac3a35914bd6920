//! By what operators are let in: sessions and tokens; of each secret only a hash. Each can be listed, ends, and can be taken
//! back. In lists they are known by the beginning of the hash, which lets nobody in.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::super::engine::{Connection, Row, values};
use super::super::journal::Entry;
use super::super::records::{time, time_if_any};
use super::super::statements::people as statements;
use super::super::{Scope, Store, StoreError, to_time};
use super::operators::{note_change, role, scope_of};
use crate::rights::Role;
use crate::secret::short;

/// A session that nobody uses for so long is over.
pub const SESSION_IDLE: SignedDuration = SignedDuration::from_hours(4);
/// Tokens of one operator, at most.
pub const MAX_OPERATOR_TOKENS: u32 = 100;
/// Sessions of one operator, at most: of more, the one that was used least lately ends.
const MAX_SESSIONS: u32 = 50;

/// A bearer token of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorToken {
    /// The fingerprint of its secret.
    pub hash: String,
    /// On whose behalf it acts.
    pub operator: String,
    /// What it is for.
    pub name: String,
    /// What it may do at most; none: what its operator may.
    pub role: Option<Role>,
    /// When it was created.
    pub created: Timestamp,
    /// When it ends; none: only when it is taken back.
    pub expires: Option<Timestamp>,
    /// When it was used last.
    pub used: Option<Timestamp>,
}

/// A token that is not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOperatorToken {
    /// The fingerprint of its secret.
    pub hash: String,
    /// On whose behalf it acts.
    pub operator: String,
    /// What it is for.
    pub name: String,
    /// What it may do at most.
    pub role: Option<Role>,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

/// Why a token is not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperatorTokenRefusal {
    /// On behalf of nobody.
    #[error("there is no operator {0:?}")]
    Missing(String),
    /// More than the operator may.
    #[error("a token cannot have the role {0}: its operator is a {1}")]
    TooMuch(Role, Role),
    /// It has enough.
    #[error("the operator has {MAX_OPERATOR_TOKENS} tokens already: revoke one first")]
    TooMany,
}

/// A session of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The fingerprint of its secret.
    pub hash: String,
    /// Whose it is.
    pub operator: String,
    /// Since when.
    pub created: Timestamp,
    /// When it ends, used or not.
    pub expires: Timestamp,
    /// When it was used last.
    pub used: Timestamp,
    /// From where somebody signed in.
    pub address: String,
    /// With what.
    pub browser: String,
}

/// A session that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// The fingerprint of its secret.
    pub hash: String,
    /// Whose it is.
    pub operator: String,
    /// When it ends, used or not.
    pub expires: Timestamp,
    /// From where somebody signed in.
    pub address: String,
    /// With what.
    pub browser: String,
    /// Whether a provider of `OpenID` Connect said who it is: then a second factor is for that one to ask for.
    pub by_provider: bool,
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
    /// Whether more than a password was asked for: a code, or a provider.
    pub has_second_factor: bool,
}

impl SessionRecord {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            hash: row.get(0)?,
            operator: row.get(1)?,
            created: time(row, 2)?,
            expires: time(row, 3)?,
            used: time(row, 4)?,
            address: row.get(5)?,
            browser: row.get(6)?,
        })
    }

    /// When it is over, if nobody uses it again.
    pub fn until(&self) -> Timestamp {
        self.expires.min(self.used + SESSION_IDLE)
    }
}

fn role_if_any(row: &Row<'_>, column: usize) -> Result<Option<Role>, StoreError> {
    row.get::<Option<String>>(column)?.map_or(Ok(None), |_| role(row, column).map(Some))
}

impl OperatorToken {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            hash: row.get(0)?,
            operator: row.get(1)?,
            name: row.get(2)?,
            role: role_if_any(row, 3)?,
            created: time(row, 4)?,
            expires: time_if_any(row, 5)?,
            used: time_if_any(row, 6)?,
        })
    }
}

/// What a row says of who is let in: name, role, whether limited, the most that the credential may, when it ends, of a session
/// when it was used last, and whether there is a second factor.
fn signed(
    connection: &Connection,
    statement: &str,
    hash: &str,
    now: Timestamp,
) -> Result<Option<Signed>, StoreError> {
    let found = connection.one(statement, values![hash], |row| {
        let (ends, used): (Option<i64>, Option<i64>) = (row.get(4)?, row.get(5)?);
        let ends = ends.map(to_time).transpose()?;
        let idle = used.map(to_time).transpose()?.map(|used| used + SESSION_IDLE);
        let until = ends.into_iter().chain(idle).min();
        let own = role(row, 1)?;
        let most = role_if_any(row, 3)?.unwrap_or(own);
        let own = (own.min(most), row.get::<bool>(2)?, row.get::<bool>(6)?);
        Ok((row.get::<String>(0)?, own, until))
    })?;
    let Some((name, (role, limited, has_second_factor), until)) = found else { return Ok(None) };
    if until.is_some_and(|until| until <= now) {
        return Ok(None);
    }
    let scope = scope_of(connection, &name, limited)?;
    Ok(Some(Signed { name, role, scope, until, has_second_factor }))
}

impl Store {
    /// The hash of an operator's password.
    pub async fn password_hash(&self, name: String) -> Result<Option<String>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| connection.one(statements::PASSWORD, values![name], |row| row.get(0)))
            .await
    }

    /// Keeps a bearer token that may do what its operator may, without an end; `false` when there is no such operator.
    pub async fn add_operator_token(
        &self,
        hash: String,
        operator: String,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let new = NewOperatorToken { hash, operator, name: String::new(), role: None, expires: None };
        Ok(self.make_operator_token(new, now).await?.is_ok())
    }

    /// Keeps a bearer token.
    pub async fn make_operator_token(
        &self,
        new: NewOperatorToken,
        now: Timestamp,
    ) -> Result<Result<(), OperatorTokenRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let NewOperatorToken { hash, operator, name, role: most, expires } = &new;
                let own = connection.one(statements::OPERATOR, values![operator], |row| role(row, 1))?;
                let Some(own) = own else { return Ok(Err(OperatorTokenRefusal::Missing(operator.clone()))) };
                if let Some(most) = most.filter(|most| *most > own) {
                    return Ok(Err(OperatorTokenRefusal::TooMuch(most, own)));
                }
                let count: u32 =
                    connection.row(statements::COUNT_TOKENS_OF, values![operator], |row| row.get(0))?;
                if count >= MAX_OPERATOR_TOKENS {
                    return Ok(Err(OperatorTokenRefusal::TooMany));
                }
                let (most, expires) = (most.map(Role::word), expires.map(Timestamp::as_millisecond));
                connection.execute(
                    statements::ADD_OPERATOR_TOKEN,
                    values![hash, operator, now.as_millisecond(), name, most, expires],
                )?;
                let made =
                    json!({"operator": operator, "token": short(hash), "name": name, "role": most, "expires": new.expires});
                context.changed(None, Some(&made));
                Ok(Ok(()))
            })
            .await
    }

    /// Bearer tokens, at most `limit`, by operator.
    pub async fn operator_tokens(&self, limit: u32) -> Result<Vec<OperatorToken>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                connection.all(statements::OPERATOR_TOKENS, values![limit], OperatorToken::from_row)
            })
            .await
    }

    /// The bearer tokens of one operator.
    pub async fn tokens_of(&self, operator: String) -> Result<Vec<OperatorToken>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                connection.all(statements::TOKENS_OF, values![operator], OperatorToken::from_row)
            })
            .await
    }

    /// Takes a token back, by the beginning of its hash; whose it was. Of one operator, or of any.
    pub async fn revoke_operator_token(
        &self,
        id: String,
        of: Option<String>,
    ) -> Result<Option<String>, StoreError> {
        self.writer
            .write(move |context| {
                let found = context.connection.one(statements::REVOKE_TOKEN, values![id, of], |row| {
                    Ok((row.get::<String>(0)?, row.get::<String>(1)?))
                })?;
                let Some((hash, operator)) = found else { return Ok(None) };
                note_change(context.connection)?;
                context.changed(Some(&json!({"operator": operator, "token": short(&hash)})), None);
                context.journal.push(Entry::OperatorTokenRevoked { token: hash });
                Ok(Some(operator))
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
    pub async fn add_session(&self, new: NewSession, now: Timestamp) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let at = now.as_millisecond();
                let idle = (now - SESSION_IDLE).as_millisecond();
                connection.execute(statements::DROP_OLD_SESSIONS, values![at, idle])?;
                let NewSession { hash, operator, expires, address, browser, by_provider } = &new;
                connection.execute(
                    statements::ADD_SESSION,
                    values![hash, operator, at, expires.as_millisecond(), address, browser, *by_provider],
                )?;
                let begun = json!({"operator": operator, "session": short(hash), "browser": browser, "until": expires});
                context.changed(None, Some(&begun));
                if connection.execute(statements::DROP_SESSIONS_ABOVE, values![operator, MAX_SESSIONS])? > 0 {
                    note_change(connection)?;
                }
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

    /// The sessions of one operator that are not over, those used last first.
    pub async fn sessions_of(
        &self,
        operator: String,
        now: Timestamp,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let mut all = self
            .readers
            .clone()
            .read(move |connection| {
                connection.all(statements::SESSIONS_OF, values![operator], SessionRecord::from_row)
            })
            .await?;
        all.retain(|session| session.until() > now);
        Ok(all)
    }

    /// Notes when sessions and tokens were used last, by their hashes.
    pub async fn note_uses(
        &self,
        sessions: BTreeMap<String, Timestamp>,
        tokens: BTreeMap<String, Timestamp>,
    ) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                for (statement, uses) in
                    [(statements::SESSION_USED, &sessions), (statements::TOKEN_USED, &tokens)]
                {
                    for (hash, used) in uses {
                        context.connection.execute(statement, values![hash, used.as_millisecond()])?;
                    }
                }
                Ok(())
            })
            .await
    }

    /// Ends a session.
    pub async fn end_session(&self, hash: String) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                if context.connection.execute(statements::END_SESSION, values![hash])? > 0 {
                    note_change(context.connection)?;
                    context.changed(Some(&json!({"session": short(&hash)})), None);
                }
                Ok(())
            })
            .await
    }

    /// Ends a session, by the beginning of its hash; whether there was one. Of one operator, or of any.
    pub async fn end_session_of(&self, id: String, of: Option<String>) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let ended = context.connection.execute(statements::END_SESSION_BY, values![id, of])? > 0;
                if ended {
                    note_change(context.connection)?;
                    context.changed(Some(&json!({"operator": of, "session": id})), None);
                }
                Ok(ended)
            })
            .await
    }

    /// Ends all sessions of an operator but this one, if one is named; how many there were.
    pub async fn end_sessions_of(&self, operator: String, but: Option<String>) -> Result<usize, StoreError> {
        self.writer
            .write(move |context| {
                let but = but.as_deref().unwrap_or_default();
                let ended =
                    context.connection.execute(statements::END_OTHER_SESSIONS_OF, values![operator, but])?;
                if ended > 0 {
                    note_change(context.connection)?;
                    context.changed(Some(&json!({"operator": operator, "sessions": ended})), None);
                }
                Ok(usize::try_from(ended).unwrap_or(usize::MAX))
            })
            .await
    }
}
