//! The agent's program: parses, builds, runs.

// `println!` and its like panic when nobody reads any more.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod log;
mod read;

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use platen_agent::clock::Clock;
use platen_agent::config::{self, Config};
use platen_agent::identity::address::Address;
use platen_agent::installers::given::{Halt, Kind, Step};
use platen_agent::uplink::causes::causes;
use platen_agent::uplink::dial::proxy::Variables;
use platen_agent::uplink::enroll;
use platen_agent::{board, installers, run};
use platen_protocol::enroll::Token;
use platen_protocol::identity::DeviceId;
use tokio::signal::unix::{SignalKind, signal};

/// More than this is no token.
const MAX_TOKEN_BYTES: u64 = 4096;
/// `EX_CONFIG` of sysexits.h.
const EXIT_CONFIGURATION: u8 = 78;

/// Watches a printer and reports to a manager. Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong
/// configuration; those of an installer are in installers.md.
#[derive(Parser)]
#[command(name = "platen-agent", version = platen_agent::version::version())]
struct Arguments {
    /// The configuration.
    #[arg(long, global = true, default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Watch the printer and report (the default).
    Run,
    /// Exchange a one-time token for this device's certificate.
    Enroll {
        /// The file with the token, or - for standard input; without it, the token is asked for.
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        /// The name to ask for, instead of `device` in the configuration or the host name.
        #[arg(long, value_name = "ID")]
        device: Option<DeviceId>,
        /// The manager's address, instead of the one in the configuration.
        #[arg(long, value_name = "URL")]
        manager: Option<Address>,
    },
    /// Read the board once and print it; nothing is sent.
    Read {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Instead, print the edges of the switches for this many seconds, one line of JSON each.
        #[arg(long, value_name = "SECONDS")]
        edges: Option<u64>,
        /// Instead, count the pages at the exit for this many seconds.
        #[arg(long, value_name = "SECONDS", conflicts_with = "edges")]
        pages: Option<u64>,
    },
    /// One step of an installer, as /usr/lib/platen/installers/KIND; `adopt` lets a file be replaced that was changed here.
    Installer {
        /// What is installed.
        #[arg(value_enum)]
        kind: Kind,
        /// The step.
        #[arg(value_enum)]
        step: Step,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.task.unwrap_or(Task::Run) {
        Task::Run => run_agent(&arguments.config),
        Task::Enroll { token_file, device, manager } => {
            enroll_device(&arguments.config, token_file.as_deref(), device, manager)
        }
        Task::Installer { kind, step } => {
            installers::execute(kind, step, &arguments.config).map_err(Into::into)
        }
        Task::Read { json, edges, pages } => read_board(&arguments.config, json, edges, pages),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of a pipe has had enough.
        Err(cause) if is_closed_pipe(&cause) => ExitCode::SUCCESS,
        // Its reason is its last line, without more.
        Err(cause) if cause.is::<Halt>() => {
            let _ = writeln!(io::stderr(), "{cause}");
            ExitCode::from(cause.downcast_ref().map_or(1, Halt::exit_code))
        }
        Err(cause) => {
            // Nobody may listen any more, and then there is nobody to tell.
            let _ = writeln!(io::stderr(), "platen-agent: {}", causes(cause.as_ref()));
            // The unit does not start the agent again after this one: only a person can mend it.
            if is_configuration(&cause) { ExitCode::from(EXIT_CONFIGURATION) } else { ExitCode::FAILURE }
        }
    }
}

fn is_closed_pipe(cause: &anyhow::Error) -> bool {
    let output = match cause.downcast_ref() {
        Some(read::ReadError::Output(output)) => Some(output),
        _ => cause.downcast_ref::<io::Error>(),
    };
    output.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// Whether the agent's or the board's file is wrong.
fn is_configuration(cause: &anyhow::Error) -> bool {
    cause.is::<config::ConfigError>()
        || cause.is::<platen_hal::config::ConfigError>()
        || matches!(cause.downcast_ref(), Some(platen_hal::BoardError::NoSimulator))
        || matches!(cause.downcast_ref(), Some(run::RunError::Config(_) | run::RunError::Simulated { .. }))
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("the runtime cannot start")
}

fn run_agent(file: &Path) -> anyhow::Result<()> {
    log::begin();
    let mut config = config::load(file)?;
    config.uplink.variables = Variables::of_this_process();
    let board_file = platen_hal::config::load(&config.board)?;
    let opened = board::open(&board_file)?;
    runtime()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        Ok(run::run(config, &board_file, opened, stop).await?)
    })
}

fn enroll_device(
    file: &Path,
    token_file: Option<&Path>,
    device: Option<DeviceId>,
    manager: Option<Address>,
) -> anyhow::Result<()> {
    let mut config: Config = config::load(file)?;
    config.uplink.variables = Variables::of_this_process();
    if let Some(device) = device {
        config.set_device(device);
    }
    let device = config.device()?;
    let address = manager.or(config.uplink.manager.clone()).with_context(|| {
        format!(
            "no manager is configured: give --manager https://HOST:PORT, or set `manager` under [uplink] in {}",
            file.display()
        )
    })?;
    let token: Token = token_text(token_file)?.parse()?;
    let clock = Arc::new(Clock::new());
    let name = runtime()?.block_on(enroll::enroll(
        &config.state_directory,
        &device,
        &address,
        &token,
        &config.uplink,
        &clock,
    ))?;
    let told = writeln!(
        io::stdout(),
        "{name} is enrolled with {address}.\n\
         A running agent connects automatically within seconds: see `platen status`.\n\
         If none is running: systemctl start platen-agent"
    );
    // The device is enrolled, whether or not anybody could be told.
    if let Err(cause) = told
        && cause.kind() != io::ErrorKind::BrokenPipe
    {
        let _ = writeln!(io::stderr(), "platen-agent: {name} is enrolled with {address} ({cause})");
    }
    Ok(())
}

/// A token never stands on the command line, where everyone on the machine could read it.
fn token_text(file: Option<&Path>) -> anyhow::Result<String> {
    let stdin = io::stdin();
    let mut text = String::new();
    match file {
        Some(file) if file != Path::new("-") => {
            std::fs::File::open(file)
                .and_then(|open| open.take(MAX_TOKEN_BYTES).read_to_string(&mut text))
                .with_context(|| format!("the token cannot be read from {}", file.display()))?;
        }
        file => {
            if file.is_none() && stdin.is_terminal() {
                let mut prompt = io::stderr();
                write!(prompt, "Token (the line that `platen-manager token create` printed): ")?;
                prompt.flush()?;
                stdin.read_line(&mut text)?;
            } else {
                stdin.lock().take(MAX_TOKEN_BYTES).read_to_string(&mut text)?;
            }
        }
    }
    Ok(text)
}

fn read_board(file: &Path, json: bool, edges: Option<u64>, pages: Option<u64>) -> anyhow::Result<()> {
    let config = config::load(file)?;
    let board_file = platen_hal::config::load(&config.board)?;
    let mut opened = board::open(&board_file)?;
    if let Some(words) = &opened.notice {
        // Where nobody reads this, the reading itself is still wanted.
        let _ = writeln!(io::stderr(), "platen-agent: {words}");
    }
    if let Some(seconds) = edges.or(pages) {
        // From now on the kernel keeps every edge, so whoever presses a button need not guess. Where nobody reads this, the
        // edges are still wanted.
        let _ = writeln!(io::stderr(), "platen-agent: listening for {seconds} s");
    }
    let output = &mut io::stdout().lock();
    match (edges, pages) {
        (Some(seconds), _) => read::edges(opened.board.as_mut(), Duration::from_secs(seconds), output)?,
        (None, Some(seconds)) => read::pages(opened.board.as_mut(), Duration::from_secs(seconds), output)?,
        (None, None) => read::once(opened.board.as_mut(), opened.engine.as_mut(), json, output)?,
    }
    Ok(())
}
