//! One network namespace, with what it needs of `/etc`. Its name carries the id of the process that made
//! it, so that tests beside each other do not meet, and what a killed test left is known as left behind.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::fcntl::{Flock, FlockArg};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::rigs::process::{Place, run, run_ok, until};

/// What the names of all our namespaces begin with.
const PREFIX: &str = "platen-test-";
/// Where `ip netns` keeps names.
const NAMES: &str = "/run/netns";
/// Files that `ip netns exec NAME` shows in place of those of `/etc`.
const FILES: &str = "/etc/netns";

/// Tells the beds of one process from each other.
static BEDS: AtomicU32 = AtomicU32::new(0);

/// A number for a bed that no other bed of this process has.
pub fn bed_number() -> u32 {
    BEDS.fetch_add(1, Ordering::Relaxed)
}

/// A namespace; it goes with this value, and with it whatever still runs in it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one, with its loopback up.
    pub fn make(bed: u32, role: &str) -> Self {
        let name = format!("{PREFIX}{}-{bed}-{role}", std::process::id());
        let _alone = alone();
        ip(&["netns", "add", &name]);
        let made = Self { name };
        made.ip(&["link", "set", "lo", "up"]);
        // Nobody else is on these cables who could have an address already, and asking takes a second.
        for which in ["all", "default"] {
            let key = format!("net.ipv6.conf.{which}.accept_dad=0");
            run_ok(made.command("sysctl").args(["-q", "-w", &key]), "");
        }
        made
    }

    /// Its name, as `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For programs that are to run in it.
    pub fn place(&self) -> Place {
        Place::namespace(&self.name)
    }

    /// A program's command line in it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.place().command(program)
    }

    /// Runs `ip` in it; it must succeed. What it prints.
    pub fn ip(&self, arguments: &[&str]) -> String {
        run_ok(Command::new("ip").args(["-n", &self.name]).args(arguments), "")
    }

    /// Lays a file that programs in it find in `/etc`.
    pub fn file(&self, name: &str, text: &str) {
        let folder = Path::new(FILES).join(&self.name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), text).unwrap();
    }

    /// Moves this thread, and what it starts from now on, into the namespace.
    pub fn enter(&self) -> Inside {
        let before = File::open("/proc/thread-self/ns/net").unwrap();
        setns(File::open(Path::new(NAMES).join(&self.name)).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
        Inside { before }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _alone = alone();
        remove(&self.name);
    }
}

/// Puts the thread back into the network that it came from.
#[derive(Debug)]
pub struct Inside {
    before: File,
}

impl Drop for Inside {
    fn drop(&mut self) {
        setns(&self.before, CloneFlags::CLONE_NEWNET).unwrap();
    }
}

fn ip(arguments: &[&str]) {
    run_ok(Command::new("ip").args(arguments), "");
}

/// `ip netns` mounts and unmounts, and two at once come into each other's way.
fn alone() -> Flock<File> {
    let file = File::options().create(true).append(true).open(lock_file()).unwrap();
    Flock::lock(file, FlockArg::LockExclusive).unwrap_or_else(|(_, errno)| panic!("flock: {errno}"))
}

fn lock_file() -> PathBuf {
    std::env::temp_dir().join(format!("{PREFIX}namespaces.lock"))
}

/// Removes a namespace and what runs in it. Nothing here may fail loudly: it also runs while a test panics.
fn remove(name: &str) {
    for id in processes(name) {
        // It may have ended just now.
        let _ended = kill(Pid::from_raw(id), Signal::SIGKILL);
    }
    drop(run(Command::new("ip").args(["netns", "delete", name]), ""));
    drop(fs::remove_dir_all(Path::new(FILES).join(name)));
    // The folder is ours only if nobody else has something in it.
    drop(fs::remove_dir(FILES));
}

fn processes(name: &str) -> Vec<i32> {
    let output = run(Command::new("ip").args(["netns", "pids", name]), "");
    String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| line.trim().parse().ok()).collect()
}

/// Removes the namespaces of tests that were killed before they could.
pub fn sweep() {
    let _alone = alone();
    let names = match fs::read_dir(NAMES) {
        Ok(names) => names,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return,
        Err(cause) => panic!("{NAMES}: {cause}"),
    };
    for name in names.map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
        if maker(&name).is_some_and(|id| !Path::new("/proc").join(id.to_string()).exists()) {
            remove(&name);
        }
    }
}

/// The process that made a namespace, if it is one of ours.
fn maker(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

/// Ties two namespaces together: an interface of a name in each.
pub fn cable(one: (&Namespace, &str), other: (&Namespace, &str)) {
    // Made where they belong, so that the names meet nobody else's.
    ip(&[
        "link",
        "add",
        one.1,
        "netns",
        one.0.name(),
        "type",
        "veth",
        "peer",
        "name",
        other.1,
        "netns",
        other.0.name(),
    ]);
    for (namespace, interface) in [one, other] {
        namespace.ip(&["link", "set", interface, "up"]);
    }
    until("the cable carries", || one.0.ip(&["link", "show", one.1]).contains("LOWER_UP").then_some(()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maker_of_a_namespace_stands_in_its_name() {
        assert_eq!(maker("platen-test-4711-0-site"), Some(4711));
        for other in ["platen-4711", "platen-test-x-0-site", "blue", ""] {
            assert_eq!(maker(other), None, "{other}");
        }
    }
}
