//! An operator, as people and programs see it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::rights::{Right, Role};
use crate::store::{OperatorPlace, OperatorRecord};

/// Somebody who looks after the printers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct OperatorView {
    /// The name to sign in with.
    pub(crate) name: String,
    /// What the operator is there for.
    pub(crate) role: Role,
    /// What the operator may do.
    pub(crate) rights: Vec<Right>,
    /// Customers and sites of which alone the operator sees anything; `null`: everything is seen.
    pub(crate) limited_to: Option<LimitsView>,
    /// Since when there is an operator of that name.
    pub(crate) created: Timestamp,
    /// The mark of this state, which its answer has as `ETag`.
    #[serde(skip)]
    pub(crate) mark: String,
}

/// What an operator is limited to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct LimitsView {
    /// These customers, with all their sites.
    pub(crate) customers: Vec<PlaceView>,
    /// These sites.
    pub(crate) sites: Vec<PlaceView>,
}

/// A customer or a site that an operator is limited to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PlaceView {
    /// Its number.
    pub(crate) id: i64,
    /// Its name.
    pub(crate) name: String,
    /// Of a site: the name of its customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) customer: Option<String>,
}

impl From<OperatorPlace> for PlaceView {
    fn from(OperatorPlace { key, name, customer }: OperatorPlace) -> Self {
        Self { id: key, name, customer }
    }
}

impl From<OperatorRecord> for OperatorView {
    fn from(record: OperatorRecord) -> Self {
        let mark = record.mark();
        let OperatorRecord { name, role, limited_to, created } = record;
        let places = |places: Vec<OperatorPlace>| places.into_iter().map(PlaceView::from).collect();
        let limited_to = limited_to
            .map(|(customers, sites)| LimitsView { customers: places(customers), sites: places(sites) });
        let has = |right: &Right| role.has(*right) && (limited_to.is_none() || !right.is_of_all());
        Self { rights: Right::ALL.into_iter().filter(has).collect(), name, role, limited_to, created, mark }
    }
}

impl OperatorView {
    /// Its mark.
    pub(crate) fn mark(&self) -> String {
        self.mark.clone()
    }

    /// What the operator sees, for people.
    pub(crate) fn sees(&self) -> String {
        let Some(LimitsView { customers, sites }) = &self.limited_to else { return "everything".to_owned() };
        let customers = customers.iter().map(|place| place.name.clone());
        let sites = sites.iter().map(|place| match &place.customer {
            Some(customer) => format!("{} of {customer}", place.name),
            None => place.name.clone(),
        });
        let all: Vec<String> = customers.chain(sites).collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
    }

    /// Whether the operator is limited to some customers and sites.
    pub(crate) fn is_limited(&self) -> bool {
        self.limited_to.is_some()
    }

    /// Whether a customer is among those that the operator is limited to.
    pub(crate) fn has_customer(&self, key: i64) -> bool {
        self.limited_to.as_ref().is_some_and(|limits| limits.customers.iter().any(|place| place.id == key))
    }

    /// The same of a site.
    pub(crate) fn has_site(&self, key: i64) -> bool {
        self.limited_to.as_ref().is_some_and(|limits| limits.sites.iter().any(|place| place.id == key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_sees_is_said_in_words_and_in_rights() {
        let place = |key, name: &str, customer: Option<&str>| OperatorPlace {
            key,
            name: name.to_owned(),
            customer: customer.map(str::to_owned),
        };
        let record = |limited_to| OperatorRecord {
            name: "anna".to_owned(),
            role: Role::Dispatcher,
            limited_to,
            created: Timestamp::UNIX_EPOCH,
        };
        let all = OperatorView::from(record(None));
        assert_eq!((all.sees().as_str(), all.rights.contains(&Right::Places)), ("everything", true));
        let some = (vec![place(1, "Nord AG", None)], vec![place(7, "Kiel", Some("West"))]);
        let some = OperatorView::from(record(Some(some)));
        assert_eq!(
            (some.sees().as_str(), some.rights.contains(&Right::Places)),
            ("Nord AG, Kiel of West", false)
        );
        assert!(some.has_customer(1) && some.has_site(7) && !some.has_customer(7));
        assert_eq!(OperatorView::from(record(Some((Vec::new(), Vec::new())))).sees(), "nothing");
    }
}
