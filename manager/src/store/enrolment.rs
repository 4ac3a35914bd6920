//! Enrolment tokens, and the devices that were let in by them.

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use serde_json::{Value as Json, json};

use super::certificate::Certificate;
use super::engine::{Connection, values};
use super::identities::{IdentityChange, log};
use super::journal::Entry;
use super::records::{id, time};
use super::statements::devices;
use super::{Store, StoreError, profile_applications, statements, states};
use crate::secret::short;

/// A token that was made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The fingerprint of its secret.
    pub hash: String,
    /// The only device that it is for, if it is bound to one.
    pub device: Option<DeviceId>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// A device that asks to be let in.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// The fingerprint of the secret that it brought.
    pub token_hash: String,
    /// The name in its certificate request.
    pub device: DeviceId,
    /// The serial number of the certificate that it is to be given.
    pub certificate_serial: String,
    /// When that certificate ends.
    pub certificate_expires: Timestamp,
    /// Now.
    pub now: Timestamp,
}

/// Why a token does not let a device in. The token is not used up by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// No such token was made.
    #[error("this manager does not know the token: ask for a new one created here")]
    Wrong,
    /// It has let a device in before.
    #[error("the token has already been used: ask for a new one")]
    Used,
    /// Its time is over.
    #[error("the token has expired: ask for a new one")]
    Expired,
    /// It is bound to another device.
    #[error("the token is for a different device than the certificate request names")]
    BoundToOther,
    /// It is not bound, and the device is known.
    #[error(
        "a device of that name is already enrolled: ask for a token bound to it, or give this device another name"
    )]
    AlreadyEnrolled,
    /// What is left of a device of that name is still being deleted.
    #[error("a device of that name is being deleted at the service centre: try again in a few minutes")]
    BeingDeleted,
}

/// A token that has let nobody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusedToken {
    /// The fingerprint of its secret, by which it is called.
    pub hash: String,
    /// The only device that it is for, if it is bound to one.
    pub device: Option<DeviceId>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// The operator who made it; none of one that was made at the command line.
    pub made_by: Option<String>,
}

/// What the tokens that are made at the desk are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenBound {
    /// Devices that are not there yet, by whatever name.
    ToNewDevices,
    /// Another controller of a device that is there, made at this moment.
    ToKnownDevice(Timestamp),
}

/// A token, as the audit log has it.
fn state(token: &NewToken) -> Json {
    json!({"enrolment_token": short(&token.hash), "device": token.device, "expires": token.expires})
}

impl Store {
    /// Keeps tokens that an operator makes, all or none: a device that is there where none is to be, or the other way round, is
    /// named.
    pub async fn add_tokens(
        &self,
        tokens: Vec<NewToken>,
        bound: TokenBound,
        by: String,
    ) -> Result<Result<(), DeviceId>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                for device in tokens.iter().filter_map(|token| token.device.as_ref()) {
                    let there = connection.exists(statements::DEVICE_KEY, values![device.as_str()])?;
                    if there == (bound == TokenBound::ToNewDevices) {
                        return Ok(Err(device.clone()));
                    }
                    if let TokenBound::ToKnownDevice(now) = bound {
                        log(connection, device, IdentityChange::ReplacementPrepared, Some(by.as_str()), now)?;
                    }
                }
                for token in &tokens {
                    let device = token.device.as_ref().map(DeviceId::as_str);
                    let (created, expires) = (token.created.as_millisecond(), token.expires.as_millisecond());
                    let row = values![token.hash, device, created, expires, by];
                    connection.execute(statements::ADD_TOKEN_OF, row)?;
                    context.changed(None, Some(&state(token)));
                }
                Ok(Ok(()))
            })
            .await
    }

    /// Tokens that have let nobody in and end after a moment, at most `limit`, the first to end first.
    pub async fn unused_tokens(&self, after: Timestamp, limit: u32) -> Result<Vec<UnusedToken>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let after = after.as_millisecond();
                connection.all(statements::UNUSED_TOKENS, values![after, limit], |row| {
                    let device: Option<String> = row.get(1)?;
                    Ok(UnusedToken {
                        hash: row.get(0)?,
                        device: device.map(|device| id("device", device)).transpose()?,
                        created: time(row, 2)?,
                        expires: time(row, 3)?,
                        made_by: row.get(4)?,
                    })
                })
            })
            .await
    }

    /// Keeps a new token.
    pub async fn add_token(&self, token: NewToken) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                context.connection.execute(
                    statements::ADD_TOKEN,
                    values![
                        token.hash,
                        token.device.as_ref().map(DeviceId::as_str),
                        token.created.as_millisecond(),
                        token.expires.as_millisecond()
                    ],
                )?;
                context.changed(None, Some(&state(&token)));
                Ok(())
            })
            .await
    }

    /// Takes a token back that has let nobody in, by the beginning of its hash; whether there was one.
    pub async fn revoke_token(&self, id: String) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let revoked: Option<String> =
                    context
                        .connection
                        .one(statements::REVOKE_ENROLMENT_TOKEN, values![id], |row| row.get(0))?;
                let Some(token) = revoked else { return Ok(false) };
                context.changed(Some(&json!({"enrolment_token": short(&token)})), None);
                context.journal.push(Entry::EnrolmentTokenRevoked { token });
                Ok(true)
            })
            .await
    }

    /// Whether the token would let the device in, without using it.
    pub async fn check_token(
        &self,
        token_hash: String,
        device: DeviceId,
        now: Timestamp,
    ) -> Result<Result<(), TokenRefusal>, StoreError> {
        self.readers.clone().read(move |connection| check(connection, &token_hash, &device, now)).await
    }

    /// Uses the token and lets the device in, or neither.
    pub async fn enrol(&self, enrolment: Enrolment) -> Result<Result<(), TokenRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let Enrolment { token_hash, device, certificate_serial, certificate_expires, now } =
                    &enrolment;
                if let Err(refusal) = check(context.connection, token_hash, device, *now)? {
                    return Ok(Err(refusal));
                }
                context.connection.execute(
                    statements::USE_TOKEN,
                    values![token_hash, now.as_millisecond(), device.as_str()],
                )?;
                let certificate = Certificate {
                    serial: certificate_serial.clone(),
                    issued: *now,
                    expires: *certificate_expires,
                };
                let_in(context.connection, device, &certificate)?;
                // Whatever is remembered of one of that name may be of one that was deleted.
                context.places.forget_device(device);
                let (token, device) = (token_hash.clone(), device.clone());
                context.journal.push(Entry::TokenUsed { token, device, certificate });
                Ok(Ok(()))
            })
            .await
    }
}

/// Lets a device in with a certificate; whatever was with its identity before is over.
pub(super) fn let_in(
    connection: &Connection,
    device: &DeviceId,
    certificate: &Certificate,
) -> Result<(), StoreError> {
    let (expires, issued) = (certificate.expires.as_millisecond(), certificate.issued.as_millisecond());
    connection.execute(statements::ENROL, values![device.as_str(), certificate.serial, expires, issued])?;
    states::add(connection, device)?;
    profile_applications::send_anew(connection, device, certificate.issued)?;
    log(connection, device, IdentityChange::Enrolled, None, certificate.issued)
}

fn check(
    connection: &Connection,
    token_hash: &str,
    device: &DeviceId,
    now: Timestamp,
) -> Result<Result<(), TokenRefusal>, StoreError> {
    let found = connection.one(statements::TOKEN, values![token_hash], |row| {
        Ok((row.get::<Option<String>>(0)?, row.get::<i64>(1)?, row.get::<Option<i64>>(2)?))
    })?;
    let Some((bound, expires, used)) = found else {
        return Ok(Err(TokenRefusal::Wrong));
    };
    if used.is_some() {
        return Ok(Err(TokenRefusal::Used));
    }
    if expires <= now.as_millisecond() {
        return Ok(Err(TokenRefusal::Expired));
    }
    if connection.exists(devices::BEING_DELETED, values![device.as_str()])? {
        return Ok(Err(TokenRefusal::BeingDeleted));
    }
    if let Some(bound) = bound {
        let same = bound == device.as_str();
        return Ok(if same { Ok(()) } else { Err(TokenRefusal::BoundToOther) });
    }
    let known = connection.exists(statements::DEVICE_KEY, values![device.as_str()])?;
    Ok(if known { Err(TokenRefusal::AlreadyEnrolled) } else { Ok(()) })
}
