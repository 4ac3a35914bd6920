//! A corrupt file is evidence: it is set aside, within a limit.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// So many corrupt files are kept; the oldest goes first, for the disk is small.
pub(super) const MAX_SET_ASIDE: usize = 3;

/// Renames the file and its write-ahead log to `….corrupt-N`, N rising, and returns the new name.
pub(super) fn set_aside(file: &Path) -> io::Result<PathBuf> {
    let mut numbers = numbers(file)?;
    let number = numbers.last().map_or(1, |last| last + 1);
    let target = with_suffix(file, &format!(".corrupt-{number}"));
    std::fs::rename(file, &target)?;
    let log = with_suffix(file, "-wal");
    if log.exists() {
        std::fs::rename(&log, with_suffix(&target, "-wal"))?;
    }
    remove_if_there(&with_suffix(file, "-shm"))?;
    numbers.push(number);
    let too_many = numbers.len().saturating_sub(MAX_SET_ASIDE);
    for old in numbers.into_iter().take(too_many) {
        let old = with_suffix(file, &format!(".corrupt-{old}"));
        remove_if_there(&old)?;
        remove_if_there(&with_suffix(&old, "-wal"))?;
    }
    Ok(target)
}

fn numbers(file: &Path) -> io::Result<Vec<u32>> {
    let directory = file.parent().unwrap_or(Path::new("."));
    let prefix =
        file.file_name().map(|name| format!("{}.corrupt-", name.to_string_lossy())).unwrap_or_default();
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        numbers.extend(name.to_string_lossy().strip_prefix(&prefix).and_then(|n| n.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

pub(super) fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(suffix);
    name.into()
}

fn remove_if_there(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}
