//! Boards with buses that are told what to answer, and boards of which nothing is there.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use platen_protocol::supply::Level;
use platen_protocol::unknown::UnknownReason;
use proptest::prelude::*;

use crate::board::Verdict;
use crate::bus::tests::{Pulled, Scripted, Stopped};
use crate::chips::examine::Examination;
use crate::chips::job::{Chip, Job, Value};
use crate::chips::reader::{BusReader, ChipReader, ReaderSetup, conclude};
use crate::config;
use crate::fault::{BusFault, ReadFault};
use crate::recorder::TraceRecorder;
use crate::thermometer::{Thermometer, ThermometerChip};

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
    let setup = ReaderSetup {
        deadline: DEADLINE,
        clocks: [Box::new(clock.clone()), Box::new(clock.clone())],
        clock_line: line.map(|line| -> Box<dyn crate::bus::ClockLine> { Box::new(line) }),
        recorder: Arc::new(TraceRecorder::default()),
        surroundings: Examination::default(),
    };
    let jobs = (0..count).map(|n| (usize::from(n), job(n))).collect();
    (ChipReader::new("main", Scripted::new(answers), jobs, setup), clock)
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
    assert_eq!(answer.counts.failed_transfers, 0);
}

#[test]
fn one_missing_chip_is_no_failing_bus() {
    let (mut reader, _) = thermometers(2, [vec![Err(BusFault::ABSENT); 3], warm()].concat(), None);
    let answer = reader.read();
    assert_eq!(answer.failing, None);
    assert_eq!(answer.results[0].1, Err(ReadFault::Bus(BusFault::ABSENT)));
    assert_eq!((answer.counts.failed_transfers, answer.counts.failed_reads), (3, 1));
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
    assert_eq!(answer.counts.recoveries, 1);
    assert!(answer.results.iter().all(|(_, result)| result.is_ok()));
    assert_eq!(*line.0.lock().unwrap(), [true, false].repeat(9));
}

#[test]
fn a_bus_that_stays_stuck_says_that_freeing_it_was_tried() {
    let stuck = Err(BusFault::Stuck(Errno::EBUSY));
    let (mut reader, _) = thermometers(2, vec![stuck; 4], Some(Pulled::default()));
    let failing = reader.read().failing.unwrap();
    assert!(failing.contains("SDA of the bus is held low"), "{failing}");
    assert!(failing.contains("freeing it was tried: nine pulses"), "{failing}");
    assert!(failing.starts_with("the bus main (scripted) fails"), "{failing}");
}

#[test]
fn a_bus_without_a_recover_line_only_fails() {
    let (mut reader, _) = thermometers(2, vec![Err(TIMED_OUT); 2], None);
    let answer = reader.read();
    assert_eq!(answer.counts.recoveries, 0);
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
