//! A Debian guest with a real Linux kernel, in QEMU without acceleration.
//!
//! `tests/guest/build.sh` makes its files. This starts it, runs commands in it and brings files into it.
//! The PC's I2C bus and GPIO lines are devices of [`crate::guests::vhost`], which run in this process; the
//! [Raspberry Pi](raspberry_pi) has its own.
//!
//! ```text
//! this process                              QEMU                       guest
//! Guest::run   -- port.sock ------- virtio serial port ------ guest-shell (tests/guest/overlay)
//! push_file    -- share/ ---------- 9p, read only ----------- /run/share
//! vhost::i2c   -- GuestOptions::i2c vhost-user-i2c-pci ------ /dev/i2c-0
//! vhost::gpio  -- GuestOptions::gpio vhost-user-gpio-pci ---- /dev/gpiochip0
//! 127.0.0.1                       user-mode network --------- HOST_ADDRESS
//! ```

mod channel;
mod command_line;
mod error;
mod monitor;
pub mod raspberry_pi;
mod tcp_share;
pub mod vhost;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use channel::ChannelError;
pub use error::GuestError;

use channel::Channel;
use command_line::arguments;

/// The host's loopback, seen from the guest: a server on 127.0.0.1 is reached here, at the same port.
pub const HOST_ADDRESS: &str = "10.0.2.2";

/// From QEMU's start to a PC that is up. An idle machine takes about 12 s; a busy one several times that.
pub const BOOT_LIMIT: Duration = Duration::from_secs(180);
/// dpkg unpacks and starts a service, on an emulated processor.
const INSTALL_LIMIT: Duration = Duration::from_secs(300);
/// What [`Guest::run`] gives a command.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(60);
/// QEMU connects to the command channel before it starts the guest, so this is only its own start.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// How often a condition that cannot be waited for is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// Systemd does not wait for every driver, nor for the network's address.
const WAIT_UNTIL_UP: &str = "
    systemctl is-system-running --wait || { systemctl --failed; exit 1; }
    udevadm settle || exit 1
    until ip -4 route show default | grep -q via; do sleep 0.1; done";
/// What an error shows of the console, in bytes: its end tells what went wrong.
const CONSOLE_SHOWN: usize = 4096;

/// What the guest is made of.
#[derive(Debug, Clone)]
pub struct GuestFiles {
    kernel: PathBuf,
    initrd: PathBuf,
    root: PathBuf,
}

impl GuestFiles {
    /// A PC's files, from the cache outside the tree; where they are not there yet they are built, which takes minutes
    /// and needs root.
    pub fn pc() -> Result<Self, GuestError> {
        Ok(Self::in_folder(&built("pc")?))
    }

    fn in_folder(folder: &Path) -> Self {
        Self {
            kernel: folder.join("vmlinuz"),
            initrd: folder.join("initrd.img"),
            root: folder.join("root.ext4"),
        }
    }
}

/// The folder with the files of a machine of `tests/guest/machine/`.
fn built(machine: &str) -> Result<PathBuf, GuestError> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/build.sh");
    let output = Command::new(&script)
        .arg(machine)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| GuestError::System { what: "tests/guest/build.sh cannot be run", source })?;
    if !output.status.success() {
        return Err(GuestError::Build { status: output.status });
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end()))
}

/// What may differ between PCs.
#[derive(Debug, Clone)]
pub struct GuestOptions {
    /// Sockets of devices of [`crate::guests::vhost::i2c`], which already listen: `/dev/i2c-0` and so on.
    pub i2c: Vec<PathBuf>,
    /// Socket of a device of [`crate::guests::vhost::gpio`], which already listens; without one there is no GPIO.
    pub gpio: Option<PathBuf>,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// More words for the kernel's command line.
    pub kernel_arguments: String,
    /// A disk of [`Disk`] that keeps what is written; without one it is as before when the guest has ended.
    pub disk: Option<PathBuf>,
}

impl Default for GuestOptions {
    fn default() -> Self {
        // A small Raspberry Pi's memory.
        Self { i2c: Vec::new(), gpio: None, memory_mib: 512, kernel_arguments: String::new(), disk: None }
    }
}

/// A disk that outlives its guests: what one has written, over the files of [`GuestFiles`].
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
}

impl Disk {
    /// A disk that is like a new guest's, in a folder that has to be there as long as the disk is used.
    pub fn new(files: &GuestFiles, folder: &Path) -> Result<Self, GuestError> {
        let path = folder.join("disk.qcow2");
        let mut make = Command::new("qemu-img");
        make.args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"]).arg(&files.root).arg(&path);
        let status =
            make.status().map_err(|source| GuestError::System { what: "qemu-img cannot be run", source })?;
        if status.success() { Ok(Self { path }) } else { Err(GuestError::Build { status }) }
    }

    /// For [`GuestOptions::disk`].
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }
}

/// What a command in the guest did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The shell's exit status; 128 and more for a signal.
    pub status: u8,
    /// What it printed, standard output and standard error as they came.
    pub text: String,
}

/// How files come into a guest.
#[derive(Debug, Clone, Copy)]
enum Carrier {
    /// A folder that the guest mounts.
    Share,
    /// A connection to this process, for a machine that has no virtio.
    Tcp,
}

/// What makes one machine of QEMU differ from another, as far as starting it is concerned.
struct Machine {
    program: &'static str,
    carrier: Carrier,
    boot_limit: Duration,
}

/// A running guest. Dropping it ends its QEMU; the disk is as before.
pub struct Guest {
    qemu: Child,
    channel: Mutex<Channel>,
    folder: TempDir,
    carrier: Carrier,
}

impl Guest {
    /// Starts a PC and waits until its system is up, with no unit failed.
    pub fn boot(files: &GuestFiles, options: &GuestOptions) -> Result<Self, GuestError> {
        let machine =
            Machine { program: "qemu-system-x86_64", carrier: Carrier::Share, boot_limit: BOOT_LIMIT };
        let folder = guest_folder()?;
        let arguments = arguments(files, options, folder.path());
        Self::start(&machine, arguments, folder)
    }

    /// Starts QEMU, whose command line has its command channel at `port.sock` in the guest's folder.
    fn start(machine: &Machine, arguments: Vec<OsString>, folder: TempDir) -> Result<Self, GuestError> {
        let began = Instant::now();
        fs::create_dir(folder.path().join("share")).map_err(folder_error)?;
        let messages = fs::File::create(folder.path().join("qemu.log")).map_err(folder_error)?;
        let port = UnixListener::bind(folder.path().join("port.sock")).map_err(folder_error)?;

        let mut qemu = Command::new("sh")
            .args(["-c", KEEPER, "guest", machine.program])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(messages)
            .spawn()
            .map_err(|source| GuestError::System { what: "QEMU cannot be run", source })?;
        let channel = match connect(&port, &mut qemu, folder.path()) {
            Ok(channel) => channel,
            Err(error) => {
                end(&mut qemu);
                return Err(error);
            }
        };
        // From here on, dropping the guest ends QEMU.
        let mut guest = Self { qemu, channel: Mutex::new(channel), folder, carrier: machine.carrier };
        let left = || machine.boot_limit.saturating_sub(began.elapsed());
        guest.greet(left())?;
        guest.wait_until_up(left())?;
        Ok(guest)
    }

    fn greet(&mut self, limit: Duration) -> Result<(), GuestError> {
        let channel = self.channel.get_mut().unwrap_or_else(PoisonError::into_inner);
        channel.greet(limit).map_err(|source| GuestError::NotUp {
            state: format!("its command channel: {source}"),
            console: console_end(self.folder.path()),
        })
    }

    fn wait_until_up(&self, limit: Duration) -> Result<(), GuestError> {
        let Output { status, text } = self.run_within(WAIT_UNTIL_UP, limit)?;
        if status == 0 {
            return Ok(());
        }
        Err(GuestError::NotUp { state: text, console: self.console_end() })
    }

    /// Runs a shell script as root, for [`COMMAND_LIMIT`] at most. Any exit status is a result.
    pub fn run(&self, command: &str) -> Result<Output, GuestError> {
        self.run_within(command, COMMAND_LIMIT)
    }

    /// Runs a shell script as root. What it leaves running in the background goes on, if it prints elsewhere.
    pub fn run_within(&self, command: &str, limit: Duration) -> Result<Output, GuestError> {
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        channel.run(command, limit).map_err(|source| GuestError::Command {
            command: command.to_owned(),
            source,
            console: self.console_end(),
        })
    }

    /// Runs a shell script that has to succeed, for [`COMMAND_LIMIT`] at most; returns what it printed.
    pub fn check(&self, command: &str) -> Result<String, GuestError> {
        self.check_within(command, COMMAND_LIMIT)
    }

    /// As [`Self::check`], with another limit.
    pub fn check_within(&self, command: &str, limit: Duration) -> Result<String, GuestError> {
        let Output { status, text } = self.run_within(command, limit)?;
        if status == 0 {
            return Ok(text);
        }
        Err(GuestError::Failed { command: command.to_owned(), status, text })
    }

    /// Waits until the guest has ended by itself: it was reset, which a power cut is to it. What its console had printed.
    pub fn wait_until_off(mut self, limit: Duration) -> Result<String, GuestError> {
        let began = Instant::now();
        let waited = |source| GuestError::System { what: "QEMU cannot be waited for", source };
        while self.qemu.try_wait().map_err(waited)?.is_none() {
            if began.elapsed() > limit {
                let (state, console) = ("it did not go off".to_owned(), self.console_end());
                return Err(GuestError::NotUp { state, console });
            }
            thread::sleep(LOOK_INTERVAL);
        }
        Ok(self.console())
    }

    /// Installs a package of this machine, as an administrator would; returns what dpkg printed.
    pub fn install(&self, package: &Path) -> Result<String, GuestError> {
        self.push_file(package, "/root/platen.deb")?;
        self.check_within("dpkg -i /root/platen.deb", INSTALL_LIMIT)
    }

    /// Removes a package with all that it made, as an administrator would; returns what dpkg printed.
    pub fn purge(&self, package: &str) -> Result<String, GuestError> {
        self.check_within(&format!("dpkg --purge {package}"), INSTALL_LIMIT)
    }

    /// Copies a file of this machine into the guest, with its permissions; the folder is made if need be.
    pub fn push_file(&self, from: &Path, to: &str) -> Result<(), GuestError> {
        match self.carrier {
            Carrier::Share => self.push_by_share(from, to),
            Carrier::Tcp => tcp_share::push(self, from, to),
        }
    }

    fn push_by_share(&self, from: &Path, to: &str) -> Result<(), GuestError> {
        let passing = self.folder.path().join("share/passing");
        fs::copy(from, &passing).map_err(copy_error)?;
        let to = quoted(to);
        self.check(&format!(
            "set -e
             mountpoint -q /run/share || {{
                 mkdir -p /run/share
                 mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize={SHARE_MESSAGE_BYTES} share /run/share
             }}
             mkdir -p \"$(dirname -- {to})\"
             cp --preserve=mode /run/share/passing {to}"
        ))?;
        fs::remove_file(&passing).map_err(folder_error)
    }

    /// All that the guest has printed on its serial console: the kernel's and systemd's messages.
    pub fn console(&self) -> String {
        read_lossy(&self.folder.path().join("console.log"))
    }

    fn console_end(&self) -> String {
        console_end(self.folder.path())
    }
}

/// 9p's own default of 128 KiB costs a turn through QEMU more often.
const SHARE_MESSAGE_BYTES: usize = 512 * 1024;

/// Runs QEMU and ends it when standard input ends: this process may be killed, and a guest would outlive it.
const KEEPER: &str = r#"
    exec 3<&0 </dev/null
    "$@" 3<&- &
    qemu=$!
    { read -r _ <&3; kill -KILL "$qemu"; } &
    keeper=$!
    wait "$qemu"
    status=$?
    kill "$keeper" 2>/dev/null
    exit "$status""#;

impl Drop for Guest {
    fn drop(&mut self) {
        end(&mut self.qemu);
        if thread::panicking() {
            eprintln!("the guest's console at the end:\n{}", self.console_end());
        }
    }
}

fn connect(port: &UnixListener, qemu: &mut Child, folder: &Path) -> Result<Channel, GuestError> {
    let channel_error = |source| GuestError::System { what: "the command channel cannot be set up", source };
    port.set_nonblocking(true).map_err(channel_error)?;
    let began = Instant::now();
    loop {
        match port.accept() {
            Ok((stream, _)) => return Ok(Channel::new(stream)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(channel_error(error)),
        }
        if let Some(status) = qemu.try_wait().map_err(channel_error)? {
            let messages = read_lossy(&folder.join("qemu.log"));
            return Err(GuestError::Ended { status, messages, console: console_end(folder) });
        }
        if began.elapsed() > CONNECT_LIMIT {
            let messages = read_lossy(&folder.join("qemu.log"));
            return Err(GuestError::NotConnected { limit: CONNECT_LIMIT, messages });
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

/// Ends our own QEMU. Its disk is a snapshot, so there is nothing to save.
fn end(qemu: &mut Child) {
    drop(qemu.stdin.take());
    if let Err(error) = qemu.wait() {
        eprintln!("QEMU {} did not end: {error}", qemu.id());
    }
}

fn console_end(folder: &Path) -> String {
    let console = read_lossy(&folder.join("console.log"));
    let skipped = console.len().saturating_sub(CONSOLE_SHOWN);
    let start = console.char_indices().map(|(at, _)| at).find(|&at| at >= skipped).unwrap_or_default();
    console.get(start..).unwrap_or_default().to_owned()
}

/// A log for a person: what cannot be read is said in its place.
fn read_lossy(path: &Path) -> String {
    match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("({} cannot be read: {error})", path.display()),
    }
}

fn guest_folder() -> Result<TempDir, GuestError> {
    tempfile::Builder::new().prefix("platen-guest-").tempdir().map_err(folder_error)
}

fn copy_error(source: io::Error) -> GuestError {
    GuestError::System { what: "a file for the guest cannot be copied", source }
}

fn folder_error(source: io::Error) -> GuestError {
    GuestError::System { what: "the guest's temporary folder cannot be used", source }
}

/// One word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
