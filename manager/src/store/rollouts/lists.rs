//! What is shown of rollouts. What is counted and listed is what the scope sees; a rollout of which it sees no device is not
//! there for it.

use std::sync::Arc;

use platen_protocol::identity::DeviceId;

use super::super::conditions::Conditions;
use super::super::engine::{AsValue as _, Connection, values};
use super::super::statements::rollouts as statements;
use super::super::{Scope, Store, StoreError};
use super::records::{DeviceStanding, RolloutDeviceRecord, RolloutEntry, RolloutId, RolloutRecord};

/// Which devices of a rollout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RolloutPart {
    /// Those that stand so.
    pub state: Option<DeviceStanding>,
    /// Those of this wave, from 0.
    pub wave: Option<usize>,
}

/// Whether the scope sees a device of the rollout whose row is `o`.
fn and_sees_some(conditions: &mut Conditions<'_>, scope: &Scope) {
    if let Some(within) = conditions.within(scope, "d") {
        conditions.and(&format!(
            "EXISTS (SELECT 1 FROM rollout_devices x JOIN devices d ON d.key = x.device WHERE x.rollout = o.key AND {within})"
        ));
    }
}

/// Counts the devices of a rollout that the scope sees.
pub(super) fn count(
    connection: &Connection,
    scope: &Scope,
    record: &mut RolloutRecord,
) -> Result<(), StoreError> {
    let key = record.key;
    if *scope == Scope::All {
        return connection.each(statements::COUNTS, values![key], |row| record.count(row));
    }
    let mut conditions = Conditions::new(values![key]);
    conditions.and_within(scope, "d");
    let text = statements::counts_within(conditions.text());
    connection.each(&text, conditions.values(), |row| record.count(row))
}

/// A rollout that the scope sees, with its devices counted.
pub(super) fn one(
    connection: &Connection,
    scope: &Scope,
    id: &RolloutId,
) -> Result<Option<RolloutRecord>, StoreError> {
    let mut conditions = Conditions::new(&[]);
    conditions.and_with("o.id = {}", id.as_str());
    and_sees_some(&mut conditions, scope);
    let text = format!("{} WHERE {}", statements::ROLLOUTS, conditions.text());
    let found = connection.one(&text, conditions.values(), RolloutRecord::from_row)?;
    let Some(mut record) = found else { return Ok(None) };
    count(connection, scope, &mut record)?;
    Ok(Some(record))
}

impl Store {
    /// Rollouts, the newest first, those below `before`.
    pub async fn rollouts(
        &self,
        scope: &Scope,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<RolloutRecord>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let before = before.unwrap_or(i64::MAX);
                let mut conditions = Conditions::new(values![before, limit]);
                conditions.and("o.key < ?1");
                and_sees_some(&mut conditions, &scope);
                let text = format!(
                    "{} WHERE {} ORDER BY o.key DESC LIMIT ?2",
                    statements::ROLLOUTS,
                    conditions.text()
                );
                let mut found = connection.all(&text, conditions.values(), RolloutRecord::from_row)?;
                found.iter_mut().try_for_each(|record| count(connection, &scope, record))?;
                Ok(found)
            })
            .await
    }

    /// One rollout.
    pub async fn rollout(&self, scope: &Scope, id: RolloutId) -> Result<Option<RolloutRecord>, StoreError> {
        let scope = scope.clone();
        self.readers.clone().read(move |connection| one(connection, &scope, &id)).await
    }

    /// The devices of a rollout, in their order, those behind `after`.
    pub async fn rollout_devices(
        &self,
        scope: &Scope,
        rollout: i64,
        part: RolloutPart,
        (after, limit): (Option<i64>, u32),
    ) -> Result<Vec<RolloutDeviceRecord>, StoreError> {
        let (scope, damage) = (scope.clone(), Arc::clone(&self.damage));
        self.readers
            .clone()
            .read(move |connection| {
                let after = after.unwrap_or(0);
                let state = part.state.map(DeviceStanding::word);
                let wave = part.wave.map(|wave| i64::try_from(wave).unwrap_or(i64::MAX));
                let mut conditions = Conditions::new(values![rollout, after, limit]);
                conditions.and("x.rollout = ?1 AND x.key > ?2 AND d.deleting IS NULL");
                if let Some(state) = &state {
                    conditions.and_with("x.state = {}", *state);
                }
                if let Some(wave) = &wave {
                    conditions.and_with("x.wave = {}", wave);
                }
                conditions.and_within(&scope, "d");
                let text =
                    format!("{} WHERE {} ORDER BY x.key LIMIT ?3", statements::DEVICES, conditions.text());
                let read = RolloutDeviceRecord::from_row;
                damage.collect(connection, &text, conditions.values(), 1, read)
            })
            .await
    }

    /// The rollouts that have to do with a device and are not over there, in the order in which it is their turn.
    pub async fn rollouts_of_device(
        &self,
        scope: &Scope,
        device: DeviceId,
    ) -> Result<Vec<RolloutDeviceRecord>, StoreError> {
        let (scope, damage) = (scope.clone(), Arc::clone(&self.damage));
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(&[device.as_str().as_value()]);
                conditions.and(
                    "d.id = ?1 AND d.deleting IS NULL AND (x.state IN ('offered', 'under_way', 'proving') \
                     OR (x.state IN ('waiting', 'held') AND o.state IN ('planned', 'running', 'paused', 'halted')))",
                );
                conditions.and_within(&scope, "d");
                let text =
                    format!("{} WHERE {} ORDER BY x.rollout", statements::DEVICES, conditions.text());
                let read = RolloutDeviceRecord::from_row;
                damage.collect(connection, &text, conditions.values(), 1, read)
            })
            .await
    }

    /// Who did what with a rollout, the newest first, those below `before`. What was done with a device is left out where
    /// the scope does not see it.
    pub async fn rollout_log(
        &self,
        scope: &Scope,
        rollout: i64,
        (before, limit): (Option<i64>, u32),
    ) -> Result<Vec<RolloutEntry>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let before = before.unwrap_or(i64::MAX);
                let mut within = Conditions::new(values![rollout, before, limit]);
                within.and_within(&scope, "d");
                let text = format!(
                    "{} WHERE l.rollout = ?1 AND l.key < ?2 AND (l.device IS NULL OR ({})) ORDER BY l.key DESC LIMIT ?3",
                    statements::LOG,
                    within.text()
                );
                connection.all(&text, within.values(), RolloutEntry::from_row)
            })
            .await
    }
}
