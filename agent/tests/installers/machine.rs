//! A machine: its two files, and what an installer of a kind keeps.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// The steps up to the confirmation.
pub(crate) const FORTH: [&str; 3] = ["check", "install", "verify"];

pub(crate) struct Machine {
    pub(crate) folder: TempDir,
    kind: &'static str,
}

impl Machine {
    /// One with these files.
    pub(crate) fn new(kind: &'static str, board: &str, agent: &str) -> Self {
        let machine = Self { folder: TempDir::new().unwrap(), kind };
        for folder in ["kept", "work"] {
            std::fs::create_dir(machine.path(folder)).unwrap();
        }
        machine.write("board.toml", board);
        machine
            .write("agent.toml", agent.replace("{board}", &machine.path("board.toml").display().to_string()));
        machine
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// What is installed.
    pub(crate) fn offer(&self, program: impl AsRef<[u8]>) {
        self.write("program", program);
    }

    fn command(&self, step: &str, version: &str, replaces: &str) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_platen-agent")));
        command.arg("--config").arg(self.path("agent.toml")).args(["installer", self.kind, step]);
        command.env_clear().stdin(Stdio::null());
        for (name, value) in [("PROGRAM", "program"), ("KEPT", "kept"), ("WORK", "work")] {
            command.env(format!("PLATEN_{name}"), self.path(value));
        }
        command.env("PLATEN_NAME", "x").env("PLATEN_VERSION", version).env("PLATEN_REPLACES", replaces);
        command
    }

    /// Does a step for version 2.0.0; its exit code, and the last line that it said.
    pub(crate) fn step(&self, step: &str) -> (i32, String) {
        self.step_of(step, "2.0.0", "")
    }

    pub(crate) fn step_of(&self, step: &str, version: &str, replaces: &str) -> (i32, String) {
        told(self.command(step, version, replaces).output().unwrap())
    }

    /// Begins a step and goes on.
    pub(crate) fn begin(&self, step: &str) -> Child {
        let mut command = self.command(step, "2.0.0", "");
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Does steps that have to end well.
    pub(crate) fn steps(&self, steps: &[&str]) {
        for step in steps {
            assert_eq!(self.step(step).0, 0, "{step}: {:?}", self.step(step));
        }
    }
}

fn told(output: Output) -> (i32, String) {
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said.trim().lines().last().unwrap_or_default().to_owned())
}
