//! What people do with a rollout. Each act is one transaction and costs nothing for each device; what follows for devices is
//! done by the steps behind it.

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

use super::super::engine::{Connection, values};
use super::super::records::word;
use super::super::statements::rollouts as statements;
use super::super::writer::WriteContext;
use super::super::{Scope, Store, StoreError};
use super::holds::key_within;
use super::lists::one;
use super::records::{DeviceStanding, RolloutId, RolloutRecord, RolloutState, RolloutWhat};
use super::told::note;

/// Devices that are offered it again in one transaction.
const RETRIED_AT_ONCE: u32 = 500;

/// What a person does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// It begins.
    Start,
    /// It offers nothing for a while.
    Pause,
    /// It goes on.
    Resume,
    /// Something is wrong: it offers nothing until a person lifts that.
    Halt,
    /// It goes on all the same, and counts failures anew.
    Lift,
    /// It is given up.
    Cancel,
    /// All devices that failed are offered it again.
    RetryFailed,
    /// This one is offered it again.
    Retry(DeviceId),
    /// This one is not to have it.
    Skip(DeviceId),
}

impl Act {
    const fn words(&self) -> &'static str {
        match self {
            Self::Start => "started",
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Halt => "halted",
            Self::Lift => "lifted",
            Self::Cancel => "given up",
            Self::RetryFailed | Self::Retry(_) => "tried again",
            Self::Skip(_) => "told to leave a device out",
        }
    }

    const fn what(&self) -> RolloutWhat {
        match self {
            Self::Start => RolloutWhat::Started,
            Self::Pause => RolloutWhat::Paused,
            Self::Resume => RolloutWhat::Resumed,
            Self::Halt => RolloutWhat::Halted,
            Self::Lift => RolloutWhat::Lifted,
            Self::Cancel => RolloutWhat::Cancelled,
            Self::RetryFailed | Self::Retry(_) => RolloutWhat::Retried,
            Self::Skip(_) => RolloutWhat::Skipped,
        }
    }

    /// In which states it can be done.
    const fn fits(&self, state: RolloutState) -> bool {
        use RolloutState::{Finished, Halted, Making, Paused, Planned, Running};
        match self {
            Self::Start => matches!(state, Planned),
            Self::Pause => matches!(state, Running),
            Self::Resume => matches!(state, Paused),
            Self::Halt => matches!(state, Running | Paused),
            Self::Lift => matches!(state, Halted),
            Self::Cancel => matches!(state, Making | Planned | Running | Paused | Halted),
            Self::RetryFailed | Self::Retry(_) => matches!(state, Running | Paused | Halted | Finished),
            Self::Skip(_) => matches!(state, Planned | Running | Paused | Halted),
        }
    }

    /// Whether devices are offered the program behind it.
    const fn offers(&self) -> bool {
        matches!(self, Self::Start | Self::Resume | Self::Lift | Self::RetryFailed | Self::Retry(_))
    }
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActRefusal {
    /// There is none of that name, as far as whoever asks sees.
    #[error("there is no rollout {0} here")]
    NoRollout(RolloutId),
    /// It has devices that whoever asks does not see.
    #[error("the rollout {0} has devices that are not yours: somebody who sees all of them has to do that")]
    NotAll(RolloutId),
    /// It cannot be done now.
    #[error("the rollout is {}, and cannot be {act}", state.word())]
    State {
        /// How it stands.
        state: RolloutState,
        /// What was to be done.
        act: &'static str,
    },
    /// Its program must not be given to anybody.
    #[error("{name} {version} is revoked: devices would refuse it")]
    Revoked {
        /// Its name.
        name: String,
        /// Its version.
        version: String,
    },
    /// The device is not one of it.
    #[error("the rollout has no device {0}")]
    NoDevice(DeviceId),
    /// The device stands otherwise.
    #[error("the device {}", match state {
        DeviceStanding::UnderWay => "was given the program already: wait for how that ends",
        DeviceStanding::Proving | DeviceStanding::Kept => "has kept the program: there is nothing to do",
        DeviceStanding::Waiting | DeviceStanding::Offered => "is to have it already",
        _ => "stands otherwise",
    })]
    Device {
        /// How it stands.
        state: DeviceStanding,
    },
    /// No device failed.
    #[error("no device of the rollout failed")]
    NothingFailed,
}

impl Store {
    /// Does something with a rollout; what it is then.
    pub async fn act_on_rollout(
        &self,
        scope: &Scope,
        rollout: RolloutId,
        (act, words): (Act, Option<String>),
        by: String,
        now: Timestamp,
    ) -> Result<Result<RolloutRecord, ActRefusal>, StoreError> {
        let (whose, done, on_offer) = (scope.clone(), act.clone(), self.on_offer.clone());
        let acted = move |context: &mut WriteContext<'_>| {
            let connection = context.connection;
            let record = match found(connection, &whose, &rollout, &done)? {
                Ok(record) => record,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let words = words.as_deref();
            if let Err(refusal) = do_it(connection, &record, &done, (&by, words), now)? {
                return Ok(Err(refusal));
            }
            let record = one(connection, &whose, &rollout)?;
            record.map(Ok).ok_or(StoreError::NoRow)
        };
        let device = match &act {
            Act::Retry(device) | Act::Skip(device) => Some(device.clone()),
            _ => None,
        };
        let then = move |_: &_| {
            if let Some(device) = &device {
                on_offer.changed(device);
            }
        };
        let done = self.writer.write_then(acted, then).await?;
        let record = match done {
            Ok(record) => record,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if act == Act::RetryFailed {
            while self.retry_some(record.key, now).await? {}
            return Ok(self.rollout(scope, record.id.clone()).await?.map_or(Ok(record), Ok));
        }
        Ok(Ok(record))
    }

    async fn retry_some(&self, rollout: i64, now: Timestamp) -> Result<bool, StoreError> {
        let on_offer = self.on_offer.clone();
        let act = move |context: &mut WriteContext<'_>| {
            let connection = context.connection;
            let row = values![rollout, 0, RETRIED_AT_ONCE];
            let some: Vec<(i64, i64, String, Option<String>)> =
                connection.all(statements::FAILED_ONES, row, |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })?;
            for (key, device, _, attempt) in &some {
                retry(connection, (*key, *device), attempt.as_deref(), now)?;
            }
            Ok(some.into_iter().filter_map(|(_, _, device, _)| device.parse().ok()).collect())
        };
        let then = move |devices: &Vec<DeviceId>| devices.iter().for_each(|device| on_offer.changed(device));
        Ok(!self.writer.write_then(act, then).await?.is_empty())
    }
}

/// The rollout, if that can be done with it.
fn found(
    connection: &Connection,
    scope: &Scope,
    id: &RolloutId,
    act: &Act,
) -> Result<Result<RolloutRecord, ActRefusal>, StoreError> {
    // Of PostgreSQL, so that no step of another manager comes between.
    if let Some(key) =
        connection.one(statements::ROLLOUT_KEY, values![id.as_str()], |row| row.get::<i64>(0))?
    {
        let held = connection.text(statements::ROLLOUT, statements::ROLLOUT_HELD);
        connection.exists(held, values![key])?;
    }
    let Some(record) = one(connection, scope, id)? else {
        return Ok(Err(ActRefusal::NoRollout(id.clone())));
    };
    let concerns_one = matches!(act, Act::Retry(_) | Act::Skip(_));
    if !concerns_one && *scope != Scope::All {
        let all = one(connection, &Scope::All, id)?;
        if all.is_none_or(|all| all.counts() != record.counts()) {
            return Ok(Err(ActRefusal::NotAll(id.clone())));
        }
    }
    if !act.fits(record.state) {
        return Ok(Err(ActRefusal::State { state: record.state, act: act.words() }));
    }
    if act.offers() && record.revoked.is_some() {
        let (name, version) = (record.name.to_string(), record.version.to_string());
        return Ok(Err(ActRefusal::Revoked { name, version }));
    }
    if *act == Act::RetryFailed && record.counts().failed + record.counts().silent == 0 {
        return Ok(Err(ActRefusal::NothingFailed));
    }
    if let Act::Retry(device) | Act::Skip(device) = act
        && key_within(connection, scope, device)?.is_none()
    {
        return Ok(Err(ActRefusal::NoDevice(device.clone())));
    }
    Ok(Ok(record))
}

fn do_it(
    connection: &Connection,
    record: &RolloutRecord,
    act: &Act,
    (by, words): (&str, Option<&str>),
    now: Timestamp,
) -> Result<Result<(), ActRefusal>, StoreError> {
    let (rollout, at) = (record.key, now.as_millisecond());
    let set = |state: RolloutState, why: Option<String>| {
        connection.execute(statements::SET_STATE, values![rollout, state.word(), why, at]).map(drop)
    };
    let mut device = None;
    match act {
        Act::Start => connection.execute(statements::START, values![rollout, at]).map(drop)?,
        Act::Pause => set(RolloutState::Paused, None)?,
        Act::Resume => set(RolloutState::Running, None)?,
        Act::Halt => {
            let why = words.map_or_else(String::new, |words| format!(": {words}"));
            set(RolloutState::Halted, Some(format!("halted by {by}{why}")))?;
        }
        Act::Lift => connection.execute(statements::LIFT, values![rollout, at]).map(drop)?,
        Act::Cancel => {
            let state = RolloutState::Cancelled.word();
            connection.execute(statements::END, values![rollout, state, at])?;
        }
        Act::RetryFailed => go_on(connection, record, at)?,
        Act::Retry(id) | Act::Skip(id) => {
            match one_device(connection, record, act, id, (by, now))? {
                Ok(key) => device = Some(key),
                Err(refusal) => return Ok(Err(refusal)),
            }
            if matches!(act, Act::Retry(_)) {
                go_on(connection, record, at)?;
            }
        }
    }
    note(connection, (rollout, device), (Some(by), act.what()), words, now)?;
    Ok(Ok(()))
}

/// One that was finished runs again.
fn go_on(connection: &Connection, record: &RolloutRecord, at: i64) -> Result<(), StoreError> {
    if record.state == RolloutState::Finished {
        let (rollout, state) = (record.key, RolloutState::Running.word());
        connection.execute(statements::SET_STATE, values![rollout, state, None::<&str>, at])?;
    }
    Ok(())
}

/// Retries or skips one device; its key.
fn one_device(
    connection: &Connection,
    record: &RolloutRecord,
    act: &Act,
    id: &DeviceId,
    (by, now): (&str, Timestamp),
) -> Result<Result<i64, ActRefusal>, StoreError> {
    use DeviceStanding::{Failed, Held, Offered, Silent, Skipped, Waiting};
    let row = connection.one(statements::OF_ROLLOUT, values![record.key, id.as_str()], |row| {
        let state: DeviceStanding = word("state of a device of a rollout", row.get(1)?)?;
        Ok((row.get::<i64>(0)?, state, row.get::<i64>(2)?, row.get::<Option<String>>(3)?))
    })?;
    let Some((key, state, device, attempt)) = row else {
        return Ok(Err(ActRefusal::NoDevice(id.clone())));
    };
    if matches!(act, Act::Retry(_)) {
        if !matches!(state, Failed | Silent | Skipped | Held) {
            return Ok(Err(ActRefusal::Device { state }));
        }
        retry(connection, (key, device), attempt.as_deref(), now)?;
        return Ok(Ok(device));
    }
    if !matches!(state, Waiting | Offered | Held | Failed | Silent) {
        return Ok(Err(ActRefusal::Device { state }));
    }
    if state == Offered && connection.execute(statements::TAKE_BACK_UNGIVEN, values![device, attempt])? == 0 {
        return Ok(Err(ActRefusal::Device { state: DeviceStanding::UnderWay }));
    }
    let (reason, at) = (format!("left out by {by}"), now.as_millisecond());
    connection.execute(statements::SETTLE, values![key, Skipped.word(), reason, at, state.word()])?;
    Ok(Ok(device))
}

/// A device is offered the program again, by another attempt.
fn retry(
    connection: &Connection,
    (key, device): (i64, i64),
    attempt: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(attempt) = attempt {
        connection.execute(statements::TAKE_BACK, values![device, attempt])?;
    }
    let at = now.as_millisecond();
    connection.execute(statements::WAIT, values![key, None::<&str>, at, 0]).map(drop)
}
