//! What physically happens to a simulated printer, line by line in a file that outlives the process.
//!
//! [`crate::Truth`] dies with the program that has the printer in it. This file does not: each line is
//! handed to the kernel before the printer lets anybody see what it tells, so that a `kill -9` of the program
//! loses nothing of it. (A power cut of the machine that the file is on may: nothing is forced to the disk.)
//! And a printer that finds its own file goes on where it was, as a real one does whose controller was
//! switched off: toner, parts, counters, open covers and what is broken are as the last lines say. Fingers
//! have left the buttons, and what was being printed is not printed to its end.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use platen_protocol::readings::SwitchMeaning;
use serde::{Deserialize, Serialize};

use crate::truth::Counters;
use platen_hal::sim_command::Fault;

/// A file that has become so large is not written any further, which is an error like a full disk: some
/// hundred thousand pages.
pub const MAX_LOG_BYTES: u64 = 512 * 1024 * 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in microseconds of `CLOCK_MONOTONIC` of the machine that the printer is simulated on.
    pub at_us: u64,
    /// What.
    #[serde(flatten)]
    pub what: Happened,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "happened", rename_all = "kebab-case")]
pub enum Happened {
    /// The program with the printer began. Buttons are let go, and no page is on its way.
    Started {
        /// What the printer has.
        stock: Stock,
    },
    /// What the printer has changed: by pages, by a cartridge, by a person.
    Stock {
        /// What it has now.
        stock: Stock,
    },
    /// A switch was put into a state, other than by a page at the exit.
    Switch {
        /// Its name on the board.
        name: String,
        /// What it means.
        meaning: SwitchMeaning,
        /// Whether it is active.
        active: bool,
    },
    /// Something broke, or was mended.
    Fault {
        /// A name on the board, or `gpio`.
        target: String,
        /// How it is now.
        fault: Fault,
    },
    /// A cartridge or part was taken out.
    Out {
        /// Its name on the board.
        target: String,
        /// Whether another one is put in, and not the same.
        fresh: bool,
        /// The cover that was opened for it.
        cover: Option<String>,
    },
    /// One was put in.
    In {
        /// Its name on the board.
        target: String,
        /// What was taken out.
        old_serial: String,
        /// What was put in; the same when it was only re-seated.
        new_serial: String,
        /// What was left in the old one, in thousandths of its capacity or life.
        residue: u32,
    },
    /// A page of the engine's flash was erased or written.
    Flash {
        /// The bank.
        bank: u8,
        /// The page.
        page: u16,
        /// What is in it now, in hexadecimal.
        content: String,
    },
    /// Another bank of the engine's flash is what it starts.
    Activated {
        /// The bank.
        bank: u8,
    },
    /// Another firmware runs on the engine, or none.
    Firmware {
        /// Its version.
        running: Option<String>,
    },
    /// Lamp or buzzer went on or off: what the person at the printer is told.
    Output {
        /// Which.
        output: Told,
        /// On or off.
        on: bool,
    },
}

/// What tells a person something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// The service lamp.
    Lamp,
    /// The buzzer.
    Buzzer,
}

/// What a printer has: what pages take from it, and what they add to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// Pages that were printed since the file began.
    pub pages: u64,
    /// What the engine counts.
    pub counters: Counters,
    /// In the order of the board file.
    pub supplies: Vec<SupplyStock>,
    /// Those of the board file, then those that only the engine counts.
    pub parts: Vec<PartStock>,
}

/// What a supply has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplyStock {
    /// Its name on the board.
    pub name: String,
    /// What is gone of it, in thousandths of its unit.
    pub used: u64,
    /// The same as its chip counts.
    pub told: u64,
    /// What is left, in thousandths of its capacity.
    pub left: u32,
    /// How often it was changed.
    pub changes: u32,
}

/// What a part has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartStock {
    /// Its name on the board.
    pub name: String,
    /// Impressions, or sheets of feed rollers.
    pub used: u32,
    /// How often it was changed.
    pub changes: u32,
}

/// How a printer was when its file ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Before {
    pub(crate) stock: Option<Stock>,
    /// By name, other than the usual state.
    pub(crate) switches: BTreeMap<String, (SwitchMeaning, bool)>,
    pub(crate) faults: BTreeMap<String, Fault>,
    /// What is out of its slot, whether another is put in, and the cover that was opened.
    pub(crate) out: BTreeMap<String, (bool, Option<String>)>,
    /// Pages of the engine's flash that were ever written, by bank and number.
    pub(crate) flash: BTreeMap<(u8, u16), String>,
    /// The bank that was made the active one.
    pub(crate) active: Option<u8>,
}

impl Before {
    fn of(entries: Vec<Entry>) -> Self {
        let mut before = Self::default();
        for entry in entries {
            match entry.what {
                Happened::Started { stock } | Happened::Stock { stock } => before.stock = Some(stock),
                Happened::Switch { name, meaning, active } => {
                    before.switches.insert(name, (meaning, active));
                }
                Happened::Fault { target, fault } => {
                    before.faults.insert(target, fault);
                }
                Happened::Out { target, fresh, cover } => {
                    before.out.insert(target, (fresh, cover));
                }
                Happened::In { target, .. } => {
                    before.out.remove(&target);
                }
                Happened::Flash { bank, page, content } => {
                    before.flash.insert((bank, page), content);
                }
                Happened::Activated { bank } => before.active = Some(bank),
                Happened::Firmware { .. } | Happened::Output { .. } => {}
            }
        }
        before
    }
}

/// The file, open at its end.
#[derive(Debug)]
pub(crate) struct EventLog {
    file: File,
    bytes: u64,
    /// Why it could not be written; then nothing more is done to the printer.
    failed: Option<String>,
}

impl EventLog {
    /// Opens a file, or makes it; says how the printer was when it ended.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Before)> {
        let named = |cause: io::Error| io::Error::new(cause.kind(), format!("{}: {cause}", path.display()));
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(path).map_err(named)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(named)?;
        let whole = text.last().is_none_or(|last| *last == b'\n');
        let before = Before::of(parse(&text).map_err(named)?);
        if !whole {
            // The last line of before was cut short, as by a full disk.
            file.write_all(b"\n").map_err(named)?;
        }
        Ok((Self { file, bytes: text.len() as u64, failed: None }, before))
    }

    /// Writes one line, which is safe from the end of this process when it comes back.
    pub(crate) fn write(&mut self, at: Duration, what: Happened) {
        if self.failed.is_none()
            && let Err(cause) = self.try_write(at, what)
        {
            self.failed = Some(cause.to_string());
        }
    }

    fn try_write(&mut self, at: Duration, what: Happened) -> io::Result<()> {
        let at_us = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        let mut line = serde_json::to_vec(&Entry { at_us, what })?;
        line.push(b'\n');
        self.bytes += line.len() as u64;
        if self.bytes > MAX_LOG_BYTES {
            return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it has {MAX_LOG_BYTES} bytes")));
        }
        // No buffer of our own: one call, one line.
        self.file.write_all(&line)
    }

    pub(crate) fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }
}

/// The lines of a file. A last line that was cut short is left out.
pub fn read(path: &Path) -> io::Result<Vec<Entry>> {
    parse(&std::fs::read(path)?)
}

fn parse(text: &[u8]) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut broken: Option<io::Error> = None;
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')).filter(|(_, line)| !line.is_empty()) {
        match serde_json::from_slice::<Entry>(line) {
            Ok(entry) => {
                // Only the last line before a start can have been cut short.
                if let Some(cause) = broken.take()
                    && !matches!(entry.what, Happened::Started { .. })
                {
                    return Err(cause);
                }
                entries.push(entry);
            }
            Err(cause) => {
                if let Some(earlier) = broken.take() {
                    return Err(earlier);
                }
                broken = Some(io::Error::new(ErrorKind::InvalidData, format!("line {number}: {cause}")));
            }
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SimCommand, SimError, SimPrinter, Truth};
    use platen_hal::config::{self, BoardConfig};
    use proptest::prelude::*;
    use tempfile::TempDir;

    const LOBBY: &str = include_str!("../../../scripts/demo/lobby.toml");

    fn board(folder: &TempDir) -> BoardConfig {
        let text = LOBBY.replace("seed = 450", "seed = 450\nlog = \"physical.jsonl\"");
        config::parse(&text, &folder.path().join("board.toml")).unwrap()
    }

    fn entries(folder: &TempDir) -> Vec<Entry> {
        read(&folder.path().join("physical.jsonl")).unwrap()
    }

    /// What lasts of a printer.
    fn lasting(truth: &Truth) -> (u64, Counters, Vec<crate::truth::SupplyTruth>, Vec<u32>) {
        let used = truth.parts.iter().map(|part| part.used).collect();
        (truth.pages, truth.counters, truth.supplies.clone(), used)
    }

    fn set(supply: &str, percent: u8) -> SimCommand {
        SimCommand::Set { supply: supply.into(), percent }
    }

    fn print(pages: u32) -> SimCommand {
        SimCommand::Print { pages, per_minute: None }
    }

    #[test]
    fn a_printer_that_finds_its_file_goes_on_where_it_was() {
        let folder = TempDir::new().unwrap();
        let before = {
            let printer = SimPrinter::accelerated(&board(&folder)).unwrap();
            for command in [set("cyan", 20), print(30), SimCommand::Replace { target: "black".into() }] {
                printer.apply(&command).unwrap();
            }
            printer.advance(Duration::from_secs(3));
            let fault = SimCommand::Fault { target: "yellow".into(), fault: Fault::Absent };
            printer.apply(&fault).unwrap();
            printer.apply(&SimCommand::Open { switch: "cover".into() }).unwrap();
            printer.apply(&SimCommand::Reseat { target: "magenta".into() }).unwrap();
            printer.truth()
        };
        let printer = SimPrinter::accelerated(&board(&folder)).unwrap();
        let after = printer.truth();
        assert_eq!(lasting(&after), lasting(&before));
        let stands = |what: &str| after.conditions.iter().any(|c| c.target == what && c.end.is_none());
        assert!(stands("cover") && stands("yellow"), "{:?}", after.conditions);
        printer.advance(Duration::from_secs(3));
        assert_eq!(printer.truth().replacements.len(), 1, "what was out is put in");
        let serial = |truth: &Truth| truth.supplies[0].serial.clone();
        assert_eq!(serial(&after), "SIM-BLACK-2");
    }

    #[test]
    fn a_press_and_what_the_person_is_told_are_lines_and_fingers_let_go_when_the_program_ends() {
        let folder = TempDir::new().unwrap();
        let printer = SimPrinter::accelerated(&board(&folder)).unwrap();
        let switches = printer.line_layout().iter().filter(|line| !line.output).count();
        printer.apply(&SimCommand::Press { button: "service".into(), milliseconds: None }).unwrap();
        printer.drive_output(switches, true);
        printer.drive_output(switches, true);
        let told: Vec<_> = entries(&folder).into_iter().skip(1).map(|entry| entry.what).collect();
        let switch = |active| Happened::Switch {
            name: "service".into(),
            meaning: SwitchMeaning::ServiceButton,
            active,
        };
        assert_eq!(
            told,
            [switch(true), switch(false), Happened::Output { output: Told::Lamp, on: true }],
            "each change once"
        );
        drop(printer);
        let mut text = std::fs::read(folder.path().join("physical.jsonl")).unwrap();
        text.extend(serde_json::to_vec(&Entry { at_us: 0, what: switch(true) }).unwrap());
        std::fs::write(folder.path().join("physical.jsonl"), text).unwrap();
        let _again = SimPrinter::accelerated(&board(&folder)).unwrap();
        assert_eq!(entries(&folder).last().unwrap().what, switch(false));
    }

    #[test]
    fn a_line_that_was_cut_short_is_left_out_at_the_end_of_a_run_and_refused_elsewhere() {
        let start =
            serde_json::to_string(&Entry { at_us: 1, what: Happened::Started { stock: Stock::default() } })
                .unwrap();
        let output = r#"{"at_us":2,"happened":"output","output":"lamp","on":true}"#;
        let parsed = |lines: &[&str]| parse(lines.join("\n").as_bytes());
        assert_eq!(parsed(&[&start, output, &output[..20]]).unwrap().len(), 2);
        assert_eq!(parsed(&[&start, &output[..20], &start, output]).unwrap().len(), 3);
        assert!(parsed(&[&start, &output[..20], output]).unwrap_err().to_string().contains("line 2"));
        assert!(parsed(&[&start, "{", "{", &start]).is_err());
    }

    #[test]
    fn nothing_is_done_to_a_printer_whose_file_is_full() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("physical.jsonl");
        let (mut log, _) = EventLog::open(&path).unwrap();
        log.bytes = MAX_LOG_BYTES;
        log.write(Duration::ZERO, Happened::Started { stock: Stock::default() });
        assert!(log.failed().unwrap().contains("bytes"));
        let printer = SimPrinter::accelerated(&board(&folder)).unwrap();
        printer.world().go_on(log, Before::default());
        assert!(matches!(printer.apply(&print(1)), Err(SimError::Log(_))));
    }

    fn any_command() -> impl Strategy<Value = SimCommand> {
        let supply = prop::sample::select(vec!["black", "cyan", "waste"]);
        let target = prop::sample::select(vec!["black", "magenta", "waste"]);
        let switch = prop::sample::select(vec!["cover", "interlock"]);
        prop_oneof![
            (supply, 20_u8..=100).prop_map(|(supply, percent)| set(supply, percent)),
            (1_u32..40).prop_map(print),
            switch.clone().prop_map(|name| SimCommand::Open { switch: name.into() }),
            switch.prop_map(|name| SimCommand::Close { switch: name.into() }),
            target.prop_map(|name| SimCommand::Replace { target: name.into() }),
            Just(SimCommand::Press { button: "order".into(), milliseconds: None }),
            Just(SimCommand::Fault { target: "engine".into(), fault: Fault::CountsBackwards }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// The program ends after any command; what is written by then is what is true.
        #[test]
        fn whenever_the_program_ends_the_file_says_what_the_printer_has(
            commands in prop::collection::vec((any_command(), 0_u64..4000, any::<bool>()), 1..12)
        ) {
            let folder = TempDir::new().unwrap();
            let mut printer = SimPrinter::accelerated(&board(&folder)).unwrap();
            for (command, later, ends) in commands {
                // A cartridge that is being changed is refused, which changes nothing.
                drop(printer.apply(&command));
                printer.advance(Duration::from_millis(later));
                let truth = printer.truth();
                if ends {
                    drop(printer);
                    printer = SimPrinter::accelerated(&board(&folder)).unwrap();
                    prop_assert_eq!(lasting(&printer.truth()), lasting(&truth));
                }
                let stock = Before::of(entries(&folder)).stock.unwrap();
                let truth = printer.truth();
                prop_assert_eq!(stock.counters, truth.counters);
                let left: Vec<_> = stock.supplies.iter().map(|supply| supply.left).collect();
                let there: Vec<_> = truth.supplies.iter().map(|supply| supply.thousandths).collect();
                prop_assert_eq!(left, there);
            }
        }
    }
}
