//! nginx, Caddy and `HAProxy`, as Debian has them, before the operators' listener: with a configuration of
//! `docs/reverse-proxy.md`, or another one.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::debian::root;
use super::manager::process::Manager;
use super::process::{Running, run_ok, until};

/// The name of the site, as in the guide.
pub const SITE: &str = "platen.example.org";
/// Its port here, where a test that is not root may listen.
const PORT: u16 = 8443;
/// Where proxies reach the manager, in the guide.
const MANAGER: &str = "127.0.0.1:8080";
/// The name in the manager's certificate, in the guide.
const MANAGER_NAME: &str = "manager.example.org";
/// The folder of certificates in the guide.
const FILES: &str = "/etc/ssl/platen";

/// Which proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// nginx.
    Nginx,
    /// Caddy.
    Caddy,
    /// `HAProxy`.
    Haproxy,
}

impl Kind {
    /// The language of its configuration in the guide; its program is called so as well.
    const fn word(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::Haproxy => "haproxy",
        }
    }
}

/// What stands in the guide in the one block of a language.
pub fn documented(language: &str) -> String {
    let guide = fs::read_to_string(root().join("docs/reverse-proxy.md")).unwrap();
    let begin = format!("```{language}\n");
    let mut blocks = guide.split(&begin).skip(1);
    let block = blocks.next().unwrap_or_else(|| panic!("the guide has no block of {language}"));
    assert!(blocks.next().is_none(), "the guide has one block of {language}");
    block.split_once("```").unwrap().0.to_owned()
}

/// The origin of the site, as browsers write it.
pub fn origin() -> String {
    format!("https://{SITE}:{PORT}")
}

/// The lines that the guide has for a manager behind a proxy, for the site of the tests. The address of the listener is
/// the test's own.
pub fn manager_lines() -> String {
    let documented = documented("toml");
    let (_, operators) = documented.split_once("[operators]").unwrap();
    replaced(&format!("[operators]{operators}"), &format!("https://{SITE}"), &origin())
}

/// With something else in the place of what must be there.
fn replaced(text: &str, what: &str, by: &str) -> String {
    assert!(text.contains(what), "the guide has {what}:\n{text}");
    text.replace(what, by)
}

/// A proxy that runs.
pub struct ReverseProxy {
    // Dropped in this order: the process ends before its folder goes.
    process: Option<Running>,
    folder: TempDir,
    address: Ipv4Addr,
}

/// Asked to end, nginx ends its workers as well.
impl Drop for ReverseProxy {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            process.stop();
        }
    }
}

impl ReverseProxy {
    /// Starts one as the guide has it.
    pub fn documented(kind: Kind, manager: &Manager) -> Self {
        let block = documented(kind.word());
        let block = replaced(&block, MANAGER_NAME, "localhost");
        Self::start(kind, &replaced(&block, FILES, "FILES"), manager)
    }

    /// Starts an nginx whose `location` has these lines, which name the manager as the guide does.
    pub fn nginx(lines: &str, manager: &Manager) -> Self {
        let server = format!(
            "server {{\nlisten 443 ssl;\nssl_certificate FILES/site.pem;\nssl_certificate_key FILES/site.key;\n\
             location / {{\n{lines}\n}}\n}}\n"
        );
        Self::start(Kind::Nginx, &server, manager)
    }

    fn start(kind: Kind, block: &str, manager: &Manager) -> Self {
        let folder = TempDir::new().unwrap();
        // nginx is started by root and works as a user of its own.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let mut proxy = Self { process: None, folder, address: own_address() };
        proxy.make_certificates(manager);
        let here = proxy.folder.path().display().to_string();
        let block = block.replace("FILES", &here);
        let block = replaced(&block, MANAGER, &format!("127.0.0.1:{}", manager.operator_port()));
        let address = proxy.socket();
        let text = match kind {
            Kind::Nginx => {
                within_nginx(&replaced(&block, "listen 443 ssl", &format!("listen {address} ssl")), &here)
            }
            Kind::Caddy => within_caddy(&replaced(
                &block,
                &format!("{SITE} {{"),
                &format!("{} {{\n\tbind {}", origin(), proxy.address),
            )),
            Kind::Haproxy => within_haproxy(&replaced(&block, "bind :443", &format!("bind {address}"))),
        };
        let file = proxy.file("configuration");
        fs::write(&file, text).unwrap();
        let mut command = Command::new(kind.word());
        match kind {
            Kind::Nginx => command.args(["-e", "stderr", "-p"]).arg(proxy.folder.path()).arg("-c").arg(file),
            Kind::Caddy => command
                .args(["run", "--adapter", "caddyfile", "--config"])
                .arg(file)
                .env("HOME", proxy.folder.path())
                .env("XDG_CONFIG_HOME", proxy.folder.path())
                .env("XDG_DATA_HOME", proxy.folder.path()),
            // In the foreground.
            Kind::Haproxy => command.arg("-db").arg("-f").arg(file),
        };
        let mut process = Running::start(&mut command, &proxy.file("log"));
        until("the reverse proxy accepts connections", || {
            assert!(process.is_running(), "{kind:?} ended:\n{}", process.log());
            TcpStream::connect(address).ok()
        });
        proxy.process = Some(process);
        proxy
    }

    fn make_certificates(&self, manager: &Manager) {
        let names = vec![SITE.to_owned(), self.address.to_string()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        fs::write(self.ca_file(), &certificate).unwrap();
        fs::write(self.file("site.key"), &key).unwrap();
        fs::write(self.file("site-and-key.pem"), certificate + &key).unwrap();
        fs::write(self.file("manager-ca.pem"), manager.ca()).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ca_file(&self) -> PathBuf {
        self.file("site.pem")
    }

    fn socket(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.address, PORT)
    }

    /// The site by its address, for a browser that does not know its name.
    pub fn url(&self) -> String {
        format!("https://{}", self.socket())
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.process.as_ref().map_or_else(String::new, Running::log)
    }

    /// Somebody who comes to the site from an address of this machine.
    pub fn person(&self, from: Ipv4Addr) -> Person<'_> {
        Person { proxy: self, from }
    }
}

/// An address of this machine that no other test has: tests are processes of their own.
fn own_address() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 | (high & 63), middle, low.max(1))
}

/// What Debian has around it, as far as it matters here.
fn within_nginx(server: &str, folder: &str) -> String {
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {folder}/{what};\n"))
        .concat();
    format!(
        "daemon off;\npid {folder}/nginx.pid;\nworker_processes 1;\nevents {{}}\n\
         http {{\naccess_log off;\ngzip on;\n{folders}{server}}}\n"
    )
}

fn within_caddy(site: &str) -> String {
    format!("{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{site}")
}

/// The defaults are Debian's.
fn within_haproxy(sections: &str) -> String {
    format!(
        "defaults\n    timeout connect 5000\n    timeout client 50000\n    timeout server 50000\n{sections}"
    )
}

/// Somebody with curl, who is whom they say they are.
#[derive(Clone, Copy)]
pub struct Person<'a> {
    proxy: &'a ReverseProxy,
    from: Ipv4Addr,
}

/// What the site answered.
#[derive(Debug)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    head: String,
    /// The body.
    pub body: String,
}

impl Page {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The cookie of a session that has begun.
    pub fn cookie(&self) -> String {
        let cookie = self.header("set-cookie").unwrap_or_else(|| panic!("no session: {self:?}"));
        cookie.split(';').next().unwrap().to_owned()
    }

    /// Seconds after which it says to come again.
    pub fn retry_after(&self) -> u64 {
        self.header("retry-after").unwrap_or_else(|| panic!("no Retry-After: {self:?}")).parse().unwrap()
    }
}

impl Person<'_> {
    fn curl(&self, path: &str, headers: &[&str]) -> Command {
        let mut curl = Command::new("curl");
        curl.arg("-sS").arg("--cacert").arg(self.proxy.ca_file());
        curl.args(["--interface", &self.from.to_string()]);
        curl.args(["--resolve", &format!("{SITE}:{PORT}:{}", self.proxy.address)]);
        for header in headers {
            curl.args(["-H", header]);
        }
        curl.arg(format!("{}{path}", origin()));
        curl
    }

    /// Gets a page.
    pub fn get(&self, path: &str, headers: &[&str]) -> Page {
        page(&mut self.curl(path, headers))
    }

    /// Posts the form of the sign-in, as a browser that says from which page it comes and no more.
    pub fn sign_in(&self, name: &str, password: &str, headers: &[&str]) -> Page {
        let mut curl = self.curl("/sign-in", headers);
        curl.args(["-H", &format!("Origin: {}", origin())]);
        curl.args(["--data-urlencode", &format!("name={name}")]);
        page(curl.args(["--data-urlencode", &format!("password={password}")]))
    }

    /// Opens the stream of events; what comes is in the log.
    pub fn events(&self, cookie: &str, log: &Path) -> Running {
        let mut curl = self.curl("/api/v1/events", &[&format!("Cookie: {cookie}")]);
        Running::start(curl.arg("--no-buffer"), log)
    }
}

fn page(curl: &mut Command) -> Page {
    let text = run_ok(curl.args(["--include", "--max-time", "60"]), "");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
    let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    Page { status, head: head.to_owned(), body: body.to_owned() }
}
