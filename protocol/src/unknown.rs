//! Why something could not be read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why something is unknown: a reason for programs, and words for a technician.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnknownCause {
    /// The reason, one of a few.
    pub reason: UnknownReason,
    /// The reason in words: what, where, and what to check.
    pub detail: String,
}

/// Why something is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnknownReason {
    /// The chip does not answer its address: pulled out, or without power.
    NoAnswer,
    /// The bus fails: timeouts, lost arbitration, a stuck line.
    BusFailing,
    /// The chip answers, and what it holds is damaged or is no record.
    Damaged,
    /// The chip answers with a value that cannot be true.
    Implausible,
    /// Nothing has been read yet, or nothing can be: the board has no sensor for it.
    NotMeasured,
}

impl fmt::Display for UnknownCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}
