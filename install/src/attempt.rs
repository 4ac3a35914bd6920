//! The attempt under way, on the disk: begun, carried on, and filed when it has ended.
//!
//! Filing is three files and a removal, each of which may be repeated: an attempt that ended keeps its last position in
//! `attempt.json` until all of it is done.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use crate::clock::Clock;
use crate::directories::Directories;
use crate::durable::{self, Read};
use crate::records::{
    ATTEMPT, Attempt, Ended, HISTORY, History, INSTALLED, Installed, Keeps, Outcome, RECORD_LIMIT,
};

/// For root alone.
const PRIVATE: u32 = 0o700;
/// For everybody to read.
const PUBLIC: u32 = 0o755;
/// What is said of an attempt whose record cannot be read.
const UNKNOWN: &str = "unknown";

/// The records.
#[derive(Debug)]
pub struct Book<'a> {
    directories: &'a Directories,
}

impl<'a> Book<'a> {
    /// Opens them; folders that are missing are made.
    pub fn open(directories: &'a Directories) -> io::Result<Self> {
        folder(&directories.state, PUBLIC)?;
        folder(&directories.state.join("kept"), PRIVATE)?;
        // Signed, and public: the agent tells the manager which versions are trusted here.
        folder(&directories.trust(), PUBLIC)?;
        Ok(Self { directories })
    }

    /// The attempt under way. A record that cannot be understood is set aside and filed as failed: nobody knows what was
    /// under way, so somebody has to look.
    pub fn attempt(&self, clock: &Clock) -> io::Result<Option<Attempt>> {
        match durable::read_record(&self.directories.record(ATTEMPT), RECORD_LIMIT)? {
            Read::Whole(attempt) => Ok(Some(attempt)),
            Read::Missing => Ok(None),
            Read::SetAside(why) => {
                tracing::error!("{why}");
                self.add(Ended {
                    attempt: UNKNOWN.to_owned(),
                    kind: None,
                    name: UNKNOWN.to_owned(),
                    version: UNKNOWN.to_owned(),
                    outcome: Outcome::Failed,
                    reason: why,
                    ended: clock.wall,
                    synchronised: clock.synchronised,
                    output: None,
                })?;
                Ok(None)
            }
        }
    }

    /// Writes down where the attempt stands.
    pub fn write(&self, attempt: &Attempt) -> io::Result<()> {
        durable::write_record(&self.directories.record(ATTEMPT), attempt)
    }

    /// The attempts that ended.
    pub fn history(&self) -> io::Result<History> {
        let read = durable::read_record(&self.directories.record(HISTORY), RECORD_LIMIT)?;
        Ok(read.or_none().unwrap_or_default())
    }

    /// What was kept.
    pub fn installed(&self) -> io::Result<Installed> {
        let read = durable::read_record(&self.directories.record(INSTALLED), RECORD_LIMIT)?;
        Ok(read.or_none().unwrap_or_default())
    }

    /// Adds one that has ended.
    pub fn add(&self, ended: Ended) -> io::Result<()> {
        let mut history = self.history()?;
        history.add(ended);
        durable::write_record(&self.directories.record(HISTORY), &history)
    }

    /// Empties the folders that belong to one attempt.
    pub fn clean(&self) -> io::Result<()> {
        for folder in [self.directories.staged(), self.directories.work()] {
            emptied(&folder)?;
        }
        Ok(())
    }

    /// Files an attempt that has ended, and forgets it.
    pub fn file(&self, attempt: &Attempt, outcome: Outcome, clock: &Clock) -> io::Result<()> {
        if outcome == Outcome::Kept {
            self.keep(attempt)?;
        }
        let usual = match outcome {
            Outcome::Kept => "the agent has confirmed it",
            Outcome::RolledBack => "what ran before runs again",
            Outcome::Refused => "it was not begun",
            Outcome::Failed => "neither it nor what ran before could be brought to run: somebody has to look",
        };
        let reason = attempt.reason.clone().filter(|_| outcome != Outcome::Kept);
        self.add(Ended {
            attempt: attempt.attempt.clone(),
            kind: Some(attempt.program.kind.clone()),
            name: attempt.name.clone(),
            version: attempt.version.clone(),
            outcome,
            reason: reason.unwrap_or_else(|| usual.to_owned()),
            ended: clock.wall,
            synchronised: clock.synchronised,
            output: attempt.output.clone().filter(|_| outcome != Outcome::Kept),
        })?;
        self.clean()?;
        durable::remove(&self.directories.runner())?;
        durable::remove(&self.directories.record(ATTEMPT))
    }

    fn keep(&self, attempt: &Attempt) -> io::Result<()> {
        let mut installed = self.installed()?;
        let program = &attempt.program;
        let keeps = Keeps {
            kind: program.kind.clone(),
            version: program.version.clone(),
            sha256: program.sha256.clone(),
            attempt: attempt.attempt.clone(),
        };
        installed.programs.insert(program.name.clone(), keeps);
        durable::write_record(&self.directories.record(INSTALLED), &installed)
    }
}

/// Makes a folder with this mode, or gives it this mode, whatever the umask.
pub fn folder(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Makes a folder anew, for root alone.
pub fn emptied(path: &Path) -> io::Result<()> {
    removed(path)?;
    folder(path, PRIVATE)
}

/// Forgets what was learnt of the maker's versions.
pub fn forget_trust(directories: &Directories) -> io::Result<()> {
    removed(&directories.trust())?;
    folder(&directories.trust(), PUBLIC)?;
    durable::sync_folder(&directories.state)
}

/// Removes a folder with all that is in it; one that is gone already is removed.
fn removed(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::records::{Program, Step};
    use crate::state;

    /// An attempt that has just begun.
    pub(crate) fn begun(id: &str) -> Attempt {
        Attempt {
            attempt: id.to_owned(),
            name: "engine".to_owned(),
            version: "2.0".to_owned(),
            program: Program {
                kind: "engine-firmware".to_owned(),
                name: "engine".to_owned(),
                version: "2.0".to_owned(),
                sha256: "00".repeat(32),
                length: 5,
                hardware: Vec::new(),
                free: 0,
                confirm_within: 600,
                replaces: None,
            },
            before: None,
            began: Timestamp::UNIX_EPOCH,
            position: state::beginning(),
            waiting: None,
            reason: None,
            output: None,
        }
    }

    #[test]
    fn filing_can_be_cut_off_anywhere_and_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let directories = Directories::under(folder.path());
        let (book, clock) = (Book::open(&directories).unwrap(), Clock::read());
        let mut attempt = begun("7");
        attempt.position.step = Step::Kept;
        book.clean().unwrap();
        for _ in 0..2 {
            book.write(&attempt).unwrap();
            assert_eq!(book.attempt(&clock).unwrap().as_ref(), Some(&attempt));
            book.file(&attempt, Outcome::Kept, &clock).unwrap();
            assert!(book.attempt(&clock).unwrap().is_none());
        }
        assert_eq!(book.history().unwrap().attempts.len(), 1);
        assert_eq!(book.installed().unwrap().programs["engine"].version, "2.0");
        assert!(std::fs::read_dir(directories.staged()).unwrap().next().is_none());
    }

    #[test]
    fn what_did_not_stay_is_not_installed_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let directories = Directories::under(folder.path());
        let (book, clock) = (Book::open(&directories).unwrap(), Clock::read());
        let mut attempt = begun("7");
        attempt.reason = Some("the installer's verify failed".to_owned());
        book.file(&attempt, Outcome::RolledBack, &clock).unwrap();
        assert!(book.installed().unwrap().programs.is_empty());
        assert_eq!(book.history().unwrap().attempts[0].reason, "the installer's verify failed");
    }

    #[test]
    fn a_record_that_makes_no_sense_is_a_failed_attempt_and_no_crash() {
        let folder = tempfile::tempdir().unwrap();
        let directories = Directories::under(folder.path());
        let (book, clock) = (Book::open(&directories).unwrap(), Clock::read());
        for name in [ATTEMPT, HISTORY, INSTALLED] {
            std::fs::write(directories.record(name), "\0\0\0").unwrap();
        }
        assert!(book.attempt(&clock).unwrap().is_none());
        assert!(book.installed().unwrap().programs.is_empty());
        let history = book.history().unwrap();
        assert_eq!(history.attempts[0].outcome, Outcome::Failed);
        assert!(history.attempts[0].reason.contains("attempt.json.unreadable"), "{history:?}");
    }
}
