//! What is given to devices now, in memory: the programs, and the trust metadata that vouch for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use platen_trust::Role;

use crate::store::{MetadataFile, ProgramRecord};

/// A program that is given.
#[derive(Debug)]
pub struct Given {
    /// What it is.
    pub record: ProgramRecord,
    /// Whether it was revoked since: a transfer that is under way ends then.
    withdrawn: AtomicBool,
}

impl Given {
    /// Whether it must not be given any more.
    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::Relaxed)
    }
}

/// A file of one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// As it was signed.
    pub body: Arc<str>,
    /// Until when it is good.
    pub expires: Timestamp,
}

/// What is given.
#[derive(Debug, Default)]
pub struct Shelf {
    /// The number of the change that made it so.
    pub changes: i64,
    programs: BTreeMap<i64, Arc<Given>>,
    metadata: BTreeMap<Role, BTreeMap<u64, Signed>>,
}

impl Shelf {
    /// By what the store holds. Programs that are not there any more are withdrawn from whoever reads them.
    #[must_use]
    pub fn next(&self, changes: i64, metadata: Vec<MetadataFile>, programs: Vec<ProgramRecord>) -> Self {
        let mut next = Self { changes, ..Self::default() };
        for file in metadata {
            // What a later version keeps there is none of ours.
            let Some(role) = Role::ALL.into_iter().find(|role| role.name() == file.role) else { continue };
            let signed = Signed { body: file.body.into(), expires: file.expires };
            next.metadata.entry(role).or_default().insert(file.version, signed);
        }
        for record in programs {
            let kept = self.programs.get(&record.key).filter(|given| given.record == record);
            let given = kept.map_or_else(
                || Arc::new(Given { record: record.clone(), withdrawn: AtomicBool::new(false) }),
                Arc::clone,
            );
            next.programs.insert(record.key, given);
        }
        for (key, given) in &self.programs {
            let stays = next.programs.get(key).is_some_and(|now| now.record.sha256 == given.record.sha256);
            if !stays {
                given.withdrawn.store(true, Ordering::Relaxed);
            }
        }
        next
    }

    /// A program by its key.
    pub fn program(&self, key: i64) -> Option<&Arc<Given>> {
        self.programs.get(&key)
    }

    /// All of them.
    pub fn programs(&self) -> impl Iterator<Item = &Arc<Given>> {
        self.programs.values()
    }

    /// A file of a role by its version.
    pub fn signed(&self, role: Role, version: u64) -> Option<&Signed> {
        self.metadata.get(&role)?.get(&version)
    }

    /// The newest file of a role.
    pub fn newest(&self, role: Role) -> Option<(u64, &Signed)> {
        self.metadata.get(&role)?.last_key_value().map(|(version, signed)| (*version, signed))
    }

    /// The roots behind one, in order.
    pub fn roots_after(&self, version: u64) -> impl Iterator<Item = (u64, &Signed)> {
        let roots = self.metadata.get(&Role::Root).into_iter();
        roots.flat_map(move |roots| {
            roots.range(version.saturating_add(1)..).map(|(version, signed)| (*version, signed))
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn file(role: &str, version: u64, body: &str) -> MetadataFile {
        let expires = "2027-01-01T00:00:00Z".parse().unwrap();
        MetadataFile { role: role.into(), version, body: body.into(), expires }
    }

    pub(in super::super) fn record(key: i64, sha256: &str) -> ProgramRecord {
        ProgramRecord {
            key,
            name: "engine-firmware".parse().unwrap(),
            version: format!("{key}.0").parse().unwrap(),
            kind: "engine-firmware".parse().unwrap(),
            hardware: Vec::new(),
            size: 3,
            room: 0,
            sha256: sha256.into(),
            published: "2026-11-30T00:00:00Z".parse().unwrap(),
            published_by: "anna".into(),
            revoked: None,
            revoked_by: None,
        }
    }

    #[test]
    fn what_is_not_given_any_more_is_withdrawn_from_whoever_reads_it() {
        let first = Shelf::default().next(1, Vec::new(), vec![record(1, "aa"), record(2, "bb")]);
        let (one, two) = (Arc::clone(&first.programs[&1]), Arc::clone(&first.programs[&2]));
        let second = first.next(2, Vec::new(), vec![record(1, "aa")]);
        assert!(!one.is_withdrawn() && two.is_withdrawn());
        assert!(Arc::ptr_eq(&one, second.program(1).unwrap()) && second.program(2).is_none());
    }

    #[test]
    fn the_newest_of_each_role_is_found_and_the_roots_that_somebody_lacks() {
        let files = (1..=3).map(|version| file("root", version, "{}"));
        let files = files.chain([file("timestamp", 9, "9"), file("timestamp", 10, "10"), file("odd", 1, "")]);
        let shelf = Shelf::default().next(1, files.collect(), Vec::new());
        assert_eq!(shelf.newest(Role::Timestamp).unwrap().0, 10);
        assert_eq!(shelf.roots_after(1).map(|(version, _)| version).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(shelf.roots_after(u64::MAX).count(), 0);
        assert!(shelf.newest(Role::Targets).is_none());
    }
}
