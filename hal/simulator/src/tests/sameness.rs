//! The same seed, the same printer; scenarios and traces.

use proptest::prelude::*;

use super::*;
use crate::scenario;
use std::thread;

const WEEK: &str = r#"
[[at]]
after = "1h"
every = "24h"
act = "print"
pages = 200
per_minute = 20
[[at]]
after = "30h"
act = "fault"
target = "cyan"
fault = "bit-flips"
[[at]]
after = "50h"
act = "replace"
target = "black"
[[at]]
after = "50h"
act = "replace"
target = "black"
[[at]]
after = "60h"
every = "1h"
repeat = 3
act = "press"
button = "service"
"#;

fn steps(printer: &SimPrinter, text: &str) -> Vec<scenario::Step> {
    let check = |command: &SimCommand| lock(&printer.shared.world).resolve(command).map(drop);
    scenario::parse(text, Path::new("week.toml"), &check).unwrap()
}

/// Everything that a reader sees in a week, read now and then.
fn a_week(seed: u64) -> Vec<u8> {
    let printer = seeded(seed);
    printer.play(steps(&printer, WEEK)).unwrap();
    let watch = printer.watch_lines().unwrap();
    let mut shown = Vec::new();
    for _ in 0..200 {
        printer.advance(seconds(3000));
        for (bus, chip, at) in [
            ("main", 0x50, &[0][..]),
            ("main", 0x51, &[0, 0]),
            ("upper", 0x50, &[0, 0]),
            ("main", 0x49, &[0]),
        ] {
            match read(&printer, bus, chip, at, 128) {
                Ok(bytes) => shown.extend(bytes),
                Err(fault) => shown.extend(fault.to_string().bytes()),
            }
        }
        shown.extend(millivolts(&printer, 1).to_bits().to_be_bytes());
        shown.extend(watch.take().unwrap().iter().flat_map(|edge| edge.at.as_nanos().to_be_bytes()));
    }
    shown.extend(format!("{:?}", printer.truth()).bytes());
    shown
}

#[test]
fn a_scenario_is_played_by_the_printers_clock() {
    let printer = seeded(3);
    printer.play(steps(&printer, WEEK)).unwrap();
    printer.advance(seconds(7 * 24 * 3600));
    let truth = printer.truth();
    assert_eq!(truth.pages, 7 * 200);
    assert_eq!(truth.replacements.len(), 1);
    assert_eq!(truth.refusals.len(), 1, "the second replacement at the same time");
    let pressed =
        |condition: &&truth::Condition| condition.what == truth::What::Switch(SwitchMeaning::ServiceButton);
    assert_eq!(truth.conditions.iter().filter(pressed).count(), 3);
}

#[test]
fn the_scenarios_that_come_with_the_project_fit_the_boards_that_they_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut played = 0;
    for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        let board = std::fs::read_to_string(&file).unwrap();
        let board =
            board.lines().next().unwrap().trim_start_matches("# For ").trim_end_matches(':').to_owned();
        let board = config::load(&folder.join(board)).unwrap();
        let printer = SimPrinter::accelerated(&board).unwrap();
        let check = |command: &SimCommand| lock(&printer.shared.world).resolve(command).map(drop);
        let steps = scenario::load(&file, &check).unwrap_or_else(|error| panic!("{error}"));
        printer.play(steps).unwrap();
        printer.advance(seconds(24 * 3600));
        let truth = printer.truth();
        assert!(truth.pages > 0 && truth.refusals.is_empty(), "{}: {truth:?}", file.display());
        played += 1;
    }
    assert!(played >= 3);
}

#[test]
fn the_acts_of_the_demo_work_on_each_of_its_printers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/demo");
    for name in ["lobby", "studio", "warehouse"] {
        let printer =
            SimPrinter::accelerated(&config::load(&folder.join(format!("{name}.toml"))).unwrap()).unwrap();
        assert_eq!(print(&printer, 10), "10 pages printed");
        set(&printer, "black", 4);
        assert_eq!(supply_truth(&printer, "black").thousandths, 40);
        for (command, told) in [
            ("act = \"open\"\nswitch = \"cover\"", "cover is open"),
            ("act = \"close\"\nswitch = \"cover\"", "cover is closed"),
            ("act = \"press\"\nbutton = \"service\"", "service pressed and released"),
            ("act = \"press\"\nbutton = \"order\"", "order pressed and released"),
        ] {
            assert_eq!(act(&printer, command), told);
        }
    }
}

#[test]
fn a_board_file_names_its_scenario_and_its_trace() {
    let folder = tempfile::TempDir::new().unwrap();
    let at = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    at("board.toml", &BOARD.replace("{}", "[simulation]\nscenario = \"day.toml\"\n"));
    at("day.toml", "[[at]]\nafter = \"1s\"\nact = \"open\"\nswitch = \"lid\"\n");
    let config = config::load(&folder.path().join("board.toml")).unwrap();
    let error = SimPrinter::accelerated(&config).err().unwrap().to_string();
    assert!(error.contains("day.toml:1: ") && error.contains("cover"), "{error}");

    at("board.toml", &BOARD.replace("{}", "[simulation]\ntrace = \"field.jsonl\"\n"));
    at(
        "field.jsonl",
        "{\"kind\":\"begin\",\"version\":1,\"board\":\"\"}\n\
         {\"kind\":\"switch\",\"at\":10,\"switch\":\"cover\",\"active\":false}\n\
         {\"kind\":\"transfer\",\"at\":20,\"bus\":\"main\",\"address\":80,\"operations\":[{\"write\":\"00\"},{\"read\":\"abcd\"}]}\n\
         {\"kind\":\"switch\",\"at\":5000000,\"switch\":\"cover\",\"active\":true}\n",
    );
    let config = config::load(&folder.path().join("board.toml")).unwrap();
    let printer = SimPrinter::accelerated(&config).unwrap();
    assert_eq!(read(&printer, "main", 0x50, &[0], 2), Ok(vec![0xab, 0xcd]));
    let told = edges(&printer, "cover", || printer.advance(seconds(10)));
    assert_eq!(told.iter().map(|edge| (edge.active, edge.at)).collect::<Vec<_>>(), [(true, seconds(5))]);
    assert_eq!(refusal(&printer, "act = \"print\"\npages = 1"), SimError::Replays.to_string());
}

#[test]
fn a_recording_of_a_board_replays_to_the_same_readings() {
    let printer = seeded(11);
    fault(&printer, "cyan", Fault::Absent);
    let mut real = crate::board::open_inline(&board(""), &printer).unwrap();
    let (sink, heard) = std::sync::mpsc::sync_channel(10_000);
    real.record(Some(sink));
    let first = real.sample();
    printer.advance(seconds(10));
    print(&printer, 500);
    act(&printer, "act = \"open\"\nswitch = \"cover\"");
    fault(&printer, "cyan", Fault::None);
    printer.advance(seconds(10));
    real.take_edges().unwrap();
    let second = real.sample();
    real.record(None);
    assert_ne!(first, second);

    let folder = tempfile::TempDir::new().unwrap();
    let mut field = Vec::new();
    for entry in heard.try_iter() {
        platen_hal::trace::write_entry(&mut field, &entry).unwrap();
    }
    std::fs::write(folder.path().join("field.jsonl"), field).unwrap();
    let text = BOARD.replace("{}", "[simulation]\ntrace = \"field.jsonl\"\n");
    let config = config::parse(&text, &folder.path().join("board.toml")).unwrap();
    let replayed = SimPrinter::accelerated(&config).unwrap();
    let mut again = crate::board::open_inline(&config, &replayed).unwrap();
    assert_eq!(again.sample(), first);
    replayed.advance(seconds(20));
    assert_eq!(again.sample(), second);
}

#[test]
fn another_seed_is_another_printer() {
    assert_ne!(a_week(1), a_week(2));
}

#[test]
fn a_live_printer_prints_by_itself() {
    let printer = SimPrinter::new(&board("[simulation]\nspeed = 100000\n")).unwrap();
    let watch = printer.watch_lines().unwrap();
    act(&printer, "act = \"print\"\npages = 5\nper_minute = 60");
    while printer.truth().pages < 5 {
        thread::yield_now();
    }
    assert!(!watch.take().unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn the_same_seed_gives_the_same_bytes_and_edges(seed: u64) {
        prop_assert!(a_week(seed) == a_week(seed));
    }
}
