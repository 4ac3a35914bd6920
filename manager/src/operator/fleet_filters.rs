//! Which devices of the fleet, as programs say it in a body: the same as the fleet's page has in its address.

use platen_protocol::problem::ProblemKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fleet_query::FleetForm;
use super::objects::only_objects;
use super::problem::Refusal;
use crate::store::Reached;
use crate::worst::Worst;

/// Which devices; what is left out or `null` does not matter. `{}` means all that are in service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields, default)]
pub(super) struct FleetFilters {
    /// Words, each of which is in the name, the model, the place or the serial number of a supply or part.
    #[schema(max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub(super) q: Option<String>,
    /// Those of which this is the worst that is the matter.
    pub(super) worst: Option<Worst>,
    /// Those that can be reached so.
    pub(super) state: Option<Reached>,
    /// Those of which the lowest supply, waste boxes apart, is at or below so many percent.
    #[schema(minimum = 0, maximum = 100)]
    pub(super) supply: Option<u8>,
    /// Those that have not been in contact for so many hours, or never.
    #[schema(minimum = 1, maximum = 87672)]
    pub(super) silent_for_hours: Option<u32>,
    /// Those of this model.
    #[schema(max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub(super) model: Option<String>,
    /// Those that run this version of the agent.
    #[schema(max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub(super) agent_version: Option<String>,
    /// Those with this tag.
    #[schema(max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub(super) tag: Option<String>,
    /// Those of this customer, by its number.
    #[schema(minimum = 1)]
    pub(super) customer: Option<i64>,
    /// Those at this site, by its number.
    #[schema(minimum = 1)]
    pub(super) site: Option<i64>,
}

only_objects!(FleetFilters);

impl Serialize for FleetFilters {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, to)
    }
}

/// A word of a list, as it stands on the wire.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn back<T: serde::de::DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}

fn some(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

impl FleetFilters {
    /// As the page's address says it.
    pub(super) fn form(&self) -> FleetForm {
        let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
        FleetForm {
            q: self.q.clone().unwrap_or_default(),
            worst: self.worst.as_ref().map(word).unwrap_or_default(),
            state: self.state.as_ref().map(word).unwrap_or_default(),
            supply: number(self.supply.map(i64::from)),
            silent_for: number(self.silent_for_hours.map(i64::from)),
            model: self.model.clone().unwrap_or_default(),
            agent_version: self.agent_version.clone().unwrap_or_default(),
            tag: self.tag.clone().unwrap_or_default(),
            customer: number(self.customer),
            site: number(self.site),
            ..FleetForm::default()
        }
    }

    /// From the page's address, which was found to make sense.
    pub(super) fn of(form: &FleetForm) -> Self {
        Self {
            q: some(&form.q),
            worst: back(&form.worst),
            state: back(&form.state),
            supply: form.supply.trim().parse().ok(),
            silent_for_hours: form.silent_for.trim().parse().ok(),
            model: some(&form.model),
            agent_version: some(&form.agent_version),
            tag: some(&form.tag),
            customer: form.customer.trim().parse().ok(),
            site: form.site.trim().parse().ok(),
        }
    }
}

/// What a form's hidden field says of the fleet's page: the part of its address behind `?`.
pub(super) fn form_of(query: &str) -> Result<FleetForm, Refusal> {
    serde_urlencoded::from_str(query).map_err(|error| {
        let why = format!("the filter {query:?} is none of the fleet's page ({error}): open the page again");
        Refusal::new(ProblemKind::InvalidRequest, why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_the_page_asks_for_is_what_programs_ask_for() {
        let form =
            form_of("q=kiel&worst=critical&state=away&supply=10&silent_for=24&customer=3&sort=name").unwrap();
        let filters = FleetFilters::of(&form);
        let json = serde_json::json!({
            "q": "kiel", "worst": "critical", "state": "away", "supply": 10, "silent_for_hours": 24, "model": null,
            "agent_version": null, "tag": null, "customer": 3, "site": null,
        });
        assert_eq!(serde_json::to_value(&filters).unwrap(), json);
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        assert_eq!(filters.form().asked(now).unwrap().filter, form.asked(now).unwrap().filter);
        assert!(form_of("q=1&q=2").is_err() && serde_json::from_str::<FleetFilters>("[]").is_err());
    }

    proptest! {
        #[test]
        fn filters_come_back_through_an_address(supply in proptest::option::of(0_u8..=100), tag in "[a-z]{0,8}", customer in proptest::option::of(1_i64..)) {
            let filters = FleetFilters { supply, tag: some(&tag), customer, ..FleetFilters::default() };
            prop_assert_eq!(FleetFilters::of(&filters.form()), filters);
        }
    }
}
