//! What occurred: covers, jams, paper, heat, memories.

use super::*;

#[test]
fn a_cartridge_that_does_not_answer_is_missing_and_one_that_answers_nonsense_has_failed() {
    let mut judge = judge(2);
    assert_eq!(codes(&feed(&mut judge, &level(unknown(UnknownReason::NoAnswer)), 1)), []);
    let missing = feed(&mut judge, &level(unknown(UnknownReason::NoAnswer)), 1);
    assert_eq!(codes(&missing), [AlertCode::MarkerTonerCartridgeMissing]);
    let failing = feed(&mut judge, &level(unknown(UnknownReason::Damaged)), 2);
    assert_eq!(codes(&failing), [AlertCode::SubunitRecoverableFailure]);
    assert_eq!(cleared(&feed(&mut judge, &percent(50), 2)), 1);
}

#[test]
fn what_is_not_measured_raises_nothing() {
    let reason = UnknownReason::NotMeasured;
    let mut readings = level(unknown(reason));
    readings.parts = vec![part("drum", SupplyType::Opc, lost(reason))];
    readings.switches[0].active = lost(reason);
    readings.temperatures = vec![TemperatureReading { millidegrees_celsius: lost(reason), ..fuser(0) }];
    readings.counters = vec![CounterReading { value: lost(reason), ..counter(CounterKind::Sheets, 0) }];
    assert_eq!(feed(&mut judge(1), &readings, 3), []);
}

#[test]
fn a_cartridge_of_another_kind_or_colorant_is_told_and_a_silent_one_is_not() {
    let wants = |supply_type, colorant: Option<&str>| {
        let mut readings = percent(50);
        let colorant = colorant.map(str::to_owned);
        readings.supplies[0].expected = Some(ExpectedSupply { supply_type, colorant });
        readings
    };
    let mut judge = judge(1);
    assert_eq!(codes(&feed(&mut judge, &wants(Some(SupplyType::Toner), Some("black")), 1)), []);
    let events = feed(&mut judge, &wants(None, Some("cyan")), 1);
    let [Event::Raised(alert)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(alert.code, AlertCode::SubunitRecoverableFailure);
    assert_eq!(alert.severity, Severity::Critical);
    assert!(alert.description.contains("cyan belongs there"), "{}", alert.description);
    let mut silent = wants(None, Some("cyan"));
    silent.supplies[0].colorant = None;
    assert_eq!(cleared(&feed(&mut judge, &silent, 1)), 1);
    assert_eq!(codes(&feed(&mut judge, &wants(Some(SupplyType::Ink), None), 1)).len(), 1);
}

#[test]
fn a_cover_is_told_at_its_first_edge_with_its_location_and_bounce_is_ignored() {
    let mut judge = judge(1);
    let mut closed = percent(50);
    closed.switches[0].location = Some(7);
    feed(&mut judge, &closed, 1);
    let cover = |active, at: u64| edge("cover", SwitchMeaning::Cover, active, 2_000_000 + at);
    let opened = judge.edge(&cover(true, 0)).unwrap();
    let [Event::Raised(alert)] = opened.as_slice() else { panic!("{opened:?}") };
    assert_eq!((alert.code, alert.group_index, alert.location), (AlertCode::CoverOpen, Some(1), Some(7)));
    for (active, at) in [(false, 1), (true, 2), (false, 30), (true, 49)] {
        assert_eq!(judge.edge(&cover(active, at)).unwrap(), []);
    }
    assert_eq!(cleared(&judge.edge(&cover(false, 60)).unwrap()), 1);
}

#[test]
fn an_edge_that_was_lost_is_healed_by_the_next_sample() {
    let mut judge = judge(1);
    feed(&mut judge, &percent(50), 1);
    let mut open = percent(50);
    open.switches = switches(true, false);
    assert_eq!(codes(&sample(&mut judge, &open, 2_000_000)), [AlertCode::CoverOpen]);
    assert_eq!(cleared(&sample(&mut judge, &percent(50), 2_000_001)), 1);
}

#[test]
fn a_sample_within_the_window_does_not_undo_an_edge_and_one_after_it_does() {
    let mut judge = judge(1);
    feed(&mut judge, &percent(50), 1);
    judge.edge(&edge("cover", SwitchMeaning::Cover, true, 2_000_000)).unwrap();
    assert_eq!(sample(&mut judge, &percent(50), 2_000_049), []);
    assert_eq!(cleared(&sample(&mut judge, &percent(50), 2_000_050)), 1);
}

fn doors(cover: bool, interlock: bool, places: (Option<i32>, Option<i32>)) -> Readings {
    Readings {
        switches: vec![
            SwitchReading { location: places.0, ..switch("cover", SwitchMeaning::Cover, cover) },
            SwitchReading { location: places.1, ..switch("lock", SwitchMeaning::Interlock, interlock) },
        ],
        ..Readings::default()
    }
}

#[test]
fn a_cover_that_opens_with_its_interlock_is_one_alert_whichever_is_seen_first() {
    let mut first = judge(1);
    assert_eq!(codes(&sample(&mut first, &doors(true, true, (None, None)), 0)), [AlertCode::CoverOpen]);
    let mut second = judge(1);
    assert_eq!(codes(&sample(&mut second, &doors(false, true, (None, None)), 0)), [AlertCode::InterlockOpen]);
    assert_eq!(sample(&mut second, &doors(true, true, (None, None)), 100), []);
    let left_open = sample(&mut second, &doors(true, false, (None, None)), 200);
    assert_eq!(cleared(&left_open), 1);
    sample(&mut second, &doors(true, false, (None, None)), 300);
    assert_eq!(standing(&second), [("cover".to_owned(), AlertCode::CoverOpen)]);
}

#[test]
fn a_cover_and_an_interlock_in_different_places_are_two_alerts() {
    let events = sample(&mut judge(1), &doors(true, true, (Some(1), Some(2))), 0);
    assert_eq!(codes(&events), [AlertCode::CoverOpen, AlertCode::InterlockOpen]);
}

#[test]
fn a_jam_stands_until_the_paper_is_out() {
    let mut judge = judge(1);
    let with =
        |jam| Readings { switches: vec![switch("path", SwitchMeaning::Jam, jam)], ..Readings::default() };
    sample(&mut judge, &with(false), 0);
    let jammed = judge.edge(&edge("path", SwitchMeaning::Jam, true, 100)).unwrap();
    assert_eq!(codes(&jammed), [AlertCode::Jam]);
    assert_eq!(cleared(&sample(&mut judge, &with(false), 500)), 1);
}

fn trays(first: (bool, bool), second: Option<(bool, bool)>) -> Readings {
    let tray = |number: i32, (low, empty): (bool, bool)| {
        let one = |name: &str, meaning, active| SwitchReading {
            location: Some(number),
            ..switch(&format!("{name}-{number}"), meaning, active)
        };
        [one("low", SwitchMeaning::PaperLow, low), one("empty", SwitchMeaning::PaperEmpty, empty)]
    };
    let switches = tray(1, first).into_iter().chain(second.into_iter().flat_map(|state| tray(2, state)));
    Readings { switches: switches.collect(), ..Readings::default() }
}

#[test]
fn a_tray_that_empties_has_one_alert_at_a_time() {
    let mut judge = judge(1);
    assert_eq!(codes(&sample(&mut judge, &trays((true, false), None), 0)), [AlertCode::InputMediaSupplyLow]);
    let empty = sample(&mut judge, &trays((true, true), None), 100);
    assert_eq!((cleared(&empty), codes(&empty)), (1, vec![AlertCode::InputMediaSupplyEmpty]));
    assert!(judge.alerts().any_critical());
    assert_eq!(cleared(&sample(&mut judge, &trays((false, false), None), 200)), 1);
}

#[test]
fn one_empty_tray_of_two_stops_nothing() {
    let mut judge = judge(1);
    let events = sample(&mut judge, &trays((false, false), Some((true, true))), 0);
    let [Event::Raised(alert)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(alert.code, AlertCode::InputMediaSupplyEmpty);
    assert_eq!((alert.severity, alert.group_index), (Severity::Warning, Some(2)));
}

fn box_with(level: Level, present: bool, full: bool) -> Readings {
    let about = |name, meaning, active| SwitchReading {
        supply: Some("waste".into()),
        ..switch(name, meaning, active)
    };
    Readings {
        supplies: vec![waste(level)],
        switches: vec![
            about("box", SwitchMeaning::WastePresent, present),
            about("full", SwitchMeaning::WasteFull, full),
        ],
        ..Readings::default()
    }
}

#[test]
fn a_full_waste_box_is_one_alert_by_switch_and_by_level() {
    let nothing = || unknown(UnknownReason::NotMeasured);
    for (readings, free) in [
        (box_with(nothing(), true, true), box_with(nothing(), true, false)),
        (
            box_with(Level::Known { amount: 0 }, true, true),
            box_with(Level::Known { amount: 90 }, true, false),
        ),
    ] {
        let mut judge = judge(1);
        let events = sample(&mut judge, &readings, 0);
        assert_eq!(codes(&events), [AlertCode::MarkerWasteTonerReceptacleFull]);
        assert_eq!(sample(&mut judge, &readings, 100), []);
        assert_eq!(cleared(&sample(&mut judge, &free, 200)), 1);
    }
}

#[test]
fn a_waste_box_that_is_out_is_missing_and_not_also_full() {
    let mut judge = judge(1);
    let out = box_with(Level::Known { amount: 0 }, false, false);
    assert_eq!(codes(&sample(&mut judge, &out, 0)), [AlertCode::SubunitMissing]);
    assert_eq!(cleared(&sample(&mut judge, &box_with(Level::Known { amount: 80 }, true, false), 100)), 1);
}

fn hot(value: i32, asleep: bool) -> Readings {
    Readings {
        temperatures: vec![fuser(value)],
        switches: vec![switch("sleep", SwitchMeaning::Sleep, asleep)],
        ..Readings::default()
    }
}

#[test]
fn a_fuser_that_is_too_hot_is_told_until_it_is_well_below_its_limit() {
    let mut judge = judge(1);
    let events = sample(&mut judge, &hot(220_001, true), 0);
    let [Event::Raised(alert)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((alert.code, alert.severity), (AlertCode::MarkerFuserOverTemperature, Severity::Critical));
    assert!(alert.description.contains("220.0 °C, above its limit of 220.0 °C"), "{}", alert.description);
    assert_eq!(sample(&mut judge, &hot(217_001, true), 1), []);
    assert_eq!(cleared(&sample(&mut judge, &hot(217_000, true), 2)), 1);
}

#[test]
fn a_cold_fuser_is_told_only_once_it_has_had_time_to_warm_up() {
    let mut judge = judge(1);
    let warm_up = u64::try_from(heat::WARM_UP.as_millis()).unwrap();
    assert_eq!(sample(&mut judge, &hot(20_000, true), 0), [], "it sleeps");
    assert_eq!(sample(&mut judge, &hot(20_000, false), 1_000_000), [], "it wakes");
    assert_eq!(sample(&mut judge, &hot(90_000, false), 999_999 + warm_up), []);
    let cold = sample(&mut judge, &hot(90_000, false), 1_000_000 + warm_up);
    assert_eq!(codes(&cold), [AlertCode::MarkerFuserUnderTemperature]);
    assert_eq!(cleared(&sample(&mut judge, &hot(80_000, true), 2_000_000)), 1, "it need not be hot");
}

#[test]
fn a_cold_fuser_is_told_while_pages_come_where_no_switch_tells_of_sleep() {
    let mut judge = judge(1);
    let with = |pages| Readings {
        temperatures: vec![fuser(90_000)],
        counters: vec![counter(CounterKind::Impressions, pages)],
        ..Readings::default()
    };
    for minute in 0..3 {
        assert_eq!(sample(&mut judge, &with(100 + minute), minute * 60_000), []);
    }
    sample(&mut judge, &with(200), 200_000);
    assert_eq!(codes(&sample(&mut judge, &with(201), 250_000)), [AlertCode::MarkerFuserUnderTemperature]);
    assert_eq!(cleared(&sample(&mut judge, &with(201), 900_000)), 1, "nobody prints");
}

#[test]
fn an_open_cover_lets_the_fuser_cool_without_an_alert_about_that() {
    let mut judge = judge(1);
    let with = |open, value| {
        let mut readings = hot(value, false);
        readings.switches.push(switch("cover", SwitchMeaning::Cover, open));
        readings
    };
    sample(&mut judge, &with(false, 180_000), 0);
    assert_eq!(codes(&sample(&mut judge, &with(true, 140_000), 600_000)), [AlertCode::CoverOpen]);
    assert_eq!(codes(&sample(&mut judge, &with(false, 90_000), 660_000)), []);
}

#[test]
fn a_thermistor_that_cannot_be_believed_is_told_by_what_it_measures() {
    let with = |sensor: TemperatureReading, reason| Readings {
        temperatures: vec![TemperatureReading { millidegrees_celsius: lost(reason), ..sensor }],
        ..Readings::default()
    };
    let ambient = || sensor("ambient", Some(TemperatureRole::Ambient), 0);
    for (readings, code) in [
        (with(fuser(0), UnknownReason::Implausible), AlertCode::MarkerFuserThermistorFailure),
        (with(ambient(), UnknownReason::Implausible), AlertCode::SubunitThermistorFailure),
        (with(ambient(), UnknownReason::NoAnswer), AlertCode::SubunitMissing),
    ] {
        assert_eq!(codes(&feed(&mut judge(1), &readings, 2)), [code]);
    }
}

#[test]
fn another_sensor_beyond_its_limit_takes_the_generic_code() {
    let with = |value| {
        let limits =
            TemperatureReading { under: Some(5_000), over: Some(35_000), ..sensor("air", None, value) };
        Readings { temperatures: vec![limits], ..Readings::default() }
    };
    assert_eq!(codes(&feed(&mut judge(1), &with(36_000), 1)), [AlertCode::SubunitOverTemperature]);
    assert_eq!(codes(&feed(&mut judge(1), &with(4_000), 1)), [AlertCode::SubunitUnderTemperature]);
}

#[test]
fn an_alert_that_comes_and_goes_is_held_and_says_so_until_it_has_been_quiet() {
    let mut judge = judge(1);
    feed(&mut judge, &percent(50), 1);
    let limit = judge.config.flap_limit;
    let mut told = Vec::new();
    let mut at = 2_000_000;
    for _ in 0..3 * limit {
        for active in [true, false] {
            at += 10_000;
            told.extend(judge.edge(&edge("cover", SwitchMeaning::Cover, active, at)).unwrap());
        }
    }
    let raises = raised(&told);
    assert_eq!(raises.len(), limit as usize);
    assert_eq!(cleared(&told), limit as usize - 1, "the last one stands");
    let last = raises.last().unwrap();
    assert!(last.description.contains("10 times within an hour"), "{}", last.description);
    assert_eq!(last.evidence[0].observed, i64::from(limit));
    let quiet = u64::try_from(FLAP_QUIET.as_millis()).unwrap();
    assert_eq!(sample(&mut judge, &percent(50), at + quiet - 1), []);
    assert!(!judge.undecided(), "no sample soon would settle it");
    assert_eq!(cleared(&sample(&mut judge, &percent(50), at + quiet)), 1);
}

#[test]
fn an_edge_before_the_first_sample_after_a_restart_raises_no_second_alert_for_one_door() {
    let mut before = judge(1);
    sample(&mut before, &doors(false, true, (None, None)), 0);
    let mut after = restarted(&before);
    assert_eq!(after.edge(&edge("cover", SwitchMeaning::Cover, true, 1_000)).unwrap(), []);
    assert_eq!(sample(&mut after, &doors(true, true, (None, None)), 2_000), []);
    assert_eq!(standing(&after), [("lock".to_owned(), AlertCode::InterlockOpen)]);
}
