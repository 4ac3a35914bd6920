//! A maker of programs, with keys of its own, who signs offline what managers hand on.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use platen_trust::sign::roles::{first_root, next_root};
use platen_trust::sign::{Draft, KeySet, Roles, SigningKey, programs};
use platen_trust::{Content, PrivateKey as _, Program, PublicKey, Role};

/// The keys, and what was signed last.
pub struct Maker {
    root_key: SigningKey,
    targets_key: SigningKey,
    /// The newest root.
    pub root: Vec<u8>,
    /// The newest targets file, if there is one.
    pub targets: Option<Vec<u8>>,
    now: Timestamp,
}

impl Maker {
    /// One who trusts a manager with this key to say what is the newest.
    pub fn new(online: &PublicKey, now: Timestamp) -> Self {
        let (root_key, targets_key) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let mut maker = Self { root_key, targets_key, root: Vec::new(), targets: None, now };
        let mut root = first_root(&maker.roles(online), maker.until(365)).unwrap();
        root.sign(&maker.root_key).unwrap();
        maker.root = root.to_bytes().unwrap();
        maker
    }

    fn until(&self, days: i64) -> Timestamp {
        self.now + SignedDuration::from_hours(24 * days)
    }

    fn roles(&self, online: &PublicKey) -> Roles {
        let of = |key: &PublicKey| KeySet { keys: vec![key.clone()], threshold: 1 };
        Roles {
            root: of(self.root_key.public()),
            targets: of(self.targets_key.public()),
            snapshot: of(online),
            timestamp: of(online),
        }
    }

    /// Signs the next root, with the same keys; the one before.
    pub fn next_root(&mut self, online: &PublicKey) -> Vec<u8> {
        let current = Draft::read(Role::Root, &self.root).unwrap();
        let mut root = next_root(&current, &self.roles(online), self.until(400)).unwrap();
        root.sign(&self.root_key).unwrap();
        std::mem::replace(&mut self.root, root.to_bytes().unwrap())
    }

    /// Signs the next targets file, with these programs more and those less.
    pub fn sign(&mut self, add: &[Program], remove: &[&str]) -> Vec<u8> {
        let current = self.targets.as_ref().map(|bytes| Draft::read(Role::Targets, bytes).unwrap());
        let mut targets = programs::change(current.as_ref(), add, remove, self.until(90)).unwrap();
        targets.sign(&self.targets_key).unwrap();
        let bytes = targets.to_bytes().unwrap();
        self.targets = Some(bytes.clone());
        bytes
    }

    /// What a maker says of a program with these bytes.
    pub fn program(name: &str, version: &str, bytes: &[u8]) -> Program {
        Program {
            kind: "engine-firmware".to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            hardware: Vec::new(),
            content: Content::of(&mut &bytes[..]).unwrap(),
            free: 0,
            confirm_within: Duration::from_secs(600),
            replaces: None,
        }
    }
}
