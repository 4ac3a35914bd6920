//! Other versions of the agent's package, made from the one that was built: nothing is compiled for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::run_ok;

/// What stands before the version in an executable, and how much room there is behind it (`agent/src/version.rs`).
const MARK: &[u8] = b"platen-agent version: ";
const ROOM: &[u8] = b"                ";
/// The executables that say it.
const EXECUTABLES: [&str; 2] = ["usr/sbin/platen-agent", "usr/bin/platen"];
/// The agent's unit.
const UNIT: &str = "usr/lib/systemd/system/platen-agent.service";
/// Who unpacks it has an emulated processor, and who packs it not much time.
const PACKED_AS: [&str; 3] = ["--root-owner-group", "-Zgzip", "-z1"];

/// What is the matter with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Its agent ends as soon as it is started.
    EndsAtOnce,
    /// Its agent runs, and looks for the manager where it is not.
    ReachesNobody,
}

/// Makes a package of another version of a package, in a folder.
pub fn version_of(package: &Path, version: &str, fault: Fault, folder: &Path) -> PathBuf {
    let tree = folder.join("tree");
    run_ok(Command::new("dpkg-deb").arg("--raw-extract").arg(package).arg(&tree), "");
    for executable in EXECUTABLES {
        stamp(&tree.join(executable), version);
    }
    edit(&tree.join("DEBIAN/control"), |line| {
        if line.starts_with("Version: ") { format!("Version: {version}") } else { line.to_owned() }
    });
    match fault {
        Fault::None => {}
        Fault::EndsAtOnce => fs::write(tree.join(EXECUTABLES[0]), "#!/bin/sh\nexit 1\n").unwrap(),
        Fault::ReachesNobody => edit(&tree.join(UNIT), |line| {
            // Nobody listens at this port.
            let nowhere = "Environment=HTTPS_PROXY=http://127.0.0.1:9";
            if line == "[Service]" { format!("{line}\n{nowhere}") } else { line.to_owned() }
        }),
    }
    sum(&tree);
    let made = folder.join(format!("platen-agent_{version}.deb"));
    run_ok(Command::new("dpkg-deb").args(PACKED_AS).arg("--build").arg(&tree).arg(&made), "");
    fs::remove_dir_all(tree).unwrap();
    made
}

/// Writes another version into an executable.
fn stamp(executable: &Path, version: &str) {
    let mut bytes = fs::read(executable).unwrap();
    let starts: Vec<usize> = bytes
        .windows(MARK.len())
        .enumerate()
        .filter(|(_, at)| *at == MARK)
        .map(|(at, _)| at + MARK.len())
        .collect();
    let mut written = 0;
    for start in starts {
        let field = &mut bytes[start..];
        // The mark stands alone as well, where it is taken off.
        let Some(end) = field.iter().position(|byte| *byte == b' ') else { continue };
        if !field[end..].starts_with(ROOM) || end == 0 || end + ROOM.len() < version.len() {
            continue;
        }
        let width = end + field[end..].iter().take_while(|byte| **byte == b' ').count();
        let text = format!("{version:<width$}");
        field[..width].copy_from_slice(text.as_bytes());
        written += 1;
    }
    assert!(written > 0, "{} has no field for its version", executable.display());
    fs::write(executable, bytes).unwrap();
}

fn edit(file: &Path, line: impl Fn(&str) -> String) {
    let text = fs::read_to_string(file).unwrap();
    let edited: Vec<String> = text.lines().map(line).collect();
    fs::write(file, edited.join("\n") + "\n").unwrap();
}

/// Writes anew what dpkg compares the files by.
fn sum(tree: &Path) {
    let sums = tree.join("DEBIAN/md5sums");
    let text = fs::read_to_string(&sums).unwrap();
    let names = text.lines().filter_map(|line| line.split_once("  ")).map(|(_, name)| name);
    let new = run_ok(Command::new("md5sum").arg("--").args(names).current_dir(tree), "");
    fs::write(sums, new).unwrap();
}
