//! The four kinds of trust metadata.

use std::fmt;

use serde::Deserialize;

/// Who signs what (TUF 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Says which keys the roles have; signed offline.
    Root,
    /// Says which snapshot is the newest; signed online, and expires soon.
    Timestamp,
    /// Says which targets file is the newest; signed online.
    Snapshot,
    /// Says which programs there are; signed offline.
    Targets,
}

impl Role {
    /// All of them, in the order in which they are verified.
    pub const ALL: [Self; 4] = [Self::Root, Self::Timestamp, Self::Snapshot, Self::Targets];

    /// The name in metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Timestamp => "timestamp",
            Self::Snapshot => "snapshot",
            Self::Targets => "targets",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
