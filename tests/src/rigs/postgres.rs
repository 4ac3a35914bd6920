//! A PostgreSQL of the test's own: Debian's server, on a free port and a socket in a temporary folder, with TLS, on a disk
//! that is really written to (`fsync` is on). It is stopped, killed, filled, made read-only and copied as the test wants, and
//! it is gone with the test.
//!
//! `initdb` takes almost a second of a processor, so it is run once for a machine and a version, and each cluster is a copy
//! (0.1 s; it serves 0.2 s later). A machine's own clusters are neither used nor touched.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use platen_manager::store::{PostgresConfig, PostgresFiles};
use tempfile::TempDir;

use super::authority::Authority;
use super::disk::Volume;
use super::process::{Running, run_ok, until};

/// Where Debian has its servers, by version.
const SERVERS: &str = "/usr/lib/postgresql";
/// Whom the server runs as where the tests are root's: it refuses root.
const SERVER_USER: &str = "postgres";
/// Ports of servers: below those that the kernel gives to connections, so that none of them takes the port while its
/// server is down.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// How far apart processes with neighbouring ids begin to look: a prime.
const PORT_STEP: u32 = 97;
/// How many ports are tried before the test gives up.
const PORT_ATTEMPTS: usize = 50;
/// The one who may do everything; over the socket without a password.
pub const ADMINISTRATOR: &str = "postgres";
/// The manager's role; over TCP by its password, over the socket without.
pub const ROLE: &str = "platen";
/// Another role, which over TCP must have a client certificate and needs no password.
pub const CERTIFIED_ROLE: &str = "platen_certified";
/// What every cluster is set to: small, and honest about its disk.
const SETTINGS: &str = "shared_buffers = 16MB\nmax_connections = 40\nfsync = on\nsynchronous_commit = on\n\
    max_wal_size = 128MB\nmax_wal_senders = 4\nwal_level = replica\nhuge_pages = off\njit = off\n\
    logging_collector = off\nlog_line_prefix = '%t %d %u '\npassword_encryption = 'scram-sha-256'\nssl = on\n\
    ssl_cert_file = '../tls/server.pem'\nssl_key_file = '../tls/server.key'\nssl_ca_file = '../tls/ca.pem'\n";
/// Who may come in, and how.
const ACCESS: &str = "local all all trust\nlocal replication all trust\n\
    hostssl all platen_certified 127.0.0.1/32 cert\nhost all all 127.0.0.1/32 scram-sha-256\n";

/// What a cluster has beside the usual.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Lines of `postgresql.conf`, such as `max_connections = 5`.
    pub settings: &'a str,
}

/// A server with its files.
pub struct Cluster {
    // Dropped in this order: the server ends before its files go.
    server: Option<Running>,
    /// Which server is to run.
    programs: PathBuf,
    /// Issues the server's certificate, and those of clients.
    pub authority: Authority,
    port: u16,
    password: String,
    databases: u32,
    /// Folders that were given to managers.
    states: AtomicU32,
    folder: TempDir,
}

impl Cluster {
    /// One that serves.
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// The same, set otherwise.
    pub fn start_with(options: Options<'_>) -> Self {
        let mut cluster = Self::new(Authority::new(), format!("secret of {}", std::process::id()));
        run_ok(Command::new("cp").arg("-a").arg(template(&cluster.programs)).arg(cluster.data()), "");
        cluster.configure(options.settings);
        cluster.start_somewhere();
        cluster.administer(&format!(
            "CREATE ROLE {ROLE} LOGIN PASSWORD '{}'; CREATE ROLE {CERTIFIED_ROLE} LOGIN;",
            cluster.password
        ));
        cluster
    }

    fn new(authority: Authority, password: String) -> Self {
        let folder = TempDir::new().unwrap();
        // The server's user has to come in.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let cluster = Self {
            server: None,
            programs: programs(),
            authority,
            port: 0,
            password,
            databases: 0,
            states: AtomicU32::new(0),
            folder,
        };
        cluster.make_files();
        cluster
    }

    fn make_files(&self) {
        let tls = self.folder.path().join("tls");
        fs::create_dir(&tls).unwrap();
        let (certificate, key) = self.authority.issue_to("localhost", &["localhost", "127.0.0.1"]);
        for (name, text) in
            [("ca.pem", &self.authority.pem), ("server.pem", &certificate), ("server.key", &key)]
        {
            let path = tls.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            give_to_server(&path);
        }
        give_to_server(&tls);
        let socket = self.socket();
        fs::create_dir(&socket).unwrap();
        give_to_server(&socket);
        // For clients: the authority for everybody, the password for its owner.
        fs::write(self.ca_file(), &self.authority.pem).unwrap();
        fs::write(self.password_file(), format!("{}\n", self.password)).unwrap();
        fs::set_permissions(self.password_file(), Permissions::from_mode(0o600)).unwrap();
    }

    fn configure(&self, settings: &str) {
        let mut file = File::options().append(true).open(self.data().join("postgresql.conf")).unwrap();
        write!(file, "\n{SETTINGS}{settings}\n").unwrap();
        fs::write(self.data().join("pg_hba.conf"), ACCESS).unwrap();
    }

    /// Starts it on a port that is free.
    fn start_somewhere(&mut self) {
        for _ in 0..PORT_ATTEMPTS {
            self.port = free_port();
            if self.try_start() {
                return;
            }
            // Somebody else took the port in between; anything else would not get better.
            let log = self.log();
            assert!(log.contains("could not bind") || log.contains("could not create any TCP"), "{log}");
        }
        panic!("no free port in {PORTS:?}");
    }

    /// Whether it serves. One that was killed leaves processes that have to end first.
    fn try_start(&mut self) -> bool {
        let mut command = as_server(&self.programs.join("postgres"));
        command.arg("-D").arg(self.data()).args(["-c", &format!("port={}", self.port)]);
        command.args(["-c", "listen_addresses=127.0.0.1", "-c"]);
        command.arg(format!("unix_socket_directories={}", self.socket().display()));
        let mut server = Running::start(&mut command, &self.folder.path().join("log"));
        let pid = server.id().to_string();
        // What `pg_ctl --wait` looks at: the first line is the server's process, the last its state.
        let state = || {
            let text = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
            let mut lines = text.lines();
            (lines.next() == Some(&pid)).then(|| lines.last().unwrap_or_default().trim().to_owned())
        };
        let is_ready = until("PostgreSQL serves or ends", || match state().as_deref() {
            Some("ready" | "standby") => Some(true),
            _ if server.is_running() => None,
            _ => Some(false),
        });
        self.server = is_ready.then_some(server);
        is_ready
    }

    /// Starts it again after an end, on the same port, with what it had.
    pub fn start_again(&mut self) {
        assert!(self.server.is_none(), "it runs");
        until("PostgreSQL starts again", || self.try_start().then_some(()));
    }

    /// Ends it as `systemctl stop` does: connections are cut, everything is on disk.
    pub fn stop(&mut self) {
        self.end(Signal::SIGINT);
    }

    /// Ends it at once, without a checkpoint: the next start recovers from the log.
    pub fn stop_immediately(&mut self) {
        self.end(Signal::SIGQUIT);
    }

    fn end(&mut self, signal: Signal) {
        if let Some(mut server) = self.server.take() {
            server.end_with(signal);
        }
    }

    /// Stops and starts it.
    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// All of its processes are killed, as by a machine that loses its power. (What the kernel has taken is written all the
    /// same.)
    pub fn kill(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let id = server.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        server.kill();
        for child in children.split_whitespace().filter_map(|id| id.parse().ok()).map(Pid::from_raw) {
            // It may have seen its parent's end.
            let _ = kill(child, Signal::SIGKILL);
            until("PostgreSQL's processes are gone", || kill(child, None).is_err().then_some(()));
        }
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.server.as_mut().is_some_and(Running::is_running)
    }

    /// Stops all of its processes without ending them (SIGSTOP), or lets them go on: a server that is there and silent.
    pub fn freeze(&self, frozen: bool) {
        let id = self.server.as_ref().unwrap().id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        let signal = if frozen { Signal::SIGSTOP } else { Signal::SIGCONT };
        let children = children.split_whitespace().filter_map(|id| id.parse().ok());
        for process in std::iter::once(i32::try_from(id).unwrap()).chain(children) {
            // Connections end by themselves as well.
            let _ = kill(Pid::from_raw(process), signal);
        }
    }

    /// What the server has written down.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Where its files are.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder of its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Its port at 127.0.0.1, which the name of the socket has as well.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of who issued the server's.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The password of [`ROLE`], which only the test's user may read.
    pub fn password_file(&self) -> PathBuf {
        self.folder.path().join("password")
    }

    /// A client's certificate and key, as files.
    pub fn client_files(&self, role: &str) -> (PathBuf, PathBuf) {
        let (certificate, key) = self.authority.issue_to(role, &[]);
        let at = |kind: &str| self.folder.path().join(format!("client-{role}.{kind}"));
        fs::write(at("pem"), certificate).unwrap();
        fs::write(at("key"), key).unwrap();
        fs::set_permissions(at("key"), Permissions::from_mode(0o600)).unwrap();
        (at("pem"), at("key"))
    }

    /// An empty database in UTF-8 that belongs to [`ROLE`], and which [`CERTIFIED_ROLE`] may use as well.
    pub fn database(&mut self) -> String {
        self.database_with("")
    }

    /// The same in another encoding, such as `LATIN1`.
    pub fn database_in(&mut self, encoding: &str) -> String {
        self.database_with(&format!(" TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"))
    }

    /// The same in a place of its own, so that its tables can be out of room while the server's log of changes is not.
    pub fn database_on(&mut self, volume: &SmallDisk) -> String {
        self.database_with(&format!(" TABLESPACE {}", volume.name))
    }

    fn database_with(&mut self, options: &str) -> String {
        self.databases += 1;
        let name = format!("platen{}", self.databases);
        self.administer(&format!("CREATE DATABASE {name} OWNER {ROLE}{options}"));
        self.administer_in(&name, &format!("GRANT ALL ON SCHEMA public TO {CERTIFIED_ROLE}"));
        name
    }

    /// The address of a database over the socket: without TLS and password.
    pub fn socket_url(&self, database: &str) -> String {
        Self::url_of(&[self], database)
    }

    /// The same of a database that several servers have, of which one is written to.
    pub fn url_of(servers: &[&Self], database: &str) -> String {
        let places: Vec<String> = servers
            .iter()
            .map(|server| {
                format!("{}:{}", server.socket().display().to_string().replace('/', "%2F"), server.port)
            })
            .collect();
        format!("postgresql://{ROLE}@{}/{database}", places.join(","))
    }

    /// A database over the socket, for a store in the test's process.
    pub fn config(&self, database: &str) -> PostgresConfig {
        PostgresConfig::parse(&self.socket_url(database), PostgresFiles::default()).unwrap()
    }

    /// An empty folder for what a manager keeps beside its database; it goes with the cluster.
    pub fn state(&self) -> PathBuf {
        let number = self.states.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.path().join(format!("state-{number}"));
        fs::create_dir(&path).unwrap();
        path
    }

    /// The address of a database over TCP, for a role.
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgresql://{role}@localhost:{}/{database}", self.port)
    }

    /// Runs statements as the administrator, each in a transaction of its own; what they say, a row a line, with `|`
    /// between columns.
    pub fn administer(&self, sql: &str) -> String {
        self.administer_in(ADMINISTRATOR, sql)
    }

    /// The same in a database.
    pub fn administer_in(&self, database: &str, sql: &str) -> String {
        // The administrator can write where others only read.
        run_ok(self.psql(database).env("PGOPTIONS", "-c default_transaction_read_only=off"), sql)
    }

    /// `psql` of the administrator, which reads statements from its input and ends at the first that fails.
    pub fn psql(&self, database: &str) -> Command {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            ADMINISTRATOR,
            "-d",
            database,
            "-h",
        ]);
        psql.arg(self.socket()).args(["-p", &self.port.to_string()]);
        psql
    }

    /// Changes a setting that needs no restart, for connections that are there and those to come.
    pub fn set(&self, name: &str, value: &str) {
        self.administer(&format!("ALTER SYSTEM SET {name} = {value}; SELECT pg_reload_conf();"));
    }

    /// From now on transactions only read, also of connections that are there: as at a standby. And back.
    pub fn make_read_only(&self, read_only: bool) {
        self.set("default_transaction_read_only", if read_only { "on" } else { "off" });
    }

    /// Cuts all connections to a database, as an administrator does.
    pub fn cut_connections(&self, database: &str) {
        self.administer(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        ));
    }

    /// A small disk for tables of databases. Needs root, and [`super::disk::mounts_of_its_own`] before the cluster starts.
    pub fn small_disk(&self, name: &str, bytes: u64) -> SmallDisk {
        let at = self.folder.path().join(format!("disk-{name}"));
        fs::create_dir(&at).unwrap();
        let volume = Volume::of_size(&at, bytes);
        let tables = at.join("tables");
        fs::create_dir(&tables).unwrap();
        fs::set_permissions(&at, Permissions::from_mode(0o755)).unwrap();
        give_to_server(&tables);
        self.administer(&format!(
            "CREATE TABLESPACE {name} LOCATION '{0}'; GRANT ALL ON TABLESPACE {name} TO {ROLE}",
            tables.display()
        ));
        SmallDisk { name: name.to_owned(), volume }
    }

    /// All of its files on a small disk, its log of changes too; to be called while it is stopped. Needs root, and
    /// [`super::disk::mounts_of_its_own`] before.
    pub fn onto_small_disk(&mut self, bytes: u64) -> Volume {
        assert!(self.server.is_none(), "it runs");
        let volume = Volume::of_size(&self.data(), bytes);
        give_to_server(&self.data());
        volume
    }

    /// A server that follows this one by streaming, and only reads until it is promoted.
    #[must_use]
    pub fn standby(&self) -> Self {
        let mut standby = Self::new(Authority::new(), self.password.clone());
        let mut copy = as_server(&standby.programs.join("pg_basebackup"));
        copy.args(["-R", "-X", "stream", "-c", "fast", "-U", ADMINISTRATOR, "-h"]).arg(self.socket());
        // The server's user makes the folder's contents.
        fs::create_dir(standby.data()).unwrap();
        fs::set_permissions(standby.data(), Permissions::from_mode(0o700)).unwrap();
        give_to_server(&standby.data());
        copy.args(["-p", &self.port.to_string(), "-D"]).arg(standby.data());
        run_ok(&mut copy, "");
        standby.databases = self.databases;
        standby.start_somewhere();
        standby
    }

    /// A standby becomes a server of its own, which is written to.
    pub fn promote(&self) {
        self.administer("SELECT pg_promote(true, 60)");
    }

    /// Waits until a standby has all that this one has committed.
    pub fn until_it_follows(&self, standby: &Self) {
        let end = self.administer("SELECT pg_current_wal_lsn()");
        let has = format!("SELECT pg_last_wal_replay_lsn() >= '{}'", end.trim());
        until("the standby follows", || (standby.administer(&has).trim() == "t").then_some(()));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop_immediately();
    }
}

/// A place for tables that is soon full.
pub struct SmallDisk {
    name: String,
    /// The disk.
    pub volume: Volume,
}

/// The server's programs: of the newest version that is installed.
fn programs() -> PathBuf {
    let versions = fs::read_dir(SERVERS).into_iter().flatten().filter_map(|entry| {
        let path = entry.ok()?.path();
        let version: u32 = path.file_name()?.to_str()?.parse().ok()?;
        path.join("bin/postgres").exists().then(|| (version, path.join("bin")))
    });
    let newest = versions.max_by_key(|(version, _)| *version);
    newest.unwrap_or_else(|| panic!("no PostgreSQL in {SERVERS}: apt-get install postgresql-15")).1
}

/// A command as the server's user where the tests are root's, else as oneself.
fn as_server(program: &Path) -> Command {
    let mut command = if geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", SERVER_USER, "--regid", SERVER_USER, "--init-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    // It is not said in which folder a test runs: the server's user may not be able to enter it.
    command.current_dir("/").env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    command
}

/// Gives a file or folder to the server's user.
fn give_to_server(path: &Path) {
    if geteuid().is_root() {
        let user = User::from_name(SERVER_USER).unwrap();
        let user =
            user.unwrap_or_else(|| panic!("there is no user {SERVER_USER}, as Debian's package makes"));
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
    }
}

/// An empty cluster of this version, made once for a machine.
fn template(programs: &Path) -> PathBuf {
    let version = run_ok(Command::new(programs.join("postgres")).arg("--version"), "");
    let version: String = version.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
    let user = if geteuid().is_root() { SERVER_USER } else { "" };
    let scripts = super::debian::root().join("scripts");
    let mut make = Command::new(scripts.join("cache.sh"));
    make.args(["postgresql", &format!("{version}-{user}")]).arg(scripts.join("postgresql-template.sh"));
    PathBuf::from(run_ok(make.arg(programs).arg(user), "").trim_end()).join("data")
}

/// A port that nobody listens on. Each process begins to look elsewhere.
fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let (span, begin) = (u32::from(PORTS.end - PORTS.start), std::process::id().wrapping_mul(PORT_STEP));
    let candidates = std::iter::repeat_with(|| {
        let number = begin.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % span;
        PORTS.start + u16::try_from(number).unwrap()
    });
    let mut free = candidates.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_keeps_what_it_committed_through_every_end() {
        let mut cluster = Cluster::start();
        let database = cluster.database();
        cluster.administer_in(&database, "CREATE TABLE kept (number BIGINT); INSERT INTO kept VALUES (1)");
        cluster.restart();
        cluster.administer_in(&database, "INSERT INTO kept VALUES (2)");
        cluster.stop_immediately();
        cluster.start_again();
        cluster.administer_in(&database, "INSERT INTO kept VALUES (3)");
        cluster.kill();
        cluster.start_again();
        assert_eq!(cluster.administer_in(&database, "SELECT sum(number) FROM kept").trim(), "6");
    }

    #[test]
    fn a_standby_follows_reads_only_and_is_written_to_once_it_is_promoted() {
        let mut cluster = Cluster::start();
        let database = cluster.database();
        cluster.administer_in(&database, "CREATE TABLE kept (number BIGINT)");
        let standby = cluster.standby();
        cluster.administer_in(&database, "INSERT INTO kept VALUES (7)");
        cluster.until_it_follows(&standby);
        let write = |cluster: &Cluster| {
            let mut psql = cluster.psql(&database);
            super::super::process::run(&mut psql, "INSERT INTO kept VALUES (8)").status.success()
        };
        assert!(!write(&standby));
        cluster.kill();
        standby.promote();
        assert!(write(&standby));
        assert_eq!(standby.administer_in(&database, "SELECT sum(number) FROM kept").trim(), "15");
    }

    #[test]
    fn it_can_be_made_read_only_and_back() {
        let mut cluster = Cluster::start();
        let database = cluster.database();
        cluster.administer_in(
            &database,
            &format!("CREATE TABLE kept (number BIGINT); GRANT ALL ON kept TO {ROLE}"),
        );
        let write = || {
            let mut psql = cluster.psql(&database);
            psql.args(["-U", ROLE]);
            super::super::process::run(&mut psql, "INSERT INTO kept VALUES (8)").status.success()
        };
        cluster.make_read_only(true);
        assert!(!write());
        cluster.make_read_only(false);
        assert!(write());
    }
}
