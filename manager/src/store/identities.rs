//! Identities: certificates that devices hold, who is shut out, who may come back; and the log of what
//! was done to them, by which a running manager learns what another process did.

use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;

use super::records::{id, time, time_if_any, word};
use super::{Store, StoreError, statements};

/// Entries of the log of one device that are handed out.
const MAX_LOG: u32 = 20;

/// A certificate, as far as the manager keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Its serial number, in hexadecimal digits.
    pub serial: String,
    /// When it was issued.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// How a device stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The certificate that it uses.
    pub certificate: Certificate,
    /// A renewed one that it was given and has not used yet.
    pub next: Option<Certificate>,
    /// When it was shut out, if it is.
    pub revoked: Option<Timestamp>,
    /// Until when it may renew a certificate that has ended.
    pub readmitted_until: Option<Timestamp>,
}

/// What was done to an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityChange {
    /// The device enrolled with a token.
    Enrolled,
    /// A renewed certificate was issued to it.
    RenewalIssued,
    /// It has used the renewed certificate; the old one is refused from then on.
    Renewed,
    /// It was shut out.
    Revoked,
    /// It was allowed to renew a certificate that has expired.
    Readmitted,
}

impl IdentityChange {
    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Enrolled => "enrolled",
            Self::RenewalIssued => "renewal_issued",
            Self::Renewed => "renewed",
            Self::Revoked => "revoked",
            Self::Readmitted => "readmitted",
        }
    }
}

/// An entry in the log of what was done to identities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct IdentityEntry {
    /// What was done.
    pub what: IdentityChange,
    /// The operator or administrator who did it; `null` when the device did it by itself.
    pub by: Option<String>,
    /// When it was done, by the manager's clock.
    pub at: Timestamp,
}

/// Standings that changed since a place in the log.
#[derive(Debug, Clone, Default)]
pub struct Changed {
    /// The place in the log to go on from.
    pub upto: i64,
    /// The devices that changed, as they stand now.
    pub devices: Vec<(DeviceId, Standing)>,
}

impl Standing {
    fn from_row(row: &Row<'_>) -> Result<(DeviceId, Self), StoreError> {
        let expires = time(row, 3)?;
        let next: Option<String> = row.get(4)?;
        let next = match (next, time_if_any(row, 5)?, time_if_any(row, 6)?) {
            (Some(serial), Some(issued), Some(expires)) => Some(Certificate { serial, issued, expires }),
            _ => None,
        };
        let standing = Self {
            certificate: Certificate { serial: row.get(1)?, issued: time(row, 2)?, expires },
            next,
            revoked: time_if_any(row, 7)?,
            readmitted_until: time_if_any(row, 8)?,
        };
        Ok((id("device", row.get(0)?)?, standing))
    }
}

/// Writes an entry of the log, in the transaction that does what it says.
pub(super) fn log(
    connection: &Connection,
    device: &DeviceId,
    what: IdentityChange,
    by: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    connection.prepare_cached(statements::LOG_IDENTITY)?.execute(params![
        device.as_str(),
        what.word(),
        by,
        at.as_millisecond()
    ])?;
    Ok(())
}

impl Store {
    /// How devices stand, those after `after`.
    pub async fn standings(
        &self,
        after: Option<DeviceId>,
        limit: u32,
    ) -> Result<Vec<(DeviceId, Standing)>, StoreError> {
        let damage = Arc::clone(&self.damage);
        self.readers
            .clone()
            .read(move |connection| {
                let after = after.as_ref().map_or("", DeviceId::as_str);
                damage.collect(
                    connection,
                    statements::STANDINGS,
                    params![after, limit],
                    0,
                    Standing::from_row,
                )
            })
            .await
    }

    /// What changed since a place in the log; `None` asks for the place alone.
    pub async fn identities_changed(&self, since: Option<i64>) -> Result<Changed, StoreError> {
        let damage = Arc::clone(&self.damage);
        self.readers
            .clone()
            .read(move |connection| {
                let upto: i64 = connection
                    .prepare_cached(statements::IDENTITY_LOG_END)?
                    .query_row([], |row| row.get(0))?;
                let devices = match since {
                    Some(since) if since < upto => damage.collect(
                        connection,
                        statements::STANDINGS_CHANGED,
                        params![since],
                        0,
                        Standing::from_row,
                    )?,
                    _ => Vec::new(),
                };
                Ok(Changed { upto, devices })
            })
            .await
    }

    /// What was done to a device's identity, the newest first.
    pub async fn identity_log(&self, device: DeviceId) -> Result<Vec<IdentityEntry>, StoreError> {
        let damage = Arc::clone(&self.damage);
        self.readers
            .clone()
            .read(move |connection| {
                let parameters = params![device.as_str(), MAX_LOG];
                damage.collect(connection, statements::IDENTITY_LOG_OF, parameters, 3, |row| {
                    Ok(IdentityEntry {
                        what: word("change of an identity", row.get(0)?)?,
                        by: row.get(1)?,
                        at: time(row, 2)?,
                    })
                })
            })
            .await
    }

    /// Keeps a renewed certificate beside the one in use; says whether the device is known.
    pub async fn renewal_issued(&self, device: DeviceId, next: Certificate) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let changed = context.connection.prepare_cached(statements::SET_NEXT)?.execute(params![
                    device.as_str(),
                    next.serial,
                    next.issued.as_millisecond(),
                    next.expires.as_millisecond()
                ])?;
                if changed == 1 {
                    log(context.connection, &device, IdentityChange::RenewalIssued, None, next.issued)?;
                }
                Ok(changed == 1)
            })
            .await
    }

    /// The renewed certificate has been used: it is the one now, and the old one is none. Says whether
    /// that was so.
    pub async fn renewed(
        &self,
        device: DeviceId,
        serial: String,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let changed = context
                    .connection
                    .prepare_cached(statements::PROMOTE_NEXT)?
                    .execute(params![device.as_str(), serial])?;
                if changed == 1 {
                    log(context.connection, &device, IdentityChange::Renewed, None, now)?;
                }
                Ok(changed == 1)
            })
            .await
    }

    /// Shuts a device out, unless it is already; how it stands then, if it is known.
    pub async fn revoke(
        &self,
        device: DeviceId,
        by: String,
        now: Timestamp,
    ) -> Result<Option<Standing>, StoreError> {
        self.writer
            .write(move |context| {
                let before = standing(context.connection, &device)?;
                if before.as_ref().is_none_or(|standing| standing.revoked.is_some()) {
                    return Ok(before);
                }
                context
                    .connection
                    .prepare_cached(statements::REVOKE)?
                    .execute(params![device.as_str(), now.as_millisecond()])?;
                log(context.connection, &device, IdentityChange::Revoked, Some(&by), now)?;
                standing(context.connection, &device)
            })
            .await
    }

    /// Lets a device renew a certificate that has ended, until a time; how it stands then, if it is
    /// known. One that is shut out stays so, and one whose certificate has not ended needs nobody's consent:
    /// nothing is written of either.
    pub async fn readmit(
        &self,
        device: DeviceId,
        until: Timestamp,
        by: String,
        now: Timestamp,
    ) -> Result<Option<Standing>, StoreError> {
        self.writer
            .write(move |context| {
                let before = standing(context.connection, &device)?;
                let may_not =
                    |standing: &Standing| standing.revoked.is_some() || now < standing.certificate.expires;
                if before.as_ref().is_none_or(may_not) {
                    return Ok(before);
                }
                context
                    .connection
                    .prepare_cached(statements::READMIT)?
                    .execute(params![device.as_str(), until.as_millisecond()])?;
                log(context.connection, &device, IdentityChange::Readmitted, Some(&by), now)?;
                standing(context.connection, &device)
            })
            .await
    }

    /// Writes that operators are told of a certificate that nears its end; says whether that is new.
    pub async fn certificate_ends(
        &self,
        device: DeviceId,
        certificate: Certificate,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let origin = format!("{device}/{}/certificate_ends", certificate.serial);
                let body = serde_json::json!({ "ends": certificate.expires }).to_string();
                let added =
                    context.connection.prepare_cached(statements::ADD_NOTICE_OF)?.execute(params![
                        origin,
                        device.as_str(),
                        "certificate_ends",
                        now.as_millisecond(),
                        body
                    ])?;
                Ok(added == 1)
            })
            .await
    }
}

fn standing(connection: &Connection, device: &DeviceId) -> Result<Option<Standing>, StoreError> {
    let found = connection
        .prepare_cached(statements::STANDING)?
        .query_row(params![device.as_str()], |row| Ok(Standing::from_row(row)))
        .optional()?
        .transpose()?;
    Ok(found.map(|(_, standing)| standing))
}
