//! The agent as a process, with a simulated board, in a temporary folder of its own.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::rigs::manager::process::Manager;
use crate::rigs::process::{Place, Running, program, run, run_ok, until};

/// The board that devices of a site have unless a test brings another.
pub const BOARD: &str = include_str!("../../../../scripts/demo/lobby.toml");

/// How a printer is set up. What is left out suits most tests.
#[derive(Debug, Clone)]
pub struct Setup<'a> {
    /// Where its agent runs.
    pub place: Place,
    /// The board file.
    pub board: &'a str,
    /// Lines before the first table of the agent's configuration, or whole tables.
    pub extra: &'a str,
    /// Lines for `[uplink]`.
    pub uplink: &'a str,
    /// Variables of the agent's environment.
    pub environment: &'a [(&'a str, &'a str)],
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { place: Place::default(), board: BOARD, extra: "", uplink: "", environment: &[] }
    }
}

/// A printer with a simulated board and its agent.
pub struct Device {
    // Dropped in this order, as the manager's.
    process: Option<Running>,
    folder: TempDir,
    name: String,
    place: Place,
    environment: Vec<(String, String)>,
}

impl Device {
    /// Lays its files; the agent does not run yet.
    pub fn new(name: &str, manager_url: &str) -> Self {
        Self::set_up(name, manager_url, Setup::default())
    }

    /// As [`Self::new`], with another board and more lines for the agent's configuration.
    pub fn with(name: &str, manager_url: &str, board: &str, extra: &str) -> Self {
        Self::set_up(name, manager_url, Setup { board, extra, ..Setup::default() })
    }

    /// As [`Self::new`], set up otherwise.
    pub fn set_up(name: &str, manager_url: &str, setup: Setup<'_>) -> Self {
        let Setup { place, board, extra, uplink, environment } = setup;
        let folder = TempDir::new().unwrap();
        let at = |file: &str| folder.path().join(file);
        fs::write(at("board.toml"), board).unwrap();
        let text = format!(
            "device = {name:?}\nboard = \"{}\"\nstate_directory = \"{}\"\ncontrol_socket = \"{}\"\n\
             allow_simulated = true\n{extra}\n[uplink]\nmanager = {manager_url:?}\n{uplink}\n[sample]\ninterval = \"200ms\"\n",
            at("board.toml").display(),
            at("state").display(),
            at("control.sock").display(),
        );
        fs::write(at("agent.toml"), text).unwrap();
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = environment.iter().map(own).collect();
        Self { process: None, folder, name: name.to_owned(), place, environment }
    }

    /// Lays the files, enrols at the manager, starts the agent, and waits until it is parked.
    pub fn enrolled(name: &str, manager: &Manager) -> Self {
        Self::enrolled_by(name, manager, &manager.device_url(), Setup::default())
    }

    /// The same, set up in some way and reaching the manager at an address.
    pub fn enrolled_by(name: &str, manager: &Manager, url: &str, setup: Setup<'_>) -> Self {
        let mut device = Self::set_up(name, url, setup);
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
        let mut command = self.place.command(program("platen-agent"));
        command.arg("--config").arg(self.file("agent.toml"));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// From now on the agent is started with these variables of the environment as well.
    pub fn set_environment(&mut self, environment: Vec<(String, String)>) {
        self.environment = environment;
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

    /// The device's certificates and its key in PEM, as its agent keeps them.
    pub fn identity(&self) -> (String, String) {
        let text = fs::read_to_string(self.file("state/identity.json")).unwrap();
        let identity: Value = serde_json::from_str(&text).unwrap();
        let field = |name: &str| identity[name].as_str().unwrap().to_owned();
        (field("certificate_chain"), field("key"))
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
        let mut command = self.place.command(program("platen"));
        command.arg("--socket").arg(self.file("control.sock"));
        command
    }

    /// Runs the technician's tool; it must succeed. What it prints.
    pub fn platen(&self, arguments: &[&str]) -> String {
        run_ok(self.tool().args(arguments), "")
    }

    /// Plays the printer by the control socket itself, without the time that a process takes to start.
    pub fn sim(&self, act: &str, switch: &str) {
        let command = json!({"act": act, "switch": switch});
        let answer = self.ask(&json!({"kind": "sim", "command": command}));
        assert_eq!(answer["kind"], "done", "{answer}");
    }

    /// Calls for service as `platen call-service` does, and waits only until the call is kept.
    pub fn call_service(&self, message: &str) {
        let answer = self.ask(&json!({"kind": "call-service", "message": message}));
        assert_eq!(answer["kind"], "kept", "{answer}");
    }

    /// Asks the agent something at its control socket; the first answer.
    pub fn ask(&self, request: &Value) -> Value {
        let question = json!({"version": 1, "request": request});
        let mut stream = UnixStream::connect(self.file("control.sock")).unwrap();
        stream.write_all(format!("{question}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// `platen status --json`.
    pub fn status(&self) -> Value {
        serde_json::from_str(&self.platen(&["status", "--json"])).unwrap()
    }

    /// The trouble in the status, once a part of it (`what`, `remedy`) says this. An agent that was just started
    /// does not answer yet.
    pub fn trouble(&self, part: &str, says: &str) -> Value {
        until(&format!("the status says {says:?}"), || {
            let output = run(self.tool().args(["status", "--json"]), "");
            let status: Value = serde_json::from_slice(&output.stdout).ok()?;
            let trouble = &status["contact"]["trouble"];
            trouble[part].as_str()?.contains(says).then(|| trouble.clone())
        })
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
