//! A device's certificate, as the store knows it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Beyond the end of any certificate: of a device that has none.
pub const NEVER: Timestamp = Timestamp::constant(253_370_764_800, 0);

/// A certificate, as far as the manager keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its serial number, in hexadecimal digits.
    pub serial: String,
    /// When it was issued.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

impl Certificate {
    /// In place of one, for a device that has none and never had: it never ends, and nobody can show it.
    pub fn none(now: Timestamp) -> Self {
        Self { serial: String::new(), issued: now, expires: NEVER }
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.serial.is_empty()
    }
}
