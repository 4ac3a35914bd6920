//! Commands, from the operator's wish to the device's outcome.

use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::identity::{CommandId, DeviceId};
use platen_protocol::manager_to_device::Command;

use super::engine::{Connection, values};
use super::records::{CommandRecord, MAX_OPEN_COMMANDS};
use super::statements::devices;
use super::{Scope, Store, StoreError, profile_applications, statements, to_json};

/// Why a command is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandRefusal {
    /// No such device.
    #[error("there is no such device")]
    UnknownDevice,
    /// The device was taken out of service.
    #[error("the device is retired: it takes no commands any more")]
    Retired,
    /// Too many wait for that device.
    #[error("too many commands are waiting for this device: wait for their outcomes")]
    TooMany,
}

/// Keeps a new command for the device of a key, in whatever transaction it belongs to.
pub(super) fn put(
    connection: &Connection,
    key: i64,
    command: &Command,
    issued_by: &str,
) -> Result<Result<(), CommandRefusal>, StoreError> {
    if connection.exists(devices::IS_RETIRED, values![key])? {
        return Ok(Err(CommandRefusal::Retired));
    }
    let open: u32 = connection.row(statements::OPEN_COMMANDS_OF, values![key], |row| row.get(0))?;
    if open >= MAX_OPEN_COMMANDS {
        return Ok(Err(CommandRefusal::TooMany));
    }
    connection.execute(
        statements::ADD_COMMAND,
        values![
            command.id.as_str(),
            key,
            to_json("action", &command.action)?,
            command.issued.as_millisecond(),
            issued_by,
            command.expires.as_millisecond()
        ],
    )?;
    profile_applications::note_by_hand(connection, key, command, issued_by)?;
    Ok(Ok(()))
}

impl Store {
    /// Keeps a new command.
    pub async fn add_command(
        &self,
        device: DeviceId,
        command: Command,
        issued_by: String,
    ) -> Result<Result<(), CommandRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let key: Option<i64> =
                    context
                        .connection
                        .one(statements::DEVICE_KEY, values![device.as_str()], |row| row.get(0))?;
                let Some(key) = key else {
                    return Ok(Err(CommandRefusal::UnknownDevice));
                };
                put(context.connection, key, &command, &issued_by)
            })
            .await
    }

    /// Notes that commands were handed to their device, and says for which that was new.
    pub async fn note_delivered(
        &self,
        commands: Vec<CommandId>,
        now: Timestamp,
    ) -> Result<Vec<CommandId>, StoreError> {
        self.writer
            .write(move |context| {
                let mut noted = Vec::new();
                for id in &commands {
                    let (id_word, now) = (id.as_str(), now.as_millisecond());
                    if context.connection.execute(statements::DELIVER_COMMAND, values![id_word, now])? == 1 {
                        noted.push(id.clone());
                    }
                }
                Ok(noted)
            })
            .await
    }

    /// Ends commands whose time is over, and says which.
    pub async fn expire_commands(&self, now: Timestamp) -> Result<Vec<(CommandId, DeviceId)>, StoreError> {
        self.writer
            .write(move |context| {
                let mut ended = Vec::new();
                context.connection.each(
                    statements::EXPIRE_COMMANDS,
                    values![now.as_millisecond()],
                    |row| {
                        let (id, device): (String, String) = (row.get(0)?, row.get(1)?);
                        // What does not read as a name was not written by this manager; it is ended all the same.
                        if let (Ok(id), Ok(device)) = (id.parse(), device.parse()) {
                            ended.push((id, device));
                        }
                        Ok(())
                    },
                )?;
                for (id, _) in &ended {
                    profile_applications::command_ended(context.connection, id, ("expired", None), now)?;
                }
                Ok(ended)
            })
            .await
    }

    /// Every command without an outcome, oldest first.
    pub async fn open_commands(&self) -> Result<Vec<CommandRecord>, StoreError> {
        let damage = Arc::clone(&self.damage);
        self.readers
            .clone()
            .read(move |connection| {
                damage.collect(connection, statements::OPEN_COMMANDS, &[], 1, CommandRecord::from_row)
            })
            .await
    }

    /// The commands of a device, newest first, those below `before`.
    pub async fn commands(
        &self,
        scope: &Scope,
        device: DeviceId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<CommandRecord>, StoreError> {
        let list = self.list(scope, (statements::COMMANDS, "c"), Some(device), (before, limit));
        self.readers.clone().read(move |connection| list.read(connection, CommandRecord::from_row)).await
    }
}
