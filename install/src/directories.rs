//! Where everything lies. All of it hangs below one root, which is `/` but for tests.

use std::path::{Path, PathBuf};

/// The folders and files.
#[derive(Debug, Clone)]
pub struct Directories {
    /// What this program writes down; everybody may read it.
    pub state: PathBuf,
    /// What the agent has fetched: the folder that holds `ready`.
    pub spool: PathBuf,
    /// The installers, by kind.
    pub installers: PathBuf,
    /// The maker's root of trust.
    pub root: PathBuf,
    /// The board file, which names the printer's model.
    pub board: PathBuf,
    /// The kernel's word on the machine's model.
    pub machine: PathBuf,
}

impl Directories {
    /// Those below a root.
    pub fn under(root: &Path) -> Self {
        Self {
            state: root.join("var/lib/platen-install"),
            spool: root.join("var/lib/platen-agent/programs"),
            installers: root.join("usr/lib/platen/installers"),
            root: root.join("etc/platen/programs/root.json"),
            board: root.join("etc/platen/board.toml"),
            machine: root.join("proc/device-tree/model"),
        }
    }

    /// A record by its name.
    pub fn record(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    /// The copy of what lay ready, out of the agent's reach.
    pub fn staged(&self) -> PathBuf {
        self.state.join("staged")
    }

    /// What an installer of a kind keeps from one attempt to the next.
    pub fn kept(&self, kind: &str) -> PathBuf {
        self.state.join("kept").join(kind)
    }

    /// Where an installer may write during an attempt; emptied before and after.
    pub fn work(&self) -> PathBuf {
        self.state.join("work")
    }

    /// What is known of the maker's keys and of the versions seen.
    pub fn trust(&self) -> PathBuf {
        self.state.join("trust")
    }

    /// This very program, as long as an attempt is under way that may replace it.
    pub fn runner(&self) -> PathBuf {
        self.state.join("runner")
    }

    /// The lock that lets one process at a time act.
    pub fn lock(&self) -> PathBuf {
        self.state.join("lock")
    }
}
