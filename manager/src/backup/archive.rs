//! The backup's file: members, each with its checksum in a manifest at the end. One without its end is none.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use platen_protocol::hex;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::file_set::PRIVATE;
use crate::secret;

/// The version of the format: one that is newer is not brought back by this manager.
const FORMAT: u32 = 1;
/// The manifest's name, and that of its own checksum: the last two members.
const MANIFEST: &str = "manifest.json";
const MANIFEST_SUM: &str = "manifest.json.sha256";
/// A manifest is no larger.
const MAX_MANIFEST: u64 = 1 << 20;
const BUFFER: usize = 1 << 20;

/// Which database it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// SQLite: its file is in the backup.
    Sqlite,
    /// PostgreSQL: a dump of it is in the backup, unless it was left out.
    Postgresql,
}

/// One file in the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name there.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of what it holds, in hexadecimal digits.
    pub sha256: String,
}

/// What the backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this format.
    pub format: u32,
    /// The moment that the database is of.
    pub made: Timestamp,
    /// The version of the manager that made it.
    pub manager: String,
    /// The version of the database's tables.
    pub schema: u32,
    /// Which database it was.
    pub engine: Engine,
    /// What is wrong with the database that it holds, in the engine's words; nothing, as it should be.
    #[serde(default)]
    pub findings: Vec<String>,
    /// The files.
    pub files: Vec<Member>,
}

/// Why a backup cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no backup, or one whose end is missing.
    #[error("{}: this is no backup of a manager, or its end is missing ({reason}); use another one", path.display())]
    NoBackup {
        /// Which file.
        path: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// It was made by a newer manager.
    #[error("{}: the backup has {what} {found} and this manager knows only {known}: install the manager that made it ({manager}), or a newer one", path.display())]
    TooNew {
        /// Which file.
        path: PathBuf,
        /// What of it is newer.
        what: &'static str,
        /// Its version.
        found: u32,
        /// The newest that is known here.
        known: u32,
        /// The version of the manager that made it.
        manager: String,
    },
    /// What a member holds is not what was written.
    #[error("{}: {name} is damaged: {reason}; use another backup", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Which member.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

pub(super) fn io_error(path: &Path) -> impl Fn(io::Error) -> ArchiveError + use<> {
    let path = path.to_owned();
    move |source| ArchiveError::Io { path: path.clone(), source }
}

/// Counts and sums up what passes.
struct Summed<R> {
    inner: R,
    sum: Context,
    bytes: u64,
}

impl<R> Summed<R> {
    fn new(inner: R) -> Self {
        Self { inner, sum: Context::new(&SHA256), bytes: 0 }
    }

    fn finish(self) -> (u64, String) {
        (self.bytes, hex::encode(self.sum.finish().as_ref()))
    }
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.sum.update(buffer.get(..count).unwrap_or_default());
        self.bytes += count as u64;
        Ok(count)
    }
}

/// A backup that is being written.
pub(super) struct Writing {
    path: PathBuf,
    tar: tar::Builder<BufWriter<File>>,
    files: Vec<Member>,
    made: Timestamp,
}

impl Writing {
    /// Begins one at a path, in a file for its owner alone.
    pub(super) fn begin(path: &Path, made: Timestamp) -> Result<Self, ArchiveError> {
        let file =
            std::fs::OpenOptions::new().create(true).write(true).truncate(false).mode(PRIVATE).open(path);
        let file = file.map_err(io_error(path))?;
        file.try_lock().map_err(|error| {
            io_error(path)(io::Error::other(format!("another backup is written there ({error})")))
        })?;
        file.set_len(0).map_err(io_error(path))?;
        let tar = tar::Builder::new(BufWriter::with_capacity(BUFFER, file));
        Ok(Self { path: path.to_owned(), tar, files: Vec::new(), made })
    }

    /// Adds a file under a name.
    pub(super) fn add(&mut self, name: &str, from: &Path) -> Result<(), ArchiveError> {
        let file = File::open(from).map_err(io_error(from))?;
        let bytes = file.metadata().map_err(io_error(from))?.len();
        // What grows meanwhile, such as the journal, is taken as it was.
        let mut summed = Summed::new(BufReader::with_capacity(BUFFER, file).take(bytes));
        self.append(name, bytes, &mut summed).map_err(io_error(&self.path))?;
        let (bytes, sha256) = summed.finish();
        self.files.push(Member { name: name.to_owned(), bytes, sha256 });
        Ok(())
    }

    fn append(&mut self, name: &str, bytes: u64, from: &mut dyn Read) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(PRIVATE);
        header.set_mtime(u64::try_from(self.made.as_second()).unwrap_or(0));
        self.tar.append_data(&mut header, name, from)
    }

    /// Ends it with its manifest; it is on the disk then. Its size.
    pub(super) fn finish(
        mut self,
        schema: u32,
        engine: Engine,
        findings: Vec<String>,
    ) -> Result<(Manifest, u64), ArchiveError> {
        let failed = io_error(&self.path);
        let manifest = Manifest {
            format: FORMAT,
            made: self.made,
            manager: env!("CARGO_PKG_VERSION").to_owned(),
            schema,
            engine,
            findings,
            files: std::mem::take(&mut self.files),
        };
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| failed(error.into()))?;
        self.append(MANIFEST, text.len() as u64, &mut text.as_slice()).map_err(&failed)?;
        let sum = secret::fingerprint(&text);
        self.append(MANIFEST_SUM, sum.len() as u64, &mut sum.as_bytes()).map_err(&failed)?;
        let written = self.tar.into_inner().and_then(|mut file| file.flush().map(|()| file));
        let file = written.and_then(|file| file.into_inner().map_err(io::IntoInnerError::into_error));
        let file = file.and_then(|file| file.sync_all().map(|()| file)).map_err(&failed)?;
        let bytes = file.metadata().map_err(&failed)?.len();
        Ok((manifest, bytes))
    }
}

/// A backup that is there.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    file: File,
    /// What it says of itself.
    pub(super) manifest: Manifest,
}

impl Archive {
    /// Opens one, if it can be brought back by this manager, whose tables have version `schema`.
    pub(super) fn open(path: &Path, schema: u32) -> Result<Self, ArchiveError> {
        let mut file = File::open(path).map_err(io_error(path))?;
        let none = |reason: String| ArchiveError::NoBackup { path: path.to_owned(), reason };
        let text = read_manifest(&mut file).map_err(|error| none(error.to_string()))?;
        let Some(text) = text else { return Err(none("it has no whole manifest".to_owned())) };
        // The version alone, first: of a newer one, nothing else need be understood.
        let stated: Stated = serde_json::from_slice(&text).map_err(|error| none(error.to_string()))?;
        let too_new = |what, found, known| ArchiveError::TooNew {
            path: path.to_owned(),
            what,
            found,
            known,
            manager: stated.manager.clone(),
        };
        if stated.format > FORMAT {
            return Err(too_new("format", stated.format, FORMAT));
        }
        if stated.schema > schema {
            return Err(too_new("a database of version", stated.schema, schema));
        }
        let manifest = serde_json::from_slice(&text).map_err(|error| none(error.to_string()))?;
        Ok(Self { path: path.to_owned(), file, manifest })
    }

    /// Goes through its files in their order: `to` says where each is written, or that it is only looked at. Each must
    /// be what was written.
    pub(super) fn unpack(&mut self, to: &mut dyn FnMut(&str) -> Option<PathBuf>) -> Result<(), ArchiveError> {
        let failed = io_error(&self.path);
        self.file.seek(SeekFrom::Start(0)).map_err(&failed)?;
        let mut archive = tar::Archive::new(BufReader::with_capacity(BUFFER, &self.file));
        let mut awaited: Vec<&Member> = self.manifest.files.iter().collect();
        for entry in archive.entries().map_err(&failed)? {
            let entry = entry.map_err(&failed)?;
            let name = entry.path().map_err(&failed)?.to_string_lossy().into_owned();
            if name == MANIFEST || name == MANIFEST_SUM {
                continue;
            }
            let damaged = |reason: String| ArchiveError::Damaged {
                path: self.path.clone(),
                name: name.clone(),
                reason,
            };
            let Some(at) = awaited.iter().position(|member| member.name == name) else {
                return Err(damaged("it is not in the manifest".to_owned()));
            };
            let member = awaited.remove(at);
            let mut summed = Summed::new(entry);
            match to(&name) {
                Some(path) => write_new(&path, &mut summed).map_err(io_error(&path))?,
                None => io::copy(&mut summed, &mut io::sink()).map(drop).map_err(&failed)?,
            }
            let (bytes, sha256) = summed.finish();
            if bytes != member.bytes {
                return Err(damaged(format!("it has {bytes} bytes and should have {}", member.bytes)));
            }
            if sha256 != member.sha256 {
                return Err(damaged("its SHA-256 is not the one in the manifest".to_owned()));
            }
        }
        awaited.first().map_or(Ok(()), |missing| {
            let (path, name) = (self.path.clone(), missing.name.clone());
            Err(ArchiveError::Damaged { path, name, reason: "it is missing".to_owned() })
        })
    }
}

#[derive(Deserialize)]
struct Stated {
    format: u32,
    #[serde(default)]
    schema: u32,
    #[serde(default)]
    manager: String,
}

/// The manifest's text, without reading what lies before it.
fn read_manifest(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let mut archive = tar::Archive::new(file);
    let mut text: Option<Vec<u8>> = None;
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        let is_sum = entry.path()?.as_os_str() == MANIFEST_SUM;
        if !is_sum && entry.path()?.as_os_str() != MANIFEST {
            continue;
        }
        let mut read = Vec::new();
        entry.take(MAX_MANIFEST).read_to_end(&mut read)?;
        if is_sum {
            return Ok(text.filter(|text| secret::fingerprint(text).as_bytes() == read));
        }
        text = Some(read);
    }
    Ok(None)
}

fn write_new(path: &Path, from: &mut dyn Read) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)?;
    io::copy(from, &mut file)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn made() -> Timestamp {
        "2026-11-30T03:00:00Z".parse().unwrap()
    }

    fn written(directory: &Path) -> PathBuf {
        let path = directory.join("backup.tar");
        let mut writing = Writing::begin(&path, made()).unwrap();
        for (name, contents) in
            [("manager.sqlite3", "a database".repeat(300)), ("ca.key", "a key".to_owned())]
        {
            let file = directory.join(name);
            std::fs::write(&file, contents).unwrap();
            writing.add(name, &file).unwrap();
        }
        writing.finish(16, Engine::Sqlite, Vec::new()).unwrap();
        path
    }

    #[test]
    fn what_was_written_comes_out_again_and_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = written(directory.path());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut archive = Archive::open(&path, 16).unwrap();
        assert_eq!((archive.manifest.made, archive.manifest.engine), (made(), Engine::Sqlite));
        archive.unpack(&mut |name| Some(directory.path().join(format!("{name}.out")))).unwrap();
        assert_eq!(std::fs::read_to_string(directory.path().join("ca.key.out")).unwrap(), "a key");
        let listed = std::process::Command::new("tar").arg("tf").arg(&path).output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&listed.stdout),
            "manager.sqlite3\nca.key\nmanifest.json\nmanifest.json.sha256\n"
        );
    }

    #[test]
    fn a_backup_of_a_newer_manager_says_which_one_is_needed() {
        let directory = tempfile::tempdir().unwrap();
        let path = written(directory.path());
        let refused = Archive::open(&path, 15).unwrap_err().to_string();
        assert!(refused.contains("version 16") && refused.contains("only 15"), "{refused}");
        std::fs::write(&path, "no archive at all").unwrap();
        assert!(matches!(Archive::open(&path, 16), Err(ArchiveError::NoBackup { .. })));
    }

    proptest! {
        #[test]
        fn a_backup_that_is_cut_off_or_has_a_changed_byte_is_not_brought_back(
            at in any::<prop::sample::Index>(), cut in any::<bool>(), bit in 0_u8..8,
        ) {
            let directory = tempfile::tempdir().unwrap();
            let path = written(directory.path());
            let whole = std::fs::read(&path).unwrap();
            let mut bytes = whole.clone();
            let at = at.index(bytes.len());
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 1 << bit;
            }
            std::fs::write(&path, &bytes).unwrap();
            let out = tempfile::tempdir().unwrap();
            let read = Archive::open(&path, 16)
                .and_then(|mut archive| archive.unpack(&mut |name| Some(out.path().join(name))));
            // Between and behind the members there are bytes that say nothing.
            if read.is_ok() {
                for name in ["manager.sqlite3", "ca.key"] {
                    prop_assert_eq!(
                        std::fs::read(out.path().join(name)).unwrap(),
                        std::fs::read(directory.path().join(name)).unwrap()
                    );
                }
            }
        }
    }
}
