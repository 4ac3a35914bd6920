//! Debian's squid at the gate, in the foreground, with a configuration of its own: the proxy of a customer.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::rigs::process::{Running, run_ok, until};

use super::bed::{GATE_INSIDE, INTERNET, MANAGER};
use super::namespace::Namespace;

/// Where it listens, at every address of the gate.
pub const PORT: u16 = 3128;
/// Who may use it.
pub const USER: &str = "printer";
/// Their password. Has what a URL would have to escape.
pub const PASSWORD: &str = "p@ss:w0rd/42";
/// Debian's helpers of squid.
const HELPERS: &str = "/usr/lib/squid";
/// The name of the CA of a proxy that inspects.
pub const INSPECTING_CA: &str = "Customer Web Gateway CA";
/// Whose CA it is.
pub const INSPECTING_ORGANISATION: &str = "Customer Inc.";

/// What kind of proxy the customer has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// How users prove who they are.
    pub authentication: Authentication,
    /// Whether it opens TLS and makes certificates of its own.
    pub inspects: bool,
    /// Whether it ends a tunnel in which nothing was said for so long.
    pub idle_limit: Option<Duration>,
}

/// How users prove who they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Authentication {
    /// They need not.
    #[default]
    None,
    /// By name and password.
    Basic,
    /// By Kerberos, and nothing else.
    Negotiate,
}

/// A squid that runs.
pub struct Squid {
    // Dropped in this order: the process ends before its folder goes.
    process: Option<Running>,
    folder: TempDir,
}

impl Squid {
    /// Starts it at the gate. It trusts a manager's CA, and knows the manager's name.
    pub fn start(gate: &Namespace, policy: Policy, manager_ca: &str) -> Self {
        let folder = TempDir::new().unwrap();
        // Squid is started by root and works as a user of its own.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let mut squid = Self { process: None, folder };
        let logs = squid.file("logs");
        fs::create_dir(&logs).unwrap();
        fs::set_permissions(&logs, Permissions::from_mode(0o777)).unwrap();
        let name = |address: &str| format!("{address} {MANAGER}\n");
        fs::write(squid.file("hosts"), name(INTERNET.v4) + &name(INTERNET.v6)).unwrap();
        fs::write(squid.file("manager-ca.pem"), manager_ca).unwrap();
        if policy.authentication == Authentication::Basic {
            let hash = run_ok(Command::new("openssl").args(["passwd", "-apr1", "-stdin"]), PASSWORD);
            fs::write(squid.file("users"), format!("{USER}:{hash}")).unwrap();
        }
        if policy.inspects {
            squid.make_ca();
        }
        fs::write(squid.file("squid.conf"), configuration(squid.folder.path(), policy)).unwrap();
        let mut command = gate.command("squid");
        command.arg("-N").arg("-f").arg(squid.file("squid.conf"));
        squid.process = Some(Running::start(&mut command, &squid.file("squid.log")));
        until("squid accepts connections", || {
            let log = fs::read_to_string(squid.file("logs/cache.log")).ok()?;
            log.contains("Accepting").then_some(())
        });
        squid
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A CA, and the store of the certificates that it makes for others' names.
    fn make_ca(&self) {
        let subject = format!("/O={INSPECTING_ORGANISATION}/CN={INSPECTING_CA}");
        run_ok(
            Command::new("openssl")
                .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
                .args(["-days", "30", "-subj", &subject, "-keyout"])
                .arg(self.file("ca.key"))
                .arg("-out")
                .arg(self.ca_file()),
            "",
        );
        let both = [self.ca_file(), self.file("ca.key")].map(|file| fs::read_to_string(file).unwrap());
        fs::write(self.file("ca-and-key.pem"), both.concat()).unwrap();
        let store = self.file("certificates");
        let mut make = Command::new(Path::new(HELPERS).join("security_file_certgen"));
        run_ok(make.args(["-c", "-s"]).arg(&store).args(["-M", "4MB"]), "");
        run_ok(Command::new("chown").args(["-R", "proxy:proxy"]).arg(&store), "");
    }

    /// The CA of a proxy that inspects, in PEM: what the customer's administrator hands out.
    pub fn ca_file(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// A line for each request and tunnel that is over.
    pub fn access_log(&self) -> String {
        fs::read_to_string(self.file("logs/access.log")).unwrap_or_default()
    }

    /// The addresses under which a site reaches it: by IPv4, and by IPv6.
    pub fn urls() -> [String; 2] {
        [format!("http://{}:{PORT}", GATE_INSIDE.v4), format!("http://[{}]:{PORT}", GATE_INSIDE.v6)]
    }
}

impl Drop for Squid {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.file("logs/cache.log")).unwrap_or_default();
            eprintln!("--- squid\n{log}--- its access log\n{}", self.access_log());
        }
    }
}

/// CONNECT to port 443, for whom the policy lets in, and nothing else.
fn configuration(folder: &Path, policy: Policy) -> String {
    let at = |name: &str| folder.join(name).display().to_string();
    let listen = if policy.inspects {
        format!(
            "http_port [::]:{PORT} ssl-bump cert={} generate-host-certificates=on \
             dynamic_cert_mem_cache_size=1MB\n\
             sslcrtd_program {HELPERS}/security_file_certgen -s {} -M 4MB\n\
             sslcrtd_children 1 startup=1 idle=1\n\
             ssl_bump bump all\n",
            at("ca-and-key.pem"),
            at("certificates"),
        )
    } else {
        format!("http_port [::]:{PORT}\n")
    };
    let authentication = match policy.authentication {
        Authentication::None => String::new(),
        Authentication::Basic => format!(
            "auth_param basic program {HELPERS}/basic_ncsa_auth {}\nauth_param basic realm customer\n",
            at("users")
        ),
        // It is never asked anything: whoever has no ticket does not get that far.
        Authentication::Negotiate => "auth_param negotiate program /bin/cat\n".to_owned(),
    };
    let allow = match policy.authentication {
        Authentication::None => "http_access allow all\n",
        _ => "acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n",
    };
    let idle = policy.idle_limit.map_or(String::new(), |limit| {
        let seconds = limit.as_secs();
        format!("read_timeout {seconds} seconds\nclient_lifetime 1 hour\nrequest_timeout {seconds} seconds\n")
    });
    format!(
        "{listen}visible_hostname proxy.customer.example\nhosts_file {hosts}\ndns_nameservers 127.0.0.1\n\
         tls_outgoing_options cafile={ca}\n\
         pid_filename none\ncache deny all\nnetdb_filename none\npinger_enable off\ncoredump_dir {logs}\n\
         cache_log {logs}/cache.log\naccess_log stdio:{logs}/access.log\nlogfile_rotate 0\n\
         shutdown_lifetime 0 seconds\n\
         {authentication}{idle}\
         acl https port 443\nhttp_access deny CONNECT !https\n{plain}{allow}",
        hosts = at("hosts"),
        ca = at("manager-ca.pem"),
        logs = at("logs"),
        // What is inside an opened tunnel is a request like any other.
        plain = if policy.inspects { "" } else { "http_access deny !CONNECT\n" },
    )
}
