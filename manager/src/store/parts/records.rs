//! What is kept of parts and of shelves.

use jiff::Timestamp;
use serde::Serialize;

use super::super::engine::Row;
use super::super::records::time;
use super::super::{StoreError, from_integer};
use crate::money::Money;

/// A part that can be ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRecord {
    /// Its key.
    pub key: i64,
    /// The number by which it is ordered.
    pub number: String,
    /// What it is.
    pub name: String,
    /// What a piece costs.
    pub price: Option<Money>,
    /// How many pages it is for.
    pub yields: Option<u32>,
    /// Rises with every change.
    pub version: i64,
    /// Pieces on all shelves.
    pub pieces: u64,
}

/// A part as somebody writes it down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPart {
    /// The number by which it is ordered.
    pub number: String,
    /// What it is.
    pub name: String,
    /// What a piece costs.
    pub price: Option<Money>,
    /// How many pages it is for.
    pub yields: Option<u32>,
}

/// Which places on shelves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShelfFilter {
    /// Only of the part of this number.
    pub part: Option<String>,
    /// Only at this site; 0 for the service centre.
    pub site: Option<i64>,
    /// Only where fewer lie than should.
    pub below: bool,
}

/// What lies of a part at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShelfRecord {
    /// Its key.
    pub key: i64,
    /// The part's number.
    pub number: String,
    /// The part's name.
    pub name: String,
    /// At which site, by key, name and whose it is; none for the service centre.
    pub site: Option<(i64, String, String)>,
    /// How many.
    pub pieces: u32,
    /// Fewer are too few.
    pub reorder_at: u32,
    /// Rises with every change.
    pub version: i64,
}

/// Who took or put what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ShelfMove {
    /// Its place in the list.
    #[serde(skip)]
    pub key: i64,
    /// When.
    pub at: Timestamp,
    /// The operator; `null` for the manager itself.
    pub who: Option<String>,
    /// How many more lie there since; fewer, if below 0.
    pub more: i64,
    /// How many lay there then.
    pub pieces: i64,
    /// `id` of the order that took them or gave them back; otherwise `null`.
    pub order: Option<i64>,
    /// Why; `null` where nothing is to be said.
    pub words: Option<String>,
}

/// Why something about a part or a shelf is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartRefusal {
    /// There is none.
    #[error("there is no {0} of that name here")]
    Missing(&'static str),
    /// Another part has the number.
    #[error("there is a part with the number {0:?} already")]
    NumberTaken(String),
    /// The part has a place there already.
    #[error("the part lies there already, as place {0}: change that one")]
    LiesThere(i64),
    /// Some of it lies on shelves.
    #[error("{0} pieces of it lie on shelves: take them away first")]
    OnShelves(u64),
    /// There are not so many.
    #[error("only {0} pieces lie there")]
    TooFew(i64),
    /// Somebody changed it.
    #[error("somebody has changed it since you looked at it. Nothing was done: look at it again")]
    Changed,
}

impl PartRecord {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let currency: Option<String> = row.get(4)?;
        Ok(Self {
            key: row.get(0)?,
            number: row.get(1)?,
            name: row.get(2)?,
            price: Money::stored(row.get(3)?, currency.as_deref()),
            yields: row.get(5)?,
            version: row.get(6)?,
            pieces: from_integer(row.get(7)?),
        })
    }
}

impl ShelfRecord {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let site: Option<i64> = row.get(4)?;
        let (name, customer): (Option<String>, Option<String>) = (row.get(5)?, row.get(6)?);
        Ok(Self {
            key: row.get(0)?,
            number: row.get(2)?,
            name: row.get(3)?,
            site: site.map(|site| (site, name.unwrap_or_default(), customer.unwrap_or_default())),
            pieces: row.get(7)?,
            reorder_at: row.get(8)?,
            version: row.get(9)?,
        })
    }

    /// Whether fewer lie there than should.
    pub fn is_below(&self) -> bool {
        self.pieces < self.reorder_at
    }
}

impl ShelfMove {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            at: time(row, 1)?,
            who: row.get(2)?,
            more: row.get(3)?,
            pieces: row.get(4)?,
            order: row.get(5)?,
            words: row.get(6)?,
        })
    }
}
