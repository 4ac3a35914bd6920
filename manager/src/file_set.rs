//! Files that belong together, such as a certificate and its key, are made under a lock, whole or not at all:
//! they are written into a directory of their own and forced to the disk; that the directory gets its second
//! name is the moment from which they are there; then they are moved to their places. Whoever takes the lock
//! next finishes what was cut off after that moment, and throws away what was cut off before it.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// What is locked while files are made. Both locks stay, for a lock on a file that is gone holds nobody off.
const LOCK_FILE: &str = ".lock";
/// Held by the manager that serves from a directory.
const SERVING_FILE: &str = ".serving";
/// While a backup is put in place: what is there is neither the store of before nor the one that comes.
pub(crate) const RESTORING: &str = ".restoring";
/// While files are written.
const MAKING: &str = ".making";
/// When all are on the disk, until they are at their places.
const MADE: &str = ".made";

/// For the owner alone.
pub(crate) const PRIVATE: u32 = 0o600;
/// For everybody to read.
pub(crate) const PUBLIC: u32 = 0o644;
const DIRECTORY: u32 = 0o700;

/// The only one who makes files in a directory, until it is dropped or its process ends.
pub(crate) struct LockedDirectory<'a> {
    directory: &'a Path,
    _file: File,
}

/// A manager serves from a directory: no other does, nor is anything put in place there, until this is dropped or its
/// process ends.
#[derive(Debug)]
pub(crate) struct ServingLock {
    _file: File,
}

/// A directory is somebody else's.
#[derive(Debug, thiserror::Error)]
pub enum Held {
    /// A manager serves from it.
    #[error(
        "{}: another manager is serving from this state_directory ({by}); stop it first, or give this one a directory of its own",
        path.display()
    )]
    Serving {
        /// Which directory.
        path: PathBuf,
        /// Which process.
        by: String,
    },
    /// The lock cannot be made.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ServingLock {
    /// Takes the lock, or says who has it.
    pub(crate) fn take(directory: &Path) -> Result<Self, Held> {
        let path = directory.join(SERVING_FILE);
        let failed = |source| Held::Io { path: path.clone(), source };
        let file = OpenOptions::new().create(true).read(true).append(true).mode(PRIVATE).open(&path);
        let mut file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                let mut by = String::new();
                // Who it is matters less than that there is one.
                let known = file.read_to_string(&mut by).is_ok() && !by.is_empty();
                let by = if known { format!("process {}", by.trim()) } else { "another process".to_owned() };
                return Err(Held::Serving { path: directory.to_owned(), by });
            }
            Err(std::fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// Forces to the disk which files a directory has.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn remove_directory(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

impl<'a> LockedDirectory<'a> {
    /// Waits until nobody else makes files there, and finishes or throws away what was cut off.
    pub(crate) fn take(directory: &'a Path) -> io::Result<Self> {
        let file =
            OpenOptions::new().create(true).append(true).mode(PRIVATE).open(directory.join(LOCK_FILE))?;
        file.lock()?;
        let locked = Self { directory, _file: file };
        locked.finish()?;
        remove_directory(&directory.join(MAKING))?;
        Ok(locked)
    }

    /// Makes these files, by name, contents and mode: all of them or none. Those of before are replaced.
    pub(crate) fn make(&self, files: &[(&str, &[u8], u32)]) -> io::Result<()> {
        let making = self.directory.join(MAKING);
        remove_directory(&making)?;
        DirBuilder::new().mode(DIRECTORY).create(&making)?;
        for (name, contents, mode) in files {
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(*mode).open(making.join(name))?;
            // Whatever the umask.
            file.set_permissions(Permissions::from_mode(*mode))?;
            file.write_all(contents)?;
            file.sync_all()?;
        }
        sync_directory(&making)?;
        std::fs::rename(&making, self.directory.join(MADE))?;
        sync_directory(self.directory)?;
        self.finish()
    }

    /// Moves what is made to its place.
    fn finish(&self) -> io::Result<()> {
        let made = self.directory.join(MADE);
        let files = match std::fs::read_dir(&made) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            files => files?,
        };
        for file in files {
            let file = file?;
            std::fs::rename(file.path(), self.directory.join(file.file_name()))?;
        }
        sync_directory(self.directory)?;
        std::fs::remove_dir(&made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn files_are_made_with_their_modes_and_replace_those_of_before() {
        let directory = tempfile::tempdir().unwrap();
        let locked = LockedDirectory::take(directory.path()).unwrap();
        locked.make(&[("a.key", b"1", PRIVATE), ("a.pem", b"1", PUBLIC)]).unwrap();
        locked.make(&[("a.key", b"2", PRIVATE), ("a.pem", b"2", PUBLIC)]).unwrap();
        assert_eq!(names(directory.path()), [".lock", "a.key", "a.pem"]);
        for (name, mode) in [("a.key", PRIVATE), ("a.pem", PUBLIC)] {
            let path = directory.path().join(name);
            assert_eq!(std::fs::read(&path).unwrap(), b"2");
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        }
    }

    #[test]
    fn one_manager_serves_from_a_directory_and_the_next_is_told_who_does() {
        let directory = tempfile::tempdir().unwrap();
        let first = ServingLock::take(directory.path()).unwrap();
        let refused = ServingLock::take(directory.path()).unwrap_err().to_string();
        let process = format!("process {}", std::process::id());
        assert!(refused.contains("another manager is serving") && refused.contains(&process), "{refused}");
        // Whoever makes files there is not held up.
        drop(LockedDirectory::take(directory.path()).unwrap());
        drop(first);
        ServingLock::take(directory.path()).unwrap();
    }

    #[test]
    fn what_was_cut_off_is_finished_or_thrown_away_by_the_next_who_comes() {
        let directory = tempfile::tempdir().unwrap();
        for folder in [MAKING, MADE] {
            std::fs::create_dir(directory.path().join(folder)).unwrap();
        }
        std::fs::write(directory.path().join(MAKING).join("b.key"), "half").unwrap();
        // One of the two is at its place already.
        std::fs::write(directory.path().join(MADE).join("a.pem"), "whole").unwrap();
        std::fs::write(directory.path().join("a.key"), "whole").unwrap();
        drop(LockedDirectory::take(directory.path()).unwrap());
        assert_eq!(names(directory.path()), [".lock", "a.key", "a.pem"]);
    }
}
