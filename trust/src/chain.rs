//! Timestamp, snapshot and targets below a root, verified in themselves (TUF 5.4 to 5.6): each is signed, has not
//! expired, and is the very file that the one before it names. What was there before is `seen`'s business, so every
//! verification begins with an empty database of the crate `tuf`; its memory forgets too much at each new root.

use std::collections::HashMap;

use jiff::Timestamp;
use tuf::Database;
use tuf::crypto::{HashAlgorithm, HashValue};
use tuf::metadata::{
    Metadata as _, MetadataPath, RawSignedMetadata, TargetDescription, TargetPath, TargetsMetadata,
};
use tuf::pouf::Pouf1;

use crate::distrust::Distrust;
use crate::document::bounded;
use crate::limits::MAX_PROGRAMS;
use crate::role::Role;
use crate::roots::Root;
use crate::signed::{Outline, has_hash, outline, told};
use crate::time::{for_tuf, of_tuf};

/// The three files, as they were signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) timestamp: Vec<u8>,
    pub(crate) snapshot: Vec<u8>,
    pub(crate) targets: Vec<u8>,
}

/// What they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) timestamp: Outline,
    pub(crate) snapshot: Outline,
    pub(crate) targets: Outline,
    until: [(Role, Timestamp); 3],
    programs: TargetsMetadata,
}

impl Chain {
    /// Verifies them by this root, at this time.
    pub(crate) fn verify(root: &Root, files: &Files, now: Timestamp) -> Result<Self, Distrust> {
        let timestamp = outline(Role::Timestamp, &files.timestamp)?;
        let snapshot = outline(Role::Snapshot, &files.snapshot)?;
        let targets = outline(Role::Targets, &files.targets)?;
        root.unexpired(now)?;
        let mut database = root.database()?;
        database
            .update_timestamp(&for_tuf(now).into(), &RawSignedMetadata::new(files.timestamp.clone()))
            .map_err(|error| told(error, Role::Timestamp))?;
        named_snapshot(&database, &files.snapshot)?;
        database
            .update_snapshot(&for_tuf(now).into(), &RawSignedMetadata::new(files.snapshot.clone()))
            .map_err(|error| told(error, Role::Snapshot))?;
        named_targets(&database, &files.targets)?;
        database
            .update_targets(&for_tuf(now).into(), &RawSignedMetadata::new(files.targets.clone()))
            .map_err(|error| told(error, Role::Targets))?;
        let (until, programs) = parts(&database)?;
        if !programs.delegations().is_empty() {
            return Err(Distrust::Delegated(Role::Targets));
        }
        bounded("the targets", programs.targets().len(), "programs", MAX_PROGRAMS)?;
        Ok(Self { timestamp, snapshot, targets, until, programs })
    }

    /// Refuses what has expired since it was verified.
    pub(crate) fn unexpired(&self, now: Timestamp) -> Result<(), Distrust> {
        match self.until.into_iter().find(|(_, until)| *until <= now) {
            Some((role, until)) => Err(Distrust::Expired { role, until, now }),
            None => Ok(()),
        }
    }

    pub(crate) fn until(&self, role: Role) -> Option<Timestamp> {
        self.until.into_iter().find(|(of, _)| *of == role).map(|(_, until)| until)
    }

    pub(crate) fn program(&self, path: &str) -> Option<&TargetDescription> {
        self.programs.targets().get(path)
    }

    /// The paths of all programs, in order.
    pub(crate) fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<_> = self.programs.targets().keys().map(TargetPath::as_str).collect();
        paths.sort_unstable();
        paths
    }
}

/// The snapshot is the one that the timestamp names (TUF 5.5.2), to the byte, before it is read.
fn named_snapshot(database: &Database<Pouf1>, bytes: &[u8]) -> Result<(), Distrust> {
    let timestamp = database.trusted_timestamp().ok_or(Distrust::Missing(Role::Timestamp))?;
    let named = timestamp.snapshot();
    is_named(Role::Snapshot, Role::Timestamp, bytes, named.length(), named.hashes())
}

/// The targets file is the one that the snapshot names (TUF 5.6.2), which names no other.
fn named_targets(database: &Database<Pouf1>, bytes: &[u8]) -> Result<(), Distrust> {
    let snapshot = database.trusted_snapshot().ok_or(Distrust::Missing(Role::Snapshot))?;
    let named = snapshot.meta().get(&MetadataPath::targets()).ok_or(Distrust::Missing(Role::Targets))?;
    if snapshot.meta().len() > 1 {
        return Err(Distrust::Delegated(Role::Snapshot));
    }
    is_named(Role::Targets, Role::Snapshot, bytes, named.length(), named.hashes())
}

/// Length and hashes are optional in TUF (4.4); here both are there, SHA-256 among the hashes: without them, two files
/// of one version could be put in each other's place.
fn is_named(
    role: Role,
    by: Role,
    bytes: &[u8],
    length: Option<usize>,
    hashes: &HashMap<HashAlgorithm, HashValue>,
) -> Result<(), Distrust> {
    let mixed = |what| Err(Distrust::Mixed { role, by, what });
    match length {
        None => return mixed("it is named without its length"),
        Some(length) if length != bytes.len() => return mixed("it has another length"),
        Some(_) => {}
    }
    if !hashes.contains_key(&HashAlgorithm::Sha256) {
        return mixed("it is named without its SHA-256");
    }
    if hashes.iter().any(|(algorithm, value)| has_hash(bytes, algorithm, value) == Some(false)) {
        return mixed("it has another hash");
    }
    Ok(())
}

fn parts(database: &Database<Pouf1>) -> Result<([(Role, Timestamp); 3], TargetsMetadata), Distrust> {
    let timestamp = database.trusted_timestamp().ok_or(Distrust::Missing(Role::Timestamp))?;
    let snapshot = database.trusted_snapshot().ok_or(Distrust::Missing(Role::Snapshot))?;
    let targets = database.trusted_targets().ok_or(Distrust::Missing(Role::Targets))?;
    let until = [
        (Role::Timestamp, of_tuf(*timestamp.expires())),
        (Role::Snapshot, of_tuf(*snapshot.expires())),
        (Role::Targets, of_tuf(*targets.expires())),
    ];
    Ok((until, (**targets).clone()))
}
