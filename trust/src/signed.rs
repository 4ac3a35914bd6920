//! What is looked at in the file of a role before anything in it is verified: limits, and that it is the role it
//! should be. And what the crate `tuf` says, in our words.

use ring::digest::{SHA256, SHA512, digest};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;
use tuf::crypto::{HashAlgorithm, HashValue};
use tuf::metadata::MetadataPath;
use tuf::pouf::{Pouf as _, Pouf1};

use crate::distrust::{Distrust, plain};
use crate::document::bounded;
use crate::limits::{MAX_DOCUMENT_BYTES, MAX_SIGNATURES};
use crate::role::Role;
use crate::time::of_tuf;

/// Versions of the specification that the crate `tuf` reads. The form of the metadata has been the same since 1.0.
const SPEC_VERSIONS: [&str; 2] = ["1.0", "1.0.0"];

/// A file's version, and a digest of what it says: everything that is signed in it, in canonical form, so that neither
/// white space nor one signature more makes it another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) version: u32,
    pub(crate) content: [u8; 32],
}

#[derive(Deserialize)]
struct File {
    signatures: Vec<By>,
    signed: Value,
}

#[derive(Deserialize)]
struct By {
    keyid: String,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "_type")]
    role: Role,
    spec_version: String,
    version: u32,
}

/// Looks at a file that should be of this role.
pub(crate) fn outline(role: Role, bytes: &[u8]) -> Result<Outline, Distrust> {
    bounded(role.name(), bytes.len(), "bytes", MAX_DOCUMENT_BYTES)?;
    let file: File = serde_json::from_slice(bytes).map_err(|error| unreadable(role, &error))?;
    bounded(role.name(), file.signatures.len(), "signatures", MAX_SIGNATURES)?;
    let names: BTreeSet<_> = file.signatures.iter().map(|by| &by.keyid).collect();
    if names.len() < file.signatures.len() {
        return Err(Distrust::SignedTwice { role });
    }
    let wrong = |cause: &str| Distrust::Unreadable { what: role.name(), cause: cause.to_owned() };
    let head = Head::deserialize(&file.signed).map_err(|error| unreadable(role, &error))?;
    if head.role != role {
        return Err(wrong("it is the file of another role"));
    }
    if !SPEC_VERSIONS.contains(&head.spec_version.as_str()) {
        return Err(wrong("its spec_version is not 1.0"));
    }
    if head.version == 0 {
        return Err(wrong("its version is 0"));
    }
    let canonical = Pouf1::canonicalize(&file.signed).map_err(|error| told(error, role))?;
    Ok(Outline { version: head.version, content: sha256(&canonical) })
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    // The digest has exactly so many bytes.
    for (to, from) in sum.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    sum
}

/// Whether these bytes have a hash that metadata names; `None` where the algorithm is not known here.
pub(crate) fn has_hash(bytes: &[u8], algorithm: &HashAlgorithm, value: &HashValue) -> Option<bool> {
    let found = match algorithm {
        HashAlgorithm::Sha256 => digest(&SHA256, bytes),
        HashAlgorithm::Sha512 => digest(&SHA512, bytes),
        _ => return None,
    };
    Some(found.as_ref() == value.value())
}

pub(crate) fn unreadable(role: Role, error: &serde_json::Error) -> Distrust {
    Distrust::Unreadable { what: role.name(), cause: plain(&error.to_string()) }
}

/// What the crate says about a file of this role, in our words.
pub(crate) fn told(error: tuf::Error, role: Role) -> Distrust {
    match error {
        tuf::Error::MetadataMissingSignatures { number_of_valid_signatures, threshold, .. } => {
            Distrust::Signatures { role, good: number_of_valid_signatures, threshold }
        }
        tuf::Error::ExpiredMetadata { path, expiration, now } => Distrust::Expired {
            role: role_of(&path).unwrap_or(role),
            until: of_tuf(expiration),
            now: of_tuf(now),
        },
        tuf::Error::AttemptedMetadataRollBack { trusted_version, new_version, .. } => {
            Distrust::RolledBack { role, seen: trusted_version, offered: new_version }
        }
        tuf::Error::WrongMetadataVersion { parent_role, .. } => Distrust::Mixed {
            role,
            by: role_of(&parent_role).unwrap_or(role),
            what: "it has another version",
        },
        tuf::Error::MissingMetadataDescription { .. } => Distrust::Missing(Role::Targets),
        tuf::Error::Json(error) if error.line() > 0 => unreadable(role, &error),
        // What else can be wrong is in the form of what was signed, which its maker can look at.
        _ => Distrust::Unreadable {
            what: role.name(),
            cause: format!("it does not have the form of a {role}"),
        },
    }
}

fn role_of(path: &MetadataPath) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role.name() == path.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(signatures: &str, signed: &str) -> String {
        format!(r#"{{"signatures":[{signatures}],"signed":{signed}}}"#)
    }

    const HEAD: &str = r#""_type":"targets","spec_version":"1.0""#;

    #[test]
    fn white_space_and_signatures_are_no_other_content() {
        let one = file("", &format!(r#"{{{HEAD},"version":3}}"#));
        let other = file(r#"{"keyid":"a","sig":"00"}"#, &format!(r#"{{ "version": 3, {HEAD}}}"#));
        let one = outline(Role::Targets, one.as_bytes()).unwrap();
        assert_eq!(one, outline(Role::Targets, other.as_bytes()).unwrap());
        assert_eq!(one.version, 3);
        let changed = file("", &format!(r#"{{{HEAD},"version":3,"x":1}}"#));
        assert_ne!(one, outline(Role::Targets, changed.as_bytes()).unwrap());
    }

    #[test]
    fn a_file_of_another_role_or_form_is_refused() {
        for signed in [
            r#"{"_type":"root","spec_version":"1.0","version":1}"#,
            r#"{"_type":"targets","spec_version":"2.0","version":1}"#,
            r#"{"_type":"targets","spec_version":"1.0","version":0}"#,
            r#"{"_type":"targets","spec_version":"1.0","version":-1}"#,
            r#"{"_type":"targets","spec_version":"1.0","version":4294967296}"#,
            r#"{"_type":"targets","spec_version":"1.0","version":1,"half":0.5}"#,
            "null",
        ] {
            let found = outline(Role::Targets, file("", signed).as_bytes());
            assert!(
                matches!(found, Err(Distrust::Unreadable { what: "targets", .. })),
                "{signed}: {found:?}"
            );
        }
    }

    #[test]
    fn json_without_a_bottom_is_refused() {
        let deep = file("", &"[".repeat(100_000));
        assert!(matches!(outline(Role::Root, deep.as_bytes()), Err(Distrust::Unreadable { .. })));
    }

    #[test]
    fn signatures_are_counted_and_each_key_signs_once() {
        let head = format!(r#"{{{HEAD},"version":3}}"#);
        let twice = file(r#"{"keyid":"a","sig":"00"},{"keyid":"a","sig":"01"}"#, &head);
        assert_eq!(
            outline(Role::Targets, twice.as_bytes()),
            Err(Distrust::SignedTwice { role: Role::Targets })
        );
        let many: Vec<_> = (0..=MAX_SIGNATURES).map(|n| format!(r#"{{"keyid":"{n}","sig":"00"}}"#)).collect();
        let many = file(&many.join(","), &head);
        assert!(matches!(outline(Role::Targets, many.as_bytes()), Err(Distrust::TooMuch { .. })));
    }
}
