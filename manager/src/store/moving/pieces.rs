//! A table, piece by piece.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::super::engine::{Row, storable};
use super::tables::{Column, Kind, Table, list};
use super::{Connection, MoveError, Step, StoreError, Value, values};

/// Rows in one piece, but for those that share the first column of their key.
const ROWS: i64 = 2000;

/// A key, which can be sorted: no part of one is a real number.
#[derive(Debug, Clone, PartialEq)]
struct Key(Vec<Value<'static>>);

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal)
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?}", self.0)
    }
}

type Rows = BTreeMap<Key, Vec<Value<'static>>>;

/// Which rows: those whose key begins above one number and up to another; all of them, of a key that begins with none.
#[derive(Debug, Clone, Copy)]
struct Range {
    above: i64,
    upto: i64,
}

type Tell<'a> = dyn FnMut(Step) -> Result<(), MoveError> + 'a;

pub(super) struct Pieces<'a> {
    source: &'a Connection,
    target: &'a Connection,
    table: &'a Table,
}

impl<'a> Pieces<'a> {
    pub(super) const fn new(source: &'a Connection, target: &'a Connection, table: &'a Table) -> Self {
        Self { source, target, table }
    }

    /// Does something with each range that holds a piece of a side.
    fn each(
        &self,
        of: &Connection,
        mut act: impl FnMut(Range) -> Result<(), MoveError>,
    ) -> Result<(), MoveError> {
        let Some(first) = self.table.range() else { return act(Range { above: i64::MIN, upto: i64::MAX }) };
        let (table, first) = (&self.table.name, &first.name);
        let end =
            format!("SELECT {first} FROM {table} WHERE {first} > ?1 ORDER BY {first} LIMIT 1 OFFSET ?2");
        let mut above = i64::MIN;
        loop {
            let upto: Option<i64> = of.one(&end, values![above, ROWS - 1], |row| row.get(0))?;
            act(Range { above, upto: upto.unwrap_or(i64::MAX) })?;
            let Some(upto) = upto else { return Ok(()) };
            above = upto;
        }
    }

    /// Removes rows of the target that the source has no more.
    pub(super) fn remove_surplus(&self, tell: &mut Tell<'_>) -> Result<(), MoveError> {
        let table = self.table;
        if !self.target.exists(&format!("SELECT 1 FROM {} LIMIT 1", table.name), &[])? {
            return Ok(());
        }
        let key: Vec<&Column> = table.key_columns().collect();
        let places: Vec<usize> = (0..key.len()).collect();
        let is = key.iter().zip(1..).map(|(column, place)| format!("{} = ?{place}", column.name));
        let delete = format!("DELETE FROM {} WHERE {}", table.name, is.collect::<Vec<_>>().join(" AND "));
        self.each(self.target, |range| {
            let read = |side| self.read(side, &key, &places, range);
            let (here, there) = (read(self.source)?, read(self.target)?);
            let surplus: Vec<&Key> = there.keys().filter(|key| !here.contains_key(key)).collect();
            if surplus.is_empty() {
                return Ok(());
            }
            tell(Step::Rows(0))?;
            self.target.write(|target| {
                surplus.iter().try_for_each(|key| target.execute(&delete, &key.0).map(|_one| ()))
            })?;
            Ok(())
        })
    }

    /// Brings the rows of the target to what the source has, and compares them.
    pub(super) fn carry_over(&self, tell: &mut Tell<'_>) -> Result<(), MoveError> {
        let table = self.table;
        let all: Vec<&Column> = table.columns.iter().collect();
        let write = write_statement(table);
        self.each(self.source, |range| {
            let here = self.read(self.source, &all, &table.key, range)?;
            let there = self.read(self.target, &all, &table.key, range)?;
            let new: Vec<Vec<Value<'_>>> = here
                .iter()
                .filter(|(key, row)| there.get(*key) != Some(*row))
                .map(|(_, row)| row.clone())
                .collect();
            if new.is_empty() {
                compare(table, &here, &there)?;
            } else {
                self.write(&write, &new, range, &here, tell)?;
            }
            tell(Step::Rows(u64::try_from(here.len()).unwrap_or(u64::MAX)))
        })
    }

    /// Writes rows of a range, reads it once more, and commits if it is as it should be.
    fn write(
        &self,
        statement: &str,
        new: &[Vec<Value<'_>>],
        range: Range,
        here: &Rows,
        tell: &mut Tell<'_>,
    ) -> Result<(), MoveError> {
        let all: Vec<&Column> = self.table.columns.iter().collect();
        let mut checked = Ok(());
        let written = self.target.write(|target| {
            target.execute_rows(statement, new)?;
            // Told before the commit: who ends the move there ends it in the middle of a piece.
            let back = self.read(target, &all, &self.table.key, range);
            checked =
                back.and_then(|back| compare(self.table, here, &back)).and_then(|()| tell(Step::Rows(0)));
            // Any error undoes what was written; which one it was is told below.
            if checked.is_ok() { Ok(()) } else { Err(StoreError::NoRow) }
        });
        checked?;
        Ok(written?)
    }

    /// The rows of a range: these columns, under the key at these places of them.
    fn read(
        &self,
        side: &Connection,
        columns: &[&Column],
        key: &[usize],
        range: Range,
    ) -> Result<Rows, MoveError> {
        let table = self.table;
        let mut statement = format!("SELECT {} FROM {}", list(columns.iter().copied()), table.name);
        let mut within = Vec::new();
        if let Some(first) = table.range() {
            statement = format!("{statement} WHERE {0} > ?1 AND {0} <= ?2", first.name);
            within.extend([Value::Integer(range.above), Value::Integer(range.upto)]);
        }
        let mut rows = Rows::new();
        let read = side.each(&statement, &within, |row| {
            let cells = columns.iter().enumerate().map(|(at, column)| cell(row, at, column.kind));
            let cells: Vec<Value<'static>> = cells.collect::<Result<_, _>>()?;
            let key = key.iter().filter_map(|at| cells.get(*at).cloned()).collect();
            rows.insert(Key(key), cells);
            Ok(())
        });
        match read {
            Ok(()) => Ok(rows),
            // What cannot be read of SQLite's is one row, and not its file.
            Err(source) if matches!(side, Connection::Sqlite(_)) => {
                Err(MoveError::Damaged { table: table.name.clone(), from: range.above, source })
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn cell(row: &Row<'_>, at: usize, kind: Kind) -> Result<Value<'static>, StoreError> {
    Ok(match kind {
        Kind::Integer => row.get::<Option<i64>>(at)?.map_or(Value::Null, Value::Integer),
        Kind::Real => row.get::<Option<f64>>(at)?.map_or(Value::Null, Value::Real),
        Kind::Text => row
            .get::<Option<String>>(at)?
            .map_or(Value::Null, |text| Value::Text(storable(&text).into_owned().into())),
        Kind::Blob => row.get::<Option<Vec<u8>>>(at)?.map_or(Value::Null, |bytes| Value::Blob(bytes.into())),
    })
}

/// Writes rows, and those that are there under their key anew.
fn write_statement(table: &Table) -> String {
    let arrays =
        table.columns.iter().zip(1..).map(|(column, place)| format!("?{place}::{}", column.kind.array()));
    let arrays = arrays.collect::<Vec<_>>().join(", ");
    let key = list(table.key_columns());
    let others = table.columns.iter().filter(|column| !table.key_columns().any(|key| key == *column));
    let set = others.map(|column| format!("{0} = excluded.{0}", column.name)).collect::<Vec<_>>().join(", ");
    let conflict = if set.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {set}") };
    format!(
        "INSERT INTO {} ({}) SELECT * FROM unnest({arrays}) ON CONFLICT ({key}) DO {conflict}",
        table.name,
        table.list()
    )
}

/// Whether both sides have the same rows.
fn compare(table: &Table, here: &Rows, there: &Rows) -> Result<(), MoveError> {
    let other = here.iter().find(|(key, row)| there.get(*key) != Some(*row)).map(|(key, _)| key);
    let other = other.or_else(|| there.keys().find(|key| !here.contains_key(key)));
    match other {
        None => Ok(()),
        Some(key) => Err(MoveError::NotTheSame { table: table.name.clone(), key: key.to_string() }),
    }
}
