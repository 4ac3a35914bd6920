//! The installer that is built in: `agent-package`, the agent's own Debian package. In form it is one like any other
//! (docs/installers.md); everything is done by the machine's own dpkg.
//!
//! It runs from the executable that began the attempt, never from the one that it installs: a new version that cannot
//! even start must not be what has to bring the old one back. An image without dpkg puts a program of its own in its
//! place, as `INSTALLERS/agent-package`.

mod dpkg;
mod keep;
mod steps;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::contract::{AGENT_PACKAGE, DPKG_ROOT, LATER, REFUSED};
use crate::state::InstallerStep;

use self::dpkg::Dpkg;

/// The only package that it installs.
pub(crate) const PACKAGE: &str = "platen-agent";

/// Why a step was not done.
#[derive(Debug)]
pub(crate) enum Halt {
    /// It will not be done here; nothing was changed.
    Refused(String),
    /// It cannot be done now.
    Later(String),
    /// It went wrong.
    Failed(String),
}

impl From<std::io::Error> for Halt {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What the contract tells an installer.
#[derive(Debug)]
pub(crate) struct Given {
    /// The file.
    program: PathBuf,
    /// Its version, as signed.
    version: String,
    /// The lowest version that it may be installed over; empty: any.
    replaces: String,
    /// What survives from one attempt to the next.
    kept: PathBuf,
    /// Where to work.
    work: PathBuf,
    /// How often this step was begun.
    run: u32,
    dpkg: Dpkg,
}

impl Given {
    fn by_environment() -> Result<Self, Halt> {
        let variable = |name: &str| {
            std::env::var(name).map_err(|error| Halt::Failed(format!("{name} in the environment: {error}")))
        };
        let name = variable("PLATEN_NAME")?;
        if name != PACKAGE {
            return Err(Halt::Refused(format!(
                "only {PACKAGE} is installed as {AGENT_PACKAGE}, and this is {name}"
            )));
        }
        Ok(Self {
            program: variable("PLATEN_PROGRAM")?.into(),
            version: variable("PLATEN_VERSION")?,
            replaces: variable("PLATEN_REPLACES").unwrap_or_default(),
            kept: variable("PLATEN_KEPT")?.into(),
            work: variable("PLATEN_WORK")?.into(),
            run: variable("PLATEN_RUN").ok().and_then(|run| run.parse().ok()).unwrap_or(1),
            dpkg: Dpkg::new(std::env::var_os(DPKG_ROOT).map(PathBuf::from)),
        })
    }
}

/// Does one step by the contract.
pub fn execute(step: InstallerStep) -> ExitCode {
    let done = Given::by_environment().and_then(|given| match step {
        InstallerStep::Check => steps::check(&given),
        InstallerStep::Install => steps::install(&given),
        InstallerStep::Verify => steps::verify(&given),
        InstallerStep::Commit => steps::commit(&given),
        InstallerStep::Rollback => steps::rollback(&given),
    });
    let (code, why) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Halt::Refused(why)) => (REFUSED, why),
        Err(Halt::Later(why)) => (LATER, why),
        Err(Halt::Failed(why)) => (1, why),
    };
    say(&why);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// Tells whoever keeps the output; there may be nobody.
pub(crate) fn say(what: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{what}");
}
