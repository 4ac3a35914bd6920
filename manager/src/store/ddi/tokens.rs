//! Tokens by which update clients that are not ours say which device they are. Only their fingerprints are kept.

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

use super::super::conditions::Conditions;
use super::super::engine::{Connection, values};
use super::super::enrolment::let_in;
use super::super::journal::Entry;
use super::super::records::time;
use super::super::statements::{self as others, ddi as statements, devices};
use super::super::writer::WriteContext;
use super::super::{Certificate, Scope, Store, StoreError};

/// Tokens of one device that are good at once: enough to change one for another, with one to spare.
pub const MAX_DDI_TOKENS: u32 = 5;

/// A token that was made.
#[derive(Debug, Clone)]
pub struct NewDdiToken {
    /// For which device; one that is not known is let in by it.
    pub device: DeviceId,
    /// The fingerprint of its secret.
    pub hash: String,
    /// Who made it.
    pub by: String,
}

/// What came of a new token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// The token's number.
    pub key: i64,
    /// In place of a certificate, where the device is new.
    pub new_device: Option<Certificate>,
}

/// A token, as far as it can be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DdiTokenRecord {
    /// Its number.
    pub key: i64,
    /// When it was made.
    pub created: Timestamp,
    /// By whom.
    pub created_by: String,
}

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DdiTokenRefusal {
    /// There is no such device, and who asks may not make one.
    #[error("there is no such device")]
    NoDevice,
    /// It is out of service.
    #[error(
        "the device is retired or revoked: enrol it again first (`platen-manager token create --device`)"
    )]
    OutOfService,
    /// What is left of it is being deleted.
    #[error("a device of that name is being deleted: try again in a few minutes")]
    BeingDeleted,
    /// It has enough.
    #[error("the device has {MAX_DDI_TOKENS} tokens already: revoke one first")]
    TooMany,
}

/// How a device in service stands towards such clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DdiStanding {
    /// The fingerprints of its tokens.
    pub hashes: Vec<String>,
    /// Whether an agent of ours reports for it.
    pub has_agent: bool,
}

impl Store {
    /// Keeps a token for a device of a scope, which is let in if it is new: without a certificate.
    pub async fn add_ddi_token(
        &self,
        scope: &Scope,
        token: NewDdiToken,
        now: Timestamp,
    ) -> Result<Result<Certified, DdiTokenRefusal>, StoreError> {
        let scope = scope.clone();
        let act = move |context: &mut WriteContext<'_>| {
            let connection = context.connection;
            let NewDdiToken { device, hash, by } = &token;
            if connection.exists(devices::BEING_DELETED, values![device.as_str()])? {
                return Ok(Err(DdiTokenRefusal::BeingDeleted));
            }
            let known = connection.exists(others::DEVICE_KEY, values![device.as_str()])?;
            let mut new_device = None;
            if known {
                if !is_within(connection, &scope, device)? {
                    return Ok(Err(DdiTokenRefusal::NoDevice));
                }
            } else {
                if scope != Scope::All {
                    return Ok(Err(DdiTokenRefusal::NoDevice));
                }
                let none = Certificate::none(now);
                let_in(connection, device, &none)?;
                context.places.forget_device(device);
                new_device = Some(none);
            }
            let Some((key, _)) = in_service(connection, device)? else {
                return Ok(Err(DdiTokenRefusal::OutOfService));
            };
            let count: u32 = connection.row(statements::COUNT_TOKENS, values![key], |row| row.get(0))?;
            if count >= MAX_DDI_TOKENS {
                return Ok(Err(DdiTokenRefusal::TooMany));
            }
            let at = now.as_millisecond();
            let row = values![key, hash, at, by];
            let key = connection.row(statements::ADD_TOKEN, row, |row| row.get(0))?;
            Ok(Ok(Certified { key, new_device }))
        };
        self.writer.write(act).await
    }

    /// The tokens of a device of a scope; none where there is no such device.
    pub async fn ddi_tokens(
        &self,
        scope: &Scope,
        device: DeviceId,
    ) -> Result<Option<Vec<DdiTokenRecord>>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                if !is_within(connection, &scope, &device)? {
                    return Ok(None);
                }
                let tokens = connection.all(statements::TOKENS_OF, values![device.as_str()], |row| {
                    Ok(DdiTokenRecord { key: row.get(0)?, created: time(row, 1)?, created_by: row.get(2)? })
                })?;
                Ok(Some(tokens))
            })
            .await
    }

    /// Revokes one token of a device of a scope, or all of them; says how many. A backup does not bring them back.
    pub async fn revoke_ddi_tokens(
        &self,
        scope: &Scope,
        device: DeviceId,
        token: Option<i64>,
    ) -> Result<usize, StoreError> {
        let scope = scope.clone();
        let act = move |context: &mut WriteContext<'_>| {
            let connection = context.connection;
            if !is_within(connection, &scope, &device)? {
                return Ok(0);
            }
            let key: i64 = connection.row(others::DEVICE_KEY, values![device.as_str()], |row| row.get(0))?;
            let gone: Vec<String> = match token {
                Some(token) => {
                    connection.all(statements::REVOKE_TOKEN, values![key, token], |row| row.get(0))?
                }
                None => connection.all(statements::REVOKE_TOKENS, values![key], |row| row.get(0))?,
            };
            let count = gone.len();
            context.journal.extend(gone.into_iter().map(|token| Entry::DdiTokenRevoked { token }));
            Ok(count)
        };
        self.writer.write(act).await
    }

    /// How a device stands towards such clients; none where it is not in service.
    pub async fn ddi_standing(&self, device: DeviceId) -> Result<Option<DdiStanding>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let Some((key, has_agent)) = in_service(connection, &device)? else { return Ok(None) };
                let hashes = connection.all(statements::HASHES, values![key], |row| row.get(0))?;
                Ok(Some(DdiStanding { hashes, has_agent }))
            })
            .await
    }
}

fn is_within(connection: &Connection, scope: &Scope, device: &DeviceId) -> Result<bool, StoreError> {
    let name = device.as_str();
    let mut conditions = Conditions::new(values![name]);
    conditions.and("d.id = ?1 AND d.deleting IS NULL");
    conditions.and_within(scope, "d");
    connection.exists(&format!("SELECT 1 FROM devices d WHERE {}", conditions.text()), conditions.values())
}

fn in_service(connection: &Connection, device: &DeviceId) -> Result<Option<(i64, bool)>, StoreError> {
    connection.one(statements::IN_SERVICE, values![device.as_str()], |row| {
        Ok((row.get(0)?, row.get::<i64>(1)? != 0))
    })
}
