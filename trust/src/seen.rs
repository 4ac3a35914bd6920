//! The newest that was seen of each role, so that nothing older comes back (TUF 5.4.3, 5.5.5), and that a version says
//! the same for ever. The crate `tuf` forgets this at each new root.
//!
//! It is forgotten only where an attacker who had a role's keys may have used up its versions (a fast-forward attack):
//!
//! * timestamp and snapshot, when the keys of one of them changed (TUF 5.3.11);
//! * targets, when none of its keys stayed: then nothing that was signed before is good any more, so nothing old can
//!   come back. A key that was taken away must not be given back, or what it signed is good again.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::chain::Chain;
use crate::distrust::Distrust;
use crate::role::Role;
use crate::roots::Rotation;
use crate::signed::Outline;

/// The highest version of each role that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// Of the root that is trusted.
    pub root: u32,
    /// None, while none is trusted.
    pub timestamp: Option<u32>,
    /// None, while none is trusted.
    pub snapshot: Option<u32>,
    /// None, while none is trusted.
    pub targets: Option<u32>,
}

/// The newest of each role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seen {
    timestamp: Option<Mark>,
    snapshot: Option<Mark>,
    targets: Option<Mark>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    version: u32,
    /// SHA-256 of what it says, as hexadecimal digits.
    content: String,
}

impl Seen {
    /// What is still known after keys changed.
    pub(crate) fn after(&self, rotation: Rotation) -> Self {
        let unless = |changed: bool, mark: &Option<Mark>| if changed { None } else { mark.clone() };
        Self {
            timestamp: unless(rotation.online, &self.timestamp),
            snapshot: unless(rotation.online, &self.snapshot),
            targets: unless(rotation.targets, &self.targets),
        }
    }

    /// What is seen once these are taken; or why they are not.
    pub(crate) fn taking(&self, chain: &Chain) -> Result<Self, Distrust> {
        Ok(Self {
            timestamp: Some(newer(Role::Timestamp, self.timestamp.as_ref(), chain.timestamp)?),
            snapshot: Some(newer(Role::Snapshot, self.snapshot.as_ref(), chain.snapshot)?),
            targets: Some(newer(Role::Targets, self.targets.as_ref(), chain.targets)?),
        })
    }

    pub(crate) fn versions(&self, root: u32) -> Versions {
        let version = |mark: &Option<Mark>| mark.as_ref().map(|mark| mark.version);
        Versions {
            root,
            timestamp: version(&self.timestamp),
            snapshot: version(&self.snapshot),
            targets: version(&self.targets),
        }
    }
}

fn newer(role: Role, seen: Option<&Mark>, offered: Outline) -> Result<Mark, Distrust> {
    let offered = Mark { version: offered.version, content: HEXLOWER.encode(&offered.content) };
    match seen {
        Some(seen) if seen.version > offered.version => {
            Err(Distrust::RolledBack { role, seen: seen.version, offered: offered.version })
        }
        Some(seen) if seen.version == offered.version && seen.content != offered.content => {
            Err(Distrust::Changed { role, version: offered.version })
        }
        _ => Ok(offered),
    }
}
