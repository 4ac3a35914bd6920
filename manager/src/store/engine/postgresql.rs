//! PostgreSQL: how a session is opened, and how statements run in it.

use std::borrow::Cow;
use std::cell::{RefCell, RefMut};
use std::collections::HashMap;
use std::error::Error;

use bytes::BytesMut;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::Statement;

use super::super::StoreError;
use super::line::Line;
use super::{PostgresConfig, Purpose, Row, STATEMENT_CACHE, Value};

/// A statement of one look-up that takes longer is ended by the server: it would keep others from being shown.
const LOOK_UP_TIMEOUT: &str = "20s";

/// A look-up is planned for what is asked: a plan that is kept for whatever is asked finds a text by its index of three
/// letters even where the text has no three, or every row has them. And it is done by one process of the server: several
/// for each of many operators only get in each other's way. Nothing is compiled for it, which takes longer than a look-up.
const PLANS: &str =
    "SET plan_cache_mode = force_custom_plan; SET max_parallel_workers_per_gather = 0; SET jit = off";

/// A session, with the statements that were prepared in it.
pub(in crate::store) struct Session {
    /// Borrowed while a statement runs; there until the session is dropped.
    line: RefCell<Option<Line>>,
    prepared: RefCell<HashMap<String, Statement>>,
}

impl Session {
    pub(super) fn connect(config: &PostgresConfig, purpose: Purpose) -> Result<Self, StoreError> {
        let line = config.open()?;
        let session = Self { line: RefCell::new(Some(line)), prepared: RefCell::default() };
        if purpose == Purpose::Read {
            session.batch(&format!(
                "SET default_transaction_read_only = on; SET statement_timeout = '{LOOK_UP_TIMEOUT}'; {PLANS}"
            ))?;
        }
        Ok(session)
    }

    pub(super) fn is_open(&self) -> bool {
        self.line.borrow().as_ref().is_some_and(Line::is_open)
    }

    fn line(&self) -> Result<RefMut<'_, Line>, StoreError> {
        RefMut::filter_map(self.line.borrow_mut(), Option::as_mut).or(Err(StoreError::Closed))
    }

    pub(super) fn prepare(&self, text: &str) -> Result<Statement, StoreError> {
        if let Some(known) = self.prepared.borrow().get(text) {
            return Ok(known.clone());
        }
        let mut line = self.line()?;
        let client = line.client();
        let statement = line.wait(client.prepare(&text.replace('?', "$")))?;
        let mut prepared = self.prepared.borrow_mut();
        // Only texts that are put together for what somebody asks can be so many.
        if prepared.len() >= STATEMENT_CACHE {
            prepared.clear();
        }
        prepared.insert(text.to_owned(), statement.clone());
        Ok(statement)
    }

    pub(super) fn execute(&self, text: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let statement = self.prepare(text)?;
        let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let mut line = self.line()?;
        let client = line.client();
        line.wait(client.execute(&statement, &parameters))
    }

    pub(super) fn execute_all(&self, text: &str, rows: &[Vec<Value<'_>>]) -> Result<u64, StoreError> {
        let columns = columns_of(rows);
        if columns.is_empty() {
            return Ok(0);
        }
        let statement = self.prepare(text)?;
        let parameters: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as _).collect();
        let mut line = self.line()?;
        let client = line.client();
        line.wait(client.execute(&statement, &parameters))
    }

    /// The same for rows that are given away, right before whatever is waited for next.
    pub(super) fn send_all(&self, text: &str, rows: Vec<Vec<Value<'static>>>) -> Result<(), StoreError> {
        if rows.first().is_none_or(Vec::is_empty) {
            return Ok(());
        }
        let statement = self.prepare(text)?;
        let mut line = self.line()?;
        let client = line.client();
        line.send(async move { client.execute_raw(&statement, columns_of(&rows)).await.map(drop) });
        Ok(())
    }

    /// Runs statements without parameters right before whatever is waited for next.
    pub(super) fn send(&self, text: &'static str) -> Result<(), StoreError> {
        let mut line = self.line()?;
        let client = line.client();
        line.send(async move { client.batch_execute(text).await });
        Ok(())
    }

    pub(super) fn each(
        &self,
        text: &str,
        values: &[Value<'_>],
        act: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        self.query(text, &parameters, act)
    }

    pub(super) fn each_of(
        &self,
        text: &str,
        rows: &[Vec<Value<'_>>],
        act: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let columns = columns_of(rows);
        if columns.is_empty() {
            return Ok(());
        }
        let parameters: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as _).collect();
        self.query(text, &parameters, act)
    }

    fn query(
        &self,
        text: &str,
        parameters: &[&(dyn ToSql + Sync)],
        mut act: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let statement = self.prepare(text)?;
        // All of it is taken before anything is done with it: what is done may ask for more in this session.
        let found = {
            let mut line = self.line()?;
            let client = line.client();
            line.wait(client.query(&statement, parameters))?
        };
        found.iter().try_for_each(|row| act(&Row::Postgres(row)))
    }

    pub(super) fn batch(&self, text: &str) -> Result<(), StoreError> {
        let mut line = self.line()?;
        let client = line.client();
        line.wait(client.batch_execute(text))
    }
}

impl Drop for Session {
    /// The goodbye to the server waits for the network, which no task of a runtime may do.
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            std::thread::spawn(move || line.close());
        }
    }
}

/// PostgreSQL has no character 0 in its texts, and SQLite has: in its place there is the one that stands for what cannot be
/// shown. What a device sends must not be something that can never be stored.
pub(in crate::store) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

type Refused = Box<dyn Error + Sync + Send>;

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Refused> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) => match *kind {
                Type::INT4 => i32::try_from(*number)?.to_sql(kind, out),
                Type::FLOAT8 => Err("an integer where a real number is wanted".into()),
                Type::INT8 => number.to_sql(kind, out),
                _ => Err(format!("an integer where {kind} is wanted").into()),
            },
            Self::Real(number) if *kind == Type::FLOAT8 => number.to_sql(kind, out),
            Self::Text(text) if matches!(*kind, Type::TEXT | Type::VARCHAR | Type::NAME) => {
                storable(text).to_sql(kind, out)
            }
            Self::Blob(bytes) if *kind == Type::BYTEA => bytes.as_ref().to_sql(kind, out),
            other => Err(format!("{other:?} where {kind} is wanted").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// One column of many rows, as an array.
#[derive(Debug)]
struct ColumnOf<'a> {
    rows: &'a [Vec<Value<'a>>],
    at: usize,
}

fn columns_of<'a>(rows: &'a [Vec<Value<'a>>]) -> Vec<ColumnOf<'a>> {
    (0..rows.first().map_or(0, Vec::len)).map(|at| ColumnOf { rows, at }).collect()
}

impl ColumnOf<'_> {
    fn values(&self) -> impl Iterator<Item = &Value<'_>> {
        self.rows.iter().map(|row| row.get(self.at).unwrap_or(&Value::Null))
    }
}

impl ToSql for ColumnOf<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Refused> {
        self.values().collect::<Vec<_>>().to_sql(kind, out)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
