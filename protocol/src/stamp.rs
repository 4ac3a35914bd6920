//! When something happened, on a device whose clock may be wrong.
//!
//! Many controllers have no battery-backed clock and begin in the past. So a stamp holds the
//! monotonic time since that boot, which is always right, beside the wall time and a word on how far
//! to trust it; the manager can date the past again once the clock is known.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far the wall clock of a device can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClockQuality {
    /// The kernel says that a time source disciplines the clock.
    Synchronised,
    /// The clock runs, and nothing vouches for it.
    Unsynchronised,
}

/// The moment of a reading or an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stamp {
    /// The kernel's boot id: stamps of one boot are ordered by `monotonic_ms`.
    pub boot_id: String,
    /// Milliseconds since that boot, suspended time included (`CLOCK_BOOTTIME`).
    pub monotonic_ms: u64,
    /// Wall time, UTC.
    pub wall: Timestamp,
    /// How far to trust `wall`.
    pub clock: ClockQuality,
}
