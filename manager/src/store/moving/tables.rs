//! What there is to move, by the schemas of both sides.

use std::collections::{BTreeMap, BTreeSet};

use super::{Connection, MoveError, StoreError, statements, values};

/// Tables that say something of their own database alone.
const OF_ONE_SIDE: [&str; 2] = ["migrations", "moving"];

/// What stands in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Real,
    Text,
    Blob,
}

impl Kind {
    /// By PostgreSQL's name of it.
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "bigint" | "integer" => Self::Integer,
            "double precision" => Self::Real,
            "text" => Self::Text,
            "bytea" => Self::Blob,
            _ => return None,
        })
    }

    /// As an array's type.
    pub(super) const fn array(self) -> &'static str {
        match self {
            Self::Integer => "bigint[]",
            Self::Real => "double precision[]",
            Self::Text => "text[]",
            Self::Blob => "bytea[]",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Whether the database counts it up.
    counted: bool,
}

/// A table that is on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    /// Which columns are its key, by their places, in the order of the key.
    pub(super) key: Vec<usize>,
}

impl Table {
    /// The columns, with commas between.
    pub(super) fn list(&self) -> String {
        list(self.columns.iter())
    }

    pub(super) fn key_columns(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().filter_map(|at| self.columns.get(*at))
    }

    /// The first column of the key, if it is an integer: a piece is a range of it.
    pub(super) fn range(&self) -> Option<&Column> {
        self.key_columns().next().filter(|column| column.kind == Kind::Integer)
    }

    /// New rows get keys above those that were moved.
    pub(super) fn continue_keys(&self, target: &Connection) -> Result<(), StoreError> {
        for column in self.columns.iter().filter(|column| column.counted) {
            let (table, column) = (&self.name, &column.name);
            target.one(
                &format!(
                    "SELECT setval(pg_get_serial_sequence(?1, ?2), \
                     coalesce((SELECT max({column}) FROM {table}), 0) + 1, false)"
                ),
                values![table, column],
                |_| Ok(()),
            )?;
        }
        Ok(())
    }
}

pub(super) fn list<'a>(columns: impl Iterator<Item = &'a Column>) -> String {
    columns.map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn names(connection: &Connection) -> Result<BTreeSet<String>, StoreError> {
    let tables = connection.text(statements::TABLES, statements::TABLES_POSTGRES);
    let mut names: BTreeSet<String> = connection.all(tables, &[], |row| row.get(0))?.into_iter().collect();
    for name in OF_ONE_SIDE {
        names.remove(name);
    }
    Ok(names)
}

fn differ(table: &str, what: impl Into<String>) -> MoveError {
    MoveError::Differ { table: table.to_owned(), what: what.into() }
}

/// The tables of both sides, each behind those that it refers to.
pub(super) fn in_order(source: &Connection, target: &Connection) -> Result<Vec<Table>, MoveError> {
    let (here, there) = (names(source)?, names(target)?);
    if let Some(alone) = here.symmetric_difference(&there).next() {
        return Err(differ(alone, "itself"));
    }
    let mut left = BTreeMap::new();
    for name in here {
        left.insert(name.clone(), shape(source, target, &name)?);
    }
    let mut refers: BTreeSet<(String, String)> = target
        .all(statements::REFERENCES_POSTGRES, &[], |row| Ok((row.get(0)?, row.get(1)?)))?
        .into_iter()
        .collect();
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let free = left.keys().find(|name| !refers.iter().any(|(from, to)| from == *name && to != *name));
        let Some(free) = free.cloned() else {
            return Err(differ(left.keys().next().map_or("", String::as_str), "a circle of references"));
        };
        refers.retain(|(_, to)| *to != free);
        ordered.extend(left.remove(&free));
    }
    Ok(ordered)
}

fn shape(source: &Connection, target: &Connection, name: &str) -> Result<Table, MoveError> {
    let mut here: Vec<(String, i64)> =
        source.all(statements::COLUMNS, values![name], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let there: Vec<(String, String, bool)> =
        target.all(statements::COLUMNS_POSTGRES, values![name], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let mut columns = Vec::new();
    for (column, kind, counted) in there {
        let Some(at) = here.iter().position(|(name, _)| *name == column) else {
            return Err(differ(name, format!("the column {column}")));
        };
        let kind = Kind::of(&kind).ok_or_else(|| differ(name, format!("the kind {kind} of {column}")))?;
        columns.push((here.swap_remove(at).1, Column { name: column, kind, counted }));
    }
    if let Some((column, _)) = here.first() {
        return Err(differ(name, format!("the column {column}")));
    }
    // SQLite numbers the columns of a key from 1.
    let mut key: Vec<(i64, usize)> = columns
        .iter()
        .enumerate()
        .filter(|(_, (place, _))| *place > 0)
        .map(|(at, (place, _))| (*place, at))
        .collect();
    key.sort_unstable();
    if key.is_empty() {
        return Err(differ(name, "no key"));
    }
    Ok(Table {
        name: name.to_owned(),
        columns: columns.into_iter().map(|(_, column)| column).collect(),
        key: key.into_iter().map(|(_, at)| at).collect(),
    })
}
