//! Boards with buses that are told what to answer, and whole boards before a simulated printer.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use platen_protocol::readings::{CounterKind, Reading};
use platen_protocol::supply::{Capacity, Level, SupplyType, SupplyUnit};
use platen_protocol::unknown::UnknownReason;
use proptest::prelude::*;

use crate::board::{Board, Verdict, open_inline};
use crate::bus::tests::{Pulled, Scripted, Stopped};
use crate::chips::examine::Examination;
use crate::chips::job::{Chip, Job, Value};
use crate::chips::reader::{BusReader, ChipReader, Fittings, conclude};
use crate::config::{self, BoardConfig};
use crate::fault::{BusFault, ReadFault};
use crate::sim::{Fault, SimCommand, SimPrinter};
use crate::tape::Tape;
use crate::thermometer::{Thermometer, ThermometerChip};
use crate::trace::{self, TraceEntry};

const TIMED_OUT: BusFault = BusFault::TimedOut(Errno::ETIMEDOUT);
const DEADLINE: Duration = Duration::from_secs(1);

/// A reader of thermometers at addresses from 0x48.
fn thermometers(
    count: u8,
    answers: Vec<Result<Vec<u8>, BusFault>>,
    line: Option<Pulled>,
) -> (ChipReader<Scripted>, Stopped) {
    let clock = Stopped::default();
    let job = |n: u8| Job {
        name: format!("t{n}"),
        bus: "main".into(),
        address: 0x48 + n,
        chip: Chip::Thermometer(Thermometer { chip: ThermometerChip::Lm75, address: 0x48 + n }),
    };
    let fittings = Fittings {
        deadline: DEADLINE,
        clocks: [Box::new(clock.clone()), Box::new(clock.clone())],
        clock_line: line.map(|line| -> Box<dyn crate::bus::ClockLine> { Box::new(line) }),
        tape: Arc::new(Tape::default()),
        surroundings: Examination::default(),
    };
    let jobs = (0..count).map(|n| (usize::from(n), job(n))).collect();
    (ChipReader::new("main", Scripted::new(answers), jobs, fittings), clock)
}

/// What a thermometer at 25 degrees answers: two readings, and its limit.
fn warm() -> Vec<Result<Vec<u8>, BusFault>> {
    vec![Ok(vec![0x19, 0]), Ok(vec![0x19, 0]), Ok(vec![0x50, 0])]
}

#[test]
fn a_bus_is_read_chip_by_chip() {
    let (mut reader, _) = thermometers(2, [warm(), warm()].concat(), None);
    let answer = reader.read();
    assert_eq!(answer.failing, None);
    assert_eq!(answer.results, [(0, Ok(Value::Millidegrees(25_000))), (1, Ok(Value::Millidegrees(25_000)))]);
    assert_eq!(answer.tally.failed_transfers, 0);
}

#[test]
fn one_missing_chip_is_no_failing_bus() {
    let (mut reader, _) = thermometers(2, [vec![Err(BusFault::ABSENT); 3], warm()].concat(), None);
    let answer = reader.read();
    assert_eq!(answer.failing, None);
    assert_eq!(answer.results[0].1, Err(ReadFault::Bus(BusFault::ABSENT)));
    assert_eq!((answer.tally.failed_transfers, answer.tally.failed_reads), (3, 1));
}

#[test]
fn a_thermometer_that_reads_the_same_byte_everywhere_is_damaged() {
    for byte in [0, 0xff, 0x19] {
        let (mut reader, _) = thermometers(1, vec![Ok(vec![byte; 2]); 12], None);
        assert_eq!(reader.read().results[0].1, Err(ReadFault::Constant(byte)));
    }
}

#[test]
fn a_stuck_bus_is_freed_and_read_again() {
    let line = Pulled::default();
    let stuck = Err(BusFault::Stuck(Errno::EBUSY));
    let (mut reader, _) = thermometers(2, [vec![stuck; 2], warm(), warm()].concat(), Some(line.clone()));
    let answer = reader.read();
    assert_eq!(answer.failing, None);
    assert_eq!(answer.tally.recoveries, 1);
    assert!(answer.results.iter().all(|(_, result)| result.is_ok()));
    assert_eq!(*line.0.lock().unwrap(), [true, false].repeat(9));
}

#[test]
fn a_bus_that_stays_stuck_says_that_freeing_it_was_tried() {
    let stuck = Err(BusFault::Stuck(Errno::EBUSY));
    let (mut reader, _) = thermometers(2, vec![stuck; 4], Some(Pulled::default()));
    let failing = reader.read().failing.unwrap();
    assert!(failing.contains("the data line of the bus is held down"), "{failing}");
    assert!(failing.contains("freeing it was tried: nine pulses"), "{failing}");
    assert!(failing.starts_with("the bus main (scripted) fails"), "{failing}");
}

#[test]
fn a_bus_without_a_recover_line_only_fails() {
    let (mut reader, _) = thermometers(2, vec![Err(TIMED_OUT); 2], None);
    let answer = reader.read();
    assert_eq!(answer.tally.recoveries, 0);
    assert!(answer.failing.unwrap().contains("no answer in time"));
}

#[test]
fn chips_whose_turn_never_came_are_first_the_next_time() {
    let (mut reader, _) = thermometers(3, [warm(), warm(), warm(), warm()].concat(), None);
    // The time for the first pass is over before it begins; one chip has its turn nevertheless.
    let first = reader.pass(Duration::ZERO);
    let deadline = |n| (n, Err(ReadFault::Bus(BusFault::Deadline)));
    assert_eq!(first, [(0, Ok(Value::Millidegrees(25_000))), deadline(1), deadline(2)]);
    let second = reader.pass(Duration::MAX);
    assert_eq!(second.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [1, 2, 0]);
    assert!(second.iter().all(|(_, result)| result.is_ok()));
}

#[test]
fn a_bus_fails_only_when_everything_on_it_does() {
    let bus = ReadFault::Bus;
    let lost = bus(BusFault::ArbitrationLost(Errno::EAGAIN));
    let (late, absent, out) = (bus(BusFault::Deadline), bus(BusFault::ABSENT), bus(TIMED_OUT));
    let (zeros, damaged) = (ReadFault::Constant(0), ReadFault::Damaged(String::new()));
    for (chips, failing) in [
        (vec![(0x50, None), (0x51, Some(&lost))], false),
        (vec![(0x50, Some(&lost))], true),
        (vec![(0x50, Some(&lost)), (0x51, Some(&late))], true),
        (vec![(0x50, Some(&lost)), (0x51, Some(&absent))], false),
        (vec![(0x50, Some(&lost)), (0x51, Some(&damaged))], false),
        (vec![(0x50, Some(&absent)), (0x51, Some(&absent))], false),
        (vec![(0x50, Some(&out))], false),
        (vec![(0x48, Some(&out)), (0x48, Some(&out))], false),
        (vec![(0x50, Some(&out)), (0x51, Some(&out))], true),
        (vec![(0x50, Some(&out)), (0x51, Some(&late))], true),
        (vec![(0x50, Some(&zeros))], false),
        (vec![(0x50, Some(&zeros)), (0x51, Some(&zeros))], true),
        (vec![], false),
    ] {
        assert_eq!(conclude(chips.clone()).is_some(), failing, "{chips:?}");
    }
}

proptest! {
    #[test]
    fn a_chip_that_answers_keeps_its_bus_from_failing(
        faults in proptest::collection::vec(0..6_usize, 0..10), good in 0..10_usize
    ) {
        let kinds = [
            ReadFault::Bus(TIMED_OUT),
            ReadFault::Bus(BusFault::ArbitrationLost(Errno::EAGAIN)),
            ReadFault::Bus(BusFault::Busy),
            ReadFault::Bus(BusFault::Deadline),
            ReadFault::Constant(0),
            ReadFault::Bus(BusFault::Kernel(Errno::EIO)),
        ];
        let mut chips: Vec<_> = (0x50..).zip(&faults).map(|(address, kind)| (address, Some(&kinds[*kind]))).collect();
        chips.insert(good.min(chips.len()), (0x48, None));
        prop_assert_eq!(conclude(chips), None);
    }
}

fn load(board: &str) -> BoardConfig {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent/boards").join(board);
    let text = std::fs::read_to_string(&file).unwrap();
    config::parse(&text.replace("backend = \"linux\"", "backend = \"simulated\""), &file).unwrap()
}

fn inline(board: &str) -> (Box<dyn Board>, SimPrinter) {
    let config = load(board);
    let printer = SimPrinter::accelerated(&config).unwrap();
    (open_inline(&config, &printer).unwrap(), printer)
}

#[test]
fn the_ready_boards_are_right_on_a_real_board_too() {
    for board in ["colour-mfp.toml", "mono-desktop.toml"] {
        config::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent/boards").join(board)).unwrap();
    }
}

#[test]
fn the_boards_of_the_documentation_are_right() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/board.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let example = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let config = config::parse(example, &file).unwrap();
    assert_eq!((config.buses.len(), config.supplies.len(), config.parts.len()), (2, 3, 2));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent/board.toml");
    let commented = std::fs::read_to_string(&file).unwrap();
    config::parse(&commented, &file).unwrap();
    let uncommented: String = commented
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n");
    assert_eq!(config::parse(&uncommented, &file).unwrap().supplies.len(), 1);
}

#[test]
fn a_whole_colour_printer_is_read() {
    let (mut board, _printer) = inline("colour-mfp.toml");
    let readings = board.sample();
    for supply in &readings.supplies {
        assert!(supply.percent().is_some(), "{supply:?}");
        assert!(supply.expected.is_some() == supply.serial.is_some(), "{supply:?}");
    }
    let waste = readings.supplies.iter().find(|supply| supply.name == "waste").unwrap();
    assert_eq!((waste.unit, waste.capacity), (SupplyUnit::Percent, Capacity::Known { amount: 100 }));
    assert_eq!(waste.supply_type, SupplyType::WasteToner);
    assert_eq!(readings.parts.len(), 5);
    assert!(readings.parts.iter().all(|part| part.percent_left().is_some()), "{:?}", readings.parts);
    assert_eq!(readings.parts[4].unit, SupplyUnit::Sheets);
    assert!(
        readings.temperatures.iter().all(|temperature| temperature.millidegrees_celsius.known().is_some())
    );
    assert!(readings.switches.iter().all(|switch| switch.active.known().is_some()));
    let count = |kind| readings.counter(kind).unwrap().value.known().copied().unwrap();
    assert_eq!(
        count(CounterKind::Impressions),
        count(CounterKind::FullColor) + count(CounterKind::Monochrome)
    );
    assert_eq!(count(CounterKind::PageExits), 0);
    assert!(readings.buses.iter().all(|bus| bus.failing.is_none()));
    assert_eq!(board.tallies().failed_reads, 0);
}

#[test]
fn a_waste_box_is_known_by_its_switches() {
    let (mut board, printer) = inline("mono-desktop.toml");
    let switch = |name: &str, active| {
        printer.apply(&SimCommand::Switch { switch: name.into(), active }).unwrap();
    };
    let mut level = |present, full| {
        switch("waste-present", present);
        switch("waste-full", full);
        board.sample().supplies[1].level.clone()
    };
    assert_eq!(level(true, false), Level::SomeRemains);
    assert_eq!(level(true, true), Level::Known { amount: 0 });
    let Level::Unknown { cause } = level(false, false) else {
        panic!("a box that is not there has no level")
    };
    assert_eq!(cause.reason, UnknownReason::NoAnswer);
}

#[test]
fn pages_at_the_exit_are_counted_and_are_no_edges() {
    let (mut board, printer) = inline("mono-desktop.toml");
    printer.apply(&SimCommand::Print { pages: 100, per_minute: Some(1_200) }).unwrap();
    printer.advance(Duration::from_secs(10));
    let edges = board.take_edges().unwrap();
    assert!(edges.iter().all(|edge| edge.switch != "page-exit"), "{edges:?}");
    let pages = board.tallies().pages;
    assert_eq!(pages.pages, 100);
    assert!(pages.printing > Duration::ZERO && pages.printing < Duration::from_secs(10), "{pages:?}");
    let readings = board.sample();
    assert_eq!(readings.counter(CounterKind::PageExits).unwrap().value.known(), Some(&100));
}

#[test]
fn a_bus_that_fails_takes_its_chips_and_no_others() {
    let (mut board, printer) = inline("colour-mfp.toml");
    printer.apply(&SimCommand::Fault { target: "cartridges".into(), fault: Fault::ArbitrationLost }).unwrap();
    let readings = board.sample();
    let causes: Vec<_> =
        readings.buses.iter().map(|bus| bus.failing.as_ref().map(|cause| cause.reason)).collect();
    assert_eq!(causes, [Some(UnknownReason::BusFailing), None]);
    assert!(
        matches!(&readings.supplies[0].level, Level::Unknown { cause } if cause.reason == UnknownReason::BusFailing)
    );
    assert!(
        matches!(&readings.parts[0].used, Reading::Unknown { cause } if cause.reason == UnknownReason::BusFailing)
    );
    assert!(
        readings.temperatures.iter().all(|temperature| temperature.millidegrees_celsius.known().is_some())
    );
    assert!(board.tallies().buses[0].failed_transfers > 0);
}

#[test]
fn constant_bytes_are_never_a_number() {
    let (mut board, printer) = inline("colour-mfp.toml");
    for target in ["black", "engine", "hopper", "waste", "fuser", "ambient"] {
        printer.apply(&SimCommand::Fault { target: target.into(), fault: Fault::Constant }).unwrap();
    }
    let readings = board.sample();
    for supply in
        readings.supplies.iter().filter(|supply| ["black", "hopper", "waste"].contains(&supply.name.as_str()))
    {
        assert!(matches!(supply.level, Level::Unknown { .. }), "{supply:?}");
    }
    assert!(readings.parts.iter().all(|part| part.used.known().is_none()));
    assert!(
        readings.temperatures.iter().all(|temperature| temperature.millidegrees_celsius.known().is_none())
    );
    assert!(
        readings
            .counters
            .iter()
            .filter(|c| c.kind != CounterKind::PageExits)
            .all(|c| c.value.known().is_none())
    );
}

#[test]
fn a_wire_that_is_cut_or_short_is_unknown_and_says_so() {
    let (mut board, printer) = inline("colour-mfp.toml");
    for fault in [Fault::OpenCircuit, Fault::ShortCircuit] {
        for target in ["hopper", "waste", "fuser"] {
            printer.apply(&SimCommand::Fault { target: target.into(), fault }).unwrap();
        }
        let readings = board.sample();
        for supply in
            readings.supplies.iter().filter(|supply| supply.capacity == Capacity::Known { amount: 100 })
        {
            let Level::Unknown { cause } = &supply.level else { panic!("{fault:?}: {supply:?}") };
            assert_eq!(cause.reason, UnknownReason::Implausible, "{fault:?}: {cause}");
        }
        let Reading::Unknown { cause } = &readings.temperatures[0].millidegrees_celsius else {
            panic!("{fault:?}: {:?}", readings.temperatures[0]);
        };
        assert_eq!(cause.reason, UnknownReason::Implausible, "{cause}");
    }
}

#[test]
fn lines_that_are_gone_are_unknown_until_they_are_back() {
    let (mut board, printer) = inline("mono-desktop.toml");
    let lines = |fault| printer.apply(&SimCommand::Fault { target: "gpio".into(), fault }).unwrap();
    lines(Fault::LinesGone);
    let readings = board.sample();
    assert!(readings.switches.iter().all(|switch| switch.active.known().is_none()));
    assert!(readings.counter(CounterKind::PageExits).unwrap().value.known().is_none());
    lines(Fault::None);
    assert!(board.sample().switches.iter().all(|switch| switch.active.known().is_some()));
}

#[test]
fn an_examination_names_the_chip_that_does_not_answer_and_what_to_check() {
    let (mut board, printer) = inline("mono-desktop.toml");
    assert!(
        board.diagnose().iter().all(|finding| finding.verdict == Verdict::Fine),
        "{:?}",
        board.diagnose()
    );
    printer.apply(&SimCommand::Fault { target: "black".into(), fault: Fault::Absent }).unwrap();
    let findings = board.diagnose();
    let black = findings.iter().find(|finding| finding.subject == "black").unwrap();
    assert_eq!(black.verdict, Verdict::Failed);
    assert_eq!(black.place, "bus main (simulated), address 0x50");
    assert!(black.what.contains("ENXIO"), "{}", black.what);
    assert!(black.check.as_ref().unwrap().contains("address pins give 0x50"), "{black:?}");
    let bus = findings.iter().find(|finding| finding.subject == "bus main").unwrap();
    assert_eq!(bus.verdict, Verdict::Doubtful);
}

#[test]
fn an_examination_finds_chips_that_no_entry_names() {
    let whole = load("mono-desktop.toml");
    let printer = SimPrinter::accelerated(&whole).unwrap();
    let text = whole.text.replace("address = 0x50", "address = 0x51");
    let other = config::parse(&text, Path::new("board.toml")).unwrap();
    let findings = open_inline(&other, &printer).unwrap().diagnose();
    let stranger = findings.iter().find(|finding| finding.subject == "no entry").unwrap();
    assert_eq!(
        (stranger.verdict, stranger.place.as_str()),
        (Verdict::Doubtful, "bus main (simulated), address 0x50")
    );
    let black = findings.iter().find(|finding| finding.subject == "black").unwrap();
    assert!(black.check.as_ref().unwrap().contains("0x50 answers and is in no entry"), "{black:?}");
}

#[test]
fn a_recording_is_a_trace_that_can_be_read() {
    let (mut board, printer) = inline("mono-desktop.toml");
    let (sink, heard) = std::sync::mpsc::sync_channel(1_000);
    board.record(Some(sink));
    board.sample();
    printer.apply(&SimCommand::Open { switch: "cover".into() }).unwrap();
    board.take_edges().unwrap();
    board.record(None);
    let mut text = Vec::new();
    for entry in heard.try_iter() {
        trace::write_entry(&mut text, &entry).unwrap();
    }
    let trace = trace::read(&mut text.as_slice()).unwrap();
    assert!(config::parse(&trace.board, Path::new("board.toml")).is_ok());
    let transfers = trace.entries.iter().filter(|entry| matches!(entry, TraceEntry::Transfer { .. })).count();
    assert_eq!(transfers, 2, "the cartridge and the engine, one combined transfer each");
    let switches: Vec<_> = trace
        .entries
        .iter()
        .filter_map(|entry| match entry {
            TraceEntry::Switch { switch, active, .. } if switch == "cover" => Some(*active),
            _ => None,
        })
        .collect();
    assert_eq!(switches, [false, true]);
}

#[test]
fn a_bus_that_hangs_holds_up_neither_the_board_nor_its_other_buses() {
    let config = load("colour-mfp.toml");
    let printer = SimPrinter::new(&config).unwrap();
    let mut board = crate::simulated::board(&config, &printer, crate::simulated::Threads::OneEach).unwrap();
    let fault = |fault| printer.apply(&SimCommand::Fault { target: "cartridges".into(), fault }).unwrap();
    fault(Fault::Hangs);
    for _ in 0..2 {
        let readings = board.sample();
        let failing = readings.buses[0].failing.as_ref().unwrap();
        assert!(failing.detail.contains("still busy"), "{failing}");
        assert!(readings.buses[1].failing.is_none());
        assert!(readings.temperatures.iter().all(|t| t.millidegrees_celsius.known().is_some()));
    }
    fault(Fault::None);
    // The thread comes back by itself; a sample that finds it so reads the bus again.
    let back = (0..1_000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        board.sample().buses[0].failing.is_none()
    });
    assert!(back, "the bus answers again and is not read");
}

#[test]
fn no_page_is_lost_at_twenty_a_second_for_a_minute() {
    let (mut board, printer) = inline("mono-desktop.toml");
    printer.apply(&SimCommand::Print { pages: 1_200, per_minute: Some(1_200) }).unwrap();
    // Edges are taken only every ten seconds, and at last after a minute in which nobody took any.
    for _ in 0..3 {
        printer.advance(Duration::from_secs(10));
        board.take_edges().unwrap();
    }
    printer.advance(Duration::from_secs(60));
    board.take_edges().unwrap();
    let pages = board.tallies().pages;
    println!("{} pages, printing for {:?}", pages.pages, pages.printing);
    assert_eq!(pages.pages, 1_200);
}

/// A real board with nothing behind it.
const NOWHERE: &str = r#"
backend = "linux"
model = "m"
[[bus]]
name = "main"
device = "/dev/i2c-none"
[[bus]]
name = "other"
adapter = "no such adapter"
[[supply]]
name = "black"
bus = "main"
chip = "24c02"
address = 0x50
[[switch]]
name = "cover"
meaning = "cover"
gpio = "/dev/gpiochip-none"
line = 3
"#;

#[test]
fn a_real_board_of_which_nothing_is_there_is_not_opened_and_says_what_to_check() {
    let config = config::parse(NOWHERE, Path::new("board.toml")).unwrap();
    let message = crate::open(&config).err().unwrap().to_string();
    assert!(message.contains("the bus main (/dev/i2c-none) cannot be opened"), "{message}");
}

#[test]
fn a_board_that_cannot_be_opened_is_examined_bus_by_bus_and_line_by_line() {
    let config = config::parse(NOWHERE, Path::new("board.toml")).unwrap();
    let findings = crate::diagnose_file(&config).unwrap();
    let told: Vec<_> = findings.iter().map(|f| (f.subject.as_str(), f.verdict)).collect();
    assert_eq!(
        told,
        [("bus main", Verdict::Failed), ("bus other", Verdict::Failed), ("cover", Verdict::Failed)]
    );
    assert!(findings[0].what.contains("ENOENT"), "{:?}", findings[0]);
    assert!(findings[1].what.contains("no I2C adapter has the name"), "{:?}", findings[1]);
    assert!(findings[2].place.contains("/dev/gpiochip-none line 3"), "{:?}", findings[2]);
    assert!(findings.iter().all(|finding| finding.check.is_some()));
}

#[test]
fn a_board_whose_adapters_are_away_reads_unknown_with_the_cause() {
    let config = config::parse(NOWHERE, Path::new("board.toml")).unwrap();
    let mut board = crate::linux::board(&config, crate::linux::Strictness::AnythingGoes).unwrap();
    let readings = board.sample();
    assert!(readings.buses.iter().all(|bus| bus.failing.is_some()));
    let Level::Unknown { cause } = &readings.supplies[0].level else { panic!("{:?}", readings.supplies[0]) };
    assert!(cause.reason == UnknownReason::BusFailing && cause.detail.contains("/dev/i2c-none"), "{cause}");
    assert!(readings.switches[0].active.known().is_none());
    assert!(board.edge_fds().is_empty());
}
