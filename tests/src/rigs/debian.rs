//! The Debian package, built as `make deb` builds it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::rigs::process::run_ok;

/// The folder of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Builds the packages and returns the path of the agent's.
pub fn build_agent_package() -> PathBuf {
    build_agent_package_for(&native())
}

/// As [`build_agent_package`], for an architecture by Debian's name; another one than this machine's is
/// cross-built, which needs root.
pub fn build_agent_package_for(architecture: &str) -> PathBuf {
    run_ok(Command::new(root().join("scripts/deb.sh")).arg(architecture), "");
    agent_package_for(architecture).unwrap()
}

/// The agent's package, if it has been built.
pub fn agent_package() -> Option<PathBuf> {
    agent_package_for(&native())
}

/// The agent's package for an architecture, if it has been built.
pub fn agent_package_for(architecture: &str) -> Option<PathBuf> {
    let files = std::fs::read_dir(root().join("dist")).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let is_agent = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("platen-agent_") && name.ends_with(&format!("_{architecture}.deb"))
    };
    files.into_iter().find(is_agent)
}

/// This machine's architecture, by Debian's name.
fn native() -> String {
    run_ok(Command::new("dpkg").arg("--print-architecture"), "").trim().to_owned()
}
