//! A printer that speaks IPP: CUPS' own `ippeveprinter` (Debian's cups-ipp-utils), which prints into a folder, runs out of paper
//! and gives jobs up as a test says. It announces itself to nobody (`quiet_avahi.c`).

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::process::{Running, until};

/// What becomes of a job: files in the folder say whether there is paper, and whether the printer can.
const PRINTS: &str = r#"#!/bin/sh
here=@HERE@
if [ -e "$here/empty" ]; then
    echo "STATE: +media-empty-error" >&2
    while [ -e "$here/empty" ]; do sleep 0.1; done
    echo "STATE: -media-empty-error" >&2
fi
[ -e "$here/broken" ] && exit 1
count=$(ls "$here/out" | wc -l)
cp "$1" "$here/out/.part" && mv "$here/out/.part" "$here/out/$count.pdf"
"#;

/// A printer that is switched on.
pub struct IppPrinter {
    // Dropped in this order: the process ends before its folder goes.
    _process: Running,
    folder: TempDir,
    /// Where it listens, with and without TLS.
    pub address: SocketAddr,
}

impl IppPrinter {
    /// Switches one on.
    pub fn start() -> Self {
        Self::with_formats("application/pdf")
    }

    /// One that takes documents of these kinds.
    pub fn with_formats(formats: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        for name in ["out", "spool", "keys"] {
            fs::create_dir(here.join(name)).unwrap();
        }
        let (source, quiet, prints) = (here.join("quiet.c"), here.join("quiet.so"), here.join("prints.sh"));
        fs::write(&source, include_str!("quiet_avahi.c")).unwrap();
        let made = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&quiet).arg(&source).status();
        assert!(made.unwrap().success());
        fs::write(&prints, PRINTS.replace("@HERE@", here.to_str().unwrap())).unwrap();
        make_executable(&prints);
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut command = Command::new("/usr/sbin/ippeveprinter");
        command.env("LD_PRELOAD", &quiet).args(["-v", "-k", "-n", "localhost", "-f", formats]);
        command.args(["-p", &port.to_string()]).arg("-d").arg(here.join("spool"));
        command.arg("-K").arg(here.join("keys")).arg("-c").arg(&prints).arg("Office");
        let process = Running::start(&mut command, &here.join("printer.log"));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        until("the printer listens", || TcpStream::connect(address).is_ok().then_some(()));
        Self { _process: process, folder, address }
    }

    /// Its address, as `manager.toml` has it.
    pub fn uri(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}/ipp/print", self.address.port())
    }

    /// Takes the paper out, or puts it in.
    pub fn paper(&self, is_in: bool) {
        self.has("empty", !is_in);
    }

    /// Whether it gives each job up.
    pub fn broken(&self, is: bool) {
        self.has("broken", is);
    }

    fn has(&self, name: &str, is: bool) {
        let file = self.folder.path().join(name);
        if is { fs::write(file, "").unwrap() } else { fs::remove_file(file).unwrap() }
    }

    /// What it has printed, in order.
    pub fn printed(&self) -> Vec<PathBuf> {
        let out = fs::read_dir(self.folder.path().join("out")).unwrap();
        let mut all: Vec<PathBuf> = out.map(|entry| entry.unwrap().path()).collect();
        all.retain(|path| path.extension().is_some_and(|extension| extension == "pdf"));
        all.sort();
        all
    }
}

fn make_executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
