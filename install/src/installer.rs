//! Running an installer by its contract (docs/installers.md): `INSTALLERS/KIND STEP`, what it is told, what its exit code
//! means, how long it may take.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::contract::{AGENT_PACKAGE, DPKG_ROOT, LATER, REFUSED};
use crate::directories::Directories;
use crate::records::{Attempt, PROGRAM, is_kind};
use crate::state::{Event, InstallerStep};
use crate::supervise::{self, Ending, Told};

/// Where an installer finds programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Anybody but the owner may write.
const OTHERS_MAY_WRITE: u32 = 0o022;

/// The installers of this machine.
#[derive(Debug, Clone)]
pub struct Installers {
    /// Where they are, by kind.
    pub folder: PathBuf,
    /// This very executable: the supervisor of every installer, and the installer that is built in.
    pub own: PathBuf,
    /// How long a step may take.
    pub limit: fn(InstallerStep) -> Duration,
    /// Another root for dpkg, in tests.
    pub dpkg_root: Option<PathBuf>,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it means for the attempt.
    pub event: Event,
    /// Why, for people; empty when it passed.
    pub reason: String,
    /// What is kept of what the installer wrote.
    pub output: String,
}

/// How long a step may take.
pub fn limit(step: InstallerStep) -> Duration {
    Duration::from_secs(match step {
        // The built-in installer packs what is installed, on an SD card.
        InstallerStep::Check | InstallerStep::Verify | InstallerStep::Commit => 120,
        InstallerStep::Install | InstallerStep::Rollback => 900,
    })
}

impl Installers {
    /// Those of a machine, run by this process's own executable.
    pub fn of(directories: &Directories) -> Self {
        // The link leads to the file that runs, also when another stands at its path by now.
        let own = PathBuf::from("/proc/self/exe");
        Self { folder: directories.installers.clone(), own, limit, dpkg_root: None }
    }

    /// Runs one step for an attempt. `run` is how often this step was begun.
    pub fn run(&self, step: InstallerStep, attempt: &Attempt, directories: &Directories) -> Report {
        let program = &attempt.program;
        let command = match self.command(&program.kind, step) {
            Ok(command) => command,
            Err(why) => return unable(step, why),
        };
        let mut supervisor = Command::new(&self.own);
        supervisor.arg("supervise").arg("--limit").arg((self.limit)(step).as_millis().to_string());
        supervisor.arg("--parent").arg(std::process::id().to_string());
        if let Some(group) = supervise::for_step() {
            supervisor.arg("--group").arg(group);
        }
        supervisor.arg("--").args(command);
        supervisor.env_clear().env("PATH", PATH).env("LC_ALL", "C.UTF-8").env("HOME", "/root");
        supervisor
            .env("PLATEN_PROGRAM", directories.staged().join(PROGRAM))
            .env("PLATEN_NAME", &program.name)
            .env("PLATEN_VERSION", &program.version)
            .env("PLATEN_REPLACES", program.replaces.as_deref().unwrap_or_default())
            .env("PLATEN_ATTEMPT", &attempt.attempt)
            .env("PLATEN_RUN", attempt.position.runs.to_string())
            .env("PLATEN_KEPT", directories.kept(&program.kind))
            .env("PLATEN_WORK", directories.work());
        if let Some(root) = &self.dpkg_root {
            supervisor.env(DPKG_ROOT, root);
        }
        let told = supervisor.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        match told {
            Ok(output) => match serde_json::from_slice::<Told>(&output.stdout) {
                Ok(told) => report(step, &program.kind, (self.limit)(step), &told),
                Err(error) => unable(step, format!("its supervisor ended ({}): {error}", output.status)),
            },
            Err(error) => unable(step, format!("it cannot be begun: {error}")),
        }
    }

    fn command(&self, kind: &str, step: InstallerStep) -> Result<Vec<String>, String> {
        if !is_kind(kind) {
            return Err(format!("{kind:?} is not the name of a kind"));
        }
        let file = self.folder.join(kind);
        if !file.exists() && kind == AGENT_PACKAGE {
            let own = self.own.display().to_string();
            return Ok(vec![own, "installer".to_owned(), kind.to_owned(), step.word().to_owned()]);
        }
        safe(&file)?;
        Ok(vec![file.display().to_string(), step.word().to_owned()])
    }
}

/// What root runs, only root may write.
fn safe(file: &Path) -> Result<(), String> {
    let about = match std::fs::metadata(file) {
        Ok(about) => about,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(format!("this machine has no installer {}", file.display()));
        }
        Err(error) => return Err(format!("{}: {error}", file.display())),
    };
    let own = nix::unistd::geteuid().as_raw();
    if about.uid() != own || about.permissions().mode() & OTHERS_MAY_WRITE != 0 {
        return Err(format!("{} may be written by others than its owner, so it is not run", file.display()));
    }
    Ok(())
}

/// It could not be run at all.
fn unable(step: InstallerStep, reason: String) -> Report {
    let event = if step == InstallerStep::Check { Event::Refused } else { Event::Failed };
    Report { event, reason, output: String::new() }
}

fn report(step: InstallerStep, kind: &str, limit: Duration, told: &Told) -> Report {
    if told.left > 0 {
        tracing::warn!(
            "the installer {kind} left {} processes behind at {}: they were ended",
            told.left,
            step.word()
        );
    }
    if !told.clean {
        tracing::error!("the installer {kind} left a process at {} that cannot be ended", step.word());
    }
    let (what, word) = (format!("the installer {kind}, at {}", step.word()), told.stderr.last_line());
    let output = [told.stdout.whole(), told.stderr.whole()].join("\n").trim().to_owned();
    let says = |text: String| word.map_or(text.clone(), |word| format!("{text}: {word}"));
    let (event, reason) = match &told.ending {
        Ending::Exited(0) => (Event::Passed, String::new()),
        Ending::Exited(REFUSED) => (Event::Refused, says(format!("{what}, refused it"))),
        Ending::Exited(LATER) => (Event::Later, says(format!("{what}, could not do it yet"))),
        Ending::Exited(code) => (Event::Failed, says(format!("{what}, failed (exit code {code})"))),
        Ending::Killed(signal) => (Event::Failed, says(format!("{what}, died of signal {signal}"))),
        Ending::OverTime => {
            (Event::Failed, format!("{what}, was ended: it took more than {} s", limit.as_secs()))
        }
        Ending::Stopped => (Event::Failed, format!("{what}, was cut off")),
        Ending::NotStarted(why) => {
            let reason = format!("{what}, cannot be run: {why}");
            return Report { output, ..unable(step, reason) };
        }
    };
    Report { event, reason, output }
}
