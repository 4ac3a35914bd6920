//! The contract for installers (docs/installers.md): what one is told, and how it says what came of it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// What is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Firmware of the print engine.
    EngineFirmware,
    /// The board file.
    BoardFile,
    /// The agent's configuration.
    AgentConfig,
}

/// The steps of the contract, and one for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Step {
    /// Whether it can be installed.
    Check,
    /// Installs it.
    Install,
    /// Whether it is installed and runs.
    Verify,
    /// Makes it permanent.
    Commit,
    /// Brings back what was before.
    Rollback,
    /// No step of an attempt: a person says that a file which was changed here may be replaced from now on.
    Adopt,
}

/// Why a step was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// It will not be done here, and nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// Not now.
    #[error("{0}")]
    Later(String),
    /// It went wrong.
    #[error("{0}")]
    Failed(String),
}

impl Halt {
    /// The exit code of the contract.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => 10,
            Self::Later(_) => 11,
            Self::Failed(_) => 1,
        }
    }
}

impl From<std::io::Error> for Halt {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What an installer is told.
#[derive(Debug)]
pub(super) struct Given {
    /// The file.
    pub(super) program: PathBuf,
    /// Its version, as signed.
    pub(super) version: String,
    /// The lowest version over which it may be installed; empty: any.
    pub(super) replaces: String,
    /// What survives from one attempt to the next.
    pub(super) kept: PathBuf,
    /// Where to work in this attempt.
    pub(super) work: PathBuf,
}

impl Given {
    pub(super) fn by_environment() -> Result<Self, Halt> {
        let variable = |name: &str| {
            std::env::var(name).map_err(|error| {
                Halt::Failed(format!(
                    "{name} in the environment: {error}; platen-install calls this, not a person"
                ))
            })
        };
        Ok(Self {
            program: variable("PLATEN_PROGRAM")?.into(),
            version: variable("PLATEN_VERSION")?,
            replaces: variable("PLATEN_REPLACES").unwrap_or_default(),
            kept: variable("PLATEN_KEPT")?.into(),
            work: variable("PLATEN_WORK")?.into(),
        })
    }
}

/// Reads a file of at most `limit` bytes; none if there is no such file.
pub(super) fn read_if_there(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, Halt> {
    let named = |error: std::io::Error| Halt::Failed(format!("{}: {error}", path.display()));
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(named)?,
    };
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(named)?;
    if bytes.len() > limit {
        return Err(Halt::Refused(format!("{} has more than {limit} bytes", path.display())));
    }
    Ok(Some(bytes))
}

/// The same of a file that has to be there.
pub(super) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Halt> {
    read_if_there(path, limit)?.ok_or_else(|| Halt::Failed(format!("{} is not there", path.display())))
}

/// Tells whoever keeps the output; there may be nobody.
pub(super) fn say(what: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{what}");
}
