//! Managers that share one database: who they are, which of them watches over which device, and what one of them must look
//! up because another may have changed it. A store of SQLite has one manager, and nothing of this is asked of it.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

use super::conditions::Conditions;
use super::engine::{AsValue as _, Location, Row, Value, owned, values};
use super::hear::{self, Heard, Teller};
use super::identities::standing;
use super::records::{CommandRecord, id, time_if_any};
use super::replica::Replica;
use super::watches::WatchRecord;
use super::{Store, StoreError, statements};
use crate::watch::{Inherited, Memory};

/// Where a device was heard of last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whereabouts {
    /// Which device.
    pub device: DeviceId,
    /// By which manager, if by any.
    pub replica: Option<Replica>,
    /// When, as far as that one has written it down.
    pub last_contact: Option<Timestamp>,
    /// From which address.
    pub remote: Option<IpAddr>,
    /// Whether operators were told that it is away.
    pub away: bool,
}

fn names(devices: &[DeviceId]) -> impl Iterator<Item = Value<'_>> {
    devices.iter().map(|device| device.as_str().as_value())
}

impl Store {
    /// Whether other managers may use the same database.
    pub fn is_shared(&self) -> bool {
        matches!(self.location, Location::Postgres(_))
    }

    /// Keeps which CA's devices these are; another one's fingerprint is an error.
    pub async fn keep_authority(&self, fingerprint: String) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                context.connection.execute(statements::KEEP_AUTHORITY, values![fingerprint])?;
                let kept: String = context.connection.row(statements::AUTHORITY, &[], |row| row.get(0))?;
                if kept == fingerprint { Ok(()) } else { Err(StoreError::OtherAuthority { kept }) }
            })
            .await
    }

    /// This manager enters the database, under a name for people.
    pub async fn enter(&self, name: String, now: Timestamp) -> Result<Replica, StoreError> {
        let key: i64 = self
            .writer
            .write(move |context| {
                let now = now.as_millisecond();
                context.connection.row(statements::ENTER, values![name, now], |row| row.get(0))
            })
            .await?;
        i32::try_from(key).map(Replica).or(Err(StoreError::TooManyReplicas))
    }

    /// Begins to hear what other managers tell, and to tell them; `None` where there can be none.
    pub fn hear(&self, me: Replica) -> Option<(Teller, tokio::sync::mpsc::Receiver<Heard>)> {
        match &self.location {
            Location::Sqlite(_) => None,
            Location::Postgres(config) => Some(hear::start(config, me)),
        }
    }

    /// These devices were heard of here: other managers watch over them no longer.
    pub async fn claim(&self, devices: Vec<DeviceId>, me: Replica) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                let rows: Vec<_> =
                    devices.iter().map(|device| owned(values![device.as_str(), me.0])).collect();
                context.connection.execute_all(&statements::CLAIM, &rows).map(drop)
            })
            .await
    }

    /// Takes over devices that no manager which is there watches over, at most `most`. Who is there is asked in the same
    /// moment: one that has just come may hear from some of them already.
    pub async fn adopt(&self, me: Replica, most: u32) -> Result<Vec<Whereabouts>, StoreError> {
        let damage = Arc::clone(&self.damage);
        self.writer
            .write(move |context| {
                let (connection, lock) = (context.connection, i64::from(hear::PRESENT));
                let mut alive =
                    connection.all(statements::PRESENT_REPLICAS, values![lock], |row| row.get::<i64>(0))?;
                alive.push(i64::from(me.0));
                let mut orphans = Conditions::new(values![me.0, most]);
                orphans.and_in("o.replica", alive.iter().map(|replica| replica.as_value()));
                // A device that another manager hears from in this moment is left to it.
                let held = context.connection.text("", "FOR NO KEY UPDATE SKIP LOCKED");
                let statement = statements::adopt(orphans.text(), held);
                let mut adopted = Vec::new();
                context.connection.each(&statement, orphans.values(), |row| {
                    adopted.extend(damage.readable(row, 0, whereabouts));
                    Ok(())
                })?;
                Ok(adopted)
            })
            .await
    }

    /// Where these devices were heard of last; of all, without names.
    pub async fn whereabouts(&self, devices: Option<Vec<DeviceId>>) -> Result<Vec<Whereabouts>, StoreError> {
        let damage = Arc::clone(&self.damage);
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(&[]);
                if let Some(devices) = &devices {
                    conditions.and_in("d.id", names(devices));
                }
                let statement = statements::whereabouts(conditions.text());
                damage.collect(connection, &statement, conditions.values(), 0, whereabouts)
            })
            .await
    }

    /// The commands of these devices that are open, the oldest first.
    pub async fn open_commands_of(&self, devices: Vec<DeviceId>) -> Result<Vec<CommandRecord>, StoreError> {
        let damage = Arc::clone(&self.damage);
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(&[]);
                conditions.and_in("d.id", names(&devices));
                let statement = statements::open_commands(conditions.text());
                damage.collect(connection, &statement, conditions.values(), 1, CommandRecord::from_row)
            })
            .await
    }

    /// What other managers knew of these devices as the watches are concerned.
    pub async fn inherit(&self, devices: Vec<DeviceId>) -> Result<Inherited, StoreError> {
        let damage = Arc::clone(&self.damage);
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(&[]);
                conditions.and_in("d.id", names(&devices));
                let statement = statements::memories_of(conditions.text());
                let memories = damage.collect(connection, &statement, conditions.values(), 0, |row| {
                    let body: String = row.get(1)?;
                    Ok((
                        id("device", row.get(0)?)?,
                        serde_json::from_str::<Memory>(&body).unwrap_or_default(),
                    ))
                })?;
                let statement = statements::standing_watches_of(conditions.text());
                let standing =
                    damage.collect(connection, &statement, conditions.values(), 1, WatchRecord::from_row)?;
                Ok(Inherited {
                    memories,
                    standing: standing.into_iter().map(WatchRecord::into_standing).collect(),
                })
            })
            .await
    }

    /// How a device stands now, if it is known.
    pub async fn standing_of(
        &self,
        device: DeviceId,
    ) -> Result<Option<super::identities::Standing>, StoreError> {
        self.readers.clone().read(move |connection| standing(connection, &device)).await
    }

    /// Takes a signed request of a device; says whether no manager has taken it before.
    pub async fn take_nonce(
        &self,
        device: DeviceId,
        nonce: String,
        created: i64,
    ) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let name = device.as_str();
                Ok(context.connection.execute(statements::TAKE_NONCE, values![name, nonce, created])? == 1)
            })
            .await
    }

    /// Forgets requests that were signed before a time, in seconds since 1970: they are not taken for that.
    pub async fn forget_nonces(&self, before: i64) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                context.connection.execute(statements::FORGET_NONCES, values![before]).map(drop)
            })
            .await
    }

    /// Another manager changed what is open of these devices.
    pub fn open_requests_changed(&self, devices: &[DeviceId]) {
        for device in devices {
            self.open.changed(device);
        }
    }

    /// Others may have changed what is open of any device: all of it is read anew.
    pub async fn read_open_requests(&self) -> Result<(), StoreError> {
        let open = Arc::clone(&self.open);
        self.readers.clone().read(move |connection| open.reload(connection)).await
    }
}

fn whereabouts(row: &Row<'_>) -> Result<Whereabouts, StoreError> {
    let remote: Option<String> = row.get(3)?;
    Ok(Whereabouts {
        device: id("device", row.get(0)?)?,
        replica: row.get::<Option<i64>>(1)?.and_then(|key| i32::try_from(key).ok()).map(Replica),
        last_contact: time_if_any(row, 2)?,
        remote: remote.and_then(|remote| remote.parse().ok()),
        away: row.get(4)?,
    })
}
