//! Puts a backup in place. Nothing that is there is lost: a store that is in place is refused, or moved aside.
//!
//! Everything is unpacked and looked at beside its place first; the database is told there that it was brought back,
//! does again what the journal that is in place knows more, and only then gets its name, as the last of all files. So
//! one that was cut off is begun again as if it had never been.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::archive::{Archive, ArchiveError, Engine, Manifest, io_error};
use super::make::{DATABASE, DUMP, is_of_programs};
use super::postgresql::{self, DumpError};
use crate::ca::{CA_PEM, SERVER_PEM, STATE_FILES};
use crate::config::Config;
use crate::file_set::{Held, PRIVATE, PUBLIC, RESTORING, ServingLock, sync_directory};
use crate::programs::files::FOLDER;
use crate::run::{database_path, store_location};
use crate::store::{
    JOURNAL, Location, Replayed, StoreError, bring_back_store, is_empty_store, newest_version,
};

/// Where it is unpacked, in the state directory; once all is ready to be moved it has another name ([`RESTORING`]).
const UNPACKED: &str = ".unpacked";
/// Where what was there is moved, in the state directory, with the moment behind it.
const REPLACED: &str = "replaced";
const MOMENT: &str = "%Y-%m-%dT%H%M%SZ";
const DIRECTORY_MODE: u32 = 0o700;

/// Why a backup is not put in place.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup, or a file, cannot be read or written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A manager serves from there.
    #[error(transparent)]
    Serving(#[from] Held),
    /// There is a store already.
    #[error(
        "{}: there is a store already ({found}). Nothing was changed. With --replace it is moved aside, into a folder beside it, and the backup takes its place",
        path.display()
    )]
    InPlace {
        /// Where.
        path: PathBuf,
        /// What of it.
        found: String,
    },
    /// The database of PostgreSQL is not empty.
    #[error(
        "the database of `store` in manager.toml is not empty, and nothing was changed: have it emptied or name a new one. If PostgreSQL's own tools have brought it back, run `platen-manager restore --as-of TIME` instead"
    )]
    NotEmpty,
    /// The backup is of another engine than the configuration names.
    #[error(
        "the backup holds a database of {}, and manager.toml {}; bring it back with a configuration like the one in the backup (`tar xf BACKUP manager.toml`)",
        word(*backup), if *backup == Engine::Sqlite { "names one of PostgreSQL (`store`)" } else { "names none (`store`)" }
    )]
    OtherEngine {
        /// What the backup holds.
        backup: Engine,
    },
    /// The database does not let itself be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// PostgreSQL's program failed.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The moment lies in the future.
    #[error("--as-of {0} has not come yet: give the moment that the database was brought back to")]
    Future(Timestamp),
}

const fn word(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "SQLite",
        Engine::Postgresql => "PostgreSQL",
    }
}

/// What was put in place.
#[derive(Debug)]
pub struct BroughtBack {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// What the journal knew more.
    pub replayed: Replayed,
    /// Where what was there before is now.
    pub moved: Option<PathBuf>,
    /// Whether the database is still to be brought back by PostgreSQL's own tools.
    pub without_database: bool,
}

/// Puts a backup in place.
pub fn bring_back(
    config: &Config,
    backup: &Path,
    replace: bool,
    now: Timestamp,
) -> Result<BroughtBack, RestoreError> {
    let state = &config.state_directory;
    let mut archive = Archive::open(backup, newest_version())?;
    let location = store_location(config);
    let engine = match &location {
        Location::Sqlite(_) => Engine::Sqlite,
        Location::Postgres(_) => Engine::Postgresql,
    };
    if archive.manifest.engine != engine {
        return Err(RestoreError::OtherEngine { backup: archive.manifest.engine });
    }
    let made = DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(state);
    made.map_err(io_error(state))?;
    let _serving = ServingLock::take(state)?;
    if let Location::Postgres(_) = &location
        && !is_empty_store(&location)?
    {
        return Err(RestoreError::NotEmpty);
    }
    let in_place = in_place(state).map_err(io_error(state))?;
    if let Some(found) = in_place.first()
        && !replace
    {
        return Err(RestoreError::InPlace { path: state.clone(), found: found.clone() });
    }
    let unpacked = unpack(&mut archive, state)?;
    // The journal that is in place knows what happened since; that in the backup is taken where there is none.
    let journal = if state.join(JOURNAL).exists() { state } else { &unpacked };
    let has = |name: &str| archive.manifest.files.iter().any(|member| member.name == name);
    let (database, without_database) = match &location {
        Location::Sqlite(_) => (Some(Location::Sqlite(unpacked.join(DATABASE))), false),
        Location::Postgres(postgres) if has(DUMP) => {
            postgresql::restore(postgres, &unpacked.join(DUMP))?;
            std::fs::remove_file(unpacked.join(DUMP)).map_err(io_error(&unpacked))?;
            (Some(location.clone()), false)
        }
        Location::Postgres(_) => (None, true),
    };
    let replayed = match database {
        Some(database) => bring_back_store(&database, journal, archive.manifest.made, now)?,
        None => Replayed::default(),
    };
    // From here on until all is done, nobody takes what is there for a store.
    let ready = state.join(RESTORING);
    remove(&ready).and_then(|()| std::fs::rename(&unpacked, &ready)).map_err(io_error(&ready))?;
    sync_directory(state).map_err(io_error(state))?;
    let moved = move_aside(state, &in_place, now).map_err(io_error(state))?;
    put_in_place(&ready, state).map_err(io_error(state))?;
    Ok(BroughtBack { manifest: archive.manifest, replayed, moved, without_database })
}

/// The database was brought back by other means, and holds the moment `made`.
pub fn note(config: &Config, made: Timestamp, now: Timestamp) -> Result<Replayed, RestoreError> {
    if made > now {
        return Err(RestoreError::Future(made));
    }
    let _serving = ServingLock::take(&config.state_directory)?;
    Ok(bring_back_store(&store_location(config), &config.state_directory, made, now)?)
}

/// Files of a store that are in place; the journal and locks are no store.
fn in_place(state: &Path) -> io::Result<Vec<String>> {
    let database = database_path(state);
    let database = database.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut found = Vec::new();
    for file in std::fs::read_dir(state)? {
        let name = file?.file_name().to_string_lossy().into_owned();
        // Of programs there may be an empty folder.
        let programs = name == FOLDER && std::fs::read_dir(state.join(FOLDER))?.next().is_some();
        if name.starts_with(&database) || STATE_FILES.contains(&name.as_str()) || programs {
            found.push(name);
        }
    }
    // The database first, for it is what people know.
    found.sort_by_key(|name| (!name.starts_with(&database), name.clone()));
    Ok(found)
}

fn unpack(archive: &mut Archive, state: &Path) -> Result<PathBuf, ArchiveError> {
    let unpacked = state.join(UNPACKED);
    let failed = io_error(&unpacked);
    remove(&unpacked).map_err(&failed)?;
    for folder in [unpacked.clone(), unpacked.join(FOLDER)] {
        DirBuilder::new().mode(DIRECTORY_MODE).create(&folder).map_err(&failed)?;
    }
    let done = archive.unpack(&mut |name| {
        let ours =
            STATE_FILES.contains(&name) || [JOURNAL, DATABASE, DUMP].contains(&name) || is_of_programs(name);
        ours.then(|| unpacked.join(name))
    });
    if done.is_err() {
        // The next one begins anew; what is left holds keys.
        remove(&unpacked).map_err(&failed)?;
    }
    done?;
    Ok(unpacked)
}

fn remove(directory: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Moves what is in place into a folder of its own; where that is.
fn move_aside(state: &Path, names: &[String], now: Timestamp) -> io::Result<Option<PathBuf>> {
    if names.is_empty() {
        return Ok(None);
    }
    let aside = state.join(format!("{REPLACED}-{}", now.strftime(MOMENT)));
    DirBuilder::new().mode(DIRECTORY_MODE).create(&aside)?;
    for name in names {
        std::fs::rename(state.join(name), aside.join(name))?;
    }
    sync_directory(&aside)?;
    sync_directory(state)?;
    Ok(Some(aside))
}

/// Moves what was unpacked to its place, the database last.
fn put_in_place(unpacked: &Path, state: &Path) -> io::Result<()> {
    put_programs_in_place(&unpacked.join(FOLDER), &state.join(FOLDER))?;
    for name in STATE_FILES.into_iter().chain([JOURNAL, DATABASE]) {
        let (from, to) = (unpacked.join(name), state.join(name));
        if !from.exists() || (name == JOURNAL && to.exists()) {
            continue;
        }
        let mode = if [CA_PEM, SERVER_PEM].contains(&name) { PUBLIC } else { PRIVATE };
        std::fs::set_permissions(&from, Permissions::from_mode(mode))?;
        if name == DATABASE {
            sync_directory(state)?;
        }
        std::fs::rename(from, to)?;
    }
    sync_directory(state)?;
    std::fs::remove_dir_all(unpacked)
}

/// Moves the bytes of programs, and the key, to their place.
fn put_programs_in_place(unpacked: &Path, folder: &Path) -> io::Result<()> {
    let files = match std::fs::read_dir(unpacked) {
        // Moved before, by one that was cut off.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        files => files?,
    };
    for file in files {
        let file = file?;
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(folder)?;
        std::fs::set_permissions(file.path(), Permissions::from_mode(PRIVATE))?;
        std::fs::rename(file.path(), folder.join(file.file_name()))?;
    }
    if folder.exists() { sync_directory(folder) } else { Ok(()) }
}
