//! Makes a backup, while the manager serves or without it.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::archive::{Archive, ArchiveError, Engine, Manifest, Writing, io_error};
use super::postgresql::{self, DumpError};
use crate::ca::STATE_FILES;
use crate::config::Config;
use crate::file_set::sync_directory;
use crate::programs::files::{FOLDER, FileError, ProgramFiles, is_name};
use crate::programs::online::ONLINE_KEY;
use crate::run::{database_path, store_location};
use crate::store::{JOURNAL, Location, LogLimits, StoreError, copy, newest_version};

/// The database's name in a backup of SQLite.
pub(super) const DATABASE: &str = "manager.sqlite3";
/// The database's name in a backup of PostgreSQL, in the custom format of `pg_dump`.
pub(super) const DUMP: &str = "database.pgdump";
/// The configuration's name in a backup. It is not put in place by itself.
pub(super) const CONFIGURATION: &str = "manager.toml";
/// Where the files of `operator_tls` are in a backup. They are not put in place by themselves.
const OPERATORS_PEM: &str = "operator_tls/certificate.pem";
const OPERATORS_KEY: &str = "operator_tls/key.pem";
/// What is being written has the backup's name with this behind it.
const PART: &str = "part";
/// How a backup is called in a directory of many: so that their order by name is that by time.
const NAME: &str = "platen-%Y-%m-%dT%H%M%SZ";
const EXTENSION: &str = "tar";

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The database cannot be copied.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database of PostgreSQL cannot be dumped.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The bytes of programs cannot be listed.
    #[error(transparent)]
    Programs(#[from] FileError),
    /// What would be replaced is no backup.
    #[error("{}: this file exists and is no backup of a manager; give another name", path.display())]
    NotReplaced {
        /// Which file.
        path: PathBuf,
    },
    /// There is nothing to back up.
    #[error("{}: no manager has been started with this state_directory, so there is nothing to back up", path.display())]
    Nothing {
        /// Which directory.
        path: PathBuf,
    },
}

/// What is to be made.
pub struct Wanted<'a> {
    /// The manager's configuration.
    pub config: &'a Config,
    /// Its file.
    pub configuration: &'a Path,
    /// The backup's file.
    pub to: &'a Path,
    /// Whether the dump of a database of PostgreSQL is left to its own tools.
    pub without_database: bool,
}

/// What was made.
#[derive(Debug)]
pub struct Made {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Its size.
    pub bytes: u64,
}

/// A file that is gone when this is dropped.
struct Gone(PathBuf);

impl Drop for Gone {
    fn drop(&mut self) {
        // It may never have come about, or have its name by now.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

/// Makes a backup: whole under its name, or not at all. `told` hears how many of how many bytes of the database are
/// copied.
pub fn make(
    wanted: &Wanted<'_>,
    now: Timestamp,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Made, BackupError> {
    let Wanted { config, configuration, to, without_database } = wanted;
    let state = &config.state_directory;
    if to.exists() && Archive::open(to, u32::MAX).is_err() {
        return Err(BackupError::NotReplaced { path: to.to_path_buf() });
    }
    let part = beside(to, PART);
    let mut writing = Writing::begin(&part, now)?;
    let _part = Gone(part.clone());
    let database = Gone(beside(&part, "database"));
    // What an earlier one left that was killed.
    let _ = std::fs::remove_file(&database.0);
    let (engine, schema, findings) = match store_location(config) {
        Location::Sqlite(_) => {
            let path = database_path(state);
            if !path.exists() {
                return Err(BackupError::Nothing { path: state.clone() });
            }
            let copied = copy(&path, &database.0, LogLimits::default(), told)?;
            writing.add(DATABASE, &database.0)?;
            (Engine::Sqlite, copied.version, copied.findings)
        }
        Location::Postgres(postgres) => {
            if !without_database {
                postgresql::dump(&postgres, &database.0)?;
                writing.add(DUMP, &database.0)?;
            }
            (Engine::Postgresql, newest_version(), Vec::new())
        }
    };
    drop(database);
    // Behind the database: what the journal has more than that is done again when both are brought back.
    for name in STATE_FILES.into_iter().chain([JOURNAL]) {
        let path = state.join(name);
        if path.exists() {
            writing.add(name, &path)?;
        }
    }
    for name in of_programs(state, engine)? {
        // One that was revoked meanwhile is gone, and nobody needs it.
        match writing.add(&name, &state.join(&name)) {
            Err(ArchiveError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            added => added?,
        }
    }
    if configuration.exists() {
        writing.add(CONFIGURATION, configuration)?;
    }
    if let Some(files) = &config.operator_tls {
        for (name, path) in [(OPERATORS_PEM, &files.certificate), (OPERATORS_KEY, &files.key)] {
            // They are somebody else's: that they cannot be read is no reason to have no backup.
            if let Err(error) = std::fs::File::open(path) {
                tracing::warn!(file = %path.display(), %error, "this file is not in the backup");
            } else {
                writing.add(name, path)?;
            }
        }
    }
    let (manifest, bytes) = writing.finish(schema, engine, findings)?;
    std::fs::rename(&part, to).map_err(io_error(to))?;
    let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync_directory(directory).map_err(io_error(directory))?;
    Ok(Made { manifest, bytes })
}

/// The key with which this manager signs, and the bytes of programs: PostgreSQL's are in the database.
fn of_programs(state: &Path, engine: Engine) -> Result<Vec<String>, BackupError> {
    let files = ProgramFiles::in_state(state);
    let mut names = match engine {
        Engine::Sqlite => files.names()?,
        Engine::Postgresql => Vec::new(),
    };
    names.extend(files.folder().join(ONLINE_KEY).exists().then(|| ONLINE_KEY.to_owned()));
    Ok(names.into_iter().map(|name| format!("{FOLDER}/{name}")).collect())
}

/// Whether a file of a backup is one of these.
pub(super) fn is_of_programs(name: &str) -> bool {
    let name = name.strip_prefix(FOLDER).and_then(|name| name.strip_prefix('/'));
    name.is_some_and(|name| name == ONLINE_KEY || is_name(name))
}

/// How a backup of now is called in a directory of many.
pub fn name_of(now: Timestamp) -> String {
    format!("{}.{EXTENSION}", now.strftime(NAME))
}

/// Removes the oldest backups of a directory but the newest `keep`; how many those were. Other files stay.
pub fn prune(directory: &Path, keep: usize) -> Result<usize, ArchiveError> {
    let failed = io_error(directory);
    let mut names: Vec<String> = Vec::new();
    for file in std::fs::read_dir(directory).map_err(&failed)? {
        let name = file.map_err(&failed)?.file_name();
        if let Some(name) = name.to_str().filter(|name| is_backup(name)) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    let surplus = names.len().saturating_sub(keep);
    for name in names.iter().take(surplus) {
        let path = directory.join(name);
        std::fs::remove_file(&path).map_err(io_error(&path))?;
    }
    Ok(surplus)
}

/// Whether a file is called as a backup in a directory of many.
fn is_backup(name: &str) -> bool {
    let stem = name.strip_suffix(EXTENSION).and_then(|stem| stem.strip_suffix('.'));
    stem.is_some_and(|stem| jiff::civil::DateTime::strptime(NAME, stem).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_backups_of_a_directory_go_and_what_is_no_backup_stays() {
        let directory = tempfile::tempdir().unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let names: Vec<String> =
            [at("2026-11-28T03:00:00Z"), at("2026-11-29T03:00:00Z"), at("2026-11-30T03:00:00Z")]
                .map(name_of)
                .into();
        assert_eq!(names[0], "platen-2026-11-28T030000Z.tar");
        for name in
            names.iter().map(String::as_str).chain(["platen-old.tar", "notes.txt", "platen-2026.tar.part"])
        {
            std::fs::write(directory.path().join(name), "x").unwrap();
        }
        assert_eq!(prune(directory.path(), 2).unwrap(), 1);
        assert_eq!(prune(directory.path(), 2).unwrap(), 0);
        let left = |name: &str| directory.path().join(name).exists();
        assert!(!left(&names[0]) && left(&names[1]) && left(&names[2]));
        assert!(left("platen-old.tar") && left("notes.txt") && left("platen-2026.tar.part"));
    }
}
