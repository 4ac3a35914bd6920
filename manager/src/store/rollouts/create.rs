//! Planning a rollout: which devices it is for is written down once, when it is planned, with the wave of each. What can be
//! said of them before is a preview.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use platen_protocol::programs::Hardware;

use super::super::engine::{Connection, Row, Value, values};
use super::super::fleet::{FleetFilter, keys_of};
use super::super::records::id;
use super::super::statements::{programs, rollouts as statements};
use super::super::{Scope, Store, StoreError, from_integer, from_json, to_integer, to_json, to_time};
use super::holds::key_within;
use super::records::{RolloutId, RolloutRecord, RolloutWhat};
use super::told::note;
use crate::rollouts::fit::{Fit, Hold, Known, Program, fit};
use crate::rollouts::plan::Plan;
use crate::secret;

/// Devices that one rollout may be for.
const MAX_DEVICES: u32 = 200_000;
/// Devices that are written down in one transaction.
const ROWS_AT_ONCE: usize = 1_000;
/// Reasons of a preview, and devices that are named with each.
const MAX_REASONS: usize = 50;
const MAX_NAMED: usize = 10;

/// Which devices a rollout is for.
#[derive(Debug, Clone)]
pub enum To {
    /// These, in this order.
    Devices(Vec<DeviceId>),
    /// Those of the fleet that are asked for, in an order that has nothing to do with where they are.
    Fleet(Box<FleetFilter>),
}

/// A rollout that is to be planned.
#[derive(Debug, Clone)]
pub struct NewRollout {
    /// Its name.
    pub id: RolloutId,
    /// The program's name and version.
    pub program: (String, String),
    /// What is to be remembered of it.
    pub note: Option<String>,
    /// How it goes.
    pub plan: Plan,
    /// Which devices it is for.
    pub to: To,
    /// By whom.
    pub by: String,
}

/// Why a rollout is not planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateRefusal {
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
    #[error("there is no device {0} here; nothing was planned")]
    NoDevice(DeviceId),
    /// There is no device at all.
    #[error("no device is what you ask for; nothing was planned")]
    Nobody,
    /// More than one rollout can have.
    #[error("more than {MAX_DEVICES} devices are what you ask for; make several rollouts of them")]
    TooMany,
    /// Another one has the name.
    #[error("there is a rollout {0} already; give this one another name")]
    NameTaken(RolloutId),
}

/// What a rollout would come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Devices of each wave.
    pub waves: Vec<u64>,
    /// Those that it would leave out or leave as they are, by the reason.
    pub unfit: Vec<Unfit>,
    /// Devices whose window is open now, of those that it would be given to.
    pub at_once: u64,
    /// Bytes of the program.
    pub bytes: u64,
}

/// Devices that a rollout would leave out or leave as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// Why.
    pub reason: String,
    /// How many.
    pub devices: u64,
    /// Some of them.
    pub some: Vec<DeviceId>,
}

/// What a rollout is for, as it was found.
struct Found {
    program: i64,
    kind: String,
    described: Program,
    bytes: u64,
    devices: Vec<i64>,
}

fn find(
    connection: &Connection,
    scope: &Scope,
    (name, version): &(String, String),
    to: &To,
) -> Result<Result<Found, CreateRefusal>, StoreError> {
    let named = || (name.clone(), version.clone());
    let program = connection.one(programs::PROGRAM, values![name, version], |row| {
        let hardware = from_json("hardware of a program", &row.get::<String>(4)?)?;
        let described = Program { name: name.clone(), version: version.clone(), hardware };
        let bytes = from_integer(row.get(5)?);
        let is_revoked = row.get::<Option<i64>>(10)?.is_some();
        Ok((row.get::<i64>(0)?, row.get::<String>(3)?, described, bytes, is_revoked))
    })?;
    let Some((program, kind, described, bytes, is_revoked)) = program else {
        let (name, version) = named();
        return Ok(Err(CreateRefusal::NoProgram { name, version }));
    };
    if is_revoked {
        let (name, version) = named();
        return Ok(Err(CreateRefusal::Revoked { name, version }));
    }
    let devices = match to {
        To::Fleet(filter) => keys_of(connection, scope, filter, MAX_DEVICES + 1)?,
        To::Devices(devices) => {
            let mut keys = Vec::new();
            for device in devices {
                let Some(key) = key_within(connection, scope, device)? else {
                    return Ok(Err(CreateRefusal::NoDevice(device.clone())));
                };
                keys.push(key);
            }
            keys
        }
    };
    if devices.is_empty() {
        return Ok(Err(CreateRefusal::Nobody));
    }
    if devices.len() > MAX_DEVICES as usize {
        return Ok(Err(CreateRefusal::TooMany));
    }
    Ok(Ok(Found { program, kind, described, bytes, devices }))
}

/// What keeps rollouts of a program from a device.
pub(super) fn holds(connection: &Connection, device: i64, name: &str) -> Result<Vec<Hold>, StoreError> {
    connection.all(statements::HOLDS_ON, values![device, name], |row| {
        Ok(Hold {
            version: row.get(0)?,
            until: row.get::<Option<i64>>(1)?.map(to_time).transpose()?,
            by: row.get(2)?,
            why: row.get(3)?,
        })
    })
}

/// A device's row, from the column with its key on: as candidates and previews have it.
pub(super) fn known(row: &Row<'_>) -> Result<(i64, DeviceId, Known), StoreError> {
    let hardware: Option<String> = row.get(3)?;
    // What cannot be read is as if it had not been told.
    let hardware = hardware.and_then(|text| from_json::<Hardware>("hardware of a device", &text).ok());
    let known = Known {
        out_of_service: row.get::<i64>(2)? != 0,
        hardware: hardware.map(|hardware| (hardware.model, hardware.board)),
        running: row.get(4)?,
        time_zone: row.get(5)?,
        ..Known::default()
    };
    Ok((row.get(0)?, id("device", row.get(1)?)?, known))
}

impl Store {
    /// What a rollout would come to.
    pub async fn preview_rollout(
        &self,
        scope: &Scope,
        program: (String, String),
        to: To,
        plan: Plan,
        now: Timestamp,
    ) -> Result<Result<Preview, CreateRefusal>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let found = match find(connection, &scope, &program, &to)? {
                    Ok(found) => found,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                preview(connection, &found, &plan, now).map(Ok)
            })
            .await
    }

    /// Plans a rollout. Its devices are written down some at a time, so that reports have the store in between; until then it
    /// cannot be started.
    pub async fn create_rollout(
        &self,
        scope: &Scope,
        new: NewRollout,
        now: Timestamp,
    ) -> Result<Result<RolloutRecord, CreateRefusal>, StoreError> {
        let (whose, new) = (scope.clone(), Arc::new(new));
        let wanted = Arc::clone(&new);
        let found = self
            .readers
            .clone()
            .read(move |connection| find(connection, &whose, &wanted.program, &wanted.to))
            .await?;
        let mut found = match found {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let To::Fleet(_) = new.to {
            // Neighbours in the list are neighbours in the world: the first wave is to have some of all.
            found
                .devices
                .sort_by_cached_key(|key| secret::fingerprint(format!("{} {key}", new.id).as_bytes()));
        }
        let program = found.program;
        let begun = Arc::clone(&new);
        let rollout =
            self.writer.write(move |context| begin(context.connection, &begun, program, now)).await?;
        let rollout = match rollout {
            Ok(rollout) => rollout,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let sizes = new.plan.sizes(u64::try_from(found.devices.len()).unwrap_or(u64::MAX));
        let waves = (0_i64..)
            .zip(&sizes)
            .flat_map(|(wave, size)| std::iter::repeat_n(wave, usize::try_from(*size).unwrap_or(usize::MAX)));
        let rows: Vec<(i64, i64)> = found.devices.into_iter().zip(waves).collect();
        for some in rows.chunks(ROWS_AT_ONCE) {
            let some = some.to_vec();
            self.writer
                .write(move |context| {
                    let at = now.as_millisecond();
                    let rows: Vec<Vec<Value<'_>>> = some
                        .iter()
                        .map(|(device, wave)| values![rollout, *device, *wave, at].to_vec())
                        .collect();
                    context.connection.execute_all(&statements::ADD_DEVICES, &rows).map(drop)
                })
                .await?;
        }
        let (count, waves) = (rows.len(), sizes.len());
        let (by, id) = (new.by.clone(), new.id.clone());
        self.writer
            .write(move |context| {
                let (connection, at) = (context.connection, now.as_millisecond());
                connection.execute(statements::MADE, values![rollout, at])?;
                let words = format!("{count} devices in {waves} waves");
                note(
                    connection,
                    (rollout, None),
                    (Some(by.as_str()), RolloutWhat::Planned),
                    Some(&words),
                    now,
                )
            })
            .await?;
        self.rollout(scope, id).await?.map(Ok).ok_or(StoreError::NoRow)
    }

    /// Forgets a rollout that was not planned to its end before a moment; says whether there may be more to do.
    pub async fn forget_half_made_rollout(&self, before: Timestamp) -> Result<bool, StoreError> {
        let before = before.as_millisecond();
        let left = move |connection: &Connection| -> Result<Option<i64>, StoreError> {
            connection.one(statements::LEFT_HALF_MADE, values![before], |row| row.get(0))
        };
        if self.readers.clone().read(left).await?.is_none() {
            return Ok(false);
        }
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let Some(rollout) = left(connection)? else { return Ok(false) };
                let some = u32::try_from(ROWS_AT_ONCE).unwrap_or(u32::MAX);
                if connection.execute(statements::FORGET_SOME_DEVICES, values![rollout, some])? == 0 {
                    connection.execute(statements::FORGET_LOG, values![rollout])?;
                    connection.execute(statements::FORGET_ROLLOUT, values![rollout])?;
                }
                Ok(true)
            })
            .await
    }
}

fn begin(
    connection: &Connection,
    new: &NewRollout,
    program: i64,
    now: Timestamp,
) -> Result<Result<i64, CreateRefusal>, StoreError> {
    let NewRollout { id, note, plan, by, .. } = new;
    if connection.exists(statements::ROLLOUT_KEY, values![id.as_str()])? {
        return Ok(Err(CreateRefusal::NameTaken(id.clone())));
    }
    let milliseconds = |seconds: u32| i64::from(seconds) * 1_000;
    let (end, silent) = (milliseconds(plan.end_within_seconds), milliseconds(plan.silent_after_seconds));
    let (text, rate) = (to_json("plan of a rollout", plan)?, plan.bytes_per_second.map(to_integer));
    let at = now.as_millisecond();
    let id = id.as_str();
    let row = values![id, program, note, text, end, silent, rate, at, by];
    connection.row(statements::ADD_ROLLOUT, row, |row| row.get(0)).map(Ok)
}

fn preview(
    connection: &Connection,
    found: &Found,
    plan: &Plan,
    now: Timestamp,
) -> Result<Preview, StoreError> {
    let (mut unfit, mut at_once) = (BTreeMap::<String, (u64, Vec<DeviceId>)>::new(), 0);
    let name = &found.described.name;
    for device in &found.devices {
        let row = values![*device, found.kind, name];
        let Some((key, id, mut device)) = connection.one(statements::WOULD_BE, row, known)? else { continue };
        device.holds = holds(connection, key, name)?;
        let reason = match fit(plan, &found.described, &device, now) {
            Fit::Offer { .. } => {
                at_once += 1;
                continue;
            }
            Fit::Wait(_) => continue,
            Fit::Skip(reason) | Fit::Hold { reason, .. } => reason,
        };
        if unfit.len() < MAX_REASONS || unfit.contains_key(&reason) {
            let (count, some) = unfit.entry(reason).or_default();
            *count += 1;
            if some.len() < MAX_NAMED {
                some.push(id);
            }
        }
    }
    let waves = plan.sizes(u64::try_from(found.devices.len()).unwrap_or(u64::MAX));
    let unfit = unfit.into_iter().map(|(reason, (devices, some))| Unfit { reason, devices, some });
    Ok(Preview { waves, unfit: unfit.collect(), at_once, bytes: found.bytes })
}
