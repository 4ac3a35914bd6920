//! Identities: certificates that devices hold, who is shut out, who may come back; and the log of what
//! was done to them, by which a running manager learns what another process did.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use serde::{Deserialize, Serialize};

use super::certificate::Certificate;
use super::engine::{Connection, Row, values};
use super::journal::Entry;
use super::records::{id, time, time_if_any, word};
use super::states::refresh_named;
use super::{Scope, Store, StoreError, statements, to_json};

/// Entries of the log of one device that are handed out.
const MAX_LOG: u32 = 20;
/// Certificates of one device that were replaced by renewal and are remembered: the newest. One that is older is
/// as good as unknown.
pub(super) const MAX_FORMER: usize = 8;

/// Who used a certificate last, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateUse {
    /// When.
    pub last: Timestamp,
    /// From which IP address.
    pub remote: IpAddr,
    /// In which boot, as far as it was told.
    pub boot: Option<String>,
}

/// A certificate is used that the device itself had replaced: its state went back to an older one, or somebody has
/// a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Superseded {
    /// Which.
    pub certificate: Certificate,
    /// When it was first used after it had been replaced.
    pub first: Timestamp,
    /// Who used it last.
    pub used: CertificateUse,
    /// Who used the one that replaced it last, as was known then.
    pub present: Option<CertificateUse>,
    /// Whether an operator has consented that whoever has it may renew it
    /// ([`Standing::readmitted_until`]).
    pub readmitted: bool,
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
    /// Until when it may renew a certificate that has ended, or a superseded one.
    pub readmitted_until: Option<Timestamp>,
    /// Those that it used before and replaced by renewal since it enrolled, the newest last; at most
    /// `MAX_FORMER`.
    pub former: Vec<Certificate>,
    /// One of those that is used again, until that is over.
    pub superseded: Option<Superseded>,
    /// When it was taken out of service, if it was.
    pub retired: Option<Timestamp>,
}

/// What was done to an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityChange {
    /// The device enrolled with a token.
    Enrolled,
    /// A token was made by which another controller takes its place.
    ReplacementPrepared,
    /// A renewed certificate was issued to it.
    RenewalIssued,
    /// It has used the renewed certificate; the old one is refused from then on.
    Renewed,
    /// It was shut out.
    Revoked,
    /// It was allowed to renew a certificate that has expired, or that was superseded.
    Readmitted,
    /// A certificate was used that the device had replaced before; it is refused.
    SupersededUsed,
    /// That was dismissed.
    SupersededDismissed,
    /// The manager was restored from a backup, and a certificate that is newer than that was taken.
    TakenAfterRestore,
    /// It was taken out of service.
    Retired,
    /// It has answered that, or was given long enough to: its certificate is refused from then on.
    RetirementEnded,
}

impl IdentityChange {
    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Enrolled => "enrolled",
            Self::ReplacementPrepared => "replacement_prepared",
            Self::RenewalIssued => "renewal_issued",
            Self::Renewed => "renewed",
            Self::Revoked => "revoked",
            Self::Readmitted => "readmitted",
            Self::SupersededUsed => "superseded_used",
            Self::SupersededDismissed => "superseded_dismissed",
            Self::TakenAfterRestore => "taken_after_restore",
            Self::Retired => "retired",
            Self::RetirementEnded => "retirement_ended",
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

impl IdentityEntry {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self { what: word("change of an identity", row.get(2)?)?, by: row.get(3)?, at: time(row, 4)? })
    }
}

impl Standing {
    /// How a device stands that was let in with a certificate: whatever was with its identity before is over.
    pub fn enrolled(certificate: Certificate) -> Self {
        Self {
            certificate,
            next: None,
            revoked: None,
            readmitted_until: None,
            former: Vec::new(),
            superseded: None,
            retired: None,
        }
    }

    /// Whether there is something to which an operator can consent.
    pub fn can_be_readmitted(&self, now: Timestamp) -> bool {
        self.revoked.is_none()
            && self.retired.is_none()
            && (now >= self.certificate.expires || self.superseded.is_some())
    }

    /// The renewed certificate, if that is the one, is used: it is the one now. Says whether it was.
    pub fn renew(&mut self, serial: &str) -> bool {
        let Some(next) = self.next.take_if(|next| next.serial == serial) else { return false };
        self.former.push(std::mem::replace(&mut self.certificate, next));
        // One that goes back to the same state at every restart comes by the same certificate each time: that is not to
        // be forgotten before others.
        if let Some(used) = self.superseded.take().filter(|used| used.readmitted)
            && let Some(at) = self.former.iter().position(|one| one.serial == used.certificate.serial)
        {
            let used = self.former.remove(at);
            self.former.push(used);
        }
        let forgotten = self.former.len().saturating_sub(MAX_FORMER);
        self.former.drain(..forgotten);
        self.readmitted_until = None;
        true
    }

    /// A superseded certificate was used. Says whether that is news; what was known of another one is forgotten, unless
    /// an operator has consented to that one and it may still renew: who has a second copy takes nobody's consent away.
    pub fn superseded_by_use(&mut self, seen: Superseded) -> bool {
        let consented = self
            .superseded
            .as_ref()
            .is_some_and(|known| known.readmitted && known.certificate.serial != seen.certificate.serial);
        if consented && self.readmitted_until.is_some_and(|until| seen.used.last < until) {
            return false;
        }
        let known = self.superseded.take_if(|known| known.certificate.serial == seen.certificate.serial);
        let is_news = known.is_none();
        let now = match known {
            Some(known) => {
                let boot = seen.used.boot.clone().or(known.used.boot);
                let present = seen.present.or(known.present);
                let used = CertificateUse { boot, ..seen.used };
                Superseded { first: known.first, used, present, ..known }
            }
            None => seen,
        };
        self.superseded = Some(now);
        is_news
    }

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
            // What does not read is forgotten: it is no reason to refuse the device.
            former: forgiving(row.get(9)?).unwrap_or_default(),
            superseded: forgiving(row.get(10)?),
            retired: time_if_any(row, 11)?,
        };
        Ok((id("device", row.get(0)?)?, standing))
    }
}

/// Writes an entry of the log, in the transaction that has done what it says; and how the device stands by it.
pub(super) fn log(
    connection: &Connection,
    device: &DeviceId,
    what: IdentityChange,
    by: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    connection
        .execute(statements::LOG_IDENTITY, values![device.as_str(), what.word(), by, at.as_millisecond()])?;
    refresh_named(connection, device)
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
                    values![after, limit],
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
                let upto: i64 = connection.row(statements::IDENTITY_LOG_END, &[], |row| row.get(0))?;
                let devices = match since {
                    Some(since) if since < upto => damage.collect(
                        connection,
                        statements::STANDINGS_CHANGED,
                        values![since],
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
    pub async fn identity_log(
        &self,
        scope: &Scope,
        device: DeviceId,
    ) -> Result<Vec<IdentityEntry>, StoreError> {
        let list = self.list(scope, (statements::IDENTITY_LOG, "l"), Some(device), (None, MAX_LOG));
        self.readers.clone().read(move |connection| list.read(connection, IdentityEntry::from_row)).await
    }

    /// Keeps a renewed certificate beside the one in use; says whether the device is known.
    pub async fn renewal_issued(&self, device: DeviceId, next: Certificate) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let changed = context.connection.execute(
                    statements::SET_NEXT,
                    values![
                        device.as_str(),
                        next.serial,
                        next.issued.as_millisecond(),
                        next.expires.as_millisecond()
                    ],
                )?;
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
                let Some(mut standing) = standing(context.connection, &device)? else { return Ok(false) };
                if !standing.renew(&serial) {
                    return Ok(false);
                }
                let former = to_json("list of former certificates", &standing.former)?;
                let changed = context
                    .connection
                    .execute(statements::PROMOTE_NEXT, values![device.as_str(), serial, former])?;
                if changed == 1 {
                    log(context.connection, &device, IdentityChange::Renewed, None, now)?;
                }
                Ok(changed == 1)
            })
            .await
    }

    /// Keeps that a superseded certificate is used, with the notice of it when that is news. How the device stands
    /// then, and whether it was news; `None` when the certificate is no superseded one (any more).
    pub async fn superseded_used(
        &self,
        device: DeviceId,
        seen: Superseded,
        now: Timestamp,
    ) -> Result<Option<(Standing, bool)>, StoreError> {
        self.writer
            .write(move |context| {
                let Some(mut standing) = standing(context.connection, &device)? else { return Ok(None) };
                let is_former = standing.former.iter().any(|one| one.serial == seen.certificate.serial);
                if standing.revoked.is_some() || !is_former {
                    return Ok(None);
                }
                let mut seen = seen.clone();
                if let Some(present) = seen.present.as_mut().filter(|present| present.boot.is_none()) {
                    present.boot = last_boot(context.connection, &device)?;
                }
                let is_news = standing.superseded_by_use(seen);
                let body = standing
                    .superseded
                    .as_ref()
                    .map(|known| to_json("use of a superseded certificate", known))
                    .transpose()?;
                context.connection.execute(statements::SET_SUPERSEDED, values![device.as_str(), body])?;
                refresh_named(context.connection, &device)?;
                if is_news {
                    log(context.connection, &device, IdentityChange::SupersededUsed, None, now)?;
                    let at = now.as_millisecond();
                    let origin = format!("{device}/{at}/superseded");
                    context.connection.execute(
                        statements::ADD_NOTICE_OF,
                        values![origin, device.as_str(), "superseded", at, body],
                    )?;
                }
                Ok(Some((standing, is_news)))
            })
            .await
    }

    /// That a superseded certificate is used is over: an operator dismisses it, or without a name the device is back.
    /// How it stands then, if there was anything to dismiss.
    pub async fn dismiss_superseded(
        &self,
        device: DeviceId,
        by: Option<String>,
        now: Timestamp,
    ) -> Result<Option<Standing>, StoreError> {
        self.writer
            .write(move |context| {
                let before = standing(context.connection, &device)?;
                let Some(mut standing) = before.filter(|standing| standing.superseded.is_some()) else {
                    return Ok(None);
                };
                standing.superseded = None;
                context
                    .connection
                    .execute(statements::SET_SUPERSEDED, values![device.as_str(), None::<String>])?;
                log(context.connection, &device, IdentityChange::SupersededDismissed, by.as_deref(), now)?;
                Ok(Some(standing))
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
                    .execute(statements::REVOKE, values![device.as_str(), now.as_millisecond()])?;
                log(context.connection, &device, IdentityChange::Revoked, Some(&by), now)?;
                context.journal.push(Entry::Revoked { device: device.clone(), by: by.clone(), at: now });
                standing(context.connection, &device)
            })
            .await
    }

    /// Lets a device renew a certificate that has ended, or that is superseded and used, until a time; how it stands
    /// then, if it is known. One that is shut out stays so, and one that needs nobody's consent does not get it:
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
                let Some(present) = before.as_ref().filter(|standing| standing.can_be_readmitted(now)) else {
                    return Ok(before);
                };
                let superseded = present.superseded.clone().map(|one| Superseded { readmitted: true, ..one });
                let superseded =
                    superseded.map(|known| to_json("use of a superseded certificate", &known)).transpose()?;
                context.connection.execute(
                    statements::READMIT,
                    values![device.as_str(), until.as_millisecond(), superseded],
                )?;
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
                let added = context.connection.execute(
                    statements::ADD_NOTICE_OF,
                    values![origin, device.as_str(), "certificate_ends", now.as_millisecond(), body],
                )?;
                Ok(added == 1)
            })
            .await
    }
}

fn forgiving<T: serde::de::DeserializeOwned>(text: Option<String>) -> Option<T> {
    serde_json::from_str(&text?).ok()
}

/// The boot that a device was heard in last, as far as the store knows.
fn last_boot(connection: &Connection, device: &DeviceId) -> Result<Option<String>, StoreError> {
    let found = connection.one(statements::LAST_BOOT, values![device.as_str()], |row| row.get(0))?;
    Ok(found)
}

pub(super) fn standing(connection: &Connection, device: &DeviceId) -> Result<Option<Standing>, StoreError> {
    let found = connection
        .one(statements::STANDING, values![device.as_str()], |row| Ok(Standing::from_row(row)))?
        .transpose()?;
    Ok(found.map(|(_, standing)| standing))
}

#[cfg(test)]
mod tests;
