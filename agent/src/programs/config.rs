//! `[programs]` of agent.toml.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::units;

/// Where the root of trust is unless said otherwise.
const ROOT: &str = "/etc/platen/programs/root.json";
/// Where `platen-install` keeps its state unless said otherwise.
const INSTALL_STATE: &str = "/var/lib/platen-install";

/// `[programs]` of agent.toml.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProgramsConfig {
    /// How often the manager is asked: 1 h to 30 days.
    #[serde(deserialize_with = "units::period::<_, 3_600_000, 2_592_000_000>")]
    pub interval: Duration,
    /// So many bytes of the disk stay free, whatever is fetched: 0 to 1 TiB.
    #[serde(deserialize_with = "units::number::<_, _, 0, 1_099_511_627_776>")]
    pub keep_free: u64,
    /// The root of trust for programs, which the maker's package or a technician plants; `platen-install` goes by it, and
    /// the agent only tells which version it is.
    pub root: PathBuf,
    /// Where `platen-install` says how it stands. The agent only reads there.
    pub install_state: PathBuf,
}

impl Default for ProgramsConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(24 * 60 * 60),
            keep_free: 64 * 1024 * 1024,
            root: ROOT.into(),
            install_state: INSTALL_STATE.into(),
        }
    }
}
