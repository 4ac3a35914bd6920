//! Ending every process that descends from this one, also those that left the process group or the session.
//!
//! This process has made itself their reaper (`PR_SET_CHILD_SUBREAPER`): whoever loses its parent becomes a child of this
//! one. So killing all children, and then those that come in their place, ends with none left. Only a process that forks
//! faster than it is killed would escape that; where a control group is at hand it ends all at once (`group.rs`).

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// How long killing may take: the kernel may have to end a transfer first.
const LIMIT: Duration = Duration::from_secs(30);
/// How long is waited between two rounds.
const ROUND: Duration = Duration::from_millis(5);

/// Kills them all, and reaps them. How many lived, and whether none is left.
pub(super) fn end_all() -> (u32, bool) {
    let (begin, mut lived) = (Instant::now(), 0_u32);
    loop {
        for (pid, alive) in children() {
            // It may have ended by itself.
            if kill(pid, Signal::SIGKILL).is_ok() && alive {
                lived = lived.saturating_add(1);
            }
        }
        if reap() {
            return (lived, true);
        }
        if begin.elapsed() > LIMIT {
            return (lived, false);
        }
        std::thread::sleep(ROUND);
    }
}

/// Reaps those that have ended; whether there are no more.
fn reap() -> bool {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return false,
            Err(Errno::ECHILD) => return true,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

/// This process's children, and whether each still lives.
fn children() -> Vec<(Pid, bool)> {
    let own = std::process::id();
    let Ok(all) = std::fs::read_dir("/proc") else { return Vec::new() };
    all.flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let (parent, alive) = parent(&stat)?;
            (parent == own).then(|| (Pid::from_raw(pid), alive))
        })
        .collect()
}

/// A process's parent and whether it lives, from its `stat`. Its name comes first, in brackets, and may contain anything.
fn parent(stat: &str) -> Option<(u32, bool)> {
    let (_name, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    Some((fields.next()?.parse().ok()?, state != "Z" && state != "X"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_contain_anything() {
        assert_eq!(parent("12 (a) S 1 (b) Z 7 12 12"), Some((7, false)));
        assert_eq!(parent("12 (sh) S 34 12"), Some((34, true)));
        assert_eq!(parent("nonsense"), None);
    }
}
