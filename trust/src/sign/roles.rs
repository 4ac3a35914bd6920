//! Which keys sign what, and the roots that say so.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use tuf::crypto::PublicKey;
use tuf::metadata::{Metadata, RoleDefinition, RootMetadata};
use tuf::pouf::{Pouf as _, Pouf1};

use super::{Draft, SignError, after};
use crate::limits::MAX_KEYS_PER_ROLE;
use crate::role::Role;
use crate::signed::told;
use crate::time::for_tuf;

/// The keys of a role, and how many of them have to sign.
#[derive(Debug, Clone)]
pub struct KeySet {
    /// The keys.
    pub keys: Vec<PublicKey>,
    /// As many have to sign.
    pub threshold: u32,
}

/// The keys of all roles. A key that a manager holds (timestamp, snapshot) is none of the offline roles: whoever breaks
/// into the manager could otherwise have devices install anything.
#[derive(Debug, Clone)]
pub struct Roles {
    /// Of people, offline: they say who has which keys.
    pub root: KeySet,
    /// Of people, offline: they say which programs there are.
    pub targets: KeySet,
    /// Of the manager.
    pub snapshot: KeySet,
    /// Of the manager.
    pub timestamp: KeySet,
}

/// The first root, version 1, to be signed by a threshold of its own root keys.
pub fn first_root(roles: &Roles, until: Timestamp) -> Result<Draft, SignError> {
    root(1, roles, until)
}

/// The root after this one, to be signed by a threshold of the old root keys and of the new ones. Keys are replaced by
/// giving other ones.
pub fn next_root(current: &Draft, roles: &Roles, until: Timestamp) -> Result<Draft, SignError> {
    if current.root_metadata().is_none() {
        return Err(SignError::UnsoundRoles("the root after this one: this is no root".to_owned()));
    }
    root(after(current.version())?, roles, until)
}

fn root(version: u32, roles: &Roles, until: Timestamp) -> Result<Draft, SignError> {
    roles.check()?;
    let all = [&roles.root, &roles.targets, &roles.snapshot, &roles.timestamp];
    let keys: HashMap<_, _> =
        all.iter().flat_map(|set| &set.keys).map(|key| (key.key_id().clone(), key.clone())).collect();
    let metadata = RootMetadata::new(
        version,
        for_tuf(until).into(),
        // Files are not fetched by name, so it says nothing here; other clients expect it.
        true,
        keys,
        roles.root.definition()?,
        roles.snapshot.definition()?,
        roles.targets.definition()?,
        roles.timestamp.definition()?,
        HashMap::new(),
    );
    Draft::unsigned(Role::Root, metadata.and_then(|root| Pouf1::serialize(&root)))
}

impl KeySet {
    fn definition<M: Metadata>(&self) -> Result<RoleDefinition<M>, SignError> {
        let names = self.keys.iter().map(|key| key.key_id().clone()).collect();
        RoleDefinition::new(self.threshold, names).map_err(|error| told(error, Role::Root).into())
    }

    fn bytes(&self) -> BTreeSet<&[u8]> {
        self.keys.iter().map(PublicKey::as_bytes).collect()
    }
}

impl Roles {
    fn check(&self) -> Result<(), SignError> {
        let unsound = |cause: String| Err(SignError::UnsoundRoles(cause));
        let sets = [
            (Role::Root, &self.root),
            (Role::Targets, &self.targets),
            (Role::Snapshot, &self.snapshot),
            (Role::Timestamp, &self.timestamp),
        ];
        for (role, set) in sets {
            let different = set.bytes().len();
            if different < set.keys.len() {
                return unsound(format!("one key of the {role} is given twice"));
            }
            if different > MAX_KEYS_PER_ROLE {
                return unsound(format!("the {role} has more than {MAX_KEYS_PER_ROLE} keys"));
            }
            if set.threshold == 0 || usize::try_from(set.threshold).map_or(true, |needed| needed > different)
            {
                return unsound(format!(
                    "the {role} needs 1 to {different} signatures of its {different} keys, and not {}",
                    set.threshold
                ));
            }
        }
        for (online, set) in [(Role::Snapshot, &self.snapshot), (Role::Timestamp, &self.timestamp)] {
            for (offline, of_people) in [(Role::Root, &self.root), (Role::Targets, &self.targets)] {
                if !set.bytes().is_disjoint(&of_people.bytes()) {
                    return unsound(format!(
                        "a key of the {online}, which the manager holds, is also one of the {offline}"
                    ));
                }
            }
        }
        Ok(())
    }
}
