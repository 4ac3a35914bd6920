//! Scenario files: what happens to a simulated printer, and when. docs/simulator.md shows the format.

use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;
use toml::{Spanned, Table, Value};

use crate::error::SimError;
use platen_hal::config::ConfigError;
use platen_hal::sim_command::SimCommand;

/// The largest file, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;
/// The most entries of a file.
pub const MAX_STEPS: usize = 1_000;
/// The latest beginning, and the longest period.
pub const MAX_PERIOD: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// The shortest period of an entry that comes again and again.
pub const MIN_PERIOD: Duration = Duration::from_millis(10);

const BESIDE_COMMAND: [&str; 3] = ["after", "every", "repeat"];

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// When, from the printer's start and on its clock.
    pub after: Duration,
    /// How long after that again, and again.
    pub every: Option<Duration>,
    /// How often in all; without end if none.
    pub repeat: Option<u32>,
    /// What happens.
    pub command: SimCommand,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    at: Vec<Spanned<Table>>,
}

/// Reads a scenario file; `check` says whether the printer can do a command.
pub fn load(
    file: &Path,
    check: &dyn Fn(&SimCommand) -> Result<(), SimError>,
) -> Result<Vec<Step>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { file: file.to_owned(), source };
    let size = std::fs::metadata(file).map_err(unreadable)?.len();
    if size > MAX_BYTES as u64 {
        let what = format!("it has {size} bytes; a scenario has at most {MAX_BYTES}");
        return Err(ConfigError::Wrong { file: file.to_owned(), line: 1, what });
    }
    parse(&std::fs::read_to_string(file).map_err(unreadable)?, file, check)
}

/// Reads the text of a scenario file; `file` is for the messages.
pub fn parse(
    text: &str,
    file: &Path,
    check: &dyn Fn(&SimCommand) -> Result<(), SimError>,
) -> Result<Vec<Step>, ConfigError> {
    let wrong = |at, what| ConfigError::wrong(file, text, at, what);
    let entries: File = toml::from_str(text)
        .map_err(|e| wrong(e.span().map_or(0, |span| span.start), e.message().to_owned()))?;
    if entries.at.len() > MAX_STEPS {
        return Err(wrong(
            0,
            format!("it has {} entries; a scenario has at most {MAX_STEPS}", entries.at.len()),
        ));
    }
    let steps = entries.at.into_iter().map(|entry| {
        let at = entry.span().start;
        let step = step(entry.into_inner()).map_err(|what| wrong(at, what))?;
        check(&step.command).map_err(|error| wrong(at, error.to_string()))?;
        Ok(step)
    });
    steps.collect()
}

fn step(mut entry: Table) -> Result<Step, String> {
    let [after, every, repeat] = BESIDE_COMMAND.map(|key| entry.remove(key));
    let after = after.ok_or("an entry needs `after`, such as after = \"1h 30min\"")?;
    let after = period("after", &after, Duration::ZERO)?;
    let every = every.map(|every| period("every", &every, MIN_PERIOD)).transpose()?;
    let repeat = repeat.map(|repeat| count(&repeat)).transpose()?;
    if repeat.is_some() && every.is_none() {
        return Err("`repeat` says how often; `every` has to say how long apart".to_owned());
    }
    let command = SimCommand::deserialize(entry).map_err(|e| e.message().to_owned())?;
    Ok(Step { after, every, repeat, command })
}

fn period(key: &str, value: &Value, least: Duration) -> Result<Duration, String> {
    let text = value.as_str().unwrap_or_default();
    let parsed: SignedDuration = text.parse().map_err(|cause| {
        format!("{key} = {value} is not a period ({cause}): write numbers with their units, such as \"50ms\", \"15min\" or \"1h 30min\"")
    })?;
    match Duration::try_from(parsed) {
        Ok(period) if (least..=MAX_PERIOD).contains(&period) => Ok(period),
        _ => Err(format!("{key} = {value} is out of bounds: give a period from {least:?} to ten years")),
    }
}

fn count(value: &Value) -> Result<u32, String> {
    let count = value.as_integer().and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0);
    count.ok_or_else(|| format!("repeat = {value} is not a count: give a whole number from 1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = "day.toml";

    fn parsed(text: &str) -> Result<Vec<Step>, String> {
        let check = |command: &SimCommand| match command {
            SimCommand::Open { switch } if switch != "cover" => {
                Err(SimError::NoSuch { what: "cover", name: switch.clone(), known: "cover".into() })
            }
            _ => Ok(()),
        };
        parse(text, Path::new(FILE), &check).map_err(|e| e.to_string())
    }

    #[test]
    fn entries_have_a_time_a_command_and_perhaps_a_period() {
        let steps = parsed(
            "[[at]]\nafter = \"1h 30min\"\nact = \"print\"\npages = 20\n\
             [[at]]\nafter = \"5s\"\nevery = \"24h\"\nrepeat = 3\nact = \"fault\"\ntarget = \"black\"\nfault = \"leak\"\n",
        )
        .unwrap();
        assert_eq!(steps[0].after, Duration::from_secs(5400));
        assert_eq!(steps[0].command, SimCommand::Print { pages: 20, per_minute: None });
        assert_eq!((steps[1].every, steps[1].repeat), (Some(Duration::from_secs(86_400)), Some(3)));
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_its_line() {
        let good = "[[at]]\nafter = \"1s\"\nact = \"open\"\nswitch = \"cover\"\n";
        for (entry, word) in [
            ("act = \"open\"\nswitch = \"cover\"", "needs `after`"),
            ("after = \"soon\"\nact = \"open\"\nswitch = \"cover\"", "not a period"),
            ("after = \"-5s\"\nact = \"open\"\nswitch = \"cover\"", "out of bounds"),
            ("after = \"1s\"\nevery = \"1ms\"\nact = \"open\"\nswitch = \"cover\"", "out of bounds"),
            ("after = \"1s\"\nrepeat = 3\nact = \"open\"\nswitch = \"cover\"", "how long apart"),
            ("after = \"1s\"\nevery = \"1h\"\nrepeat = 0\nact = \"open\"\nswitch = \"cover\"", "not a count"),
            ("after = \"1s\"\nact = \"open\"\nswitch = \"lid\"", "it has: cover"),
            ("after = \"1s\"\nact = \"explode\"", "explode"),
            ("after = \"1s\"\nact = \"print\"\npages = 3\npace = 4", "pace"),
            ("after = \"1s\"\nact = \"print\"", "pages"),
        ] {
            let error = parsed(&format!("{good}[[at]]\n{entry}\n")).unwrap_err();
            assert!(error.starts_with("day.toml:5: "), "{entry}: {error}");
            assert!(error.contains(word), "{entry}: {error}");
        }
        assert!(parsed("[[at]]\nafter = = 3\n").unwrap_err().starts_with("day.toml:2: "));
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let command = prop_oneof![
            (1..1000_u32, proptest::option::of(1..100_u32))
                .prop_map(|(pages, per_minute)| SimCommand::Print { pages, per_minute }),
            ("[a-z]{1,8}", 0..=100_u8).prop_map(|(supply, percent)| SimCommand::Set { supply, percent }),
            ("[a-z]{1,8}", any::<bool>()).prop_map(|(switch, active)| SimCommand::Switch { switch, active }),
            ("[a-z]{1,8}", proptest::sample::select(crate::Fault::ALL))
                .prop_map(|(target, (_, fault))| SimCommand::Fault { target, fault }),
        ];
        let every = proptest::option::of((10..1_000_000_u64, proptest::option::of(1..50_u32)));
        (0..10_000_000_u64, every, command).prop_map(|(after, every, command)| Step {
            after: Duration::from_millis(after),
            every: every.map(|(every, _)| Duration::from_millis(every)),
            repeat: every.and_then(|(_, repeat)| repeat),
            command,
        })
    }

    fn written(step: &Step) -> String {
        let period = |time: Duration| format!("{}ms", time.as_millis());
        let mut entry = Table::try_from(&step.command).unwrap();
        entry.insert("after".into(), period(step.after).into());
        step.every.into_iter().for_each(|every| drop(entry.insert("every".into(), period(every).into())));
        step.repeat
            .into_iter()
            .for_each(|repeat| drop(entry.insert("repeat".into(), i64::from(repeat).into())));
        format!("[[at]]\n{entry}\n")
    }

    proptest! {
        #[test]
        fn a_step_survives_its_text(steps in proptest::collection::vec(any_step(), 0..5)) {
            let text: String = steps.iter().map(written).collect();
            prop_assert_eq!(parsed(&text), Ok(steps));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[a-z\\[\\]=\"0-9 \n.-]{0,200}") {
            let _ = parsed(&text);
        }
    }
}
