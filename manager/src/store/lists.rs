//! Lists for operators: newest first, a page at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

use super::damage::Damage;
use super::engine::{Connection, Row, values};
use super::orders::device_of;
use super::records::{AlertRecord, GapRecord, ReportRecord, ServiceCallRecord, ServiceCallState, id};
use super::writer::WriteContext;
use super::{Store, StoreError, from_integer, statements};

/// Which alerts.
#[derive(Debug, Clone, Default)]
pub struct AlertFilter {
    /// Only this device's.
    pub device: Option<DeviceId>,
    /// Only open ones, or only cleared ones.
    pub open: Option<bool>,
}

/// Which reports.
#[derive(Debug, Clone, Default)]
pub struct ReportFilter {
    /// Only this device's.
    pub device: Option<DeviceId>,
}

/// Which service calls.
#[derive(Debug, Clone, Default)]
pub struct ServiceCallFilter {
    /// Only this device's.
    pub device: Option<DeviceId>,
    /// Only those not handled, or only handled ones.
    pub open: Option<bool>,
}

/// One page of a list, of all devices by one statement or of one device by another. The rows begin with
/// their key and the name of their device.
pub(super) struct Page {
    pub(super) statement: &'static str,
    pub(super) device: Option<DeviceId>,
    pub(super) before: Option<i64>,
    pub(super) limit: u32,
    damage: Arc<Damage>,
}

impl Page {
    pub(super) fn read<T>(
        &self,
        connection: &Connection,
        read: fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut before = self.before.unwrap_or(i64::MAX);
        let mut found = Vec::new();
        // Rows that cannot be read make room for those behind them: a page that is not full is the last.
        loop {
            let left = left_of(self.limit, found.len());
            let from = before;
            let mut looked_at = 0;
            let look = |row: &Row<'_>| {
                looked_at += 1;
                before = row.get(0)?;
                found.extend(self.damage.readable(row, 1, read));
                Ok(())
            };
            match &self.device {
                Some(device) => {
                    connection.each(self.statement, values![from, left, device.as_str()], look)?
                }
                None => connection.each(self.statement, values![from, left], look)?,
            }
            if looked_at < left || left_of(self.limit, found.len()) == 0 {
                return Ok(found);
            }
        }
    }
}

fn left_of(limit: u32, found: usize) -> u32 {
    limit.saturating_sub(u32::try_from(found).unwrap_or(u32::MAX))
}

/// Reports of one device, newest first: its lives one after the other, the latest first, each from its
/// newest report back. With a cursor, from the report before it.
fn reports_of(
    connection: &Connection,
    device: &DeviceId,
    before: Option<i64>,
    limit: u32,
    damage: &Damage,
) -> Result<Vec<ReportRecord>, StoreError> {
    let cursor: Option<(i64, Option<i64>)> = match before {
        None => None,
        Some(key) => {
            let place =
                connection.one(statements::PLACE_OF_REPORT, values![key, device.as_str()], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
            match place {
                // A cursor that is no report of this device is behind all of them.
                None => return Ok(Vec::new()),
                found => found,
            }
        }
    };
    let newest = cursor.map_or(i64::MAX, |(epoch, _)| epoch);
    let epochs: Vec<(i64, Option<i64>)> =
        connection.all(statements::EPOCHS_OF, values![device.as_str(), newest], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let mut found = Vec::new();
    for (epoch, last) in epochs {
        let mut from = cursor.filter(|(at, _)| *at == epoch).map_or(last, |(_, previous)| previous);
        while let (Some(at), left @ 1..) = (from, left_of(limit, found.len())) {
            from = None;
            let mut looked_at = 0;
            connection.each(statements::REPORTS_BACK, values![at, left], |row| {
                looked_at += 1;
                from = row.get(7)?;
                found.extend(damage.readable(row, 1, ReportRecord::from_row));
                Ok(())
            })?;
            if looked_at < left {
                break;
            }
        }
    }
    Ok(found)
}

impl Store {
    pub(super) fn page(
        &self,
        statement: &'static str,
        device: Option<DeviceId>,
        before: Option<i64>,
        limit: u32,
    ) -> Page {
        Page { statement, device, before, limit, damage: Arc::clone(&self.damage) }
    }

    /// Reports, those below `before`.
    pub async fn reports(
        &self,
        filter: ReportFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ReportRecord>, StoreError> {
        let readers = self.readers.clone();
        if let Some(device) = filter.device {
            let damage = Arc::clone(&self.damage);
            readers.read(move |connection| reports_of(connection, &device, before, limit, &damage)).await
        } else {
            let page = self.page(statements::REPORTS, None, before, limit);
            readers.read(move |connection| page.read(connection, ReportRecord::from_row)).await
        }
    }

    /// Alerts, those below `before`.
    pub async fn alerts(
        &self,
        filter: AlertFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AlertRecord>, StoreError> {
        let statement = match (filter.device.is_some(), filter.open) {
            (false, None) => statements::ALERTS,
            (false, Some(true)) => statements::ALERTS_OPEN,
            (false, Some(false)) => statements::ALERTS_CLEARED,
            (true, None) => statements::ALERTS_OF,
            (true, Some(true)) => statements::ALERTS_OPEN_OF,
            (true, Some(false)) => statements::ALERTS_CLEARED_OF,
        };
        let page = self.page(statement, filter.device, before, limit);
        self.readers.clone().read(move |connection| page.read(connection, AlertRecord::from_row)).await
    }

    /// Service calls, those below `before`.
    pub async fn service_calls(
        &self,
        filter: ServiceCallFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ServiceCallRecord>, StoreError> {
        let statement = match (filter.device.is_some(), filter.open) {
            (false, None) => statements::SERVICE_CALLS,
            (false, Some(true)) => statements::SERVICE_CALLS_OPEN,
            (false, Some(false)) => statements::SERVICE_CALLS_HANDLED,
            (true, None) => statements::SERVICE_CALLS_OF,
            (true, Some(true)) => statements::SERVICE_CALLS_OPEN_OF,
            (true, Some(false)) => statements::SERVICE_CALLS_HANDLED_OF,
        };
        let page = self.page(statement, filter.device, before, limit);
        self.readers.clone().read(move |connection| page.read(connection, ServiceCallRecord::from_row)).await
    }

    /// Says what has become of a service call, and gives its device; `None` when there is no such call.
    pub async fn set_service_call(
        &self,
        key: i64,
        state: ServiceCallState,
        operator: String,
        now: Timestamp,
    ) -> Result<Option<DeviceId>, StoreError> {
        let open = Arc::clone(&self.open);
        let act = move |context: &mut WriteContext<'_>| {
            let (state, now) = (state.word(), now.as_millisecond());
            device_of(context, statements::SET_SERVICE_CALL, values![key, state, now, operator])
        };
        self.writer.write_then(act, move |device| device.iter().for_each(|device| open.changed(device))).await
    }

    /// How many reports each device lost since then, as far as that was found lately.
    pub async fn lost_since(&self, since: Timestamp) -> Result<Vec<(DeviceId, u64)>, StoreError> {
        let read = |row: &Row<'_>| {
            let (first, last): (i64, Option<i64>) = (row.get(1)?, row.get(2)?);
            // One of unknown size counts as one.
            let count = last.map_or(1, |last| last.saturating_sub(first).saturating_add(1));
            Ok((id("device", row.get(0)?)?, from_integer(count)))
        };
        let damage = Arc::clone(&self.damage);
        let lost: Vec<(DeviceId, u64)> = self
            .readers
            .clone()
            .read(move |connection| {
                damage.collect(connection, statements::LOST_SINCE, values![since.as_millisecond()], 0, read)
            })
            .await?;
        // Added up here: a sum in SQL that goes beyond its integers fails for all devices.
        let mut sums: BTreeMap<DeviceId, u64> = BTreeMap::new();
        for (device, count) in lost {
            let sum = sums.entry(device).or_default();
            *sum = sum.saturating_add(count);
        }
        Ok(sums.into_iter().collect())
    }

    /// What a device lost, newest first.
    pub async fn gaps(&self, device: DeviceId, limit: u32) -> Result<Vec<GapRecord>, StoreError> {
        let damage = Arc::clone(&self.damage);
        self.readers
            .clone()
            .read(move |connection| {
                let statement = statements::GAPS_OF;
                damage.collect(connection, statement, values![device.as_str(), limit], 7, GapRecord::from_row)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Grouping;

    #[tokio::test]
    async fn what_is_open_is_found_without_walking_through_the_history() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("s"), Grouping::Group).unwrap();
        for (statement, index) in [
            (statements::ALERTS_OPEN, "alerts_open"),
            (statements::SERVICE_CALLS_OPEN, "service_calls_open"),
            (statements::ORDERS_OPEN, "orders_open"),
        ] {
            let plan = store
                .readers
                .clone()
                .read(move |connection| {
                    let explain = format!("EXPLAIN QUERY PLAN {statement}");
                    connection.all(&explain, values![i64::MAX, 10], |row| row.get::<String>(3))
                })
                .await
                .unwrap();
            assert!(plan.iter().any(|step| step.contains(index)), "{plan:?}");
        }
    }
}
