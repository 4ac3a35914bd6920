//! Conditions that are put together of what somebody asks for. What is asked for goes into the statement as a
//! parameter, never as text.

use super::engine::{AsValue, Value};
use super::scope::Scope;

/// Lengths of lists of keys: pages have so many devices, and one more.
const LENGTHS: [usize; 6] = [1, 10, 25, 51, 101, 201];

/// Conditions of one statement, and all of its parameters.
pub(super) struct Conditions<'a> {
    text: String,
    values: Vec<Value<'a>>,
}

impl<'a> Conditions<'a> {
    /// The conditions of a statement that has these parameters (`?1` and on) besides.
    pub(super) fn new(values: &[Value<'a>]) -> Self {
        Self { text: String::new(), values: values.to_vec() }
    }

    /// One more, as it stands there.
    pub(super) fn and(&mut self, condition: &str) {
        if !self.text.is_empty() {
            self.text.push_str(" AND ");
        }
        self.text.push_str(condition);
    }

    /// One more with a value, which stands where the condition says `{}`.
    pub(super) fn and_with(&mut self, condition: &str, value: &'a (impl AsValue + ?Sized)) {
        let place = self.parameter(value.as_value());
        self.and(&condition.replace("{}", &place));
    }

    /// One more: that an expression is one of these values; of none, that it is not so.
    pub(super) fn and_in(&mut self, expression: &str, values: impl IntoIterator<Item = Value<'a>>) {
        let places = self.list(values);
        self.and(&in_list(expression, &places));
    }

    /// The same of keys. The list is filled up to one of a few lengths by its last, so that there are few statements.
    pub(super) fn and_of(&mut self, expression: &str, keys: &[i64]) {
        let length = LENGTHS.into_iter().find(|length| *length >= keys.len()).unwrap_or(keys.len());
        let last = keys.last().copied().into_iter();
        let filled = keys.iter().copied().chain(last.cycle()).take(length);
        self.and_in(expression, filled.map(Value::Integer));
    }

    /// One more: that the device, whose row has this alias, is within a scope.
    pub(super) fn and_within(&mut self, scope: &Scope, alias: &str) {
        if let Some(within) = self.within(scope, alias) {
            self.and(&within);
        }
    }

    /// That condition by itself, for another part of the statement; none where the scope has everything.
    pub(super) fn within(&mut self, scope: &Scope, alias: &str) -> Option<String> {
        let Scope::Of { customers, sites } = scope else { return None };
        let customers = self.list(customers.iter().map(|key| Value::Integer(*key)));
        let sites = self.list(sites.iter().map(|key| Value::Integer(*key)));
        let of_customer = in_list(&format!("{alias}.customer"), &customers);
        let at_site = in_list(&format!("{alias}.site"), &sites);
        Some(format!("({of_customer} OR {at_site})"))
    }

    /// A parameter for another part of the statement, as it is written there.
    pub(super) fn parameter(&mut self, value: Value<'a>) -> String {
        self.values.push(value);
        format!("?{}", self.values.len())
    }

    fn list(&mut self, values: impl IntoIterator<Item = Value<'a>>) -> String {
        values.into_iter().map(|value| self.parameter(value)).collect::<Vec<_>>().join(", ")
    }

    /// All of them, to stand behind `WHERE`.
    pub(super) fn text(&self) -> &str {
        if self.text.is_empty() { "1 = 1" } else { &self.text }
    }

    /// The parameters of the statement.
    pub(super) fn values(&self) -> &[Value<'a>] {
        &self.values
    }
}

fn in_list(expression: &str, places: &str) -> String {
    if places.is_empty() { "1 = 0".to_owned() } else { format!("{expression} IN ({places})") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::store::engine::values;

    #[test]
    fn conditions_are_numbered_behind_the_parameters_that_there_are() {
        let mut conditions = Conditions::new(values![7, 10]);
        assert_eq!(conditions.text(), "1 = 1");
        conditions.and("a.cleared IS NULL");
        conditions.and_with("d.id = {}", "lobby");
        conditions.and_in("d.key", [1, 2].map(Value::Integer));
        assert_eq!(conditions.text(), "a.cleared IS NULL AND d.id = ?3 AND d.key IN (?4, ?5)");
        assert_eq!(conditions.values().len(), 5);
    }

    #[test]
    fn a_list_of_keys_is_filled_up_with_its_last() {
        let of = |keys: &[i64]| {
            let mut conditions = Conditions::new(&[]);
            conditions.and_of("d.key", keys);
            conditions.values().to_vec()
        };
        assert_eq!(of(&[7]), [Value::Integer(7)]);
        let some = of(&[7, 8]);
        assert_eq!((some.len(), &some[1], &some[9]), (10, &Value::Integer(8), &Value::Integer(8)));
        assert_eq!(of(&[]), []);
        assert_eq!(of(&(0..300).collect::<Vec<_>>()).len(), 300);
    }

    #[test]
    fn a_scope_of_nothing_has_no_device() {
        let mut conditions = Conditions::new(&[]);
        conditions.and_within(&Scope::All, "d");
        assert_eq!(conditions.text(), "1 = 1");
        conditions.and_within(&Scope::Of { customers: BTreeSet::new(), sites: BTreeSet::new() }, "d");
        assert_eq!(conditions.text(), "(1 = 0 OR 1 = 0)");
        let mut conditions = Conditions::new(values![1]);
        conditions.and_within(&Scope::Of { customers: [3].into(), sites: [4, 5].into() }, "d");
        assert_eq!(conditions.text(), "(d.customer IN (?2) OR d.site IN (?3, ?4))");
    }
}
