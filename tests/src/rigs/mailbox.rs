//! A mail server of the test's own: Debian's aiosmtpd, which keeps what it is given, or misbehaves as it is told.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::{Running, until};

/// Debian's own, which has its packages; another one may come first in the path.
const PYTHON: &str = "/usr/bin/python3";
/// The program: what it keeps is a file a mail, as it came.
const PROGRAM: &str = r#"
import asyncio, os, ssl, sys
from aiosmtpd.controller import Controller
folder, certificate, key, mode = sys.argv[1:5]
count = 0
class Handler:
    async def handle_DATA(self, server, session, envelope):
        global count
        if mode == "slow":
            await asyncio.sleep(3600)
        if os.path.exists(os.path.join(folder, "refuse")):
            return "451 not now"
        count += 1
        name = os.path.join(folder, "%04d.eml" % count)
        with open(name + ".part", "wb") as file:
            file.write(b"X-To: " + ",".join(envelope.rcpt_tos).encode() + b"\r\n" + envelope.content)
        os.rename(name + ".part", name)
        return "250 taken"
arguments = {}
if certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    arguments = {"tls_context": context, "require_starttls": True}
port = int(sys.argv[5])
controller = Controller(Handler(), hostname="127.0.0.1", port=port, **arguments)
controller.start()
print("listening", flush=True)
import time
while True:
    time.sleep(3600)
"#;

/// A server that runs.
pub struct Mailbox {
    // Dropped in this order: the process ends before its folder goes.
    _process: Running,
    folder: TempDir,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Mailbox {
    /// Without TLS.
    pub fn open() -> Self {
        Self::start("open", None)
    }

    /// With STARTTLS, by a certificate and its key.
    pub fn with_tls(certificate: &Path, key: &Path) -> Self {
        Self::start("open", Some((certificate, key)))
    }

    /// One that takes an hour for each mail.
    pub fn slow() -> Self {
        Self::start("slow", None)
    }

    fn start(mode: &str, tls: Option<(&Path, &Path)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port =
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let log = folder.path().join("server.log");
        let (certificate, key) = tls.map_or((PathBuf::new(), PathBuf::new()), |(certificate, key)| {
            (certificate.to_owned(), key.to_owned())
        });
        let mut command = Command::new(PYTHON);
        command
            .arg("-c")
            .arg(PROGRAM)
            .arg(folder.path())
            .args([&certificate, &key])
            .arg(mode)
            .arg(port.to_string());
        let process = Running::start(&mut command, &log);
        until("the mail server listens", || process.log().contains("listening").then_some(()));
        Self { _process: process, folder, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) }
    }

    /// From now on it refuses what it is given, or takes it again.
    pub fn refuse(&self, refuse: bool) {
        let file = self.folder.path().join("refuse");
        if refuse { fs::write(file, "").unwrap() } else { fs::remove_file(file).unwrap() }
    }

    /// What it was given, in order.
    pub fn mails(&self) -> Vec<String> {
        let files = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|kind| kind == "eml")).collect();
        files.sort();
        files.iter().map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()).collect()
    }
}
