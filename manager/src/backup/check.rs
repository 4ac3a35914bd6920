//! Looks at a store that is in place, or at a backup: whether it is whole, and what is wrong.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::archive::{Archive, ArchiveError, Engine};
use super::make::DATABASE;
use crate::ca::{CA_KEY, CA_PEM, SERVER_KEY, SERVER_PEM};
use crate::certificate_files::{CertificateFiles, FileError, facts_in, load};
use crate::config::Config;
use crate::file_set::PRIVATE;
use crate::programs::files::{FileError as ProgramFileError, ProgramFiles};
use crate::programs::online::ONLINE_KEY;
use crate::run::{database_path, store_location};
use crate::store::{JOURNAL, Location, StoreCheck, StoreError, check_journal, check_store, newest_version};

/// Why nothing could be looked at.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The backup, or a file, cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bytes of a program cannot be read.
    #[error(transparent)]
    Programs(#[from] ProgramFileError),
    /// There is nothing to look at.
    #[error("{}: no manager has been started with this state_directory, so there is nothing to check", path.display())]
    Nothing {
        /// Which directory.
        path: PathBuf,
    },
}

/// What was looked at, and what is wrong.
#[derive(Debug, Default)]
pub struct Checked {
    /// What was looked at, for people, each with what was found there.
    pub looked_at: Vec<String>,
    /// What is wrong, for people; nothing, if all is well.
    pub wrong: Vec<String>,
}

impl Checked {
    fn store(&mut self, what: &str, check: StoreCheck) {
        self.looked_at.push(format!(
            "{what}: {} devices, {} reports, {} gaps",
            check.devices, check.reports, check.gaps
        ));
        self.wrong.extend(check.wrong.into_iter().map(|wrong| format!("{what}: {wrong}")));
    }

    /// `is_remade` says that the manager makes it by itself, where there is none.
    fn pair(&mut self, directory: &Path, (certificate, key): (&str, &str), is_remade: bool, now: Timestamp) {
        let (certificate, key) = (directory.join(certificate), directory.join(key));
        if !certificate.exists() && !key.exists() {
            let certificate = certificate.display();
            if is_remade {
                self.looked_at.push(format!("{certificate}: none yet; it is made when the manager serves"));
            } else {
                self.wrong
                    .push(format!("{certificate} and its key are missing: restore both from the backup"));
            }
            return;
        }
        let facts = match facts_in(&certificate) {
            Ok(facts) => facts,
            Err(error) => return self.unreadable(&error),
        };
        let pair = match load(&CertificateFiles { certificate: certificate.clone(), key: key.clone() }) {
            Err(error) => return self.unreadable(&error),
            Ok(pair) => pair,
        };
        if pair.certified(&rustls::crypto::ring::default_provider()).is_err() {
            let (certificate, key) = (certificate.display(), key.display());
            self.wrong.push(format!("{key} is not the key of {certificate}: restore both from the backup"));
        }
        if facts.until <= now {
            self.wrong.push(format!("{} has expired on {}", certificate.display(), facts.until));
        }
        self.looked_at.push(format!(
            "{}: {}, valid until {}",
            certificate.display(),
            facts.subject,
            facts.until
        ));
        self.permissions(&key);
    }

    fn unreadable(&mut self, error: &FileError) {
        self.wrong.push(error.to_string());
    }

    /// Whether only the owner can read a file.
    fn permissions(&mut self, path: &Path) {
        let Ok(found) = std::fs::metadata(path) else { return };
        let mode = found.permissions().mode() & 0o777;
        if mode & !PRIVATE != 0 {
            let path = path.display();
            self.wrong.push(format!(
                "{path} can be read or written by others (mode {mode:03o}): `chmod 600 {path}`"
            ));
        }
    }

    /// Whether each file of a program holds what its name says.
    fn programs(&mut self, state: &Path) -> Result<(), CheckError> {
        let files = ProgramFiles::in_state(state);
        let names = files.names()?;
        for name in &names {
            let path = files.path(name);
            let is_whole = match ProgramFiles::measure(&path) {
                Ok((_, sha256)) => sha256 == *name,
                Err(ProgramFileError::TooLarge { .. }) => false,
                Err(error) => return Err(error.into()),
            };
            if !is_whole {
                self.wrong.push(format!(
                    "{} is damaged: remove it, and publish its program again with its file",
                    path.display()
                ));
            }
            self.permissions(&path);
        }
        if !names.is_empty() {
            self.looked_at.push(format!("{}: {} programs", files.folder().display(), names.len()));
        }
        self.permissions(&files.folder().join(ONLINE_KEY));
        Ok(())
    }

    fn journal(&mut self, directory: &Path) -> Result<(), StoreError> {
        let path = directory.join(JOURNAL);
        if !path.exists() {
            self.wrong.push(format!(
                "{} is missing: after a restore nobody would know which tokens were used and who was shut out since the backup",
                path.display()
            ));
            return Ok(());
        }
        let found = check_journal(directory)?;
        self.looked_at.push(format!("{}: {} entries", path.display(), found.entries));
        if found.damaged > 0 {
            self.wrong.push(format!("{}: {} lines are damaged", path.display(), found.damaged));
        }
        self.permissions(&path);
        Ok(())
    }
}

/// Looks at the store that is in place, whether or not a manager serves from it. `told` hears how many of how many
/// reports have been read.
pub fn in_place(
    config: &Config,
    now: Timestamp,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Checked, CheckError> {
    let (state, location) = (&config.state_directory, store_location(config));
    let mut checked = Checked::default();
    if let Location::Sqlite(path) = &location {
        if !path.exists() {
            return Err(CheckError::Nothing { path: state.clone() });
        }
        checked.permissions(path);
        checked.permissions(&PathBuf::from(format!("{}-wal", path.display())));
    }
    let what = match &location {
        Location::Sqlite(_) => database_path(state).display().to_string(),
        Location::Postgres(_) => "the database".to_owned(),
    };
    checked.store(&what, check_store(&location, told)?);
    checked.pair(state, (CA_PEM, CA_KEY), false, now);
    checked.pair(state, (SERVER_PEM, SERVER_KEY), true, now);
    checked.journal(state)?;
    checked.programs(state)?;
    Ok(checked)
}

/// Looks at a backup: its checksums, and the database in it, for which that is unpacked beside it for a while.
pub fn backup(path: &Path, told: &mut dyn FnMut(u64, u64)) -> Result<Checked, CheckError> {
    let mut archive = Archive::open(path, newest_version())?;
    let mut checked = Checked::default();
    checked.permissions(path);
    let unpacked = Unpacked(PathBuf::from(format!("{}.checked", path.display())));
    unpacked.remove();
    archive.unpack(&mut |name| (name == DATABASE).then(|| unpacked.0.clone()))?;
    let manifest = &archive.manifest;
    checked.looked_at.push(format!(
        "{}: made {} by platen-manager {}, {} files",
        path.display(),
        manifest.made,
        manifest.manager,
        manifest.files.len()
    ));
    checked
        .wrong
        .extend(manifest.findings.iter().map(|finding| format!("{DATABASE}, when it was copied: {finding}")));
    if unpacked.0.exists() {
        checked.store(DATABASE, check_store(&Location::Sqlite(unpacked.0.clone()), told)?);
    } else {
        let engine = if manifest.engine == Engine::Postgresql { "of PostgreSQL " } else { "" };
        checked
            .looked_at
            .push(format!("the database {engine}is not looked into; pg_restore --list reads a dump"));
    }
    Ok(checked)
}

/// A database that is gone when this is dropped.
struct Unpacked(PathBuf);

impl Unpacked {
    fn remove(&self) {
        for name in ["", "-wal", "-shm"] {
            // There is none, unless it was left by one that was killed.
            let _ = std::fs::remove_file(format!("{}{name}", self.0.display()));
        }
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        self.remove();
    }
}
