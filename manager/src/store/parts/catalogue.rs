//! The catalogue: what can be ordered, and what it costs.

use std::collections::{BTreeMap, BTreeSet};

use super::super::conditions::Conditions;
use super::super::engine::{AsValue as _, Connection, Value, values};
use super::super::search::pattern;
use super::super::statements::parts as statements;
use super::super::{Store, StoreError, from_integer};
use super::records::{NewPart, PartRecord, PartRefusal};
use crate::money::Money;

/// Words of a search that are looked for; the rest is left out.
const MAX_WORDS: usize = 8;
/// Numbers that are looked up at once.
const NUMBERS_AT_ONCE: usize = 200;

/// What parts cost, by their numbers.
pub(in crate::store) fn prices(
    connection: &Connection,
    numbers: &BTreeSet<String>,
) -> Result<BTreeMap<String, Money>, StoreError> {
    let numbers: Vec<&String> = numbers.iter().collect();
    let mut prices = BTreeMap::new();
    for some in numbers.chunks(NUMBERS_AT_ONCE) {
        let mut conditions = Conditions::new(&[]);
        conditions.and_in("p.number", some.iter().map(|number| number.as_value()));
        let text = format!("{}{}", statements::PRICES, conditions.text());
        connection.each(&text, conditions.values(), |row| {
            let currency: Option<String> = row.get(2)?;
            if let Some(price) = Money::stored(row.get(1)?, currency.as_deref()) {
                prices.insert(row.get(0)?, price);
            }
            Ok(())
        })?;
    }
    Ok(prices)
}

fn columns(new: &NewPart) -> (Option<i64>, Option<String>) {
    (new.price.map(|price| price.minor), new.price.map(|price| price.currency.to_string()))
}

impl Store {
    /// Parts by number, those behind one of a number; only those in which all of these words are found.
    pub async fn parts(
        &self,
        text: Option<String>,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<PartRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(values![limit]);
                if let Some(after) = &after {
                    conditions.and_with("p.number > {}", after);
                }
                let text = text.unwrap_or_default().to_lowercase();
                for word in text.split_whitespace().take(MAX_WORDS) {
                    let place = conditions.parameter(Value::Text(pattern(word).into()));
                    conditions.and(&statements::SEARCHED.replace("{}", &place));
                }
                let those = conditions.text();
                let text = format!("{}{those} ORDER BY p.number LIMIT ?1", statements::PARTS);
                connection.all(&text, conditions.values(), PartRecord::from_row)
            })
            .await
    }

    /// One part.
    pub async fn part(&self, key: i64) -> Result<Option<PartRecord>, StoreError> {
        let text = format!("{}p.key = ?1", statements::PARTS);
        self.readers
            .clone()
            .read(move |connection| connection.one(&text, values![key], PartRecord::from_row))
            .await
    }

    /// Adds a part, and says under which key.
    pub async fn add_part(&self, new: NewPart) -> Result<Result<i64, PartRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if connection.exists(statements::NUMBER_TAKEN, values![new.number, 0])? {
                    return Ok(Err(PartRefusal::NumberTaken(new.number.clone())));
                }
                let (price, currency) = columns(&new);
                let row = values![new.number, new.name, price, currency, new.yields];
                connection.row(statements::ADD_PART, row, |row| row.get(0)).map(Ok)
            })
            .await
    }

    /// Says something else about a part, if it still is the version that the person saw.
    pub async fn set_part(
        &self,
        (key, version): (i64, Option<i64>),
        new: NewPart,
    ) -> Result<Result<(), PartRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if !connection.exists(statements::PART_EXISTS, values![key])? {
                    return Ok(Err(PartRefusal::Missing("part")));
                }
                if connection.exists(statements::NUMBER_TAKEN, values![new.number, key])? {
                    return Ok(Err(PartRefusal::NumberTaken(new.number.clone())));
                }
                let ((price, currency), version) = (columns(&new), version.unwrap_or(0));
                let row = values![key, version, new.number, new.name, price, currency, new.yields];
                let set = connection.execute(statements::SET_PART, row)?;
                Ok(if set == 1 { Ok(()) } else { Err(PartRefusal::Changed) })
            })
            .await
    }

    /// Removes a part of which nothing lies on a shelf. Orders of it stay, with what it cost.
    pub async fn remove_part(&self, key: i64) -> Result<Result<(), PartRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if !connection.exists(statements::PART_EXISTS, values![key])? {
                    return Ok(Err(PartRefusal::Missing("part")));
                }
                let pieces: i64 =
                    connection.row(statements::PIECES_OF_PART, values![key], |row| row.get(0))?;
                if pieces > 0 {
                    return Ok(Err(PartRefusal::OnShelves(from_integer(pieces))));
                }
                for statement in [
                    statements::FORGET_MOVES_OF_PART,
                    statements::FORGET_STOCK_OF_PART,
                    statements::REMOVE_PART,
                ] {
                    connection.execute(statement, values![key])?;
                }
                Ok(Ok(()))
            })
            .await
    }
}
