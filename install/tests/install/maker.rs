//! A printer's maker: keys, and programs that are signed with them.

use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use platen_trust::sign::{Draft, KeySet, Roles, SigningKey, online, programs, roles};
use platen_trust::{Content, Document, Program};

pub(crate) struct Maker {
    keys: [SigningKey; 4],
    /// What was published last: the targets file, and the version of the others.
    published: Mutex<Option<(Draft, u32)>>,
    pub(crate) root: Vec<u8>,
}

/// Metadata of tests are good for as long as anybody runs them: clocks of machines without a time service may lag.
fn until() -> Timestamp {
    "2100-01-01T00:00:00Z".parse::<Timestamp>().unwrap() - SignedDuration::from_hours(1)
}

impl Maker {
    pub(crate) fn new() -> Self {
        let keys = [(); 4].map(|()| SigningKey::generate().unwrap());
        let set = |at: usize| KeySet { keys: vec![public(&keys[at])], threshold: 1 };
        let roles = Roles { root: set(0), targets: set(1), snapshot: set(2), timestamp: set(3) };
        let mut root = roles::first_root(&roles, until()).unwrap();
        root.sign(&keys[0]).unwrap();
        let root = root.to_bytes().unwrap();
        Self { keys, published: Mutex::new(None), root }
    }

    /// The document that vouches for one program more.
    pub(crate) fn document(&self, program: &Program) -> Vec<u8> {
        let mut published = self.published.lock().unwrap();
        let (before, version) = published.as_ref().map(|(targets, version)| (targets, *version)).unzip();
        let mut targets = programs::change(before, std::slice::from_ref(program), &[], until()).unwrap();
        targets.sign(&self.keys[1]).unwrap();
        let signed = targets.to_bytes().unwrap();
        let snapshot = online::snapshot(version, &signed, until(), &[&self.keys[2]]).unwrap();
        let timestamp = online::timestamp(version, &snapshot, until(), &[&self.keys[3]]).unwrap();
        *published = Some((targets, version.unwrap_or(0) + 1));
        let targets = signed;
        Document { roots: Vec::new(), timestamp, snapshot, targets }.to_bytes().unwrap()
    }
}

fn public(key: &SigningKey) -> platen_trust::PublicKey {
    use platen_trust::PrivateKey as _;
    key.public().clone()
}

pub(crate) fn program(kind: &str, name: &str, version: &str, bytes: &[u8]) -> Program {
    Program {
        kind: kind.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        hardware: Vec::new(),
        content: Content::of(&mut &*bytes).unwrap(),
        free: 0,
        confirm_within: Duration::from_secs(600),
        replaces: None,
    }
}
