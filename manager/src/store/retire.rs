//! Taking devices out of service. An operator retires a device; the command that tells it waits for it; once it has
//! answered, in whatever way, its certificate is refused. What it reported stays.

use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::{CommandId, DeviceId};
use platen_protocol::manager_to_device::Command;

use super::conditions::Conditions;
use super::engine::values;
use super::identities::{IdentityChange, log, standing};
use super::journal::Entry;
use super::profile_applications;
use super::records::{id, time, time_if_any};
use super::scope::Scope;
use super::statements as all_statements;
use super::states::refresh;
use super::{Standing, Store, StoreError, statements::devices as statements, to_json};

/// So long the command waits for a device that is out of contact; then its certificate is refused without it.
pub const RETIRE_WITHIN: SignedDuration = SignedDuration::from_hours(90 * 24);
/// A device that was given the command has answered by then, or does not know how to.
pub const RETIRE_ANSWERED_WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// Retirements that are ended in one transaction.
const ENDED_AT_ONCE: u32 = 100;
/// Who shuts a device out that has retired, in the journal of identities.
const RETIRED_BY: &str = "its retirement";
/// Why the other commands of a device that retires are ended.
const RETIRED: &str = "the device was retired";

/// How it stands with a device that was retired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retirement {
    /// When an operator decided it.
    pub at: Timestamp,
    /// Which.
    pub by: Option<String>,
    /// How the command stands that tells the device: `waiting`, `delivered`, `done`, `failed`, `refused`, `expired`;
    /// none for a device that could not be told, because it was shut out.
    pub state: Option<String>,
    /// Why, if the device did not do it.
    pub reason: Option<String>,
    /// When the device was given the command.
    pub delivered: Option<Timestamp>,
    /// When the device answered.
    pub finished: Option<Timestamp>,
}

/// A device that was retired just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retired {
    /// How it stands.
    pub standing: Standing,
    /// Whether the command waits for it now.
    pub is_told: bool,
    /// Commands that nobody needs any more.
    pub ended: Vec<CommandId>,
}

impl Store {
    /// Takes a device out of service, and has it told by a command; `None` when it is not known. One that is shut out
    /// cannot be told. A device that is retired already stays so, and nothing is written.
    pub async fn retire(
        &self,
        device: DeviceId,
        command: Command,
        by: String,
        now: Timestamp,
    ) -> Result<Option<Retired>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let Some(before) = standing(connection, &device)? else { return Ok(None) };
                if before.retired.is_some() {
                    return Ok(Some(Retired { standing: before, is_told: false, ended: Vec::new() }));
                }
                let key: i64 =
                    connection.row(all_statements::DEVICE_KEY, values![device.as_str()], |row| row.get(0))?;
                let at = now.as_millisecond();
                let ended: Vec<String> =
                    connection
                        .all(statements::END_COMMANDS_OF, values![key, at, RETIRED], |row| row.get(0))?;
                let is_told = before.revoked.is_none();
                let told_by = is_told.then(|| command.id.as_str());
                connection.execute(statements::RETIRE, values![key, at, by, told_by])?;
                if is_told {
                    connection.execute(
                        all_statements::ADD_COMMAND,
                        values![
                            command.id.as_str(),
                            key,
                            to_json("action", &command.action)?,
                            command.issued.as_millisecond(),
                            by,
                            command.expires.as_millisecond()
                        ],
                    )?;
                }
                refresh(connection, key, None)?;
                log(connection, &device, IdentityChange::Retired, Some(&by), now)?;
                context.journal.push(Entry::Retired { device: device.clone(), by: by.clone(), at: now });
                let ended: Vec<CommandId> =
                    ended.into_iter().map(|one| id("command", one)).collect::<Result<_, _>>()?;
                for one in &ended {
                    profile_applications::command_ended(connection, one, ("expired", Some(RETIRED)), now)?;
                }
                let standing = standing(connection, &device)?.unwrap_or(before);
                Ok(Some(Retired { standing, is_told, ended }))
            })
            .await
    }

    /// How it stands with a device that was retired, if it was.
    pub async fn retirement(
        &self,
        scope: &Scope,
        device: DeviceId,
    ) -> Result<Option<Retirement>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(&[]);
                conditions.and_with("d.id = {}", device.as_str());
                conditions.and_within(&scope, "d");
                let text = format!("{}{}", statements::RETIREMENT, conditions.text());
                connection.one(&text, conditions.values(), |row| {
                    Ok(Retirement {
                        at: time(row, 0)?,
                        by: row.get(1)?,
                        state: row.get(2)?,
                        reason: row.get(3)?,
                        delivered: time_if_any(row, 4)?,
                        finished: time_if_any(row, 5)?,
                    })
                })
            })
            .await
    }

    /// The certificates of retired devices are refused from now on: of those that have answered, and of those that
    /// were told long enough ago. Says which, and how they stand.
    pub async fn end_retirements(&self, now: Timestamp) -> Result<Vec<(DeviceId, Standing)>, StoreError> {
        let told_before = (now - RETIRE_ANSWERED_WITHIN).as_millisecond();
        let parameters = move || [told_before, i64::from(ENDED_AT_ONCE)];
        let waits = self
            .readers
            .clone()
            .read(move |connection| {
                let [before, limit] = parameters();
                connection.exists(statements::RETIRED_BY_NOW, values![before, limit])
            })
            .await?;
        if !waits {
            return Ok(Vec::new());
        }
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let [before, limit] = parameters();
                let found: Vec<(i64, DeviceId, Option<String>, Option<String>)> =
                    connection.all(statements::RETIRED_BY_NOW, values![before, limit], |row| {
                        Ok((row.get(0)?, id("device", row.get(1)?)?, row.get(2)?, row.get(3)?))
                    })?;
                let mut ended = Vec::new();
                for (key, device, state, reason) in found {
                    let at = now.as_millisecond();
                    connection.execute(statements::END_RETIREMENT, values![key, at, state, reason])?;
                    refresh(connection, key, None)?;
                    log(connection, &device, IdentityChange::RetirementEnded, None, now)?;
                    // A backup that is restored must not let it in again.
                    let by = RETIRED_BY.to_owned();
                    context.journal.push(Entry::Revoked { device: device.clone(), by, at: now });
                    ended.extend(standing(connection, &device)?.map(|standing| (device, standing)));
                }
                Ok(ended)
            })
            .await
    }
}
