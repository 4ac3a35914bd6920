//! Pages, toner, parts, heat and sleep.

use proptest::prelude::*;

use super::*;

#[test]
fn a_thousand_pages_use_a_tenth_of_a_cartridge_and_age_the_parts() {
    let printer = exact();
    set(&printer, "black", 50);
    let before = printer.truth();
    assert_eq!(print(&printer, 1000), "1000 pages printed");
    let (after, record) = (printer.truth(), black(&printer));
    assert_eq!((record.capacity, record.used), (3000, 1800));
    assert_eq!(after.parts[0].used, before.parts[0].used + 1000);
    assert_eq!(after.parts[1].used, before.parts[1].used + 1000);
    assert_eq!(after.counters.impressions, before.counters.impressions + 1000);
}

#[test]
fn the_counter_store_says_what_the_engine_counts() {
    let printer = seeded(4);
    print(&printer, 321);
    let (store, counters) = (store(&printer), printer.truth().counters);
    assert_eq!(store.impressions, counters.impressions);
    assert_eq!(store.full_color + store.monochrome, store.impressions);
    assert!(store.sheets <= store.impressions);
    assert_eq!(store.lives.len(), 5);
}

#[test]
fn coverage_decides_how_much_a_page_takes() {
    let printer = exact();
    set(&printer, "black", 100);
    act(&printer, "act = \"coverage\"\npercent = 20");
    print(&printer, 100);
    assert_eq!(black(&printer).used, 120);
}

#[test]
fn printing_stops_and_says_why() {
    let printer = exact();
    for (command, undo, why) in [
        ("act = \"open\"\nswitch = \"cover\"", "act = \"close\"\nswitch = \"cover\"", "cover was open"),
        (
            "act = \"switch\"\nswitch = \"jam\"\nactive = true",
            "act = \"switch\"\nswitch = \"jam\"\nactive = false",
            "paper was stuck",
        ),
        (
            "act = \"switch\"\nswitch = \"box\"\nactive = false",
            "act = \"switch\"\nswitch = \"box\"\nactive = true",
            "not in its place",
        ),
        (
            "act = \"set\"\nsupply = \"cyan\"\npercent = 0",
            "act = \"set\"\nsupply = \"cyan\"\npercent = 50",
            "cyan was empty",
        ),
        (
            "act = \"set\"\nsupply = \"waste\"\npercent = 0",
            "act = \"set\"\nsupply = \"waste\"\npercent = 50",
            "the waste box was full",
        ),
    ] {
        act(&printer, command);
        let told = print(&printer, 5);
        assert!(told.starts_with("0 of 5 pages printed, then ") && told.contains(why), "{told}");
        act(&printer, undo);
        assert_eq!(print(&printer, 5), "5 pages printed");
    }
}

#[test]
fn a_cartridge_runs_empty_in_the_middle_of_a_job() {
    let printer = exact();
    set(&printer, "black", 1);
    assert_eq!(print(&printer, 1000), "100 of 1000 pages printed, then black was empty");
    assert_eq!(printer.truth().jobs[0].printed, 100);
}

#[test]
fn a_printer_prints_on_while_its_chip_tells_of_a_little_and_stops_when_it_tells_of_nothing() {
    let printer = exact();
    set(&printer, "black", 1);
    assert_eq!(print(&printer, 99), "99 pages printed");
    let record = black(&printer);
    assert_eq!(record.capacity - record.used, 1, "the last page is in the last unit");
    assert_eq!(print(&printer, 5), "1 of 5 pages printed, then black was empty");
    let record = black(&printer);
    assert_eq!(record.capacity, record.used);
}

#[test]
fn a_printer_stops_at_the_amount_that_its_board_calls_empty() {
    let text = BOARD.replace("{}", "");
    let text = text.replacen("name = \"black\"", "name = \"black\"\nempty-at = 25", 1);
    let text = text.replacen("name = \"waste\"", "name = \"waste\"\nempty-at = 2", 1);
    let config = config::parse(&text, Path::new("board.toml")).unwrap();
    let printer = SimPrinter::accelerated(&config).unwrap();
    set(&printer, "black", 1);
    let told = print(&printer, 1000);
    assert!(told.ends_with("then black was empty"), "{told}");
    let record = black(&printer);
    assert_eq!(record.capacity - record.used, 25);
    set(&printer, "black", 50);
    set(&printer, "waste", 2);
    assert_eq!(print(&printer, 1), "0 of 1 pages printed, then waste was full");
}

#[test]
fn waste_toner_fills_its_box_until_the_switch_tells() {
    let printer = exact();
    set(&printer, "waste", 1);
    let before = millivolts(&printer, 0);
    assert!((before - 324.0).abs() < 1.0, "{before}");
    let told = edges(&printer, "full", || drop(print(&printer, 5000)));
    assert_eq!(told.iter().map(|edge| edge.active).collect::<Vec<_>>(), [true]);
    // The switch is pressed by the last thousandth.
    assert!((millivolts(&printer, 0) - 300.0).abs() < 3.0);
    act(&printer, "act = \"replace\"\ntarget = \"waste\"");
    printer.advance(seconds(3));
    assert!((millivolts(&printer, 0) - 2700.0).abs() < 1.0);
    assert_eq!(print(&printer, 1), "1 pages printed");
}

#[test]
fn pages_at_a_pace_pass_the_exit_one_by_one() {
    let printer = exact();
    let told = edges(&printer, "exit", || {
        act(&printer, "act = \"print\"\npages = 1200\nper_minute = 1200");
        printer.advance(seconds(61));
    });
    // More than a watch holds: the oldest are pushed out, and the numbers say so.
    assert_eq!(told.last().unwrap().sequence, 2400);
    assert!(told.windows(2).all(|pair| pair[1].sequence == pair[0].sequence + 1));
    let active: Vec<_> = told.iter().filter(|edge| edge.active).map(|edge| edge.at).collect();
    assert!(active.windows(2).all(|pair| pair[1] == pair[0] + Duration::from_millis(50)));
    assert_eq!(printer.truth().pages, 1200);
}

#[test]
fn a_job_at_a_pace_ends_when_the_cover_opens() {
    let printer = exact();
    act(&printer, "act = \"print\"\npages = 100\nper_minute = 60");
    printer.advance(seconds(10));
    act(&printer, "act = \"open\"\nswitch = \"cover\"");
    printer.advance(seconds(30));
    let truth = printer.truth();
    assert_eq!(truth.pages, 10);
    assert_eq!(truth.jobs[0].stopped.as_deref(), Some("cover was open"));
}

#[test]
fn after_a_while_the_printer_sleeps_and_its_fuser_cools() {
    let printer = exact();
    assert_eq!(printer.truth().temperatures[0].millidegrees, 180_000);
    let told = edges(&printer, "sleeping", || printer.advance(seconds(3600)));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].at, seconds(15 * 60));
    let cold = printer.truth().temperatures[0].millidegrees;
    assert!((23_000..24_000).contains(&cold), "{cold}");
    // A job wakes it; the first page waits until it is warm.
    act(&printer, "act = \"print\"\npages = 2\nper_minute = 60");
    printer.advance(seconds(14));
    assert_eq!(printer.truth().pages, 0);
    printer.advance(seconds(3));
    assert_eq!(printer.truth().pages, 2);
    assert!(!printer.truth().asleep);
}

#[test]
fn chips_that_lose_their_power_in_sleep_do_not_answer_until_a_moment_after_it_woke() {
    let text = BOARD.replace("{}", "").replacen(
        "name = \"main\"",
        "name = \"main\"\nloses-power-in-sleep = true",
        1,
    );
    let printer = SimPrinter::accelerated(&config::parse(&text, Path::new("board.toml")).unwrap()).unwrap();
    let sleep =
        |active| act(&printer, &format!("act = \"switch\"\nswitch = \"sleeping\"\nactive = {active}"));
    sleep(true);
    assert_eq!(read(&printer, "main", 0x50, &[0], 1), Err(BusFault::ABSENT));
    assert!(read(&printer, "upper", 0x50, &[0, 0], 1).is_ok(), "another bus keeps its power");
    sleep(false);
    printer.advance(seconds(2));
    assert_eq!(read(&printer, "main", 0x50, &[0], 1), Err(BusFault::ABSENT));
    printer.advance(seconds(2));
    assert!(read(&printer, "main", 0x50, &[0], 1).is_ok());
    sleep(true);
    set(&printer, "black", 4);
    assert!(!printer.truth().asleep, "whoever changes a cartridge wakes it");
}

#[test]
fn an_engine_that_counts_by_size_writes_what_adds_up_and_one_that_does_not_says_so() {
    assert_eq!(store(&seeded(3)).billing, 0);
    let printer =
        SimPrinter::accelerated(&board("[simulation]\nseed = 3\nbilling-counters = true\n")).unwrap();
    let read_record = || {
        let (store, bytes) = (store(&printer), read(&printer, "upper", 0x50, &[1, 0], 256).unwrap());
        assert_eq!(store.billing, billing::VERSION);
        (billing::of_generation(&bytes, store.generation).unwrap().counts, store)
    };
    let count = |counts: &[(Counted, u32)], wanted: &[Counted]| -> u32 {
        counts.iter().filter(|(counted, _)| wanted.contains(counted)).map(|(_, count)| count).sum()
    };
    let monochrome = [Counted::Monochrome(Media::A4), Counted::Monochrome(Media::A3)];
    let color = [Counted::FullColor(Media::A4), Counted::FullColor(Media::A3)];
    let (before, _) = read_record();
    print(&printer, 400);
    let (after, store) = read_record();
    assert_eq!(count(&after, &monochrome), store.monochrome);
    assert_eq!(count(&after, &color), store.full_color);
    assert_eq!(count(&after, &[Counted::DuplexSheets]), store.impressions - store.sheets);
    for counted in monochrome.into_iter().chain(color).chain([Counted::DuplexSheets]) {
        assert!(count(&after, &[counted]) > count(&before, &[counted]), "{counted:?}");
    }
    fault(&printer, "engine", Fault::Torn);
    print(&printer, 10);
    assert_eq!(read_record().0, after, "a write that was cut off has counted nothing");
}

#[test]
fn counters_that_are_full_begin_again_at_0_each_by_its_own_width() {
    let printer = exact();
    fault(&printer, "engine", Fault::NearlyFull);
    print(&printer, 14);
    let CounterStore { impressions, full_color, monochrome, .. } = store(&printer);
    assert_eq!(impressions, 4);
    assert!(full_color >= 1 << 31 || monochrome >= 1 << 31, "{full_color} {monochrome}");
    let engine = "chip = \"fm24cl64b\"";
    let narrow = format!("{engine}\nwraps-at = 10000\nwraps-at-of = {{ sheets = 15010 }}");
    let text = BOARD.replace("{}", "").replacen(engine, &narrow, 1);
    let printer = SimPrinter::accelerated(&config::parse(&text, Path::new("board.toml")).unwrap()).unwrap();
    let before = printer.truth().counters;
    assert_eq!((before.impressions, before.sheets), (5_000, 15_000), "15,000 as it can show them");
    fault(&printer, "engine", Fault::NearlyFull);
    print(&printer, 14);
    let after = printer.truth().counters;
    assert_eq!((after.impressions, after.sheets), (4, 4));
    assert_eq!((after.full_color + after.monochrome) % 10_000, 4);
}

#[test]
fn however_often_it_is_put_to_sleep_it_sleeps_by_itself_once() {
    let printer = exact();
    for _ in 0..50 {
        act(&printer, "act = \"switch\"\nswitch = \"sleeping\"\nactive = true");
        act(&printer, "act = \"switch\"\nswitch = \"sleeping\"\nactive = false");
    }
    let told = edges(&printer, "sleeping", || printer.advance(seconds(7200)));
    assert_eq!(told.iter().map(|edge| (edge.active, edge.at)).collect::<Vec<_>>(), [(true, seconds(900))]);
    assert_eq!(lock(&printer.shared.world).next_event(), None, "nothing is left to happen");
}

#[test]
fn the_fuser_is_seen_through_its_thermistor() {
    let printer = exact();
    // 180 degrees on a line from 300 at 200 mV to 0 at 3000 mV.
    assert!((millivolts(&printer, 1) - 1320.0).abs() < 1.0);
}

#[test]
fn the_air_is_warmer_by_day() {
    let printer = seeded(1);
    let at = |hours: u64| {
        printer.advance(seconds(hours * 3600).saturating_sub(printer.printer_time()));
        printer.truth().temperatures[1].millidegrees
    };
    assert_eq!([at(6), at(18)], [25_500, 20_500]);
}

#[test]
fn a_new_cartridge_is_full_and_has_another_serial_number() {
    let printer = exact();
    set(&printer, "black", 7);
    let cover = edges(&printer, "cover", || {
        act(&printer, "act = \"replace\"\ntarget = \"black\"");
        assert_eq!(read(&printer, "main", 0x50, &[0], 1), Err(BusFault::ABSENT));
        assert!(print(&printer, 1).contains("0 of 1"));
        printer.advance(seconds(2));
    });
    assert_eq!(cover.iter().map(|edge| edge.active).collect::<Vec<_>>(), [true, false]);
    let record = black(&printer);
    assert_eq!((record.used, record.serial.as_str(), record.generation), (0, "SIM-BLACK-2", 1));
    let replaced = &printer.truth().replacements[0];
    assert_eq!((replaced.old_serial.as_str(), replaced.residue), ("SIM-BLACK", 70));
}

#[test]
fn a_cartridge_that_is_reseated_is_the_same() {
    let printer = exact();
    set(&printer, "black", 7);
    act(&printer, "act = \"reseat\"\ntarget = \"black\"");
    assert!(refusal(&printer, "act = \"replace\"\ntarget = \"black\"").contains("being changed"));
    printer.advance(seconds(2));
    let record = black(&printer);
    assert_eq!((record.used, record.serial.as_str()), (2790, "SIM-BLACK"));
}

#[test]
fn a_press_is_as_long_as_it_is_said() {
    let printer = exact();
    let told = edges(&printer, "service", || {
        act(&printer, "act = \"press\"\nbutton = \"service\"\nmilliseconds = 3000");
    });
    assert_eq!(
        told.iter().map(|edge| (edge.active, edge.sequence)).collect::<Vec<_>>(),
        [(true, 1), (false, 2)]
    );
    assert_eq!(told[1].at, told[0].at + seconds(3));
}

#[test]
fn contacts_bounce_a_few_times_and_come_to_rest() {
    let printer = seeded(5);
    let told = edges(&printer, "cover", || {
        for _ in 0..20 {
            act(&printer, "act = \"open\"\nswitch = \"cover\"");
            printer.advance(seconds(1));
            act(&printer, "act = \"close\"\nswitch = \"cover\"");
            printer.advance(seconds(1));
        }
    });
    assert!(told.len() > 40 && told.len() <= 200, "{}", told.len());
    assert!(!told.last().unwrap().active);
    for edge in told {
        assert!(edge.at.subsec_nanos() <= 5_000_000, "{:?}", edge.at);
    }
}

#[test]
fn outputs_follow_what_is_driven() {
    let printer = exact();
    let places: Vec<_> = printer.line_layout().iter().map(|line| line.output).collect();
    assert_eq!(places, [vec![false; 7], vec![true; 3]].concat());
    assert!(!printer.lamp() && !printer.buzzer());
    printer.drive_output(7, true);
    printer.drive_output(8, false);
    assert!(printer.lamp() && printer.buzzer());
    assert!(!printer.electrical_level(8));
}

#[derive(Debug, Clone)]
enum Deed {
    Print(u32),
    Paced(u32, u32),
    Set(u8),
    Advance(u64),
    Fault(&'static str, Fault),
    Replace(&'static str),
    Cover(bool),
}

fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        (1..2000_u32).prop_map(Deed::Print),
        (1..200_u32, 1..1200_u32).prop_map(|(pages, pace)| Deed::Paced(pages, pace)),
        (0..=100_u8).prop_map(Deed::Set),
        (0..5000_u64).prop_map(Deed::Advance),
        proptest::sample::select(vec![
            ("black", Fault::Leak),
            ("black", Fault::Counterfeit),
            ("black", Fault::Torn),
            ("black", Fault::None),
            ("fuser", Fault::Overheats),
            ("fuser", Fault::None),
        ])
        .prop_map(|(target, fault)| Deed::Fault(target, fault)),
        proptest::sample::select(vec!["black", "cyan", "waste", "drum", "rollers"]).prop_map(Deed::Replace),
        any::<bool>().prop_map(Deed::Cover),
    ]
}

fn command(deed: &Deed) -> Option<SimCommand> {
    Some(match deed.clone() {
        Deed::Print(pages) => SimCommand::Print { pages, per_minute: None },
        Deed::Paced(pages, pace) => SimCommand::Print { pages, per_minute: Some(pace) },
        Deed::Set(percent) => SimCommand::Set { supply: "black".into(), percent },
        Deed::Advance(_) => return None,
        Deed::Fault(target, fault) => SimCommand::Fault { target: target.into(), fault },
        Deed::Replace(target) => SimCommand::Replace { target: target.into() },
        Deed::Cover(true) => SimCommand::Open { switch: "cover".into() },
        Deed::Cover(false) => SimCommand::Close { switch: "cover".into() },
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_is_done_counters_rise_and_levels_stay_within_their_bounds(
        seed: u64, deeds in proptest::collection::vec(any_deed(), 1..25)
    ) {
        let printer = seeded(seed);
        let mut last = printer.truth().counters;
        for deed in &deeds {
            // A replacement that is on its way refuses another; all else can be done.
            let done = command(deed).map(|command| printer.apply(&command));
            if let (Deed::Advance(time), None) = (deed, done) {
                printer.advance(seconds(*time));
            }
            let truth = printer.truth();
            let counters = truth.counters;
            prop_assert!(counters.impressions >= last.impressions && counters.sheets >= last.sheets);
            prop_assert_eq!(counters.full_color + counters.monochrome, counters.impressions);
            prop_assert!(truth.supplies.iter().all(|supply| supply.thousandths <= 1000 && supply.told <= 1000));
            last = counters;
        }
        let conditions = printer.truth().conditions;
        prop_assert!(conditions.iter().all(|condition| condition.end.is_none_or(|end| end >= condition.begin)));
    }
}
