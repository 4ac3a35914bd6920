//! What the kernel knows of a process, and what the disk of this machine costs.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// The most that one probe is asked for.
const FSYNCS: usize = 300;
/// Bytes of one write of the probe: a page of SQLite's log with its header.
const FSYNC_BYTES: usize = 4120;

/// A value in kB of `smaps_rollup`, such as `Pss:`, in bytes.
pub(crate) fn memory(pid: u32, key: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}

/// Nanoseconds of processor time of all threads.
pub(crate) fn cpu_nanoseconds(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .map(|text| text.split_whitespace().next().unwrap().parse::<u64>().unwrap())
        .sum()
}

/// Times that a thread gave up the processor by itself.
pub(crate) fn voluntary_switches(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok())
        .map(|text| {
            let line = text.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
        })
        .sum()
}

/// Binds a process, with all its threads, to one core.
pub(crate) fn bind(pid: u32, core: usize) {
    let mut set = CpuSet::new();
    set.set(core).unwrap();
    allow(pid, &set);
}

/// Lets a process, with all its threads, use every core again.
pub(crate) fn free(pid: u32) {
    let mut set = CpuSet::new();
    // Cores that the machine does not have are ignored.
    (0..CpuSet::count()).for_each(|core| set.set(core).unwrap());
    allow(pid, &set);
}

fn allow(pid: u32, set: &CpuSet) {
    for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap().map(Result::unwrap) {
        let id: i32 = task.file_name().to_str().unwrap().parse().unwrap();
        sched_setaffinity(Pid::from_raw(id), set).unwrap();
    }
}

/// A process and all that it has started, and so on.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let mut family = vec![pid];
    let mut place = 0;
    while let Some(parent) = family.get(place).copied() {
        place += 1;
        let threads = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten();
        for thread in threads.filter_map(Result::ok) {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    family
}

/// The median of some durations.
pub(crate) fn median(values: Vec<Duration>) -> Duration {
    percentile(values, 50.0)
}

/// The value below which so many of a hundred are.
pub(crate) fn percentile(mut values: Vec<Duration>, percent: f64) -> Duration {
    values.sort_unstable();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let place = (values.len() as f64 * percent / 100.0) as usize;
    values[place.min(values.len() - 1)]
}

/// The middle of some figures.
pub(crate) fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Writes pages to a file and forces each to the disk, as SQLite's log does after its first round: the
/// blocks are there, and are written over.
pub(crate) struct FsyncProbe(File);

impl FsyncProbe {
    /// A probe with a file in a folder.
    pub(crate) fn new(folder: &Path) -> Self {
        let mut file = File::create(folder.join("fsync-probe")).unwrap();
        file.write_all(&vec![0; FSYNC_BYTES * FSYNCS]).unwrap();
        file.sync_all().unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        Self(file)
    }

    /// What one costs.
    pub(crate) fn once(&mut self) -> Duration {
        let begin = Instant::now();
        self.0.write_all(&[1; FSYNC_BYTES]).unwrap();
        self.0.sync_data().unwrap();
        begin.elapsed()
    }
}
