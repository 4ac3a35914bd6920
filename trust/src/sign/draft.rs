//! A file of metadata on its way from holder to holder of keys: what it says is fixed, signatures are added.
//!
//! Each draft is whole, whatever signatures it has, so the steps can be in any order: one after the other, or at the
//! same time and then merged. Holders of keys read [`Draft::lines`] before they sign.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use tuf::crypto::{KeyId, PrivateKey, PublicKey, Signature};
use tuf::metadata::{
    Metadata as _, MetadataPath, RawSignedMetadata, RootMetadata, SnapshotMetadata, TargetsMetadata,
    TimestampMetadata,
};
use tuf::pouf::{Pouf as _, Pouf1};
use tuf::verify::verify_signatures;

use super::SignError;
use super::key::signature;
use crate::distrust::Distrust;
use crate::role::Role;
use crate::roots::Root;
use crate::signed::{outline, told};
use crate::time::of_tuf;

/// A file of one role, with the signatures that it has so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    role: Role,
    content: Content,
    signatures: BTreeMap<KeyId, Signature>,
    signed: Value,
}

#[derive(Debug, Clone, PartialEq)]
enum Content {
    Root(RootMetadata),
    Timestamp(TimestampMetadata),
    Snapshot(SnapshotMetadata),
    Targets(TargetsMetadata),
}

/// Makes a signature of what it is given, or says why not.
type SignElsewhere<'a> = dyn Fn(&[u8]) -> Result<Vec<u8>, String> + 'a;

impl Draft {
    /// A draft without signatures.
    pub(crate) fn unsigned(role: Role, signed: tuf::Result<Value>) -> Result<Self, SignError> {
        let signed = signed.map_err(|error| told(error, role))?;
        Ok(Self { role, content: content(role, &signed)?, signatures: BTreeMap::new(), signed })
    }

    /// Reads a file of this role, signed or not. Its signatures are not verified: [`Draft::enough`] does.
    pub fn read(role: Role, bytes: &[u8]) -> Result<Self, SignError> {
        outline(role, bytes)?;
        let unreadable = |error| SignError::from(told(error, role));
        let mut file: Value = Pouf1::from_slice(bytes).map_err(unreadable)?;
        let signatures = file.get_mut("signatures").map(Value::take).unwrap_or_default();
        let signatures: Vec<Signature> = Pouf1::deserialize(&signatures).map_err(unreadable)?;
        let signatures = signatures.into_iter().map(|one| (one.key_id().clone(), one)).collect();
        let signed = file.get_mut("signed").map(Value::take).unwrap_or_default();
        Ok(Self { role, content: content(role, &signed)?, signatures, signed })
    }

    /// The file as it is published, or handed to the next holder of a key. There is no white space in it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SignError> {
        let signatures: Vec<&Signature> = self.signatures.values().collect();
        let file = json!({ "signatures": signatures, "signed": self.signed });
        Pouf1::canonicalize(&file).map_err(|error| told(error, self.role).into())
    }

    /// Signs it with one more key; a signature of this key that is there is replaced.
    pub fn sign(&mut self, key: &dyn PrivateKey) -> Result<(), SignError> {
        let canonical = Pouf1::canonicalize(&self.signed).map_err(|error| told(error, self.role))?;
        let signature = key.sign(&canonical).map_err(|error| SignError::KeyFailed(error.to_string()))?;
        self.signatures.insert(signature.key_id().clone(), signature);
        Ok(())
    }

    /// Signs it with a key that is elsewhere, such as in a token (PKCS#11): `sign` makes a signature of what it is given.
    /// A signature that this public key does not verify is not taken.
    pub fn sign_elsewhere(&mut self, key: &PublicKey, sign: &SignElsewhere<'_>) -> Result<(), SignError> {
        let canonical = Pouf1::canonicalize(&self.signed).map_err(|error| told(error, self.role))?;
        let made = sign(&canonical).map_err(SignError::KeyFailed)?;
        let signature = signature(self.role, key, &canonical, &made)?;
        self.signatures.insert(signature.key_id().clone(), signature);
        Ok(())
    }

    /// Adds the signatures of a copy that somebody else signed.
    pub fn merge(&mut self, other: &Self) -> Result<(), SignError> {
        if self.role != other.role || self.signed != other.signed {
            return Err(SignError::OtherDraft);
        }
        for (name, signature) in &other.signatures {
            self.signatures.entry(name.clone()).or_insert_with(|| signature.clone());
        }
        Ok(())
    }

    /// Whether it is a first root that its own keys have signed.
    pub fn enough_to_begin(&self) -> Result<(), SignError> {
        Root::first(&self.to_bytes()?)?;
        Ok(())
    }

    /// Whether its signatures are enough for those who trust this root. A draft that is a root has to be the next one, and
    /// needs the signatures of its own keys too (TUF 5.3.4).
    pub fn enough(&self, root: &[u8]) -> Result<(), SignError> {
        let root = Root::first(root)?;
        let bytes = self.to_bytes()?;
        let (_, keys, threshold) = root.role(self.role);
        let verified = match &self.content {
            Content::Root(next) => {
                return root.followed_by(next.version(), &bytes).map(drop).map_err(SignError::from);
            }
            Content::Timestamp(_) => {
                let raw = RawSignedMetadata::<Pouf1, TimestampMetadata>::new(bytes);
                verify_signatures(&MetadataPath::timestamp(), &raw, threshold, keys).map(drop)
            }
            Content::Snapshot(_) => {
                let raw = RawSignedMetadata::<Pouf1, SnapshotMetadata>::new(bytes);
                verify_signatures(&MetadataPath::snapshot(), &raw, threshold, keys).map(drop)
            }
            Content::Targets(_) => {
                let raw = RawSignedMetadata::<Pouf1, TargetsMetadata>::new(bytes);
                verify_signatures(&MetadataPath::targets(), &raw, threshold, keys).map(drop)
            }
        };
        verified.map_err(|error| told(error, self.role).into())
    }

    /// Whose file it is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Its version.
    pub fn version(&self) -> u32 {
        match &self.content {
            Content::Root(root) => root.version(),
            Content::Timestamp(timestamp) => timestamp.version(),
            Content::Snapshot(snapshot) => snapshot.version(),
            Content::Targets(targets) => targets.version(),
        }
    }

    /// Until when it is good.
    pub fn until(&self) -> Timestamp {
        match &self.content {
            Content::Root(root) => of_tuf(*root.expires()),
            Content::Timestamp(timestamp) => of_tuf(*timestamp.expires()),
            Content::Snapshot(snapshot) => of_tuf(*snapshot.expires()),
            Content::Targets(targets) => of_tuf(*targets.expires()),
        }
    }

    /// The names of the keys under whose names signatures stand.
    pub fn signers(&self) -> Vec<String> {
        self.signatures.keys().map(KeyId::to_string).collect()
    }

    /// What it says, a line for each fact, for a person who is about to sign it.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} {}, good until {}", self.role, self.version(), self.until())];
        match &self.content {
            Content::Root(root) => lines.extend(root_lines(root)),
            Content::Targets(targets) => {
                let mut programs: Vec<_> = targets.targets().iter().collect();
                programs.sort_by_key(|(path, _)| path.as_str());
                for (path, target) in programs {
                    let sums = target.hashes().values().map(ToString::to_string).collect::<Vec<_>>();
                    lines.push(format!("program {path}: {} bytes, {}", target.length(), sums.join(", ")));
                }
            }
            Content::Snapshot(snapshot) => {
                lines.extend(snapshot.meta().iter().map(|(of, named)| format!("{of} {}", named.version())));
            }
            Content::Timestamp(timestamp) => {
                lines.push(format!("snapshot {}", timestamp.snapshot().version()));
            }
        }
        lines
    }

    pub(crate) fn root_metadata(&self) -> Option<&RootMetadata> {
        if let Content::Root(root) = &self.content { Some(root) } else { None }
    }

    pub(crate) fn targets_metadata(&self) -> Option<&TargetsMetadata> {
        if let Content::Targets(targets) = &self.content { Some(targets) } else { None }
    }
}

fn root_lines(root: &RootMetadata) -> Vec<String> {
    let roles = [
        (Role::Root, root.root().threshold(), root.root().key_ids()),
        (Role::Timestamp, root.timestamp().threshold(), root.timestamp().key_ids()),
        (Role::Snapshot, root.snapshot().threshold(), root.snapshot().key_ids()),
        (Role::Targets, root.targets().threshold(), root.targets().key_ids()),
    ];
    let line = |(role, threshold, names): (Role, u32, &std::collections::HashSet<KeyId>)| {
        let mut names: Vec<_> = names.iter().map(KeyId::to_string).collect();
        names.sort();
        format!("{role} is signed by {threshold} of {}: {}", names.len(), names.join(", "))
    };
    roles.into_iter().map(line).collect()
}

fn content(role: Role, signed: &Value) -> Result<Content, Distrust> {
    let content = match role {
        Role::Root => Pouf1::deserialize(signed).map(Content::Root),
        Role::Timestamp => Pouf1::deserialize(signed).map(Content::Timestamp),
        Role::Snapshot => Pouf1::deserialize(signed).map(Content::Snapshot),
        Role::Targets => Pouf1::deserialize(signed).map(Content::Targets),
    };
    content.map_err(|error| told(error, role))
}
