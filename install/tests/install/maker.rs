//! A printer's maker: keys, and programs that are signed with them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use platen_trust::sign::{KeySet, Roles, SigningKey, online, programs, roles};
use platen_trust::{Content, Document, Program};

pub struct Maker {
    keys: [SigningKey; 4],
    pub root: Vec<u8>,
}

/// Metadata of tests are good for as long as anybody runs them: clocks of machines without a time service may lag.
fn until() -> Timestamp {
    "2100-01-01T00:00:00Z".parse::<Timestamp>().unwrap() - SignedDuration::from_hours(1)
}

impl Maker {
    pub fn new() -> Self {
        let keys = [(); 4].map(|()| SigningKey::generate().unwrap());
        let set = |at: usize| KeySet { keys: vec![public(&keys[at])], threshold: 1 };
        let roles = Roles { root: set(0), targets: set(1), snapshot: set(2), timestamp: set(3) };
        let mut root = roles::first_root(&roles, until()).unwrap();
        root.sign(&keys[0]).unwrap();
        let root = root.to_bytes().unwrap();
        Self { keys, root }
    }

    /// The document that vouches for one program.
    pub fn document(&self, program: &Program) -> Vec<u8> {
        let mut targets = programs::change(None, std::slice::from_ref(program), &[], until()).unwrap();
        targets.sign(&self.keys[1]).unwrap();
        let targets = targets.to_bytes().unwrap();
        let snapshot = online::snapshot(None, &targets, until(), &[&self.keys[2]]).unwrap();
        let timestamp = online::timestamp(None, &snapshot, until(), &[&self.keys[3]]).unwrap();
        Document { roots: Vec::new(), timestamp, snapshot, targets }.to_bytes().unwrap()
    }
}

fn public(key: &SigningKey) -> platen_trust::PublicKey {
    use platen_trust::PrivateKey as _;
    key.public().clone()
}

pub fn program(kind: &str, name: &str, version: &str, bytes: &[u8]) -> Program {
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
