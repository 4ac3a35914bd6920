//! What fails as a whole is told as a whole.

use super::*;

fn bus(failing: Option<UnknownReason>) -> BusReading {
    BusReading { name: "main".into(), failing: failing.map(cause) }
}

#[test]
fn a_bus_that_fails_is_one_alert_and_its_chips_raise_none() {
    let reason = UnknownReason::BusFailing;
    let mut readings = level(unknown(reason));
    readings.parts = vec![part("drum", SupplyType::Opc, lost(reason))];
    readings.temperatures = vec![TemperatureReading { millidegrees_celsius: lost(reason), ..fuser(0) }];
    readings.counters = vec![CounterReading { value: lost(reason), ..counter(CounterKind::Sheets, 0) }];
    readings.buses = vec![bus(Some(reason))];
    let mut judge = judge(2);
    feed(&mut judge, &readings, 5);
    assert_eq!(standing(&judge), [("main".to_owned(), AlertCode::SubunitRecoverableFailure)]);
    let mut well = percent(50);
    well.buses = vec![bus(None)];
    assert_eq!(cleared(&feed(&mut judge, &well, 3)), 1);
    assert_eq!(standing(&judge), []);
}

#[test]
fn a_chip_that_disturbs_its_bus_alone_is_told_by_itself() {
    let mut readings = level(unknown(UnknownReason::BusFailing));
    readings.buses = vec![bus(None)];
    assert_eq!(codes(&feed(&mut judge(1), &readings, 2)), [AlertCode::SubunitRecoverableFailure]);
}

#[test]
fn lines_that_are_lost_are_one_alert_and_what_they_told_stands() {
    let mut judge = judge(2);
    let mut open = percent(50);
    open.switches = switches(true, false);
    feed(&mut judge, &open, 1);
    let mut gone = percent(50);
    for switch in &mut gone.switches {
        switch.active = lost(UnknownReason::NoAnswer);
    }
    let events = feed(&mut judge, &gone, 4);
    let [Event::Raised(alert)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((alert.subject.as_str(), alert.code), (LINES, AlertCode::SubunitMissing));
    assert!(alert.description.contains("cover, service"), "{}", alert.description);
    assert_eq!(cleared(&feed(&mut judge, &percent(50), 2)), 2, "the lines are back, the cover closed");
}

#[test]
fn lives_that_are_lost_with_the_engines_store_are_told_of_the_store() {
    let readings = Readings {
        parts: vec![
            part("drum", SupplyType::Opc, lost(UnknownReason::Damaged)),
            part("rollers", SupplyType::Other, lost(UnknownReason::Damaged)),
        ],
        counters: vec![CounterReading {
            value: lost(UnknownReason::Damaged),
            ..counter(CounterKind::Impressions, 0)
        }],
        ..Readings::default()
    };
    let mut judge = judge(1);
    feed(&mut judge, &readings, 2);
    assert_eq!(standing(&judge), [(ENGINE.to_owned(), AlertCode::SubunitRecoverableFailure)]);
}

#[test]
fn the_exits_alone_are_no_store_that_could_fail() {
    let readings = Readings { counters: vec![counter(CounterKind::PageExits, 3)], ..Readings::default() };
    assert_eq!(feed(&mut judge(1), &readings, 3), []);
}

#[test]
fn what_shares_a_converter_that_is_lost_is_one_alert() {
    let sensed = |name: &str| SupplyReading {
        capacity: Capacity::Known { amount: 100 },
        level: unknown(UnknownReason::NoAnswer),
        ..named(name, 0)
    };
    let readings = Readings {
        supplies: vec![sensed("hopper"), sensed("waste")],
        temperatures: vec![TemperatureReading {
            millidegrees_celsius: lost(UnknownReason::NoAnswer),
            ..fuser(0)
        }],
        ..Readings::default()
    };
    let events = feed(&mut judge(1), &readings, 3);
    let [alert] = raised(&events)[..] else { panic!("{events:?}") };
    assert_eq!((alert.subject.as_str(), alert.code), ("hopper", AlertCode::SubunitMissing));
    assert_eq!(alert.severity, Severity::Warning, "the hopper itself may be there: {}", alert.description);
}

#[test]
fn a_box_that_only_lines_tell_of_is_lost_with_the_lines() {
    let about = |name, meaning| SwitchReading {
        active: lost(UnknownReason::NoAnswer),
        supply: Some("waste".into()),
        ..switch(name, meaning, false)
    };
    let mut bin = waste(unknown(UnknownReason::NoAnswer));
    bin.capacity = Capacity::Known { amount: 100 };
    let readings = Readings {
        supplies: vec![bin],
        switches: vec![about("box", SwitchMeaning::WastePresent), about("full", SwitchMeaning::WasteFull)],
        ..Readings::default()
    };
    let mut judge = judge(1);
    feed(&mut judge, &readings, 3);
    assert_eq!(standing(&judge), [(LINES.to_owned(), AlertCode::SubunitMissing)]);
}
