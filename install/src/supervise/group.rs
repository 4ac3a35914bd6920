//! A control group of the step's own, where the service manager lends this service its tree (`Delegate=yes`): the kernel
//! then ends all that is in it at once, which nothing can outrun.

use std::io;
use std::path::{Path, PathBuf};

/// Where the kernel shows control groups (version 2).
const TREE: &str = "/sys/fs/cgroup";
/// The service to which its own tree was lent. Started by hand, the group belongs to somebody else.
const SERVICE: &str = "/platen-install.service";

/// A group that this process is in.
#[derive(Debug)]
pub(super) struct Group {
    path: PathBuf,
}

/// The folder for a group of a step's own, if it may be made.
pub fn for_step() -> Option<PathBuf> {
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let lent = lent(&own)?;
    let folder = Path::new(TREE).join(lent.trim_start_matches('/'));
    folder.join("cgroup.kill").exists().then(|| folder.join("step"))
}

/// The path of this process's group, if it is the service's.
fn lent(own: &str) -> Option<&str> {
    own.lines().find_map(|line| line.strip_prefix("0::")).filter(|path| path.ends_with(SERVICE))
}

impl Group {
    /// Makes the group and moves this process there; its children are born there. What a killed process left of an
    /// earlier one is ended first.
    pub(super) fn enter(path: PathBuf) -> io::Result<Self> {
        match std::fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                std::fs::write(path.join("cgroup.kill"), "1")?;
            }
            made => made?,
        }
        std::fs::write(path.join("cgroup.procs"), "0")?;
        Ok(Self { path })
    }

    /// Moves this process out, and ends all that are left in it.
    pub(super) fn leave_and_kill(&self) -> io::Result<()> {
        let parent = self.path.parent().unwrap_or(Path::new(TREE));
        std::fs::write(parent.join("cgroup.procs"), "0")?;
        std::fs::write(self.path.join("cgroup.kill"), "1")
    }

    /// Removes the group, once everything in it is reaped.
    pub(super) fn remove(&self) -> io::Result<()> {
        std::fs::remove_dir(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_services_own_group_is_used() {
        assert_eq!(
            lent("0::/system.slice/platen-install.service\n"),
            Some("/system.slice/platen-install.service")
        );
        assert_eq!(lent("4:cpu:/x\n0::/user.slice/session-1.scope\n"), None);
        assert_eq!(lent("4:cpu:/platen-install.service\n"), None);
    }
}
