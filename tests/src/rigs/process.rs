//! Programs of the project as processes, each in its own folder, ended by the id that started them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// What a condition gets before the test gives up on it: far more than it needs on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often a condition of another process is looked at, where it cannot be waited for.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How often at the least.
const SELDOM: Duration = Duration::from_millis(500);

/// A program of the workspace: from the folder that `PLATEN_PROGRAMS` names, which `make test` fills with the programs as
/// they are shipped, or else where cargo put it beside the test that asks.
pub fn program(name: &str) -> PathBuf {
    let shipped = std::env::var_os("PLATEN_PROGRAMS").map(|folder| PathBuf::from(folder).join(name));
    if let Some(shipped) = shipped.filter(|shipped| shipped.is_file()) {
        return shipped;
    }
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().find(|folder| folder.join(name).is_file());
    let folder = folder.unwrap_or_else(|| panic!("{name} is not built: cargo build --workspace --bins"));
    folder.join(name)
}

/// Where a program runs: in the test's own network, or in a network namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    namespace: Option<String>,
}

impl Place {
    /// In the namespace of a name, with the files of `/etc/netns/NAME` over those of `/etc`.
    pub fn namespace(name: &str) -> Self {
        Self { namespace: Some(name.to_owned()) }
    }

    /// A program's command line there. The process keeps the id of what is started.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        match &self.namespace {
            None => Command::new(program),
            Some(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name]).arg(program);
                command
            }
        }
    }
}

/// What the kernel has counted of what a process read and wrote, by the word in `/proc/PID/io`.
pub fn charged(process: u32, word: &str) -> u64 {
    let io = std::fs::read_to_string(format!("/proc/{process}/io")).unwrap();
    let mut lines = io.lines().filter_map(|line| line.split_once(": "));
    lines.find_map(|(name, number)| (name == word).then(|| number.parse().unwrap())).unwrap()
}

/// Looks at a condition until it holds; ends the test with `what` when it does not in [`PATIENCE`].
pub fn until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, condition)
}

/// As [`until`], for what takes longer by design.
pub fn until_within<T>(patience: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(begin.elapsed() < patience, "waited {patience:?} in vain: {what}");
        // What takes long is looked at less often: looking costs a program or a request.
        std::thread::sleep((begin.elapsed() / 50).clamp(LOOK_INTERVAL, SELDOM));
    }
}

/// Runs a program to its end with some standard input.
pub fn run(command: &mut Command, input: &str) -> Output {
    use std::io::Write;
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that does not read its input may have closed it; that is its own affair.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    child.wait_with_output().unwrap()
}

/// As [`run`], and the program must succeed; its standard output.
pub fn run_ok(command: &mut Command, input: &str) -> String {
    let output = run(command, input);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}{err}", output.status);
    out.into_owned()
}

/// A program that runs in the background.
pub struct Running {
    child: Child,
    log: PathBuf,
    /// Whether what it has started ends with it.
    leads_a_group: bool,
}

impl Running {
    /// Starts it; what it prints goes to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        Self { child, log: log.to_owned(), leads_a_group: false }
    }

    /// As [`Self::start`], in a process group of its own, which ends as a whole when this is dropped: for a script that
    /// starts programs itself.
    pub fn start_group(command: &mut Command, log: &Path) -> Self {
        let mut running = Self::start(command.process_group(0), log);
        running.leads_a_group = true;
        running
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Asks it to end (SIGTERM) and waits; whether it ended with success.
    pub fn stop(&mut self) -> bool {
        self.end_with(Signal::SIGTERM)
    }

    /// The same with another signal.
    pub fn end_with(&mut self, signal: Signal) -> bool {
        self.signal(signal);
        until("a program ends after a signal", || self.child.try_wait().unwrap()).success()
    }

    /// Ends it at once (SIGKILL), as the loss of power would.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().unwrap();
    }

    fn signal(&mut self, signal: Signal) {
        if self.is_running() {
            kill(self.pid(), signal).unwrap();
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.leads_a_group {
            // It has no members any more after a clean end.
            let _ = killpg(self.pid(), Signal::SIGKILL);
        }
        if self.is_running() {
            self.kill();
        }
        if std::thread::panicking() {
            eprintln!("--- {}\n{}", self.log.display(), self.log());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_group_has_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 600 & echo $!; wait"]);
        let running = Running::start_group(&mut shell, &folder.path().join("log"));
        let sleeper = until("it has started a program", || running.log().trim().parse::<i32>().ok());
        drop(running);
        let has_ended = || {
            let stat = fs::read_to_string(format!("/proc/{sleeper}/stat")).unwrap_or_default();
            // Nobody may have taken note of its end.
            (stat.is_empty() || stat.contains(") Z ")).then_some(())
        };
        until("that has ended", has_ended);
    }
}
