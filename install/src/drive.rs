//! Acts: one attempt, from where it stands to its end.
//!
//! Each turn is: act, decide what follows (`state`), write it down. Nothing is done that is not written down first, so
//! what a power cut interrupts is begun again, and counted.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use data_encoding::HEXLOWER;
use platen_trust::{Content, FileFault};

use crate::attempt::{self, Book};
use crate::clock::Clock;
use crate::confirm::{self, Decision};
use crate::contract::AGENT_PACKAGE;
use crate::directories::Directories;
use crate::durable;
use crate::installer::Installers;
use crate::records::{Attempt, CONFIRMED, Confirmed, METADATA, Outcome, PROGRAM, Position, Program, Step};
use crate::spool::Spool;
use crate::state::{self, Action, Event, InstallerStep};
use crate::stop::Stop;
use crate::verify::Verifier;

/// The mode of the copy of this program.
const EXECUTABLE: u32 = 0o755;

/// What it takes to act.
pub struct Driver<'a> {
    /// Where everything lies.
    pub directories: &'a Directories,
    /// The records.
    pub book: &'a Book<'a>,
    /// Whoever knows the maker's keys.
    pub verifier: &'a mut dyn Verifier,
    /// The installers.
    pub installers: &'a Installers,
    /// What this hardware is called.
    pub hardware: &'a [String],
    /// The user whose the spool is.
    pub agent: u32,
    /// How long is waited before a step is begun again.
    pub pause: fn(Step) -> Duration,
    /// Whether to end.
    pub stop: &'a Stop,
}

/// Where an attempt was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It has ended.
    Ended(Outcome),
    /// It goes on with the next start.
    UnderWay,
}

/// What came of an action.
struct Came {
    event: Event,
    reason: String,
    output: String,
}

impl Came {
    fn of(event: Event, reason: impl Into<String>) -> Self {
        Self { event, reason: reason.into(), output: String::new() }
    }
}

impl Driver<'_> {
    /// Goes on with an attempt that a start before this one began.
    pub fn resume(&mut self, mut attempt: Attempt) -> io::Result<Left> {
        let at = attempt.position;
        tracing::info!("going on with the attempt {}, which was at {:?}", attempt.attempt, at.step);
        let came = Came::of(Event::Restarted, "it was interrupted too often");
        self.move_on(&mut attempt, came)?;
        self.carry_on(attempt)
    }

    /// Carries an attempt, as it is written down, to its end.
    pub fn carry_on(&mut self, mut attempt: Attempt) -> io::Result<Left> {
        loop {
            if let Some(outcome) = attempt.position.step.outcome() {
                self.book.file(&attempt, outcome, &Clock::read())?;
                tell(&attempt, outcome);
                return Ok(Left::Ended(outcome));
            }
            let Some(came) = self.act(&mut attempt)? else { return Ok(Left::UnderWay) };
            let before = attempt.position.step;
            self.move_on(&mut attempt, came)?;
            let again = attempt.position.step == before;
            let stopped =
                if again { self.stop.wait((self.pause)(before)) } else { self.stop.wait(Duration::ZERO) };
            if stopped && attempt.position.step.outcome().is_none() {
                tracing::info!("told to end: the attempt {} goes on with the next start", attempt.attempt);
                return Ok(Left::UnderWay);
            }
        }
    }

    /// Where the attempt stands after what came of its action, written down.
    fn move_on(&self, attempt: &mut Attempt, came: Came) -> io::Result<()> {
        let (was, is) = (attempt.position, state::next(attempt.position, came.event));
        attempt.position = is;
        if leads_away(was, is) && attempt.reason.is_none() {
            attempt.reason = Some(came.reason.clone());
            attempt.output = Some(came.output).filter(|output| !output.is_empty());
        } else if is.step == Step::Failed {
            let first = attempt.reason.take().unwrap_or_default();
            attempt.reason = Some(format!("{first}; going back did not work either: {}", came.reason));
        }
        if !came.reason.is_empty() && came.event != Event::Restarted {
            tracing::warn!("attempt {}: {}", attempt.attempt, came.reason);
        }
        self.book.write(attempt)
    }

    /// Does what is due; nothing came of it when it was told to end.
    fn act(&mut self, attempt: &mut Attempt) -> io::Result<Option<Came>> {
        match state::action(attempt.position.step) {
            Action::Verify => self.verify(attempt).map(Some),
            Action::Run(step) => self.run(step, attempt).map(Some),
            Action::AwaitConfirmation => self.await_confirmation(attempt),
            Action::File => Ok(Some(Came::of(Event::Passed, ""))),
        }
    }

    /// Verifies the copies from the beginning. What the metadata said before counts no more.
    fn verify(&mut self, attempt: &mut Attempt) -> io::Result<Came> {
        let staged = self.directories.staged();
        let metadata = match std::fs::read(staged.join(METADATA)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Came::of(Event::Failed, "what was staged is gone"));
            }
            read => read?,
        };
        let told = self.verifier.describe(&metadata, &attempt.name, &attempt.version).and_then(|program| {
            self.verifier.is_whole(&staged.join(PROGRAM), &program)?;
            Ok(program)
        });
        match told {
            Ok(program) => {
                if let Err(why) = fits(&program, self.hardware) {
                    return Ok(Came::of(Event::Refused, why));
                }
                attempt.program = program;
                Ok(Came::of(Event::Passed, ""))
            }
            Err(why) => Ok(Came::of(Event::Refused, why.to_string())),
        }
    }

    fn run(&self, step: InstallerStep, attempt: &Attempt) -> io::Result<Came> {
        if step == InstallerStep::Check {
            attempt::emptied(&self.directories.work())?;
        }
        attempt::folder(&self.directories.kept(&attempt.program.kind), 0o700)?;
        if step == InstallerStep::Install {
            // What was verified is installed, also when the disk has lost it since.
            let staged = self.directories.staged().join(PROGRAM);
            match digest(&staged) {
                Ok(found) if found == attempt.program.sha256 => {}
                Ok(_) => return Ok(Came::of(Event::Failed, "the staged program is not what was verified")),
                Err(error) => {
                    return Ok(Came::of(Event::Failed, format!("what was staged: {error}")));
                }
            }
            if attempt.program.kind == AGENT_PACKAGE {
                self.keep_runner()?;
            }
        }
        tracing::info!("attempt {}: {} {} {}", attempt.attempt, step.word(), attempt.name, attempt.version);
        let report = self.installers.run(step, attempt, self.directories);
        Ok(Came { event: report.event, reason: report.reason, output: report.output })
    }

    /// A copy of this very program, with which an attempt goes on after a power cut: what stands at its path by then may
    /// be the new version, which nobody has confirmed, or half of it.
    fn keep_runner(&self) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let (to, unfinished) = (self.directories.runner(), self.directories.record("runner.new"));
        if to.exists() {
            return Ok(());
        }
        std::fs::copy(&self.installers.own, &unfinished)?;
        std::fs::set_permissions(&unfinished, std::fs::Permissions::from_mode(EXECUTABLE))?;
        File::open(&unfinished)?.sync_all()?;
        durable::rename(&unfinished, &to)
    }

    fn await_confirmation(&self, attempt: &mut Attempt) -> io::Result<Option<Came>> {
        let window = confirm::window(attempt);
        let mut waiting = confirm::begin(attempt.waiting.take(), &Clock::read());
        loop {
            let clock = Clock::read();
            let said = self.confirmed();
            match confirm::decide(attempt, said.as_ref(), confirm::waited(&waiting, &clock)) {
                Decision::Confirmed => return Ok(Some(Came::of(Event::Passed, ""))),
                Decision::TooLate(why) => return Ok(Some(Came::of(Event::Failed, why))),
                Decision::Wait => {}
            }
            if attempt.waiting.is_none() {
                attempt.waiting = Some(waiting.clone());
                self.book.write(attempt)?;
            }
            if let Some(noted) = confirm::note(&waiting, &clock, window) {
                waiting = noted;
                attempt.waiting = Some(waiting.clone());
                self.book.write(attempt)?;
            }
            if self.stop.wait(confirm::LOOK) {
                return Ok(None);
            }
        }
    }

    /// What the agent says of itself; what makes no sense says nothing.
    fn confirmed(&self) -> Option<Confirmed> {
        let spool = Spool::open(&self.directories.spool, self.agent).ok()??;
        serde_json::from_slice(&spool.note(CONFIRMED).ok()??).ok()
    }
}

/// Whether a move is one away from being kept.
fn leads_away(was: Position, is: Position) -> bool {
    was.step != is.step && matches!(is.step, Step::Refused | Step::GoingBack)
}

/// Whether a program is for this hardware, and of words that may stand in a path.
pub fn fits(program: &Program, hardware: &[String]) -> Result<(), String> {
    if program.hardware.is_empty() || program.hardware.iter().any(|one| hardware.contains(one)) {
        return Ok(());
    }
    Err(format!("it is for {}, and this is {}", program.hardware.join(", "), hardware.join(", ")))
}

/// SHA-256 of a file, in hexadecimal digits.
fn digest(path: &Path) -> Result<String, FileFault> {
    Ok(HEXLOWER.encode(&Content::of(&mut File::open(path)?)?.sha256))
}

fn tell(attempt: &Attempt, outcome: Outcome) {
    let Attempt { attempt: id, name, version, reason, .. } = attempt;
    let why = reason.as_deref().unwrap_or_default();
    match outcome {
        Outcome::Kept => tracing::info!("attempt {id}: {name} {version} is kept"),
        Outcome::RolledBack => tracing::warn!("attempt {id}: {name} {version} was gone back from: {why}"),
        Outcome::Refused => tracing::warn!("attempt {id}: {name} {version} was refused: {why}"),
        Outcome::Failed => {
            tracing::error!("attempt {id}: {name} {version} failed: {why}; somebody has to look");
        }
    }
}
