//! The manager as a process, in a temporary folder of its own.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::{FREE, manager_toml};
use crate::rigs::api::Operator;
use crate::rigs::process::{Place, Running, program, run_ok, until_within};

/// What it gets to begin to listen: it may have to work out how each device of a great database stands.
const START_PATIENCE: Duration = Duration::from_secs(600);

/// The operator of every site.
pub const OPERATOR: &str = "olga";
/// The operator's password.
pub const PASSWORD: &str = "correct horse battery staple";

/// Where a manager stands, and as what it is known.
#[derive(Debug, Clone)]
pub struct Stand {
    /// Where it runs.
    pub place: Place,
    /// Where it listens for devices; a free port for 0.
    pub devices: SocketAddr,
    /// Where it listens for operators; a free port for 0.
    pub operators: SocketAddr,
    /// The names and addresses in its certificate.
    pub names: Vec<String>,
    /// Which of them devices are given.
    pub host: String,
    /// Variables of its environment.
    pub environment: Vec<(String, String)>,
    /// Where its folder is made, if not where temporary ones are.
    pub within: Option<PathBuf>,
}

impl Default for Stand {
    fn default() -> Self {
        Self {
            place: Place::default(),
            devices: FREE,
            operators: FREE,
            // A guest with a network of QEMU knows this machine by the last one.
            names: ["localhost", "127.0.0.1", "10.0.2.2"].map(str::to_owned).to_vec(),
            host: "localhost".to_owned(),
            environment: Vec::new(),
            within: None,
        }
    }
}

/// A manager that runs.
pub struct Manager {
    // Dropped in this order: a process that ends a failed test shows its log, which is in the folder.
    process: Option<Running>,
    folder: TempDir,
    stand: Stand,
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
        Self::start_at(Stand::default(), extra)
    }

    /// As [`Self::start_with`], somewhere else.
    pub fn start_at(stand: Stand, extra: &str) -> Self {
        let mut manager = Self::prepared(stand, extra);
        manager.add_operator();
        manager.resume();
        // From now on it keeps the ports that it was given, so that devices find it after a restart.
        manager.configure(extra);
        manager
    }

    /// Starts another one with the same CA, as several managers of one database have it.
    #[must_use]
    pub fn start_beside(&self, extra: &str) -> Self {
        let mut other = Self::prepared(self.stand_of_another(), extra);
        fs::DirBuilder::new().mode(0o700).create(other.state()).unwrap();
        for file in ["ca.pem", "ca.key"] {
            fs::copy(self.state().join(file), other.state().join(file)).unwrap();
        }
        other.resume();
        other.configure(extra);
        other
    }

    /// The same, but for the ports.
    fn stand_of_another(&self) -> Stand {
        Stand { devices: FREE, operators: FREE, ..self.stand.clone() }
    }

    /// Lays its configuration; nothing runs, and nobody may sign in yet.
    pub fn prepared(stand: Stand, extra: &str) -> Self {
        let folder = stand.within.as_ref().map_or_else(TempDir::new, TempDir::new_in).unwrap();
        let manager = Self { process: None, folder, stand };
        manager.configure(extra);
        manager
    }

    /// Lets the operator sign in; whoever does that first makes the store.
    pub fn add_operator(&self) {
        run_ok(self.command().args(["operator", "add", OPERATOR, "--password-stdin"]), PASSWORD);
    }

    /// Lays its configuration anew, with other lines at its end; it is read at the next start.
    pub fn configure(&self, extra: &str) {
        let Stand { devices, operators, names, .. } = &self.stand;
        let text = manager_toml(*devices, *operators, &self.state(), names, extra);
        fs::write(self.config(), text).unwrap();
    }

    /// Lays its configuration anew, with other lines, while it does not run.
    pub fn set_lines(&mut self, extra: &str) {
        self.configure(extra);
    }

    /// Its configuration.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("manager.toml")
    }

    /// Its command line with its configuration.
    pub fn command(&self) -> Command {
        let mut command = self.stand.place.command(program("platen-manager"));
        command.arg("--config").arg(self.config());
        command.envs(self.stand.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// From now on it is started with these variables of the environment as well.
    pub fn set_environment(&mut self, environment: Vec<(String, String)>) {
        self.stand.environment = environment;
    }

    /// Starts it again after [`Self::stop`] or [`Self::kill`].
    pub fn resume(&mut self) {
        let log = self.folder.path().join("manager.log");
        fs::write(&log, "").unwrap();
        let mut process = Running::start(self.command().arg("serve"), &log);
        let address = |log: &str, listener: &str| -> Option<SocketAddr> {
            let after = log.split_once(&format!("{listener}=Some("))?.1;
            after.split_once(')')?.0.parse().ok()
        };
        (self.stand.devices, self.stand.operators) =
            until_within(START_PATIENCE, "the manager listens", || {
                let runs = process.is_running();
                let log = process.log();
                assert!(runs, "the manager has ended: {log}");
                Some((address(&log, "devices")?, address(&log, "operators")?))
            });
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
        self.stand.devices.port()
    }

    /// The URL of the device listener.
    pub fn device_url(&self) -> String {
        format!("https://{}:{}", self.stand.host, self.device_port())
    }

    /// The port of the operator listener.
    pub fn operator_port(&self) -> u16 {
        self.stand.operators.port()
    }

    /// The URL of the operator listener, for who stands where the manager does.
    pub fn operator_url(&self) -> String {
        format!("https://localhost:{}", self.operator_port())
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
