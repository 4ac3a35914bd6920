//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use platen_agent::control::DEFAULT_SOCKET;
use platen_hal::sim::{Fault, SimCommand};

use crate::client::ClientError;

/// Shows and plays with the agent on this printer controller.
#[derive(Parser)]
#[command(
    name = "platen",
    version,
    after_help = "Exit codes: 0 done; 1 refused or failed; 2 wrong usage; 3 no agent answers; 4 no permission."
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
    /// Show supplies, parts, switches, alerts, and how it stands with the manager.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the same and keep it up to date, until Ctrl-C.
    Watch,
    /// Call for service, with a message if you like.
    CallService {
        /// What is the matter; at most 500 characters.
        message: Vec<String>,
    },
    /// Read everything now and report it.
    Report,
    /// Play the printer, on a simulated board.
    Sim {
        #[command(subcommand)]
        act: Act,
    },
}

#[derive(Subcommand)]
pub(crate) enum Act {
    /// Bring a supply to a percentage, such as `set black 4`.
    Set {
        /// Its name on the board.
        supply: String,
        /// 0 to 100.
        percent: u8,
    },
    /// Print pages.
    Print {
        /// How many.
        pages: u32,
    },
    /// Open a cover.
    Open {
        /// Its name on the board.
        cover: String,
    },
    /// Close a cover.
    Close {
        /// Its name on the board.
        cover: String,
    },
    /// Press a button and let it go.
    Press {
        /// Its name on the board, or `service`.
        button: String,
    },
    /// Bring a sensor to a temperature, such as `heat ambient 41.5`.
    Heat {
        /// Its name on the board.
        sensor: String,
        /// In degrees Celsius.
        #[arg(allow_negative_numbers = true)]
        celsius: f64,
    },
    /// Break a chip, or mend it with `none`.
    Fault {
        /// The name on the board of the supply, part or sensor.
        target: String,
        /// none, absent, corrupt, torn, above-capacity or absurd-capacity.
        fault: String,
    },
}

impl Act {
    pub(crate) fn into_command(self) -> Result<SimCommand, ClientError> {
        Ok(match self {
            Self::Set { supply, percent } => SimCommand::Set { supply, percent },
            Self::Print { pages } => SimCommand::Print { pages },
            Self::Open { cover } => SimCommand::Open { switch: cover },
            Self::Close { cover } => SimCommand::Close { switch: cover },
            Self::Press { button } => SimCommand::Press { button },
            Self::Heat { sensor, celsius } => {
                SimCommand::Heat { sensor, millidegrees_celsius: millidegrees(celsius)? }
            }
            Self::Fault { target, fault } => SimCommand::Fault { target, fault: find_fault(&fault)? },
        })
    }
}

/// No thermometer of a printer reads beyond.
const COLDEST: f64 = -273.0;
const HOTTEST: f64 = 1_000.0;

fn millidegrees(celsius: f64) -> Result<i32, ClientError> {
    if !(COLDEST..=HOTTEST).contains(&celsius) {
        return Err(ClientError::Usage(format!("{celsius} °C is out of bounds: {COLDEST} to {HOTTEST}")));
    }
    #[allow(clippy::cast_possible_truncation, reason = "the bounds were checked just above")]
    Ok((celsius * 1000.0).round() as i32)
}

fn find_fault(name: &str) -> Result<Fault, ClientError> {
    Fault::ALL.iter().find(|(known, _)| *known == name).map(|(_, fault)| *fault).ok_or_else(|| {
        let known: Vec<_> = Fault::ALL.iter().map(|(known, _)| *known).collect();
        ClientError::Usage(format!("there is no fault {name:?}; there are: {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_temperature_is_rounded_to_thousandths_and_kept_in_bounds() {
        assert_eq!(millidegrees(41.5).unwrap(), 41_500);
        assert_eq!(millidegrees(-0.25).unwrap(), -250);
        assert!(millidegrees(f64::NAN).is_err());
        assert!(millidegrees(5e9).is_err());
    }

    #[test]
    fn an_unknown_fault_is_answered_with_the_known_ones() {
        assert!(find_fault("melted").unwrap_err().to_string().contains("above-capacity"));
    }
}
