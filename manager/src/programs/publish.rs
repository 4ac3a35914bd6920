//! What the maker has signed is taken in: all of it is verified as a device would do it that has followed until now, before
//! anything is kept. Then this manager makes the snapshot and the timestamp that name it, and verifies those too.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use jiff::Timestamp;
use platen_protocol::hex;
use platen_trust::sign::{Draft, SignError};
use platen_trust::{Distrust, Document, KnownTime, Program, Role, Trusted};

use super::Programs;
use super::fetch::FetchError;
use super::files::{FileError, ProgramFiles, on_a_thread};
use super::follow::file;
use super::online::{OnlineKey, SNAPSHOT_LIFE, TIMESTAMP_LIFE};
use crate::store::{MetadataFile, NewProgram, Publication, PublishRefusal, Published, Store, StoreError};

/// So often it is begun anew where the timestamp was renewed meanwhile.
const TRIES: usize = 3;

/// What the maker brings.
#[derive(Debug, Clone, Default)]
pub struct Brought {
    /// Roots that are new here, in order.
    pub roots: Vec<Vec<u8>>,
    /// A new targets file, if there is one.
    pub targets: Option<Vec<u8>>,
    /// The files of programs that are new here.
    pub files: Vec<PathBuf>,
}

/// Why nothing is published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Devices would not take it.
    #[error("devices would refuse this: {0}. {advice}", advice = .0.advice())]
    Distrust(#[from] Distrust),
    /// The manager's key does not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The root names another key than this manager's.
    #[error(
        "the root does not name the key of this manager ({0}): `platen-manager program key --online` shows it; sign a root that names it for snapshot and timestamp"
    )]
    NotOurKey(SignError),
    /// There is no root yet.
    #[error("there is no root here yet: give the first one with --root")]
    NoRoot,
    /// There are no targets yet.
    #[error("there are no targets here yet: give them with --targets")]
    NoTargets,
    /// A program's bytes are not there.
    #[error("the file of {path} is missing (SHA-256 {sha256}): give it with --file; nothing was published")]
    MissingFile {
        /// Which program, as `NAME/VERSION`.
        path: String,
        /// Of its bytes.
        sha256: String,
    },
    /// A file is of none of the programs.
    #[error("{}: the targets name no program with these bytes (SHA-256 {sha256}); nothing was published", path.display())]
    UnknownFile {
        /// Which file.
        path: PathBuf,
        /// Of its bytes.
        sha256: String,
    },
    /// The name of a program is one that devices cannot tell.
    #[error("{path}: {cause}")]
    Name {
        /// Which program.
        path: String,
        /// What is wrong.
        cause: String,
    },
    /// The store does not take it.
    #[error(transparent)]
    Refused(#[from] PublishRefusal),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The bytes cannot be handed to other managers.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All that is published now, and what is new of it.
struct Now {
    roots: Vec<MetadataFile>,
    timestamp: Option<MetadataFile>,
    snapshot: Option<MetadataFile>,
    targets: Option<MetadataFile>,
}

impl Now {
    async fn read(store: &Store) -> Result<Self, StoreError> {
        let mut now = Self { roots: Vec::new(), timestamp: None, snapshot: None, targets: None };
        // By role and version: of each the last is the newest.
        for file in store.program_metadata().await? {
            match file.role.as_str() {
                "root" => now.roots.push(file),
                "timestamp" => now.timestamp = Some(file),
                "snapshot" => now.snapshot = Some(file),
                "targets" => now.targets = Some(file),
                _ => {}
            }
        }
        Ok(now)
    }

    fn document(&self) -> Option<Document> {
        let bytes = |file: &MetadataFile| file.body.clone().into_bytes();
        Some(Document {
            roots: self.roots.iter().map(bytes).collect(),
            timestamp: bytes(self.timestamp.as_ref()?),
            snapshot: bytes(self.snapshot.as_ref()?),
            targets: bytes(self.targets.as_ref()?),
        })
    }

    /// What a device trusts that has followed until now. What has expired since is no matter: it has taken it in time.
    fn trusted(&self, first_root: &[u8], now: Timestamp) -> Result<Trusted, Distrust> {
        let trusted = Trusted::start(first_root)?;
        match self.document() {
            Some(document) => trusted.bring_up(&document, KnownTime::unsynchronised(now)),
            None => Ok(trusted),
        }
    }
}

impl Programs {
    /// Publishes what the maker brings.
    ///
    /// # Errors
    /// When devices would refuse it, a file is missing, or something cannot be read or written. Nothing is published then.
    pub async fn publish(
        &self,
        state_directory: &Path,
        brought: &Brought,
        by: &str,
        now: Timestamp,
    ) -> Result<Published, PublishError> {
        let mut tried = 0;
        loop {
            tried += 1;
            let publication = self.prepare(state_directory, brought, now).await?;
            match self.store.publish(publication, by.to_owned(), now).await? {
                Ok(published) => return Ok(published),
                // Somebody renewed it meanwhile: this is one version later.
                Err(PublishRefusal::OtherContent { role, .. })
                    if tried < TRIES && matches!(role.as_str(), "timestamp" | "snapshot") => {}
                Err(refusal) => return Err(refusal.into()),
            }
        }
    }

    async fn prepare(
        &self,
        state_directory: &Path,
        brought: &Brought,
        now: Timestamp,
    ) -> Result<Publication, PublishError> {
        self.files.make_folder()?;
        let known = Now::read(&self.store).await?;
        let key = OnlineKey::load_or_make(state_directory)?;
        let (document, metadata) = sign(&known, brought, &key, now)?;
        let first = document.roots.first().ok_or(PublishError::NoRoot)?;
        let clock = KnownTime::synchronised(now);
        let trusted = known.trusted(first, now)?.bring_up(&document, clock)?;
        let mut programs = Vec::new();
        for path in trusted.paths(clock)? {
            programs.push(trusted.program(path, clock)?);
        }
        self.take_in_files(&programs, &brought.files).await?;
        let programs = programs.iter().map(described).collect::<Result<_, _>>()?;
        Ok(Publication { metadata, programs })
    }

    /// Keeps the bytes of programs that are not here yet.
    async fn take_in_files(&self, programs: &[Program], given: &[PathBuf]) -> Result<(), PublishError> {
        let mut new = Vec::new();
        for path in given {
            let from = path.clone();
            let (_, sha256) = on_a_thread(move || ProgramFiles::measure(&from)).await?;
            if !programs.iter().any(|program| sum(program) == sha256) {
                return Err(PublishError::UnknownFile { path: path.clone(), sha256 });
            }
            new.push((sha256, path));
        }
        for program in programs {
            let sha256 = sum(program);
            if !new.iter().any(|(given, _)| *given == sha256) && !self.is_held(program, &sha256).await? {
                return Err(PublishError::MissingFile { path: program.path(), sha256 });
            }
        }
        for (sha256, path) in new {
            let (files, from) = (self.files.clone(), path.clone());
            let (_, found) = on_a_thread(move || files.take_in(&from)).await?;
            if found != sha256 {
                return Err(FileError::Other { wanted: sha256, found }.into());
            }
            if self.store.is_shared() {
                self.keep_pieces(&sha256).await?;
            }
        }
        Ok(())
    }

    /// Whether the bytes of a program are here, or where this manager can fetch them.
    async fn is_held(&self, program: &Program, sha256: &str) -> Result<bool, StoreError> {
        if self.files.has(sha256) {
            return Ok(true);
        }
        Ok(self.store.is_shared() && self.store.pieces_of(sha256.to_owned()).await? == program.content.size)
    }
}

fn sum(program: &Program) -> String {
    hex::encode(&program.content.sha256)
}

/// Everything as it will be published, and of it what is new.
fn sign(
    known: &Now,
    brought: &Brought,
    key: &OnlineKey,
    now: Timestamp,
) -> Result<(Document, Vec<MetadataFile>), PublishError> {
    let mut metadata = Vec::new();
    let mut roots: Vec<Vec<u8>> = known.roots.iter().map(|file| file.body.clone().into_bytes()).collect();
    for bytes in &brought.roots {
        let bytes = bytes.trim_ascii();
        let draft = Draft::read(Role::Root, bytes)?;
        let version = u64::from(draft.version());
        // One that is known already: the store compares what it says.
        metadata.push(file(Role::Root, version, bytes, draft.until()));
        if known.roots.iter().all(|root| root.version != version) {
            roots.push(bytes.to_vec());
        }
    }
    let newest_root = roots.last().ok_or(PublishError::NoRoot)?.clone();
    let targets = match (&brought.targets, &known.targets) {
        (Some(bytes), _) => {
            let bytes = bytes.trim_ascii();
            let draft = Draft::read(Role::Targets, bytes)?;
            metadata.push(file(Role::Targets, draft.version().into(), bytes, draft.until()));
            bytes.to_vec()
        }
        (None, Some(file)) => file.body.clone().into_bytes(),
        (None, None) => return Err(PublishError::NoTargets),
    };
    let before = |file: &Option<MetadataFile>| {
        file.as_ref().map(|file| u32::try_from(file.version).unwrap_or(u32::MAX))
    };
    let snapshot = key.snapshot(before(&known.snapshot), &targets, now)?;
    let timestamp = key.timestamp(before(&known.timestamp), &snapshot, now)?;
    for (role, bytes, until) in [
        (Role::Snapshot, &snapshot, now + SNAPSHOT_LIFE),
        (Role::Timestamp, &timestamp, now + TIMESTAMP_LIFE),
    ] {
        let draft = Draft::read(role, bytes)?;
        draft.enough(&newest_root).map_err(PublishError::NotOurKey)?;
        metadata.push(file(role, draft.version().into(), bytes, until));
    }
    Ok((Document { roots, timestamp, snapshot, targets }, metadata))
}

fn described(program: &Program) -> Result<NewProgram, PublishError> {
    Ok(NewProgram {
        name: told(program, &program.name)?,
        version: told(program, &program.version)?,
        kind: told(program, &program.kind)?,
        hardware: program.hardware.clone(),
        size: program.content.size,
        room: program.free,
        sha256: sum(program),
    })
}

/// A word as devices tell it.
fn told<T: FromStr<Err: Display>>(program: &Program, word: &str) -> Result<T, PublishError> {
    word.parse()
        .map_err(|error: T::Err| PublishError::Name { path: program.path(), cause: error.to_string() })
}
