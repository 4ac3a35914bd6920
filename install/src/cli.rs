//! The command line, and what it exits with.
//!
//! | code | what it means |
//! |---|---|
//! | 0 | done; for `run` also: refused, or gone back from, and all is as it was |
//! | 1 | something could not be done; standard error says what |
//! | 2 | wrong usage |
//! | 3 | another `platen-install` is at work |
//! | 5 | an attempt failed, and what ran before could not be brought back: somebody has to look |
//!
//! `installer` exits with the codes of the contract for installers (docs/installers.md).

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{User, geteuid};

use crate::agent_package;
use crate::attempt::Book;
use crate::directories::Directories;
use crate::drive::Driver;
use crate::hardware;
use crate::installer::Installers;
use crate::run::{self, Ran, RunError};
use crate::state::{self, InstallerStep};
use crate::status;
use crate::stop::Stop;
use crate::supervise::{Order, supervise};
use crate::trust_root::{self, Plant};

/// The environment variable that says what is logged.
const LOG_VARIABLE: &str = "PLATEN_LOG";
/// The user as which the agent runs.
const AGENT: &str = "platen-agent";
/// Another one is at work.
const BUSY: u8 = 3;
/// Somebody has to look.
const FAILED: u8 = 5;

/// Installs programs that are signed by the printer's maker, and goes back when they are not confirmed.
#[derive(Debug, Parser)]
#[command(name = "platen-install", version)]
pub struct Arguments {
    /// Another root of the file system; for tests.
    #[arg(long, global = true, hide = true, default_value = "/", value_name = "FOLDER")]
    root: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Go on with the attempt under way, then install what lies ready. The service manager starts this.
    Run,
    /// Trust the maker whose root this file is, from now on. It is shown first.
    Trust(Plant),
    /// Show the attempt under way, those that ended, and what is installed.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Do one step as an installer that is built in.
    Installer {
        /// The kind of program.
        #[arg(value_enum)]
        kind: Kind,
        /// What to do.
        #[arg(value_enum)]
        step: Word,
    },
    /// Run an installer, and let nothing of it escape.
    #[command(hide = true)]
    Supervise(Supervise),
}

/// The installers that are built in.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// The agent's own Debian package.
    AgentPackage,
}

/// A step, as it is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Word {
    Check,
    Install,
    Verify,
    Commit,
    Rollback,
}

impl From<Word> for InstallerStep {
    fn from(word: Word) -> Self {
        match word {
            Word::Check => Self::Check,
            Word::Install => Self::Install,
            Word::Verify => Self::Verify,
            Word::Commit => Self::Commit,
            Word::Rollback => Self::Rollback,
        }
    }
}

#[derive(Debug, Args)]
struct Supervise {
    /// How long it may take, in milliseconds.
    #[arg(long)]
    limit: u64,
    /// The process that has to be alive.
    #[arg(long)]
    parent: u32,
    /// The control group to run it in.
    #[arg(long)]
    group: Option<PathBuf>,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Does what the command line says.
pub fn execute(arguments: Arguments) -> ExitCode {
    // The records are for everybody to read, whatever umask the shell has from which this is run; what is not has its mode.
    umask(Mode::S_IWGRP | Mode::S_IWOTH);
    let directories = Directories::under(&arguments.root);
    log_to(matches!(arguments.command, Command::Run));
    let done = match arguments.command {
        Command::Run => return run(&directories, &arguments.root),
        Command::Installer { kind: Kind::AgentPackage, step } => return agent_package::execute(step.into()),
        Command::Supervise(given) => watch_over(given),
        Command::Trust(plant) => trust_root::plant(&directories, &plant),
        Command::Status { json } => status::print(&directories, json, &mut io::stdout().lock()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error, 1),
    }
}

fn complain(error: &anyhow::Error, code: u8) -> ExitCode {
    // There may be nobody to tell.
    let _ = writeln!(io::stderr(), "platen-install: {error:#}");
    ExitCode::from(code)
}

fn run(directories: &Directories, root: &Path) -> ExitCode {
    match run_here(directories, root) {
        Ok(Ran::Done | Ran::UnderWay) => ExitCode::SUCCESS,
        Ok(Ran::Failed) => ExitCode::from(FAILED),
        Err(error) => {
            let busy = matches!(error.downcast_ref(), Some(RunError::Busy));
            complain(&error, if busy { BUSY } else { 1 })
        }
    }
}

fn run_here(directories: &Directories, root: &Path) -> anyhow::Result<Ran> {
    let stop = Stop::on_signals()?;
    run::prepare(directories).with_context(|| directories.state.display().to_string())?;
    let book = Book::open(directories)?;
    let mut installers = Installers::of(directories);
    let system = root == Path::new("/");
    installers.dpkg_root = (!system).then(|| root.to_owned());
    let agent = if system { agent_user()? } else { geteuid().as_raw() };
    let hardware = hardware::names(directories);
    let mut verifier = crate::verify::by_trust(directories);
    let mut driver = Driver {
        directories,
        book: &book,
        verifier: &mut verifier,
        installers: &installers,
        hardware: &hardware,
        agent,
        pause: state::pause,
        stop: &stop,
    };
    Ok(run::run(&mut driver)?)
}

fn agent_user() -> anyhow::Result<u32> {
    let user = User::from_name(AGENT)?.with_context(|| format!("this machine has no user {AGENT}"))?;
    Ok(user.uid.as_raw())
}

fn watch_over(given: Supervise) -> anyhow::Result<()> {
    let order = Order {
        command: given.command,
        limit: Duration::from_millis(given.limit),
        group: given.group,
        parent: given.parent,
    };
    let told = supervise(&order);
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &told)?;
    Ok(out.flush()?)
}

/// To the journal when it is there to take it, else to standard error.
fn log_to(running: bool) {
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;

    let usual = if running { "info" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_env(LOG_VARIABLE)
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(usual));
    let journal = std::env::var_os("JOURNAL_STREAM").and_then(|_| tracing_journald::layer().ok());
    let plain = journal.is_none().then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .log_internal_errors(false)
            .with_ansi(std::io::stderr().is_terminal())
    });
    tracing_subscriber::registry().with(filter).with(journal).with(plain).init();
}
