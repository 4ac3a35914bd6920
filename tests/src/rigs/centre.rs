//! A service centre of several managers: one PostgreSQL, and Debian's `HAProxy` before their device listeners, which passes
//! bytes on and knows nothing of what they are.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use tempfile::TempDir;

use super::manager::process::Manager;
use super::postgres::Cluster;
use super::process::{Running, until};

/// From where the balancer connects to the managers; everybody else comes from 127.0.0.1.
pub const BALANCER: &str = "127.0.0.9";

/// Managers on one database, and the way to them.
pub struct Centre {
    // Dropped in this order: whoever asks ends before what is asked.
    balancer: Option<Running>,
    /// The managers; one that was ended stays in its place.
    pub managers: Vec<Manager>,
    /// Their database server.
    pub cluster: Cluster,
    extra: String,
    port: u16,
    folder: TempDir,
}

impl Centre {
    /// Starts so many managers and what is before them.
    pub fn start(managers: usize) -> Self {
        let mut cluster = Cluster::start();
        let database = cluster.database();
        let extra = format!("balancers = [\"{BALANCER}\"]\nstore = \"{}\"\n", cluster.socket_url(&database));
        let first = Manager::start_with(&extra);
        let others: Vec<Manager> = (1..managers).map(|_| first.start_beside(&extra)).collect();
        let managers = std::iter::once(first).chain(others).collect();
        let mut centre = Self {
            balancer: None,
            managers,
            cluster,
            extra,
            port: free_port(),
            folder: TempDir::new().unwrap(),
        };
        centre.balance();
        centre
    }

    /// The address that devices are given.
    pub fn device_url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Ends one at once, as a machine that fails.
    pub fn kill(&mut self, which: usize) {
        self.managers[which].kill();
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
            "global\n    maxconn 4000\ndefaults\n    mode tcp\n    timeout connect 2s\n    timeout client 10m\n    \
             timeout server 10m\n    option redispatch\n    retries 2\nlisten devices\n    bind 127.0.0.1:{}\n    \
             balance leastconn\n    default-server on-marked-down shutdown-sessions\n{}\n",
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

/// A port that nobody has now; the balancer is told which.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
