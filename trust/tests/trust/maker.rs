//! A maker with keys, who publishes; and the pen of an attacker, who signs what he likes with the keys that he has.

use std::rc::Rc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::{Timestamp, ToSpan as _};
use platen_trust::sign::{Draft, KeySet, Roles, SigningKey, online, programs, roles};
use platen_trust::{Content, Document, KnownTime, PrivateKey, Program, Role, Trusted};
use serde_json::{Value, json};
use tuf::pouf::{Pouf as _, Pouf1};

/// When the stories begin.
pub(crate) fn day(days: i64) -> Timestamp {
    let first: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    first + (24 * days).hours()
}

pub(crate) fn on(days: i64) -> KnownTime {
    KnownTime::synchronised(day(days))
}

/// The keys of a maker: two of three root keys, two of two for the targets, one each for the manager.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) root: Vec<Rc<SigningKey>>,
    pub(crate) targets: Vec<Rc<SigningKey>>,
    pub(crate) snapshot: Vec<Rc<SigningKey>>,
    pub(crate) timestamp: Vec<Rc<SigningKey>>,
}

pub(crate) fn keys(count: usize) -> Vec<Rc<SigningKey>> {
    (0..count).map(|_| Rc::new(SigningKey::generate().unwrap())).collect()
}

pub(crate) fn set(keys: &[Rc<SigningKey>], threshold: u32) -> KeySet {
    KeySet { keys: keys.iter().map(|key| key.public().clone()).collect(), threshold }
}

pub(crate) fn all(keys: &[Rc<SigningKey>]) -> Vec<&dyn PrivateKey> {
    keys.iter().map(|key| &**key as &dyn PrivateKey).collect()
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self { root: keys(3), targets: keys(2), snapshot: keys(1), timestamp: keys(1) }
    }

    pub(crate) fn roles(&self) -> Roles {
        Roles {
            root: set(&self.root, 2),
            targets: set(&self.targets, 2),
            snapshot: set(&self.snapshot, 1),
            timestamp: set(&self.timestamp, 1),
        }
    }
}

/// What is published, and the keys for the next time.
pub(crate) struct Maker {
    pub(crate) keys: Keys,
    pub(crate) roots: Vec<Vec<u8>>,
    pub(crate) targets: Draft,
    pub(crate) snapshot: Vec<u8>,
    pub(crate) timestamp: Vec<u8>,
}

pub(crate) fn sign(mut draft: Draft, keys: &[&dyn PrivateKey]) -> Draft {
    for key in keys {
        draft.sign(*key).unwrap();
    }
    draft
}

pub(crate) fn program(name: &str, version: &str) -> Program {
    Program {
        kind: "engine-firmware".into(),
        name: name.into(),
        version: version.into(),
        hardware: vec!["Aria 4".into()],
        content: Content::of(&mut file(name, version).as_slice()).unwrap(),
        free: 0,
        confirm_within: Duration::from_secs(600),
        replaces: None,
    }
}

/// The bytes of that program.
pub(crate) fn file(name: &str, version: &str) -> Vec<u8> {
    format!("{name} {version}").into_bytes()
}

/// Root and targets are good for a year, snapshot for 30 days, timestamp for 7.
impl Maker {
    pub(crate) fn new() -> Self {
        let keys = Keys::new();
        let root = roles::first_root(&keys.roles(), day(365)).unwrap();
        let root = sign(root, &all(&keys.root[..2])).to_bytes().unwrap();
        let targets = programs::change(None, &[program("engine", "1")], &[], day(365)).unwrap();
        let targets = sign(targets, &all(&keys.targets));
        let mut maker = Self { keys, roots: vec![root], targets, snapshot: vec![], timestamp: vec![] };
        maker.snapshot(0);
        maker
    }

    pub(crate) fn publish(&mut self, version: &str, days: i64) {
        let added = [program("engine", version)];
        let targets = programs::change(Some(&self.targets), &added, &[], day(days + 365)).unwrap();
        self.targets = sign(targets, &all(&self.keys.targets));
        self.snapshot(days);
    }

    pub(crate) fn snapshot(&mut self, days: i64) {
        let targets = self.targets.to_bytes().unwrap();
        let keys = all(&self.keys.snapshot);
        self.snapshot =
            online::snapshot(version_of(&self.snapshot), &targets, day(days + 30), &keys).unwrap();
        self.timestamp(days);
    }

    pub(crate) fn timestamp(&mut self, days: i64) {
        let keys = all(&self.keys.timestamp);
        self.timestamp =
            online::timestamp(version_of(&self.timestamp), &self.snapshot, day(days + 7), &keys).unwrap();
    }

    /// A root with other keys after the last one, signed by two old and two new root keys.
    pub(crate) fn rotate(&mut self, days: i64, change: impl FnOnce(&mut Keys)) {
        let mut new = self.keys.clone();
        change(&mut new);
        let current = Draft::read(Role::Root, self.roots.last().unwrap()).unwrap();
        let next = roles::next_root(&current, &new.roles(), day(days + 365)).unwrap();
        let next = sign(sign(next, &all(&self.keys.root[..2])), &all(&new.root[..2]));
        self.roots.push(next.to_bytes().unwrap());
        self.keys = new;
    }

    /// What is published with a change in one role, signed by the keys of that role, and named anew by those above it:
    /// what somebody could do who has all of these keys.
    pub(crate) fn forged(&self, role: Role, change: impl FnOnce(&mut Value)) -> Document {
        let mut document = self.document();
        match role {
            Role::Root => panic!("roots are forged one by one"),
            Role::Timestamp => {
                document.timestamp = forge(&document.timestamp, &all(&self.keys.timestamp), change);
                return document;
            }
            Role::Snapshot => {
                document.snapshot = forge(&document.snapshot, &all(&self.keys.snapshot), change);
            }
            Role::Targets => {
                document.targets = forge(&document.targets, &all(&self.keys.targets), change);
                let named = naming("targets.json", &document.targets);
                document.snapshot = forge(&document.snapshot, &all(&self.keys.snapshot), named);
            }
        }
        let named = naming("snapshot.json", &document.snapshot);
        document.timestamp = forge(&document.timestamp, &all(&self.keys.timestamp), named);
        document
    }

    pub(crate) fn document(&self) -> Document {
        Document {
            roots: self.roots.clone(),
            timestamp: self.timestamp.clone(),
            snapshot: self.snapshot.clone(),
            targets: self.targets.to_bytes().unwrap(),
        }
    }

    /// Signs the targets anew as they are, with the keys of now.
    pub(crate) fn renew_targets(&mut self, days: i64) {
        let targets = programs::change(Some(&self.targets), &[], &[], day(days + 365)).unwrap();
        self.targets = sign(targets, &all(&self.keys.targets));
    }

    /// A device with the first root.
    pub(crate) fn device(&self) -> Trusted {
        Trusted::start(&self.roots[0]).unwrap()
    }

    /// A device that has taken what is published.
    pub(crate) fn brought_up(&self, days: i64) -> Trusted {
        self.device().bring_up(&self.document(), on(days)).unwrap()
    }
}

/// None, where there is no file yet.
fn version_of(bytes: &[u8]) -> Option<u32> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    value["signed"]["version"].as_u64()?.try_into().ok()
}

/// Changes what a file says, and signs it anew with these keys and no others.
pub(crate) fn forge(bytes: &[u8], keys: &[&dyn PrivateKey], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(bytes).unwrap();
    let mut signed = value["signed"].take();
    change(&mut signed);
    let canonical = Pouf1::canonicalize(&signed).unwrap();
    let signatures: Vec<_> = keys.iter().map(|key| key.sign(&canonical).unwrap()).collect();
    Pouf1::canonicalize(&json!({"signatures": signatures, "signed": signed})).unwrap()
}

/// Has a snapshot name this targets file, or a timestamp this snapshot.
pub(crate) fn naming(name: &str, bytes: &[u8]) -> impl FnOnce(&mut Value) + use<> {
    let sha256 = HEXLOWER.encode(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    let named =
        json!({"version": version_of(bytes).unwrap(), "length": bytes.len(), "hashes": {"sha256": sha256}});
    let name = name.to_owned();
    move |signed| {
        signed["version"] = (signed["version"].as_u64().unwrap() + 1).into();
        signed["meta"][&name] = named;
    }
}
