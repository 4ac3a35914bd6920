//! The program on a state directory of its own, which nothing has made yet.

use std::io::{BufRead as _, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use platen_tests::rigs::manager::process::{Manager, Stand};
use platen_tests::rigs::process;

pub(crate) struct Site(Manager);

impl Site {
    pub(crate) fn new() -> Self {
        Self(Manager::prepared(Stand::default(), ""))
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.0.state()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.0.command();
        command.args(arguments).env_remove("JOURNAL_STREAM");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Output {
        process::run(&mut self.command(arguments), input)
    }

    pub(crate) fn serve(&self) -> Serving {
        let mut child = self.command(&["serve"]).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Serving { child, lines }
    }
}

/// `serve`, until it is dropped.
pub(crate) struct Serving {
    pub(crate) child: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Serving {
    /// The port for operators, once it listens.
    pub(crate) fn until_listening(&mut self) -> u16 {
        let line = self.lines.find_map(|line| line.ok().filter(|line| line.contains("listening")));
        let line = line.unwrap();
        let after = line.split_once("operators=Some(127.0.0.1:").unwrap().1;
        after.split_once(')').unwrap().0.parse().unwrap()
    }

    /// In order.
    pub(crate) fn stop(mut self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }

    /// At once.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Where a test failed; else it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
