//! How long supplies last, and set values in pages and days.

use platen_protocol::readings::{Estimate, Outlook};

use super::*;

const DAY: u64 = 86_400;

/// Prints 100 pages a day in ten samples, with a supply that lasts for 2,500 pages. Returns the readings of
/// the last sample and the events of all.
fn days(judge: &mut Judge, range: std::ops::Range<u64>, wall: bool) -> (Readings, Vec<Event>) {
    let mut events = Vec::new();
    let mut last = Readings::default();
    for ten in range.start * 10..range.end * 10 {
        let pages = ten * 10;
        let mut readings = percent(100 - u32::try_from(pages / 25).unwrap());
        readings.counters = vec![counter(CounterKind::Impressions, pages)];
        let seconds = ten * DAY / 10;
        let at = Duration::from_secs(seconds);
        let since = 1_700_006_400 + i64::try_from(seconds).unwrap();
        let wall = wall.then(|| Timestamp::from_second(since).unwrap());
        events.extend(judge.sample(&mut readings, Moment { at, wall }).unwrap());
        last = readings;
    }
    (last, events)
}

fn outlook(readings: &Readings) -> Outlook {
    readings.supplies[0].outlook.clone().unwrap()
}

fn near(estimate: Estimate, truth: u32) -> bool {
    estimate.at_least <= truth
        && truth <= estimate.at_most
        && estimate.at_least <= estimate.likely
        && estimate.likely <= estimate.at_most
        && estimate.likely.abs_diff(truth) <= truth / 5
}

#[test]
fn pages_and_days_that_are_left_are_learnt_with_their_band() {
    for wall in [true, false] {
        let mut judge = judge(1);
        let (readings, _) = days(&mut judge, 0..10, wall);
        let outlook = outlook(&readings);
        assert!(near(outlook.pages.unwrap(), 1_500), "{outlook:?}");
        assert!(near(outlook.days.unwrap(), 15), "{outlook:?}");
        assert!(
            judge.past().pages_per_day().unwrap().abs_diff(100) <= 10,
            "{:?}",
            judge.past().pages_per_day()
        );
    }
}

#[test]
fn nothing_is_foretold_before_there_is_evidence() {
    let mut judge = judge(1);
    let (readings, _) = days(&mut judge, 0..1, true);
    assert!(readings.supplies[0].outlook.as_ref().is_none_or(|outlook| outlook.days.is_none()));
    assert_eq!(judge.past().pages_per_day(), None);
}

#[test]
fn what_was_learnt_outlives_a_restart_and_ends_with_the_cartridge() {
    let mut before = judge(1);
    let (readings, _) = days(&mut before, 0..10, true);
    let mut after = restarted(&before);
    let mut same = readings.clone();
    after.sample(&mut same, moment(0)).unwrap();
    assert_eq!(outlook(&same), outlook(&readings));
    let mut other = readings.clone();
    other.supplies[0].serial = Some("2".into());
    after.sample(&mut other, moment(1_000)).unwrap();
    assert_eq!(other.supplies[0].outlook, None);
    assert!(after.past().pages_per_day().is_some(), "the printer's pages a day are not the cartridge's");
}

#[test]
fn a_printer_that_is_off_over_a_weekend_prints_less_a_day() {
    let mut judge = judge(1);
    days(&mut judge, 0..6, true);
    let busy = judge.past().pages_per_day().unwrap();
    let mut readings = percent(70);
    readings.counters = vec![counter(CounterKind::Impressions, 600)];
    let wall = Timestamp::from_second(1_700_006_400 + 9 * 86_400).ok();
    judge.sample(&mut readings, Moment { at: Duration::from_secs(9 * DAY), wall }).unwrap();
    assert!(judge.past().pages_per_day().unwrap() < busy * 9 / 10);
}

#[test]
fn a_set_value_in_pages_or_days_is_reached_before_that_in_percent() {
    for (set, said) in [
        (SetValues { pages: Some(1_000), ..SetValues::default() }, "pages"),
        (SetValues { days: Some(10), ..SetValues::default() }, "days"),
    ] {
        let mut set_by_manager = config(2);
        set_by_manager.set_values.insert("black".into(), set);
        let mut judge = judge(2);
        judge.configure(set_by_manager);
        let (readings, events) = days(&mut judge, 0..18, true);
        let [alert] = raised(&events)[..] else { panic!("{events:?}") };
        assert_eq!(alert.code, AlertCode::MarkerTonerAlmostEmpty);
        assert!(alert.description.contains(&format!(" {said}: at or below")), "{}", alert.description);
        let percent = alert.supply.as_ref().unwrap().percent().unwrap();
        assert!((30..=46).contains(&percent), "{percent} %");
        let mut new = readings.clone();
        new.supplies[0].serial = Some("2".into());
        new.supplies[0].level = Level::Known { amount: 100 };
        feed(&mut judge, &new, 2);
        assert_eq!(standing(&judge), []);
    }
}

#[test]
fn an_estimate_alone_never_makes_a_supply_low_whose_level_is_unknown() {
    let mut judge = judge(1);
    let mut set = config(1);
    set.set_values.insert("black".into(), SetValues { pages: Some(1_000_000), ..SetValues::default() });
    days(&mut judge, 0..10, true);
    judge.configure(set);
    for level_now in [Level::SomeRemains, Level::Unrestricted] {
        assert_eq!(codes(&feed(&mut judge, &level(level_now), 3)), []);
    }
}
