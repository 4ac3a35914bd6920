//! `platen-install run`: the lock, the attempt under way, then what lies ready.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;

use crate::attempt::{self, Book};
use crate::clock::Clock;
use crate::directories::Directories;
use crate::drive::{Driver, Left, fits};
use crate::durable;
use crate::records::{
    Attempt, CONFIRMED, Ended, METADATA, Outcome, PROGRAM, Program, Request, is_kind, is_word,
};
use crate::spool::{Ready, Spool, SpoolError};
use crate::state;

/// How often what lies ready is taken in one start. The agent has one at a time; more come from one that does not know
/// what it does.
const TAKES: u32 = 8;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ran {
    /// There was nothing, or all of it has ended.
    Done,
    /// An attempt failed, and what ran before could not be brought back.
    Failed,
    /// It was told to end, and an attempt goes on with the next start.
    UnderWay,
}

/// Why a run could not be.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Another one acts.
    #[error("another platen-install is at work")]
    Busy,
    /// The spool cannot be read.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// A record cannot be written or read.
    #[error(transparent)]
    State(#[from] io::Error),
}

/// Lets one process at a time act; it is free again when this is dropped or its process ends, however that happens.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes it, or says that another process has it.
    pub fn take(directories: &Directories) -> Result<Self, RunError> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(directories.lock())?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(RunError::Busy),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

/// Goes on with what is under way, then takes what lies ready, until nothing does.
pub fn run(driver: &mut Driver<'_>) -> Result<Ran, RunError> {
    let _lock = Lock::take(driver.directories)?;
    let mut ran = Ran::Done;
    if let Some(attempt) = driver.book.attempt(&Clock::read())? {
        // What it was made of may lie there still, if power was cut between the two.
        forget(driver, &attempt.attempt)?;
        match driver.resume(attempt)? {
            Left::UnderWay => return Ok(Ran::UnderWay),
            Left::Ended(Outcome::Failed) => ran = Ran::Failed,
            Left::Ended(_) => {}
        }
    }
    for _ in 0..TAKES {
        let Some(spool) = Spool::open(&driver.directories.spool, driver.agent)? else { break };
        let Some(taken) = take(driver, &spool)? else { break };
        let Taken::Begun(attempt) = taken else { continue };
        match driver.carry_on(*attempt)? {
            Left::UnderWay => return Ok(Ran::UnderWay),
            Left::Ended(Outcome::Failed) => ran = Ran::Failed,
            Left::Ended(_) => {}
        }
    }
    Ok(ran)
}

/// What became of what lay ready.
enum Taken {
    /// It is an attempt now, written down.
    Begun(Box<Attempt>),
    /// It was refused, or had ended before.
    Not,
}

/// Removes from the spool what an attempt was made of.
fn forget(driver: &Driver<'_>, attempt: &str) -> Result<(), RunError> {
    let Some(spool) = Spool::open(&driver.directories.spool, driver.agent)? else { return Ok(()) };
    // One that cannot be understood is refused when its turn comes.
    let Ok(Some(ready)) = spool.ready() else { return Ok(()) };
    if request(&ready).is_ok_and(|request| request.attempt == attempt) {
        spool.clear()?;
    }
    Ok(())
}

/// Takes what lies ready. It is gone from the spool afterwards, whatever became of it.
fn take(driver: &mut Driver<'_>, spool: &Spool) -> Result<Option<Taken>, RunError> {
    let ready = match spool.ready() {
        Ok(None) => return Ok(None),
        Ok(Some(ready)) => ready,
        Err(error) => {
            refuse(driver, &nameless(), None, error.to_string())?;
            spool.clear()?;
            return Ok(Some(Taken::Not));
        }
    };
    let wanted = match request(&ready) {
        Ok(wanted) => wanted,
        Err(why) => {
            refuse(driver, &nameless(), None, why)?;
            spool.clear()?;
            return Ok(Some(Taken::Not));
        }
    };
    if driver.book.history()?.of(&wanted.attempt).is_some() {
        tracing::info!("the attempt {} has ended before, so it is not begun again", wanted.attempt);
        spool.clear()?;
        return Ok(Some(Taken::Not));
    }
    // What the agent said of an earlier attempt says nothing of this one.
    spool.remove(CONFIRMED)?;
    driver.book.clean()?;
    let taken = match stage(driver, &ready, &wanted) {
        Ok(program) => Taken::Begun(Box::new(begin(driver, wanted, program)?)),
        Err((why, kind)) => {
            driver.book.clean()?;
            refuse(driver, &wanted, kind, why)?;
            Taken::Not
        }
    };
    spool.clear()?;
    Ok(Some(taken))
}

/// Stands for what the agent wanted where that cannot be understood.
fn nameless() -> Request {
    Request { attempt: "unknown".to_owned(), name: "unknown".to_owned(), version: "unknown".to_owned() }
}

fn request(ready: &Ready<'_>) -> Result<Request, String> {
    let text = ready.request().map_err(|error| error.to_string())?;
    let wanted: Request = serde_json::from_slice(&text).map_err(|error| format!("request.json: {error}"))?;
    for word in [&wanted.attempt, &wanted.name, &wanted.version] {
        if !is_word(word) {
            return Err(format!("request.json: {word:?} is neither a name nor a version"));
        }
    }
    Ok(wanted)
}

/// Copies what lies ready out of the agent's reach. The metadata say first what the program may be.
fn stage(
    driver: &mut Driver<'_>,
    ready: &Ready<'_>,
    wanted: &Request,
) -> Result<Program, (String, Option<String>)> {
    let unknown = |why: String| (why, None);
    let metadata = ready.metadata().map_err(|error| unknown(error.to_string()))?;
    let program = driver
        .verifier
        .describe(&metadata, &wanted.name, &wanted.version)
        .map_err(|error| unknown(error.to_string()))?;
    let known = |why: String| (why, Some(program.kind.clone()));
    if !is_kind(&program.kind) || program.name != wanted.name || program.version != wanted.version {
        return Err(known("what is signed does not name itself as it was asked for".to_owned()));
    }
    fits(&program, driver.hardware).map_err(known)?;
    let staged = driver.directories.staged();
    ready
        .copy_program(&staged.join(PROGRAM), program.length, program.free)
        .map_err(|error| known(error.to_string()))?;
    durable::write(&staged.join(METADATA), &metadata).map_err(|error| known(error.to_string()))?;
    Ok(program)
}

fn begin(driver: &Driver<'_>, wanted: Request, program: Program) -> io::Result<Attempt> {
    let before = driver.book.installed()?.programs.remove(&wanted.name).map(|kept| kept.version);
    let attempt = Attempt {
        attempt: wanted.attempt,
        name: wanted.name,
        version: wanted.version,
        program,
        before,
        began: Clock::read().wall,
        position: state::beginning(),
        waiting: None,
        reason: None,
        output: None,
    };
    driver.book.write(&attempt)?;
    tracing::info!("attempt {}: {} {} begins", attempt.attempt, attempt.name, attempt.version);
    Ok(attempt)
}

fn refuse(driver: &Driver<'_>, wanted: &Request, kind: Option<String>, why: String) -> io::Result<()> {
    tracing::warn!("attempt {}: {} {} is refused: {why}", wanted.attempt, wanted.name, wanted.version);
    let clock = Clock::read();
    driver.book.add(Ended {
        attempt: wanted.attempt.clone(),
        kind,
        name: wanted.name.clone(),
        version: wanted.version.clone(),
        outcome: Outcome::Refused,
        reason: why,
        ended: clock.wall,
        synchronised: clock.synchronised,
        output: None,
    })
}

/// Makes the folders that are needed before anything can be locked.
pub fn prepare(directories: &Directories) -> io::Result<()> {
    attempt::folder(&directories.state, 0o755)?;
    Book::open(directories).map(|_made| ())
}
