//! The kinds `board-file` and `agent-config`: the two files of /etc/platen, each replaced as a whole.
//!
//! What a person has changed on this machine is not replaced. It is told from what was never touched by its content:
//! either that of the file as the package ships it, or that of the file which was installed here last, of which a copy is
//! kept. So a person's file is refused until that person says, by `adopt`, that it may be replaced.

use std::path::{Path, PathBuf};

use platen_hal::config::Backend;

use super::given::{Given, Halt, Kind, Step, read, read_if_there, say};
use super::{durable, service};
use crate::board::HAS_SIMULATOR;
use crate::config::{self, Config};

/// No file of these is longer.
const MAX_FILE_BYTES: usize = 1024 * 1024;
/// What was installed last, among what is kept.
const CURRENT: &str = "current.toml";
/// What stood there before this attempt.
const BEFORE: &str = "before.toml";
/// In the work folder, once the agent began anew in this attempt.
const RESTARTED: &str = "restarted";
/// Where `platen-install` keeps what installers keep.
const KEPT: &str = "/var/lib/platen-install/kept";

/// What the package ships.
fn shipped(kind: Kind) -> &'static str {
    match kind {
        Kind::BoardFile => include_str!("../../board.toml"),
        Kind::AgentConfig | Kind::EngineFirmware => include_str!("../../agent.toml"),
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::BoardFile => "board-file",
        Kind::AgentConfig | Kind::EngineFirmware => "agent-config",
    }
}

/// One file of this machine.
struct Place<'a> {
    kind: Kind,
    /// The file.
    path: PathBuf,
    /// The agent's own file.
    config: &'a Path,
}

impl<'a> Place<'a> {
    fn of(kind: Kind, config: &'a Path) -> Result<Self, Halt> {
        let path = match kind {
            // Where the agent looks for it.
            Kind::BoardFile => config::load(config).map_err(|error| Halt::Refused(error.to_string()))?.board,
            Kind::AgentConfig | Kind::EngineFirmware => config.to_owned(),
        };
        Ok(Self { kind, path, config })
    }

    fn present(&self) -> Result<Vec<u8>, Halt> {
        read_if_there(&self.path, MAX_FILE_BYTES)?.ok_or_else(|| {
            Halt::Refused(format!("there is no {} here that it would replace", self.path.display()))
        })
    }

    /// Why the agent would not run with this text.
    fn fault(&self, text: &str) -> Result<(), String> {
        let simulated_ok = |config: &Config| HAS_SIMULATOR && config.allow_simulated;
        let own = || config::load(self.config).map_err(|error| error.to_string());
        let (config, board) = match self.kind {
            Kind::BoardFile => {
                let board = platen_hal::config::parse(text, &self.path).map_err(|error| error.to_string())?;
                (own()?, board)
            }
            Kind::AgentConfig | Kind::EngineFirmware => {
                let config = config::parse(text, &self.path).map_err(|error| error.to_string())?;
                config.device().map_err(|error| error.to_string())?;
                let board = platen_hal::config::load(&config.board).map_err(|error| error.to_string())?;
                (config, board)
            }
        };
        if board.backend == Backend::Simulated && !simulated_ok(&config) {
            return Err("it is of a simulated printer, and this agent watches a real one".to_owned());
        }
        Ok(())
    }
}

/// Does a step of the contract.
pub(super) fn execute(kind: Kind, step: Step, given: &Given, config: &Path) -> Result<(), Halt> {
    let place = Place::of(kind, config)?;
    match step {
        Step::Check => check(&place, given),
        Step::Install => install(&place, given),
        Step::Verify => verify(&place, given),
        Step::Commit => commit(given),
        Step::Rollback => rollback(&place, given),
        Step::Adopt => adopt(kind, config),
    }
}

/// Whether the agent would run with the file, and whether the one that is here may be replaced.
fn check(place: &Place<'_>, given: &Given) -> Result<(), Halt> {
    let new = read(&given.program, MAX_FILE_BYTES)?;
    let text = std::str::from_utf8(&new).map_err(|error| Halt::Refused(format!("it is no text: {error}")))?;
    place.fault(text).map_err(Halt::Refused)?;
    let present = place.present()?;
    let installed = read_if_there(&given.kept.join(CURRENT), MAX_FILE_BYTES)?;
    let ours = installed.as_deref().unwrap_or(shipped(place.kind).as_bytes());
    if present != ours && present != new {
        let (path, kind) = (place.path.display(), word(place.kind));
        return Err(Halt::Refused(format!(
            "{path} was changed on this machine, and is not replaced; if it may be, run `platen-agent installer {kind} adopt` there"
        )));
    }
    Ok(durable::write(&given.kept.join(BEFORE), &present)?)
}

/// Puts the file in its place.
fn install(place: &Place<'_>, given: &Given) -> Result<(), Halt> {
    let (new, present) = (read(&given.program, MAX_FILE_BYTES)?, place.present()?);
    if present == new {
        return Ok(());
    }
    if present != read(&given.kept.join(BEFORE), MAX_FILE_BYTES)? {
        return Err(Halt::Failed(format!(
            "{} was changed while it was to be replaced",
            place.path.display()
        )));
    }
    Ok(durable::write(&place.path, &new)?)
}

/// Whether the agent runs with the file: it begins anew, once in an attempt.
fn verify(place: &Place<'_>, given: &Given) -> Result<(), Halt> {
    if place.present()? != read(&given.program, MAX_FILE_BYTES)? {
        return Err(Halt::Failed(format!("{} is not the file that was installed", place.path.display())));
    }
    let restarted = given.work.join(RESTARTED);
    if !restarted.exists() {
        service::restart()?;
        // After a power cut the agent began anew by itself; once more does no harm.
        durable::write(&restarted, b"")?;
    }
    service::runs()
}

/// From now on this is what one knows as installed.
fn commit(given: &Given) -> Result<(), Halt> {
    let new = read(&given.program, MAX_FILE_BYTES)?;
    durable::write(&given.kept.join(CURRENT), &new)?;
    // Only now: until this step has ended there has to be a way back.
    Ok(durable::remove(&given.kept.join(BEFORE))?)
}

/// Brings back the file that stood there.
fn rollback(place: &Place<'_>, given: &Given) -> Result<(), Halt> {
    let before = read(&given.kept.join(BEFORE), MAX_FILE_BYTES)?;
    let present = read_if_there(&place.path, MAX_FILE_BYTES)?;
    if present.as_ref() == Some(&before) {
        say("the file is as it was");
    } else if present
        .is_some_and(|present| read(&given.program, MAX_FILE_BYTES).is_ok_and(|new| new != present))
    {
        return Err(Halt::Failed(format!(
            "{} was changed by somebody else meanwhile, and is left as it is",
            place.path.display()
        )));
    } else {
        durable::write(&place.path, &before)?;
    }
    service::restart()?;
    service::runs()
}

/// A person says that the file which is here may be replaced.
pub(super) fn adopt(kind: Kind, config: &Path) -> Result<(), Halt> {
    let place = Place::of(kind, config)?;
    let present = place.present()?;
    let kept =
        std::env::var_os("PLATEN_KEPT").map_or_else(|| Path::new(KEPT).join(word(kind)), PathBuf::from);
    std::fs::create_dir_all(&kept)?;
    durable::write(&kept.join(CURRENT), &present)?;
    say(&format!("{} may be replaced from now on, as long as nobody changes it again", place.path.display()));
    Ok(())
}
