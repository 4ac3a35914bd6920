//! What rollouts leave alone: devices that get nothing by them, or stay on one version of a program.

use jiff::Timestamp;
use platen_protocol::identity::{DeviceId, ProgramName};
use platen_protocol::programs::ProgramVersion;
use serde::Serialize;

use super::super::conditions::Conditions;
use super::super::engine::{AsValue as _, Connection, Row, values};
use super::super::records::{id, time, time_if_any};
use super::super::statements::rollouts as statements;
use super::super::writer::WriteContext;
use super::super::{Scope, Store, StoreError};
use super::take_back::take_back_unfetched;

/// That a device stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct HoldRecord {
    /// Which program; `null` for all of them.
    pub name: Option<ProgramName>,
    /// The version on which it stays, and which a rollout may still give it; `null` for whatever it has.
    pub version: Option<ProgramVersion>,
    /// Until when; `null` until somebody lets it go.
    pub until: Option<Timestamp>,
    /// Why.
    pub why: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Who decided it.
    pub by: String,
}

/// That a device is to stay as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewHold {
    /// Which program; none for all.
    pub name: Option<ProgramName>,
    /// The version on which it stays.
    pub version: Option<ProgramVersion>,
    /// Until when.
    pub until: Option<Timestamp>,
    /// Why.
    pub why: Option<String>,
}

impl HoldRecord {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let name: String = row.get(0)?;
        Ok(Self {
            name: (!name.is_empty()).then(|| id("program", name)).transpose()?,
            version: row.get::<Option<String>>(1)?.map(|one| id("version of a program", one)).transpose()?,
            until: time_if_any(row, 2)?,
            why: row.get(3)?,
            since: time(row, 4)?,
            by: row.get(5)?,
        })
    }
}

/// The key of a device that the scope sees.
pub(super) fn key_within(
    connection: &Connection,
    scope: &Scope,
    device: &DeviceId,
) -> Result<Option<i64>, StoreError> {
    let mut conditions = Conditions::new(&[device.as_str().as_value()]);
    conditions.and("d.id = ?1 AND d.deleting IS NULL");
    conditions.and_within(scope, "d");
    let text = format!("SELECT d.key FROM devices d WHERE {}", conditions.text());
    connection.one(&text, conditions.values(), |row| row.get(0))
}

impl Store {
    /// What rollouts leave alone at a device; none where there is no such device.
    pub async fn holds_of(
        &self,
        scope: &Scope,
        device: DeviceId,
    ) -> Result<Option<Vec<HoldRecord>>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                if key_within(connection, &scope, &device)?.is_none() {
                    return Ok(None);
                }
                let name = device.as_str();
                connection.all(statements::HOLDS_OF, values![name], HoldRecord::from_row).map(Some)
            })
            .await
    }

    /// A device stays as it is: what rollouts have offered it and it has not fetched is taken back. Says whether there is
    /// such a device.
    pub async fn hold(
        &self,
        scope: &Scope,
        device: DeviceId,
        hold: NewHold,
        by: String,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (on_offer, scope, whose) = (self.on_offer.clone(), scope.clone(), device.clone());
        let act = move |context: &mut WriteContext<'_>| {
            let connection = context.connection;
            let Some(key) = key_within(connection, &scope, &device)? else { return Ok(false) };
            let name = hold.name.as_ref().map_or("", ProgramName::as_str);
            let version = hold.version.as_ref().map(ProgramVersion::as_str);
            let (until, at) = (hold.until.map(Timestamp::as_millisecond), now.as_millisecond());
            connection.execute(statements::SET_HOLD, values![key, name, version, until, hold.why, at, by])?;
            // Whether it is held is looked at anew: by this one, or no more by the one before.
            connection.execute(statements::LET_GO, values![key, at])?;
            take_back_unfetched(connection, statements::UNFETCHED_BY, key, now)?;
            Ok(true)
        };
        self.writer.write_then(act, move |_| on_offer.changed(&whose)).await
    }

    /// A device does not stay as it is any more. Says whether it did.
    pub async fn end_hold(
        &self,
        scope: &Scope,
        device: DeviceId,
        name: Option<ProgramName>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let scope = scope.clone();
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let Some(key) = key_within(connection, &scope, &device)? else { return Ok(false) };
                let name = name.as_ref().map_or("", ProgramName::as_str);
                if connection.execute(statements::REMOVE_HOLD, values![key, name])? == 0 {
                    return Ok(false);
                }
                connection.execute(statements::LET_GO, values![key, now.as_millisecond()])?;
                Ok(true)
            })
            .await
    }
}
