//! Calls of the machine's dpkg.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::Halt;

/// How long another package manager is waited for where there is no way but on: a system's upgrade takes minutes.
const LOCK_LIMIT: Duration = Duration::from_secs(600);
/// How often is looked whether it has ended.
const LOOK: Duration = Duration::from_secs(1);

/// dpkg, on this system or on another root.
#[derive(Debug)]
pub(super) struct Dpkg {
    root: Option<PathBuf>,
}

/// How dpkg says that a package is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    /// What is wanted of it: `install`, `hold`, `deinstall`...
    pub(super) want: String,
    /// `installed`, `unpacked`, `half-installed`...
    pub(super) state: String,
    /// `ok` or `reinstreq`.
    pub(super) flag: String,
    /// Its version.
    pub(super) version: String,
}

impl Status {
    /// Whether it is installed and nothing is left to be done.
    pub(super) fn is_whole(&self) -> bool {
        self.state == "installed" && self.flag == "ok"
    }
}

impl Dpkg {
    pub(super) fn new(root: Option<PathBuf>) -> Self {
        Self { root }
    }

    /// Whether this is the system that runs, with its services.
    pub(super) fn is_system(&self) -> bool {
        self.root.is_none()
    }

    /// Where a path of a package is.
    pub(super) fn place(&self, path: &Path) -> PathBuf {
        let below = path.strip_prefix("/").unwrap_or(path);
        self.root.as_deref().unwrap_or(Path::new("/")).join(below)
    }

    fn database(&self) -> PathBuf {
        self.place(Path::new("/var/lib/dpkg"))
    }

    /// What dpkg keeps of a package beside its files, such as a maintainer script.
    pub(super) fn control_file(&self, package: &str, what: &str) -> PathBuf {
        self.database().join("info").join(format!("{package}.{what}"))
    }

    fn dpkg(&self) -> Command {
        let mut command = quiet("dpkg");
        if let Some(root) = &self.root {
            // Its log would be the machine's own.
            command.arg(format!("--root={}", root.display()));
            command.args(["--force-script-chrootless", "--log=/dev/null"]);
        }
        command
    }

    fn query(&self) -> Command {
        let mut command = quiet("dpkg-query");
        command.arg(format!("--admindir={}", self.database().display()));
        command
    }

    /// How a package is; nothing when dpkg does not know it.
    pub(super) fn status(&self, package: &str) -> Result<Option<Status>, Halt> {
        const FORMAT: &str = "${db:Status-Want} ${db:Status-Status} ${db:Status-Eflag} ${Version}\n";
        let output =
            self.query().arg("--show").arg(format!("--showformat={FORMAT}")).arg(package).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut words = text.split_whitespace().map(str::to_owned);
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(want), Some(state), Some(flag), Some(version)) => {
                Ok(Some(Status { want, state, flag, version }))
            }
            _ => Ok(None),
        }
    }

    /// All fields that dpkg keeps of a package.
    pub(super) fn fields(&self, package: &str) -> Result<String, Halt> {
        text_of(self.query().arg("--status").arg(package))
    }

    /// The paths of a package, and where each really is if it was diverted.
    pub(super) fn paths(&self, package: &str) -> Result<Vec<(PathBuf, PathBuf)>, Halt> {
        let mut paths: Vec<(PathBuf, PathBuf)> = Vec::new();
        for line in text_of(self.query().arg("--listfiles").arg(package))?.lines() {
            if line.starts_with('/') {
                paths.push((line.into(), line.into()));
            } else if let Some((_by, to)) = line.split_once(" to: ")
                && line.starts_with("diverted by")
                && let Some((_, really)) = paths.last_mut()
            {
                *really = to.into();
            }
        }
        Ok(paths)
    }

    /// The files of a package that are not as they were packed, but for its configuration and documentation.
    pub(super) fn changed(&self, package: &str) -> Result<Vec<String>, Halt> {
        let output = self.dpkg().arg("--verify").arg(package).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().filter(|line| is_damage(line)).map(|line| line.trim().to_owned()).collect())
    }

    /// Whether another package manager is at work.
    pub(super) fn is_locked(&self) -> bool {
        ["lock-frontend", "lock"].iter().any(|name| is_locked(&self.database().join(name)))
    }

    /// Waits for another package manager to end.
    pub(super) fn await_lock(&self) -> Result<(), Halt> {
        let begin = Instant::now();
        while self.is_locked() {
            if begin.elapsed() > LOCK_LIMIT {
                return Err(Halt::Later("another package manager is at work, and does not end".to_owned()));
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Whether dpkg was cut off in the middle of something.
    pub(super) fn was_interrupted(&self, package: &str) -> Result<bool, Halt> {
        let updates = std::fs::read_dir(self.database().join("updates"));
        let unfinished = updates.is_ok_and(|mut entries| entries.next().is_some());
        Ok(unfinished || self.status(package)?.is_some_and(|status| !status.is_whole()))
    }

    /// Finishes what dpkg was cut off at, as far as that can be: what is half unpacked only another installation mends.
    pub(super) fn repair(&self) -> Result<(), Halt> {
        super::say("dpkg was interrupted: it is told to go on first");
        let done = self.dpkg().args(["--force-confold", "--configure", "--pending"]).status()?;
        if !done.success() {
            super::say("dpkg could not finish everything; the installation goes on");
        }
        Ok(())
    }

    /// Installs a file, over whatever version is there, with the configuration that the machine has.
    pub(super) fn install(&self, file: &Path) -> Result<(), Halt> {
        let options = ["--force-confold", "--force-downgrade", "--install"];
        let done = self.dpkg().args(options).arg(file).status()?;
        // dpkg forces each file to the disk; what maintainer scripts did is not its matter.
        nix::unistd::sync();
        if done.success() { Ok(()) } else { Err(Halt::Failed(format!("dpkg --install: {done}"))) }
    }
}

/// Whether a version is at least another one.
pub(super) fn at_least(version: &str, lowest: &str) -> Result<bool, Halt> {
    Ok(quiet("dpkg").args(["--compare-versions", version, "ge", lowest]).status()?.success())
}

/// The architecture for which this machine installs.
pub(super) fn architecture_here() -> Result<String, Halt> {
    text_of(quiet("dpkg").arg("--print-architecture")).map(|text| text.trim().to_owned())
}

/// A program that asks nobody anything.
pub(super) fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C.UTF-8").env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    command
}

/// What a program writes; an error if it fails.
pub(super) fn text_of(command: &mut Command) -> Result<String, Halt> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let (program, words) = (command.get_program().display(), String::from_utf8_lossy(&output.stderr));
    Err(Halt::Failed(format!("{program}: {}", words.trim())))
}

/// One field of a package's file.
pub(super) fn field(file: &Path, name: &str) -> Result<String, Halt> {
    text_of(quiet("dpkg-deb").arg("--field").arg(file).arg(name)).map(|text| text.trim().to_owned())
}

/// Whether a line of `dpkg --verify` says that a file is damaged: configuration may be changed, and images leave
/// documentation out.
fn is_damage(line: &str) -> bool {
    let Some((_, path)) = line.split_once('/') else { return false };
    let configuration = line.split_whitespace().nth(1) == Some("c");
    let left_out = line.starts_with("missing")
        && (path.starts_with("usr/share/doc") || path.starts_with("usr/share/man"));
    !configuration && !left_out
}

/// Whether another process holds a lock of dpkg's kind.
fn is_locked(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let (kind, whence) = (i16::try_from(libc::F_WRLCK), i16::try_from(libc::SEEK_SET));
    let mut lock = libc::flock {
        l_type: kind.unwrap_or_default(),
        l_whence: whence.unwrap_or_default(),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_GETLK(&mut lock)).is_ok() && i32::from(lock.l_type) != libc::F_UNLCK
}

/// Copies a file so that it is whole on the disk before it has its name.
pub(super) fn copy_durably(from: &Path, to: &Path) -> io::Result<()> {
    let unfinished = to.with_extension("new");
    std::fs::copy(from, &unfinished)?;
    File::open(&unfinished)?.sync_all()?;
    crate::durable::rename(&unfinished, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_configuration_and_missing_documentation_are_no_damage() {
        assert!(is_damage("??5??????   /usr/sbin/platen-agent"));
        assert!(is_damage("missing     /usr/sbin/platen-agent"));
        assert!(!is_damage("??5?????? c /etc/platen/agent.toml"));
        assert!(!is_damage("missing   c /etc/platen/agent.toml"));
        assert!(!is_damage("missing     /usr/share/doc/platen-agent/board.md"));
        assert!(!is_damage(""));
    }
}
