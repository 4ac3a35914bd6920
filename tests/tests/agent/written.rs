//! How much an ordinary day writes: an SD card dies of small writes.
//!
//! A simulated colour printer prints 500 pages, judged and kept by the real judge and the real outbox, in a
//! process of its own (`src/bin/day.rs`). Two figures: what that process wrote by the kernel's account, and, on a machine
//! that may mount, the sectors that a real ext4 wrote with its own journal.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a day may write at the most.
const BUDGET: u64 = 2 * 1024 * 1024;

/// Lives the day in a directory; what the process was charged for, and its line.
fn live(directory: &Path) -> (u64, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_day")).arg(directory).output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{text}{}", String::from_utf8_lossy(&run.stderr));
    let line = text.lines().find_map(|line| line.split_once("day: ")).unwrap().1.to_owned();
    (line.split(' ').next().unwrap().parse().unwrap(), line)
}

#[test]
fn an_ordinary_day_writes_less_than_its_budget() {
    // Not in /tmp, which may be memory: that charges nothing.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (written, line) = live(directory.path());
    println!("{line}");
    assert!(written > 0, "nothing is charged here: is this a file system in memory?");
    assert!(written <= BUDGET, "{line}: more than {BUDGET}");
}

/// A file system of its own; gone with this.
struct Mounted {
    point: PathBuf,
    _directory: tempfile::TempDir,
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.point).status();
    }
}

fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let run = Command::new(program).args(arguments).output().ok()?;
    run.status.success().then(|| String::from_utf8_lossy(&run.stdout).trim().to_owned())
}

/// A new ext4 and the block device that it is on; `None` where nobody may mount one.
fn ext4() -> Option<(Mounted, String)> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).ok()?;
    let (image, point) = (directory.path().join("image"), directory.path().join("mounted"));
    std::fs::File::create(&image).ok()?.set_len(64 * 1024 * 1024).ok()?;
    std::fs::create_dir(&point).ok()?;
    run("mkfs.ext4", &["-q", image.to_str()?])?;
    // As a Raspberry Pi mounts its card.
    run("mount", &["-o", "loop,noatime", image.to_str()?, point.to_str()?])?;
    let mounted = Mounted { point, _directory: directory };
    let device = run("findmnt", &["-no", "SOURCE", mounted.point.to_str()?])?;
    Some((mounted, device))
}

/// Bytes that a block device has written.
fn written(device: &str) -> u64 {
    let name = Path::new(device).file_name().unwrap().to_str().unwrap();
    let stat = std::fs::read_to_string(format!("/sys/class/block/{name}/stat")).unwrap();
    stat.split_whitespace().nth(6).unwrap().parse::<u64>().unwrap() * 512
}

#[test]
fn an_ordinary_day_on_ext4_writes_less_than_its_budget_with_the_journal_of_the_file_system() {
    let Some((mounted, device)) = ext4() else {
        println!("not measured: nobody may mount an ext4 here");
        return;
    };
    let point = mounted.point.to_str().unwrap();
    run("sync", &["-f", point]).unwrap();
    let before = written(&device);
    let (charged, line) = live(&mounted.point.join("state"));
    run("sync", &["-f", point]).unwrap();
    let all = written(&device) - before;
    println!("{line}; {all} bytes reached the block device ({charged} charged)");
    assert!(all <= BUDGET, "{line}; {all} bytes reached the block device: more than {BUDGET}");
}
