//! What many devices at once may cost: the `[limits]` of `manager.toml`. Over a limit a device is told
//! when to come again, and keeps what it has.

use serde::{Deserialize, Deserializer};

/// The limits of the device listener that the operator of a large fleet may want to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at once, in all: 1 to 1,000,000. Each parked device has one.
    #[serde(deserialize_with = "within::<_, 1, 1_000_000>")]
    pub connections: u32,
    /// Of these, from one address: 1 to 1,000,000. The printers of a site come from one address.
    #[serde(deserialize_with = "within::<_, 1, 1_000_000>")]
    pub connections_per_address: u32,
    /// Of these, of one device: 1 to 1,000. A device has two; those that a network swallowed count for the
    /// minutes that it takes to find them. One more, and the oldest is ended.
    #[serde(deserialize_with = "within::<_, 1, 1_000>")]
    pub connections_per_device: u32,
    /// Requests of one device a minute, in the long run: 1 to 1,000,000.
    #[serde(deserialize_with = "within::<_, 1, 1_000_000>")]
    pub requests_per_minute: u32,
    /// Requests that a device may make at once after a rest: 1 to 100,000.
    #[serde(deserialize_with = "within::<_, 1, 100_000>")]
    pub requests_burst: u32,
    /// Memory for the bodies of requests until they are stored, in MiB: 1 to 65,536.
    #[serde(deserialize_with = "within::<_, 1, 65_536>")]
    pub body_memory_mib: u32,
    /// Requests that wait for the store at once: 1 to 100,000.
    #[serde(deserialize_with = "within::<_, 1, 100_000>")]
    pub waiting_for_store: u32,
    /// Times that one device may ask for programs a minute, in the long run: 1 to 100,000. A piece of a transfer is one
    /// of them.
    #[serde(deserialize_with = "within::<_, 1, 100_000>")]
    pub program_requests_per_minute: u32,
    /// Transfers of programs at once, in all: 1 to 100,000.
    #[serde(deserialize_with = "within::<_, 1, 100_000>")]
    pub transfers: u32,
    /// Of these, to one device: 1 to 100. A device has one; those that a network swallowed count for the minutes that it
    /// takes to find them.
    #[serde(deserialize_with = "within::<_, 1, 100>")]
    pub transfers_per_device: u32,
    /// MiB of programs that are sent a second, to all devices together: 1 to 100,000. Reports need the line and the
    /// processor as well.
    #[serde(deserialize_with = "within::<_, 1, 100_000>")]
    pub transfer_mib_per_second: u32,
    /// Seconds after which who was turned away may come again: 1 to 3,600. What is said is drawn between
    /// this and three times this, so that many are not back as one.
    #[serde(deserialize_with = "within::<_, 1, 3_600>")]
    pub retry_after_seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_address: 4_000,
            connections_per_device: 16,
            requests_per_minute: 300,
            requests_burst: 120,
            body_memory_mib: 64,
            waiting_for_store: 4_000,
            program_requests_per_minute: 240,
            transfers: 1_000,
            transfers_per_device: 4,
            transfer_mib_per_second: 50,
            retry_after_seconds: 20,
        }
    }
}

pub(crate) fn within<'de, D: Deserializer<'de>, const LEAST: u32, const MOST: u32>(
    from: D,
) -> Result<u32, D::Error> {
    let number = i64::deserialize(from)?;
    u32::try_from(number)
        .ok()
        .filter(|number| (LEAST..=MOST).contains(number))
        .ok_or_else(|| serde::de::Error::custom(format!("{number} must be between {LEAST} and {MOST}")))
}
