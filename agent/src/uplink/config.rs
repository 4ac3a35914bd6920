//! `[uplink]` of agent.toml.

use std::path::PathBuf;
use std::time::Duration;

use platen_protocol::limits::{DEFAULT_WAIT, MAX_WAIT};
use serde::Deserialize;

use super::dial::proxy::{self, ProxyConfig, ProxySetting, Variables};
use super::long_poll::Bounds;
use crate::identity::address::Address;
use crate::units;

/// The connection to the manager.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UplinkConfig {
    /// The manager's device listener; without it, the address of the enrolment.
    pub manager: Option<Address>,
    /// The proxy to go through; without it, the one that the environment names.
    pub proxy: Option<ProxySetting>,
    /// Who we are to the proxy, by Basic authentication.
    #[serde(deserialize_with = "proxy::user")]
    pub proxy_user: Option<String>,
    /// The file with the password for it.
    pub proxy_password_file: Option<PathBuf>,
    /// What the environment says of proxies; empty unless the program reads it.
    #[serde(skip)]
    pub variables: Variables,
    /// The CA of a proxy that inspects TLS at this site, PEM: trusted to carry bytes and for nothing else,
    /// for messages are signed then.
    pub inspecting_ca: Option<PathBuf>,
    /// How long the manager may hold the parked request at first: 1 s to 4 min.
    #[serde(deserialize_with = "units::period::<_, 1_000, 240_000>")]
    pub wait: Duration,
    /// The wait is learnt, and never less than this: 1 s to 4 min. A first wait that is less goes before it.
    #[serde(deserialize_with = "units::period::<_, 1_000, 240_000>")]
    pub wait_least: Duration,
    /// Nor more than this: 1 s to 4 min. A first wait that is more goes before it.
    #[serde(deserialize_with = "units::period::<_, 1_000, 240_000>")]
    pub wait_most: Duration,
    /// For name, TCP, proxy and TLS together, and as much again where TLS stalls and is tried in small packets: 100 ms
    /// to 2 min.
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
    /// When nothing has passed on a connection for so long, the kernel asks the other end whether it is there: 1 s to
    /// 10 min.
    #[serde(deserialize_with = "units::period::<_, 1_000, 600_000>")]
    pub ping: Duration,
}

impl Default for UplinkConfig {
    fn default() -> Self {
        Self {
            manager: None,
            proxy: None,
            proxy_user: None,
            proxy_password_file: None,
            variables: Variables::default(),
            inspecting_ca: None,
            wait: DEFAULT_WAIT,
            wait_least: Duration::from_secs(25),
            wait_most: MAX_WAIT,
            connect_timeout: Duration::from_secs(15),
            reply_timeout: Duration::from_secs(15),
            backoff_first: Duration::from_secs(1),
            backoff_limit: Duration::from_secs(5 * 60),
            ping: Duration::from_secs(30),
        }
    }
}

impl UplinkConfig {
    /// The longest that connecting takes: there may be a second try, in small packets.
    pub(super) fn longest_connect(&self) -> Duration {
        self.connect_timeout * 2
    }

    /// What it says of a proxy, with the environment.
    pub fn proxy(&self) -> ProxyConfig {
        ProxyConfig {
            setting: self.proxy.clone(),
            user: self.proxy_user.clone(),
            password_file: self.proxy_password_file.clone(),
            variables: self.variables.clone(),
        }
    }

    /// Between which limits the wait is learnt.
    pub fn bounds(&self) -> Bounds {
        Bounds { start: self.wait, least: self.wait_least, most: self.wait_most }
    }
}
