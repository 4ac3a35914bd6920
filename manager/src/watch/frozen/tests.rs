use super::*;
use crate::sample;
use jiff::SignedDuration;
use platen_protocol::readings::{Estimate, Outlook};
use platen_protocol::unknown::{UnknownCause, UnknownReason};
use proptest::prelude::*;

/// A quarter of an hour, as long as a device waits between two readings.
const STEP: i64 = 900;

fn at(step: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_secs(step * STEP)
}

/// A printer whose every sensor moves, after so many pages.
fn working(pages: u64) -> Readings {
    let mut readings = sample::full_readings(80);
    let gone = u32::try_from(pages / 100).unwrap();
    readings.supplies[0].level = Level::Known { amount: 800_u32.saturating_sub(gone).max(1) };
    readings.parts[0].used = Reading::Known { value: 10_000 + u32::try_from(pages).unwrap() };
    let swing = i32::try_from(pages % 7).unwrap();
    readings.temperatures[0].millidegrees_celsius = Reading::Known { value: 185_000 + swing * 250 };
    readings.counters = vec![
        sample::counter(CounterKind::Impressions, 100_000 + pages),
        sample::counter(CounterKind::PageExits, pages),
    ];
    readings
}

/// What is frozen after these readings, a quarter of an hour each.
fn after(readings: impl IntoIterator<Item = Readings>) -> Vec<Frozen> {
    let mut trail = SensorHistory::default();
    let mut last = at(0);
    for (step, readings) in (0..).zip(readings) {
        last = at(step);
        trail.follow(&readings, None, last);
    }
    trail.frozen(last)
}

/// Readings after each of so many stretches with so many pages, with something done to them.
fn printing(stretches: u64, pages: u64, change: impl Fn(&mut Readings)) -> Vec<Readings> {
    let one = |stretch| {
        let mut readings = working(stretch * pages);
        change(&mut readings);
        readings
    };
    (0..=stretches).map(one).collect()
}

fn names(frozen: &[Frozen]) -> Vec<(&str, u64)> {
    frozen.iter().map(|one| (one.name.as_str(), one.pages)).collect()
}

fn unknown() -> UnknownCause {
    UnknownCause { reason: UnknownReason::NoAnswer, detail: "no answer".into() }
}

#[test]
fn of_a_printer_whose_sensors_move_nothing_is_frozen_however_much_it_prints() {
    assert_eq!(after(printing(400, 97, |_| ())), []);
}

#[test]
fn a_printer_that_does_not_print_has_no_frozen_sensor_however_long_it_stands() {
    assert_eq!(after((0..3_000).map(|_| working(500))), []);
}

#[test]
fn a_life_that_stands_still_is_found_after_a_fiftieth_of_it() {
    let stuck = |readings: &mut Readings| readings.parts[0].used = Reading::Known { value: 90_000 };
    assert_eq!(after(printing(19, 99, stuck)), [], "100,000 impressions are its rated life");
    assert_eq!(names(&after(printing(21, 99, stuck))), [("fuser", 2_079)]);
}

#[test]
fn a_level_that_stands_still_is_judged_by_what_a_step_of_it_lasts() {
    let with = |likely: Option<u32>| {
        move |readings: &mut Readings| {
            let supply = &mut readings.supplies[0];
            supply.level = Level::Known { amount: 500 };
            supply.outlook = likely.map(|likely| Outlook {
                pages: Some(Estimate { likely, at_least: likely / 2, at_most: likely * 2 }),
                days: None,
            });
        }
    };
    // 50 steps are left for at most 20,000 pages: 400 a step, and twenty of them.
    assert_eq!(after(printing(80, 99, with(Some(10_000)))), []);
    assert_eq!(names(&after(printing(81, 99, with(Some(10_000))))), [("black", 8_019)]);
    assert_eq!(after(printing(303, 99, with(None))), []);
    assert_eq!(names(&after(printing(304, 99, with(None)))), [("black", 30_096)]);
}

#[test]
fn an_empty_cartridge_and_one_that_cannot_be_read_are_not_frozen() {
    let levels = [
        Level::Known { amount: 0 },
        Level::SomeRemains,
        Level::Unrestricted,
        Level::Unknown { cause: unknown() },
    ];
    for level in levels {
        let frozen = after(printing(400, 99, |readings| readings.supplies[0].level = level.clone()));
        assert_eq!(frozen, [], "{level:?}");
    }
}

#[test]
fn what_an_alert_says_of_a_level_is_heard_as_well() {
    let mut trail = SensorHistory::default();
    for (step, mut readings) in (0..).zip(printing(400, 99, |_| ())) {
        readings.supplies[0].level = Level::Known { amount: 500 };
        trail.follow(&readings, None, at(step));
    }
    let supply = |amount| SupplyReading { level: Level::Known { amount }, ..sample::supply(0) };
    trail.hear(Some(&supply(500)), None);
    assert_eq!(trail.frozen(at(400)).len(), 1, "the same again");
    trail.hear(Some(&supply(499)), None);
    assert_eq!(trail.frozen(at(400)), []);
}

#[test]
fn another_cartridge_with_the_same_level_has_moved() {
    let frozen = after((0..=400).map(|step| {
        let mut readings = working(step * 99);
        readings.supplies[0].level = Level::Known { amount: 900 };
        readings.supplies[0].serial = Some(format!("K-{}", step / 200));
        readings
    }));
    assert_eq!(frozen, []);
}

#[test]
fn colour_toner_is_measured_by_pages_in_colour() {
    let frozen = after((0..=400).map(|step| {
        let mut readings = working(step * 99);
        readings.supplies[0].level = Level::Known { amount: 900 };
        readings.supplies[0].colorant = Some("cyan".into());
        readings.counters.push(sample::counter(CounterKind::FullColor, 5_000 + step));
        readings
    }));
    assert_eq!(frozen, [], "400 pages in colour among 40,000");
}

#[test]
fn a_fuser_that_is_always_equally_hot_is_found_and_its_range_clears_it() {
    let hot = |readings: &mut Readings| {
        readings.temperatures[0].millidegrees_celsius = Reading::Known { value: 185_000 };
    };
    assert_eq!(after(printing(3, 100, hot)), [], "not for an hour yet");
    assert_eq!(names(&after(printing(4, 100, hot))), [("fuser", 400)]);
    let mut trail = SensorHistory::default();
    for (step, readings) in (0..).zip(printing(50, 100, hot)) {
        let activity = Activity { temperatures: sample::activity().temperatures, ..Activity::default() };
        trail.follow(&readings, Some(&activity), at(step));
    }
    assert_eq!(trail.frozen(at(50)), [], "between the readings it went from 180 to 190 degrees");
}

#[test]
fn a_cool_room_is_not_a_frozen_sensor_for_a_day() {
    let room = |readings: &mut Readings| {
        readings.temperatures[0].role = Some(TemperatureRole::Ambient);
        readings.temperatures[0].millidegrees_celsius = Reading::Known { value: 21_500 };
    };
    assert_eq!(after(printing(95, 99, room)), []);
    assert_eq!(names(&after(printing(96, 99, room))), [("fuser", 9_504)]);
}

#[test]
fn the_engines_counter_and_the_sensor_at_the_exit_watch_each_other() {
    let stuck = |kind| {
        move |readings: &mut Readings| {
            for counter in &mut readings.counters {
                if counter.kind == kind {
                    counter.value = Reading::Known { value: 7 };
                }
            }
        }
    };
    let frozen = after(printing(5, 50, stuck(CounterKind::Impressions)));
    assert_eq!(names(&frozen), [("impressions", 250)]);
    let frozen = after(printing(5, 50, stuck(CounterKind::PageExits)));
    assert_eq!(names(&frozen), [("page-exits", 250)]);
    let lost = |readings: &mut Readings| readings.counters[1].value = Reading::Unknown { cause: unknown() };
    assert_eq!(after(printing(50, 50, lost)), []);
}

#[test]
fn counters_that_are_set_back_or_jump_do_not_accuse_the_sensors() {
    let mut readings = vec![working(0), working(10)];
    for step in 0..10 {
        let mut back = working(10);
        back.counters[0].value = Reading::Known { value: 1_000_000 * (step % 2) };
        back.counters[0].epoch = u32::try_from(step).unwrap();
        readings.push(back);
    }
    assert_eq!(after(readings), []);
    let mut jumped = working(1_000_000);
    jumped.parts = working(0).parts;
    assert_eq!(after([working(0), jumped]), [], "one jump says nothing");
}

/// What each reading of one part says, and how many pages went before it.
fn steps() -> impl Strategy<Value = Vec<(Option<u32>, u64)>> {
    prop::collection::vec((prop::option::weighted(0.9, 0_u32..2), 0_u64..1_500), 1..80)
}

proptest! {
    #[test]
    fn a_part_is_frozen_exactly_when_it_said_the_same_for_long_enough(steps in steps()) {
        let (mut trail, mut pages) = (SensorHistory::default(), 0);
        // Since which page it says the same, and in how many readings.
        let mut same: Option<(u32, u64, u32)> = None;
        for (step, (said, more)) in (0..).zip(steps) {
            pages += more;
            let mut readings = working(pages);
            readings.parts[0].used = match said {
                Some(value) => Reading::Known { value },
                None => Reading::Unknown { cause: unknown() },
            };
            trail.follow(&readings, None, at(step));
            same = match (said, same) {
                (None, _) => None,
                (Some(value), Some((before, since, count))) if before == value => Some((value, since, count + 1)),
                (Some(value), _) => Some((value, pages, 1)),
            };
            let expected = same.is_some_and(|(_, since, count)| pages - since >= 2_000 && count >= MIN_READINGS);
            let found = trail.frozen(at(step)).iter().any(|one| one.sensor == SensorKind::Part);
            prop_assert_eq!(found, expected);
            let text = serde_json::to_string(&trail).unwrap();
            prop_assert_eq!(&serde_json::from_str::<SensorHistory>(&text).unwrap(), &trail);
        }
    }
}
