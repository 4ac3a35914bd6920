//! Keeps what a device trusts in a folder, twice: each file is replaced whole, so that a power cut leaves the old one or
//! the new one, and a memory that wears seldom damages both. The folder is its owner's; one process at a time writes
//! there. Everybody may read it: what is trusted is signed and public.
//!
//! The copy is written first, so whatever was acted on is in both. Where the file is damaged or missing, the copy counts.
//! Where both are, nothing is trusted until a person has said anew which root to begin with: beginning anew by itself from
//! the root that was planted would forget which versions were there, and old programs would pass for new ones.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::distrust::Distrust;
use crate::limits::MAX_TRUSTED_BYTES;
use crate::trusted::Trusted;

/// The file's name.
pub const FILE_NAME: &str = "trusted.json";
/// The name of the copy.
pub const COPY_NAME: &str = "trusted.copy.json";
/// What is behind a name while its file is written.
const NEW: &str = "new";

/// A folder with what is trusted.
#[derive(Debug, Clone)]
pub struct Folder {
    directory: PathBuf,
}

/// What was read of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What is trusted.
    pub trusted: Trusted,
    /// Why only the copy counts, if the file cannot be used. The next writing mends it.
    pub damage: Option<Distrust>,
}

impl Folder {
    /// It has to be there.
    pub fn at(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// What is trusted, or nothing where nobody has said yet which root to trust.
    pub fn read(&self) -> Result<Option<Found>, Distrust> {
        let first = self.read_file(FILE_NAME);
        if let Ok(Some(trusted)) = first {
            return Ok(Some(Found { trusted, damage: None }));
        }
        match (first, self.read_file(COPY_NAME)) {
            (first, Ok(Some(trusted))) => {
                let damage = first.err().unwrap_or_else(|| self.missing());
                Ok(Some(Found { trusted, damage: Some(damage) }))
            }
            (Ok(_), Ok(None)) => Ok(None),
            (Err(damage), _) | (Ok(_), Err(damage)) => Err(damage),
        }
    }

    fn read_file(&self, name: &str) -> Result<Option<Trusted>, Distrust> {
        let path = self.directory.join(name);
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

    fn missing(&self) -> Distrust {
        Distrust::Disk {
            path: self.directory.join(FILE_NAME).display().to_string(),
            cause: "the file is gone".to_owned(),
        }
    }

    /// Keeps this from now on; when it returns, it outlives a power cut.
    pub fn write(&self, trusted: &Trusted) -> Result<(), Distrust> {
        let bytes = trusted.to_bytes()?;
        for name in [COPY_NAME, FILE_NAME] {
            let (new, path) = (self.directory.join(format!("{name}.{NEW}")), self.directory.join(name));
            write_whole(&new, &bytes).map_err(disk(&new))?;
            std::fs::rename(&new, &path).map_err(disk(&path))?;
            // Before the other one is begun: what is half written is never both of them.
            File::open(&self.directory).and_then(|open| open.sync_all()).map_err(disk(&self.directory))?;
        }
        Ok(())
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
