//! The Debian package, built as `make deb` builds it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::rigs::process::run_ok;

/// The folder of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The agent's package of this tree, for this machine; built where that has not been done yet.
pub fn agent_package() -> PathBuf {
    agent_package_for(&native())
}

/// As [`agent_package`], for an architecture by Debian's name; another one than this machine's is cross-built.
pub fn agent_package_for(architecture: &str) -> PathBuf {
    let script = root().join("scripts/deb.sh");
    let folder = run_ok(Command::new(script).args(["--for-tests", architecture]), "");
    let files = std::fs::read_dir(folder.trim_end()).unwrap().map(|entry| entry.unwrap().path());
    let is_agent = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("platen-agent_") && name.ends_with(&format!("_{architecture}.deb"))
    };
    files.into_iter().find(is_agent).unwrap()
}

/// This machine's architecture, by Debian's name.
fn native() -> String {
    run_ok(Command::new("dpkg").arg("--print-architecture"), "").trim().to_owned()
}
