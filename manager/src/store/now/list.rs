//! What is shown of what needs a person. What is listed and counted is what the scope sees.

use std::collections::BTreeMap;
use std::sync::Arc;

use platen_protocol::alert::Training;

use super::super::calls::ServiceCallRecord;
use super::super::clones::CloneRecord;
use super::super::conditions::Conditions;
use super::super::damage::Damage;
use super::super::engine::{AsValue as _, Connection, Row, Value, values};
use super::super::needs::{NowKind, Urgency};
use super::super::order_records::OrderRecord;
use super::super::records::{AlertRecord, time};
use super::super::statements::{self as all_statements, now as statements};
use super::super::watches::WatchRecord;
use super::super::{Scope, Store, StoreError, from_integer};
use super::records::{NowEntry, NowItem, NowPlace, NowShelf, NowSubject, NowWhat};

/// Which items. What waits and what is taken, unless a shelf is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NowFilter {
    /// Only these shelves.
    pub shelf: Option<NowShelf>,
    /// Only what this operator has taken.
    pub taken_by: Option<String>,
    /// Only what this is how urgent.
    pub urgency: Option<Urgency>,
    /// Only what these can fix.
    pub training: Option<Training>,
    /// Only this customer's.
    pub customer: Option<i64>,
    /// Only at this site.
    pub site: Option<i64>,
    /// Only parts of this item.
    pub cause: Option<i64>,
}

/// How many items there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NowCounts {
    /// By how urgent they are: those that wait, and those that are taken.
    pub urgencies: BTreeMap<Urgency, (u64, u64)>,
    /// Those that wait for somebody.
    pub waiting: u64,
    /// Those that somebody has taken.
    pub taken: u64,
    /// Those of them that the operator who asks has taken.
    pub mine: u64,
    /// Those that sleep.
    pub snoozed: u64,
    /// Those that a person closed and that still stand.
    pub closed: u64,
}

/// What a customer has in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NowOfCustomer {
    /// Its key and name; none for devices of no customer.
    pub customer: Option<(i64, Option<String>)>,
    /// How many wait or are taken.
    pub items: u64,
    /// Those that are taken.
    pub taken: u64,
    /// The most urgent.
    pub urgency: Urgency,
}

impl NowFilter {
    /// What is open of this, as conditions on the row `i`.
    fn conditions<'a>(&'a self, values: &[Value<'a>], scope: &Scope) -> Conditions<'a> {
        let mut conditions = Conditions::new(values);
        conditions.and("i.ended IS NULL");
        match &self.cause {
            Some(cause) => conditions.and_with("i.cause = {}", cause),
            None => conditions.and("i.cause IS NULL"),
        }
        match (self.shelf, &self.taken_by) {
            (None, Some(_)) => conditions.and("i.shelf = 1"),
            (Some(one), _) => conditions.and(&format!("i.shelf = {}", one.rank())),
            // A part of something is on whatever shelf.
            (None, None) if self.cause.is_some() => {}
            (None, None) => conditions.and("i.shelf <= 1"),
        }
        if let Some(operator) = &self.taken_by {
            conditions.and_with("i.taken_by = {}", operator);
        }
        if let Some(urgency) = self.urgency {
            conditions.and(&format!("i.urgency = {}", urgency.rank()));
        }
        if let Some(training) = self.training {
            let place = conditions.parameter(Value::Text(training.name().into()));
            conditions.and(&format!("i.training = {place}"));
        }
        if let Some(customer) = &self.customer {
            conditions.and_with("i.customer = {}", customer);
        }
        if let Some(site) = &self.site {
            conditions.and_with("i.site = {}", site);
        }
        conditions.and_within(scope, "i");
        conditions
    }
}

/// How a row is read.
type Read<T> = fn(&Row<'_>) -> Result<T, StoreError>;

/// What is open, of items of one kind, by its key.
fn of_kind<T>(
    connection: &Connection,
    damage: &Damage,
    (select, key, whose): (&str, &str, usize),
    origins: &[i64],
    read: Read<T>,
) -> Result<Vec<T>, StoreError> {
    if origins.is_empty() {
        return Ok(Vec::new());
    }
    let mut conditions = Conditions::new(&[]);
    conditions.and_of(key, origins);
    let text = format!("{select} WHERE {}", conditions.text());
    damage.collect(connection, &text, conditions.values(), whose, read)
}

/// What is read of a sign of a clone has no key of its own: a column more says it.
fn clone_with_key(row: &Row<'_>) -> Result<(i64, CloneRecord), StoreError> {
    Ok((row.get(3)?, CloneRecord::from_row(row)?))
}

/// Reads what the items stand for.
fn read_subjects(connection: &Connection, damage: &Damage, items: &mut [NowItem]) -> Result<(), StoreError> {
    let origins = |kinds: &[NowKind]| -> Vec<i64> {
        items.iter().filter(|item| kinds.contains(&item.kind)).map(|item| item.origin).collect()
    };
    let mut found: BTreeMap<(NowKind, i64), NowSubject> = BTreeMap::new();
    let alerts = (all_statements::ALERTS, "a.key", 1);
    for alert in of_kind(connection, damage, alerts, &origins(&[NowKind::Alert]), AlertRecord::from_row)? {
        found.insert((NowKind::Alert, alert.key), NowSubject::Alert(Box::new(alert)));
    }
    let (calls, of) = ((all_statements::SERVICE_CALLS, "s.key", 1), origins(&[NowKind::ServiceCall]));
    for call in of_kind(connection, damage, calls, &of, ServiceCallRecord::from_row)? {
        found.insert((NowKind::ServiceCall, call.key), NowSubject::ServiceCall(Box::new(call)));
    }
    let orders = (all_statements::orders::ORDERS, "o.key", 1);
    for order in of_kind(connection, damage, orders, &origins(&[NowKind::Order]), OrderRecord::from_row)? {
        found.insert((NowKind::Order, order.key), NowSubject::Order(Box::new(order)));
    }
    let (watches, of) = ((all_statements::WATCHES, "w.key", 1), origins(&[NowKind::Watch, NowKind::Silent]));
    for watch in of_kind(connection, damage, watches, &of, WatchRecord::from_row)? {
        let kind = match watch.finding.kind() {
            crate::watch::WatchKind::Contact => NowKind::Silent,
            _ => NowKind::Watch,
        };
        found.insert((kind, watch.key), NowSubject::Watch(Box::new(watch)));
    }
    let clones = (statements::CLONES, "n.key", 0);
    for (key, clone) in of_kind(connection, damage, clones, &origins(&[NowKind::Clone]), clone_with_key)? {
        found.insert((NowKind::Clone, key), NowSubject::Clone(Box::new(clone)));
    }
    for item in items {
        item.subject = match item.kind {
            NowKind::Identity | NowKind::SiteSilent => NowSubject::Itself,
            kind => found.remove(&(kind, item.origin)).unwrap_or(NowSubject::Unknown),
        };
    }
    Ok(())
}

/// The newest comment on each.
fn read_comments(connection: &Connection, items: &mut [NowItem]) -> Result<(), StoreError> {
    let keys: Vec<i64> = items.iter().filter(|item| item.words > 0).map(|item| item.key).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let mut conditions = Conditions::new(&[]);
    conditions.and_of("x.item", &keys);
    let text = format!("{}{} GROUP BY x.item)", statements::LAST_WORDS, conditions.text());
    let mut comments: BTreeMap<i64, NowEntry> = BTreeMap::new();
    connection.each(&text, conditions.values(), |row| {
        let (who, at, words) = (row.get(1)?, time(row, 2)?, row.get(3)?);
        let entry = NowEntry { key: 0, at, who, what: NowWhat::Commented, until: None, words };
        comments.insert(row.get(0)?, entry);
        Ok(())
    })?;
    for item in items {
        item.comment = comments.remove(&item.key);
    }
    Ok(())
}

/// Items with what they stand for, in any order.
fn look_up(connection: &Connection, damage: &Damage, keys: &[i64]) -> Result<Vec<NowItem>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut conditions = Conditions::new(&[]);
    conditions.and_of("i.key", keys);
    let text = format!("{}{}", statements::ITEMS, conditions.text());
    let mut items = damage.collect(connection, &text, conditions.values(), 19, NowItem::from_row)?;
    read_subjects(connection, damage, &mut items)?;
    read_comments(connection, &mut items)?;
    Ok(items)
}

/// An item that the scope sees, over or not.
pub(super) fn one(
    connection: &Connection,
    damage: &Damage,
    scope: &Scope,
    key: i64,
) -> Result<Option<NowItem>, StoreError> {
    let mut conditions = Conditions::new(values![key]);
    conditions.and("i.key = ?1");
    conditions.and_within(scope, "i");
    let text = format!("{}{}", statements::ITEMS, conditions.text());
    let found = connection.one(&text, conditions.values(), NowItem::from_row)?;
    let mut items: Vec<NowItem> = found.into_iter().collect();
    read_subjects(connection, damage, &mut items)?;
    read_comments(connection, &mut items)?;
    Ok(items.pop())
}

impl Store {
    /// Items as they are asked for, the most urgent first and those that are taken behind those that wait; those behind a
    /// place.
    pub async fn now_items(
        &self,
        scope: &Scope,
        filter: NowFilter,
        after: Option<NowPlace>,
        limit: u32,
    ) -> Result<Vec<NowItem>, StoreError> {
        let (scope, damage) = (scope.clone(), Arc::clone(&self.damage));
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = filter.conditions(values![limit], &scope);
                if let Some(after) = &after {
                    let place = [after.shelf, after.urgency, after.since, after.key];
                    let place = place.map(|part| conditions.parameter(Value::Integer(part))).join(", ");
                    conditions.and(&format!("(i.shelf, i.urgency, i.since, i.key) > ({place})"));
                }
                let text = format!(
                    "SELECT i.key FROM now_items i WHERE {} ORDER BY i.shelf, i.urgency, i.since, i.key LIMIT ?1",
                    conditions.text()
                );
                let keys: Vec<i64> = connection.all(&text, conditions.values(), |row| row.get(0))?;
                let mut items = look_up(connection, &damage, &keys)?;
                items.sort_by_key(NowItem::place_in_list);
                Ok(items)
            })
            .await
    }

    /// One item, also when it is over.
    pub async fn now_item(&self, scope: &Scope, key: i64) -> Result<Option<NowItem>, StoreError> {
        let (scope, damage) = (scope.clone(), Arc::clone(&self.damage));
        self.readers.clone().read(move |connection| one(connection, &damage, &scope, key)).await
    }

    /// What was done with an item that the scope sees, the newest first, those below `before`.
    pub async fn now_history(
        &self,
        scope: &Scope,
        key: i64,
        (before, limit): (Option<i64>, u32),
    ) -> Result<Vec<NowEntry>, StoreError> {
        let (scope, damage) = (scope.clone(), Arc::clone(&self.damage));
        self.readers
            .clone()
            .read(move |connection| {
                if one(connection, &damage, &scope, key)?.is_none() {
                    return Ok(Vec::new());
                }
                let before = before.unwrap_or(i64::MAX);
                connection.all(statements::ACTS, values![key, before, limit], NowEntry::from_row)
            })
            .await
    }

    /// How many there are of what is asked for, whatever shelf it is on; `operator` is whose are counted apart.
    pub async fn now_counts(
        &self,
        scope: &Scope,
        filter: NowFilter,
        operator: String,
    ) -> Result<NowCounts, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let mut counts = NowCounts::default();
                for shelf in NowShelf::ALL {
                    let of_shelf = NowFilter { shelf: Some(shelf), taken_by: None, ..filter.clone() };
                    let conditions = of_shelf.conditions(&[operator.as_value()], &scope);
                    let text =
                        format!("{}{} GROUP BY i.shelf, i.urgency", statements::COUNTS, conditions.text());
                    connection.each(&text, conditions.values(), |row| counts.add(row))?;
                }
                Ok(counts)
            })
            .await
    }

    /// What customers have in the list, the most urgent first, at most so many of them.
    pub async fn now_by_customer(
        &self,
        scope: &Scope,
        filter: NowFilter,
        limit: u32,
    ) -> Result<Vec<NowOfCustomer>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let conditions = filter.conditions(values![limit], &scope);
                let text = format!(
                    "{}{}{}",
                    statements::BY_CUSTOMER,
                    conditions.text(),
                    statements::BY_CUSTOMER_ENDS
                );
                connection.all(&text, conditions.values(), |row| {
                    let name: Option<String> = row.get(1)?;
                    Ok(NowOfCustomer {
                        customer: row.get::<Option<i64>>(0)?.map(|key| (key, name)),
                        items: from_integer(row.get(2)?),
                        taken: from_integer(row.get(3)?),
                        urgency: Urgency::of_rank(row.get(4)?),
                    })
                })
            })
            .await
    }
}

impl NowCounts {
    fn add(&mut self, row: &Row<'_>) -> Result<(), StoreError> {
        let (on, urgency) = (NowShelf::of_rank(row.get(0)?), Urgency::of_rank(row.get(1)?));
        let items = from_integer(row.get(2)?);
        self.mine += from_integer(row.get(3)?);
        match on {
            NowShelf::Waiting => {
                self.waiting += items;
                self.urgencies.entry(urgency).or_default().0 += items;
            }
            NowShelf::Taken => {
                self.taken += items;
                self.urgencies.entry(urgency).or_default().1 += items;
            }
            NowShelf::Snoozed => self.snoozed += items,
            NowShelf::Closed => self.closed += items,
        }
        Ok(())
    }
}
