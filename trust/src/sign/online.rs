//! Snapshot and timestamp, made by the manager with the keys that it holds: after each change of the targets, and before
//! they expire.
//!
//! Versions must never go back, or devices refuse what they are handed: a manager that was restored from a backup goes on
//! from the highest version that it may have published.

use std::collections::HashMap;

use jiff::Timestamp;
use tuf::crypto::{HashAlgorithm, PrivateKey};
use tuf::metadata::{Metadata, MetadataDescription, MetadataPath, SnapshotMetadata, TimestampMetadata};
use tuf::pouf::{Pouf as _, Pouf1};

use super::{Draft, SignError, after};
use crate::role::Role;
use crate::signed::{outline, told};
use crate::time::for_tuf;

/// The snapshot that names this targets file, signed. `previous` is the version of the one before; none, for the first.
pub fn snapshot(
    previous: Option<u32>,
    targets: &[u8],
    until: Timestamp,
    keys: &[&dyn PrivateKey],
) -> Result<Vec<u8>, SignError> {
    let meta = HashMap::from([(MetadataPath::targets(), named(Role::Targets, targets)?)]);
    let version = previous.map_or(Ok(1), after)?;
    let snapshot = SnapshotMetadata::new(version, for_tuf(until).into(), meta, HashMap::new());
    let draft = Draft::unsigned(Role::Snapshot, snapshot.and_then(|snapshot| Pouf1::serialize(&snapshot)))?;
    signed(draft, keys)
}

/// The timestamp that names this snapshot, signed. `previous` is the version of the one before; none, for the first.
pub fn timestamp(
    previous: Option<u32>,
    snapshot: &[u8],
    until: Timestamp,
    keys: &[&dyn PrivateKey],
) -> Result<Vec<u8>, SignError> {
    let snapshot = named(Role::Snapshot, snapshot)?;
    let version = previous.map_or(Ok(1), after)?;
    let timestamp = TimestampMetadata::new(version, for_tuf(until).into(), snapshot, HashMap::new());
    let draft =
        Draft::unsigned(Role::Timestamp, timestamp.and_then(|timestamp| Pouf1::serialize(&timestamp)))?;
    signed(draft, keys)
}

fn named<M: Metadata>(role: Role, bytes: &[u8]) -> Result<MetadataDescription<M>, SignError> {
    let version = outline(role, bytes)?.version;
    MetadataDescription::from_slice(bytes, version, &[HashAlgorithm::Sha256])
        .map_err(|error| told(error, role).into())
}

fn signed(mut draft: Draft, keys: &[&dyn PrivateKey]) -> Result<Vec<u8>, SignError> {
    for key in keys {
        draft.sign(*key)?;
    }
    draft.to_bytes()
}
