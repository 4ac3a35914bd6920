//! The `[health]` of `manager.toml`.

use std::net::SocketAddr;

use serde::Deserialize;

/// Where those are answered who watch over the manager.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// A listener of its own, without TLS and without tokens; only on the operators' when left out.
    pub listen: Option<SocketAddr>,
}
