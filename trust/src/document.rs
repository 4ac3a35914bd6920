//! The metadata document: what a reply carries before the program.
//!
//! `{"roots": [ROOT, ...], "timestamp": ..., "snapshot": ..., "targets": ...}`. Each part is a file of TUF as it was
//! signed, byte for byte, because the files name each other by hash. A file has no white space before or after it
//! here; [`crate::sign`] writes none. Roots stand in order, those that the device lacks.
//!
//! Nothing of this is trusted: [`crate::Trusted::bring_up`] decides.

use std::io::Read;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::distrust::{Distrust, plain};
use crate::limits::{MAX_DOCUMENT_BYTES, MAX_ROOTS};
use crate::role::Role;

const WHAT: &str = "the document of trust metadata";

/// The parts of a document, each as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The roots that the device lacks, in order.
    pub roots: Vec<Vec<u8>>,
    /// The newest timestamp.
    pub timestamp: Vec<u8>,
    /// The snapshot that it names.
    pub snapshot: Vec<u8>,
    /// The targets file that the snapshot names.
    pub targets: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    #[serde(borrow, default)]
    roots: Vec<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    snapshot: Option<&'a RawValue>,
    #[serde(borrow)]
    targets: Option<&'a RawValue>,
}

impl Document {
    /// Reads a document that has come whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, Distrust> {
        bounded(WHAT, bytes.len(), "bytes", MAX_DOCUMENT_BYTES)?;
        let wire: Wire<'_> = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
        bounded(WHAT, wire.roots.len(), "roots", MAX_ROOTS)?;
        Ok(Self {
            roots: wire.roots.into_iter().map(bytes_of).collect(),
            timestamp: wire.timestamp.map(bytes_of).ok_or(Distrust::Missing(Role::Timestamp))?,
            snapshot: wire.snapshot.map(bytes_of).ok_or(Distrust::Missing(Role::Snapshot))?,
            targets: wire.targets.map(bytes_of).ok_or(Distrust::Missing(Role::Targets))?,
        })
    }

    /// Reads a document of a stream that may have no end: no more is read than may be there.
    pub fn read(from: &mut dyn Read) -> Result<Self, Distrust> {
        let mut bytes = Vec::new();
        let most = u64::try_from(MAX_DOCUMENT_BYTES).unwrap_or(u64::MAX);
        let read = from.take(most.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| Distrust::Unreadable { what: WHAT, cause: plain(&error.to_string()) })?;
        Self::parse(&bytes)
    }

    /// Writes it, if it is one that a device would read.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Distrust> {
        bounded(WHAT, self.roots.len(), "roots", MAX_ROOTS)?;
        let wire = Wire {
            roots: self.roots.iter().map(|root| raw(root)).collect::<Result<_, _>>()?,
            timestamp: Some(raw(&self.timestamp)?),
            snapshot: Some(raw(&self.snapshot)?),
            targets: Some(raw(&self.targets)?),
        };
        let bytes = serde_json::to_vec(&wire).map_err(|error| unreadable(&error))?;
        bounded(WHAT, bytes.len(), "bytes", MAX_DOCUMENT_BYTES)?;
        Ok(bytes)
    }
}

fn bytes_of(raw: &RawValue) -> Vec<u8> {
    raw.get().as_bytes().to_vec()
}

/// A file of TUF as a part of another JSON document.
pub(crate) fn raw(bytes: &[u8]) -> Result<&RawValue, Distrust> {
    serde_json::from_slice(bytes).map_err(|error| unreadable(&error))
}

/// The words of `serde_json` say what and where, without what stands there.
fn unreadable(error: &serde_json::Error) -> Distrust {
    Distrust::Unreadable { what: WHAT, cause: plain(&error.to_string()) }
}

/// Refuses what is more than a limit.
pub(crate) fn bounded(
    what: &'static str,
    found: usize,
    unit: &'static str,
    limit: usize,
) -> Result<(), Distrust> {
    if found <= limit { Ok(()) } else { Err(Distrust::TooMuch { what, found, unit, limit }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{"roots":[{"a": 1}, 2],"timestamp":{"x" :1},"snapshot":[],"targets":"t"}"#;

    #[test]
    fn parts_are_kept_byte_for_byte() {
        let document = Document::parse(SMALL.as_bytes()).unwrap();
        assert_eq!(document.roots, [br#"{"a": 1}"#.to_vec(), b"2".to_vec()]);
        assert_eq!(document.timestamp, br#"{"x" :1}"#);
        let again = document.to_bytes().unwrap();
        assert_eq!(Document::parse(&again).unwrap(), document);
    }

    #[test]
    fn a_document_without_a_role_is_none() {
        for (without, role) in [
            (r#"{"snapshot":1,"targets":1}"#, Role::Timestamp),
            (r#"{"timestamp":1,"snapshot":null,"targets":1}"#, Role::Snapshot),
            (r#"{"timestamp":1,"snapshot":1}"#, Role::Targets),
        ] {
            assert_eq!(Document::parse(without.as_bytes()), Err(Distrust::Missing(role)));
        }
    }

    #[test]
    fn what_is_not_known_or_stands_there_twice_is_refused() {
        for wrong in [
            r#"{"timestamp":1,"snapshot":1,"targets":1,"mirrors":1}"#,
            r#"{"timestamp":1,"timestamp":1,"snapshot":1,"targets":1}"#,
            r#"{"timestamp":1,"snapshot":1,"targets":1"#,
            "[]",
            "",
        ] {
            assert!(matches!(Document::parse(wrong.as_bytes()), Err(Distrust::Unreadable { .. })), "{wrong}");
        }
    }

    #[test]
    fn strangers_cannot_fill_or_break_a_log() {
        let loud = format!(r#"{{"timestamp":1,"\u001b[2J\n{}":1}}"#, "x".repeat(10_000));
        let refused = Document::parse(loud.as_bytes()).unwrap_err().to_string();
        assert!(refused.len() < 400 && !refused.contains(char::is_control), "{refused}");
    }

    #[test]
    fn more_than_the_limits_is_refused() {
        let roots = vec![b"1".to_vec(); MAX_ROOTS + 1];
        let part = || b"1".to_vec();
        let many = Document { roots, timestamp: part(), snapshot: part(), targets: part() };
        assert!(matches!(many.to_bytes(), Err(Distrust::TooMuch { unit: "roots", .. })));
        let large = Document { roots: vec![], targets: vec![b'1'; MAX_DOCUMENT_BYTES], ..many };
        assert!(matches!(large.to_bytes(), Err(Distrust::TooMuch { unit: "bytes", .. })));
    }

    #[test]
    fn a_document_that_does_not_end_is_given_up() {
        let mut endless = std::io::repeat(b' ');
        assert_eq!(
            Document::read(&mut endless),
            Err(Distrust::TooMuch {
                what: WHAT,
                found: MAX_DOCUMENT_BYTES + 1,
                unit: "bytes",
                limit: MAX_DOCUMENT_BYTES
            })
        );
    }
}
