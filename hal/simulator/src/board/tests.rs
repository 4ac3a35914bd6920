//! Whole boards before a simulated printer.

use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use platen_hal::config;
use platen_hal::trace::{self, TraceEntry};
use platen_protocol::readings::{CounterKind, Reading};
use platen_protocol::supply::{Capacity, Level, SupplyType, SupplyUnit};
use platen_protocol::unknown::UnknownReason;

use super::*;
use crate::{Fault, SimCommand};

fn load(board: &str) -> BoardConfig {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agent/boards").join(board);
    let text = std::fs::read_to_string(&file).unwrap();
    config::parse(&text.replace("backend = \"linux\"", "backend = \"simulated\""), &file).unwrap()
}

fn inline(board: &str) -> (Box<dyn Board>, SimPrinter) {
    let config = load(board);
    let printer = SimPrinter::accelerated(&config).unwrap();
    (open_inline(&config, &printer).unwrap(), printer)
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
    assert_eq!(board.counts().failed_reads, 0);
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
    let pages = board.counts().pages;
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
    assert!(board.counts().buses[0].failed_transfers > 0);
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
    let mut board = board(&config, &printer, Kind::Simulated).unwrap();
    let fault = |fault| printer.apply(&SimCommand::Fault { target: "cartridges".into(), fault }).unwrap();
    fault(Fault::Hangs);
    for _ in 0..2 {
        let readings = board.sample();
        let failing = readings.buses[0].failing.as_ref().unwrap();
        assert!(failing.detail.contains("a chip may be holding SCL low"), "{failing}");
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

/// Whether the board tells by its descriptor, within `limit`, that all buses have answered.
fn tells(board: &dyn Board, limit: PollTimeout) -> bool {
    let mut fds = [PollFd::new(board.sample_fd().unwrap(), PollFlags::POLLIN)];
    poll(&mut fds, limit).unwrap() == 1
}

#[test]
fn a_descriptor_tells_when_all_buses_have_answered_and_who_waits_for_it_hears_of_edges_meanwhile() {
    let config = load("colour-mfp.toml");
    let printer = SimPrinter::new(&config).unwrap();
    let mut board = board(&config, &printer, Kind::Simulated).unwrap();
    let fault = |fault| printer.apply(&SimCommand::Fault { target: "cartridges".into(), fault }).unwrap();
    for _ in 0..3 {
        board.begin_sample();
        assert!(tells(&*board, PollTimeout::NONE));
        assert!(board.sample_is_ready(Duration::ZERO));
        assert!(!tells(&*board, PollTimeout::ZERO), "it is told once");
        assert!(board.sample().buses.iter().all(|bus| bus.failing.is_none()));
    }
    // One that has not answered for the last sample does not tell for the next one that it is there.
    fault(Fault::Hangs);
    assert!(board.sample().buses[0].failing.is_some());
    fault(Fault::None);
    let back = (0..1_000).any(|_| {
        board.begin_sample();
        assert!(tells(&*board, PollTimeout::NONE));
        board.sample().buses[0].failing.is_none()
    });
    assert!(back, "the bus answers again and is not read");
}

#[test]
fn edges_that_come_while_a_bus_hangs_are_taken_before_the_sample_which_is_no_older_than_they_are() {
    let config = load("colour-mfp.toml");
    let printer = SimPrinter::new(&config).unwrap();
    let mut board = board(&config, &printer, Kind::Simulated).unwrap();
    printer.apply(&SimCommand::Fault { target: "cartridges".into(), fault: Fault::Hangs }).unwrap();
    board.begin_sample();
    // The deadline is far longer than what is left of this test's work, and ends it in any case.
    assert!(!board.sample_is_ready(Duration::ZERO));
    printer.apply(&SimCommand::Open { switch: "cover".into() }).unwrap();
    let edges = board.take_edges().unwrap();
    assert!(edges.iter().any(|edge| edge.switch == "cover" && edge.active), "{edges:?}");
    let readings = board.sample();
    assert!(readings.buses[0].failing.is_some());
    let cover = readings.switches.iter().find(|switch| switch.name == "cover").unwrap();
    assert_eq!(cover.active.known(), Some(&true));
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
    let pages = board.counts().pages;
    println!("{} pages, printing for {:?}", pages.pages, pages.printing);
    assert_eq!(pages.pages, 1_200);
}
