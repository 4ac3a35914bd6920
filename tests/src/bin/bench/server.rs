//! What is measured side by side: the manager, and Debian's mosquitto and nginx with nchan, each on 127.0.0.1 with mutual
//! TLS by one authority.

use std::fs::{self, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::pki::Pki;
use platen_tests::rigs::process::{Running, until};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::machine::{bind, cpu_nanoseconds, family, memory};

/// The processor of what is measured. Whatever asks it runs on the other one.
pub(crate) const SERVER_CORE: usize = 0;
/// The processor of the clients.
pub(crate) const CLIENT_CORE: usize = 1;
/// Debian's module of nginx.
const NCHAN: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";
/// Where peers listen.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// How far apart processes with neighbouring ids begin to look: a prime.
const PORT_STEP: u32 = 89;
/// How many ports were looked at before.
static TAKEN: AtomicU32 = AtomicU32::new(0);
/// A server is at rest when it used less than this part of its processor...
const REST: f64 = 0.03;
/// ... in so many stretches one after the other ...
const REST_STRETCHES: u32 = 4;
/// ... of this length.
const STRETCH: Duration = Duration::from_millis(50);
/// It must be at rest within this.
const REST_WITHIN: Duration = Duration::from_secs(120);

/// Which version of HTTP a device speaks with the manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Http {
    One,
    Two,
}

/// The version that the agent speaks: the goals are asked of this one.
pub(crate) const AGENT_SPEAKS: Http = Http::One;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Manager(Http),
    Mosquitto,
    Nchan,
}

impl Kind {
    /// The peers of a manager.
    pub(crate) const PEERS: [Self; 2] = [Self::Mosquitto, Self::Nchan];
    /// The manager as its agents use it.
    pub(crate) const OURS: Self = Self::Manager(AGENT_SPEAKS);

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Manager(Http::One) => "manager, HTTP/1.1",
            Self::Manager(Http::Two) => "manager, HTTP/2",
            Self::Mosquitto => "mosquitto",
            Self::Nchan => "nginx + nchan",
        }
    }

    /// What its clients offer in their handshake.
    pub(crate) const fn protocols(self) -> &'static [&'static [u8]] {
        match self {
            Self::Manager(Http::Two) => &[b"h2"],
            Self::Manager(Http::One) | Self::Nchan => &[b"http/1.1"],
            Self::Mosquitto => &[],
        }
    }

    /// Why it cannot be measured here, if so.
    pub(crate) fn missing(self) -> Option<String> {
        let (program, module, package) = match self {
            Self::Manager(_) => return None,
            Self::Mosquitto => ("mosquitto", None, "mosquitto"),
            Self::Nchan => ("nginx", Some(NCHAN), "nginx libnginx-mod-nchan"),
        };
        let there = installed(program).is_some() && module.is_none_or(|module| Path::new(module).exists());
        (!there).then(|| format!("{} is not installed; run: apt-get install {package}", self.name()))
    }
}

/// Where a program of Debian is. Those of services are not in everybody's `PATH`.
pub(crate) fn installed(program: &str) -> Option<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    folders.iter().map(|folder| Path::new(folder).join(program)).find(|path| path.is_file())
}

enum Host {
    Manager(Box<Manager>),
    // Dropped in this order: the process ends before its files go.
    Peer { process: Stopped, _folder: TempDir },
}

/// A peer that is asked to end, so that it ends its own processes.
struct Stopped(Running);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// One that runs.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    /// Where devices come in.
    pub(crate) port: u16,
    host: Host,
}

impl Server {
    /// A manager that runs, whose devices speak one version of HTTP.
    pub(crate) fn of_manager(manager: Manager, http: Http) -> Self {
        let server = Self {
            kind: Kind::Manager(http),
            port: manager.device_port(),
            host: Host::Manager(Box::new(manager)),
        };
        server.bind();
        server
    }

    /// Starts a peer of the manager.
    pub(crate) fn start_peer(kind: Kind, pki: &Pki) -> Self {
        let folder = TempDir::new().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let port = free_port();
        let file = folder.path().join("configuration");
        let (text, mut command) = match kind {
            Kind::Mosquitto => {
                let mut command = Command::new(installed("mosquitto").unwrap());
                command.arg("-c").arg(&file);
                (mosquitto(port, pki), command)
            }
            Kind::Nchan => {
                let mut command = Command::new(installed("nginx").unwrap());
                command.args(["-e", "stderr", "-p"]).arg(folder.path()).arg("-c").arg(&file);
                (nchan(port, pki, folder.path()), command)
            }
            Kind::Manager(_) => unreachable!("it is no peer of itself"),
        };
        fs::write(&file, text).unwrap();
        let mut running = Running::start(&mut command, &folder.path().join("log"));
        until("the server accepts connections", || {
            assert!(running.is_running(), "{} ended:\n{}", kind.name(), running.log());
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        let server = Self { kind, port, host: Host::Peer { process: Stopped(running), _folder: folder } };
        server.bind();
        server
    }

    /// The manager, if it is one.
    pub(crate) fn manager(&self) -> Option<&Manager> {
        match &self.host {
            Host::Manager(manager) => Some(manager),
            Host::Peer { .. } => None,
        }
    }

    fn processes(&self) -> Vec<u32> {
        match &self.host {
            Host::Manager(manager) => vec![manager.id()],
            Host::Peer { process, .. } => family(process.0.id()),
        }
    }

    fn bind(&self) {
        for process in self.processes() {
            bind(process, SERVER_CORE);
        }
    }

    /// Bytes of memory that are resident, of all its processes.
    pub(crate) fn resident(&self) -> f64 {
        self.processes().into_iter().map(|process| memory(process, "Rss:")).sum()
    }

    /// Nanoseconds of processor time, of all its processes.
    pub(crate) fn cpu(&self) -> u64 {
        self.processes().into_iter().map(cpu_nanoseconds).sum()
    }

    /// Waits until it does nothing any more, and says since when. So it is the same for servers that tell a client when it
    /// is parked and for those that do not, and asking costs the server nothing.
    pub(crate) async fn at_rest(&self) -> Instant {
        let begin = Instant::now();
        let (mut since, mut stretches, mut before) = (begin, 0, self.cpu());
        while stretches < REST_STRETCHES {
            assert!(begin.elapsed() < REST_WITHIN, "{} does not come to rest", self.kind.name());
            tokio::time::sleep(STRETCH).await;
            let now = self.cpu();
            if (now - before) as f64 / 1e9 > STRETCH.as_secs_f64() * REST {
                (since, stretches) = (Instant::now(), 0);
            } else {
                stretches += 1;
            }
            before = now;
        }
        since
    }
}

/// Free a moment ago: these servers cannot tell which port the kernel gave them. Below those that it gives to
/// connections, and zabbix-agent takes no higher one.
pub(crate) fn free_port() -> u16 {
    let ports = u32::from(PORTS.end - PORTS.start);
    let begin = std::process::id().wrapping_mul(PORT_STEP);
    let mut candidates = (0..ports).map(|place| {
        let place = begin.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed) + place) % ports;
        PORTS.start + u16::try_from(place).unwrap()
    });
    candidates.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

/// A broker as Debian's example has it, with mutual TLS and room for all. It writes nothing to disk.
fn mosquitto(port: u16, pki: &Pki) -> String {
    let [certificate, key, ca] = pki.server_files().map(|path| path.display().to_string());
    format!(
        "user root\nlistener {port} 127.0.0.1\ncafile {ca}\ncertfile {certificate}\nkeyfile {key}\n\
         require_certificate true\ntls_version tlsv1.3\nallow_anonymous true\nmax_connections -1\n\
         persistence false\nlog_type error\nlog_dest stderr\n"
    )
}

/// One worker. A device polls `/sub/NAME`, whoever wakes it posts to `/pub/NAME`; a message is kept for the second that a
/// device may be between two polls.
fn nchan(port: u16, pki: &Pki, folder: &Path) -> String {
    let [certificate, key, ca] = pki.server_files().map(|path| path.display().to_string());
    let temporary: Vec<String> = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {}/{kind};\n", folder.display()))
        .collect();
    let temporary = temporary.concat();
    format!(
        "load_module {NCHAN};\nuser root;\nworker_processes 1;\nworker_rlimit_nofile 20000;\ndaemon off;\n\
         pid {folder}/pid;\nerror_log stderr warn;\nevents {{ worker_connections 19000; }}\nhttp {{\n\
         access_log off;\n{temporary}nchan_shared_memory_size 256M;\n\
         server {{\nlisten 127.0.0.1:{port} ssl backlog=4096;\nssl_certificate {certificate};\n\
         ssl_certificate_key {key};\nssl_client_certificate {ca};\nssl_verify_client on;\nssl_protocols TLSv1.3;\n\
         ssl_session_cache shared:devices:16m;\nkeepalive_timeout 300s;\nkeepalive_requests 100000;\n\
         location ~ ^/sub/(.+)$ {{ nchan_subscriber longpoll; nchan_channel_id $1;\n\
         nchan_subscriber_first_message newest; nchan_subscriber_timeout 300s; }}\n\
         location ~ ^/pub/(.+)$ {{ nchan_publisher; nchan_channel_id $1; nchan_message_timeout 1s;\n\
         nchan_message_buffer_length 1; }}\n}}\n}}\n",
        folder = folder.display(),
    )
}
