//! An agent on a simulated board, within the test's process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use platen_agent::board::Opened;
use platen_agent::clock::Clock;
use platen_agent::config::{self, Config};
use platen_agent::run::{RunError, run};
use platen_agent::status::StatusReport;
use platen_agent::tool::control::codec::{self, MAX_ANSWER_BYTES};
use platen_agent::tool::control::message::{Answer, Question, Request, VERSION};
use platen_agent::uplink::enroll::{EnrollError, enroll};
use platen_protocol::enroll::Token;
use platen_simulator::{SimCommand, SimPrinter, Simulated};
use tempfile::TempDir;
use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::rigs::manager::scripted::Manager;

const BOARD: &str = r#"
backend = "simulated"
model = "Test Printer"

[[bus]]
name = "main"

[[supply]]
name = "black"
bus = "main"
chip = "24c02"
address = 0x50
part-number = "TN-210K"

[[supply]]
name = "cyan"
bus = "main"
chip = "24c02"
address = 0x51

[[switch]]
name = "cover"
meaning = "cover"
line = 0
active = "low"

[[switch]]
name = "service"
meaning = "service-button"
line = 1
active = "low"

[[switch]]
name = "order"
meaning = "order-button"
line = 3
active = "low"

[service-lamp]
line = 2
"#;

/// The files of one device; the agent may be started on them again and again.
pub struct Device {
    /// Everything is in here.
    pub folder: TempDir,
    /// As read from the file.
    pub config: Config,
}

/// An agent at work.
pub struct Agent {
    /// Plays the printer.
    pub simulator: SimPrinter,
    /// Where it answers.
    pub socket: std::path::PathBuf,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), RunError>>,
}

impl Default for Device {
    fn default() -> Self {
        Self::new()
    }
}

impl Device {
    /// Not enrolled.
    pub fn new() -> Self {
        Self::with("")
    }

    /// With more lines at the head of its configuration.
    pub fn with(extra: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(at("board.toml"), BOARD).unwrap();
        let text = format!(
            "device = \"front-desk\"\nboard = {:?}\nstate_directory = {:?}\ncontrol_socket = {:?}\n{extra}\n\
             [sample]\ninterval = \"100ms\"\nsettle = \"10ms\"\n\
             [uplink]\nbackoff_first = \"10ms\"\nbackoff_limit = \"100ms\"\n",
            at("board.toml"),
            at("state"),
            at("control.sock"),
        );
        std::fs::write(at("agent.toml"), text).unwrap();
        let config = config::load(Path::new(&at("agent.toml"))).unwrap();
        Self { folder, config }
    }

    /// Enrolled with a manager.
    pub async fn enrolled(manager: &Manager) -> Self {
        let device = Self::with("allow_simulated = true");
        device.enroll(manager, &manager.token()).await.unwrap();
        device
    }

    /// Where its state is.
    pub fn state(&self) -> &Path {
        &self.config.state_directory
    }

    /// Enrols.
    pub async fn enroll(&self, manager: &Manager, token: &Token) -> Result<(), EnrollError> {
        self.enroll_at(&manager.url(), token).await
    }

    /// Enrols with the manager at an address.
    pub async fn enroll_at(&self, url: &str, token: &Token) -> Result<(), EnrollError> {
        let address = url.parse().unwrap();
        let device = self.config.device().unwrap();
        let clock = Arc::new(Clock::new());
        enroll(self.state(), &device, &address, token, &self.config.uplink, &clock).await.map(|_| ())
    }

    /// Starts the agent.
    pub fn start(&self) -> Agent {
        let board = platen_hal::config::load(&self.config.board).unwrap();
        let Simulated { board: opened, printer: simulator } = platen_simulator::open(&board).unwrap();
        let opened = Opened {
            board: opened,
            simulator: Some(Arc::new(simulator.clone())),
            notice: None,
            engine: None,
        };
        let (stop, stopped) = oneshot::channel();
        let config = self.config.clone();
        let stop_asked = async move {
            // An agent that is dropped is to stop as well.
            let _ = stopped.await;
        };
        let task = tokio::spawn(async move { run(config, &board, opened, stop_asked).await });
        Agent { simulator, socket: self.config.control_socket.clone(), stop, task }
    }
}

impl Agent {
    /// Plays the printer.
    pub fn act(&self, command: &SimCommand) {
        self.simulator.apply(command).unwrap();
    }

    /// Stops it; how it ended.
    pub async fn stop(self) -> Result<(), RunError> {
        // Should it have ended by itself, the task says how.
        let _ = self.stop.send(());
        self.task.await.unwrap()
    }

    /// Ends it without any farewell, as a power cut does.
    pub async fn kill(self) {
        self.task.abort();
        // It says that it was aborted.
        let _ = self.task.await;
    }

    /// Asks on the control socket as soon as there is one; the first answer.
    pub async fn ask(&self, request: Request) -> Answer {
        next(&mut self.converse(request).await).await.unwrap()
    }

    /// Asks on the control socket as soon as there is one; the answers are taken with [`next`].
    pub async fn converse(&self, request: Request) -> BufReader<UnixStream> {
        let mut stream = loop {
            match UnixStream::connect(&self.socket).await {
                Ok(stream) => break BufReader::new(stream),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        codec::write(&mut stream, &Question { version: VERSION, request }).await.unwrap();
        stream
    }

    /// Waits until the status has something.
    pub async fn until<T>(&self, what: &str, holds: impl Fn(&StatusReport) -> Option<T>) -> T {
        let wait = async {
            loop {
                let Answer::Status(status) = self.ask(Request::Status).await else { panic!() };
                if let Some(found) = holds(&status) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let limit = Duration::from_secs(60);
        tokio::time::timeout(limit, wait).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
    }
}

/// The next answer; `None` when the agent has ended the conversation.
pub async fn next(stream: &mut BufReader<UnixStream>) -> Option<Answer> {
    codec::read(stream, MAX_ANSWER_BYTES).await.unwrap()
}
