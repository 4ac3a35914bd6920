//! The words of a line, the same as those of `platen sim`.

use clap::{Parser, Subcommand};
use platen_simulator::{Fault, SimCommand};

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Play the printer.
    Act(SimCommand),
    /// Tell what the bridges have done.
    Figures,
    /// End.
    Quit,
}

/// Play the printer, a line each.
#[derive(Parser)]
#[command(name = "", no_binary_name = true, disable_help_flag = true, help_template = "{all-args}")]
struct Words {
    #[command(subcommand)]
    word: Word,
}

#[derive(Subcommand)]
#[command(disable_help_flag = true)]
enum Word {
    /// Bring a supply to a percentage: `set black 4`
    Set { supply: String, percent: u8 },
    /// Print pages: `print 10`, `print 100 --per-minute 20`
    Print {
        pages: u32,
        #[arg(long)]
        per_minute: Option<u32>,
    },
    /// Cover the pages from now on so much with each colorant, in percent
    Coverage { percent: u8 },
    /// Open a cover or an interlock: `open cover`
    Open { switch: String },
    /// Close a cover or an interlock
    Close { switch: String },
    /// Press a button and let it go: `press service`
    Press {
        button: String,
        #[arg(long)]
        milliseconds: Option<u32>,
    },
    /// Bring any other switch to a state: `switch jam on`
    Switch {
        switch: String,
        #[arg(action = clap::ArgAction::Set, value_parser = on_or_off)]
        state: bool,
    },
    /// Take a cartridge or part out and put a new one in: `replace black`
    Replace { target: String },
    /// Take a cartridge or part out and put the same one in again
    Reseat { target: String },
    /// Bring a sensor to a temperature in degrees Celsius: `heat ambient 41.5`
    Heat {
        sensor: String,
        #[arg(allow_negative_numbers = true, value_parser = millidegrees)]
        celsius: i32,
    },
    /// Break a chip, a bus or a line, or mend it with `none`: `fault black absent`
    Fault {
        target: String,
        #[arg(value_parser = fault)]
        fault: Fault,
    },
    /// Tell what the bridges have done
    Figures,
    /// Unplug the printer and end
    Quit,
}

/// Reads a line: words, or one act as JSON, as the control socket's messages have it. The error is for the person.
pub(crate) fn read(line: &str) -> Result<Line, String> {
    if line.trim_start().starts_with('{') {
        return serde_json::from_str(line).map(Line::Act).map_err(|error| error.to_string());
    }
    let words = Words::try_parse_from(line.split_whitespace()).map_err(|error| error.to_string())?;
    Ok(Line::Act(match words.word {
        Word::Set { supply, percent } => SimCommand::Set { supply, percent },
        Word::Print { pages, per_minute } => SimCommand::Print { pages, per_minute },
        Word::Coverage { percent } => SimCommand::Coverage { percent },
        Word::Open { switch } => SimCommand::Open { switch },
        Word::Close { switch } => SimCommand::Close { switch },
        Word::Press { button, milliseconds } => SimCommand::Press { button, milliseconds },
        Word::Switch { switch, state } => SimCommand::Switch { switch, active: state },
        Word::Replace { target } => SimCommand::Replace { target },
        Word::Reseat { target } => SimCommand::Reseat { target },
        Word::Heat { sensor, celsius } => SimCommand::Heat { sensor, millidegrees_celsius: celsius },
        Word::Fault { target, fault } => SimCommand::Fault { target, fault },
        Word::Figures => return Ok(Line::Figures),
        Word::Quit => return Ok(Line::Quit),
    }))
}

/// No thermometer of a printer reads beyond.
const COLDEST: f64 = -273.0;
const HOTTEST: f64 = 1_000.0;

fn millidegrees(celsius: &str) -> Result<i32, String> {
    let celsius: f64 = celsius.parse().map_err(|error| format!("{error}"))?;
    if !(COLDEST..=HOTTEST).contains(&celsius) {
        return Err(format!("must be between {COLDEST} and {HOTTEST} °C"));
    }
    #[allow(clippy::cast_possible_truncation, reason = "the bounds were checked just above")]
    Ok((celsius * 1000.0).round() as i32)
}

fn on_or_off(state: &str) -> Result<bool, String> {
    match state {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("must be on or off".to_owned()),
    }
}

fn fault(name: &str) -> Result<Fault, String> {
    let known = || Fault::ALL.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
    let found = Fault::ALL.iter().find(|(known, _)| *known == name);
    found.map(|(_, fault)| *fault).ok_or_else(|| format!("must be one of: {}", known()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_words_are_consistent() {
        Words::command().debug_assert();
    }

    #[test]
    fn words_and_json_say_the_same() {
        let set = SimCommand::Set { supply: "black".into(), percent: 4 };
        assert_eq!(read("  set black  4 "), Ok(Line::Act(set.clone())));
        assert_eq!(read(&serde_json::to_string(&set).unwrap()), Ok(Line::Act(set)));
    }

    #[test]
    fn a_switch_is_on_or_off() {
        let jam = SimCommand::Switch { switch: "jam".into(), active: true };
        assert_eq!(read("switch jam on"), Ok(Line::Act(jam)));
        assert!(read("switch jam perhaps").unwrap_err().contains("on or off"));
    }

    #[test]
    fn a_temperature_may_be_below_zero() {
        let heat = SimCommand::Heat { sensor: "ambient".into(), millidegrees_celsius: -250 };
        assert_eq!(read("heat ambient -0.25"), Ok(Line::Act(heat)));
        assert!(read("heat ambient 5e9").unwrap_err().contains("must be between -273 and 1000 °C"));
    }

    #[test]
    fn what_is_not_understood_is_answered_with_what_is() {
        assert!(read("fault black melted").unwrap_err().contains("absent"));
        assert!(read("prnt 3").unwrap_err().contains("print"));
        assert!(read("help").unwrap_err().contains("heat ambient 41.5"));
        assert!(read("{\"act\":\"dance\"}").unwrap_err().contains("dance"));
    }
}
