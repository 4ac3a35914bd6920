//! Keeps what a device trusts in a folder: one file, replaced whole, so that a power cut leaves the old one or the new
//! one. The folder is its owner's; one process at a time writes there.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::distrust::Distrust;
use crate::limits::MAX_TRUSTED_BYTES;
use crate::trusted::Trusted;

/// The file's name.
pub const FILE_NAME: &str = "trusted.json";
/// Its name while it is written.
const NEW_FILE_NAME: &str = "trusted.json.new";

/// A folder with what is trusted.
#[derive(Debug, Clone)]
pub struct Folder {
    directory: PathBuf,
}

impl Folder {
    /// It has to be there.
    pub fn at(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// What is trusted, or nothing where nobody has said yet which root to trust.
    pub fn read(&self) -> Result<Option<Trusted>, Distrust> {
        let path = self.directory.join(FILE_NAME);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(disk(&path))?,
        };
        let most = u64::try_from(MAX_TRUSTED_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes).map_err(disk(&path))?;
        // A file that is damaged is the disk's fault, and not an attack.
        let trusted = Trusted::from_bytes(&bytes).map_err(|error| damaged(&path, &error))?;
        Ok(Some(trusted))
    }

    /// Keeps this from now on; when it returns, it outlives a power cut.
    pub fn write(&self, trusted: &Trusted) -> Result<(), Distrust> {
        let bytes = trusted.to_bytes()?;
        let (new, path) = (self.directory.join(NEW_FILE_NAME), self.directory.join(FILE_NAME));
        write_whole(&new, &bytes).map_err(disk(&new))?;
        std::fs::rename(&new, &path).map_err(disk(&path))?;
        File::open(&self.directory).and_then(|open| open.sync_all()).map_err(disk(&self.directory))
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn disk(path: &Path) -> impl FnOnce(io::Error) -> Distrust {
    let path = path.display().to_string();
    move |error| Distrust::Disk { path, cause: error.to_string() }
}

fn damaged(path: &Path, error: &Distrust) -> Distrust {
    Distrust::Disk { path: path.display().to_string(), cause: format!("the file is damaged: {error}") }
}
