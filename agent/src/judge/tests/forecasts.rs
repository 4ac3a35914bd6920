//! What possibly will occur, with its evidence.

use super::*;

/// A printer that is sampled once a minute and prints some pages each time.
struct Printer {
    judge: Judge,
    readings: Readings,
    pages: u64,
    at: u64,
}

impl Printer {
    fn new(readings: Readings) -> Self {
        let counters = vec![counter(CounterKind::Impressions, 5_000)];
        let readings = Readings { counters, ..readings };
        let mut printer = Self { judge: judge(2), readings, pages: 5_000, at: 0 };
        printer.print(0);
        printer
    }

    /// Prints, and lets a sample be judged a minute later.
    fn print(&mut self, pages: u64) -> Vec<Event> {
        self.pages += pages;
        self.at += 60_000;
        self.readings.counters[0].value = Reading::Known { value: self.pages };
        sample(&mut self.judge, &self.readings, self.at)
    }

    /// Uses up the first supply by a percent each time that so many pages are printed.
    fn wear(&mut self, percent: u32, pages_each: u64) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..percent {
            let Level::Known { amount } = &mut self.readings.supplies[0].level else { panic!() };
            *amount -= 1;
            events.extend(self.print(pages_each));
        }
        events
    }

    fn jam(&mut self) {
        self.at += 1_000;
        for active in [true, false] {
            self.at += 1_000;
            self.judge.edge(&edge("path", SwitchMeaning::Jam, active, self.at)).unwrap();
        }
    }

    fn forecasts(&self) -> Vec<(&str, AlertCode)> {
        let forecast = |alert: &&Alert| alert.forecast;
        self.judge.alerts().standing().filter(forecast).map(|a| (a.subject.as_str(), a.code)).collect()
    }
}

fn only(events: &[Event]) -> &Alert {
    let [alert] = raised(events)[..] else { panic!("{events:?}") };
    assert!(alert.forecast, "{alert:?}");
    assert_eq!(
        (alert.severity, alert.training),
        (Severity::Warning, platen_protocol::alert::Training::FieldService)
    );
    assert!(!alert.evidence.is_empty(), "{alert:?}");
    alert
}

#[test]
fn steady_use_down_to_empty_foretells_nothing() {
    let mut printer = Printer::new(percent(100));
    let events = printer.wear(100, 25);
    assert!(raised(&events).iter().all(|alert| !alert.forecast), "{events:?}");
}

#[test]
fn toner_that_goes_far_faster_than_it_used_to_may_leak() {
    let mut printer = Printer::new(percent(100));
    printer.wear(20, 25);
    assert_eq!(printer.wear(2, 2), [], "a page that is all black is no leak");
    let events = printer.wear(1, 2);
    let alert = only(&events);
    assert_eq!((alert.code, alert.subject.as_str()), (AlertCode::SubunitRecoverableFailure, "black"));
    assert_eq!((alert.evidence[0].observed, alert.evidence[0].expected), (2, Some(25)));
    assert_eq!(cleared(&printer.wear(3, 25)), 1, "as many steps as usual end it");
}

#[test]
fn toner_that_goes_without_a_page_may_leak_also_when_nothing_was_learnt() {
    let mut printer = Printer::new(percent(100));
    printer.wear(4, 0);
    assert_eq!(printer.forecasts(), [("black", AlertCode::SubunitRecoverableFailure)]);
}

#[test]
fn a_level_that_is_set_once_is_no_leak() {
    let mut printer = Printer::new(percent(90));
    printer.readings.supplies[0].level = Level::Known { amount: 30 };
    printer.print(1);
    printer.readings.supplies[0].level = Level::Known { amount: 20 };
    printer.print(1);
    printer.print(1);
    assert_eq!(printer.forecasts(), []);
}

#[test]
fn a_level_falls_unsuspected_while_the_pages_cannot_be_counted() {
    let mut printer = Printer::new(percent(100));
    for amount in (50..90).rev() {
        printer.readings.supplies[0].level = Level::Known { amount };
        printer.readings.counters[0].value = lost(UnknownReason::NoAnswer);
        printer.at += 60_000;
        sample(&mut printer.judge, &printer.readings, printer.at);
    }
    printer.print(1_000);
    assert_eq!(printer.forecasts(), []);
}

#[test]
fn toner_that_hardly_goes_may_be_counterfeit() {
    let mut printer = Printer::new(percent(100));
    printer.wear(20, 25);
    for _ in 0..10 {
        assert_eq!(printer.print(100), []);
    }
    let events = printer.print(100);
    let alert = only(&events);
    assert_eq!(alert.code, AlertCode::SubunitRecoverableFailure);
    assert!(alert.description.contains("counterfeit"), "{}", alert.description);
    assert_eq!((alert.evidence[0].observed, alert.evidence[0].expected), (1_100, Some(25)));
    assert_eq!(cleared(&printer.wear(1, 25)), 1);
}

#[test]
fn a_new_cartridge_is_compared_with_the_use_of_the_one_before_it() {
    let mut printer = Printer::new(percent(100));
    printer.wear(20, 25);
    printer.readings.supplies[0].serial = Some("2".into());
    printer.readings.supplies[0].level = Level::Known { amount: 100 };
    printer.print(1);
    printer.print(1);
    assert_eq!(printer.print(999), []);
    let events = printer.print(2);
    assert_eq!(only(&events).evidence[0].expected, Some(25));
}

#[test]
fn color_toner_that_rests_while_black_is_printed_is_not_suspected() {
    let mut cyan = percent(50);
    cyan.supplies[0].colorant = Some("cyan".into());
    let mut printer = Printer::new(cyan);
    printer.readings.counters.push(counter(CounterKind::FullColor, 100));
    for _ in 0..300 {
        printer.print(200);
    }
    assert_eq!(printer.forecasts(), []);
}

#[test]
fn a_cartridge_that_holds_more_than_before_may_have_been_refilled() {
    let mut printer = Printer::new(percent(30));
    printer.readings.supplies[0].level = Level::Known { amount: 100 };
    assert_eq!(printer.print(1), []);
    let events = printer.print(1);
    let alert = only(&events);
    assert_eq!((alert.evidence[0].observed, alert.evidence[0].expected), (100, Some(30)));
    let day = u64::try_from(past::NOTE.as_millis()).unwrap();
    printer.at += day;
    assert_eq!(cleared(&printer.print(1)), 1, "it is told for a day");
}

#[test]
fn a_waste_box_that_was_emptied_and_a_hopper_without_a_serial_number_are_not_suspected() {
    for one in [waste(Level::Known { amount: 5 }), SupplyReading { serial: None, ..named("hopper", 5) }] {
        let mut printer = Printer::new(Readings { supplies: vec![one], ..Readings::default() });
        printer.readings.supplies[0].level = Level::Known { amount: 95 };
        for _ in 0..4 {
            printer.print(10);
        }
        assert_eq!(printer.forecasts(), []);
    }
}

fn path() -> Readings {
    Readings { switches: vec![switch("path", SwitchMeaning::Jam, false)], ..Readings::default() }
}

#[test]
fn jams_that_become_far_more_frequent_are_foretold_and_that_ends_when_they_do() {
    let mut printer = Printer::new(path());
    for _ in 0..20 {
        printer.print(1_000);
        printer.jam();
    }
    assert_eq!(printer.forecasts(), [], "one jam in a thousand pages is its past");
    for _ in 0..8 {
        printer.jam();
        printer.print(50);
    }
    assert_eq!(printer.forecasts(), [("path", AlertCode::SubunitNearLimit)]);
    let alert = printer.judge.alerts().standing().find(|alert| alert.forecast).unwrap();
    assert_eq!(alert.evidence[0].unit, "in the last 1000 pages");
    for _ in 0..30 {
        printer.print(50);
    }
    assert_eq!(printer.forecasts(), []);
}

#[test]
fn a_jam_whose_sensor_flickers_while_it_is_cleared_is_one_jam() {
    let mut printer = Printer::new(path());
    for _ in 0..9 {
        printer.jam();
    }
    printer.print(10);
    assert_eq!(printer.forecasts(), []);
}

fn engine(value: i32) -> Readings {
    Readings { temperatures: vec![fuser(value)], ..Readings::default() }
}

/// The heat of a fuser that is regulated: some degrees up and down, slowly.
fn regulated(minute: u32) -> i32 {
    180_000 + [0, 700, 1_500, 700, 0, -700, -1_500, -700][minute as usize % 8]
}

#[test]
fn a_fuser_that_works_ever_hotter_drifts() {
    let mut printer = Printer::new(engine(180_000));
    for minute in 0..400 {
        printer.readings.temperatures[0].millidegrees_celsius = Reading::Known { value: regulated(minute) };
        printer.print(5);
    }
    assert_eq!(printer.forecasts(), [], "up and down is no drift");
    for minute in 0..400_u32 {
        let drift = i32::try_from(minute).unwrap() * 40;
        printer.readings.temperatures[0].millidegrees_celsius =
            Reading::Known { value: regulated(minute) + drift };
        printer.print(5);
    }
    assert_eq!(printer.forecasts(), [("fuser", AlertCode::SubunitNearLimit)]);
    let alert = printer.judge.alerts().standing().next().unwrap();
    let evidence = &alert.evidence[0];
    assert!(
        evidence.observed >= 185_500 && evidence.expected.unwrap().abs_diff(180_000) < 500,
        "{evidence:?}"
    );
}

#[test]
fn a_sensor_that_begins_to_scatter_is_foretold_and_a_jump_is_not() {
    let mut printer = Printer::new(Readings {
        temperatures: vec![sensor("ambient", Some(TemperatureRole::Ambient), 22_000)],
        ..Readings::default()
    });
    let say = |printer: &mut Printer, value| {
        printer.readings.temperatures[0].millidegrees_celsius = Reading::Known { value };
        printer.print(0);
    };
    for minute in 0..300 {
        say(&mut printer, 22_000 + (minute % 2) * 500);
    }
    for value in [35_000, 22_000, 35_000, 35_000, 35_500] {
        say(&mut printer, value);
    }
    assert_eq!(printer.forecasts(), [], "a few jumps are no scatter");
    for minute in 0..40 {
        say(&mut printer, 30_000 + (minute % 3) * 4_000);
    }
    assert_eq!(printer.forecasts(), [("ambient", AlertCode::SubunitNearLimit)]);
    for minute in 0..100 {
        say(&mut printer, 22_000 + (minute % 2) * 500);
    }
    assert_eq!(printer.forecasts(), []);
}

#[test]
fn a_counter_that_falls_begins_an_epoch_and_is_told_once_for_all_counters() {
    let with = |pages, sheets| Readings {
        counters: vec![counter(CounterKind::Impressions, pages), counter(CounterKind::Sheets, sheets)],
        ..Readings::default()
    };
    let mut judge = judge(2);
    sample(&mut judge, &with(800, 500), 0);
    let mut fallen = with(20, 10);
    let events = judge.sample(&mut fallen, moment(1_000)).unwrap();
    let alert = only(&events);
    assert_eq!((alert.subject.as_str(), alert.code), (ENGINE, AlertCode::ConfigurationChange));
    let numbers: Vec<_> = alert.evidence.iter().map(|e| (e.observed, e.expected)).collect();
    assert_eq!(numbers, [(20, Some(800)), (10, Some(500))]);
    assert_eq!(fallen.counters.iter().map(|c| c.epoch).collect::<Vec<_>>(), [1, 1]);
    let mut on = with(21, 10);
    let mut judge = restarted(&judge);
    assert_eq!(judge.sample(&mut on, moment(2_000)).unwrap(), [], "it is known after a restart");
    assert_eq!(on.counters[0].epoch, 1);
    let again = sample(&mut judge, &with(5, 10), 3_000);
    assert_eq!((cleared(&again), raised(&again).len()), (1, 1), "another fall is another event");
}

#[test]
fn pages_at_the_exit_begin_an_epoch_with_each_start_and_nobody_is_told() {
    let with =
        |pages| Readings { counters: vec![counter(CounterKind::PageExits, pages)], ..Readings::default() };
    let mut judge = judge(1);
    sample(&mut judge, &with(50), 0);
    let mut judge = restarted(&judge);
    let mut again = with(70);
    assert_eq!(judge.sample(&mut again, moment(0)).unwrap(), []);
    assert_eq!(again.counters[0].epoch, 1);
}

#[test]
fn steps_that_are_slow_and_not_yet_odd_do_not_become_usual() {
    let mut printer = Printer::new(percent(100));
    printer.wear(20, 100);
    // Nine times as long as usual is not told, and teaches little.
    printer.wear(6, 900);
    assert_eq!(printer.forecasts(), []);
    printer.readings.supplies[0].serial = Some("another".into());
    printer.readings.supplies[0].level = Level::Known { amount: 100 };
    printer.print(0);
    printer.print(0);
    printer.wear(10, 100);
    assert_eq!(printer.forecasts(), [], "the next cartridge does not seem to leak");
}

#[test]
fn what_was_learnt_by_colour_pages_outlasts_a_memory_that_cannot_be_read() {
    let mut printer = Printer::new(percent(100));
    let colour = |printer: &mut Printer| {
        let pages = Reading::Known { value: printer.pages };
        let counted = CounterReading { value: pages, ..counter(CounterKind::FullColor, 0) };
        printer.readings.counters.truncate(1);
        printer.readings.counters.push(counted);
    };
    printer.readings.supplies[0].colorant = Some("cyan".into());
    for _ in 0..20 {
        colour(&mut printer);
        printer.wear(1, 25);
    }
    let good = printer.readings.supplies[0].clone();
    // As the board tells it: without a level nothing else of the cartridge is known either.
    printer.readings.supplies[0].colorant = None;
    printer.readings.supplies[0].level = unknown(UnknownReason::Damaged);
    printer.print(0);
    printer.print(0);
    printer.readings.supplies[0] = good;
    printer.print(0);
    for _ in 0..8 {
        colour(&mut printer);
        printer.wear(1, 2);
    }
    assert_eq!(
        printer.forecasts(),
        [("black", AlertCode::SubunitRecoverableFailure)],
        "a leak is seen at once"
    );
}
