//! The spool: what was received of a program, and what lies ready for who installs it.
//!
//! `STATE/programs/fetching/` is a transfer that is not whole, with `progress.json` beside it; `ready/` is one that is, and
//! gets its name in one step. Whoever installs takes it from there and trusts nothing of it.
//!
//! All of this blocks, and is called where that holds up nothing.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::transfer::Offered;

/// The folder in the agent's state directory.
const FOLDER: &str = "programs";
const FETCHING: &str = "fetching";
const READY: &str = "ready";
const PROGRESS: &str = "progress.json";
const METADATA: &str = "metadata.json";
const PROGRAM: &str = "program";
const REQUEST: &str = "request.json";
/// So much may be received again after a power cut, in bytes.
const SYNC_BYTES: u64 = 4 * 1024 * 1024;
/// No file of the agent's own in there is larger.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Spool {
    folder: PathBuf,
}

/// `progress.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    offered: Offered,
    /// So much of it is on the disk whatever happens.
    durable: u64,
    /// As long as the machine has not been started anew, all that was written counts.
    boot_id: String,
}

/// `request.json`: what lies ready, for who installs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    /// The attempt.
    pub attempt: String,
    /// Who installs it.
    pub kind: String,
    /// The program's name.
    pub name: String,
    /// The program's version.
    pub version: String,
}

/// A transfer under way, open to be continued.
#[derive(Debug)]
pub(super) struct Transfer {
    folder: PathBuf,
    boot_id: String,
    offered: Offered,
    metadata: File,
    program: File,
    bytes: u64,
    durable: u64,
}

impl Spool {
    /// In a state directory.
    pub(super) fn new(state_directory: &Path) -> Self {
        Self { folder: state_directory.join(FOLDER) }
    }

    #[allow(clippy::useless_conversion, reason = "on processors of 32 bits these are smaller numbers")]
    /// What is free on its disk, in bytes, beside what is to stay free.
    pub(super) fn free_bytes(&self, keep_free: u64) -> u64 {
        let known = [self.folder.as_path(), self.folder.parent().unwrap_or(&self.folder)];
        let found = known.iter().find_map(|folder| statvfs(*folder).ok());
        let free =
            found.map_or(0, |found| u64::from(found.blocks_available()) * u64::from(found.fragment_size()));
        free.saturating_sub(keep_free)
    }

    /// Whether something lies ready.
    pub(super) fn is_ready(&self) -> bool {
        self.folder.join(READY).is_dir()
    }

    /// What lies ready, if something does that can be read.
    pub(super) fn ready(&self) -> Option<Request> {
        read_json(&self.folder.join(READY).join(REQUEST))
    }

    /// Continues what was received, if something was that can be continued.
    pub(super) fn resume(&self, boot_id: &str) -> Option<Transfer> {
        let progress: Option<Progress> = read_json(&self.folder.join(PROGRESS));
        let resumed = progress.and_then(|progress| self.reopen(progress, boot_id).ok());
        if resumed.is_none() {
            self.clear();
        }
        resumed
    }

    fn reopen(&self, progress: Progress, boot_id: &str) -> io::Result<Transfer> {
        let folder = self.folder.join(FETCHING);
        let open = |name: &str| OpenOptions::new().write(true).open(folder.join(name));
        let (metadata, program) = (open(METADATA)?, open(PROGRAM)?);
        let first = metadata.metadata()?.len().min(progress.offered.metadata_length);
        let rest = program.metadata()?.len();
        let whole = first == progress.offered.metadata_length;
        let written = if whole { (first + rest).min(progress.offered.whole) } else { first };
        let counts = if progress.boot_id == boot_id { written } else { written.min(progress.durable) };
        let mut transfer = Transfer {
            folder: self.folder.clone(),
            boot_id: boot_id.to_owned(),
            offered: progress.offered,
            metadata,
            program,
            bytes: counts,
            durable: counts.min(progress.durable),
        };
        transfer.cut()?;
        Ok(transfer)
    }

    /// Begins a transfer; what there was of another one is gone.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn begin(&self, offered: Offered, boot_id: &str) -> io::Result<Transfer> {
        self.clear();
        let folder = self.folder.join(FETCHING);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let open =
            |name: &str| OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(name));
        let (metadata, program) = (open(METADATA)?, open(PROGRAM)?);
        let mut transfer = Transfer {
            folder: self.folder.clone(),
            boot_id: boot_id.to_owned(),
            offered,
            metadata,
            program,
            bytes: 0,
            durable: 0,
        };
        transfer.sync()?;
        sync_folder(&folder)?;
        Ok(transfer)
    }

    /// Forgets what was received.
    pub(super) fn clear(&self) {
        // What cannot be removed is removed the next time; without its progress it counts for nothing.
        let _ = fs::remove_file(self.folder.join(PROGRESS));
        let _ = fs::remove_dir_all(self.folder.join(FETCHING));
    }

    /// Writes a small file of the agent's own, all of it or nothing.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn write(&self, name: &str, content: &impl Serialize) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        write_json(&self.folder, name, content)
    }

    /// Reads a small file of the agent's own, if it is there and can be read.
    pub(super) fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        read_json(&self.folder.join(name))
    }

    /// Removes one.
    pub(super) fn remove(&self, name: &str) {
        // It is not there, or it is overwritten by the next.
        let _ = fs::remove_file(self.folder.join(name));
    }
}

impl Transfer {
    /// Of what.
    pub(super) fn offered(&self) -> &Offered {
        &self.offered
    }

    /// How many bytes of it are here.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether all of it is here.
    pub(super) fn is_whole(&self) -> bool {
        self.bytes == self.offered.whole
    }

    /// The same bytes serve another attempt.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn continue_as(&mut self, offered: Offered) -> io::Result<()> {
        if self.offered == offered {
            return Ok(());
        }
        self.offered = offered;
        self.note()
    }

    /// Adds what came next.
    ///
    /// # Errors
    /// When the disk does not take it: then nothing of this counts.
    pub(super) fn append(&mut self, came: &[u8]) -> io::Result<()> {
        let room = usize::try_from(self.offered.metadata_length.saturating_sub(self.bytes));
        let (metadata, program) = came.split_at(room.unwrap_or(came.len()).min(came.len()));
        let written = self.metadata.write_all(metadata).and_then(|()| self.program.write_all(program));
        if let Err(cause) = written {
            self.cut()?;
            return Err(cause);
        }
        self.bytes += came.len() as u64;
        if self.bytes - self.durable >= SYNC_BYTES {
            self.sync()?;
        }
        Ok(())
    }

    /// Cuts the files to what counts.
    fn cut(&mut self) -> io::Result<()> {
        let metadata = self.bytes.min(self.offered.metadata_length);
        for (file, length) in [(&mut self.metadata, metadata), (&mut self.program, self.bytes - metadata)] {
            file.set_len(length)?;
            file.seek(SeekFrom::Start(length))?;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.metadata.sync_data()?;
        self.program.sync_data()?;
        self.durable = self.bytes;
        self.note()
    }

    fn note(&self) -> io::Result<()> {
        let progress =
            Progress { offered: self.offered.clone(), durable: self.durable, boot_id: self.boot_id.clone() };
        write_json(&self.folder, PROGRESS, &progress)
    }

    /// Hands over what is whole to who installs it: durable before it has its name.
    ///
    /// # Errors
    /// When the disk does not take it, or something lies ready already.
    pub(super) fn hand_over(mut self) -> io::Result<()> {
        self.sync()?;
        let (fetching, ready) = (self.folder.join(FETCHING), self.folder.join(READY));
        let Offered { attempt, program, .. } = &self.offered;
        let request = Request {
            attempt: attempt.to_string(),
            kind: program.kind.to_string(),
            name: program.name.to_string(),
            version: program.version.to_string(),
        };
        write_json(&fetching, REQUEST, &request)?;
        if ready.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(&fetching, &ready)?;
        sync_folder(&self.folder)?;
        // Without its folder it counts for nothing.
        let _ = fs::remove_file(self.folder.join(PROGRESS));
        Ok(())
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn write_json(folder: &Path, name: &str, content: &impl Serialize) -> io::Result<()> {
    let new = folder.join(format!("{name}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec_pretty(content)?)?;
    file.sync_all()?;
    fs::rename(&new, folder.join(name))?;
    sync_folder(folder)
}

fn read_json<T: DeserializeOwned>(file: &Path) -> Option<T> {
    let found = fs::metadata(file).ok().filter(|found| found.is_file() && found.len() <= MAX_FILE_BYTES)?;
    let text = (found.len() > 0).then(|| fs::read(file).ok()).flatten()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests;
