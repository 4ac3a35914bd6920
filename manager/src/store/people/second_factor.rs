//! What operators have beside the password, and who has shown the password and not yet a code. A code is taken once, whichever of
//! several managers is asked.

use jiff::Timestamp;
use serde_json::json;

use super::super::engine::{Connection, values};
use super::super::statements::second_factor as statements;
use super::super::{Store, StoreError};

/// Wrong codes in a row after which none is taken any more: then a recovery code helps, or an administrator.
pub const MAX_WRONG_CODES: u32 = 50;

/// What somebody has beside the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// The secret, in hexadecimal digits.
    pub secret: String,
    /// Whether a code of it was shown: before, it is not asked for.
    pub is_confirmed: bool,
    /// Wrong codes in a row.
    pub wrong: u32,
}

/// Forgets it with everything that belongs to it.
pub(super) fn forget(connection: &Connection, operator: &str) -> Result<bool, StoreError> {
    connection.execute(statements::REMOVE_CODES, values![operator])?;
    connection.execute(statements::END_HALVES_OF, values![operator])?;
    Ok(connection.execute(statements::REMOVE, values![operator])? > 0)
}

/// Who has shown the password of before, and no code yet, begins anew.
pub(super) fn end_halves(connection: &Connection, operator: &str) -> Result<(), StoreError> {
    connection.execute(statements::END_HALVES_OF, values![operator]).map(drop)
}

impl Store {
    /// What an operator has beside the password, and how many recovery codes are left.
    pub async fn second_factor(&self, operator: String) -> Result<Option<(SecondFactor, u32)>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let found = connection.one(statements::GET, values![operator], |row| {
                    let (secret, confirmed): (String, Option<i64>) = (row.get(0)?, row.get(1)?);
                    Ok(SecondFactor { secret, is_confirmed: confirmed.is_some(), wrong: row.get(2)? })
                })?;
                let Some(found) = found else { return Ok(None) };
                let left = connection.row(statements::COUNT_CODES, values![operator], |row| row.get(0))?;
                Ok(Some((found, left)))
            })
            .await
    }

    /// Begins one, in place of one that was never confirmed; `false` if there is one already.
    pub async fn begin_second_factor(
        &self,
        operator: String,
        secret: String,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let now = now.as_millisecond();
                let begun = values![operator, secret, now];
                Ok(context.connection.execute(statements::BEGIN, begun)? > 0)
            })
            .await
    }

    /// A code of this step was shown: from now on one is asked for. With the hashes of recovery codes. `false` if there is none
    /// to confirm.
    pub async fn confirm_second_factor(
        &self,
        operator: String,
        step: i64,
        recovery: Vec<String>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let now = now.as_millisecond();
                let confirmed = values![operator, now, step];
                if connection.execute(statements::CONFIRM, confirmed)? == 0 {
                    return Ok(false);
                }
                connection.execute(statements::REMOVE_CODES, values![operator])?;
                for hash in &recovery {
                    connection.execute(statements::ADD_CODE, values![operator, hash])?;
                }
                context.changed(None, Some(&json!({"operator": operator, "second_factor": "TOTP"})));
                Ok(true)
            })
            .await
    }

    /// Takes a code of a step, if none of it or of a later one was taken.
    pub async fn take_code(&self, operator: String, step: i64) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let taken = values![operator, step, MAX_WRONG_CODES];
                Ok(context.connection.execute(statements::TAKE, taken)? > 0)
            })
            .await
    }

    /// Takes a recovery code, which is good once.
    pub async fn take_recovery_code(&self, operator: String, hash: String) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let taken = connection.execute(statements::USE_CODE, values![operator, hash])? > 0;
                if taken {
                    connection.execute(statements::RIGHT, values![operator])?;
                }
                Ok(taken)
            })
            .await
    }

    /// A code was wrong.
    pub async fn note_wrong_code(&self, operator: String) -> Result<(), StoreError> {
        self.writer
            .write(move |context| context.connection.execute(statements::WRONG, values![operator]).map(drop))
            .await
    }

    /// Takes it away; whether there was one.
    pub async fn remove_second_factor(&self, operator: String) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let removed = forget(context.connection, &operator)?;
                if removed {
                    let before = json!({"operator": operator, "second_factor": "TOTP"});
                    context.changed(Some(&before), None);
                }
                Ok(removed)
            })
            .await
    }

    /// Somebody's password was right, and a code is asked for.
    pub async fn begin_half_sign_in(
        &self,
        hash: String,
        operator: String,
        (now, expires): (Timestamp, Timestamp),
    ) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                connection.execute(statements::DROP_OLD_HALVES, values![now.as_millisecond()])?;
                let expires = expires.as_millisecond();
                let begun = values![hash, operator, expires];
                connection.execute(statements::ADD_HALF, begun).map(drop)
            })
            .await
    }

    /// Whose password was right, if that was not too long ago.
    pub async fn half_sign_in(&self, hash: String, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                connection.one(statements::HALF, values![hash, now.as_millisecond()], |row| row.get(0))
            })
            .await
    }

    /// It is not good again; whether it was.
    pub async fn end_half_sign_in(&self, hash: String) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| Ok(context.connection.execute(statements::END_HALF, values![hash])? > 0))
            .await
    }
}
