//! Parts and shelves, as operators write them down, and as they are shown. The catalogue and the shelves are those of the service
//! centre: they are for operators who see the devices of all customers.

use platen_protocol::problem::ProblemKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::objects::only_objects;
use super::problem::Refusal;
use super::said;
use super::who::Operator;
use crate::money::{Money, MoneyView};
use crate::rights::Right;
use crate::store::{NewPart, PartRecord, PartRefusal, ShelfRecord};

/// The longest part number, in characters.
pub(super) const MAX_NUMBER_CHARS: usize = 100;
/// The most pieces that lie at a place, or are put there at once.
pub(super) const MAX_PIECES: u32 = 1_000_000;
/// The most pages that a part is for.
pub(super) const MAX_YIELD: u32 = 100_000_000;

impl From<PartRefusal> for Refusal {
    fn from(refusal: PartRefusal) -> Self {
        let kind = match &refusal {
            PartRefusal::Missing(_) => ProblemKind::NotFound,
            PartRefusal::Changed => ProblemKind::ChangedMeanwhile,
            PartRefusal::NumberTaken(_)
            | PartRefusal::LiesThere(_)
            | PartRefusal::OnShelves(_)
            | PartRefusal::TooFew(_) => ProblemKind::StateConflict,
        };
        Self::new(kind, refusal.to_string())
    }
}

/// Whether somebody may change what is there for all customers: who works on the orders of some may not.
pub(super) fn check(operator: &Operator) -> Result<(), Refusal> {
    operator.check(Right::SeeAll)
}

/// A part as it was written down.
pub(super) struct Written<'a> {
    /// The number by which it is ordered.
    pub(super) number: &'a str,
    /// What it is.
    pub(super) name: &'a str,
    /// The amount and the currency of its price, if it has one.
    pub(super) price: Option<(&'a str, &'a str)>,
    /// How many pages it is for.
    pub(super) yields: Option<u32>,
}

impl Written<'_> {
    pub(super) fn read(&self) -> Result<NewPart, Refusal> {
        let invalid = |why: String| Refusal::new(ProblemKind::InvalidRequest, why);
        let line = |what: &'static str, text: &str| -> Result<String, Refusal> {
            let text = said::text(what, &text.replace('\n', " "), MAX_NUMBER_CHARS)?;
            text.ok_or_else(|| said::Unsayable::Empty(what).into())
        };
        let price = self.price.map(|(amount, currency)| Money::parse(amount, currency)).transpose();
        if self.yields.is_some_and(|pages| pages == 0 || pages > MAX_YIELD) {
            return Err(invalid(format!(
                "yield: write how many pages it is for, 1 to {MAX_YIELD}, or nothing"
            )));
        }
        Ok(NewPart {
            number: line("the part number", self.number)?,
            name: line("the name", self.name)?,
            price: price.map_err(|error| invalid(format!("price: {error}")))?,
            yields: self.yields,
        })
    }
}

/// How many pieces, as somebody counted them.
pub(super) fn pieces(what: &str, pieces: i64) -> Result<u32, Refusal> {
    let found = u32::try_from(pieces).ok().filter(|pieces| *pieces <= MAX_PIECES);
    found.ok_or_else(|| {
        let why = format!("{what} must be between 0 and {MAX_PIECES}, not {pieces}");
        Refusal::new(ProblemKind::InvalidRequest, why)
    })
}

/// How many pieces are put somewhere, or taken away.
pub(super) fn more(more: i64) -> Result<i64, Refusal> {
    if more == 0 || more.unsigned_abs() > u64::from(MAX_PIECES) {
        let why =
            format!("pieces must be between 1 and {MAX_PIECES}, or below 0 to take so many away, not {more}");
        return Err(Refusal::new(ProblemKind::InvalidRequest, why));
    }
    Ok(more)
}

/// Money, as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct MoneyForm {
    /// The amount, such as `89.90`.
    #[schema(min_length = 1, max_length = 13, pattern = "^[0-9]{1,9}(?:[.,][0-9]{1,3})?$")]
    pub(super) amount: String,
    /// The currency's three letters (ISO 4217), such as `EUR`.
    #[schema(min_length = 3, max_length = 3, pattern = "^[A-Za-z]{3}$")]
    pub(super) currency: String,
}

/// A part, as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct PartForm {
    /// The number by which it is ordered, as devices name it; no other part has it.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    number: String,
    /// What it is.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    /// What a piece costs.
    #[serde(default)]
    price: Option<MoneyForm>,
    /// How many pages it is for.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100_000_000)]
    yields: Option<u32>,
}

only_objects!(MoneyForm, PartForm);

impl PartForm {
    pub(super) fn read(&self) -> Result<NewPart, Refusal> {
        let price = self.price.as_ref().map(|price| (price.amount.as_str(), price.currency.as_str()));
        Written { number: &self.number, name: &self.name, price, yields: self.yields }.read()
    }
}

/// A part that can be ordered.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct CataloguePartView {
    /// Number of the part at this manager, used in its address.
    pub(super) id: i64,
    /// The number by which it is ordered, as devices name it.
    pub(super) number: String,
    /// What it is.
    pub(super) name: String,
    /// What a piece costs; `null` where nobody said.
    pub(super) price: Option<MoneyView>,
    /// How many pages it is for; `null` where nobody said.
    pub(super) yields: Option<u32>,
    /// Pieces on all shelves.
    pub(super) pieces: u64,
    /// Rises with every change; its `ETag` is this in quotes.
    pub(super) version: i64,
}

/// The site of a shelf.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ShelfSite {
    /// Number of the site.
    pub(super) id: i64,
    /// Its name.
    pub(super) name: String,
    /// The customer's name.
    pub(super) customer: String,
}

/// What lies of a part at a place.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct StockView {
    /// Number of the place at this manager, used in its address.
    pub(super) id: i64,
    /// The part's number.
    pub(super) part: String,
    /// The part's name.
    pub(super) name: String,
    /// At which site; `null` for the service centre itself.
    pub(super) site: Option<ShelfSite>,
    /// How many pieces lie there.
    pub(super) pieces: u32,
    /// Fewer are too few.
    pub(super) reorder_at: u32,
    /// `true` where fewer lie than that.
    pub(super) below: bool,
    /// Rises with every change; its `ETag` is this in quotes.
    pub(super) version: i64,
}

impl CataloguePartView {
    pub(super) fn etag(&self) -> String {
        format!("\"{}\"", self.version)
    }
}

impl StockView {
    pub(super) fn etag(&self) -> String {
        format!("\"{}\"", self.version)
    }
}

impl From<PartRecord> for CataloguePartView {
    fn from(record: PartRecord) -> Self {
        Self {
            id: record.key,
            number: record.number,
            name: record.name,
            price: record.price.map(MoneyView::from),
            yields: record.yields,
            pieces: record.pieces,
            version: record.version,
        }
    }
}

impl From<ShelfRecord> for StockView {
    fn from(record: ShelfRecord) -> Self {
        let below = record.is_below();
        Self {
            id: record.key,
            part: record.number,
            name: record.name,
            site: record.site.map(|(id, name, customer)| ShelfSite { id, name, customer }),
            pieces: record.pieces,
            reorder_at: record.reorder_at,
            below,
            version: record.version,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_what_is_wrong_with_it() {
        let part =
            Written { number: " TK-1 ", name: "Black", price: Some(("89.9", "EUR")), yields: Some(25_000) };
        let read = part.read().unwrap();
        assert_eq!((read.number.as_str(), read.price.unwrap().minor), ("TK-1", 8_990));
        let why = |part: Written<'_>| part.read().unwrap_err().0.detail;
        assert!(why(Written { number: " ", ..part }).contains("part number must not be empty"));
        let part = |price, yields| Written { number: "TK-1", name: "Black", price, yields };
        assert!(why(part(Some(("12,345", "EUR")), None)).contains("price: "));
        assert!(why(part(None, Some(0))).contains("pages"));
        assert!(pieces("pieces", -1).is_err() && pieces("pieces", 1_000_001).is_err());
        assert!(more(0).is_err() && more(i64::MIN).is_err() && more(-3).is_ok());
    }
}
