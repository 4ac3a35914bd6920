//! What is asked of the fleet, by programs and on the page: which devices, in which order, and where the page before
//! ended. Pure.

use jiff::{SignedDuration, Timestamp};
use platen_protocol::problem::ProblemKind;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::cursor::{FleetCursor, InvalidCursor};
use super::problem::Refusal;
use crate::store::{FleetFilter, FleetKey, FleetOrder, FleetPlace, Reached};
use crate::worst::Worst;

/// The most characters of a text that is asked for.
const MAX_TEXT_CHARS: usize = 200;
/// The most hours that can be asked for: ten years.
const MAX_SILENT_HOURS: u32 = 24 * 3653;

/// What the address of the fleet's page says, as it was typed or chosen: an empty text is nothing. A link to another view
/// of the same is made of this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct FleetForm {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) q: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) worst: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) state: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) supply: String,
    /// Not in contact for so many hours.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) silent_for: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) model: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) agent_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) tag: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) customer: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) site: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) sort: String,
    /// `table` or `cards`; what suits the number of devices, if nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) view: String,
    /// Which columns the table has, beside the state and the device, with commas between them; those of every table, if
    /// nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) columns: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) cursor: String,
}

/// The columns that the table can have, each with its head; whether it has them by itself.
pub(super) const COLUMNS: [(&str, &str, bool); 6] = [
    ("matter", "What is the matter", true),
    ("place", "Place", true),
    ("model", "Model", true),
    ("supply", "Lowest supply", true),
    ("contact", "Contact", true),
    ("agent_version", "Agent version", false),
];

/// What is asked for, once it is found to make sense.
pub(super) struct Asked {
    pub(super) filter: FleetFilter,
    pub(super) order: FleetOrder,
    pub(super) after: Option<FleetPlace>,
}

fn refusal(detail: String) -> Refusal {
    Refusal::new(ProblemKind::InvalidRequest, detail)
}

/// A word of a list, as it stands on the wire.
fn word<T: DeserializeOwned>(what: &str, text: &str, choices: &str) -> Result<Option<T>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let value = serde_json::from_value(serde_json::Value::String(text.to_owned()));
    value.map(Some).or(Err(refusal(format!("{what} must be one of {choices}, not {text:?}"))))
}

fn number<T: std::str::FromStr + PartialOrd + std::fmt::Display>(
    what: &str,
    text: &str,
    (least, most): (T, T),
) -> Result<Option<T>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.trim().parse::<T>() {
        Ok(number) if number >= least && number <= most => Ok(Some(number)),
        _ => Err(refusal(format!("{what} must be a whole number from {least} to {most}, not {text:?}"))),
    }
}

/// A text that may be asked for: not too long, and nothing that no text of a device has.
pub(super) fn text(what: &str, text: Option<&str>) -> Result<Option<String>, Refusal> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > MAX_TEXT_CHARS {
        return Err(refusal(format!("{what} must have at most {MAX_TEXT_CHARS} characters")));
    }
    if text.contains(char::is_control) {
        return Err(refusal(format!("{what} must not have control characters")));
    }
    Ok(Some(text.to_owned()))
}

/// An order by its word: `name`, or `-name` the other way round.
pub(super) fn order(text: &str) -> Result<FleetOrder, Refusal> {
    let (key, backwards) = text.strip_prefix('-').map_or((text, false), |key| (key, true));
    let choices = "worst, name, last_contact, supply, model, place and agent_version, with a - before it to turn it round";
    let by = word::<FleetKey>("sort", key, choices)?.unwrap_or_default();
    Ok(FleetOrder { by, backwards })
}

/// The word of an order.
pub(super) fn order_word(order: FleetOrder) -> String {
    format!("{}{}", if order.backwards { "-" } else { "" }, order.by.word())
}

/// Where the page before ended, with the order that it was in.
pub(super) fn cursor(text: &str) -> Result<FleetCursor, Refusal> {
    text.parse().map_err(|error: InvalidCursor| refusal(error.to_string()))
}

impl FleetForm {
    /// What is asked for at a moment; or what of it makes no sense.
    pub(super) fn asked(&self, now: Timestamp) -> Result<Asked, Refusal> {
        let states = "there, away, never, overdue and retired";
        let worst = "critical, service_call, order, overdue, warning, forecast, silent and fine";
        let hours = number::<u32>("silent_for", &self.silent_for, (1, MAX_SILENT_HOURS))?;
        let order = order(&self.sort)?;
        self.check_columns()?;
        let filter = FleetFilter {
            text: text("the search", Some(&self.q))?,
            worst: word::<Worst>("worst", &self.worst, worst)?,
            reached: word::<Reached>("state", &self.state, states)?,
            supply_at_most: number("supply", &self.supply, (0, 100))?,
            silent_since: hours.map(|hours| now - SignedDuration::from_hours(i64::from(hours))),
            model: text("model", Some(&self.model))?,
            agent_version: text("agent_version", Some(&self.agent_version))?,
            tag: text("tag", Some(&self.tag))?,
            customer: number("customer", &self.customer, (1, i64::MAX))?,
            site: number("site", &self.site, (1, i64::MAX))?,
        };
        let after = Some(self.cursor.as_str()).filter(|cursor| !cursor.is_empty());
        Ok(match after.map(cursor).transpose()? {
            None => Asked { filter, order, after: None },
            Some(cursor) => Asked { filter, order: cursor.order, after: Some(cursor.place) },
        })
    }

    /// Whether it asks for some devices only.
    pub(super) fn filters(&self) -> bool {
        let Self { sort, view, columns, cursor, .. } = self.clone();
        Self { sort, view, columns, cursor, ..Self::default() } != *self
    }

    /// The columns that somebody chose, as they stand in the table; none, if nobody did.
    pub(super) fn chosen_columns(&self) -> Vec<&'static str> {
        let chosen = |word: &&str| self.columns.split(',').any(|one| one == *word);
        COLUMNS.into_iter().map(|(word, ..)| word).filter(chosen).collect()
    }

    /// Whether the table has a column.
    pub(super) fn has_column(&self, word: &str) -> bool {
        match self.chosen_columns() {
            none if none.is_empty() => {
                COLUMNS.into_iter().any(|(one, _, by_itself)| one == word && by_itself)
            }
            chosen => chosen.contains(&word),
        }
    }

    /// Refuses columns that there are not.
    pub(super) fn check_columns(&self) -> Result<(), Refusal> {
        let unknown = |word: &&str| !COLUMNS.into_iter().any(|(one, ..)| one == *word);
        match self.columns.split(',').filter(|word| !word.is_empty()).find(unknown) {
            None => Ok(()),
            Some(word) => Err(refusal(format!(
                "columns: {word:?} is no column; there are matter, place, model, supply, contact and agent_version"
            ))),
        }
    }

    /// What is asked for, for people: nothing that a program could read back.
    pub(super) fn words(&self) -> String {
        let parts: Vec<String> = [
            ("", &self.q, ""),
            ("state ", &self.worst, ""),
            ("contact ", &self.state, ""),
            ("supply at or below ", &self.supply, " %"),
            ("silent for ", &self.silent_for, " h"),
            ("model ", &self.model, ""),
            ("agent version ", &self.agent_version, ""),
            ("tag ", &self.tag, ""),
            ("customer ", &self.customer, ""),
            ("site ", &self.site, ""),
        ]
        .into_iter()
        .filter(|(_, value, _)| !value.is_empty())
        .map(|(before, value, after)| format!("{before}{}{after}", value.replace('_', " ")))
        .collect();
        if parts.is_empty() { "the whole fleet".to_owned() } else { parts.join(", ") }
    }

    /// The part of the address behind `?`, without where a page begins.
    pub(super) fn query(&self) -> String {
        let form = Self { cursor: String::new(), ..self.clone() };
        serde_urlencoded::to_string(&form).unwrap_or_default()
    }

    /// The address of this page, also for who has a default view: that one is shown where nothing at all is asked for.
    pub(super) fn page_address(&self) -> String {
        match self.address() {
            bare if bare == "/" => format!("/?sort={}", FleetKey::Worst.word()),
            address => address,
        }
    }

    /// The address of this.
    pub(super) fn address(&self) -> String {
        // A form of texts always has an address; should it not, the fleet's page is there.
        match serde_urlencoded::to_string(self) {
            Ok(query) if !query.is_empty() => format!("/?{query}"),
            _ => "/".to_owned(),
        }
    }

    /// The same sorted by something, or the other way round where it is sorted by that. It begins with the first page.
    pub(super) fn sorted_by(&self, by: FleetKey) -> String {
        let now = order(&self.sort).unwrap_or_default();
        let backwards = now.by == by && !now.backwards;
        let sort = order_word(FleetOrder { by, backwards });
        let sort = if sort == FleetKey::Worst.word() { String::new() } else { sort };
        Self { sort, cursor: String::new(), ..self.clone() }.page_address()
    }

    /// The same as a table or as cards.
    pub(super) fn viewed_as(&self, view: &str) -> String {
        Self { view: view.to_owned(), cursor: String::new(), ..self.clone() }.address()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    fn refused(form: &FleetForm) -> String {
        form.asked(now()).err().map(|refusal| refusal.0.detail).unwrap_or_default()
    }

    #[test]
    fn what_is_left_empty_in_the_form_is_not_asked_for() {
        let form: FleetForm = serde_urlencoded::from_str("q=&worst=&state=&supply=&view=table").unwrap();
        let asked = form.asked(now()).unwrap();
        assert_eq!((asked.filter, asked.order), (FleetFilter::default(), FleetOrder::default()));
        assert!(!form.filters());
        assert_eq!(form.address(), "/?view=table");
        assert_eq!(FleetForm::default().address(), "/");
    }

    #[test]
    fn nonsense_is_refused_with_what_would_be_right() {
        let of = |query: &str| refused(&serde_urlencoded::from_str(query).unwrap());
        assert!(of("worst=bad").contains("service_call"), "{}", of("worst=bad"));
        assert!(of("state=asleep").contains("never"));
        for supply in ["-1", "101", "ten", "1.5", "99999999999"] {
            assert!(of(&format!("supply={supply}")).contains("from 0 to 100"), "{supply}");
        }
        assert!(of("silent_for=0").contains("silent_for"));
        assert!(of("sort=colour").contains("last_contact"));
        assert!(of("cursor=x").contains("cursor"));
        assert!(of("q=a%00b").contains("control"));
        assert!(of(&format!("tag={}", "x".repeat(201))).contains("200 characters"));
        assert_eq!(of("q=%25_%27%22%5C"), "");
    }

    #[test]
    fn a_column_that_is_sorted_by_turns_round() {
        let form = FleetForm { q: "kiel".into(), cursor: "f1".into(), ..FleetForm::default() };
        assert_eq!(form.sorted_by(FleetKey::Name), "/?q=kiel&sort=name");
        let form = FleetForm { sort: "name".into(), ..form };
        assert_eq!(form.sorted_by(FleetKey::Name), "/?q=kiel&sort=-name");
        assert_eq!(form.sorted_by(FleetKey::Worst), "/?q=kiel");
        assert_eq!(form.viewed_as("cards"), "/?q=kiel&sort=name&view=cards");
    }

    #[test]
    fn columns_are_those_that_somebody_chose_or_those_of_every_table() {
        let of = |columns: &str| FleetForm { columns: columns.into(), ..FleetForm::default() };
        assert!(of("").has_column("place") && !of("").has_column("agent_version"));
        let two = of("agent_version,place");
        assert_eq!(two.chosen_columns(), ["place", "agent_version"], "as they stand in the table");
        assert!(!two.has_column("model") && two.has_column("agent_version"));
        assert!(!two.filters(), "columns find nothing else");
        assert!(refused(&of("place,colour")).contains("\"colour\" is no column"));
    }

    #[test]
    fn an_address_that_asks_for_the_whole_fleet_is_none_of_a_default_view() {
        assert_eq!(FleetForm::default().page_address(), "/?sort=worst");
        assert_eq!(FleetForm { q: "kiel".into(), ..FleetForm::default() }.page_address(), "/?q=kiel");
        assert_eq!(FleetForm::default().sorted_by(FleetKey::Worst), "/?sort=-worst");
        let form = FleetForm { q: "kiel".into(), supply: "10".into(), ..FleetForm::default() };
        assert_eq!(form.words(), "kiel, supply at or below 10 %");
        assert_eq!(FleetForm::default().words(), "the whole fleet");
    }

    #[test]
    fn a_list_goes_on_in_the_order_in_which_it_began() {
        let form = FleetForm { cursor: "f-n.lobby".into(), sort: "worst".into(), ..FleetForm::default() };
        let asked = form.asked(now()).unwrap();
        assert_eq!(asked.order, FleetOrder { by: FleetKey::Name, backwards: true });
        assert_eq!(asked.after.unwrap().device, "lobby".parse().unwrap());
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_asked_for_or_refused_and_its_address_says_the_same(
            texts in prop::array::uniform6(".{0,20}"),
        ) {
            let [q, worst, supply, model, sort, cursor] = texts;
            let form = FleetForm { q, worst, supply, model, sort, cursor, ..FleetForm::default() };
            let address = form.address();
            let query = address.strip_prefix("/?").unwrap_or_default();
            prop_assert_eq!(serde_urlencoded::from_str::<FleetForm>(query).unwrap(), form.clone());
            let _ = form.asked(now());
        }
    }
}
