//! Which items somebody asks for, as it stands in an address: of a page, or of the API. Pure.

use platen_protocol::alert::Training;
use platen_protocol::problem::ProblemKind;
use serde::{Deserialize, Serialize};

use super::super::cursor::NowCursor;
use super::super::problem::Refusal;
use crate::store::{NowFilter, NowPlace, NowShelf, Urgency};

/// Which items, and where their page begins. What is empty does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in super::super) struct NowForm {
    /// `waiting`, `taken`, `snoozed`, `closed` or `mine`; what waits and what is taken without it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in super::super) state: String,
    /// A word of [`Urgency`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in super::super) urgency: String,
    /// Who can fix it: a word of the Printer MIB.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in super::super) training: String,
    /// The number of a customer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in super::super) customer: String,
    /// The number of a site.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in super::super) site: String,
    /// The number of an item of which parts are asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in super::super) part_of: String,
    /// Where the page begins.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in super::super) cursor: String,
}

fn invalid(why: String) -> Refusal {
    Refusal::new(ProblemKind::InvalidRequest, why)
}

fn number(name: &str, text: &str) -> Result<Option<i64>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let number = text.parse().ok().filter(|number: &i64| *number > 0);
    number.map(Some).ok_or_else(|| invalid(format!("{name}: {text:?} is no number of one")))
}

/// A word by which something is named, among these.
fn word<T: Copy>(name: &str, text: &str, all: &[T], of: fn(T) -> &'static str) -> Result<Option<T>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    all.iter().copied().find(|one| of(*one) == text).map(Some).ok_or_else(|| {
        let words: Vec<&str> = all.iter().map(|one| of(*one)).collect();
        invalid(format!("{name}: {text:?} is none of {}", words.join(", ")))
    })
}

impl NowForm {
    /// What is asked of the store, by this operator.
    pub(in super::super) fn asked(&self, operator: &str) -> Result<(NowFilter, Option<NowPlace>), Refusal> {
        let mine = self.state == "mine";
        let state = if mine { "" } else { self.state.as_str() };
        let filter = NowFilter {
            shelf: word("state", state, &NowShelf::ALL, NowShelf::word)?,
            taken_by: mine.then(|| operator.to_owned()),
            urgency: word("urgency", &self.urgency, &Urgency::ALL, Urgency::word)?,
            training: word("training", &self.training, Training::ALL, Training::name)?,
            customer: number("customer", &self.customer)?,
            site: number("site", &self.site)?,
            cause: number("part_of", &self.part_of)?,
        };
        let after = match self.cursor.as_str() {
            "" => None,
            cursor => {
                let cursor: NowCursor =
                    cursor.parse().map_err(|error| invalid(format!("cursor: {error}")))?;
                Some(cursor.0)
            }
        };
        Ok((filter, after))
    }

    /// Whether anything is asked for but all that waits or is taken.
    pub(in super::super) fn filters(&self) -> bool {
        *self != Self { cursor: self.cursor.clone(), ..Self::default() }
    }

    /// The address of the page.
    pub(in super::super) fn address(&self) -> String {
        match serde_urlencoded::to_string(self) {
            Ok(query) if !query.is_empty() => format!("/now?{query}"),
            _ => "/now".to_owned(),
        }
    }

    /// The address of the same with another state, from the beginning.
    pub(in super::super) fn in_state(&self, state: &str) -> String {
        Self { state: state.to_owned(), cursor: String::new(), ..self.clone() }.address()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stands_in_the_address_and_nonsense_is_refused() {
        let form = NowForm { state: "mine".into(), training: "fieldService".into(), ..NowForm::default() };
        assert_eq!(form.address(), "/now?state=mine&training=fieldService");
        assert_eq!(form.in_state("snoozed"), "/now?state=snoozed&training=fieldService");
        assert_eq!(NowForm::default().address(), "/now");
        let (filter, after) = form.asked("anna").unwrap();
        assert_eq!((filter.taken_by.as_deref(), after), (Some("anna"), None));
        assert_eq!(filter.training, Some(Training::FieldService));
        for wrong in [
            NowForm { state: "lost".into(), ..NowForm::default() },
            NowForm { urgency: "very".into(), ..NowForm::default() },
            NowForm { training: "field".into(), ..NowForm::default() },
            NowForm { customer: "0".into(), ..NowForm::default() },
            NowForm { site: "Kiel".into(), ..NowForm::default() },
            NowForm { cursor: "n".into(), ..NowForm::default() },
        ] {
            assert!(wrong.asked("anna").is_err(), "{wrong:?}");
        }
    }
}
