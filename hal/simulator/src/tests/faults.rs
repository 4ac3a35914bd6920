//! Faults, each where it shows.

use super::*;
use nix::errno::Errno;
use std::thread;

#[test]
fn faults_of_the_wire_show_on_the_chip_that_has_them() {
    let printer = exact();
    // The first record is in the second copy's place.
    let from_black = || read(&printer, "main", 0x50, &[64], 4);
    assert_eq!(from_black().unwrap(), b"PLTN");
    for (broken, errno) in [
        (Fault::Absent, BusFault::ABSENT),
        (Fault::TimesOut, BusFault::TimedOut(Errno::ETIMEDOUT)),
        (Fault::ArbitrationLost, BusFault::ArbitrationLost(Errno::EAGAIN)),
    ] {
        fault(&printer, "black", broken);
        assert_eq!(from_black(), Err(errno));
        assert!(read(&printer, "main", 0x51, &[0, 0], 8).is_ok(), "the others answer");
    }
    fault(&printer, "black", Fault::Constant);
    assert_eq!(from_black().unwrap(), [0xff; 4]);
    fault(&printer, "black", Fault::Corrupt);
    assert_ne!(from_black().unwrap(), from_black().unwrap(), "no two are disturbed alike");
    fault(&printer, "black", Fault::None);
    assert_eq!(from_black().unwrap(), b"PLTN");
}

#[test]
fn flipped_bits_come_now_and_then_and_never_twice_in_a_row() {
    let printer = seeded(9);
    fault(&printer, "cyan", Fault::BitFlips);
    printer.advance(seconds(1));
    let stored = lock(&printer.shared.world).cells("cyan", 64);
    let differs = |read: &[u8]| read.iter().zip(&stored).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>();
    let flips: Vec<_> =
        (0..200).map(|_| differs(&read(&printer, "main", 0x51, &[0, 0], 64).unwrap())).collect();
    assert!(flips.iter().filter(|flip| **flip > 0).count() > 10);
    assert!(flips.windows(2).all(|pair| pair[0] == 0 || pair[1] == 0));
}

#[test]
fn faults_of_a_bus_are_those_of_all_on_it_and_behind_it() {
    let printer = exact();
    for (broken, errno) in [
        (Fault::TimesOut, BusFault::TimedOut(Errno::ETIMEDOUT)),
        (Fault::ArbitrationLost, BusFault::ArbitrationLost(Errno::EAGAIN)),
        (Fault::StuckData, BusFault::Stuck(Errno::EBUSY)),
    ] {
        fault(&printer, "upper", broken);
        assert_eq!(read(&printer, "upper", 0x50, &[0, 0], 1), Err(errno));
        assert_eq!(read(&printer, "behind", 0x54, &[0], 1), Err(errno));
        assert!(read(&printer, "main", 0x50, &[0], 1).is_ok(), "the other bus works");
        fault(&printer, "upper", Fault::None);
    }
}

#[test]
fn nine_pulses_free_a_bus_whose_data_line_is_held() {
    let printer = exact();
    fault(&printer, "main", Fault::StuckData);
    let recover = 9;
    let pulse = || {
        printer.drive_output(recover, false);
        printer.drive_output(recover, true);
    };
    (0..8).for_each(|_| pulse());
    assert_eq!(read(&printer, "main", 0x50, &[0], 1), Err(BusFault::Stuck(Errno::EBUSY)));
    pulse();
    assert!(read(&printer, "main", 0x50, &[0], 1).is_ok());
    assert!(printer.truth().conditions[0].end.is_some());
}

#[test]
fn a_bus_that_hangs_holds_an_accelerated_reader_for_its_deadline() {
    let printer = exact();
    fault(&printer, "main", Fault::Hangs);
    let before = printer.clock();
    assert_eq!(read(&printer, "main", 0x50, &[0], 1), Err(BusFault::TimedOut(Errno::ETIMEDOUT)));
    assert_eq!(printer.clock(), before + seconds(1));
}

#[test]
fn a_live_bus_that_hangs_lets_go_when_it_is_mended() {
    let printer = SimPrinter::new(&board("")).unwrap();
    fault(&printer, "main", Fault::Hangs);
    let reader = printer.clone();
    let waiting = thread::spawn(move || read(&reader, "main", 0x50, &[0], 1));
    fault(&printer, "main", Fault::None);
    assert!(waiting.join().unwrap().is_ok());
}

#[test]
fn chips_behind_a_multiplexer_answer_above_it_when_their_channel_is_connected() {
    let printer = exact();
    assert!(read(&printer, "behind", 0x54, &[0], 1).is_ok(), "by the name of their bus always");
    assert_eq!(read(&printer, "upper", 0x54, &[0], 1), Err(BusFault::ABSENT));
    printer.transfer("upper", 0x70, &mut [Operation::Write(&[1 << 3])]).unwrap();
    assert_eq!(read(&printer, "upper", 0x54, &[64], 4).unwrap(), b"PLTN");
    printer.transfer("upper", 0x70, &mut [Operation::Write(&[1 << 2])]).unwrap();
    assert_eq!(read(&printer, "upper", 0x54, &[0], 1), Err(BusFault::ABSENT));
}

#[test]
fn faults_of_records_are_written_to_the_chip() {
    let printer = exact();
    set(&printer, "black", 60);
    fault(&printer, "black", Fault::Torn);
    assert_eq!(black(&printer).used, 1200, "the older copy is whole");
    fault(&printer, "black", Fault::WrongType);
    assert_eq!(black(&printer).colorant, Some("cyan"));
    fault(&printer, "black", Fault::UsedAboveCapacity);
    assert_eq!(black(&printer).used, 3001);
    fault(&printer, "black", Fault::None);
    assert_eq!((black(&printer).used, black(&printer).colorant), (1200, Some("black")));
}

#[test]
fn leaks_and_counterfeits_use_another_amount_than_the_counters_say() {
    let used = |kind| {
        let printer = exact();
        set(&printer, "black", 100);
        fault(&printer, "black", kind);
        print(&printer, 1000);
        (black(&printer).used, supply_truth(&printer, "black").thousandths)
    };
    assert_eq!(used(Fault::None), (300, 900));
    assert_eq!(used(Fault::Leak), (2400, 200));
    assert_eq!(used(Fault::Counterfeit), (15, 900));
}

#[test]
fn a_wire_that_is_cut_or_short_takes_the_input_to_an_end() {
    let printer = exact();
    fault(&printer, "waste", Fault::OpenCircuit);
    assert!((millivolts(&printer, 0) - 3300.0).abs() < 1.0);
    fault(&printer, "fuser", Fault::ShortCircuit);
    assert!(millivolts(&printer, 1).abs() < 1.0);
}

#[test]
fn a_fuser_runs_away_or_stays_cold() {
    let printer = exact();
    let fuser = || printer.truth().temperatures[0].millidegrees;
    fault(&printer, "fuser", Fault::Overheats);
    printer.advance(seconds(120));
    assert!(fuser() > 230_000, "{}", fuser());
    assert!(print(&printer, 1).contains("too hot"));
    fault(&printer, "fuser", Fault::Cold);
    printer.advance(seconds(600));
    assert!(fuser() < 60_000, "{}", fuser());
    assert!(print(&printer, 1).contains("too cold"));
    fault(&printer, "fuser", Fault::None);
    printer.advance(seconds(60));
    assert!((179_000..=180_000).contains(&fuser()), "{}", fuser());
}

#[test]
fn a_sensor_drifts_slowly_or_is_noisy_while_the_temperature_is_right() {
    let printer = exact();
    let ambient = || {
        let bytes = read(&printer, "main", 0x49, &[0], 2).unwrap();
        i16::from_be_bytes([bytes[0], bytes[1]]) >> 7
    };
    assert_eq!(ambient(), 46, "23 degrees in halves");
    fault(&printer, "ambient", Fault::Drift);
    printer.advance(seconds(5 * 3600));
    assert_eq!(ambient(), 66);
    fault(&printer, "ambient", Fault::Noisy);
    let mut values: Vec<_> = (0..50)
        .map(|_| {
            printer.advance(seconds(1));
            ambient()
        })
        .collect();
    values.sort_unstable();
    assert!(values[49] - values[0] > 10 && values[0] >= 34 && values[49] <= 58, "{values:?}");
    assert_eq!(printer.truth().temperatures[1].millidegrees, 23_000);
}

#[test]
fn the_counters_of_the_engine_go_back_once() {
    let printer = exact();
    let before = store(&printer).impressions;
    fault(&printer, "engine", Fault::CountsBackwards);
    assert_eq!(store(&printer).impressions, before - 1000);
    print(&printer, 1);
    assert_eq!(store(&printer).impressions, before - 999);
}

#[test]
fn lines_that_are_gone_tell_nothing_until_they_are_back() {
    let printer = exact();
    let told = edges(&printer, "cover", || {
        fault(&printer, "gpio", Fault::LinesGone);
        assert!(printer.lines_gone());
        act(&printer, "act = \"open\"\nswitch = \"cover\"");
        fault(&printer, "gpio", Fault::None);
    });
    assert!(told.is_empty());
    assert!(!printer.lines_gone());
    assert!(!printer.electrical_level(0), "open, and active low");
}

#[test]
fn a_worn_contact_bounces_long() {
    let printer = exact();
    fault(&printer, "cover", Fault::Bounces);
    let told = edges(&printer, "cover", || {
        act(&printer, "act = \"open\"\nswitch = \"cover\"");
        printer.advance(seconds(1));
    });
    assert!(told.len() >= 11, "{}", told.len());
    assert!(told.last().unwrap().active);
}

#[test]
fn a_fault_on_a_target_that_cannot_have_it_is_refused_with_what_it_can_have() {
    let printer = exact();
    for (target, kind, words) in [
        ("cover", "torn", "it can have: bounces"),
        ("rollers", "absent", "it cannot have any"),
        ("main", "leak", "stuck-data"),
        ("nothing", "leak", "black, cyan, waste"),
    ] {
        let told = refusal(&printer, &format!("act = \"fault\"\ntarget = \"{target}\"\nfault = \"{kind}\""));
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn what_was_broken_and_for_how_long_is_in_the_truth() {
    let printer = exact();
    printer.advance(seconds(10));
    fault(&printer, "black", Fault::Leak);
    printer.advance(seconds(5));
    fault(&printer, "black", Fault::None);
    act(&printer, "act = \"switch\"\nswitch = \"jam\"\nactive = true");
    let conditions = printer.truth().conditions;
    assert_eq!(conditions[0].what, truth::What::Fault(Fault::Leak));
    assert_eq!((conditions[0].begin, conditions[0].end), (seconds(10), Some(seconds(15))));
    assert_eq!(conditions[1].what, truth::What::Switch(SwitchMeaning::Jam));
    assert_eq!(conditions[1].end, None);
}
