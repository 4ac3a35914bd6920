//! Supplies and parts: low, empty, over.

use super::*;

#[test]
fn toner_at_its_set_value_is_reported_with_the_cartridge() {
    let mut judge = judge(2);
    assert_eq!(codes(&feed(&mut judge, &percent(11), 5)), []);
    assert_eq!(codes(&feed(&mut judge, &percent(10), 1)), []);
    assert!(judge.undecided());
    let events = feed(&mut judge, &percent(10), 1);
    let [Event::Raised(alert)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(alert.code, AlertCode::MarkerTonerAlmostEmpty);
    assert_eq!(alert.severity, Severity::Warning);
    assert_eq!(alert.supply, Some(supply(Level::Known { amount: 10 })));
    assert_eq!(alert.group_index, Some(1));
    assert!(!judge.undecided());
}

#[test]
fn empty_takes_the_place_of_almost_empty() {
    let mut judge = judge(1);
    let first = feed(&mut judge, &percent(5), 1);
    let [Event::Raised(low)] = first.as_slice() else { panic!("{first:?}") };
    let second = feed(&mut judge, &percent(0), 1);
    let [Event::Cleared { id, .. }, Event::Raised(empty)] = second.as_slice() else { panic!("{second:?}") };
    assert_eq!(*id, low.id);
    assert_eq!(empty.code, AlertCode::MarkerTonerEmpty);
    assert_eq!(empty.severity, Severity::Critical);
    assert_eq!(judge.alerts().standing().count(), 1);
    assert!(judge.alerts().any_critical());
}

fn of_a_million(amount: u32) -> Readings {
    let mut readings = percent(amount);
    readings.supplies[0].capacity = Capacity::Known { amount: 1_000_000 };
    readings
}

#[test]
fn a_little_that_is_left_is_low_and_nothing_that_stops_the_printer() {
    let mut judge = judge(1);
    let events = feed(&mut judge, &of_a_million(1), 3);
    let [Event::Raised(low)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((low.code, low.severity), (AlertCode::MarkerTonerAlmostEmpty, Severity::Warning));
    assert!(low.description.contains("black is at <1 %"), "{}", low.description);
    assert!(!judge.alerts().any_critical());
    assert_eq!(codes(&feed(&mut judge, &of_a_million(0), 1)), [AlertCode::MarkerTonerEmpty]);
    // What is counted does not shake: with one unit in it, it is not empty any more.
    assert_eq!(codes(&feed(&mut judge, &of_a_million(1), 1)), [AlertCode::MarkerTonerAlmostEmpty]);
}

#[test]
fn empty_is_at_the_boards_own_amount_where_it_names_one() {
    let with = |amount| {
        let mut readings = percent(amount);
        readings.supplies[0].empty_at = Some(7);
        readings
    };
    let mut judge = judge(1);
    assert_eq!(codes(&feed(&mut judge, &with(8), 2)), [AlertCode::MarkerTonerAlmostEmpty]);
    assert_eq!(codes(&feed(&mut judge, &with(7), 2)), [AlertCode::MarkerTonerEmpty]);
    assert_eq!(codes(&feed(&mut judge, &with(8), 2)), [AlertCode::MarkerTonerAlmostEmpty]);
}

#[test]
fn a_set_value_is_compared_to_the_last_unit() {
    let set = u32::from(SET) * 10_000;
    let mut judge = judge(1);
    assert_eq!(feed(&mut judge, &of_a_million(set + 1), 3), [], "one unit above the set value");
    assert_eq!(codes(&feed(&mut judge, &of_a_million(set), 1)), [AlertCode::MarkerTonerAlmostEmpty]);
}

#[test]
fn what_a_sensor_finds_in_an_empty_hopper_does_not_end_its_alert_by_shaking() {
    let sensed = |amount| {
        let mut readings = percent(amount);
        readings.supplies[0].serial = None;
        readings
    };
    let mut judge = judge(1);
    assert_eq!(codes(&feed(&mut judge, &sensed(0), 1)), [AlertCode::MarkerTonerEmpty]);
    assert_eq!(feed(&mut judge, &sensed(1), 3), []);
    assert_eq!(codes(&feed(&mut judge, &sensed(3), 1)), [AlertCode::MarkerTonerAlmostEmpty]);
}

#[test]
fn a_level_alert_ends_only_at_the_set_value_with_its_hysteresis() {
    let mut judge = judge(1);
    feed(&mut judge, &percent(10), 1);
    assert_eq!(feed(&mut judge, &percent(12), 5), []);
    assert_eq!(cleared(&feed(&mut judge, &percent(13), 1)), 1);
}

#[test]
fn a_waste_box_is_full_when_no_space_is_left() {
    let mut judge = judge(1);
    let mut readings = Readings { supplies: vec![waste(Level::Known { amount: 0 })], ..Readings::default() };
    assert_eq!(codes(&feed(&mut judge, &readings, 1)), [AlertCode::MarkerWasteTonerReceptacleFull]);
    readings.supplies[0].level = Level::Known { amount: 8 };
    assert_eq!(codes(&feed(&mut judge, &readings, 1)), [AlertCode::MarkerWasteTonerReceptacleAlmostFull]);
}

#[test]
fn a_drum_at_the_end_of_its_life_is_reported_with_the_part_its_count_and_what_to_order() {
    let mut judge = judge(1);
    let with = |used| Readings { parts: vec![drum(used)], ..Readings::default() };
    assert_eq!(codes(&feed(&mut judge, &with(88_900), 3)), []);
    let events = feed(&mut judge, &with(90_000), 1);
    let [Event::Raised(alert)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(alert.code, AlertCode::MarkerOpcLifeAlmostOver);
    assert_eq!(alert.part, Some(PartReading { set_percent: Some(10), ..drum(90_000) }));
    assert!(alert.description.contains("90000 of 100000 impressions"), "{}", alert.description);
    assert!(alert.description.contains("DR-100"), "{}", alert.description);
    assert_eq!(codes(&feed(&mut judge, &with(120_000), 1)), [AlertCode::MarkerOpcLifeOver]);
}

#[test]
fn a_part_is_over_when_its_life_is_and_the_printer_prints_on() {
    let mut judge = judge(1);
    let with = |used| Readings { parts: vec![drum(used)], ..Readings::default() };
    let events = feed(&mut judge, &with(99_999), 2);
    assert_eq!(codes(&events), [AlertCode::MarkerOpcLifeAlmostOver]);
    assert!(raised(&events)[0].description.contains("<1 % of its life left"), "{events:?}");
    let events = feed(&mut judge, &with(100_000), 1);
    assert_eq!(codes(&events), [AlertCode::MarkerOpcLifeOver]);
    assert_eq!(raised(&events)[0].severity, Severity::Warning);
}

#[test]
fn another_part_takes_the_generic_code() {
    let mut judge = judge(1);
    let worn = part("fuser-unit", SupplyType::Fuser, Reading::Known { value: 100_000 });
    let readings = Readings { parts: vec![worn], ..Readings::default() };
    assert_eq!(codes(&feed(&mut judge, &readings, 1)), [AlertCode::SubunitLifeOver]);
}

#[test]
fn what_a_manager_set_goes_before_the_board_file_and_stands_in_the_readings() {
    let mut set = config(1);
    set.set_values.insert("black".into(), SetValues { percent: Some(40), pages: Some(500), days: Some(0) });
    set.part_percents.insert("drum".into(), 50);
    let mut judge = judge(1);
    judge.configure(set);
    let mut readings = Readings { parts: vec![drum(50_000)], ..percent(40) };
    readings.supplies[0].set_days = Some(9);
    let events = judge.sample(&mut readings, moment(BEGIN)).unwrap();
    assert_eq!(codes(&events), [AlertCode::MarkerTonerAlmostEmpty, AlertCode::MarkerOpcLifeAlmostOver]);
    let supply = &readings.supplies[0];
    assert_eq!((supply.set_percent, supply.set_pages, supply.set_days), (40, Some(500), None));
    assert_eq!(readings.parts[0].set_percent, Some(50));
}

#[test]
fn the_board_files_part_value_goes_before_the_agents() {
    let mut judge = judge(1);
    let mut readings = Readings { parts: vec![drum(80_000)], ..Readings::default() };
    assert_eq!(codes(&feed(&mut judge, &readings, 1)), []);
    readings.parts[0].set_percent = Some(25);
    assert_eq!(codes(&feed(&mut judge, &readings, 1)), [AlertCode::MarkerOpcLifeAlmostOver]);
}

#[test]
fn a_supply_of_which_some_remains_is_not_empty_and_nothing_more_is_said_of_it() {
    let mut judge = judge(1);
    feed(&mut judge, &percent(0), 1);
    let events = feed(&mut judge, &level(Level::SomeRemains), 2);
    assert_eq!((cleared(&events), codes(&events)), (1, vec![]));
    feed(&mut judge, &percent(8), 1);
    assert_eq!(feed(&mut judge, &level(Level::SomeRemains), 2), [], "low stays low");
}

#[test]
fn a_low_level_stays_low_while_its_memory_cannot_be_read() {
    let mut judge = judge(1);
    feed(&mut judge, &percent(5), 1);
    let events = feed(&mut judge, &level(unknown(UnknownReason::Damaged)), 1);
    assert_eq!(codes(&events), [AlertCode::SubunitRecoverableFailure]);
    assert_eq!(judge.alerts().standing().count(), 2);
}

#[test]
fn a_restart_neither_repeats_nor_loses_an_alert() {
    let mut before = judge(1);
    let mut readings = percent(5);
    readings.switches = switches(true, false);
    assert_eq!(feed(&mut before, &readings, 1).len(), 2);
    let mut after = restarted(&before);
    assert_eq!(feed(&mut after, &readings, 3), []);
    let ended = feed(&mut after, &percent(9), 1);
    assert_eq!(cleared(&ended), 1, "{ended:?}");
    let again = feed(&mut after, &readings, 1);
    let old: Vec<_> = before.alerts().standing().map(|alert| &alert.id).collect();
    assert_eq!(codes(&again), [AlertCode::CoverOpen]);
    assert!(raised(&again).iter().all(|alert| !old.contains(&&alert.id)));
}

#[test]
fn alerts_that_an_agent_of_the_first_version_kept_are_understood() {
    let kept = r#"{"prefix":"e","raised":1,"standing":[{"aspect":{"aspect":"cover"},"alert":{"id":"e-1",
        "severity":"critical","training":"untrained","group":"cover","group_index":1,"location":null,
        "code":"coverOpen","description":"cover is open","subject":"cover","supply":null,"part":null}}]}"#;
    let mut judge = Judge::new(config(1), serde_json::from_str(kept).unwrap(), Past::default());
    assert_eq!(cleared(&feed(&mut judge, &percent(50), 1)), 1);
}

#[test]
fn an_alert_of_something_that_the_board_no_longer_has_ends() {
    let mut judge = judge(1);
    feed(&mut judge, &percent(5), 1);
    assert_eq!(cleared(&feed(&mut judge, &Readings::default(), 1)), 1);
}

#[test]
fn readings_are_told_again_only_when_they_moved_enough() {
    let told = Readings { temperatures: vec![sensor("ambient", None, 20_000)], ..percent(50) };
    assert!(!is_worth_telling(&told, &told));
    let mut warmer = told.clone();
    warmer.temperatures[0].millidegrees_celsius = Reading::Known { value: 21_999 };
    assert!(!is_worth_telling(&told, &warmer));
    warmer.temperatures[0].millidegrees_celsius = Reading::Known { value: 22_000 };
    assert!(is_worth_telling(&told, &warmer));
    let mut less = told.clone();
    less.supplies[0].level = Level::Known { amount: 49 };
    assert!(is_worth_telling(&told, &less));
    let mut other = told.clone();
    other.supplies[0].serial = Some("2".into());
    assert!(is_worth_telling(&told, &other));
    let (little, nothing) = (of_a_million(1), of_a_million(0));
    assert!(is_worth_telling(&little, &nothing), "both are 0 %, and only one is empty");
    let mut gone = told.clone();
    gone.supplies[0].level = unknown(UnknownReason::NoAnswer);
    assert!(is_worth_telling(&told, &gone));
    let mut still_gone = gone.clone();
    still_gone.supplies[0].level = unknown(UnknownReason::Damaged);
    assert!(!is_worth_telling(&gone, &still_gone), "another wording of the same trouble is no news");
}

#[test]
fn a_level_that_is_sensed_may_shake_by_one_percent_and_one_that_is_counted_does_not_shake() {
    let with = |amount, serial: Option<&str>| {
        let mut readings = percent(amount);
        readings.supplies[0].serial = serial.map(Into::into);
        readings
    };
    for (serial, by_one) in [(None, false), (Some("1"), true)] {
        assert_eq!(is_worth_telling(&with(58, serial), &with(59, serial)), by_one);
        assert_eq!(is_worth_telling(&with(59, serial), &with(58, serial)), by_one);
        assert!(is_worth_telling(&with(58, serial), &with(60, serial)));
    }
}

#[test]
fn a_page_that_is_counted_and_a_button_that_is_pressed_are_no_change_of_the_readings() {
    let with = |pages, active| Readings {
        counters: vec![counter(CounterKind::Impressions, pages)],
        switches: vec![
            switch("exit", SwitchMeaning::PageExit, active),
            switch("order", SwitchMeaning::OrderButton, active),
        ],
        ..Readings::default()
    };
    assert!(!is_worth_telling(&with(7, false), &with(8, true)));
    let mut anew = with(8, false);
    anew.counters[0].epoch = 1;
    assert!(is_worth_telling(&with(7, false), &anew), "counts of another epoch are");
}
