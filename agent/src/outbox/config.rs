//! `[outbox]` of agent.toml.

use std::time::Duration;

use serde::Deserialize;

use crate::units;

/// Unless `retry_disk` says otherwise.
pub(super) const RETRY_DISK: Duration = Duration::from_secs(60);

/// What may wait while the manager is out of reach.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboxConfig {
    /// The most reports: 200 to 100,000. The lower bound leaves room for every service call
    /// and order.
    #[serde(deserialize_with = "units::number::<_, _, 200, 100_000>")]
    pub max_reports: usize,
    /// The most bytes of reports: 1 MiB to 1 GiB.
    #[serde(deserialize_with = "units::number::<_, _, 1_048_576, 1_073_741_824>")]
    pub max_bytes: u64,
    /// How often a disk that failed is tried again: 100 ms to 1 h.
    #[serde(deserialize_with = "units::period::<_, 100, 3_600_000>")]
    pub retry_disk: Duration,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self { max_reports: 5_000, max_bytes: 8 * 1024 * 1024, retry_disk: RETRY_DISK }
    }
}
