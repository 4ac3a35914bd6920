//! From SQLite to PostgreSQL: every table, every row, whatever it holds and wherever the move is interrupted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use platen_manager::store::{
    AlertFilter, Grouping, MoveError, MoveStep, MoveUntil, Moved, ReportFilter, Scope, Store, StoreError,
    migrate_to, reclaim,
};
use platen_tests::rigs::manager::messages::{batch, cleared, order, service_call, toner_low, utilisation};
use platen_tests::rigs::postgres::Cluster;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::{device, hand_in, ingest, let_in, now, open, try_open};

/// Rows of a table, and of the one that takes several pieces.
const ROWS: i64 = 5;
const MANY: i64 = 4_500;
const LARGE: &str = "reports";
/// What texts may hold.
const NASTY: &str = "é ☃ 漢 \\ \\N ' \" %_ \t \r\n end";

struct Column {
    name: String,
    kind: String,
    required: bool,
}

/// The schema of a file of SQLite.
struct Schema {
    tables: BTreeMap<String, (Vec<Column>, String)>,
    references: BTreeMap<(String, String), (String, String)>,
}

impl Schema {
    fn of(connection: &Connection) -> Self {
        let all = |sql: &str| -> Vec<Vec<Value>> {
            let mut statement = connection.prepare(sql).unwrap();
            let width = statement.column_count();
            let rows = statement
                .query_map([], |row| (0..width).map(|at| row.get(at)).collect::<Result<Vec<Value>, _>>())
                .unwrap();
            rows.map(Result::unwrap).collect()
        };
        let text = |value: &Value| match value {
            Value::Text(text) => text.clone(),
            Value::Null => "key".to_owned(),
            other => panic!("{other:?}"),
        };
        let mut schema = Self { tables: BTreeMap::new(), references: BTreeMap::new() };
        for table in
            all("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        {
            let (name, sql) = (text(&table[0]), text(&table[1]));
            if name == "migrations" || name == "moving" {
                continue;
            }
            let columns =
                all(&format!("SELECT name, type, \"notnull\", pk FROM pragma_table_info('{name}')"));
            let columns = columns.iter().map(|column| Column {
                name: text(&column[0]),
                kind: text(&column[1]),
                required: column[2] != Value::Integer(0) || column[3] != Value::Integer(0),
            });
            let columns = columns.collect();
            for reference in
                all(&format!("SELECT \"from\", \"table\", \"to\" FROM pragma_foreign_key_list('{name}')"))
            {
                let to = (text(&reference[1]), text(&reference[2]));
                schema.references.insert((name.clone(), text(&reference[0])), to);
            }
            schema.tables.insert(name, (columns, sql));
        }
        schema
    }

    fn names(&self) -> BTreeSet<String> {
        self.tables.keys().cloned().collect()
    }

    /// What stands in the row of a number.
    fn value(&self, table: &str, column: &str, row: i64) -> Value {
        if let Some((to, of)) = self.references.get(&(table.to_owned(), column.to_owned())) {
            return self.value(to, of, (row - 1) % ROWS + 1);
        }
        let (columns, sql) = &self.tables[table];
        // The first word that a column may have.
        let words = sql.split_once(&format!("CHECK ({column} IN ('"));
        if let Some(word) = words.and_then(|(_, after)| after.split_once('\'')) {
            return Value::Text(word.0.to_owned());
        }
        let column = columns.iter().find(|one| one.name == column).unwrap();
        if !column.required && row % 3 == 0 {
            return Value::Null;
        }
        match column.kind.as_str() {
            "INTEGER" => Value::Integer(row),
            "REAL" => Value::Real(f64::from(i32::try_from(row).unwrap()) + 0.1),
            "TEXT" => Value::Text(format!("{table}.{} {row} {NASTY}", column.name)),
            "BLOB" => Value::Blob(row.to_le_bytes().to_vec()),
            other => panic!("{table}.{}: {other}", column.name),
        }
    }

    fn fill(&self, connection: &Connection) {
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        for (table, (columns, _)) in &self.tables {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            let places: Vec<String> = (1..=names.len()).map(|place| format!("?{place}")).collect();
            let insert =
                format!("INSERT INTO {table} (\"{}\") VALUES ({})", names.join("\", \""), places.join(", "));
            let transaction = connection.unchecked_transaction().unwrap();
            for row in 1..=if table == LARGE { MANY } else { ROWS } {
                let values = names.iter().map(|name| self.value(table, name, row));
                let done = transaction.execute(&insert, rusqlite::params_from_iter(values));
                // A table may be for one row alone.
                assert!(done.is_ok() || row > 1, "{table}: {done:?}");
            }
            transaction.commit().unwrap();
        }
        let orphans = connection.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap();
        assert!(!orphans, "what is referred to is there");
    }

    /// The rows of a table as `COPY` of PostgreSQL writes them, sorted.
    fn rows(&self, connection: &Connection, table: &str) -> Vec<String> {
        let escaped = |text: &str| {
            let text = text.replace('\\', "\\\\").replace('\n', "\\n");
            text.replace('\t', "\\t").replace('\r', "\\r")
        };
        let cell = |value: Value| match value {
            Value::Null => "\\N".to_owned(),
            Value::Integer(number) => number.to_string(),
            Value::Real(number) => number.to_string(),
            Value::Text(text) => escaped(&text),
            Value::Blob(bytes) => {
                "\\\\x".to_owned()
                    + &bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
            }
        };
        let columns = &self.tables[table].0;
        let mut statement = connection.prepare(&format!("SELECT {} FROM {table}", list(columns))).unwrap();
        let rows = statement.query_map([], |row| {
            let cells = (0..columns.len()).map(|at| row.get(at).map(cell)).collect::<Result<Vec<_>, _>>()?;
            Ok(cells.join("\t"))
        });
        let mut rows: Vec<String> = rows.unwrap().map(Result::unwrap).collect();
        rows.sort();
        rows
    }
}

fn list(columns: &[Column]) -> String {
    columns.iter().map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ")
}

/// A file of SQLite with rows in every table.
struct Source {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Source {
    async fn full() -> Self {
        let source = Self::empty().await;
        let connection = source.connection();
        Schema::of(&connection).fill(&connection);
        source
    }

    async fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manager.sqlite3");
        Store::open(&path, Grouping::Group).unwrap().close().await;
        Self { path, _folder: folder }
    }

    fn connection(&self) -> Connection {
        Connection::open(&self.path).unwrap()
    }
}

/// Moves it, and ends the move at the step of a number; how many steps were told.
fn move_it(
    path: &Path,
    cluster: &Cluster,
    database: &str,
    until: MoveUntil,
    end_at: usize,
) -> (Result<Moved, MoveError>, usize) {
    let config = cluster.config(database);
    let mut told = 0;
    let moved = tokio::task::block_in_place(|| {
        migrate_to(path, &config, until, now(), &mut |_: MoveStep| {
            told += 1;
            told != end_at
        })
    });
    (moved, told)
}

fn whole(path: &Path, cluster: &Cluster, database: &str) -> Result<Moved, MoveError> {
    move_it(path, cluster, database, MoveUntil::TheEnd, usize::MAX).0
}

fn assert_same(source: &Source, cluster: &Cluster, database: &str) {
    let connection = source.connection();
    let schema = Schema::of(&connection);
    for (table, (columns, _)) in &schema.tables {
        let copy = format!("COPY (SELECT {} FROM {table}) TO STDOUT;", list(columns));
        let copied = cluster.administer_in(database, &copy);
        let mut there: Vec<&str> = copied.lines().collect();
        there.sort_unstable();
        assert_eq!(schema.rows(&connection, table), there, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_table_of_the_schema_is_moved_with_whatever_its_rows_hold() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let source = Source::full().await;
    let moved = whole(&source.path, &cluster, &database).unwrap();
    assert!(moved.finished);
    let schema = Schema::of(&source.connection());
    assert_eq!(moved.tables.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>(), schema.names());
    assert!(moved.tables.contains(&(LARGE.to_owned(), MANY.unsigned_abs())), "{:?}", moved.tables);
    assert!(moved.tables.iter().all(|(_, rows)| *rows > 0), "{:?}", moved.tables);
    assert_same(&source, &cluster, &database);
    // Keys go on above those that came.
    let next = cluster.administer_in(&database, "SELECT nextval(pg_get_serial_sequence('reports', 'key'))");
    assert_eq!(next.trim(), (MANY + 1).to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_interrupted_at_any_step_is_continued_and_serves_nobody_meanwhile() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let source = Source::full().await;
    let mut step = 1;
    let mut interrupted = 0;
    let moved = loop {
        let (moved, told) = move_it(&source.path, &cluster, &database, MoveUntil::TheEnd, step);
        match moved {
            Ok(moved) => break moved,
            Err(MoveError::Interrupted) => {}
            Err(error) => panic!("at step {told}: {error}"),
        }
        interrupted += 1;
        if interrupted % 8 == 1 {
            let old = Store::open(&source.path, Grouping::Group).err().unwrap();
            assert!(matches!(old, StoreError::Moving { .. }), "{old}");
            let new = try_open(&cluster, cluster.config(&database)).await.err();
            assert!(matches!(new, Some(StoreError::HalfMoved) | None), "{new:?}");
        }
        step += 1 + step / 10;
    };
    assert!(moved.finished && interrupted > 20, "{interrupted}");
    assert_same(&source, &cluster, &database);
    let old = Store::open(&source.path, Grouping::Group).err().unwrap();
    assert!(matches!(old, StoreError::Moved { .. }) && old.to_string().contains(&database), "{old}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_while_the_manager_serves_is_brought_up_at_the_end() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let source = Source::empty().await;
    let store = Store::open(&source.path, Grouping::Group).unwrap();
    let_in(&store, &device()).await;
    hand_in(&store, 1).await;
    let bodies = [toner_low("a1"), order("o1", 2), service_call("help")];
    ingest(&store, &device(), batch(2, &bodies)).await.unwrap();
    let (nearly, _) = move_it(&source.path, &cluster, &database, MoveUntil::Nearly, usize::MAX);
    assert!(!nearly.unwrap().finished);
    // It is stored in the old one as before.
    ingest(&store, &device(), batch(5, &[cleared("a1"), utilisation(40)])).await.unwrap();
    store.set_operator("anna".into(), "hash".into(), now()).await.unwrap();
    store.close().await;
    // And something goes.
    source.connection().execute("DELETE FROM reports WHERE sequence = 1", []).unwrap();
    assert!(whole(&source.path, &cluster, &database).unwrap().finished);
    assert_same(&source, &cluster, &database);
    let moved = open(&cluster, &database).await;
    assert_eq!(moved.reports(&Scope::All, ReportFilter::default(), None, 10).await.unwrap().len(), 5);
    let open_ones = AlertFilter { device: Some(device()), open: Some(true) };
    assert!(moved.alerts(&Scope::All, open_ones, None, 10).await.unwrap().is_empty());
    assert_eq!(moved.password_hash("anna".into()).await.unwrap().as_deref(), Some("hash"));
    hand_in(&moved, 7).await;
    let stored = moved.reports(&Scope::All, ReportFilter::default(), None, 10).await.unwrap();
    assert_eq!(stored[0].report.sequence, 7, "the newest has the highest key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_holds_something_else_is_refused_and_left_alone() {
    let mut cluster = Cluster::start();
    let (used, begun, fresh) = (cluster.database(), cluster.database(), cluster.database());
    let (source, other) = (Source::full().await, Source::full().await);
    let store = open(&cluster, &used).await;
    let_in(&store, &device()).await;
    hand_in(&store, 1).await;
    // A manager serves from it.
    let refused = whole(&source.path, &cluster, &used).unwrap_err();
    assert!(matches!(refused, MoveError::Store(StoreError::InUse { .. })), "{refused}");
    store.close().await;
    drop(store);
    cluster.cut_connections(&used);
    let refused = whole(&source.path, &cluster, &used).unwrap_err();
    assert!(matches!(refused, MoveError::NotEmpty(_)), "{refused}");
    super::all_are_there(&cluster, &used, 1);
    move_it(&other.path, &cluster, &begun, MoveUntil::Nearly, 5).0.unwrap_err();
    let refused = whole(&source.path, &cluster, &begun).unwrap_err();
    assert!(matches!(refused, MoveError::OfAnother(_)), "{refused}");
    // What was begun into one place does not go on into another, unless it is given up.
    move_it(&other.path, &cluster, &begun, MoveUntil::TheEnd, 5).0.unwrap_err();
    let refused = whole(&other.path, &cluster, &fresh).unwrap_err();
    assert!(matches!(refused, MoveError::Elsewhere(_)) && refused.to_string().contains(&begun), "{refused}");
    assert!(reclaim(&other.path).unwrap().unwrap().contains(&begun));
    assert!(whole(&other.path, &cluster, &fresh).unwrap().finished);
    assert_same(&other, &cluster, &fresh);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_ends_the_move_and_is_named() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let source = Source::full().await;
    let damage = "UPDATE reports SET body = CAST(x'ff' AS TEXT) WHERE key = 4321";
    source.connection().execute(damage, []).unwrap();
    let refused = whole(&source.path, &cluster, &database).unwrap_err();
    let MoveError::Damaged { table, from, .. } = &refused else { panic!("{refused}") };
    assert_eq!((table.as_str(), *from), ("reports", 4000));
    reclaim(&source.path).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_character_that_postgresql_does_not_have_is_replaced_by_the_one_for_what_cannot_be_shown() {
    let mut cluster = Cluster::start();
    let (database, other) = (cluster.database(), cluster.database());
    let source = Source::full().await;
    let odd = "UPDATE devices SET model = 'a' || char(0) || 'b' WHERE key = 2";
    source.connection().execute(odd, []).unwrap();
    assert!(whole(&source.path, &cluster, &database).unwrap().finished);
    let model = |database: &str, key: i64| {
        let found = cluster.administer_in(database, &format!("SELECT model FROM devices WHERE key = {key}"));
        found.trim().to_owned()
    };
    assert_eq!(model(&database, 2), "a\u{fffd}b");
    // And what comes in later is stored, whatever it holds.
    let store = open(&cluster, &other).await;
    store.set_operator("an\0na".into(), "hash".into(), now()).await.unwrap();
    assert_eq!(store.password_hash("an\0na".into()).await.unwrap().as_deref(), Some("hash"));
}
