//! The words of a line: those of `platen sim`, and two about the bridges.

use clap::{Parser, Subcommand};
use platen_agent::tool::sim::Act;
use platen_simulator::SimCommand;

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
    #[command(flatten)]
    Act(Act),
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
    Ok(match words.word {
        Word::Act(act) => Line::Act(act.into()),
        Word::Figures => Line::Figures,
        Word::Quit => Line::Quit,
    })
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
    fn the_bridges_have_words_of_their_own() {
        assert_eq!(read("figures"), Ok(Line::Figures));
        assert_eq!(read("quit"), Ok(Line::Quit));
    }

    #[test]
    fn what_is_not_understood_is_answered_with_what_is() {
        assert!(read("fault black melted").unwrap_err().contains("absent"));
        assert!(read("prnt 3").unwrap_err().contains("print"));
        assert!(read("help").unwrap_err().contains("heat ambient 41.5"));
        assert!(read("{\"act\":\"dance\"}").unwrap_err().contains("dance"));
    }
}
