//! A device's certificate, as the store knows it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
