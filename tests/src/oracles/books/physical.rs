//! What physically happened to one printer, from the simulator's log.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use platen_protocol::readings::SwitchMeaning;
use platen_simulator::Fault;
use platen_simulator::event_log::{self, Entry, Happened, Stock, Told};

/// A press of a button that was let go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// The switch.
    pub button: String,
    /// The finger came.
    pub began: Duration,
    /// It went, or the program with the printer ended.
    pub ended: Duration,
    /// The program ended under the finger: there was no release that anybody could see.
    pub cut_off: bool,
}

/// Something that stood for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The switch, supply, part or sensor.
    pub target: String,
    /// When it began.
    pub began: Duration,
    /// When it ended, if it did.
    pub ended: Option<Duration>,
}

impl Condition {
    /// Whether it stood at a moment, or at most `late` before.
    pub fn stood(&self, at: Duration, late: Duration) -> bool {
        self.began <= at && self.ended.is_none_or(|ended| at <= ended + late)
    }
}

/// What happened, in its order.
#[derive(Debug, Clone, Default)]
pub struct Physical {
    /// The program with the printer began.
    pub starts: Vec<Duration>,
    /// Of buttons.
    pub presses: Vec<Press>,
    /// The buzzer went on.
    pub beeps: Vec<Duration>,
    /// What stood: covers, jams, paper, faults, empty slots.
    pub conditions: Vec<Condition>,
    /// What the printer had, from when on.
    pub stocks: Vec<(Duration, Stock)>,
    /// What was changed or re-seated.
    pub replacements: u64,
}

impl Physical {
    /// Reads a log.
    pub fn read(path: &Path) -> Self {
        Self::of(&event_log::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
    }

    /// Makes sense of lines.
    pub fn of(entries: &[Entry]) -> Self {
        let mut book = Self::default();
        let mut fingers: BTreeMap<&str, Duration> = BTreeMap::new();
        let mut standing: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for entry in entries {
            let at = Duration::from_micros(entry.at_us);
            let (target, kind, stands) = match &entry.what {
                Happened::Started { stock } => {
                    let cut = std::mem::take(&mut fingers).into_iter().map(|(button, began)| Press {
                        button: button.to_owned(),
                        began,
                        ended: at,
                        cut_off: true,
                    });
                    book.presses.extend(cut);
                    book.starts.push(at);
                    book.stocks.push((at, stock.clone()));
                    continue;
                }
                Happened::Stock { stock } => {
                    book.stocks.push((at, stock.clone()));
                    continue;
                }
                Happened::Output { output, on } => {
                    if *on && *output == Told::Buzzer {
                        book.beeps.push(at);
                    }
                    continue;
                }
                Happened::Switch { name, meaning, active } if is_button(*meaning) => {
                    if *active {
                        fingers.insert(name, at);
                    } else if let Some(began) = fingers.remove(name.as_str()) {
                        let button = name.clone();
                        book.presses.push(Press { button, began, ended: at, cut_off: false });
                    }
                    continue;
                }
                Happened::Switch { name, meaning, active } => {
                    (name, "switch", *active != (*meaning == SwitchMeaning::WastePresent))
                }
                Happened::Flash { .. } | Happened::Activated { .. } | Happened::Firmware { .. } => continue,
                Happened::Fault { target, fault } => (target, "fault", *fault != Fault::None),
                Happened::Out { target, .. } => (target, "slot", true),
                Happened::In { target, .. } => {
                    book.replacements += 1;
                    (target, "slot", false)
                }
            };
            let key = (target.as_str(), kind);
            match (stands, standing.get(&key)) {
                (true, None) => {
                    standing.insert(key, book.conditions.len());
                    book.conditions.push(Condition { target: target.clone(), began: at, ended: None });
                }
                (false, Some(place)) => {
                    book.conditions[*place].ended = Some(at);
                    standing.remove(&key);
                }
                // A printer that goes on says again how it is.
                _ => {}
            }
        }
        book
    }

    /// What the printer had at the end.
    pub fn last(&self) -> Option<&Stock> {
        self.stocks.last().map(|(_, stock)| stock)
    }

    /// What the printer had until a moment, newest first.
    pub fn stocks_until(&self, at: Duration) -> impl Iterator<Item = &Stock> {
        let end = self.stocks.partition_point(|(from, _)| *from <= at);
        self.stocks[..end].iter().rev().map(|(_, stock)| stock)
    }
}

fn is_button(meaning: SwitchMeaning) -> bool {
    matches!(meaning, SwitchMeaning::ServiceButton | SwitchMeaning::OrderButton)
}
