//! What the scripts of the project promise to each other.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use platen_tests::rigs::debian::root;
use platen_tests::rigs::process::until;
use tempfile::TempDir;

/// `scripts/cache.sh` with a cache of its own.
struct Cache(TempDir);

impl Cache {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// The command that asks for a thing by name and key, and makes it by a line of shell: `$1` is the folder to fill.
    fn ask(&self, key: &str, make: &str) -> Command {
        let mut command = Command::new(root().join("scripts/cache.sh"));
        command.args(["thing", key, "sh", "-c", make, "sh"]).env("PLATEN_CACHE", self.0.path());
        command
    }

    fn get(&self, key: &str, make: &str) -> PathBuf {
        folder(&self.ask(key, make).output().unwrap())
    }

    fn shelf(&self) -> PathBuf {
        self.0.path().join("thing")
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.shelf()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn folder(output: &Output) -> PathBuf {
    assert!(output.status.success(), "{output:?}");
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end())
}

#[test]
fn of_many_who_ask_the_cache_for_a_thing_at_once_one_makes_it() {
    let cache = Cache::new();
    let make = "echo whole >\"$1/thing\" && echo made >&2";
    let askers: Vec<Child> = (0..10)
        .map(|_| cache.ask("key", make).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        .collect();
    let outputs: Vec<Output> = askers.into_iter().map(|asker| asker.wait_with_output().unwrap()).collect();
    for output in &outputs {
        assert_eq!(fs::read_to_string(folder(output).join("thing")).unwrap(), "whole\n");
    }
    let makers = outputs.iter().filter(|output| String::from_utf8_lossy(&output.stderr).contains("made"));
    assert_eq!(makers.count(), 1);
}

#[test]
fn what_cannot_be_made_leaves_nothing_in_the_cache() {
    let cache = Cache::new();
    let output = cache.ask("key", "echo half >\"$1/thing\"; false").output().unwrap();
    assert!(!output.status.success());
    assert_eq!(cache.files(), ["key.lock"]);
    let made = cache.get("key", "ls -A \"$1\" >\"$1/../before\"; echo whole >\"$1/thing\"");
    assert_eq!(fs::read_to_string(made.join("thing")).unwrap(), "whole\n");
    assert_eq!(
        fs::read_to_string(cache.shelf().join("before")).unwrap(),
        "",
        "nothing of the first try was there"
    );
}

#[test]
fn whoever_is_killed_while_making_a_thing_leaves_it_to_the_next() {
    let cache = Cache::new();
    let half = cache.shelf().join("key.new/thing");
    let mut killed =
        cache.ask("key", "echo half >\"$1/thing\"; exec sleep 1000").process_group(0).spawn().unwrap();
    until("it is being made", || half.exists().then_some(()));
    killpg(Pid::from_raw(i32::try_from(killed.id()).unwrap()), Signal::SIGKILL).unwrap();
    killed.wait().unwrap();
    let made = cache.get("key", "test ! -e \"$1/thing\" && echo whole >\"$1/thing\"");
    assert_eq!(fs::read_to_string(made.join("thing")).unwrap(), "whole\n");
}

#[test]
fn the_cache_forgets_what_nobody_has_asked_for_in_a_month() {
    let cache = Cache::new();
    let ago = |folder: &Path, days: &str| {
        let touched =
            Command::new("touch").arg("-d").arg(format!("{days} days ago")).arg(folder).status().unwrap();
        assert!(touched.success());
    };
    for key in ["old", "used", "new"] {
        cache.get(key, "true");
    }
    ago(&cache.shelf().join("old.lock"), "40");
    ago(&cache.shelf().join("used.lock"), "40");
    ago(&cache.shelf().join("new.lock"), "20");
    cache.get("used", "false");
    assert_eq!(cache.files(), ["new", "new.lock", "used", "used.lock"]);
}
