//! Which device is to have which program, as operators say.

use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::identity::{AttemptId, DeviceId};
use platen_protocol::programs::ProgramStep;

use super::super::conditions::Conditions;
use super::super::engine::{AsValue as _, Connection, values};
use super::super::records::MAX_OFFERS;
use super::super::rollouts::{offer_gone, rollout_given};
use super::super::statements::{self as others, devices, programs as statements};
use super::super::writer::WriteContext;
use super::super::{Scope, Store, StoreError};
use super::records::{AttemptRecord, OfferRecord, ProgramRecord};
use super::told::{begin_attempt, step_word};

/// Why a program is not offered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferRefusal {
    /// There is none of that name and version.
    #[error("there is no program {name} {version} here")]
    NoProgram {
        /// Its name.
        name: String,
        /// Its version.
        version: String,
    },
    /// It must not be given to anybody.
    #[error("{name} {version} is revoked: devices would refuse it")]
    Revoked {
        /// Its name.
        name: String,
        /// Its version.
        version: String,
    },
    /// One of the devices is not known.
    #[error("there is no device {0} here; nothing was offered")]
    NoDevice(DeviceId),
    /// One of the devices is out of service.
    #[error("{0} is retired; nothing was offered")]
    Retired(DeviceId),
    /// One of the devices is to have too much.
    #[error("{0} is to have {MAX_OFFERS} programs already; nothing was offered")]
    TooMany(DeviceId),
}

/// What came of offering a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offered {
    /// Devices to which it is offered now.
    pub new: Vec<DeviceId>,
    /// Devices to which it was offered before.
    pub already: Vec<DeviceId>,
}

impl Store {
    /// Offers a program to devices of a scope, each with the name of the attempt that comes of it: to all or to none.
    pub async fn offer(
        &self,
        scope: &Scope,
        (name, version): (String, String),
        devices: Vec<(DeviceId, AttemptId)>,
        by: String,
        now: Timestamp,
    ) -> Result<Result<Offered, OfferRefusal>, StoreError> {
        let (on_offer, scope) = (Arc::clone(&self.on_offer), scope.clone());
        let act = move |context: &mut WriteContext<'_>| {
            let connection = context.connection;
            let program =
                connection.one(statements::PROGRAM, values![name, version], ProgramRecord::from_row)?;
            let named = || (name.clone(), version.clone());
            let Some(program) = program else {
                let (name, version) = named();
                return Ok(Err(OfferRefusal::NoProgram { name, version }));
            };
            if program.revoked.is_some() {
                let (name, version) = named();
                return Ok(Err(OfferRefusal::Revoked { name, version }));
            }
            let mut keys = Vec::new();
            for (device, _) in &devices {
                match key_of(connection, &scope, device)? {
                    Ok(key) => keys.push(key),
                    Err(refusal) => return Ok(Err(refusal)),
                }
            }
            let mut offered = Offered::default();
            for ((device, attempt), key) in devices.iter().zip(keys) {
                let (at, attempt) = (now.as_millisecond(), attempt.as_str());
                let row = values![key, program.key, attempt, at, by];
                let is_new = connection.execute(statements::ADD_OFFER, row)? == 1;
                if is_new { &mut offered.new } else { &mut offered.already }.push(device.clone());
            }
            Ok(Ok(offered))
        };
        let then = move |offered: &Result<Offered, OfferRefusal>| {
            let new = offered.iter().flat_map(|offered| &offered.new);
            new.for_each(|device| on_offer.changed(device));
        };
        self.writer.write_then(act, then).await
    }

    /// Takes the offer of a program to a device back; says whether there was one. What the device was given already is
    /// not taken from it.
    pub async fn take_offer_back(
        &self,
        scope: &Scope,
        program: i64,
        device: DeviceId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (on_offer, scope, gone) = (Arc::clone(&self.on_offer), scope.clone(), device.clone());
        let act = move |context: &mut WriteContext<'_>| {
            if !is_within(context.connection, &scope, &device)? {
                return Ok(false);
            }
            let (connection, name) = (context.connection, device.as_str());
            let gone: Option<(i64, String)> =
                connection.one(statements::TAKE_OFFER_BACK, values![name, program], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
            let Some((key, attempt)) = gone else { return Ok(false) };
            offer_gone(connection, key, &attempt, now)?;
            Ok(true)
        };
        self.writer.write_then(act, move |_| on_offer.changed(&gone)).await
    }

    /// What is offered to a device, in the order in which it is given that.
    pub async fn offers_of(&self, device: DeviceId) -> Result<Vec<OfferRecord>, StoreError> {
        let damage = Arc::clone(&self.damage);
        self.readers
            .clone()
            .read(move |connection| {
                let name = device.as_str();
                let parameters = values![name];
                damage.collect(connection, statements::OFFERS_OF_DEVICE, parameters, 1, OfferRecord::from_row)
            })
            .await
    }

    /// To whom a program is offered, of a scope, the earliest first, those behind `after`.
    pub async fn offers_of_program(
        &self,
        scope: &Scope,
        program: i64,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<OfferRecord>, StoreError> {
        let (damage, scope) = (Arc::clone(&self.damage), scope.clone());
        self.readers
            .clone()
            .read(move |connection| {
                let after = after.unwrap_or(0);
                let mut conditions = Conditions::new(values![program, after, limit]);
                conditions.and("o.program = ?1 AND o.key > ?2");
                conditions.and_within(&scope, "d");
                let text =
                    format!("{} WHERE {} ORDER BY o.key LIMIT ?3", statements::OFFERS, conditions.text());
                damage.collect(connection, &text, conditions.values(), 1, OfferRecord::from_row)
            })
            .await
    }

    /// Attempts, the newest first: of a device, or of a program.
    pub async fn attempts(
        &self,
        scope: &Scope,
        device: Option<DeviceId>,
        program: Option<(String, String)>,
        (before, limit): (Option<i64>, u32),
    ) -> Result<Vec<AttemptRecord>, StoreError> {
        let (damage, scope) = (Arc::clone(&self.damage), scope.clone());
        self.readers
            .clone()
            .read(move |connection| {
                let before = before.unwrap_or(i64::MAX);
                let mut conditions = Conditions::new(values![before, limit]);
                conditions.and("a.key < ?1");
                if let Some(device) = &device {
                    let of = "a.device = (SELECT key FROM devices WHERE id = {})";
                    conditions.and_with(of, device.as_str());
                }
                if let Some((name, version)) = &program {
                    conditions.and_with("a.name = {}", name.as_str());
                    conditions.and_with("a.version = {}", version.as_str());
                }
                conditions.and_within(&scope, "d");
                let text = format!(
                    "{} WHERE {} ORDER BY a.key DESC LIMIT ?2",
                    statements::ATTEMPTS,
                    conditions.text()
                );
                damage.collect(connection, &text, conditions.values(), 1, AttemptRecord::from_row)
            })
            .await
    }

    /// A device is given what was offered to it: from now on there is an attempt. Says whether the offer still stands.
    pub async fn program_given(
        &self,
        device: DeviceId,
        offer: i64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (on_offer, whose) = (Arc::clone(&self.on_offer), device.clone());
        let act = move |context: &mut WriteContext<'_>| {
            let connection = context.connection;
            let at = now.as_millisecond();
            let given: Option<i64> =
                connection.one(statements::OFFER_GIVEN, values![offer, at], |row| row.get(0))?;
            let Some(key) = given else {
                // Another manager has given it already, or it was taken back.
                return connection.exists(statements::OFFER_EXISTS, values![offer]);
            };
            let record = connection.row(statements::OFFER, values![offer], OfferRecord::from_row)?;
            let program = (record.kind.as_str(), record.name.as_str(), record.version.as_str());
            let fetching = (step_word(ProgramStep::Fetching)?, None);
            begin_attempt(connection, key, record.attempt.as_str(), program, (fetching, false), at)?;
            rollout_given(connection, key, record.attempt.as_str(), at)?;
            Ok(true)
        };
        self.writer.write_then(act, move |_| on_offer.changed(&whose)).await
    }

    /// Keeps why a device is not given what is offered to it, or that nothing is in the way any more.
    pub async fn offer_waits(
        &self,
        device: DeviceId,
        offer: i64,
        why: Option<String>,
    ) -> Result<(), StoreError> {
        let on_offer = Arc::clone(&self.on_offer);
        let act = move |context: &mut WriteContext<'_>| {
            context.connection.execute(statements::OFFER_WAITS, values![offer, why]).map(drop)
        };
        self.writer.write_then(act, move |()| on_offer.changed(&device)).await
    }
}

fn is_within(connection: &Connection, scope: &Scope, device: &DeviceId) -> Result<bool, StoreError> {
    let mut conditions = Conditions::new(&[device.as_str().as_value()]);
    conditions.and("d.id = ?1 AND d.deleting IS NULL");
    conditions.and_within(scope, "d");
    connection.exists(&format!("SELECT 1 FROM devices d WHERE {}", conditions.text()), conditions.values())
}

/// The key of a device that something can be offered to.
fn key_of(
    connection: &Connection,
    scope: &Scope,
    device: &DeviceId,
) -> Result<Result<i64, OfferRefusal>, StoreError> {
    if !is_within(connection, scope, device)? {
        return Ok(Err(OfferRefusal::NoDevice(device.clone())));
    }
    let key: i64 = connection.row(others::DEVICE_KEY, values![device.as_str()], |row| row.get(0))?;
    if connection.exists(devices::IS_RETIRED, values![key])? {
        return Ok(Err(OfferRefusal::Retired(device.clone())));
    }
    let offers: u32 = connection.row(statements::OFFERS_TO, values![key], |row| row.get(0))?;
    if offers >= MAX_OFFERS {
        return Ok(Err(OfferRefusal::TooMany(device.clone())));
    }
    Ok(Ok(key))
}
