//! Supplies and parts that were changed or put back.

use jiff::Timestamp;
use platen_protocol::device_to_manager::Replacement;
use platen_protocol::identity::DeviceId;

use super::engine::Row;
use super::parts::prices;
use super::records::{dated, id, time};
use super::sight::sees_device;
use super::{Scope, Store, StoreError, from_json, statements};
use crate::ingest::date::Dated;
use crate::money::Money;

/// One replacement, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplacementRecord {
    /// Its place in the list.
    pub key: i64,
    /// Whose it is.
    pub device: DeviceId,
    /// When it came in.
    pub received: Timestamp,
    /// When that happened.
    pub dated: Dated,
    /// Whether it came from a simulated board.
    pub simulated: bool,
    /// What was taken out, and what is in now.
    pub replacement: Replacement,
    /// What is in now was in another machine before.
    pub came_back: bool,
    /// In which, as far as whoever asks sees it.
    pub came_from: Option<DeviceId>,
    /// What a new one of what was taken out costs; none for who does not see the devices of all customers.
    pub price: Option<Money>,
}

/// The part number of what was taken out.
fn removed_number(replacement: &Replacement) -> Option<&String> {
    let supply = replacement.removed_supply.as_ref().and_then(|supply| supply.part_number.as_ref());
    supply.or_else(|| replacement.removed_part.as_ref().and_then(|part| part.part_number.as_ref()))
}

impl ReplacementRecord {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let body: String = row.get(4)?;
        Ok(Self {
            key: row.get(0)?,
            device: id("device", row.get(1)?)?,
            received: time(row, 2)?,
            dated: dated(row, 5, time(row, 2)?)?,
            simulated: row.get(3)?,
            replacement: from_json("replacement", &body)?,
            came_back: row.get::<Option<i64>>(8)?.is_some(),
            came_from: row.get::<Option<String>>(7)?.map(|name| id("device", name)).transpose()?,
            price: None,
        })
    }
}

impl Store {
    /// Replacements, of all devices or of one, those below `before`.
    pub async fn replacements(
        &self,
        scope: &Scope,
        device: Option<DeviceId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ReplacementRecord>, StoreError> {
        let list = self.list(scope, (statements::REPLACEMENTS, "p"), device, (before, limit));
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let mut found = list.read(connection, ReplacementRecord::from_row)?;
                if scope == Scope::All {
                    let numbers = found.iter().filter_map(|record| removed_number(&record.replacement));
                    let prices = prices(connection, &numbers.cloned().collect())?;
                    for record in &mut found {
                        record.price = removed_number(&record.replacement)
                            .and_then(|number| prices.get(number))
                            .copied();
                    }
                }
                for record in &mut found {
                    let Some(from) = &record.came_from else { continue };
                    if !sees_device(connection, &scope, from)? {
                        record.came_from = None;
                    }
                }
                Ok(found)
            })
            .await
    }
}
