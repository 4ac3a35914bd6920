//! What a device trusts, and how it brings that up to date.
//!
//! [`Trusted`] is a value: bringing it up makes another one, which the caller keeps before it acts on it
//! ([`crate::folder`]). Roots are kept even where the rest of a document is refused (TUF 5.3.8):
//! [`Trusted::bring_up_roots`] first, then [`Trusted::bring_up`]. A document is otherwise taken whole or not at all.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tuf::metadata::Metadata as _;

use crate::chain::{Chain, Files};
use crate::distrust::{Distrust, plain};
use crate::document::{Document, bounded, raw};
use crate::limits::MAX_TRUSTED_BYTES;
use crate::program::Program;
use crate::role::Role;
use crate::roots::Root;
use crate::seen::{Seen, Versions};
use crate::signed::sha256;
use crate::time::KnownTime;

const WHAT: &str = "the file of what is trusted";

/// What a device trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    root: Root,
    below: Option<(Files, Chain)>,
    seen: Seen,
    latest: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept<'a> {
    #[serde(borrow)]
    root: &'a RawValue,
    #[serde(borrow)]
    below: Option<KeptFiles<'a>>,
    seen: Seen,
    latest_known_time: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptFiles<'a> {
    #[serde(borrow)]
    timestamp: &'a RawValue,
    #[serde(borrow)]
    snapshot: &'a RawValue,
    #[serde(borrow)]
    targets: &'a RawValue,
}

impl Trusted {
    /// Begins with a root that a person or a package has put onto the device. It may have expired meanwhile.
    pub fn start(root: &[u8]) -> Result<Self, Distrust> {
        let root = Root::first(root)?;
        Ok(Self { root, below: None, seen: Seen::default(), latest: Timestamp::MIN })
    }

    /// It is at least this late: when the running program was built, for one.
    #[must_use]
    pub fn not_before(self, built: Timestamp) -> Self {
        Self { latest: self.latest.max(built), ..self }
    }

    /// Takes the roots of a document alone. Where they bring a newer root, no program is trusted until
    /// [`Trusted::bring_up`] has taken the rest.
    pub fn bring_up_roots(&self, document: &Document) -> Result<Self, Distrust> {
        let (root, rotation) = self.root.climb(&document.roots)?;
        if root == self.root {
            return Ok(self.clone());
        }
        Ok(Self { root, below: None, seen: self.seen.after(rotation), latest: self.latest })
    }

    /// Takes a document whole (TUF 5.3 to 5.6), or says why not.
    pub fn bring_up(&self, document: &Document, now: KnownTime) -> Result<Self, Distrust> {
        let Self { root, seen, latest, .. } = self.bring_up_roots(document)?;
        let now_counts = now.from(latest);
        let files = Files {
            timestamp: document.timestamp.clone(),
            snapshot: document.snapshot.clone(),
            targets: document.targets.clone(),
        };
        let chain = Chain::verify(&root, &files, now_counts)?;
        let seen = seen.taking(&chain)?;
        // Every expiry that people signed lies after it, so a forged clock cannot move it far.
        Ok(Self { root, below: Some((files, chain)), seen, latest: now_counts })
    }

    /// The program of this path, if nothing of what vouches for it has expired.
    pub fn program(&self, path: &str, now: KnownTime) -> Result<Program, Distrust> {
        let description = self.unexpired(now)?.program(path);
        description.map_or_else(|| Err(not_a_target(path)), |found| Program::described(path, found))
    }

    /// The paths of all programs, in order, if nothing has expired.
    pub fn paths(&self, now: KnownTime) -> Result<Vec<&str>, Distrust> {
        Ok(self.unexpired(now)?.paths())
    }

    fn unexpired(&self, now: KnownTime) -> Result<&Chain, Distrust> {
        let now = now.from(self.latest);
        self.root.unexpired(now)?;
        let (_, chain) = self.below.as_ref().ok_or(Distrust::NothingYet)?;
        chain.unexpired(now)?;
        Ok(chain)
    }

    /// The highest versions that were seen: what a device tells when it asks for programs.
    pub fn versions(&self) -> Versions {
        self.seen.versions(self.root.metadata.version())
    }

    /// Until when a role is good; none, where it is not there.
    pub fn until(&self, role: Role) -> Option<Timestamp> {
        if role == Role::Root {
            return Some(self.root.until());
        }
        self.below.as_ref().and_then(|(_, chain)| chain.until(role))
    }

    /// The latest time that is known to have passed.
    pub fn latest_known_time(&self) -> Timestamp {
        self.latest
    }

    /// The root that is trusted, as it was signed.
    pub fn root(&self) -> &[u8] {
        &self.root.bytes
    }

    /// SHA-256 of the root's file as hexadecimal digits, which people compare (as `sha256sum` prints it).
    pub fn fingerprint(&self) -> String {
        HEXLOWER.encode(&sha256(&self.root.bytes))
    }

    /// Everything in one file, so that it is replaced whole.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Distrust> {
        let below = match &self.below {
            None => None,
            Some((files, _)) => Some(KeptFiles {
                timestamp: raw(&files.timestamp)?,
                snapshot: raw(&files.snapshot)?,
                targets: raw(&files.targets)?,
            }),
        };
        let kept = Kept {
            root: raw(&self.root.bytes)?,
            below,
            seen: self.seen.clone(),
            latest_known_time: self.latest,
        };
        let bytes = serde_json::to_vec(&kept).map_err(|error| unreadable(&error))?;
        bounded(WHAT, bytes.len(), "bytes", MAX_TRUSTED_BYTES)?;
        Ok(bytes)
    }

    /// Reads that file. It is verified anew, except for the time: a damaged file is not taken for a trusted one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Distrust> {
        bounded(WHAT, bytes.len(), "bytes", MAX_TRUSTED_BYTES)?;
        let kept: Kept<'_> = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
        let root = Root::first(kept.root.get().as_bytes())?;
        let below = match kept.below {
            None => None,
            Some(files) => {
                let part = |raw: &RawValue| raw.get().as_bytes().to_vec();
                let files = Files {
                    timestamp: part(files.timestamp),
                    snapshot: part(files.snapshot),
                    targets: part(files.targets),
                };
                // Nothing has expired at the beginning of time.
                let chain = Chain::verify(&root, &files, Timestamp::MIN)?;
                kept.seen.taking(&chain)?;
                Some((files, chain))
            }
        };
        Ok(Self { root, below, seen: kept.seen, latest: kept.latest_known_time })
    }
}

fn unreadable(error: &serde_json::Error) -> Distrust {
    Distrust::Unreadable { what: WHAT, cause: plain(&error.to_string()) }
}

fn not_a_target(path: &str) -> Distrust {
    // What was asked for came from outside.
    Distrust::NotATarget { path: plain(path) }
}
