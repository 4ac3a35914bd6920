//! The four states make up the time, whatever is told.

use platen_hal::board::PageCounts;
use platen_protocol::readings::{CounterReading, Reading, SwitchReading, TemperatureReading};
use platen_protocol::supply::SupplyUnit;
use proptest::prelude::*;

use super::*;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn switch(meaning: SwitchMeaning, active: bool) -> SwitchReading {
    SwitchReading {
        name: format!("{meaning:?}").to_lowercase(),
        meaning,
        active: Reading::Known { value: active },
        location: None,
        supply: None,
    }
}

fn counted(impressions: u64) -> Readings {
    let counter = CounterReading {
        kind: CounterKind::Impressions,
        unit: SupplyUnit::Impressions,
        value: Reading::Known { value: impressions },
        epoch: 0,
        wraps: 0,
        wraps_at: None,
    };
    Readings { counters: vec![counter], ..Readings::default() }
}

fn exits(pages: u64, printing: Duration) -> BoardCounts {
    BoardCounts { pages: PageCounts { pages, printing }, ..BoardCounts::default() }
}

fn states(activity: &Activity) -> (u64, u64, u64, u64) {
    let Activity { idle_seconds, printing_seconds, sleeping_seconds, error_seconds, .. } = *activity;
    (idle_seconds, printing_seconds, sleeping_seconds, error_seconds)
}

#[test]
fn printing_is_the_time_that_pages_took_at_the_exit() {
    let readings = Readings { switches: vec![switch(SwitchMeaning::PageExit, false)], ..Readings::default() };
    let mut meter = ActivityMeter::default();
    meter.observe(&readings, &exits(10, secs(7)), false, secs(100));
    meter.observe(&readings, &exits(40, secs(37)), false, secs(160));
    let activity = meter.take(secs(160));
    assert_eq!((activity.seconds, states(&activity)), (60, (30, 30, 0, 0)));
    assert_eq!(activity.pages, Some(30));
}

#[test]
fn printing_that_is_told_late_is_not_lost() {
    let readings = Readings { switches: vec![switch(SwitchMeaning::PageExit, false)], ..Readings::default() };
    let mut meter = ActivityMeter::default();
    meter.observe(&readings, &exits(0, secs(0)), false, secs(0));
    meter.observe(&readings, &exits(5, secs(8)), false, secs(5));
    meter.observe(&readings, &exits(6, secs(9)), false, secs(10));
    assert_eq!(states(&meter.take(secs(10))), (1, 9, 0, 0));
}

#[test]
fn without_an_exit_sensor_printing_is_estimated_by_the_impressions_and_bounded_by_the_time() {
    let mut meter = ActivityMeter::default();
    meter.observe(&counted(1_000), &BoardCounts::default(), false, secs(0));
    meter.observe(&counted(1_002), &BoardCounts::default(), false, secs(60));
    meter.observe(&counted(9_999), &BoardCounts::default(), false, secs(70));
    meter.observe(&counted(9_999), &BoardCounts::default(), false, secs(80));
    let activity = meter.take(secs(80));
    assert_eq!((activity.pages, states(&activity)), (Some(8_999), (58, 22, 0, 0)));
}

#[test]
fn asleep_counts_by_the_sleep_switch_and_an_error_before_anything_but_printing() {
    let asleep = Readings { switches: vec![switch(SwitchMeaning::Sleep, true)], ..Readings::default() };
    let mut meter = ActivityMeter::default();
    meter.observe(&asleep, &BoardCounts::default(), false, secs(0));
    meter.observe(&asleep, &BoardCounts::default(), true, secs(10));
    meter.observe(&Readings::default(), &BoardCounts::default(), false, secs(30));
    let activity = meter.take(secs(35));
    assert_eq!((activity.seconds, states(&activity)), (35, (5, 0, 10, 20)));
    assert_eq!(activity.pages, None, "this printer counts none");
    assert_eq!(meter.take(secs(35)).seconds, 0, "what was taken is not told again");
}

#[test]
fn a_counter_of_another_epoch_or_one_that_was_unreadable_invents_no_pages() {
    let mut meter = ActivityMeter::default();
    let mut unreadable = counted(0);
    unreadable.counters[0].value = Reading::Unknown {
        cause: platen_protocol::unknown::UnknownCause {
            reason: platen_protocol::unknown::UnknownReason::Damaged,
            detail: "damaged".into(),
        },
    };
    let mut again = counted(50);
    again.counters[0].epoch = 1;
    for (at, readings) in [(0, &counted(100)), (10, &unreadable), (20, &counted(104)), (30, &again)] {
        meter.observe(readings, &BoardCounts::default(), false, secs(at));
    }
    assert_eq!(meter.take(secs(30)).pages, Some(4));
}

#[test]
fn ranges_and_bus_errors_are_those_of_the_stretch() {
    let warm = |value| Readings {
        temperatures: vec![TemperatureReading {
            name: "fuser".into(),
            millidegrees_celsius: Reading::Known { value },
            role: None,
            under: None,
            over: None,
        }],
        ..Readings::default()
    };
    let errors = |failed_transfers| BoardCounts {
        buses: vec![BusCounts { name: "main".into(), failed_transfers, ..BusCounts::default() }],
        ..BoardCounts::default()
    };
    let mut meter = ActivityMeter::default();
    meter.observe(&warm(20_000), &errors(5), false, secs(0));
    meter.observe(&warm(180_000), &errors(8), false, secs(10));
    let first = meter.take(secs(10));
    let range = TemperatureRange { name: "fuser".into(), lowest: 20_000, highest: 180_000 };
    assert_eq!((first.temperatures, first.buses[0].failed_transfers), (vec![range], 3));
    meter.observe(&warm(150_000), &errors(8), false, secs(20));
    let second = meter.take(secs(20));
    assert_eq!((second.temperatures[0].lowest, second.buses[0].failed_transfers), (150_000, 0));
}

proptest! {
    #[test]
    fn the_states_always_make_up_the_time_and_the_time_is_never_more_than_passed(
        steps in prop::collection::vec(
            (0_u64..100_000, 0_u64..200_000, 0_u64..500, any::<(bool, bool, bool, bool)>()), 1..80),
    ) {
        let mut meter = ActivityMeter::default();
        let (mut at, mut printing, mut count, mut told) = (Duration::ZERO, Duration::ZERO, 0, 0);
        for (gap, print, pages, (asleep, critical, exit, take)) in steps {
            at += Duration::from_millis(gap);
            printing += Duration::from_millis(print);
            count += pages;
            let mut readings = counted(count);
            readings.switches = vec![switch(SwitchMeaning::Sleep, asleep)];
            if exit {
                readings.switches.push(switch(SwitchMeaning::PageExit, false));
            }
            meter.observe(&readings, &exits(count, printing), critical, at);
            if take {
                let activity = meter.take(at);
                let (idle, print, sleep, error) = states(&activity);
                prop_assert_eq!(activity.seconds, idle + print + sleep + error);
                told += activity.seconds;
            }
        }
        prop_assert!(told <= at.as_secs());
    }
}
