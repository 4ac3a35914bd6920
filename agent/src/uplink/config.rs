//! `[uplink]` of agent.toml.

use std::time::Duration;

use platen_protocol::limits::DEFAULT_WAIT;
use serde::Deserialize;

use crate::address::Address;
use crate::units;

/// The way to the manager.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UplinkConfig {
    /// The manager's device listener; without it, the address of the enrolment.
    pub manager: Option<Address>,
    /// How long the manager may hold the parked request: 1 s to 4 min.
    #[serde(deserialize_with = "units::period::<_, 1_000, 240_000>")]
    pub wait: Duration,
    /// For name, TCP and TLS together: 100 ms to 2 min.
    #[serde(deserialize_with = "units::period::<_, 100, 120_000>")]
    pub connect_timeout: Duration,
    /// For an answer, beyond what the manager was asked to wait: 100 ms to 2 min.
    #[serde(deserialize_with = "units::period::<_, 100, 120_000>")]
    pub reply_timeout: Duration,
    /// The first try again comes within this: 10 ms to 1 min.
    #[serde(deserialize_with = "units::period::<_, 10, 60_000>")]
    pub backoff_first: Duration,
    /// No try again waits longer, unless the manager asks for it: 100 ms to 1 h.
    #[serde(deserialize_with = "units::period::<_, 100, 3_600_000>")]
    pub backoff_limit: Duration,
    /// Between pings on HTTP/2: 1 s to 10 min.
    #[serde(deserialize_with = "units::period::<_, 1_000, 600_000>")]
    pub ping: Duration,
}

impl Default for UplinkConfig {
    fn default() -> Self {
        Self {
            manager: None,
            wait: DEFAULT_WAIT,
            connect_timeout: Duration::from_secs(15),
            reply_timeout: Duration::from_secs(15),
            backoff_first: Duration::from_secs(1),
            backoff_limit: Duration::from_secs(5 * 60),
            ping: Duration::from_secs(30),
        }
    }
}
