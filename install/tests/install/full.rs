//! A disk that becomes full in the middle: a real file system of its own. Only root mounts one; where a test does not run as
//! root it says so.

use std::path::{Path, PathBuf};
use std::process::Command;

use platen_install::records::Outcome;

use crate::machine::Machine;

/// What there is room for.
const SIZE: &str = "size=40m";

/// A small file system at a path, until it is dropped.
struct Small(PathBuf);

impl Small {
    fn at(path: &Path) -> Self {
        std::fs::create_dir_all(path).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(path).status();
        assert!(mounted.unwrap().success(), "a file system is mounted at {}", path.display());
        Self(path.to_owned())
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "{} stays mounted", self.0.display());
    }
}

/// Offers a program to a machine whose disk has no byte left from that step of the installer on.
fn full_from(step: &str) -> (Machine, Small) {
    let machine = Machine::new();
    let disk = Small::at(&machine.directories.state);
    let (confirming, mark) = (machine.confirming("7"), machine.folder.path().join("filled"));
    machine.installer(&format!(
        "{confirming}\nif [ $1 = {step} ] && ! [ -e '{0}' ]; then touch '{0}'; \
         dd if=/dev/zero of='{1}' bs=4k 2>/dev/null; fi; exit 0",
        mark.display(),
        disk.ballast().display()
    ));
    machine.offer_firmware("7");
    // In this order, so that it is unmounted first.
    (machine, disk)
}

#[test]
fn a_disk_that_is_full_from_any_step_on_loses_nothing_and_it_goes_on_once_there_is_room() {
    if !nix::unistd::geteuid().is_root() {
        println!("not run: only root mounts a file system");
        return;
    }
    for step in ["check", "install", "verify", "commit"] {
        let (machine, disk) = full_from(step);
        let first = machine.command().output().unwrap();
        let said = String::from_utf8_lossy(&first.stderr).into_owned();
        assert!(!first.status.success(), "{step}: {said}");
        assert!(said.contains("No space left on device"), "{step}: {said}");
        assert!(said.contains(&*machine.directories.state.to_string_lossy()), "it says where: {said}");
        assert!(machine.attempt().is_some(), "{step}: what it was doing is known: {said}");
        // Nothing changes for as long as it is full.
        let second = machine.command().output().unwrap();
        assert!(!second.status.success(), "{step}: {}", String::from_utf8_lossy(&second.stderr));
        assert!(machine.history().is_empty(), "{step}");
        std::fs::remove_file(disk.ballast()).unwrap();
        machine.run();
        let ended = machine.ended();
        assert_eq!(ended.outcome, Outcome::Kept, "{step}: {ended:?}");
        assert_eq!(machine.installed().programs["engine"].version, "2.0");
        assert!(machine.attempt().is_none());
        assert!(!machine.directories.staged().join("program").exists(), "{step}: no space is used any more");
    }
}
