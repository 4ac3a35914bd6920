//! What can be done to a simulated printer, as a person types it: after `platen sim`, and on a line of `platen-sim`.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Subcommand, ValueEnum};
use platen_hal::sim_command::{Fault, SimCommand};

/// One act.
#[derive(Debug, Clone, Subcommand)]
pub enum Act {
    /// Set a supply to a percentage, such as `set black 4`.
    Set {
        /// Its name on the board.
        supply: String,
        /// 0 to 100.
        #[arg(allow_negative_numbers = true, value_parser = whole::<u8>)]
        percent: u8,
    },
    /// Print pages: toner is used, parts wear, and each page passes the exit.
    Print {
        /// Number of pages.
        #[arg(allow_negative_numbers = true, value_parser = whole::<u32>)]
        pages: u32,
        /// Pages per minute; without it, all at once.
        #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<u32>)]
        per_minute: Option<u32>,
    },
    /// Set the coverage of each colorant for the pages from now on.
    Coverage {
        /// Percent of the page: 0 to 100.
        #[arg(allow_negative_numbers = true, value_parser = whole::<u8>)]
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
        #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<u32>)]
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
        #[arg(value_name = "CELSIUS", allow_negative_numbers = true, value_parser = millidegrees)]
        millidegrees_celsius: i32,
    },
    /// Cut the power of the engine's controller in the middle of a page that is written to its flash.
    CutEngine {
        /// Pages that are written whole before.
        #[arg(allow_negative_numbers = true, value_parser = whole::<u32>)]
        pages: u32,
        /// How long until it has power again.
        #[arg(long, value_name = "N", default_value = "500", allow_negative_numbers = true, value_parser = whole::<u32>)]
        milliseconds: u32,
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
pub enum OnOff {
    /// Active.
    On,
    /// Not active.
    Off,
}

impl From<Act> for SimCommand {
    fn from(act: Act) -> Self {
        match act {
            Act::Set { supply, percent } => Self::Set { supply, percent },
            Act::Print { pages, per_minute } => Self::Print { pages, per_minute },
            Act::Coverage { percent } => Self::Coverage { percent },
            Act::Open { name } => Self::Open { switch: name },
            Act::Close { name } => Self::Close { switch: name },
            Act::Press { button, milliseconds } => Self::Press { button, milliseconds },
            Act::Switch { name, state } => Self::Switch { switch: name, active: matches!(state, OnOff::On) },
            Act::Replace { name } => Self::Replace { target: name },
            Act::Reseat { name } => Self::Reseat { target: name },
            Act::Heat { sensor, millidegrees_celsius } => Self::Heat { sensor, millidegrees_celsius },
            Act::CutEngine { pages, milliseconds } => Self::CutEngine { pages, milliseconds },
            Act::Fault { target, fault } => Self::Fault { target, fault },
        }
    }
}

/// A count or a percentage, as a person types it.
pub fn whole<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    let number: u64 = text.parse().map_err(|_not_one| "must be a whole number, 0 or more".to_owned())?;
    T::try_from(number).map_err(|_not_one| "is too large".to_owned())
}

/// No thermometer of a printer reads beyond.
const COLDEST: f64 = -273.0;
const HOTTEST: f64 = 1_000.0;

fn millidegrees(celsius: &str) -> Result<i32, String> {
    let celsius: f64 = celsius.parse().map_err(|_not_one| "must be a number, such as 41.5".to_owned())?;
    if !(COLDEST..=HOTTEST).contains(&celsius) {
        return Err(format!("must be between {COLDEST} and {HOTTEST} °C"));
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
    use clap::Parser;

    #[derive(Parser)]
    #[command(no_binary_name = true)]
    struct Line {
        #[command(subcommand)]
        act: Act,
    }

    fn parse(line: &str) -> Result<SimCommand, String> {
        Line::try_parse_from(line.split(' '))
            .map(|line| line.act.into())
            .map_err(|refused| refused.to_string())
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
            ("cut-engine 3", SimCommand::CutEngine { pages: 3, milliseconds: 500 }),
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
        assert_eq!(millidegrees("41.5"), Ok(41_500));
        for refused in ["NaN", "5e9", "warm"] {
            assert!(millidegrees(refused).is_err(), "{refused}");
        }
        assert!(parse("heat ambient 5e9").unwrap_err().contains("must be between -273 and 1000 °C"));
    }

    #[test]
    fn an_unknown_fault_is_answered_with_the_known_ones() {
        let refused = parse("fault black melted").unwrap_err();
        assert!(Fault::ALL.iter().all(|(name, _)| refused.contains(name)), "{refused}");
    }
}
