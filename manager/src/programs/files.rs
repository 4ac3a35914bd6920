//! The bytes of programs: files in `programs/` of the state directory, each named by the SHA-256 of what it holds. One is
//! there whole or not at all: it is written under another name, forced to the disk, and gets its name then.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use platen_protocol::hex;
use platen_protocol::limits::MAX_PROGRAM_BYTES;
use platen_trust::{Content, FileFault};
use ring::digest::{Context, SHA256};

use crate::file_set::{PRIVATE, sync_directory};
use crate::secret;

/// The folder, in the state directory; in a backup, what is before the name of a file.
pub const FOLDER: &str = "programs";
/// What is being written ends so.
const PART: &str = ".part";
/// Random bytes of such a name.
const PART_BYTES: usize = 8;
const DIRECTORY_MODE: u32 = 0o700;
/// Hexadecimal digits of a name.
const NAME_DIGITS: usize = 64;
/// Bytes that are read at once.
const BUFFER: usize = 64 * 1024;
/// What was begun so long ago is not being written any more.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Why the bytes of a program are not kept.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is larger than any program.
    #[error("{}: more than the {MAX_PROGRAM_BYTES} bytes that a program may have", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// It is not what it should be.
    #[error("the bytes of a program have the SHA-256 {found} and not {wanted}")]
    Other {
        /// What they should have.
        wanted: String,
        /// What they have.
        found: String,
    },
    /// There is no randomness for its name.
    #[error(transparent)]
    Random(#[from] secret::NoRandom),
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> FileError + use<> {
    let path = path.to_owned();
    move |source| FileError::Io { path: path.clone(), source }
}

/// Does this with files on a thread that may wait for the disk.
pub(super) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    let done = tokio::task::spawn_blocking(work).await;
    // The thread is gone, with what it did.
    done.unwrap_or_else(|gone| Err(FileError::Io { path: FOLDER.into(), source: io::Error::other(gone) }))
}

/// Whether a file is named as one of these.
pub fn is_name(name: &str) -> bool {
    name.len() == NAME_DIGITS && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The files.
#[derive(Debug, Clone)]
pub struct ProgramFiles {
    folder: PathBuf,
}

/// A file that is being written; gone with this, unless it was finished.
pub struct Part {
    file: File,
    path: PathBuf,
    folder: PathBuf,
    sum: Context,
    bytes: u64,
    is_done: bool,
}

impl ProgramFiles {
    /// Those in a state directory.
    pub fn in_state(state_directory: &Path) -> Self {
        Self { folder: state_directory.join(FOLDER) }
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the file of these bytes is, if it is there.
    pub fn path(&self, sha256: &str) -> PathBuf {
        self.folder.join(sha256)
    }

    /// Whether the file of these bytes is there.
    pub fn has(&self, sha256: &str) -> bool {
        is_name(sha256) && self.path(sha256).exists()
    }

    /// Makes the folder, if there is none.
    pub fn make_folder(&self) -> Result<(), FileError> {
        let made = DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(&self.folder);
        made.map_err(io_error(&self.folder))
    }

    /// Begins a file.
    pub fn begin(&self) -> Result<Part, FileError> {
        self.make_folder()?;
        let path = self.folder.join(format!("{}{PART}", secret::random_hex::<PART_BYTES>()?));
        let file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&path);
        let file = file.map_err(io_error(&path))?;
        let folder = self.folder.clone();
        Ok(Part { file, path, folder, sum: Context::new(&SHA256), bytes: 0, is_done: false })
    }

    /// Keeps what a file holds; its size and its SHA-256, in hexadecimal digits.
    pub fn take_in(&self, from: &Path) -> Result<(u64, String), FileError> {
        let failed = io_error(from);
        let mut source = File::open(from).map_err(&failed)?;
        let mut part = self.begin()?;
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = source.read(&mut buffer).map_err(&failed)?;
            if count == 0 {
                return part.finish(None);
            }
            part.write(buffer.get(..count).unwrap_or_default())?;
            if part.bytes > MAX_PROGRAM_BYTES {
                return Err(FileError::TooLarge { path: from.to_owned() });
            }
        }
    }

    /// The size and the SHA-256 of a file, wherever it is.
    pub fn measure(from: &Path) -> Result<(u64, String), FileError> {
        let failed = io_error(from);
        let mut file = File::open(from).map_err(&failed)?;
        match Content::of(&mut file) {
            Ok(Content { size, sha256 }) => Ok((size, hex::encode(&sha256))),
            Err(FileFault::TooLarge) => Err(FileError::TooLarge { path: from.to_owned() }),
            Err(FileFault::Io(error)) => Err(failed(error)),
            Err(fault) => Err(failed(io::Error::other(fault))),
        }
    }

    /// The names of all that are there.
    pub fn names(&self) -> Result<Vec<String>, FileError> {
        let failed = io_error(&self.folder);
        let files = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            files => files.map_err(&failed)?,
        };
        let mut names = Vec::new();
        for file in files {
            let name = file.map_err(&failed)?.file_name();
            names.extend(name.to_str().filter(|name| is_name(name)).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// Removes a file. Whoever reads it just now reads it to its end.
    pub fn remove(&self, sha256: &str) -> Result<(), FileError> {
        let path = self.path(sha256);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(&path)(error)),
            _ => Ok(()),
        }
    }

    /// Removes what was begun and never finished; and, of those that are named so, what is older than a day: what is
    /// younger may be about to be published.
    pub fn clean(&self, now: SystemTime, is_wanted: impl Fn(&str) -> bool) -> Result<usize, FileError> {
        let failed = io_error(&self.folder);
        let files = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            files => files.map_err(&failed)?,
        };
        let mut removed = 0;
        for file in files {
            let file = file.map_err(&failed)?;
            let name = file.file_name().to_string_lossy().into_owned();
            let ours = name.ends_with(PART) || (is_name(&name) && !is_wanted(&name));
            let written = file.metadata().and_then(|found| found.modified()).map_err(&failed)?;
            let age = now.duration_since(written).unwrap_or_default();
            if ours && age >= ABANDONED_AFTER {
                std::fs::remove_file(file.path()).map_err(&failed)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

impl Part {
    /// Writes more.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.file.write_all(bytes).map_err(io_error(&self.path))?;
        self.sum.update(bytes);
        self.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(())
    }

    /// Gives it its name, unless it should have another one; its size and its SHA-256.
    pub fn finish(mut self, wanted: Option<&str>) -> Result<(u64, String), FileError> {
        let found = hex::encode(self.sum.clone().finish().as_ref());
        if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
            return Err(FileError::Other { wanted: wanted.to_owned(), found });
        }
        let path = self.folder.join(&found);
        self.file.sync_all().map_err(io_error(&self.path))?;
        std::fs::rename(&self.path, &path).map_err(io_error(&path))?;
        self.is_done = true;
        sync_directory(&self.folder).map_err(io_error(&self.folder))?;
        Ok((self.bytes, found))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_done {
            // What cannot be removed now is removed once it is old.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> (tempfile::TempDir, ProgramFiles) {
        let directory = tempfile::tempdir().unwrap();
        let files = ProgramFiles::in_state(directory.path());
        (directory, files)
    }

    #[test]
    fn a_program_is_kept_under_the_hash_of_its_bytes_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let (directory, files) = files();
        let from = directory.path().join("engine.bin");
        std::fs::write(&from, b"abc").unwrap();
        let (bytes, sha256) = files.take_in(&from).unwrap();
        assert_eq!(bytes, 3);
        assert_eq!(sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(ProgramFiles::measure(&from).unwrap(), (3, sha256.clone()));
        assert_eq!(std::fs::read(files.path(&sha256)).unwrap(), b"abc");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&files.path(&sha256)), mode(files.folder())), (0o600, 0o700));
        assert_eq!(files.names().unwrap(), std::slice::from_ref(&sha256));
        files.remove(&sha256).unwrap();
        files.remove(&sha256).unwrap();
        assert!(!files.has(&sha256));
    }

    #[test]
    fn what_is_not_whole_or_not_what_it_should_be_leaves_nothing() {
        let (_directory, files) = files();
        let mut part = files.begin().unwrap();
        part.write(b"ab").unwrap();
        drop(part);
        let mut part = files.begin().unwrap();
        part.write(b"abx").unwrap();
        let wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(matches!(part.finish(Some(wanted)), Err(FileError::Other { .. })));
        assert_eq!(std::fs::read_dir(files.folder()).unwrap().count(), 0);
    }

    #[test]
    fn what_nobody_wants_goes_after_a_day_and_strangers_stay() {
        let (directory, files) = files();
        let from = directory.path().join("one");
        std::fs::write(&from, b"abc").unwrap();
        let (_, wanted) = files.take_in(&from).unwrap();
        std::fs::write(&from, b"abx").unwrap();
        let (_, unwanted) = files.take_in(&from).unwrap();
        for name in ["0011.part", "online.key"] {
            std::fs::write(files.folder().join(name), b"x").unwrap();
        }
        let written = std::fs::metadata(files.path(&unwanted)).unwrap().modified().unwrap();
        assert_eq!(files.clean(written, |name| name == wanted).unwrap(), 0);
        assert_eq!(files.clean(written + ABANDONED_AFTER * 2, |name| name == wanted).unwrap(), 2);
        assert!(files.has(&wanted) && !files.has(&unwanted) && files.folder().join("online.key").exists());
    }
}
