//! What the watches found, and what they remember. Both are written for many devices at once.

use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

use super::engine::{Connection, Row, owned, values};
use super::records::{id, time, time_if_any};
use super::states::refresh_all;
use super::{Scope, Store, StoreError, from_json, statements, to_json};
use crate::watch::{Change, Finding, Memory, Standing, Step};

/// Which watches.
#[derive(Debug, Clone, Default)]
pub struct WatchFilter {
    /// Only this device's.
    pub device: Option<DeviceId>,
    /// Only those that stand, or only those that are over.
    pub open: Option<bool>,
}

/// What a watch found, from its beginning to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchRecord {
    /// Its place in the list.
    pub key: i64,
    /// Whose it is.
    pub device: DeviceId,
    /// When it was found.
    pub begun: Timestamp,
    /// Since when somebody should act on it.
    pub overdue: Option<Timestamp>,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// What was found.
    pub finding: Finding,
}

impl WatchRecord {
    /// As the watches know it.
    pub(super) fn into_standing(self) -> (DeviceId, Standing) {
        let Self { device, begun, overdue, finding, .. } = self;
        (device, Standing { finding, begun, overdue })
    }

    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let body: String = row.get(5)?;
        Ok(Self {
            key: row.get(0)?,
            device: id("device", row.get(1)?)?,
            begun: time(row, 2)?,
            overdue: time_if_any(row, 3)?,
            ended: time_if_any(row, 4)?,
            finding: from_json("finding of a watch", &body)?,
        })
    }
}

/// What an operator must hear; its origin makes it unique.
fn notice(
    connection: &Connection,
    change: &Change,
    kind: &str,
    written: Timestamp,
) -> Result<(), StoreError> {
    let finding = &change.finding;
    let begun = change.begun.as_millisecond();
    let origin =
        format!("{}/watch/{}/{}/{begun}/{kind}", change.device, finding.kind().word(), finding.subject());
    connection.execute(
        statements::ADD_NOTICE_OF,
        values![
            origin,
            change.device.as_str(),
            kind,
            written.as_millisecond(),
            to_json("finding of a watch", finding)?
        ],
    )?;
    Ok(())
}

fn keep(connection: &Connection, change: &Change) -> Result<(), StoreError> {
    let (device, kind, subject) =
        (change.device.as_str(), change.finding.kind().word(), change.finding.subject());
    match change.step {
        Step::Begin => {
            connection.execute(
                statements::BEGIN_WATCH,
                values![
                    device,
                    kind,
                    subject,
                    change.finding.since().as_millisecond(),
                    change.begun.as_millisecond(),
                    to_json("finding of a watch", &change.finding)?
                ],
            )?;
        }
        Step::Overdue(at) => {
            let told = connection
                .execute(statements::WATCH_OVERDUE, values![device, kind, subject, at.as_millisecond()])?;
            if told == 1 {
                notice(connection, change, "watch", at)?;
            }
        }
        Step::End(at) => {
            let overdue: Option<Option<i64>> = connection.one(
                statements::END_WATCH,
                values![device, kind, subject, at.as_millisecond()],
                |row| row.get(0),
            )?;
            // Of what nobody was told the end is no news either.
            if overdue.flatten().is_some() {
                notice(connection, change, "watch_over", at)?;
            }
        }
    }
    Ok(())
}

impl Store {
    /// Keeps what the watches found, with the notices of it.
    pub async fn keep_watches(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                changes.iter().try_for_each(|change| keep(context.connection, change))?;
                refresh_all(context.connection, changes.iter().map(|change| &change.device))
            })
            .await
    }

    /// Keeps what the watches remember.
    pub async fn keep_watch_memories(&self, memories: Vec<(DeviceId, Memory)>) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                let row = |(device, memory): &(DeviceId, Memory)| {
                    let body = to_json("memory of a watch", memory)?;
                    Ok(owned(values![device.as_str(), body]))
                };
                let rows = memories.iter().map(row).collect::<Result<Vec<_>, StoreError>>()?;
                context.connection.execute_all(&statements::SET_MEMORIES, &rows).map(drop)
            })
            .await
    }

    /// What the watches remember. What does not read is forgotten: it is learnt again.
    pub async fn watch_memories(&self) -> Result<Vec<(DeviceId, Memory)>, StoreError> {
        let read = |row: &Row<'_>| {
            let body: String = row.get(1)?;
            Ok((id("device", row.get(0)?)?, serde_json::from_str::<Memory>(&body).unwrap_or_default()))
        };
        let damage = Arc::clone(&self.damage);
        self.readers
            .clone()
            .read(move |connection| damage.collect(connection, statements::MEMORIES, &[], 0, read))
            .await
    }

    /// Everything that stands, for the watches themselves.
    pub async fn standing_watches(&self) -> Result<Vec<(DeviceId, Standing)>, StoreError> {
        let open = WatchFilter { device: None, open: Some(true) };
        let all = self.watches(&Scope::All, open, None, u32::MAX).await?;
        Ok(all.into_iter().map(WatchRecord::into_standing).collect())
    }

    /// What the watches found, those below `before`.
    pub async fn watches(
        &self,
        scope: &Scope,
        filter: WatchFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<WatchRecord>, StoreError> {
        let list = self.list(scope, (statements::WATCHES, "w"), filter.device, (before, limit)).open(
            filter.open,
            "w.ended IS NULL",
            "w.ended IS NOT NULL",
        );
        self.readers.clone().read(move |connection| list.read(connection, WatchRecord::from_row)).await
    }
}
