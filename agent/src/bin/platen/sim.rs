//! `platen sim`: what can be done to a simulated printer.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Subcommand, ValueEnum};
use platen_hal::sim_command::{Fault, SimCommand};

use crate::client::ClientError;

#[derive(Subcommand)]
pub(crate) enum Act {
    /// Set a supply to a percentage, such as `set black 4`.
    Set {
        /// Its name on the board.
        supply: String,
        /// 0 to 100.
        percent: u8,
    },
    /// Print pages: toner is used, parts wear, and each page passes the exit.
    Print {
        /// Number of pages.
        pages: u32,
        /// Pages per minute; without it, all at once.
        #[arg(long, value_name = "N")]
        per_minute: Option<u32>,
    },
    /// Set the coverage of each colorant for the pages from now on.
    Coverage {
        /// Percent of the page: 0 to 100.
        percent: u8,
    },
    /// Open a cover or an interlock.
    Open {
        /// Its name on the board, such as `cover`.
        name: String,
    },
    /// Close a cover or an interlock.
    Close {
        /// Its name on the board, such as `cover`.
        name: String,
    },
    /// Press a button and release it.
    Press {
        /// `service`, `order`, or its name on the board.
        button: String,
        /// How long to hold it.
        #[arg(long, value_name = "N")]
        milliseconds: Option<u32>,
    },
    /// Set any other switch: a jam, paper, the waste box, sleep.
    Switch {
        /// Its name on the board.
        name: String,
        /// Whether it is active, as the board file defines that.
        state: OnOff,
    },
    /// Take a cartridge or part out and put a new one in.
    Replace {
        /// The supply's or part's name on the board.
        name: String,
    },
    /// Take a cartridge or part out and put the same one in again.
    Reseat {
        /// The supply's or part's name on the board.
        name: String,
    },
    /// Set a sensor to a temperature, such as `heat ambient 41.5`.
    Heat {
        /// Its name on the board.
        sensor: String,
        /// In degrees Celsius.
        #[arg(allow_negative_numbers = true)]
        celsius: f64,
    },
    /// Cause a fault in a chip, a bus or a line; the fault `none` clears it.
    Fault {
        /// The name on the board of the supply, part, sensor, switch or bus; `engine` for the counter
        /// store, `gpio` for all lines.
        target: String,
        /// Which fault.
        #[arg(value_parser = fault_parser())]
        fault: Fault,
    },
}

/// The state of a switch.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OnOff {
    /// Active.
    On,
    /// Not active.
    Off,
}

impl Act {
    pub(crate) fn into_command(self) -> Result<SimCommand, ClientError> {
        Ok(match self {
            Self::Set { supply, percent } => SimCommand::Set { supply, percent },
            Self::Print { pages, per_minute } => SimCommand::Print { pages, per_minute },
            Self::Coverage { percent } => SimCommand::Coverage { percent },
            Self::Open { name } => SimCommand::Open { switch: name },
            Self::Close { name } => SimCommand::Close { switch: name },
            Self::Press { button, milliseconds } => SimCommand::Press { button, milliseconds },
            Self::Switch { name, state } => {
                SimCommand::Switch { switch: name, active: matches!(state, OnOff::On) }
            }
            Self::Replace { name } => SimCommand::Replace { target: name },
            Self::Reseat { name } => SimCommand::Reseat { target: name },
            Self::Heat { sensor, celsius } => {
                SimCommand::Heat { sensor, millidegrees_celsius: millidegrees(celsius)? }
            }
            Self::Fault { target, fault } => SimCommand::Fault { target, fault },
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

/// The names stand in the help, and in the answer to one that is none of them.
fn fault_parser() -> impl TypedValueParser<Value = Fault> {
    PossibleValuesParser::new(Fault::ALL.iter().map(|(name, _)| *name)).try_map(|name| {
        let found = Fault::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, fault)| *fault).ok_or("there is no such fault")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Task};
    use clap::Parser as _;

    fn parse(line: &str) -> Result<SimCommand, String> {
        let words = ["platen", "sim"].into_iter().chain(line.split(' '));
        let arguments = Arguments::try_parse_from(words).map_err(|refused| refused.to_string())?;
        let Task::Sim { act } = arguments.task else { panic!("not a simulation") };
        act.into_command().map_err(|refused| refused.to_string())
    }

    #[test]
    fn each_act_becomes_the_command_that_it_says() {
        let name = |name: &str| name.to_owned();
        for (line, command) in [
            ("set black 4", SimCommand::Set { supply: name("black"), percent: 4 }),
            ("print 10", SimCommand::Print { pages: 10, per_minute: None }),
            ("print 10 --per-minute 30", SimCommand::Print { pages: 10, per_minute: Some(30) }),
            ("coverage 20", SimCommand::Coverage { percent: 20 }),
            ("open cover", SimCommand::Open { switch: name("cover") }),
            ("close cover", SimCommand::Close { switch: name("cover") }),
            ("press service", SimCommand::Press { button: name("service"), milliseconds: None }),
            (
                "press order --milliseconds 4000",
                SimCommand::Press { button: name("order"), milliseconds: Some(4_000) },
            ),
            ("switch jam on", SimCommand::Switch { switch: name("jam"), active: true }),
            ("switch jam off", SimCommand::Switch { switch: name("jam"), active: false }),
            ("replace black", SimCommand::Replace { target: name("black") }),
            ("reseat drum", SimCommand::Reseat { target: name("drum") }),
            ("heat fuser -1.5", SimCommand::Heat { sensor: name("fuser"), millidegrees_celsius: -1_500 }),
        ] {
            assert_eq!(parse(line), Ok(command), "{line}");
        }
        for (fault, value) in Fault::ALL {
            let command = SimCommand::Fault { target: name("black"), fault: *value };
            assert_eq!(parse(&format!("fault black {fault}")), Ok(command));
        }
    }

    #[test]
    fn a_temperature_is_rounded_to_thousandths_and_kept_in_bounds() {
        assert_eq!(millidegrees(41.5).unwrap(), 41_500);
        assert!(millidegrees(f64::NAN).is_err());
        assert!(millidegrees(5e9).is_err());
    }

    #[test]
    fn an_unknown_fault_is_answered_with_the_known_ones() {
        let refused = parse("fault black melted").unwrap_err();
        assert!(Fault::ALL.iter().all(|(name, _)| refused.contains(name)), "{refused}");
    }
}
