//! Orders as operators look for them.

use std::sync::Arc;

use super::super::conditions::Conditions;
use super::super::engine::{Value, values};
use super::super::order_records::{OrderAct, OrderFilter, OrderRecord};
use super::super::search::pattern;
use super::super::sight::sees_row;
use super::super::statements::orders as statements;
use super::super::{Scope, Store, StoreError};

/// Words of a search that are looked for; the rest is left out.
const MAX_WORDS: usize = 8;

impl Store {
    /// Orders, those below `before`.
    pub async fn orders(
        &self,
        scope: &Scope,
        filter: OrderFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let OrderFilter { device, open, state, customer, text } = filter;
        let mut list = self.list(scope, (statements::ORDERS, "o"), device, (before, limit)).open(
            open,
            "o.closed IS NULL",
            "o.closed IS NOT NULL",
        );
        if let Some(state) = state {
            list.also("o.state = {}", Value::Text(state.word().into()));
        }
        if let Some(customer) = customer {
            list.also("d.customer = {}", Value::Integer(customer));
        }
        let text = text.unwrap_or_default().to_lowercase();
        for word in text.split_whitespace().take(MAX_WORDS) {
            list.also(statements::SEARCHED, Value::Text(pattern(word).into()));
        }
        let priced = *scope == Scope::All;
        self.readers
            .clone()
            .read(move |connection| {
                let mut found = list.read(connection, OrderRecord::from_row)?;
                for order in &mut found {
                    order.shown(priced);
                }
                Ok(found)
            })
            .await
    }

    /// One order, if it is within sight.
    pub async fn order(&self, scope: &Scope, key: i64) -> Result<Option<OrderRecord>, StoreError> {
        let (scope, damage) = (scope.clone(), Arc::clone(&self.damage));
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(values![key]);
                conditions.and("o.key = ?1");
                conditions.and_within(&scope, "d");
                let text = format!("{} WHERE {}", statements::ORDERS, conditions.text());
                let found = connection.one(&text, conditions.values(), |row| {
                    Ok(damage.readable(row, 1, OrderRecord::from_row))
                })?;
                let mut found = found.flatten();
                if let Some(order) = &mut found {
                    order.shown(scope == Scope::All);
                }
                Ok(found)
            })
            .await
    }

    /// What was done with an order, the newest first, those below `before`.
    pub async fn order_acts(
        &self,
        scope: &Scope,
        order: i64,
        (before, limit): (Option<i64>, u32),
    ) -> Result<Vec<OrderAct>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                if !sees_row(connection, &scope, "orders", order)? {
                    return Ok(Vec::new());
                }
                let below = before.unwrap_or(i64::MAX);
                connection.all(statements::ACTS, values![order, below, limit], OrderAct::from_row)
            })
            .await
    }
}
