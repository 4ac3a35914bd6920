//! Disks that become full, read-only, or fail, below a folder of a program that runs.
//!
//! Full and read-only are real file systems, mounted in a mount namespace of the test's own: nothing outside
//! sees them, and they are gone with the test. Failing is a library that is preloaded into the program
//! (`faulty.c`) and makes its calls on files of that folder fail. Debian's libfiu was not taken for it: it
//! chooses by call and not by file, and would cut the program's connections as well.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;

use crate::rigs::process::run_ok;

/// How large a file system is: room for an outbox or a store that holds little, and soon full.
const SIZE: u64 = 16 * 1024 * 1024;

/// From now on what this thread, and what it starts, mounts is seen by nobody else. Needs root.
pub fn mounts_of_its_own() {
    unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace needs root");
    run_ok(Command::new("mount").args(["--make-rprivate", "/"]), "");
}

/// A file system over a folder, with what was in the folder. Unmounted when it goes.
pub struct Volume {
    at: PathBuf,
    image: PathBuf,
    _folder: TempDir,
}

impl Volume {
    /// An ext4 that is mounted over a folder which nobody uses at the moment.
    pub fn over(at: &Path) -> Self {
        Self::of_size(at, SIZE)
    }

    /// The same in another size, in bytes.
    pub fn of_size(at: &Path, bytes: u64) -> Self {
        let folder = TempDir::new().unwrap();
        let image = folder.path().join("image");
        File::create(&image).unwrap().set_len(bytes).unwrap();
        // No room that only root may use: the programs under test are root's here.
        run_ok(Command::new("mke2fs").args(["-q", "-t", "ext4", "-m", "0", "-d"]).arg(at).arg(&image), "");
        let volume = Self { at: at.to_owned(), image, _folder: folder };
        Self::mount(&volume.image, at);
        // For keys and stores are private, and so is the folder that has them.
        run_ok(Command::new("chmod").arg("700").arg(at), "");
        volume
    }

    fn mount(image: &Path, at: &Path) {
        let mut mount = Command::new("mount");
        run_ok(mount.args(["-o", "loop,errors=remount-ro"]).arg(image).arg(at), "");
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }

    /// Fills it to the last block.
    pub fn fill(&self) {
        let mut filler = File::options().create(true).append(true).open(self.filler()).unwrap();
        let mut piece = vec![0xa5_u8; 64 * 1024];
        while !piece.is_empty() {
            if filler.write_all(&piece).is_err() {
                piece.truncate(piece.len() / 2);
            }
        }
        // What was not allocated yet is found to have no room only now.
        drop(filler.sync_all());
    }

    /// Gives back what [`Self::fill`] took.
    pub fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    /// The kernel finds an error and makes it read-only, open files included: what becomes of an SD card.
    pub fn become_read_only(&self) {
        // An ext4 that was aborted answers to this mount with an error, and is what was wanted.
        let mut mount = Command::new("mount");
        let answer = mount.args(["-o", "remount,abort"]).arg(&self.at).output().unwrap();
        let refused = File::create(self.at.join("probe")).is_err();
        assert!(refused, "it can still be written to: {answer:?}");
    }

    /// It is checked and mounted again, as after the card was looked after. What was open stays dead. The new one is
    /// mounted upon the old one: an agent that tried its disk between two mounts would find the folder below them.
    pub fn mend(&self) {
        // Another image: as long as a program has a file of the old one open, the kernel would mount that again.
        let mended = self.image.with_extension("mended");
        fs::copy(&self.image, &mended).unwrap();
        // 1: it was mended.
        let check = Command::new("e2fsck").arg("-p").arg(&mended).output().unwrap();
        assert!(check.status.code().is_some_and(|code| code <= 1), "{check:?}");
        Self::mount(&mended, &self.at);
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // The one that was mended too, where there is one.
        while Command::new("umount")
            .arg("--lazy")
            .arg(&self.at)
            .output()
            .is_ok_and(|done| done.status.success())
        {}
    }
}

/// Calls on files below a folder that fail when a test says so.
pub struct Faulty {
    folder: TempDir,
}

impl Faulty {
    /// Compiles the library; nothing fails yet.
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let source = folder.path().join("faulty.c");
        fs::write(&source, include_str!("faulty.c")).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(folder.path().join("faulty.so"));
        run_ok(compiler.arg(&source).arg("-ldl"), "");
        Self { folder }
    }

    fn orders(&self) -> PathBuf {
        self.folder.path().join("orders")
    }

    /// The environment of a program whose files below a folder are to fail.
    pub fn environment(&self, below: &Path) -> Vec<(String, String)> {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        vec![
            ("LD_PRELOAD".to_owned(), text(self.folder.path().join("faulty.so"))),
            ("PLATEN_FAULT_BELOW".to_owned(), text(below.to_owned())),
            ("PLATEN_FAULT_ORDERS".to_owned(), text(self.orders())),
        ]
    }

    /// From now on these calls (`write`, `fsync`, `read`) end with this error; with none all is well.
    pub fn order(&self, calls: &[(&str, i32)]) {
        let lines: Vec<String> = calls.iter().map(|(call, error)| format!("{call} {error}")).collect();
        // At once, for the program reads it at each call.
        let new = self.folder.path().join("orders.new");
        fs::write(&new, lines.join("\n")).unwrap();
        fs::rename(new, self.orders()).unwrap();
    }
}

impl Default for Faulty {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_ordered_fails_and_only_below_the_folder() {
        let (faulty, below, beside) = (Faulty::new(), TempDir::new().unwrap(), TempDir::new().unwrap());
        let writes = |folder: &TempDir| {
            // dd writes with write(2), and ends with fsync(2).
            let mut dd = Command::new("dd");
            dd.args(["if=/dev/zero", "bs=1k", "count=1", "conv=fsync"]);
            dd.arg(format!("of={}", folder.path().join("file").display()));
            dd.envs(faulty.environment(below.path()));
            dd.output().unwrap()
        };
        assert!(writes(&below).status.success(), "nothing was ordered");
        faulty.order(&[("fsync", nix::libc::EIO)]);
        let failed = writes(&below);
        assert!(String::from_utf8_lossy(&failed.stderr).contains("Input/output error"), "{failed:?}");
        assert!(writes(&beside).status.success());
        faulty.order(&[("write", nix::libc::ENOSPC)]);
        assert!(String::from_utf8_lossy(&writes(&below).stderr).contains("No space left"));
        faulty.order(&[]);
        assert!(writes(&below).status.success());
    }
}
