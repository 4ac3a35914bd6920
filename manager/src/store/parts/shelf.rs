//! What lies on shelves: at a site, or at the service centre. Whatever is taken and put is written down.

use jiff::Timestamp;

use super::super::conditions::Conditions;
use super::super::engine::{Connection, values};
use super::super::statements::parts as statements;
use super::super::{Store, StoreError, from_integer};
use super::records::{PartRefusal, ShelfFilter, ShelfMove, ShelfRecord};

/// One move of pieces: who, how many more, how many lie there then, and why.
fn note(
    connection: &Connection,
    stock: i64,
    (who, more, pieces): (&str, i64, i64),
    words: Option<&str>,
    at: i64,
) -> Result<(), StoreError> {
    let row = values![stock, at, who, more, pieces, None::<i64>, words];
    connection.execute(statements::ADD_MOVE, row).map(drop)
}

impl Store {
    /// Places on shelves, the newest first, those below `before`.
    pub async fn shelves(
        &self,
        filter: ShelfFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ShelfRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let below = before.unwrap_or(i64::MAX);
                let mut conditions = Conditions::new(values![below, limit]);
                conditions.and("s.key < ?1");
                if let Some(part) = &filter.part {
                    conditions.and_with("p.number = {}", part);
                }
                if let Some(site) = &filter.site {
                    conditions.and_with("coalesce(s.site, 0) = {}", site);
                }
                if filter.below {
                    conditions.and("s.pieces < s.reorder_at");
                }
                let those = conditions.text();
                let text = format!("{}{those} ORDER BY s.key DESC LIMIT ?2", statements::STOCK);
                connection.all(&text, conditions.values(), ShelfRecord::from_row)
            })
            .await
    }

    /// One place on a shelf.
    pub async fn shelf(&self, key: i64) -> Result<Option<ShelfRecord>, StoreError> {
        let text = format!("{}s.key = ?1", statements::STOCK);
        self.readers
            .clone()
            .read(move |connection| connection.one(&text, values![key], ShelfRecord::from_row))
            .await
    }

    /// Gives a part a place, and says under which key.
    pub async fn add_shelf(
        &self,
        (part, site): (String, Option<i64>),
        (pieces, reorder_at): (u32, u32),
        by: String,
        now: Timestamp,
    ) -> Result<Result<i64, PartRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let found: Option<i64> =
                    connection.one(statements::PART_OF_NUMBER, values![part], |row| row.get(0))?;
                let Some(part) = found else { return Ok(Err(PartRefusal::Missing("part"))) };
                if let Some(site) = site
                    && !connection.exists(statements::SITE_EXISTS, values![site])?
                {
                    return Ok(Err(PartRefusal::Missing("site")));
                }
                let there: Option<i64> =
                    connection.one(statements::STOCK_THERE, values![part, site], |row| row.get(0))?;
                if let Some(there) = there {
                    return Ok(Err(PartRefusal::LiesThere(there)));
                }
                let row = values![part, site, pieces, reorder_at];
                let key = connection.row(statements::ADD_STOCK, row, |row| row.get(0))?;
                let pieces = i64::from(pieces);
                note(connection, key, (&by, pieces, pieces), None, now.as_millisecond())?;
                Ok(Ok(key))
            })
            .await
    }

    /// Somebody has counted: so many lie there, if the place still is the version that they saw.
    pub async fn set_shelf(
        &self,
        (key, version): (i64, Option<i64>),
        (pieces, reorder_at): (u32, u32),
        (by, words): (String, Option<String>),
        now: Timestamp,
    ) -> Result<Result<(), PartRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let before: Option<i64> =
                    connection.one(statements::PIECES, values![key], |row| row.get(0))?;
                let Some(before) = before else { return Ok(Err(PartRefusal::Missing("place"))) };
                let version = version.unwrap_or(0);
                let row = values![key, version, pieces, reorder_at];
                if connection.execute(statements::SET_STOCK, row)? == 0 {
                    return Ok(Err(PartRefusal::Changed));
                }
                let pieces = i64::from(pieces);
                if pieces != before {
                    let moved = (by.as_str(), pieces.saturating_sub(before), pieces);
                    note(connection, key, moved, words.as_deref(), now.as_millisecond())?;
                }
                Ok(Ok(()))
            })
            .await
    }

    /// Somebody puts pieces there, or takes some away.
    pub async fn put_on_shelf(
        &self,
        (key, more): (i64, i64),
        (by, words): (String, Option<String>),
        now: Timestamp,
    ) -> Result<Result<(), PartRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let left: Option<i64> =
                    connection.one(statements::MORE_STOCK, values![key, more], |row| row.get(0))?;
                if let Some(left) = left {
                    let moved = (by.as_str(), more, left);
                    note(connection, key, moved, words.as_deref(), now.as_millisecond())?;
                    return Ok(Ok(()));
                }
                let there: Option<i64> =
                    connection.one(statements::PIECES, values![key], |row| row.get(0))?;
                Ok(Err(there.map_or(PartRefusal::Missing("place"), PartRefusal::TooFew)))
            })
            .await
    }

    /// Removes a place where nothing lies.
    pub async fn remove_shelf(&self, key: i64) -> Result<Result<(), PartRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if connection.execute(statements::REMOVE_STOCK, values![key])? == 1 {
                    connection.execute(statements::FORGET_MOVES, values![key])?;
                    return Ok(Ok(()));
                }
                let there: Option<i64> =
                    connection.one(statements::PIECES, values![key], |row| row.get(0))?;
                let lies = |pieces: i64| PartRefusal::OnShelves(from_integer(pieces));
                Ok(Err(there.map_or(PartRefusal::Missing("place"), lies)))
            })
            .await
    }

    /// What was taken and put there, the newest first, those below `before`.
    pub async fn shelf_moves(
        &self,
        key: i64,
        (before, limit): (Option<i64>, u32),
    ) -> Result<Vec<ShelfMove>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let below = before.unwrap_or(i64::MAX);
                connection.all(statements::MOVES, values![key, below, limit], ShelfMove::from_row)
            })
            .await
    }
}
