//! What `platen record` wrote in three short stories (`tests/traces/`), replayed in accelerated time: the
//! judge tells exactly what happened then, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use platen_agent::judge::{Alerts, Event, Judge, JudgeConfig, Moment, Past};
use platen_hal::trace::{self, Trace, TraceEntry};
use platen_hal::{Board, config};
use platen_protocol::device_to_manager::Replacement;
use platen_protocol::identity::AlertId;
use platen_protocol::readings::{Reading, Readings};
use platen_simulator::SimPrinter;
use platen_simulator::open_inline;

/// An ordinary while: pages, a supply that falls below its set value, sleep and waking.
const ORDINARY: &str = "ordinary";
/// A cartridge that is replaced, and one that is re-seated.
const CARTRIDGES: &str = "cartridges";
/// A bus that fails and comes back, one that is stuck and freed, and a thermistor that is cut for a while.
const BUS: &str = "bus";
const ALL: [&str; 3] = [ORDINARY, CARTRIDGES, BUS];

/// A bus pauses longer than this between samples: at least for the debounce of a switch, 50 ms, of which the
/// sample before may have taken a few. Within a sample its transfers follow each other in milliseconds.
const BETWEEN_SAMPLES: Duration = Duration::from_millis(40);
/// A replay that goes on is sampled so often more.
const SAMPLES_AFTER_THE_END: u64 = 10;
/// More entries than any of the traces has.
const MOST_ENTRIES: usize = 10_000;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("traces").join(format!("{name}.jsonl"))
}

fn trace(name: &str) -> Trace {
    trace::read(&mut BufReader::new(File::open(file(name)).unwrap())).unwrap()
}

/// What was recorded, and a board on which it happens again.
struct Replayed {
    trace: Trace,
    printer: SimPrinter,
    board: Box<dyn Board>,
    /// When samples began, from the beginning of the trace.
    samples: Vec<Duration>,
}

impl Replayed {
    fn open(name: &str) -> Self {
        let trace = trace(name);
        // The board file of the recording, with the trace in place of its seed.
        let (board, _) = trace.board.split_once("[simulation]").unwrap();
        let text = format!("{board}[simulation]\ntrace = \"{name}.jsonl\"\n");
        let config = config::parse(&text, &file("board")).unwrap();
        let printer = SimPrinter::accelerated(&config).unwrap();
        let board = open_inline(&config, &printer).unwrap();
        let samples = begins_of_samples(&trace);
        Self { trace, printer, board, samples }
    }

    /// Lets time pass until the moment of a sample.
    fn pass_until(&self, moment: Duration) {
        self.printer.advance(moment.saturating_sub(self.printer.clock()));
    }

    /// The judge sees what the board says at each moment at which the agent read it.
    fn judged(&mut self) -> Story {
        self.judged_at(&self.samples.clone())
    }

    fn judged_at(&mut self, samples: &[Duration]) -> Story {
        let mut judge = Judge::new(JudgeConfig::default(), Alerts::new("trace"), Past::default());
        let mut story = Story::default();
        for &moment in samples {
            self.pass_until(moment);
            for edge in self.board.take_edges().unwrap() {
                story.take(judge.edge(&edge).unwrap());
            }
            let mut readings = self.board.sample();
            let moment = Moment { at: self.printer.clock(), wall: None };
            story.take(judge.sample(&mut readings, moment).unwrap());
            story.readings.push(readings);
        }
        story
    }
}

/// A sample asks every bus, and they answer at the same time: the next one begins where a bus speaks again
/// after a pause of its own.
fn begins_of_samples(trace: &Trace) -> Vec<Duration> {
    let mut begins = Vec::new();
    let mut spoke: BTreeMap<&str, Duration> = BTreeMap::new();
    for entry in &trace.entries {
        let TraceEntry::Transfer { at, bus, .. } = entry else { continue };
        let at = Duration::from_micros(*at);
        let paused = spoke.get(bus.as_str()).is_some_and(|last| at.saturating_sub(*last) > BETWEEN_SAMPLES);
        if begins.is_empty() || paused {
            begins.push(at);
            spoke.clear();
        }
        spoke.insert(bus, at);
    }
    begins
}

/// What was read and told.
#[derive(Default)]
struct Story {
    readings: Vec<Readings>,
    told: Vec<String>,
    standing: BTreeMap<AlertId, String>,
}

impl Story {
    fn take(&mut self, events: Vec<Event>) {
        for event in events {
            let told = match event {
                Event::Raised(alert) => {
                    let what = format!("{} {}", alert.subject, alert.code.name());
                    self.standing.insert(alert.id, what.clone());
                    format!("{what} raised")
                }
                Event::Cleared { id, .. } => format!("{} cleared", self.standing.remove(&id).unwrap()),
                Event::Replacement(replacement) => in_words(&replacement),
                other => format!("{other:?}"),
            };
            self.told.push(told);
        }
    }

    /// The percentages of a supply as they were read, each once, in their order.
    fn percents(&self, supply: &str) -> Vec<Option<u8>> {
        let of = |readings: &Readings| {
            readings.supplies.iter().find(|reading| reading.name == supply).unwrap().percent()
        };
        let mut percents: Vec<_> = self.readings.iter().map(of).collect();
        percents.dedup();
        percents
    }

    /// The states of a switch as they were read, each once, in their order.
    fn states(&self, switch: &str) -> Vec<bool> {
        let of = |readings: &Readings| {
            let reading = readings.switches.iter().find(|reading| reading.name == switch).unwrap();
            let Reading::Known { value } = reading.active else { panic!("{reading:?}") };
            value
        };
        let mut states: Vec<_> = self.readings.iter().map(of).collect();
        states.dedup();
        states
    }
}

fn in_words(replacement: &Replacement) -> String {
    let removed = replacement.removed_supply.as_ref().unwrap();
    let fitted = replacement.fitted_supply.as_ref().unwrap();
    let serial = if removed.serial == fitted.serial { "same" } else { "another" };
    format!(
        "{} {:?}: {:?} % out, {:?} % in, {serial} serial number",
        replacement.subject,
        replacement.change,
        removed.percent().unwrap(),
        fitted.percent().unwrap()
    )
}

/// What was said on one bus, in its order.
type Said<'a> = BTreeMap<&'a str, Vec<&'a TraceEntry>>;

/// Transfers by their bus, for buses are read at the same time; and the edges of switches.
fn sorted(entries: &[TraceEntry]) -> (Said<'_>, Vec<&TraceEntry>) {
    let (mut said, mut edges) = (Said::new(), Vec::new());
    let mut known = BTreeSet::new();
    for entry in entries {
        match entry {
            TraceEntry::Transfer { bus, .. } => said.entry(bus).or_default().push(entry),
            // The first one of a switch is its level at the start.
            TraceEntry::Switch { switch, .. } if known.insert(switch) => {}
            TraceEntry::Switch { .. } => edges.push(entry),
            TraceEntry::Begin { .. } | TraceEntry::Lost { .. } => panic!("{entry:?}"),
        }
    }
    (said, edges)
}

#[test]
fn each_trace_is_read_whole_and_lacks_nothing() {
    for name in ALL {
        let lines = fs::read_to_string(file(name)).unwrap().lines().count();
        let trace = trace(name);
        assert_eq!(trace.entries.len() + 1, lines, "{name}");
        let lost = trace.entries.iter().filter(|entry| matches!(entry, TraceEntry::Lost { .. })).count();
        assert_eq!(lost, 0, "{name}");
        config::parse(&trace.board, &file("board")).unwrap();
    }
}

#[test]
fn a_trace_that_was_cut_in_its_last_line_is_replayed_up_to_there_and_says_so() {
    let whole = fs::read(file(ORDINARY)).unwrap();
    let text = trace(ORDINARY).board;
    let (board, _) = text.split_once("[simulation]").unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cut.jsonl"), &whole[..whole.len() - 9]).unwrap();
    let text = format!("{board}[simulation]\ntrace = \"cut.jsonl\"\n");
    let config = config::parse(&text, &folder.path().join("board.toml")).unwrap();
    let printer = SimPrinter::accelerated(&config).unwrap();
    let lines = trace(ORDINARY).entries.len() + 1;
    let notice = printer.notice().unwrap();
    assert!(notice.contains(&format!("cut.jsonl: line {lines} is incomplete")), "{notice}");
    let mut board = open_inline(&config, &printer).unwrap();
    assert_eq!(board.sample().supplies, Replayed::open(ORDINARY).board.sample().supplies);
}

#[test]
fn an_ordinary_while_tells_of_the_supply_that_became_low_and_of_nothing_else() {
    let mut replayed = Replayed::open(ORDINARY);
    let story = replayed.judged();
    assert_eq!(story.told, ["black markerTonerAlmostEmpty raised"]);
    assert_eq!(story.percents("black"), [12, 11, 10, 9].map(Some));
    assert_eq!(story.states("sleep"), [false, true, false]);
    assert_eq!(replayed.board.counts().pages.pages, 15);
}

#[test]
fn a_cartridge_that_was_replaced_is_told_with_its_residue_and_one_that_was_re_seated_as_such() {
    let story = Replayed::open(CARTRIDGES).judged();
    // The type of a cartridge is not known while its memory does not answer, so the code is the generic one.
    let expected = [
        "cover coverOpen raised",
        "cyan subunitMissing raised",
        "cover coverOpen cleared",
        "cyan subunitMissing cleared",
        "cyan Replaced: 34 % out, 100 % in, another serial number",
        "cover coverOpen raised",
        "magenta subunitMissing raised",
        "cover coverOpen cleared",
        "magenta subunitMissing cleared",
        "magenta Reseated: 50 % out, 50 % in, same serial number",
    ];
    assert_eq!(story.told, expected);
}

#[test]
fn a_bus_and_a_thermistor_that_failed_are_each_told_once_and_a_bus_that_was_freed_is_not() {
    let mut replayed = Replayed::open(BUS);
    let story = replayed.judged();
    let expected = [
        "cartridges subunitRecoverableFailure raised",
        "cartridges subunitRecoverableFailure cleared",
        "fuser-heat markerFuserThermistorFailure raised",
        "fuser-heat markerFuserThermistorFailure cleared",
    ];
    assert_eq!(story.told, expected);
    let failures = replayed.trace.entries.iter().filter_map(|entry| match entry {
        TraceEntry::Transfer { failed, .. } => failed.as_deref(),
        _ => None,
    });
    assert_eq!(failures.collect::<BTreeSet<_>>(), BTreeSet::from(["ETIMEDOUT", "stuck"]));
}

#[test]
fn after_the_end_of_a_trace_everything_stays_as_it_was() {
    for name in ALL {
        let until_its_end = Replayed::open(name).judged();
        let mut replayed = Replayed::open(name);
        let mut samples = replayed.samples.clone();
        let end = *samples.last().unwrap();
        samples.extend((1..=SAMPLES_AFTER_THE_END).map(|second| end + Duration::from_secs(second)));
        let story = replayed.judged_at(&samples);
        assert_eq!(story.told, until_its_end.told, "{name}");
        assert_eq!(story.readings.last(), until_its_end.readings.last(), "{name}");
    }
}

#[test]
fn a_replay_that_is_recorded_says_the_same_to_the_bit() {
    for name in ALL {
        let mut replayed = Replayed::open(name);
        let (sink, heard) = sync_channel(MOST_ENTRIES);
        replayed.board.record(Some(sink));
        for moment in replayed.samples.clone() {
            replayed.pass_until(moment);
            drop(replayed.board.take_edges().unwrap());
            drop(replayed.board.sample());
        }
        replayed.board.record(None);
        // The beginning is first; it has another board file.
        let again: Vec<_> = heard.try_iter().skip(1).collect();
        let (said, edges) = sorted(&replayed.trace.entries);
        let (said_again, edges_again) = sorted(&again);
        assert_eq!(edges_again, edges, "{name}");
        assert_eq!(said_again.keys().collect::<Vec<_>>(), said.keys().collect::<Vec<_>>(), "{name}");
        for (bus, transfers) in said {
            let again: Vec<_> = said_again[bus].iter().map(|entry| without_time(entry)).collect();
            // A trace may be of an agent that asked some things twice: what is asked now stands there, in its order.
            let mut recorded = transfers.into_iter().map(without_time);
            assert!(!again.is_empty(), "{name}, {bus}");
            for one in &again {
                assert!(recorded.any(|known| known == *one), "{name}, {bus}: {one:?}");
            }
        }
    }
}

fn without_time(entry: &TraceEntry) -> TraceEntry {
    let mut entry = entry.clone();
    if let TraceEntry::Transfer { at, .. } = &mut entry {
        *at = 0;
    }
    entry
}
