//! A database that was taken back to an older state, by `platen-manager restore` or by other means, knows that it was.
//!
//! What it finds in the journal and has forgotten is done again before anything is served ([`super::replayed`]). What
//! only devices can tell it now is taken with an operator's consent: a certificate of this manager's CA from the time
//! of which the database knows nothing is shown to operators as it arrives ([`Arrival`]), and is the device's once they
//! have consented, to it or to all of that time. Until then the device waits. What devices handed in during that time
//! is a gap with a reason of its own.

use std::sync::{PoisonError, RwLock};

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use serde::Serialize;

use super::engine::{Connection, Row, values};
use super::identities::{self, IdentityChange, MAX_FORMER, Standing};
use super::records::{id, time, time_if_any};
use super::statements::{devices, restored as statements};
use super::writer::WriteContext;
use super::{Certificate, Store, StoreError, states, to_integer, to_json};

/// Certificates of one device that wait: more are of no use to anybody.
const MAX_OF_DEVICE: u32 = 4;
/// Certificates that are taken in one transaction: so that a report that waits for the store does not wait long.
const TAKEN_AT_ONCE: u32 = 200;

/// The database was taken back, and an operator has not said yet that this is dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restoration {
    /// The moment from which on the database knows nothing.
    pub made: Timestamp,
    /// The moment up to which it knows nothing.
    pub restored: Timestamp,
    /// When an operator consented to all certificates of between, if one did.
    pub consented: Option<Timestamp>,
    /// Who did.
    pub consented_by: Option<String>,
}

impl Restoration {
    /// Whether a certificate was issued in the time of which nothing is known. Certificates tell whole seconds.
    fn covers(&self, issued: Timestamp) -> bool {
        (self.made.as_second()..=self.restored.as_second()).contains(&issued.as_second())
    }
}

/// A certificate of the time of which nothing is known, that was shown and waits for consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Arrival {
    /// Whom it names.
    pub device: DeviceId,
    /// Its serial number, in hexadecimal digits.
    pub serial: String,
    /// When it was issued.
    pub issued: Timestamp,
    /// When it expires.
    pub expires: Timestamp,
    /// When it was first shown since.
    pub first: Timestamp,
    /// When it was last shown.
    pub last: Timestamp,
    /// The IP address that it was last shown from.
    pub remote: String,
    /// Whether the manager knows the device: then it has renewed its certificate since the backup, otherwise it has
    /// enrolled since.
    pub known: bool,
}

/// The restorations that are not dealt with, in memory: asked for each certificate that is not known.
#[derive(Default)]
pub struct Restored {
    /// Held for a look, never across an await.
    open: RwLock<Vec<Restoration>>,
}

/// What is to be done with a certificate of this CA that the store does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// It is the device's once an operator consents.
    Waits,
    /// An operator has consented to all of them.
    Consented,
}

impl Restored {
    fn set(&self, open: Vec<Restoration>) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = open;
    }

    /// Those that are not dealt with, the oldest first.
    pub fn open(&self) -> Vec<Restoration> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether there is one.
    pub fn is_open(&self) -> bool {
        !self.open.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// What becomes of a certificate that the store does not know, issued then to a device that it knows by a
    /// certificate issued at `present`, if it knows it; `None` for one that is not of the time that was lost.
    pub fn between(&self, issued: Timestamp, present: Option<Timestamp>) -> Option<Between> {
        if present.is_some_and(|present| issued <= present) {
            return None;
        }
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let covering: Vec<_> = open.iter().filter(|one| one.covers(issued)).collect();
        let consented = covering.iter().any(|one| one.consented.is_some());
        (!covering.is_empty()).then_some(if consented { Between::Consented } else { Between::Waits })
    }
}

fn load_open(connection: &Connection) -> Result<Vec<Restoration>, StoreError> {
    connection.all(statements::OPEN_RESTORATIONS, values![], |row| {
        Ok(Restoration {
            made: time(row, 1)?,
            restored: time(row, 2)?,
            consented: time_if_any(row, 3)?,
            consented_by: row.get(4)?,
        })
    })
}

/// Whether what is missing of an epoch behind `acknowledged` was lost when the database was taken back.
pub(super) fn was_lost_here(
    connection: &Connection,
    epoch: i64,
    acknowledged: u64,
) -> Result<bool, StoreError> {
    let restored: Option<i64> =
        connection.one(statements::EPOCH_RESTORED, values![epoch], |row| row.get(0))?.flatten();
    Ok(restored == Some(to_integer(acknowledged)))
}

/// By what the database holds.
pub(super) fn load(connection: &Connection) -> Result<Restored, StoreError> {
    let restored = Restored::default();
    restored.set(load_open(connection)?);
    Ok(restored)
}

/// The database holds the moment `made`: that is noted, and what must not go on by itself ends.
pub(super) fn note(connection: &Connection, made: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    connection.execute(statements::ADD_RESTORATION, values![made.as_millisecond(), now.as_millisecond()])?;
    connection.execute(statements::MARK_EPOCHS, values![])?;
    // Somebody may have signed out since.
    connection.execute(statements::FORGET_SESSIONS, values![])?;
    connection.execute(statements::FORGET_ARRIVALS, values![])?;
    Ok(())
}

/// The certificate is the device's from now on; how it stands then. `None` if the device is shut out, or has a newer
/// one.
fn take(
    connection: &Connection,
    device: &DeviceId,
    certificate: &Certificate,
    by: &str,
    now: Timestamp,
) -> Result<Option<Standing>, StoreError> {
    connection.execute(statements::TAKEN, values![device.as_str(), certificate.issued.as_millisecond()])?;
    if connection.exists(devices::CERTIFICATE_DELETED, values![certificate.serial])? {
        return Ok(None);
    }
    let (expires, issued) = (certificate.expires.as_millisecond(), certificate.issued.as_millisecond());
    match identities::standing(connection, device)? {
        None => {
            connection.execute(
                statements::TAKE_UNKNOWN,
                values![device.as_str(), certificate.serial, expires, issued],
            )?;
            states::add(connection, device)?;
        }
        Some(known)
            if known.revoked.is_some()
                || known.retired.is_some()
                || known.certificate.issued >= certificate.issued =>
        {
            return Ok(None);
        }
        Some(known) => {
            let mut former = known.former;
            former.push(known.certificate);
            let forgotten = former.len().saturating_sub(MAX_FORMER);
            former.drain(..forgotten);
            let former = to_json("list of former certificates", &former)?;
            connection.execute(
                statements::TAKE_KNOWN,
                values![device.as_str(), certificate.serial, expires, issued, former],
            )?;
        }
    }
    identities::log(connection, device, IdentityChange::TakenAfterRestore, Some(by), now)?;
    identities::standing(connection, device)
}

fn arrival(row: &Row<'_>) -> Result<Arrival, StoreError> {
    Ok(Arrival {
        device: id("device", row.get(0)?)?,
        serial: row.get(1)?,
        issued: time(row, 2)?,
        expires: time(row, 3)?,
        first: time(row, 4)?,
        last: time(row, 5)?,
        remote: row.get(6)?,
        known: row.get(7)?,
    })
}

impl Store {
    /// The restorations that are not dealt with, as they were known at the last look.
    pub fn restored(&self) -> &Restored {
        &self.restored
    }

    /// Looks again: another process may have changed something.
    pub async fn look_at_restorations(&self) -> Result<(), StoreError> {
        let open = self.readers.clone().read(load_open).await?;
        self.restored.set(open);
        Ok(())
    }

    /// A certificate of the time that was lost was shown: it waits for consent. Says whether that is news.
    pub async fn arrived(
        &self,
        device: DeviceId,
        certificate: Certificate,
        remote: String,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let is_new = !connection
                    .exists(statements::HAS_ARRIVED, values![device.as_str(), certificate.serial])?;
                let waiting: i64 =
                    connection.row(statements::ARRIVALS_OF, values![device.as_str()], |row| row.get(0))?;
                if is_new && waiting >= i64::from(MAX_OF_DEVICE) {
                    return Ok(false);
                }
                connection.execute(
                    statements::ARRIVED,
                    values![
                        device.as_str(),
                        certificate.serial,
                        certificate.issued.as_millisecond(),
                        certificate.expires.as_millisecond(),
                        now.as_millisecond(),
                        remote
                    ],
                )?;
                Ok(is_new)
            })
            .await
    }

    /// Certificates that wait for consent, those after `after` (device and serial number), and how many wait at all.
    pub async fn arrivals(
        &self,
        after: Option<(DeviceId, String)>,
        limit: u32,
    ) -> Result<(Vec<Arrival>, u64), StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let after =
                    after.as_ref().map_or(("", ""), |(device, serial)| (device.as_str(), serial.as_str()));
                let some = connection.all(statements::ARRIVALS, values![after.0, after.1, limit], arrival)?;
                let count: i64 = connection.row(statements::COUNT_ARRIVALS, values![], |row| row.get(0))?;
                Ok((some, u64::try_from(count).unwrap_or(0)))
            })
            .await
    }

    /// An operator consents to a certificate that waits: it is the device's from now on. How that stands then; `None`
    /// if no such certificate waits, or the device is shut out.
    pub async fn let_in_after_restore(
        &self,
        device: DeviceId,
        serial: String,
        by: String,
        now: Timestamp,
    ) -> Result<Option<Standing>, StoreError> {
        self.writer
            .write(move |context| {
                let found =
                    context.connection.one(statements::ARRIVAL, values![device.as_str(), serial], |row| {
                        Ok(Certificate {
                            serial: serial.clone(),
                            issued: time(row, 0)?,
                            expires: time(row, 1)?,
                        })
                    })?;
                let Some(certificate) = found else { return Ok(None) };
                take(context.connection, &device, &certificate, &by, now)
            })
            .await
    }

    /// Takes a certificate that is shown, for an operator has consented to all of that time.
    pub async fn take_consented(
        &self,
        device: DeviceId,
        certificate: Certificate,
        now: Timestamp,
    ) -> Result<Option<Standing>, StoreError> {
        self.writer
            .write(move |context| {
                let open = load_open(context.connection)?;
                let consented = open
                    .iter()
                    .filter(|one| one.covers(certificate.issued))
                    .find_map(|one| one.consented_by.clone());
                let Some(by) = consented else { return Ok(None) };
                take(context.connection, &device, &certificate, &by, now)
            })
            .await
    }

    /// An operator consents to all certificates of the time that was lost, those that wait and those that come; the
    /// devices that waited, as they stand then. `None` if the database was not taken back.
    pub async fn consent_to_all(
        &self,
        by: String,
        now: Timestamp,
    ) -> Result<Option<Vec<(DeviceId, Standing)>>, StoreError> {
        if !self.write_restoration(statements::CONSENT, &by, now).await? && !self.restored.is_open() {
            return Ok(None);
        }
        let mut taken = Vec::new();
        loop {
            let by = by.clone();
            let some = self.writer.write(move |context| take_some(context, &by, now)).await?;
            let Some(some) = some else { return Ok(Some(taken)) };
            taken.extend(some);
        }
    }

    /// An operator says that it is over: from now on an unknown certificate is just that. Says whether there was
    /// something to end.
    pub async fn end_restorations(&self, by: String, now: Timestamp) -> Result<bool, StoreError> {
        self.write_restoration(statements::END_RESTORATIONS, &by, now).await
    }

    async fn write_restoration(
        &self,
        statement: &'static str,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let by = by.to_owned();
        let (changed, open) = self
            .writer
            .write(move |context| {
                let connection = context.connection;
                let changed = connection.execute(statement, values![now.as_millisecond(), by])?;
                let open = load_open(connection)?;
                if open.is_empty() {
                    connection.execute(statements::FORGET_ARRIVALS, values![])?;
                }
                Ok((changed > 0, open))
            })
            .await?;
        self.restored.set(open);
        Ok(changed)
    }
}

/// Takes some of what waits; `None` when nothing waits any more.
fn take_some(
    context: &mut WriteContext<'_>,
    by: &str,
    now: Timestamp,
) -> Result<Option<Vec<(DeviceId, Standing)>>, StoreError> {
    let some = context.connection.all(statements::NEWEST_ARRIVALS, values![TAKEN_AT_ONCE], |row| {
        let certificate = Certificate { serial: row.get(1)?, issued: time(row, 2)?, expires: time(row, 3)? };
        Ok((id::<DeviceId>("device", row.get(0)?)?, certificate))
    })?;
    if some.is_empty() {
        return Ok(None);
    }
    let mut taken = Vec::new();
    for (device, certificate) in some {
        if let Some(standing) = take(context.connection, &device, &certificate, by, now)? {
            taken.push((device, standing));
        }
    }
    Ok(Some(taken))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn restored(made: i64, until: i64, consented: bool) -> Restoration {
        let consented = consented.then(|| second(until + 1));
        Restoration { made: second(made), restored: second(until), consented, consented_by: None }
    }

    #[test]
    fn only_a_certificate_of_the_time_that_was_lost_waits() {
        let known = Restored::default();
        assert_eq!(known.between(second(150), None), None, "nothing was lost");
        known.set(vec![restored(100, 200, false)]);
        let of = |issued| known.between(second(issued), None);
        assert_eq!(
            (of(99), of(100), of(200), of(201)),
            (None, Some(Between::Waits), Some(Between::Waits), None)
        );
        assert_eq!(known.between(second(150), Some(second(149))), Some(Between::Waits));
        assert_eq!(known.between(second(150), Some(second(150))), None, "it has been replaced");
    }

    #[test]
    fn consent_is_for_its_own_time() {
        let known = Restored::default();
        known.set(vec![restored(100, 200, true), restored(300, 400, false)]);
        let of = |issued| known.between(second(issued), None);
        assert_eq!((of(150), of(350), of(250)), (Some(Between::Consented), Some(Between::Waits), None));
    }

    proptest! {
        #[test]
        fn nothing_that_is_older_than_what_is_known_is_ever_taken(
            made in 0_i64..100, length in 0_i64..100, issued in 0_i64..300, present in prop::option::of(0_i64..300),
            consented in any::<bool>(),
        ) {
            let known = Restored::default();
            known.set(vec![restored(made, made + length, consented)]);
            let found = known.between(second(issued), present.map(second));
            let newer = present.is_none_or(|present| issued > present);
            let within = (made..=made + length).contains(&issued);
            prop_assert_eq!(found.is_some(), newer && within);
        }
    }
}
