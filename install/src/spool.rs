//! What the agent has made ready, taken as input that nobody vouches for.
//!
//! The agent can write whatever it likes there, also while it is read. So every file is opened below a folder that is held
//! open, no link is followed, only regular files of the agent's own count, every size has a limit, and what is used is
//! the copy in a folder of root's. Removing goes through the held folder as well.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::sys::statvfs::statvfs;

use crate::durable;
use crate::records::{METADATA, PROGRAM, REQUEST};

/// What lies ready, whole, in the spool.
const READY: &str = "ready";
/// The longest trust metadata, in bytes.
pub const METADATA_LIMIT: u64 = 256 * 1024;
/// The longest of the agent's small files, in bytes.
pub const NOTE_LIMIT: u64 = 4 * 1024;
/// The longest program, in bytes, whatever its maker signed.
pub const PROGRAM_LIMIT: u64 = 1024 * 1024 * 1024;
/// What stays free on the disk whatever is installed, in bytes: logs and the outbox go on.
pub const RESERVE: u64 = 32 * 1024 * 1024;

/// Why something in the spool is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// A file is not what it has to be.
    #[error("{name} in the spool {what}")]
    Unfit {
        /// Which.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// There is not enough room.
    #[error("{wanted} bytes are wanted and only {available} can be used: {RESERVE} stay free")]
    NoRoom {
        /// Bytes that are needed.
        wanted: u64,
        /// Bytes that there are beyond the reserve.
        available: u64,
    },
    /// The system says no.
    #[error("{what}: {said}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        said: io::Error,
    },
}

fn unfit(name: &str, what: impl Into<String>) -> SpoolError {
    SpoolError::Unfit { name: name.to_owned(), what: what.into() }
}

fn failed(what: impl Into<String>) -> impl FnOnce(io::Error) -> SpoolError {
    let what = what.into();
    move |said| SpoolError::Io { what, said }
}

/// The agent's spool, held open.
#[derive(Debug)]
pub struct Spool {
    folder: OwnedFd,
    owner: u32,
}

/// What lies ready in it, held open.
#[derive(Debug)]
pub struct Ready<'a> {
    spool: &'a Spool,
    folder: OwnedFd,
}

impl Spool {
    /// Opens it; without one there is nothing. Everything in it has to belong to `owner`.
    pub fn open(path: &Path, owner: u32) -> Result<Option<Self>, SpoolError> {
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_DIRECTORY.bits() | OFlag::O_NOFOLLOW.bits())
            .open(path);
        match opened {
            Ok(folder) => Ok(Some(Self { folder: folder.into(), owner })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(path.display().to_string())(error)),
        }
    }

    /// What lies ready.
    pub fn ready(&self) -> Result<Option<Ready<'_>>, SpoolError> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        match openat(&self.folder, READY, flags, Mode::empty()) {
            Ok(folder) => Ok(Some(Ready { spool: self, folder })),
            Err(Errno::ENOENT) => Ok(None),
            Err(Errno::ENOTDIR | Errno::ELOOP) => Err(unfit(READY, "is no folder")),
            Err(error) => Err(failed(READY)(error.into())),
        }
    }

    /// A small file of the agent's beside what lies ready; none is nothing.
    pub fn note(&self, name: &str) -> Result<Option<Vec<u8>>, SpoolError> {
        open_file(&self.folder, name, self.owner)?.map(|file| contents(file, name, NOTE_LIMIT)).transpose()
    }

    /// Removes something with all that is in it, by its name in the spool. What is gone already is removed.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        // The kernel goes on from the folder that is held open, whatever has been put at its path; the standard library
        // follows no link below it.
        let path = format!("/proc/self/fd/{}/{name}", self.folder.as_raw_fd());
        let removed = match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => std::fs::remove_file(&path),
            done => done,
        };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Removes what lay ready.
    pub fn clear(&self) -> io::Result<()> {
        self.remove(READY)
    }
}

impl Ready<'_> {
    /// What the agent wants.
    pub fn request(&self) -> Result<Vec<u8>, SpoolError> {
        contents(self.file(REQUEST)?, REQUEST, NOTE_LIMIT)
    }

    /// The trust metadata.
    pub fn metadata(&self) -> Result<Vec<u8>, SpoolError> {
        contents(self.file(METADATA)?, METADATA, METADATA_LIMIT)
    }

    /// Copies the program, which has to have `length` bytes, and forces it to the disk. There has to be room for `beside`
    /// more bytes. Nothing is written unless there is.
    pub fn copy_program(&self, to: &Path, length: u64, beside: u64) -> Result<(), SpoolError> {
        let mut from = self.file(PROGRAM)?;
        let there = from.metadata().map_err(failed(PROGRAM))?.len();
        if length > PROGRAM_LIMIT {
            return Err(unfit(PROGRAM, format!("would have more than {PROGRAM_LIMIT} bytes")));
        }
        if there != length {
            return Err(unfit(PROGRAM, format!("has {there} bytes and {length} were signed")));
        }
        let folder = to.parent().unwrap_or(to);
        room_for(folder, length.saturating_add(beside))?;
        let cannot = || failed(format!("copying to {}", to.display()));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(to)
            .map_err(cannot())?;
        let copied =
            io::copy(&mut from.by_ref().take(length.saturating_add(1)), &mut file).map_err(cannot())?;
        if copied != length {
            return Err(unfit(PROGRAM, "changed while it was read"));
        }
        file.sync_all().and_then(|()| durable::sync_folder(folder)).map_err(cannot())
    }

    fn file(&self, name: &str) -> Result<File, SpoolError> {
        open_file(&self.folder, name, self.spool.owner)?.ok_or_else(|| unfit(name, "is missing"))
    }
}

/// Whether a file system has room for this many bytes, and the reserve beside them.
pub fn room_for(folder: &Path, wanted: u64) -> Result<(), SpoolError> {
    let there = statvfs(folder).map_err(|error| failed(folder.display().to_string())(error.into()))?;
    let available = there.blocks_available().saturating_mul(there.fragment_size()).saturating_sub(RESERVE);
    if wanted > available { Err(SpoolError::NoRoom { wanted, available }) } else { Ok(()) }
}

/// Opens a regular file of one owner, below a folder. It waits for nobody, as opening a pipe would.
fn open_file(folder: &OwnedFd, name: &str, owner: u32) -> Result<Option<File>, SpoolError> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = match openat(folder.as_fd(), OsStr::new(name), flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::ENOENT) => return Ok(None),
        Err(Errno::ELOOP) => return Err(unfit(name, "is a link")),
        Err(error) => return Err(failed(name)(error.into())),
    };
    let about = file.metadata().map_err(failed(name))?;
    if !about.is_file() {
        return Err(unfit(name, "is no regular file"));
    }
    if about.uid() != owner {
        return Err(unfit(name, "does not belong to the agent"));
    }
    if about.nlink() != 1 {
        return Err(unfit(name, "has a second name"));
    }
    Ok(Some(file))
}

fn contents(file: File, name: &str, limit: u64) -> Result<Vec<u8>, SpoolError> {
    let mut read = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut read).map_err(failed(name))?;
    if u64::try_from(read.len()).unwrap_or(u64::MAX) > limit {
        return Err(unfit(name, format!("has more than {limit} bytes")));
    }
    Ok(read)
}

#[cfg(test)]
mod tests;
