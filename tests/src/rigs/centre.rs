//! A service centre of several managers: one PostgreSQL, with a standby or without, and Debian's `HAProxy` before their
//! device listeners, which passes bytes on and knows nothing of what they are.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use tempfile::TempDir;

use super::manager::process::{Manager, Stand};
use super::pki::{DEVICES_AT_ONCE, Identity, Pki, devices};
use super::postgres::Cluster;
use super::process::{Running, until};

/// From where the balancer connects to the managers; everybody else comes from 127.0.0.1.
pub const BALANCER: &str = "127.0.0.9";
/// Connections that the balancer takes at least.
const CONNECTIONS: usize = 4_000;

/// How a centre is to be started.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// So many managers.
    pub managers: usize,
    /// Lines for the configuration of each.
    pub lines: &'a str,
    /// Whether a standby follows the database server, and every commit waits until it is on the disks of both.
    pub standby: bool,
    /// An authority, and devices that it has let in.
    pub fleet: Option<(&'a Pki, &'a [Identity])>,
}

/// Managers on one database, and the way to them.
pub struct Centre {
    // Dropped in this order: whoever asks ends before what is asked.
    balancer: Option<Running>,
    /// The managers; one that was ended stays in its place.
    pub managers: Vec<Manager>,
    /// Their database server: the one that is written to.
    pub cluster: Cluster,
    standby: Option<Cluster>,
    database: String,
    extra: String,
    port: u16,
    connections: usize,
    folder: TempDir,
}

impl Centre {
    /// Starts so many managers and what is before them.
    pub fn start(managers: usize) -> Self {
        Self::start_with(Plan { managers, lines: "", standby: false, fleet: None })
    }

    /// Starts what is planned.
    pub fn start_with(plan: Plan<'_>) -> Self {
        let mut cluster = Cluster::start();
        let database = cluster.database();
        let standby = plan.standby.then(|| cluster.standby());
        if standby.is_some() {
            // Not before: the standby has none itself, and is not to wait for one when it is promoted.
            cluster.set("synchronous_standby_names", "'*'");
        }
        let servers: Vec<&Cluster> = std::iter::once(&cluster).chain(&standby).collect();
        let store = Cluster::url_of(&servers, &database);
        let extra = format!("balancers = [\"{BALANCER}\"]\nstore = \"{store}\"\n{}", plan.lines);
        let first = first(&extra, plan.fleet, &cluster, &database);
        let others: Vec<Manager> = (1..plan.managers).map(|_| first.start_beside(&extra)).collect();
        let managers = std::iter::once(first).chain(others).collect();
        let devices = plan.fleet.map_or(0, |(_, identities)| identities.len());
        let mut centre = Self {
            balancer: None,
            managers,
            cluster,
            standby,
            database,
            extra,
            port: free_port(),
            // Each device has one; when they come back, those that are gone may still be there.
            connections: CONNECTIONS.max(devices + devices / 2),
            folder: TempDir::new().unwrap(),
        };
        centre.balance();
        centre
    }

    /// The port that devices are given.
    pub const fn device_port(&self) -> u16 {
        self.port
    }

    /// The address that devices are given.
    pub fn device_url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// What the database answers: a row a line, with `|` between columns.
    pub fn ask(&self, sql: &str) -> String {
        self.cluster.administer_in(&self.database, sql)
    }

    /// Ends one at once, as a machine that fails.
    pub fn kill(&mut self, which: usize) {
        self.managers[which].kill();
    }

    /// That one is there again.
    pub fn resume(&mut self, which: usize) {
        self.managers[which].resume();
    }

    /// The standby is written to from now on; the server that was is dead and does not come back.
    pub fn promote_standby(&mut self) {
        assert!(!self.cluster.is_running(), "there would be two that are written to");
        let standby = self.standby.take().unwrap();
        standby.promote();
        self.cluster = standby;
    }

    /// One more manager comes to the others.
    pub fn add(&mut self) {
        let another = self.managers[0].start_beside(&self.extra);
        self.managers.push(another);
        self.balance();
    }

    /// Starts the balancer for the managers that there are.
    fn balance(&mut self) {
        self.balancer = None;
        let servers: Vec<String> = self
            .managers
            .iter()
            .enumerate()
            .map(|(number, manager)| {
                format!(
                    "    server m{number} 127.0.0.1:{} source {BALANCER} send-proxy-v2 check check-send-proxy inter 250 fall 2 rise 1",
                    manager.device_port()
                )
            })
            .collect();
        let text = format!(
            "global\n    maxconn {}\ndefaults\n    mode tcp\n    timeout connect 2s\n    timeout client 10m\n    \
             timeout server 10m\n    option redispatch\n    retries 2\nlisten devices\n    bind 127.0.0.1:{}\n    \
             balance leastconn\n    default-server on-marked-down shutdown-sessions\n{}\n",
            self.connections,
            self.port,
            servers.join("\n")
        );
        let file = self.folder.path().join("haproxy.cfg");
        fs::write(&file, text).unwrap();
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&file);
        self.balancer = Some(Running::start(&mut command, &self.folder.path().join("haproxy.log")));
        until("the balancer listens", || std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok());
    }
}

/// The first manager, which knows these devices from its start.
fn first(extra: &str, fleet: Option<(&Pki, &[Identity])>, cluster: &Cluster, database: &str) -> Manager {
    let Some((pki, identities)) = fleet else { return Manager::start_with(extra) };
    let mut manager = Manager::prepared(Stand::default(), extra);
    pki.plant(&manager.state());
    manager.add_operator();
    for some in identities.chunks(DEVICES_AT_ONCE) {
        cluster.administer_in(database, &devices(some));
    }
    manager.resume();
    manager.configure(extra);
    manager
}

/// A port that nobody has now; the balancer is told which.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
