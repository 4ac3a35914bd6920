//! Sleep is no fault: what has no power then keeps its last reading, and is an event only if it stays dead.

use platen_hal::config::NoPowerInSleep;
use platen_protocol::device_to_manager::ReplacementKind;
use platen_protocol::readings::{HeldKind, HeldReading};

use super::*;

const COLOURS: [&str; 4] = ["black", "cyan", "magenta", "yellow"];

/// A printer whose chips have no power while it sleeps, sampled every 15 s.
struct Printer {
    judge: Judge,
    at: u64,
    asleep: Reading<bool>,
    serial: &'static str,
    /// What does not answer.
    dead: Vec<&'static str>,
    exits: u64,
    last: Readings,
}

impl Printer {
    fn new() -> Self {
        let things = COLOURS.into_iter().chain(["drum", "fuser", ENGINE]).map(str::to_owned).collect();
        let no_power = NoPowerInSleep { things, buses: ["main".to_owned()].into() };
        let judge = Judge::new(JudgeConfig { no_power, ..config(2) }, Alerts::new("e"), Past::default());
        let asleep = Reading::Known { value: false };
        let (at, exits, dead) = (BEGIN, 0, Vec::new());
        let mut printer = Self { judge, at, asleep, serial: "1", dead, exits, last: Readings::default() };
        printer.samples(3);
        printer
    }

    fn readings(&self) -> Readings {
        let gone = |name: &str| self.dead.contains(&name) || self.dead.contains(&"main");
        let reason =
            if self.dead.contains(&"main") { UnknownReason::BusFailing } else { UnknownReason::NoAnswer };
        let cartridge = |name: &&str| {
            let cause = UnknownCause { reason, detail: format!("{name} does not answer") };
            let level = if gone(name) { Level::Unknown { cause } } else { Level::Known { amount: 50 } };
            let serial = Some(self.serial.to_owned()).filter(|_| !gone(name));
            SupplyReading { name: (*name).to_owned(), serial, ..supply(level) }
        };
        let mut readings = Readings {
            supplies: COLOURS.iter().map(cartridge).collect(),
            parts: vec![drum(60_000)],
            temperatures: vec![fuser(180_000)],
            switches: vec![SwitchReading {
                active: self.asleep.clone(),
                ..switch("sleep", SwitchMeaning::Sleep, false)
            }],
            counters: vec![
                counter(CounterKind::Impressions, 5_000),
                counter(CounterKind::PageExits, self.exits),
            ],
            billing: vec![],
            buses: vec![BusReading { name: "main".into(), failing: gone("main").then(|| cause(reason)) }],
            held: Vec::new(),
        };
        if gone("drum") {
            readings.parts[0].used = lost(reason);
        }
        if gone("fuser") {
            readings.temperatures[0].millidegrees_celsius = lost(reason);
        }
        if gone(ENGINE) {
            readings.counters[0].value = lost(reason);
        }
        readings
    }

    /// One sample after so many seconds.
    fn after(&mut self, seconds: u64) -> Vec<Event> {
        self.at += seconds * 1_000;
        self.last = self.readings();
        let events = self.judge.sample(&mut self.last, moment(self.at)).unwrap();
        events.into_iter().filter(|event| *event != Event::Changed).collect()
    }

    fn samples(&mut self, times: u64) -> Vec<Event> {
        (0..times).flat_map(|_| self.after(15)).collect()
    }

    fn sleep(&mut self, asleep: bool) {
        self.asleep = Reading::Known { value: asleep };
    }

    fn held(&self, kind: HeldKind, name: &str) -> Option<&HeldReading> {
        self.last.held_of(kind, name)
    }
}

#[test]
fn four_cartridges_without_power_in_sleep_are_no_event_and_none_was_reseated_on_waking() {
    let mut printer = Printer::new();
    printer.sleep(true);
    printer.dead = COLOURS.to_vec();
    assert_eq!(printer.samples(20), []);
    let black = &printer.last.supplies[0];
    assert_eq!((black.percent(), black.serial.as_deref()), (Some(50), Some("1")), "the last reading stays");
    assert_eq!(printer.held(HeldKind::Supply, "black").unwrap().age_seconds, Some(300));
    printer.sleep(false);
    assert_eq!(printer.samples(2), [], "they have no power yet");
    printer.dead.clear();
    assert_eq!(printer.samples(10), []);
    assert_eq!(printer.last.held, []);
}

#[test]
fn a_bus_and_all_that_is_on_it_are_no_event_in_sleep_either() {
    let mut printer = Printer::new();
    printer.sleep(true);
    printer.dead = vec!["main"];
    assert_eq!(printer.samples(20), []);
    assert_eq!(printer.last.buses[0].failing, None);
    assert_eq!(printer.last.parts[0].used.known(), Some(&60_000));
    assert_eq!(printer.last.counters[0].value.known(), Some(&5_000));
    for (kind, name) in [(HeldKind::Bus, "main"), (HeldKind::Part, "drum"), (HeldKind::Counters, ENGINE)] {
        assert!(printer.held(kind, name).is_some(), "{kind:?} {name}");
    }
    printer.sleep(false);
    printer.dead.clear();
    assert_eq!(printer.samples(10), []);
}

#[test]
fn what_is_still_dead_some_time_after_waking_is_exactly_one_event_through_any_number_of_nights() {
    let mut printer = Printer::new();
    printer.sleep(true);
    printer.dead = vec!["cyan", "fuser"];
    assert_eq!(printer.samples(20), []);
    printer.sleep(false);
    assert_eq!(printer.samples(4), [], "it may still be waking up");
    let told = [("cyan", AlertCode::MarkerTonerCartridgeMissing), ("fuser", AlertCode::SubunitMissing)];
    let told: Vec<_> = told.iter().map(|(name, code)| ((*name).to_owned(), *code)).collect();
    assert_eq!(raised(&printer.samples(2)).len(), 2);
    assert_eq!(standing(&printer.judge), told);
    for asleep in [true, false, true, false] {
        printer.sleep(asleep);
        assert_eq!(printer.samples(20), [], "it is told already");
    }
    assert_eq!(standing(&printer.judge), told);
    printer.dead.clear();
    assert_eq!(cleared(&printer.samples(4)), 2);
}

#[test]
fn a_bus_that_is_still_dead_after_waking_is_one_event_and_its_chips_are_none() {
    let mut printer = Printer::new();
    printer.sleep(true);
    printer.dead = vec!["main"];
    printer.samples(20);
    printer.sleep(false);
    let events = printer.samples(20);
    assert_eq!(codes(&events), [AlertCode::SubunitRecoverableFailure]);
    assert_eq!(standing(&printer.judge), [("main".to_owned(), AlertCode::SubunitRecoverableFailure)]);
}

#[test]
fn what_was_told_before_the_printer_slept_stands_through_its_sleep_and_is_reseated_when_it_is_put_back() {
    let mut printer = Printer::new();
    printer.dead = vec!["black"];
    assert_eq!(raised(&printer.samples(4)).len(), 1);
    printer.sleep(true);
    printer.dead = COLOURS.to_vec();
    assert_eq!(printer.samples(20), []);
    assert_eq!(printer.last.supplies[0].percent(), None, "it was not there when the printer fell asleep");
    assert_eq!(printer.held(HeldKind::Supply, "black").unwrap().age_seconds, None);
    assert_eq!(printer.last.supplies[1].percent(), Some(50));
    printer.sleep(false);
    printer.dead.clear();
    let events = printer.samples(4);
    let changes: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Replacement(one) => Some((one.subject.as_str(), one.change)),
            _ => None,
        })
        .collect();
    assert_eq!((cleared(&events), changes), (1, vec![("black", ReplacementKind::Reseated)]));
}

#[test]
fn a_cartridge_that_was_replaced_while_the_printer_slept_is_known_by_its_serial_number() {
    let mut printer = Printer::new();
    printer.sleep(true);
    printer.dead = COLOURS.to_vec();
    printer.samples(20);
    printer.serial = "2";
    assert_eq!(printer.samples(4), []);
    printer.sleep(false);
    printer.dead = COLOURS[1..].to_vec();
    let events = printer.samples(3);
    let [Event::Replacement(one)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((one.change, one.subject.as_str()), (ReplacementKind::Replaced, "black"));
}

#[test]
fn power_that_goes_a_moment_before_the_line_says_so_changes_nothing() {
    let mut printer = Printer::new();
    printer.dead = COLOURS.to_vec();
    assert_eq!(printer.samples(1), []);
    printer.sleep(true);
    assert_eq!(printer.samples(20), []);
    assert_eq!(printer.last.supplies[0].percent(), Some(50));
    assert_eq!(printer.held(HeldKind::Supply, "black").unwrap().age_seconds, Some(315));
}

#[test]
fn a_line_for_sleep_that_is_stuck_or_lost_hides_nothing_for_ever() {
    let mut stuck = Printer::new();
    stuck.sleep(true);
    stuck.dead = vec!["black"];
    assert_eq!(stuck.samples(4), []);
    stuck.exits = 1;
    assert_eq!(
        codes(&stuck.samples(10)),
        [AlertCode::MarkerTonerCartridgeMissing],
        "no engine prints in its sleep"
    );

    let mut gone = Printer::new();
    gone.sleep(true);
    gone.dead = vec!["main"];
    gone.samples(4);
    gone.asleep = lost(UnknownReason::NoAnswer);
    let lines = gone.samples(4);
    assert_eq!(standing(&gone.judge), [(LINES.to_owned(), AlertCode::SubunitMissing)], "{lines:?}");
    gone.after(13 * 3600);
    let events = gone.samples(10);
    assert_eq!(raised(&events).len(), 1, "{events:?}");
    assert_eq!(raised(&events)[0].subject, "main");
}

#[test]
fn a_restart_in_sleep_or_just_after_it_brings_no_event() {
    let mut printer = Printer::new();
    printer.sleep(true);
    printer.dead = COLOURS.to_vec();
    printer.samples(4);
    printer.judge = restarted(&printer.judge);
    assert_eq!(printer.samples(4), []);
    assert_eq!(printer.last.supplies[0].percent(), None, "nothing was read since the start");
    assert_eq!(printer.held(HeldKind::Supply, "black").unwrap().age_seconds, None);
    printer.sleep(false);
    printer.after(15);
    printer.judge = restarted(&printer.judge);
    assert_eq!(printer.samples(2), []);
    printer.dead.clear();
    assert_eq!(printer.samples(10), []);
}

#[test]
fn a_board_that_loses_no_power_in_sleep_tells_of_everything_in_sleep_as_well() {
    let mut printer = Printer::new();
    printer.judge = Judge::new(config(2), Alerts::new("e"), Past::default());
    printer.samples(2);
    printer.sleep(true);
    printer.dead = COLOURS.to_vec();
    assert_eq!(raised(&printer.samples(4)).len(), 4);
    assert_eq!(printer.last.held, []);
}

#[test]
fn that_something_stands_since_sleep_is_told_once_and_that_it_was_read_again_is_told_once() {
    let mut printer = Printer::new();
    let told = printer.last.clone();
    printer.judge.told(&told);
    printer.sleep(true);
    let changes = |printer: &mut Printer, times: u64| {
        (0..times)
            .filter(|_| {
                printer.at += 15_000;
                printer.last = printer.readings();
                let events = printer.judge.sample(&mut printer.last, moment(printer.at)).unwrap();
                events.contains(&Event::Changed)
            })
            .count()
    };
    assert_eq!(changes(&mut printer, 4), 1, "it sleeps");
    printer.dead = COLOURS.to_vec();
    assert_eq!(changes(&mut printer, 40), 1, "its cartridges have no power");
    printer.dead.clear();
    assert_eq!(changes(&mut printer, 4), 1, "they have");
}

proptest::proptest! {
    /// Whatever happens: no alert about what has no power is raised while the printer says that it sleeps, and what
    /// is dead and awake for long enough is told, once.
    #[test]
    fn nothing_is_raised_in_sleep_and_nothing_dead_stays_untold(
        steps in proptest::collection::vec((proptest::bool::ANY, proptest::sample::select(vec![
            vec![], vec!["black"], vec!["main"], COLOURS.to_vec(), vec!["fuser", ENGINE],
        ]), 1_u64..12), 1..30),
        end in proptest::sample::select(vec!["black", "main", "fuser"]),
    ) {
        let mut printer = Printer::new();
        for (asleep, dead, samples) in steps {
            printer.sleep(asleep);
            printer.dead = dead;
            let events = printer.samples(samples);
            proptest::prop_assert!(!asleep || raised(&events).is_empty(), "{:?}", events);
        }
        printer.sleep(false);
        printer.dead = vec![end];
        // Longer than it may take to settle, and than an alert is held that came and went too often.
        printer.samples(90);
        let about = |name: &str| standing(&printer.judge).iter().filter(|(subject, _)| subject == name).count();
        proptest::prop_assert_eq!(about(end), 1, "{:?}", standing(&printer.judge));
        printer.dead.clear();
        printer.samples(90);
        proptest::prop_assert_eq!(standing(&printer.judge), vec![]);
    }
}
