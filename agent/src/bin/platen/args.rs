//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use jiff::SignedDuration;
use platen_agent::config::DEFAULT_PATH as DEFAULT_CONFIG;
use platen_agent::tool::control::DEFAULT_SOCKET;
use platen_agent::tool::sim::{Act, whole};

/// The board file that `doctor` opens when no agent answers.
const DEFAULT_BOARD: &str = "/etc/platen/board.toml";

/// Shows the state of this printer, calls for service, orders supplies, and diagnoses faults.
#[derive(Parser)]
#[command(
    name = "platen",
    version = platen_agent::version::version(),
    after_help = "Exit codes: 0 done; 1 refused or failed; 2 wrong usage; 3 no agent answers; 4 no permission; \
                  5 ordered already."
)]
pub(crate) struct Arguments {
    /// The agent's control socket.
    #[arg(long, global = true, default_value = DEFAULT_SOCKET, value_name = "PATH")]
    pub(crate) socket: PathBuf,
    #[command(subcommand)]
    pub(crate) task: Task,
}

#[derive(Subcommand)]
pub(crate) enum Task {
    /// Show supplies, parts, counters, switches, alerts, settings, recent requests, and the contact with the
    /// manager.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the status, updated continuously until Ctrl-C.
    Watch,
    /// Call for service, with a message if you like. While the same call is open, it is counted there.
    CallService {
        /// A description of the problem; at most 500 characters.
        message: Vec<String>,
    },
    /// Order a supply from the service centre, such as `order black --quantity 2`. Exit code 5 if it is ordered
    /// already, and neither delivered nor cancelled.
    Order {
        /// Its name on the board, as `platen status` shows it.
        supply: String,
        /// The quantity: 1 to 99.
        #[arg(long, default_value_t = 1, value_name = "N", allow_negative_numbers = true, value_parser = whole::<u16>)]
        quantity: u16,
        /// A note for the service centre; at most 500 characters.
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        /// Order it although it is ordered already.
        #[arg(long)]
        again: bool,
    },
    /// Read everything now and send a report.
    Report,
    /// Compare the board file with what is wired: which chip or line does not answer, where, and what to
    /// check. Then check the connection to the manager step by step; if a step fails, say what to tell the
    /// network administrator. Exit code 1 if anything failed.
    Doctor {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// The board file to open when no agent answers.
        #[arg(long, default_value = DEFAULT_BOARD, value_name = "FILE")]
        board: PathBuf,
        /// The agent's configuration to use when no agent answers.
        #[arg(long, default_value = DEFAULT_CONFIG, value_name = "FILE")]
        config: PathBuf,
    },
    /// Record all traffic on the buses and lines, for the manufacturer or the simulator, until Ctrl-C.
    Record {
        /// The file to create.
        file: PathBuf,
        /// Stop after this time, such as 30s or 5min.
        #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
        time: Option<std::time::Duration>,
    },
    /// Show which programs run, what is being fetched and installed, and what was tried and why it went back.
    Programs {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(subcommand)]
        act: Option<ProgramsAct>,
    },
    /// Operate the simulated printer.
    Sim {
        #[command(subcommand)]
        act: Act,
    },
}

#[derive(Subcommand)]
pub(crate) enum ProgramsAct {
    /// Ask the service centre now whether there is a program for this device.
    Check,
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    let parsed: SignedDuration =
        text.parse().map_err(|_not_one| "write a number with its unit (s, min or h), such as 30s or 5min")?;
    let future = std::time::Duration::try_from(parsed);
    future.map_err(|_negative| "the time must not be negative".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;
    use std::time::Duration;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_duration_needs_its_unit() {
        assert_eq!(duration("5min"), Ok(Duration::from_secs(300)));
        assert!(duration("5").unwrap_err().contains("5min"));
        assert!(duration("-5s").is_err());
    }
}
