//! A service centre and printers: the manager and agents as processes, in one temporary folder.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::Operator;
use crate::process::{Running, program, run, run_ok, until};

/// The operator of every site.
pub const OPERATOR: &str = "olga";
/// The operator's password.
pub const PASSWORD: &str = "correct horse battery staple";

/// The board that devices of a site have unless a test brings another.
pub const BOARD: &str = include_str!("../../scripts/demo/lobby.toml");

/// A manager that runs.
pub struct Manager {
    folder: TempDir,
    process: Option<Running>,
    device_port: u16,
    operator_port: u16,
}

impl Default for Manager {
    fn default() -> Self {
        Self::start()
    }
}

impl Manager {
    /// Starts one on free ports of 127.0.0.1, with one operator.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// As [`Self::start`], with more lines for its configuration.
    pub fn start_with(extra: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let mut manager = Self { folder, process: None, device_port: 0, operator_port: 0 };
        manager.configure(extra);
        run_ok(manager.command().args(["operator", "add", OPERATOR, "--password-stdin"]), PASSWORD);
        manager.resume();
        // From now on it keeps the ports that it was given, so that devices find it after a restart.
        manager.configure(extra);
        manager
    }

    fn configure(&self, extra: &str) {
        let (device, operator) = (self.device_port, self.operator_port);
        let state = self.folder.path().join("state");
        let text = format!(
            "device_listen = \"127.0.0.1:{device}\"\noperator_listen = \"127.0.0.1:{operator}\"\n\
             state_directory = \"{}\"\nnames = [\"localhost\", \"127.0.0.1\", \"10.0.2.2\"]\n{extra}",
            state.display()
        );
        fs::write(self.config(), text).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("manager.toml")
    }

    /// Its command line with its configuration.
    pub fn command(&self) -> Command {
        let mut command = Command::new(program("platen-manager"));
        command.arg("--config").arg(self.config());
        command
    }

    /// Starts it again after [`Self::stop`] or [`Self::kill`].
    pub fn resume(&mut self) {
        let log = self.folder.path().join("manager.log");
        fs::write(&log, "").unwrap();
        let process = Running::start(self.command().arg("serve"), &log);
        let port = |log: &str, listener: &str| -> Option<u16> {
            let after = log.split_once(&format!("{listener}=Some(127.0.0.1:"))?.1;
            after.split_once(')')?.0.parse().ok()
        };
        let ports = until("the manager listens", || {
            let log = process.log();
            Some((port(&log, "devices")?, port(&log, "operators")?))
        });
        (self.device_port, self.operator_port) = ports;
        self.process = Some(process);
    }

    /// Asks it to end; whether it ended with success.
    pub fn stop(&mut self) -> bool {
        self.process.take().is_some_and(|mut process| process.stop())
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// What it logged since it was started last.
    pub fn log(&self) -> String {
        self.process.as_ref().map_or(String::new(), Running::log)
    }

    /// Its process id while it runs.
    pub fn id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Where it keeps everything.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Its CA, in PEM.
    pub fn ca(&self) -> String {
        fs::read_to_string(self.state().join("ca.pem")).unwrap()
    }

    /// The port of the device listener.
    pub fn device_port(&self) -> u16 {
        self.device_port
    }

    /// The URL of the device listener.
    pub fn device_url(&self) -> String {
        format!("https://localhost:{}", self.device_port)
    }

    /// The URL of the operator listener.
    pub fn operator_url(&self) -> String {
        format!("https://localhost:{}", self.operator_port)
    }

    /// A new enrolment token.
    pub fn token(&self, arguments: &[&str]) -> String {
        run_ok(self.command().args(["token", "create"]).args(arguments), "").trim().to_owned()
    }

    /// The operator, by a new bearer token.
    pub fn operator(&self) -> Operator {
        let token = run_ok(self.command().args(["operator", "token", OPERATOR]), "");
        Operator::new(&self.ca(), self.operator_url(), token.trim().to_owned())
    }
}

/// A printer with a simulated board and its agent.
pub struct Device {
    folder: TempDir,
    name: String,
    process: Option<Running>,
}

impl Device {
    /// Lays its files; the agent does not run yet.
    pub fn new(name: &str, manager_url: &str) -> Self {
        Self::with(name, manager_url, BOARD, "")
    }

    /// As [`Self::new`], with another board and more lines for the agent's configuration.
    pub fn with(name: &str, manager_url: &str, board: &str, extra: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let at = |file: &str| folder.path().join(file);
        fs::write(at("board.toml"), board).unwrap();
        let text = format!(
            "device = {name:?}\nboard = \"{}\"\nstate_directory = \"{}\"\ncontrol_socket = \"{}\"\n\
             allow_simulated = true\n{extra}\n[uplink]\nmanager = {manager_url:?}\n[sample]\ninterval = \"200ms\"\n",
            at("board.toml").display(),
            at("state").display(),
            at("control.sock").display(),
        );
        fs::write(at("agent.toml"), text).unwrap();
        Self { folder, name: name.to_owned(), process: None }
    }

    /// Lays the files, enrols at the manager, starts the agent, and waits until it is parked.
    pub fn enrolled(name: &str, manager: &Manager) -> Self {
        let mut device = Self::new(name, &manager.device_url());
        device.enroll(&manager.token(&["--device", name]));
        device.start();
        device.until_parked();
        device
    }

    /// A file of its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The agent's command line with its configuration.
    pub fn agent(&self) -> Command {
        let mut command = Command::new(program("platen-agent"));
        command.arg("--config").arg(self.file("agent.toml"));
        command
    }

    /// Enrols with a token; it must succeed.
    pub fn enroll(&self, token: &str) {
        run_ok(self.agent().args(["enroll", "--token-file", "-"]), token);
    }

    /// Tries to enrol with a token that is wrong somehow; what it says.
    pub fn enroll_refused(&self, token: &str) -> String {
        let output = run(self.agent().args(["enroll", "--token-file", "-"]), token);
        assert!(!output.status.success(), "the enrolment was not refused");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Starts the agent.
    pub fn start(&mut self) {
        let log = self.file("agent.log");
        self.process = Some(Running::start(self.agent().arg("run"), &log));
    }

    /// Asks the agent to end; whether it ended with success.
    pub fn stop(&mut self) -> bool {
        self.process.take().is_some_and(|mut process| process.stop())
    }

    /// Ends the agent at once.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// What the agent logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.file("agent.log")).unwrap_or_default()
    }

    /// The agent's process id while it runs.
    pub fn id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// The technician's tool on this device.
    pub fn tool(&self) -> Command {
        tool(&self.file("control.sock"))
    }

    /// Runs the technician's tool; it must succeed. What it prints.
    pub fn platen(&self, arguments: &[&str]) -> String {
        run_ok(self.tool().args(arguments), "")
    }

    /// Plays the printer by the control socket itself, without the time that a process takes to start.
    pub fn sim(&self, act: &str, switch: &str) {
        let command = json!({"act": act, "switch": switch});
        let question = json!({"version": 1, "request": {"kind": "sim", "command": command}});
        let mut stream = UnixStream::connect(self.file("control.sock")).unwrap();
        stream.write_all(format!("{question}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        assert!(answer.contains("done"), "{answer}");
    }

    /// `platen status --json`.
    pub fn status(&self) -> Value {
        serde_json::from_str(&self.platen(&["status", "--json"])).unwrap()
    }

    /// Waits until the board has been read, nothing waits to be sent, and a request is parked.
    pub fn until_parked(&self) {
        until("the agent is parked and its outbox is empty", || {
            let output = run(self.tool().args(["status", "--json"]), "");
            let status: Value = serde_json::from_slice(&output.stdout).ok()?;
            let quiet = status["contact"]["state"] == "parked" && status["backlog"] == 0;
            (quiet && status["readings"].is_object()).then_some(())
        });
    }
}

/// The technician's tool at a control socket.
pub fn tool(socket: &Path) -> Command {
    let mut command = Command::new(program("platen"));
    command.arg("--socket").arg(socket);
    command
}
