//! Lists of calls: those that are open by what is due next, those that are over by their end; how many there are, and which
//! times were kept.

use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

use super::super::conditions::Conditions;
use super::super::engine::{AsValue as _, Row, Value, values};
use super::super::statements::calls as statements;
use super::super::{Scope, Store, StoreError, from_integer};
use super::records::{CallDetail, ServiceCallRecord, ServiceCallState};

/// Customers whose times are counted: those with the most calls.
const CUSTOMERS_COUNTED: u32 = 200;

/// Which calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Those that are over, and not those that are open.
    pub closed: bool,
    /// Only those in this state.
    pub state: Option<ServiceCallState>,
    /// Only those of this technician.
    pub technician: Option<String>,
    /// Only this customer's.
    pub customer: Option<i64>,
    /// Only this device's.
    pub device: Option<DeviceId>,
    /// Only those of which something was due before.
    pub due_before: Option<Timestamp>,
}

/// Where a page of the list ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallPlace {
    /// When something of it is due next, or its end, in milliseconds.
    pub at: i64,
    /// Its key.
    pub key: i64,
}

/// How many calls are open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// Nobody has looked at them.
    pub open: u64,
    /// Somebody has, and nobody is to go there.
    pub seen: u64,
    /// Somebody is to go there, is on the way, or there.
    pub sent: u64,
    /// A certain technician's.
    pub mine: u64,
    /// Of these something is overdue.
    pub overdue: u64,
}

/// Which times of a customer's calls were kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallTimes {
    /// The customer's key and name.
    pub customer: Option<(i64, Option<String>)>,
    /// How many calls came in.
    pub calls: u64,
    /// Answers in time, and others.
    pub answer: (u64, u64),
    /// Repairs in time, and others.
    pub repair: (u64, u64),
}

impl CallDetail {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let name: Option<String> = row.get(30)?;
        Ok(Self {
            call: ServiceCallRecord::from_row(row)?,
            customer: row.get::<Option<i64>>(29)?.zip(name),
            site: row.get(31)?,
            address: row.get(32)?,
            place: row.get(33)?,
            due: row.get(34)?,
            snapshot: None,
        })
    }

    /// Its place in the list.
    pub fn place_in_list(&self) -> CallPlace {
        let at = self.call.closed.map_or(self.due, Timestamp::as_millisecond);
        CallPlace { at, key: self.call.key }
    }
}

impl CallFilter {
    fn conditions<'a>(&'a self, values: &[Value<'a>], scope: &Scope) -> Conditions<'a> {
        let mut conditions = Conditions::new(values);
        conditions.and(if self.closed { "s.handled IS NOT NULL" } else { "s.handled IS NULL" });
        if let Some(state) = self.state {
            conditions.and(&format!("s.state = '{}'", state.word()));
        }
        if let Some(technician) = &self.technician {
            conditions.and_with("s.technician = {}", technician);
        }
        if let Some(customer) = &self.customer {
            conditions.and_with("d.customer = {}", customer);
        }
        if let Some(device) = &self.device {
            conditions.and_with("d.id = {}", device.as_str());
        }
        if let Some(before) = self.due_before {
            let place = conditions.parameter(Value::Integer(before.as_millisecond()));
            conditions.and(&format!("s.due < {place}"));
        }
        conditions.and_within(scope, "d");
        conditions
    }
}

impl Store {
    /// Calls as they are asked for, what is due first before what is due later; of those that are over the last to end first.
    pub async fn calls(
        &self,
        scope: &Scope,
        filter: CallFilter,
        after: Option<CallPlace>,
        limit: u32,
    ) -> Result<Vec<CallDetail>, StoreError> {
        let (scope, damage) = (scope.clone(), Arc::clone(&self.damage));
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = filter.conditions(values![limit], &scope);
                let (by, sign, order) =
                    if filter.closed { ("s.handled", "<", " DESC") } else { ("s.due", ">", "") };
                if let Some(after) = after {
                    let place = [after.at, after.key];
                    let place = place.map(|part| conditions.parameter(Value::Integer(part))).join(", ");
                    conditions.and(&format!("({by}, s.key) {sign} ({place})"));
                }
                let text = format!(
                    "{}{} ORDER BY {by}{order}, s.key{order} LIMIT ?1",
                    statements::LISTED,
                    conditions.text()
                );
                damage.collect(connection, &text, conditions.values(), 1, CallDetail::from_row)
            })
            .await
    }

    /// One call, with how the machine was.
    pub async fn call(&self, scope: &Scope, key: i64) -> Result<Option<CallDetail>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(values![key]);
                conditions.and("s.key = ?1");
                conditions.and_within(&scope, "d");
                let text = format!("{}{}", statements::LISTED, conditions.text());
                let found = connection.one(&text, conditions.values(), CallDetail::from_row)?;
                let Some(mut found) = found else { return Ok(None) };
                let snapshot: Option<String> =
                    connection.row(statements::SNAPSHOT, values![key], |row| row.get(0))?;
                found.snapshot = snapshot.and_then(|text| serde_json::from_str(&text).ok());
                Ok(Some(found))
            })
            .await
    }

    /// How many calls are open, of what is asked for; `operator` is whose are counted apart.
    pub async fn call_counts(
        &self,
        scope: &Scope,
        filter: CallFilter,
        operator: String,
        now: Timestamp,
    ) -> Result<CallCounts, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let all =
                    CallFilter { state: None, technician: None, due_before: None, closed: false, ..filter };
                let begin = [operator.as_value(), Value::Integer(now.as_millisecond())];
                let conditions = all.conditions(&begin, &scope);
                let text = format!("{}{} GROUP BY s.state", statements::COUNTS, conditions.text());
                let mut counts = CallCounts::default();
                connection.each(&text, conditions.values(), |row| {
                    let (state, count): (String, u64) = (row.get(0)?, from_integer(row.get(1)?));
                    match state.as_str() {
                        "open" => counts.open += count,
                        "seen" => counts.seen += count,
                        _ => counts.sent += count,
                    }
                    counts.mine += from_integer(row.get(2)?);
                    counts.overdue += from_integer(row.get(3)?);
                    Ok(())
                })?;
                Ok(counts)
            })
            .await
    }

    /// Which times were kept of calls that came in between two moments, by customer, those with the most calls first.
    pub async fn call_times(
        &self,
        scope: &Scope,
        (since, until): (Timestamp, Timestamp),
        customer: Option<i64>,
        now: Timestamp,
    ) -> Result<Vec<CallTimes>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let begin =
                    [Value::Integer(now.as_millisecond()), Value::Integer(i64::from(CUSTOMERS_COUNTED))];
                let mut conditions = Conditions::new(&begin);
                for (sign, moment) in [(">=", since), ("<", until)] {
                    let place = conditions.parameter(Value::Integer(moment.as_millisecond()));
                    conditions.and(&format!("s.received {sign} {place}"));
                }
                if let Some(customer) = &customer {
                    conditions.and_with("d.customer = {}", customer);
                }
                conditions.and_within(&scope, "d");
                let text = format!(
                    "{}{} GROUP BY d.customer, c.name ORDER BY count(*) DESC, c.name LIMIT ?2",
                    statements::TIMES,
                    conditions.text()
                );
                connection.all(&text, conditions.values(), |row| {
                    let name: Option<String> = row.get(1)?;
                    let number = |at: usize| -> Result<u64, StoreError> { Ok(from_integer(row.get(at)?)) };
                    Ok(CallTimes {
                        customer: row.get::<Option<i64>>(0)?.map(|key| (key, name)),
                        calls: number(2)?,
                        answer: (number(3)?, number(4)?),
                        repair: (number(5)?, number(6)?),
                    })
                })
            })
            .await
    }
}
