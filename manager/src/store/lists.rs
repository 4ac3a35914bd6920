//! Lists for operators: newest first, a page at a time.

use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

use super::calls::{CallAct, ServiceCallRecord, ServiceCallState};
use super::conditions::Conditions;
use super::damage::Damage;
use super::engine::{Connection, Row, Value, values};
use super::records::{AlertRecord, GapRecord, ReportRecord};
use super::retention::chains_begin;
use super::sight::sees_device;
use super::{Scope, Store, StoreError, statements};

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

/// A list that goes back in time, of which one page is asked for. Its rows begin with their key and the name of their
/// device.
pub(super) struct List {
    /// The statement without its conditions, in which the device's row is `d`.
    pub(super) select: &'static str,
    /// The table's name in it.
    pub(super) table: &'static str,
    /// A condition on it.
    pub(super) only: Option<&'static str>,
    /// More conditions, each with a value where it says `{}`.
    also: Vec<(&'static str, Value<'static>)>,
    pub(super) device: Option<DeviceId>,
    pub(super) scope: Scope,
    pub(super) before: Option<i64>,
    pub(super) limit: u32,
    damage: Arc<Damage>,
}

impl List {
    fn conditions(&self, from: i64, left: u32) -> Conditions<'_> {
        let table = self.table;
        let mut conditions = Conditions::new(&[Value::Integer(from), Value::Integer(i64::from(left))]);
        conditions.and(&format!("{table}.key < ?1"));
        if let Some(only) = self.only {
            conditions.and(only);
        }
        for (condition, value) in &self.also {
            let place = conditions.parameter(value.clone());
            conditions.and(&condition.replace("{}", &place));
        }
        if let Some(device) = &self.device {
            let of_device = format!("{table}.device = (SELECT key FROM devices WHERE id = {{}})");
            conditions.and_with(&of_device, device.as_str());
        }
        conditions.and_within(&self.scope, "d");
        conditions
    }

    fn text(&self, conditions: &Conditions<'_>) -> String {
        format!("{} WHERE {} ORDER BY {}.key DESC LIMIT ?2", self.select, conditions.text(), self.table)
    }

    /// Only what is open, by the one condition, or only what is over, by the other.
    pub(super) fn open(self, open: Option<bool>, still: &'static str, over: &'static str) -> Self {
        Self { only: open.map(|open| if open { still } else { over }), ..self }
    }

    /// Only what this is true of as well; the value stands where it says `{}`.
    pub(super) fn also(&mut self, condition: &'static str, value: Value<'static>) {
        self.also.push((condition, value));
    }

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
            let conditions = self.conditions(before, left);
            let mut looked_at = 0;
            connection.each(&self.text(&conditions), conditions.values(), |row| {
                looked_at += 1;
                before = row.get(0)?;
                found.extend(self.damage.readable(row, 1, read));
                Ok(())
            })?;
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
    // Behind this, reports that come at an interval are gone, and with them the chains; the others have an index.
    let begin = chains_begin(connection)?;
    if let Some(before) = before.filter(|before| *before <= begin) {
        return old_reports_of(connection, device, before, limit, damage);
    }
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
                if row.get::<i64>(0)? <= begin {
                    from = None;
                    return Ok(());
                }
                from = row.get(7)?;
                found.extend(damage.readable(row, 1, ReportRecord::from_row));
                Ok(())
            })?;
            if looked_at < left {
                break;
            }
        }
    }
    let left = left_of(limit, found.len());
    if begin > 0 && left > 0 {
        found.extend(old_reports_of(connection, device, begin.saturating_add(1), left, damage)?);
    }
    Ok(found)
}

/// What is kept of a device's reports from where its chains have ended, those below `before`.
fn old_reports_of(
    connection: &Connection,
    device: &DeviceId,
    mut before: i64,
    limit: u32,
    damage: &Damage,
) -> Result<Vec<ReportRecord>, StoreError> {
    let mut found = Vec::new();
    while let left @ 1.. = left_of(limit, found.len()) {
        let (from, mut looked_at) = (before, 0);
        connection.each(statements::OLD_REPORTS_OF, values![from, left, device.as_str()], |row| {
            looked_at += 1;
            before = row.get(0)?;
            found.extend(damage.readable(row, 1, ReportRecord::from_row));
            Ok(())
        })?;
        if looked_at < left {
            break;
        }
    }
    Ok(found)
}

impl Store {
    /// A list of these devices, from a place on.
    pub(super) fn list(
        &self,
        scope: &Scope,
        (select, table): (&'static str, &'static str),
        device: Option<DeviceId>,
        (before, limit): (Option<i64>, u32),
    ) -> List {
        let (scope, damage) = (scope.clone(), Arc::clone(&self.damage));
        List { select, table, only: None, also: Vec::new(), device, scope, before, limit, damage }
    }

    /// Reports, those below `before`.
    pub async fn reports(
        &self,
        scope: &Scope,
        filter: ReportFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ReportRecord>, StoreError> {
        let readers = self.readers.clone();
        if let Some(device) = filter.device {
            let (damage, scope) = (Arc::clone(&self.damage), scope.clone());
            readers
                .read(move |connection| {
                    if !sees_device(connection, &scope, &device)? {
                        return Ok(Vec::new());
                    }
                    reports_of(connection, &device, before, limit, &damage)
                })
                .await
        } else {
            let list = self.list(scope, (statements::REPORTS, "r"), None, (before, limit));
            readers.read(move |connection| list.read(connection, ReportRecord::from_row)).await
        }
    }

    /// Alerts, those below `before`.
    pub async fn alerts(
        &self,
        scope: &Scope,
        filter: AlertFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AlertRecord>, StoreError> {
        let list = self.list(scope, (statements::ALERTS, "a"), filter.device, (before, limit)).open(
            filter.open,
            "a.cleared IS NULL",
            "a.cleared IS NOT NULL",
        );
        self.readers.clone().read(move |connection| list.read(connection, AlertRecord::from_row)).await
    }

    /// Service calls, those below `before`.
    pub async fn service_calls(
        &self,
        scope: &Scope,
        filter: ServiceCallFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ServiceCallRecord>, StoreError> {
        let list = self.list(scope, (statements::SERVICE_CALLS, "s"), filter.device, (before, limit)).open(
            filter.open,
            "s.handled IS NULL",
            "s.handled IS NOT NULL",
        );
        self.readers.clone().read(move |connection| list.read(connection, ServiceCallRecord::from_row)).await
    }

    /// Says what has become of a service call, whatever anybody did with it before, and gives its device; `None` when there is
    /// no such call.
    pub async fn set_service_call(
        &self,
        scope: &Scope,
        key: i64,
        state: ServiceCallState,
        operator: String,
        now: Timestamp,
    ) -> Result<Option<DeviceId>, StoreError> {
        let act = (CallAct::Move(state, None, Vec::new()), None);
        let done = self.act_on_call(scope, (key, None), act, None, (operator, now)).await?;
        Ok(done.ok().map(|acted| acted.call.device))
    }

    /// What a device lost, newest first.
    pub async fn gaps(
        &self,
        scope: &Scope,
        device: DeviceId,
        limit: u32,
    ) -> Result<Vec<GapRecord>, StoreError> {
        let list = self.list(scope, (statements::GAPS, "g"), Some(device), (None, limit));
        self.readers.clone().read(move |connection| list.read(connection, GapRecord::from_row)).await
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
        for (select, table, open, index) in [
            (statements::ALERTS, "a", "a.cleared IS NULL", "alerts_open"),
            (statements::SERVICE_CALLS, "s", "s.handled IS NULL", "service_calls_open"),
            (statements::orders::ORDERS, "o", "o.closed IS NULL", "orders_open"),
        ] {
            let list = store.list(&Scope::All, (select, table), None, (None, 10)).open(Some(true), open, "");
            let plan = store
                .readers
                .clone()
                .read(move |connection| {
                    let conditions = list.conditions(i64::MAX, 10);
                    let explain = format!("EXPLAIN QUERY PLAN {}", list.text(&conditions));
                    connection.all(&explain, conditions.values(), |row| row.get::<String>(3))
                })
                .await
                .unwrap();
            assert!(plan.iter().any(|step| step.contains(index)), "{plan:?}");
        }
    }
}
