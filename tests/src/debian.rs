//! The Debian package, built as `make deb` builds it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::run_ok;

/// The folder of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Builds the packages and returns the path of the agent's.
pub fn build_agent_package() -> PathBuf {
    run_ok(&mut Command::new(root().join("scripts/deb.sh")), "");
    agent_package().unwrap()
}

/// The agent's package, if it has been built.
pub fn agent_package() -> Option<PathBuf> {
    let files = std::fs::read_dir(root().join("dist")).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let is_agent = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("platen-agent_") && path.extension().is_some_and(|extension| extension == "deb")
    };
    files.into_iter().find(is_agent)
}
