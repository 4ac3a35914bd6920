//! Roots: which keys the roles have, and how a device climbs from one root to the next (TUF 5.3).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use tuf::Database;
use tuf::crypto::{KeyId, KeyType, PublicKey};
use tuf::metadata::{Metadata as _, RawSignedMetadata, RootMetadata};
use tuf::pouf::Pouf1;

use crate::distrust::Distrust;
use crate::document::bounded;
use crate::limits::{MAX_KEYS, MAX_KEYS_PER_ROLE};
use crate::role::Role;
use crate::signed::{outline, told, unreadable};
use crate::time::of_tuf;

/// A root that is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) bytes: Vec<u8>,
    pub(crate) metadata: RootMetadata,
}

/// What a root says of its roles, before it is read by the crate `tuf`, which refuses the same without words for people.
#[derive(Deserialize)]
struct Outer {
    signed: Inner,
}

#[derive(Deserialize)]
struct Inner {
    version: u32,
    roles: BTreeMap<String, Definition>,
}

#[derive(Deserialize)]
struct Definition {
    keyids: Vec<String>,
    threshold: u32,
}

/// Which keys changed on the way up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// Those of the timestamp, or of the snapshot.
    pub(crate) online: bool,
    /// Those of the targets, and none of the old ones stayed.
    pub(crate) targets: bool,
}

impl Root {
    /// The root from which trust begins: somebody put it onto the device. That it is signed by its own keys shows that
    /// it is whole. It may have expired: the roots after it may not have (TUF 5.3.10).
    pub(crate) fn first(bytes: &[u8]) -> Result<Self, Distrust> {
        let bytes = bytes.trim_ascii();
        outline(Role::Root, bytes)?;
        meant(bytes)?;
        let database = database(bytes)?;
        Self::of(bytes, &database)
    }

    /// Climbs by the roots that are offered. Those that are known already are passed over. An expired root on the way
    /// is taken (TUF 5.3.6); only the last one has to be good.
    pub(crate) fn climb(&self, offered: &[Vec<u8>]) -> Result<(Self, Rotation), Distrust> {
        let mut top = self.clone();
        let mut rotation = Rotation::default();
        for bytes in offered {
            let version = outline(Role::Root, bytes)?.version;
            if version <= top.metadata.version() {
                continue;
            }
            let next = top.followed_by(version, bytes)?;
            rotation.online |= next.online_keys() != top.online_keys();
            rotation.targets |= next.keys_of(Role::Targets).is_disjoint(&top.keys_of(Role::Targets));
            top = next;
        }
        Ok((top, rotation))
    }

    /// The root of this version, which has to be the one after this, signed by the keys of both (TUF 5.3.4, 5.3.5).
    pub(crate) fn followed_by(&self, version: u32, bytes: &[u8]) -> Result<Self, Distrust> {
        if self.metadata.version().checked_add(1) != Some(version) {
            return Err(Distrust::RootGap { trusted: self.metadata.version(), offered: version });
        }
        meant(bytes)?;
        let mut database = database(&self.bytes)?;
        database
            .update_root(&RawSignedMetadata::new(bytes.to_vec()))
            .map_err(|error| told(error, Role::Root))?;
        Self::of(bytes, &database)
    }

    fn of(bytes: &[u8], database: &Database<Pouf1>) -> Result<Self, Distrust> {
        let root = Self { bytes: bytes.to_vec(), metadata: (**database.trusted_root()).clone() };
        root.sound()?;
        Ok(root)
    }

    /// Refuses a root that has expired; the crate leaves this to its user (TUF 5.3.10).
    pub(crate) fn unexpired(&self, now: Timestamp) -> Result<(), Distrust> {
        let until = self.until();
        if until > now { Ok(()) } else { Err(Distrust::Expired { role: Role::Root, until, now }) }
    }

    pub(crate) fn until(&self) -> Timestamp {
        of_tuf(*self.metadata.expires())
    }

    /// What else is verified by this root.
    pub(crate) fn database(&self) -> Result<Database<Pouf1>, Distrust> {
        database(&self.bytes)
    }

    /// The keys of a role, by their bytes: a key under another name is the same key.
    pub(crate) fn keys_of(&self, role: Role) -> BTreeSet<Vec<u8>> {
        self.role(role).1.iter().map(|key| key.as_bytes().to_vec()).collect()
    }

    fn online_keys(&self) -> [BTreeSet<Vec<u8>>; 2] {
        [self.keys_of(Role::Timestamp), self.keys_of(Role::Snapshot)]
    }

    /// The names of a role's keys, those of the keys that are there, and the threshold.
    pub(crate) fn role(&self, role: Role) -> (Vec<&KeyId>, Vec<&PublicKey>, u32) {
        let root = &self.metadata;
        let (names, threshold): (Vec<_>, _) = match role {
            Role::Root => (root.root().key_ids().iter().collect(), root.root().threshold()),
            Role::Timestamp => (root.timestamp().key_ids().iter().collect(), root.timestamp().threshold()),
            Role::Snapshot => (root.snapshot().key_ids().iter().collect(), root.snapshot().threshold()),
            Role::Targets => (root.targets().key_ids().iter().collect(), root.targets().threshold()),
        };
        let keys = names.iter().filter_map(|name| root.keys().get(*name)).collect();
        (names, keys, threshold)
    }

    /// Whether people can have meant this: every key is there, under its own name, once, and of a type that can be
    /// checked here. Without that, one key could be counted as two for a threshold.
    fn sound(&self) -> Result<(), Distrust> {
        bounded("the root", self.metadata.keys().len(), "keys", MAX_KEYS)?;
        let unsound = |cause: String| Err(Distrust::UnsoundRoot { version: self.metadata.version(), cause });
        for role in Role::ALL {
            let (names, keys, _) = self.role(role);
            if keys.len() < names.len() {
                return unsound(format!("a key of the {role} is not there, or not under its own name"));
            }
            if keys.iter().any(|key| *key.typ() != KeyType::Ed25519) {
                return unsound(format!("a key of the {role} is not of the type ed25519"));
            }
            if self.keys_of(role).len() < keys.len() {
                return unsound(format!("the {role} has one key under two names"));
            }
        }
        Ok(())
    }
}

/// Thresholds that a root can have; each key is named once.
fn meant(bytes: &[u8]) -> Result<(), Distrust> {
    let Outer { signed: root } =
        serde_json::from_slice(bytes).map_err(|error| unreadable(Role::Root, &error))?;
    let unsound = |cause: String| Err(Distrust::UnsoundRoot { version: root.version, cause });
    for role in Role::ALL {
        let Some(definition) = root.roles.get(role.name()) else {
            return unsound(format!("it has no keys for the {role}"));
        };
        let names = &definition.keyids;
        bounded("a role of the root", names.len(), "keys", MAX_KEYS_PER_ROLE)?;
        if definition.threshold == 0 {
            return unsound(format!("the {role} needs no signature"));
        }
        if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
            return unsound(format!("the {role} names one key twice"));
        }
        if usize::try_from(definition.threshold).map_or(true, |threshold| names.len() < threshold) {
            let (threshold, keys) = (definition.threshold, names.len());
            return unsound(format!("the {role} needs {threshold} signatures and has {keys} keys"));
        }
    }
    Ok(())
}

fn database(bytes: &[u8]) -> Result<Database<Pouf1>, Distrust> {
    Database::from_trusted_root(&RawSignedMetadata::new(bytes.to_vec()))
        .map_err(|error| told(error, Role::Root))
}
