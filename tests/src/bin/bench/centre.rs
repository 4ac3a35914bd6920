//! Managers whose store is filled before they serve, by SQL: a fleet that enrolled one by one would take longer than what
//! is measured.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use platen_manager::database_path;
use platen_tests::rigs::manager::process::{Manager, Stand};
use platen_tests::rigs::pki::{DEVICES_AT_ONCE, Identity, Pki, devices};
use platen_tests::rigs::postgres::{Cluster, Options};
use platen_tests::rigs::process::run_ok;
use rusqlite::Connection;

use crate::machine::{family, free};

/// Where nothing is written to a disk.
const MEMORY: &str = "/dev/shm";
/// As for a database of some millions of rows on a small machine; its disk is waited for at each commit.
const SERVER_SETTINGS: &str = "shared_buffers = 512MB\nmax_wal_size = 4GB\nmax_connections = 100\n";
/// A standby's log of changes is not read here, and whoever fills a database begins again should the machine stop.
const FILLING: &str = "SET synchronous_commit = off; SET client_min_messages = warning;";

/// Where the manager keeps everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// Embedded.
    Sqlite,
    /// A server of the benchmark's own.
    Postgresql,
}

impl Engine {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgresql => "PostgreSQL",
        }
    }

    /// Why it cannot be measured here, if so.
    pub(crate) fn missing(self) -> Option<String> {
        let there = self == Self::Sqlite || Path::new("/usr/lib/postgresql/15/bin/postgres").is_file();
        (!there).then(|| "PostgreSQL is not installed; run: apt-get install postgresql-15".to_owned())
    }
}

/// The store of a manager. It is filled while the manager does not run.
pub(crate) enum Store {
    Sqlite(PathBuf),
    Postgresql { cluster: Box<Cluster>, database: String },
}

impl Store {
    fn new(engine: Engine, manager_state: &Path) -> Self {
        match engine {
            Engine::Sqlite => Self::Sqlite(database_path(manager_state)),
            Engine::Postgresql => {
                let mut cluster = Box::new(Cluster::start_with(Options { settings: SERVER_SETTINGS }));
                let database = cluster.database();
                let store = Self::Postgresql { cluster, database };
                // It is no client, and the manager's processor is the manager's own: it goes where there is room.
                store.server().map(family).into_iter().flatten().for_each(free);
                store
            }
        }
    }

    /// What the manager's configuration has to say of it, before its first table.
    fn lines(&self) -> String {
        match self {
            Self::Sqlite(_) => String::new(),
            Self::Postgresql { cluster, database } => format!("store = {:?}\n", cluster.socket_url(database)),
        }
    }

    /// Runs statements, all or none.
    pub(crate) fn fill(&self, sql: &str) {
        match self {
            Self::Sqlite(path) => {
                let connection = Connection::open(path).unwrap();
                let settings = "PRAGMA synchronous = OFF; PRAGMA cache_size = -262144;";
                connection.execute_batch(settings).unwrap();
                let begun = format!("BEGIN; {sql}; COMMIT;");
                connection.execute_batch(&begun).unwrap_or_else(|error| panic!("{error}: {sql}"));
            }
            Self::Postgresql { cluster, database } => {
                run_ok(&mut cluster.psql(database), &format!("{FILLING} BEGIN; {sql}; COMMIT;"));
            }
        }
    }

    /// What a statement says, in its only column and row.
    pub(crate) fn ask(&self, sql: &str) -> String {
        match self {
            Self::Sqlite(path) => {
                let connection = Connection::open(path).unwrap();
                let value = connection.query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0));
                match value.unwrap_or_else(|error| panic!("{error}: {sql}")) {
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    rusqlite::types::Value::Text(text) => text,
                    other => panic!("{other:?}: {sql}"),
                }
            }
            Self::Postgresql { cluster, database } => {
                run_ok(&mut cluster.psql(database), sql).trim().to_owned()
            }
        }
    }

    /// What a statement counts.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.ask(sql).parse().unwrap()
    }

    /// Whether there is a table of this name: an older version may be measured, too.
    pub(crate) fn has(&self, table: &str) -> bool {
        let tables = match self {
            Self::Sqlite(_) => "sqlite_master WHERE type = 'table' AND name",
            Self::Postgresql { .. } => "pg_tables WHERE tablename",
        };
        self.count(&format!("SELECT count(*) FROM {tables} = '{table}'")) > 0
    }

    /// The columns of a table.
    pub(crate) fn columns(&self, table: &str) -> Vec<String> {
        let list = match self {
            Self::Sqlite(_) => format!("SELECT group_concat(name) FROM pragma_table_info('{table}')"),
            Self::Postgresql { .. } => format!(
                "SELECT string_agg(attname, ',') FROM pg_attribute \
                 WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped"
            ),
        };
        self.ask(&list).split(',').map(str::to_owned).collect()
    }

    /// Copies a row `t` of a table, for each number of a [`series`], with some columns of its own: what to insert into, and
    /// what to select.
    pub(crate) fn like(&self, table: &str, own: &[(&str, String)]) -> (String, String) {
        let columns = self.columns(table);
        let missing: Vec<_> = own.iter().filter(|(name, _)| !columns.iter().any(|one| one == name)).collect();
        assert!(missing.is_empty(), "{table} has no {missing:?}, but {columns:?}");
        let of = |column: &String| {
            let own = own.iter().find(|(name, _)| name == column);
            own.map_or_else(|| format!("t.{column}"), |(_, value)| value.clone())
        };
        let values: Vec<String> = columns.iter().map(of).collect();
        (format!("{table} ({})", columns.join(", ")), values.join(", "))
    }

    /// Lets the next row of a table have the next key, after rows with keys were put in.
    pub(crate) fn go_on(&self, table: &str) {
        if let Self::Postgresql { .. } = self {
            self.ask(&format!(
                "SELECT setval(pg_get_serial_sequence('{table}', 'key'), (SELECT max(key) FROM {table}))"
            ));
        }
    }

    /// The process of its server, if it has one.
    pub(crate) fn server(&self) -> Option<u32> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgresql { cluster, .. } => {
                let file = std::fs::read_to_string(cluster.data().join("postmaster.pid")).unwrap();
                file.lines().next().unwrap().parse().ok()
            }
        }
    }

    /// Has it know what it holds, as a store that has grown to this does, and forget how it came by it.
    fn settle(&self) {
        match self {
            Self::Sqlite(path) => {
                let connection = Connection::open(path).unwrap();
                connection.execute_batch("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE);").unwrap();
            }
            Self::Postgresql { cluster, database } => {
                run_ok(&mut cluster.psql(database), "VACUUM ANALYZE; CHECKPOINT;");
            }
        }
    }
}

/// How a manager is to be started.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    /// Where it keeps everything.
    pub(crate) engine: Engine,
    /// Tables for its configuration.
    pub(crate) lines: &'a str,
    /// Whether its files are in memory: then a commit costs no disk.
    pub(crate) in_memory: bool,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self { engine: Engine::Sqlite, lines: "", in_memory: false }
    }
}

/// A manager with its store.
pub(crate) struct Centre {
    // Dropped in this order.
    pub(crate) manager: Manager,
    pub(crate) store: Store,
    lines: String,
}

impl Centre {
    /// One that knows these devices; it does not serve yet.
    pub(crate) fn prepared(pki: &Pki, identities: &[Identity], plan: Plan<'_>) -> Self {
        let within = plan.in_memory.then(|| PathBuf::from(MEMORY));
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let stand = Stand { within, names, ..Stand::default() };
        // Where its folder is, and so its store, is known once there is one.
        let mut manager = Manager::prepared(stand, plan.lines);
        let store = Store::new(plan.engine, &manager.state());
        manager.set_lines(&format!("{}{}", store.lines(), plan.lines));
        pki.plant(&manager.state());
        manager.add_operator();
        let centre = Self { manager, store, lines: plan.lines.to_owned() };
        centre.let_in(identities);
        centre
    }

    /// Fills the store with devices.
    pub(crate) fn let_in(&self, identities: &[Identity]) {
        for some in identities.chunks(DEVICES_AT_ONCE) {
            self.store.fill(&devices(some));
        }
        self.work_out_states();
    }

    /// Has the manager work out how those devices stand of which that is not known.
    pub(crate) fn work_out_states(&self) {
        if self.store.has("states") {
            self.store.fill(STATES);
        }
    }

    /// What its configuration says of its store, and then its own lines.
    pub(crate) fn lines(&self) -> String {
        format!("{}{}", self.store.lines(), self.lines)
    }

    /// Gives it other lines, while it does not run.
    pub(crate) fn set_lines(&mut self, lines: &str) {
        lines.clone_into(&mut self.lines);
        self.manager.set_lines(&self.lines());
    }

    /// Lets it serve.
    pub(crate) fn serve(&mut self) {
        self.store.settle();
        self.manager.resume();
    }
}

/// Starts a manager that knows these devices.
pub(crate) fn start(pki: &Pki, identities: &[Identity], plan: Plan<'_>) -> Centre {
    let mut centre = Centre::prepared(pki, identities, plan);
    centre.serve();
    centre
}

/// How each device stands: a rank below 0 has the manager work it out.
const STATES: &str = "INSERT INTO states (device, name, worst, critical, warnings, forecasts, service_calls, orders, \
    watches, overdue, away, identity, clones, damaged, lowest, low, simulated, model, agent_version, place, serials, \
    search, last_contact) SELECT key, id, -1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1000, 0, 0, '', '', '', '', '', 0 \
    FROM devices WHERE key NOT IN (SELECT device FROM states)";

/// A statement that inserts a row for each number from `first` to `last`: `insert` says into what, `select` what, of
/// `series.n`, and of what else.
pub(crate) fn series((first, last): (u64, u64), insert: &str, select: &str, from: &str) -> String {
    format!(
        "INSERT INTO {insert} WITH RECURSIVE series (n) AS \
         (SELECT CAST({first} AS BIGINT) UNION ALL SELECT n + 1 FROM series WHERE n < {last}) SELECT {select} FROM series{from}"
    )
}
