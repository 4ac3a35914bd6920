//! The process between this program and an installer: it begins the installer, sees to its time limit, keeps the
//! beginning and the end of what it writes, and ends whatever it leaves behind.
//!
//! It is a process of its own because it makes itself the reaper of all that descends from it, and none but the installer
//! may. It is this same executable (`platen-install supervise`), so it is there while the package is being replaced. When
//! whoever began it dies, it ends the installer: two of them never work side by side.

mod descendants;
mod group;
mod output;

use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::{Pid, getppid, setsid};
use serde::{Deserialize, Serialize};

pub use group::for_step;
pub use output::Output;

use self::group::Group;
use self::output::{Collected, collect};

/// How long a program that is told to end (SIGTERM) may take before it is killed.
const GRACE: Duration = Duration::from_secs(10);
/// How long the last of its output is waited for, once nobody is left who could write.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Order {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// How long it may take.
    pub limit: Duration,
    /// The control group to run it in.
    pub group: Option<PathBuf>,
    /// Who has to be alive.
    pub parent: u32,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal, which this program did not send.
    Killed(i32),
    /// It was ended because its time was over.
    OverTime,
    /// It was ended because this program was told to end.
    Stopped,
    /// It never began; why.
    NotStarted(String),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// How it ended.
    pub ending: Ending,
    /// What it wrote to standard output.
    pub stdout: Output,
    /// What it wrote to standard error.
    pub stderr: Output,
    /// Processes that it left behind, and that were ended.
    pub left: u32,
    /// Whether really none is left.
    pub clean: bool,
}

impl Told {
    fn not_started(why: &impl ToString) -> Self {
        let nothing = Output::default();
        let ending = Ending::NotStarted(why.to_string());
        Self { ending, stdout: nothing.clone(), stderr: nothing, left: 0, clean: true }
    }
}

/// What happens while it runs.
#[derive(Debug)]
enum Happened {
    /// The program has ended, and waits to be reaped.
    Ended,
    /// This process was told to end.
    Stop,
}

/// Runs it to its end. Called in a process that does nothing else, before it has begun any thread.
pub fn supervise(order: &Order) -> Told {
    let (tell, happened) = sync_channel(2);
    if let Err(error) = prepare(order, tell.clone()) {
        return Told::not_started(&error);
    }
    let group = order.group.clone().and_then(|path| match Group::enter(path) {
        Ok(group) => Some(group),
        Err(error) => {
            tracing::warn!(
                "no control group for the installer ({error}): its processes are ended one by one"
            );
            None
        }
    });
    let told = match begin(order) {
        Ok(child) => watch(child, order.limit, group.as_ref(), tell, &happened),
        Err(error) => Told::not_started(&error),
    };
    if let Some(group) = group {
        // It may be busy for a moment longer; the next step takes it as it is.
        let _ = group.leave_and_kill().and_then(|()| group.remove());
    }
    told
}

/// Becomes the reaper of what descends from here, in a session without a terminal, and listens for being told to end.
fn prepare(order: &Order, tell: SyncSender<Happened>) -> nix::Result<()> {
    prctl::set_child_subreaper(true)?;
    prctl::set_pdeathsig(Signal::SIGTERM)?;
    // A process that leads a group already, as from a shell, cannot leave its session.
    let _ = setsid();
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block()?;
    if u32::try_from(getppid().as_raw()).ok() != Some(order.parent) {
        // It died before its death could be told.
        return Err(nix::errno::Errno::ESRCH);
    }
    std::thread::spawn(move || {
        while signals.wait().is_ok() {
            // Once is enough.
            let _ = tell.try_send(Happened::Stop);
        }
    });
    Ok(())
}

fn begin(order: &Order) -> std::io::Result<Child> {
    let mut words = order.command.iter();
    let program = words.next().ok_or_else(|| std::io::Error::other("nothing to run"))?;
    Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

fn watch(
    mut child: Child,
    limit: Duration,
    group: Option<&Group>,
    tell: SyncSender<Happened>,
    happened: &Receiver<Happened>,
) -> Told {
    let (done, read) = sync_channel(2);
    let stdout = child.stdout.take().map(|from| listen(from, done.clone()));
    let stderr = child.stderr.take().map(|from| listen(from, done));
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    std::thread::spawn(move || await_end(pid, &tell));
    let cut_short = match happened.recv_timeout(limit) {
        Ok(Happened::Ended) => None,
        Ok(Happened::Stop) => Some(Ending::Stopped),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Some(Ending::OverTime),
    };
    if cut_short.is_some() {
        end(pid, happened);
    }
    let status = child.wait();
    if let Some(group) = group {
        // Whoever is not in the group is found below.
        let _ = group.leave_and_kill();
    }
    let (left, clean) = descendants::end_all();
    // Both ends are closed now, unless one was handed to somebody else.
    let ended = [read.recv_timeout(LAST_WORDS), read.recv_timeout(LAST_WORDS)];
    if ended.iter().any(Result::is_err) {
        tracing::warn!("somebody who does not descend from the installer still holds its output");
    }
    let ending = cut_short.unwrap_or_else(|| by_itself(status));
    let words = |of: Option<Arc<Mutex<Collected>>>| {
        of.map(|of| of.lock().unwrap_or_else(PoisonError::into_inner).finish()).unwrap_or_default()
    };
    Told { ending, stdout: words(stdout), stderr: words(stderr), left, clean }
}

fn by_itself(status: std::io::Result<ExitStatus>) -> Ending {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Ending::Exited(code),
            (None, signal) => Ending::Killed(signal.unwrap_or_default()),
        },
        Err(error) => Ending::NotStarted(format!("it cannot be waited for: {error}")),
    }
}

/// Tells a program and its group to end, and kills them if they do not.
fn end(pid: Pid, happened: &Receiver<Happened>) {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        // The group may be empty already.
        let _ = killpg(pid, signal);
        while let Ok(what) = happened.recv_timeout(GRACE) {
            if matches!(what, Happened::Ended) {
                return;
            }
        }
    }
}

/// Waits for the program's end without reaping it, so that its number stays its own; reaps whoever else ends meanwhile.
fn await_end(program: Pid, tell: &SyncSender<Happened>) {
    loop {
        match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
            Ok(status) if status.pid() == Some(program) => break,
            Ok(status) => {
                if let Some(orphan) = status.pid() {
                    // It has ended: this does not wait.
                    let _ = waitpid(orphan, None);
                }
            }
            Err(nix::errno::Errno::EINTR) => {}
            Err(_) => break,
        }
    }
    let _ = tell.send(Happened::Ended);
}

fn listen(from: impl std::io::Read + Send + 'static, done: SyncSender<()>) -> Arc<Mutex<Collected>> {
    let collected = Arc::new(Mutex::new(Collected::default()));
    let into = Arc::clone(&collected);
    std::thread::spawn(move || {
        collect(from, |block| into.lock().unwrap_or_else(PoisonError::into_inner).add(block));
        // Nobody may wait for it any more.
        let _ = done.send(());
    });
    collected
}
