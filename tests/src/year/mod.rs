//! A year in the life of a simulated printer, in accelerated time: people print, cartridges run empty and are
//! replaced, and things break. The judge sees only the board. At the end each alert must have its cause, and
//! each cause its alert ([`crate::oracles::alerts`]).
//!
//! One printer is one seed: the same seed gives the same year to the bit.

pub(crate) mod catalogue;
mod routine;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use platen_agent::judge::{Alerts, Event, Judge, JudgeConfig, Moment, Past, STORM_PRESSES};
use platen_hal::{Board, config};
use platen_protocol::readings::Readings;
use platen_simulator::open_inline;
use platen_simulator::{SimCommand, SimPrinter};

use crate::oracles::alerts::AlertOracle;
use crate::oracles::meter::Meter;
use crate::rigs::random::Random;
use catalogue::Episode;

/// The board: a colour MFP with every chip and every switch.
const BOARD: &str = include_str!("../../../scripts/demo/lobby.toml");
/// A sample while pages are printed.
const BUSY: Duration = Duration::from_secs(30);
/// A sample while nothing is printed.
const QUIET: Duration = Duration::from_secs(10 * 60);
/// A sample that settles what is in between.
const SETTLE: Duration = Duration::from_millis(500);
/// The engine's counters begin again at 0 after so many: each several times a year.
const WRAPS_AT: u64 = 1 << 16;
/// What the printer sleeps through before what is wrong in its sleep is mended, in samples.
const SLEPT: u32 = 6;
/// Between two presses of a button that floods, and how long each is.
const FLOOD_PAUSE: Duration = Duration::from_millis(400);
const FLOOD_PRESS_MS: u32 = 120;
/// Samples that may be needed to settle one thing.
const MOST_SETTLING: u32 = 8;

/// What came of one or several years.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Printers.
    pub printers: u32,
    /// Days that passed in all.
    pub days: u64,
    /// Pages that were printed.
    pub pages: u64,
    /// Samples that were judged.
    pub samples: u64,
    /// Alerts that were raised, by code.
    pub raised: BTreeMap<String, u64>,
    /// Episodes that were injected, by name, and how many of them were told.
    pub episodes: BTreeMap<&'static str, (u64, u64)>,
    /// Cartridges and parts that were replaced as they ended.
    pub replaced: u64,
    /// How often a counter of the engine was full and began again at 0, and was told so.
    pub wraps: u64,
    /// Alerts without a cause, causes without an alert, and alerts that outlived their cause.
    pub mistakes: Vec<String>,
}

impl Figures {
    /// Adds another printer's.
    pub fn add(&mut self, other: Self) {
        self.printers += other.printers;
        self.days += other.days;
        self.pages += other.pages;
        self.samples += other.samples;
        self.replaced += other.replaced;
        self.wraps += other.wraps;
        for (code, times) in other.raised {
            *self.raised.entry(code).or_default() += times;
        }
        for (name, (injected, told)) in other.episodes {
            let here = self.episodes.entry(name).or_default();
            *here = (here.0 + injected, here.1 + told);
        }
        self.mistakes.extend(other.mistakes);
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { printers, days, pages, samples, replaced, wraps, .. } = self;
        writeln!(
            f,
            "{printers} printers, {days} days, {pages} pages, {samples} samples, {replaced} cartridges and parts replaced, {wraps} counters begun again"
        )?;
        writeln!(f, "alerts raised:")?;
        for (code, times) in &self.raised {
            writeln!(f, "  {code:<40} {times:>8}")?;
        }
        writeln!(f, "episodes injected, and as they should be told or not told:")?;
        for (name, (injected, right)) in &self.episodes {
            writeln!(f, "  {name:<40} {injected:>8} {right:>8}")?;
        }
        self.mistakes.iter().try_for_each(|mistake| writeln!(f, "{mistake}"))?;
        write!(f, "{} mistakes", self.mistakes.len())
    }
}

/// One printer, its judge, and those who keep the book.
struct Life {
    seed: u64,
    random: Random,
    printer: SimPrinter,
    board: Box<dyn Board>,
    judge: Judge,
    oracle: AlertOracle,
    meter: Meter,
    /// As it was judged last.
    read: Readings,
    figures: Figures,
    /// Calls and orders by button that were told, and that may be told by the presses that there were.
    wishes: (usize, usize),
}

/// Lives so many days with a seed.
pub fn live(seed: u64, days: u32) -> Figures {
    let text = BOARD
        .replace("seed = 450", &format!("seed = {seed}"))
        .replace("[engine]", &format!("[engine]\nwraps-at = {WRAPS_AT}"));
    let config = config::parse(&text, Path::new("lobby.toml")).unwrap();
    let printer = SimPrinter::accelerated(&config).unwrap();
    let board = open_inline(&config, &printer).unwrap();
    let thresholds = JudgeConfig { no_power: config.no_power_in_sleep(), ..JudgeConfig::default() };
    let judge = Judge::new(thresholds, Alerts::new("year"), Past::default());
    let random = Random::new(seed, 1);
    let figures = Figures { printers: 1, days: days.into(), ..Figures::default() };
    let (oracle, meter) = (AlertOracle::default(), Meter::default());
    let read = Readings::default();
    let mut life = Life { seed, random, printer, board, judge, oracle, meter, read, figures, wishes: (0, 0) };
    // Nothing goes wrong before it was seen to be well.
    life.pass(QUIET);
    for day in 0..days {
        life.day(day);
    }
    life.figures.pages = life.printer.truth().pages;
    life.figures.mistakes = std::mem::take(&mut life.oracle.mistakes);
    life.figures.mistakes.append(&mut life.meter.mistakes);
    life.figures.wraps = life.meter.wraps;
    life.figures.episodes = std::mem::take(&mut life.oracle.episodes);
    life.figures
}

impl Life {
    fn act(&mut self, command: &SimCommand) {
        if let Err(refused) = self.printer.apply(command) {
            panic!("seed {}: {command:?}: {refused}", self.seed);
        }
    }

    /// Lets time pass, and judges what the board says then.
    fn pass(&mut self, time: Duration) {
        self.printer.advance(time);
        self.observe();
        for _ in 0..MOST_SETTLING {
            if !self.judge.undecided() {
                break;
            }
            self.printer.advance(SETTLE);
            self.observe();
        }
        let truth = self.printer.truth();
        self.oracle.compare(&truth, self.seed);
        self.meter.compare(&self.read, &truth, self.seed);
    }

    fn observe(&mut self) {
        let mut events = Vec::new();
        for edge in self.board.take_edges().unwrap() {
            events.extend(self.judge.edge(&edge).unwrap());
        }
        let mut readings = self.board.sample();
        let moment = Moment { at: self.printer.clock(), wall: None };
        events.extend(self.judge.sample(&mut readings, moment).unwrap());
        self.read = readings;
        self.figures.samples += 1;
        let now = self.printer.printer_time();
        for event in events {
            if let Event::Raised(alert) = &event {
                *self.figures.raised.entry(alert.code.name().to_owned()).or_default() += 1;
            }
            if matches!(event, Event::ServiceCall | Event::Order { .. } | Event::ReportWanted) {
                self.wishes.0 += 1;
            }
            self.oracle.take(event, now);
        }
    }

    /// The engine falls asleep, or wakes.
    fn sleep(&mut self, active: bool) {
        self.act(&SimCommand::Switch { switch: "sleep".into(), active });
    }

    /// A button floods: so many presses are told as if they were a person's, and no more.
    fn flood(&mut self, button: &str, presses: u32) {
        self.wishes.1 += STORM_PRESSES;
        for _ in 0..presses {
            self.act(&SimCommand::Press { button: button.to_owned(), milliseconds: Some(FLOOD_PRESS_MS) });
            self.printer.advance(FLOOD_PAUSE);
            self.observe();
        }
        let (told, most) = self.wishes;
        if told > most {
            let now = self.printer.printer_time();
            self.oracle
                .mistake(format!("seed {}, {now:?}: {told} wishes by button, at most {most}", self.seed));
        }
    }

    /// An episode: its cause begins, people go on printing, it ends.
    fn episode(&mut self, episode: &Episode) {
        let now = self.printer.printer_time();
        if episode.asleep {
            self.sleep(true);
            self.pass(QUIET);
        }
        self.oracle.begin(episode, now);
        for command in &episode.begin {
            self.act(command);
        }
        if let Some((button, presses)) = episode.flood {
            self.flood(button, presses);
        }
        for _ in 0..episode.blocks {
            self.block();
        }
        if episode.asleep && episode.blocks == 0 {
            for _ in 0..SLEPT {
                self.pass(QUIET);
            }
        }
        self.oracle.due(episode, self.seed);
        for command in &episode.end {
            self.act(command);
        }
        // Whoever mends it stands at the printer.
        self.sleep(false);
        let now = self.printer.printer_time();
        self.oracle.end(episode, now);
        // Time to see that it is over, before anything else happens.
        for _ in 0..3 {
            self.pass(QUIET);
        }
        self.oracle.over(episode, self.seed);
    }
}
